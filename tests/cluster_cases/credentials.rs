//! Callers without credentials, with those of yesterday or of another partition, and in the wrong region.

use std::process::Command;

use hybridge_lab::isolate::isolated;
use hybridge_lab::real::EMULATED_REGION;
use serde_json::json;

use crate::emulated::{Gateway, NAME, Provider, Said, Site, Wanted};

/// A region that AWS has, and in which nothing is.
const ELSEWHERE: &str = "eu-central-1";

/// Every command that asks AWS, with a file or with a name.
fn commands(site: &Site, wanted: &Wanted) -> Vec<Vec<String>> {
    let file = site.file(wanted).to_str().unwrap().to_owned();
    let handover = site.path("handover").to_str().unwrap().to_owned();
    let mut commands: Vec<Vec<&str>> =
        ["plan", "create", "update", "doctor", "drift", "delete", "get"].map(|command| vec![command, "-f", &file]).into();
    commands.push(vec!["handover", "-f", &file, "--dir", &handover]);
    commands.extend(["delete", "get"].map(|command| vec![command, "--name", NAME, "--region", EMULATED_REGION]));
    commands.into_iter().map(|command| command.into_iter().map(str::to_owned).collect()).collect()
}

/// Runs each of the commands, changed in this way; all at once, as none of them changes anything.
fn each(site: &Site, commands: &[Vec<String>], change: impl Fn(&mut Command) + Sync) -> Vec<Said> {
    std::thread::scope(|scope| {
        let run = |arguments: &Vec<String>| {
            let mut command = site.command(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
            change(&mut command);
            scope.spawn(move || Said::from(command.output().unwrap()))
        };
        let running: Vec<_> = commands.iter().map(run).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn without_any(command: &mut Command) {
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
}

fn nobody_gave_any(site: &Site, commands: &[Vec<String>]) {
    for said in each(site, commands, without_any) {
        let said = said.ended(1).told("error[aws.no-credentials]");
        assert_eq!(said.out, "");
        // What was tried, each with what came of it, and what could be given, in the order in which it is looked for.
        let tried = ["Environment", "Profile", "WebIdentityToken", "EcsContainer", "Ec2InstanceMetadata"];
        let could = ["AWS_ACCESS_KEY_ID", "AWS_PROFILE", "web identity", "container", "the instance's role", "export-credentials"];
        for words in [&tried[..], &could[..]] {
            let places: Vec<_> = words.iter().map(|word| said.err.find(word).unwrap_or_else(|| panic!("{word}: {}", said.err))).collect();
            assert!(places.is_sorted(), "{words:?}: {}", said.err);
        }
    }
    let named: Vec<_> = commands.iter().map(|command| [command.as_slice(), &["--profile".into(), "night".into()]].concat()).collect();
    for said in each(site, &named, |_| {}) {
        // Keys of the environment are not what a named profile means.
        said.ended(1).told("error[aws.no-credentials]: profile night").told("~/.aws/config");
    }
}

fn aws_does_not_know_them(site: &Site, commands: &[Vec<String>]) {
    site.emulator.order(&json!({"kind": "expired", "count": 999})).unwrap();
    for said in each(site, commands, |_| {}) {
        said.ended(1).told("error[aws.bad-credentials]").told("is expired").told("renew the credentials");
    }
    site.emulator.clear_faults().unwrap();
    // What STS of one partition says of keys of another.
    let message = "The security token included in the request is invalid.";
    let order = json!({"kind": "error", "code": "InvalidClientTokenId", "status": 403, "message": message, "count": 999});
    site.emulator.order(&order).unwrap();
    for said in each(site, commands, |_| {}) {
        let said = said.ended(1).told("error[aws.bad-credentials]").told("GovCloud");
        assert!(!said.err.contains("wJalrXUtnFEMI"), "the secret key is told");
    }
    site.emulator.clear_faults().unwrap();
}

/// They end while the stack is being made: what was begun goes on, and so does the next run.
fn they_end_on_the_way(site: &Site, wanted: &Wanted) {
    site.emulator.order(&json!({"kind": "hold", "action": "ExecuteChangeSet", "when": "after"})).unwrap();
    let file = site.file(wanted);
    let create = site.command(&["create", "-f", file.to_str().unwrap()]).spawn().unwrap();
    site.wait("the stack is begun", || site.emulator.held().unwrap() > 0);
    // The held call is cut, and everything from then on is refused.
    site.emulator.clear_faults().unwrap();
    site.emulator.order(&json!({"kind": "expired", "count": 9999})).unwrap();
    let said = Said::from(create.wait_with_output().unwrap());
    said.ended(3).told("error[aws.bad-credentials]").told("done in part; run the same command again");
    site.emulator.clear_faults().unwrap();
    site.with_file("create", wanted, &[]).ended(0);
    site.is_as(wanted);
}

/// The cluster is in another region than the one that is asked.
fn it_is_not_there(site: &Site, wanted: &Wanted) {
    let mut config = site.config(wanted);
    config["metadata"]["region"] = json!(ELSEWHERE);
    config["availabilityZones"] = json!([format!("{ELSEWHERE}a"), format!("{ELSEWHERE}b")]);
    for (command, code) in
        [("update", "cluster.missing"), ("get", "cluster.missing"), ("doctor", "cluster.status"), ("drift", "drift.networks")]
    {
        site.with_config(command, &config, &[]).ended(1).told(code).told(ELSEWHERE);
    }
    // Its gateway is not there either: nothing is made for it.
    site.with_config("create", &config, &[]).ended(1).told("error[gateway.exists]").told(ELSEWHERE);
    site.run(&["get", "--name", NAME, "--region", ELSEWHERE]).ended(1).told("cluster.missing").told("another region");
    let said = site.run(&["delete", "--name", NAME, "--region", ELSEWHERE]).ended(0);
    assert!(said.out.contains(ELSEWHERE) && said.out.contains("there is no such cluster"), "{}", said.out);
}

/// No region is like that, or none that anybody has heard of.
fn there_is_no_such_region(site: &Site) {
    site.run(&["get", "--region", "US West"]).ended(1).told("error[aws.configuration]").told("`US West` is no AWS region");
    let by_name = |region: &str| ["get", "--name", NAME, "--region", region].map(str::to_owned).to_vec();
    // By AWS's own names, of which none leads anywhere from here.
    let said = each(site, &[by_name("us-west-9"), by_name(EMULATED_REGION)], |command| {
        command.env_remove("AWS_ENDPOINT_URL");
    });
    let [unknown, known]: [Said; 2] = said.try_into().unwrap();
    unknown.ended(1).told("error[aws.unreachable]").told("this release does not know `us-west-9`");
    assert!(!known.ended(1).told("error[aws.unreachable]").err.contains("does not know"));
}

/// A partition without hybrid nodes is told by the file alone.
fn the_partition_has_none(site: &Site, wanted: &Wanted) {
    site.emulator.clear_log().unwrap();
    for region in ["cn-north-1", "us-iso-east-1"] {
        let mut config = site.config(wanted);
        config["metadata"]["region"] = json!(region);
        config["availabilityZones"] = json!([format!("{region}a"), format!("{region}b")]);
        for command in ["create", "update", "delete"] {
            site.with_config(command, &config, &[]).ended(1).told("error[region.partition]").told("take a region of partition aws");
        }
        // So is a role of the partition that the region is not in.
        let mut config = site.config(wanted);
        config["remoteNetworkConfig"]["iam"]["roleARN"] = json!("arn:aws-cn:iam::123456789012:role/nodes");
        site.with_config("create", &config, &[]).ended(1).told("error[arn.partition]").told("arn:aws");
    }
    let log = site.emulator.log().unwrap();
    assert!(log.iter().all(|call| call["action"] != "CreateChangeSet" && call["service"] != "eks"), "{log:?}");
}

#[test]
fn callers_who_are_nobody_or_in_the_wrong_place_are_told_so_and_nothing_is_made() {
    isolated(|| {
        let site = Site::start();
        let before = site.emulator.left().unwrap();
        let wanted = Wanted::hybrid(Provider::Ssm, Gateway::Transit);
        let commands = commands(&site, &wanted);
        nobody_gave_any(&site, &commands);
        aws_does_not_know_them(&site, &commands);
        assert_eq!(site.emulator.left().unwrap(), before);

        they_end_on_the_way(&site, &wanted);
        let made = site.emulator.left().unwrap();
        it_is_not_there(&site, &wanted);
        there_is_no_such_region(&site);
        the_partition_has_none(&site, &wanted);
        assert_eq!(site.emulator.left().unwrap(), made);
        site.delete().ended(0);
        assert_eq!(site.emulator.left().unwrap(), before);
    });
}
