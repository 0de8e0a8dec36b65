//! Templates that are too long for a request.

use hybridge_lab::isolate::isolated;
use hybridge_lab::real::EMULATED_REGION;
use serde_json::{Value, json};

use crate::emulated::{Gateway, NAME, Provider, Said, Site, Wanted};

const BUCKET: &str = "templates";
const BY_BUCKET: [&str; 2] = ["--template-bucket", BUCKET];

/// As many networks as there may be, but for some pods'.
fn wanted(pods: u8) -> Wanted {
    let network = |number: u8| -> &'static str { format!("10.{number}.0.0/16").leak() };
    let (nodes, pods) = ((130..145).map(network).collect(), (150..150 + pods).map(network).collect());
    Wanted { nodes, pods, ..Wanted::hybrid(Provider::Ssm, Gateway::Transit) }
}

/// In so many zones that their routes make the template too long.
fn config(site: &Site, wanted: &Wanted) -> Value {
    let mut config = site.config(wanted);
    config["availabilityZones"] = ["a", "b", "c", "d"].map(|zone| format!("{EMULATED_REGION}{zone}")).into();
    config
}

/// Objects that are in buckets.
fn objects(site: &Site) -> usize {
    site.emulator.left().unwrap().iter().filter(|line| line.starts_with("s3 object ")).count()
}

/// The command does nothing and says so.
#[track_caller]
fn refused(site: &Site, command: &str, config: &Value, more: &[&str]) -> Said {
    let before = site.emulator.left().unwrap();
    let said = site.with_config(command, config, more).ended(1);
    assert_eq!(site.emulator.left().unwrap(), before);
    said
}

/// The template went by S3 alone, and is not there any more.
#[track_caller]
fn went_by_bucket(site: &Site) {
    let log = site.emulator.log().unwrap();
    let of = |action: &str| log.iter().filter(|call| call["action"] == action).collect::<Vec<_>>();
    assert_eq!((of("PutObject").len(), of("DeleteObject").len(), objects(site)), (1, 1, 0));
    let [change_set] = of("CreateChangeSet")[..] else { panic!("{log:?}") };
    let body = change_set["body"].as_str().unwrap();
    assert!(body.contains("TemplateURL=") && !body.contains("TemplateBody="), "{body}");
    site.emulator.clear_log().unwrap();
}

/// Buckets that cannot be used are told by what is wrong with them.
fn buckets_that_cannot_be_used(site: &Site, config: &Value) {
    let said = refused(site, "create", config, &["--template-bucket", "elsewhere"]);
    said.told("error[bucket.missing]: --template-bucket elsewhere").told("aws s3 mb s3://elsewhere --region us-west-2");

    let redirect = json!({"kind": "error", "service": "s3", "code": "PermanentRedirect", "status": 301, "count": 9});
    site.emulator.order(&redirect).unwrap();
    refused(site, "create", config, &BY_BUCKET).told("error[bucket.region]").told("name a bucket of us-west-2");
    site.emulator.clear_faults().unwrap();

    site.emulator.order(&json!({"kind": "deny", "service": "s3", "action": "PutObject", "count": 9})).unwrap();
    refused(site, "create", config, &BY_BUCKET).told("error[aws.denied]").told("s3:PutObject").told("arn:aws:s3:::templates/*");
    site.emulator.clear_faults().unwrap();
}

#[test]
fn a_long_template_goes_by_a_bucket_in_which_nothing_is_left() {
    isolated(|| {
        let site = Site::start();
        let before = site.emulator.left().unwrap();
        let (first, second) = (wanted(14), wanted(15));
        let (small, large) = (config(&site, &first), config(&site, &second));
        refused(&site, "create", &small, &[]).told("error[template.size]").told("--template-bucket");
        site.aws("s3", "create_bucket", json!({"Bucket": BUCKET, "CreateBucketConfiguration": {"LocationConstraint": EMULATED_REGION}}));
        buckets_that_cannot_be_used(&site, &small);

        site.emulator.order(&json!({"kind": "deny", "action": "CreateChangeSet", "count": 9})).unwrap();
        refused(&site, "create", &small, &BY_BUCKET).told("cloudformation:CreateChangeSet");
        site.emulator.clear_faults().unwrap();

        // Killed while the template lies in the bucket.
        let file = site.written(&small);
        let create = ["create", "-f", file.to_str().unwrap(), BY_BUCKET[0], BY_BUCKET[1]];
        assert!(site.killed_by(&create, json!({"action": "CreateChangeSet", "when": "before"})));
        assert_eq!(objects(&site), 1);
        site.emulator.clear_log().unwrap();
        site.with_config("create", &small, &BY_BUCKET).ended(0);
        went_by_bucket(&site);
        site.is_as(&first);

        refused(&site, "update", &large, &[]).told("error[template.size]").told("--template-bucket");
        site.emulator.clear_log().unwrap();
        site.with_config("update", &large, &BY_BUCKET).ended(0);
        went_by_bucket(&site);
        site.is_as(&second);
        // Where nothing is sent there is nothing to say of its size.
        let again = site.with_config("update", &large, &[]).ended(0);
        assert!(again.out.contains("nothing to change") && !again.err.contains("template.size"), "{}{}", again.out, again.err);
        site.with_config("drift", &large, &[]).ended(0);

        site.run(&["delete", "--name", NAME, "--region", EMULATED_REGION]).ended(0);
        site.aws("s3", "delete_bucket", json!({"Bucket": BUCKET}));
        assert_eq!(site.emulator.left().unwrap(), before);
    });
}
