//! Clusters that others made get a stack of ours beside them, and are left alone.

use std::collections::BTreeSet;

use hybridge_lab::isolate::isolated;
use hybridge_lab::real::EMULATED_REGION;
use serde_json::{Value, json};

use crate::emulated::life::more_networks;
use crate::emulated::{Gateway, NAME, Provider, Site, Wanted};

/// What others have of EKS themselves: nothing of it is what a new cluster would have.
const AS_OTHERS_HAVE_IT: [&str; 3] = [
    r#"{"resourcesVpcConfig": {"endpointPublicAccess": false, "endpointPrivateAccess": true}}"#,
    r#"{"logging": {"clusterLogging": [{"types": ["audit"], "enabled": true}]}}"#,
    r#"{"remoteNetworkConfig": {"remoteNodeNetworks": [{"cidrs": ["10.90.0.0/16"]}], "remotePodNetworks": [{"cidrs": ["10.91.0.0/16"]}]}}"#,
];

/// The file says nothing of what others made.
fn config(site: &Site, wanted: &Wanted) -> Value {
    let mut config = site.config(wanted);
    let all = config.as_object_mut().unwrap();
    all.remove("vpc");
    all.remove("availabilityZones");
    config["metadata"].as_object_mut().unwrap().remove("version");
    config
}

/// Our stack holds what hybrid nodes need, and the commands that look agree with it.
#[track_caller]
fn beside(site: &Site, wanted: &Wanted) {
    let cluster = site.cluster();
    site.networks_are(&cluster, wanted);
    site.entry_is(wanted);
    site.routes_are(&cluster, wanted);
    site.gateways_are(&cluster, wanted);
    let group = json!([cluster["resourcesVpcConfig"]["clusterSecurityGroupId"]]);
    assert_eq!(site.admitted(group), wanted.cidrs().into_iter().map(str::to_owned).collect::<BTreeSet<_>>());
    site.with_config("drift", &config(site, wanted), &[]).ended(0);
    site.with_config("doctor", &config(site, wanted), &[]).ended(0);
    let said = site.run(&["get", "--name", NAME, "--region", EMULATED_REGION]).ended(0);
    assert!(said.out.contains("hybridge-shop-hybrid") && said.out.contains("HYBRID_LINUX"), "{}", said.out);
}

/// Imports it, or changes what is there of ours; the same once more changes nothing.
#[track_caller]
fn imported(site: &Site, wanted: &Wanted) {
    site.with_config("update", &config(site, wanted), &["--import"]).ended(0);
    beside(site, wanted);
    let left = site.emulator.left().unwrap();
    let again = site.with_config("update", &config(site, wanted), &["--import"]).ended(0);
    assert!(again.out.contains("nothing to change"), "{}", again.out);
    assert_eq!(site.emulator.left().unwrap(), left);
}

/// Neither is begun with, and what is told leads to what helps.
fn refused_without_import(site: &Site, wanted: &Wanted) {
    let before = site.emulator.left().unwrap();
    site.with_config("update", &config(site, wanted), &[]).ended(1).told("error[cluster.foreign]").told("--import");
    site.with_config("create", &config(site, wanted), &[]).ended(1).told("error[cluster.exists]").told("update --import");
    site.delete().ended(1).told("error[cluster.foreign]");
    site.with_config("update", &config(site, wanted), &["--import"]).ended(1).told("error[access.mode]").told("CONFIG_MAP");
    assert_eq!(site.emulator.left().unwrap(), before);
}

/// Taken away by a file without networks: once, and what others had is there again; a second time changes nothing.
fn taken_back(site: &Site, cluster: &Value, before: &[String]) {
    let none = Wanted { gateway: Gateway::None, ..Wanted::plain() };
    let plan = site.with_config("update", &config(site, &none), &["--import", "--dry-run"]).ended(0);
    assert!(plan.out.contains("stack hybridge-shop-hybrid: deleted"), "{}", plan.out);
    for _ in 0..2 {
        site.with_config("update", &config(site, &none), &["--import"]).ended(0);
        assert_eq!((&site.cluster(), site.emulator.left().unwrap().as_slice()), (cluster, before));
        site.with_config("drift", &config(site, &none), &[]).ended(0);
    }
}

/// Killed wherever, each command is finished by the next run.
fn killed(site: &Site, wanted: &Wanted, cluster: &Value, before: &[String]) {
    let file = site.written(&config(site, wanted));
    let import = ["update", "--import", "-f", file.to_str().unwrap()];
    for (action, when) in [("CreateChangeSet", "after"), ("ExecuteChangeSet", "after"), ("UpdateClusterConfig", "before")] {
        assert!(site.killed_by(&import, json!({"action": action, "when": when})), "{action}");
    }
    imported(site, wanted);
    let delete = ["delete", "--name", NAME, "--region", EMULATED_REGION];
    for (action, when) in [("UpdateClusterConfig", "after"), ("DeleteStack", "before"), ("DeleteStack", "after")] {
        assert!(site.killed_by(&delete, json!({"action": action, "when": when})), "{action}");
    }
    let said = site.delete();
    assert!(said.code == Some(0) || said.err.contains("cluster.foreign"), "{}{}", said.out, said.err);
    assert_eq!((&site.cluster(), site.emulator.left().unwrap().as_slice()), (cluster, before));
}

#[test]
fn a_cluster_made_by_ekss_own_calls_is_as_it_was_when_ours_is_gone() {
    isolated(|| {
        let site = Site::start();
        let (given, _) = site.bare();
        let first = Wanted { vpc: Some(given.clone()), ..Wanted::hybrid(Provider::Ssm, Gateway::Transit) };
        site.cluster_of_others(&given);
        refused_without_import(&site, &first);
        site.change_cluster(json!({"accessConfig": {"authenticationMode": "API"}}));
        for change in AS_OTHERS_HAVE_IT {
            site.change_cluster(serde_json::from_str(change).unwrap());
        }
        let (cluster, before) = (site.cluster(), site.emulator.left().unwrap());

        let plan = site.with_config("update", &config(&site, &first), &["--import", "--dry-run"]).ended(0);
        assert!(plan.out.contains("told of the remote networks 10.80.0.0/16, 10.85.0.0/16"), "{}", plan.out);
        assert_eq!(site.emulator.left().unwrap(), before);
        let other_provider = Wanted { provider: Provider::Anywhere, ..more_networks(&first) };
        for wanted in [&first, &more_networks(&first), &other_provider] {
            imported(&site, wanted);
        }
        taken_back(&site, &cluster, &before);
        killed(&site, &first, &cluster, &before);
    });
}

/// eksctl's own template of a cluster without hybrid nodes, as a stack of this name with these tags.
fn golden(site: &Site, stack: &str, tags: &Value) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/eksctl/templates/20-no-hybrid-baseline.json");
    let mut template: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    template["Resources"]["ControlPlane"]["Properties"]["Name"] = json!(NAME);
    let wanted = json!({"StackName": stack, "TemplateBody": template.to_string(), "Capabilities": ["CAPABILITY_IAM"], "Tags": tags});
    site.aws("cloudformation", "create_stack", wanted);
    site.wait_for(stack, "CREATE_COMPLETE");
}

/// It has public and private subnets, two in each zone; another gateway takes the place of the first, and goes back.
fn in_a_stack_of_another_name(site: &Site) {
    golden(site, "platform", &json!([]));
    let (cluster, before) = (site.cluster(), site.emulator.left().unwrap());
    let first = Wanted::hybrid(Provider::Ssm, Gateway::Transit);
    imported(site, &first);
    imported(site, &Wanted { gateway: Gateway::Private, ..more_networks(&first) });
    imported(site, &first);
    site.delete().ended(0);
    assert_eq!((site.cluster(), site.emulator.left().unwrap()), (cluster, before));
    site.aws("cloudformation", "delete_stack", json!({"StackName": "platform"}));
    let gone = || !site.emulator.left().unwrap().iter().any(|line| line.contains("stack platform"));
    site.wait("the stack is gone", gone);
}

/// There is nothing to import: it is taken over, in its own stack, with all that it is.
fn in_eksctls_own_stack(site: &Site) {
    let before = site.emulator.left().unwrap();
    golden(site, "eksctl-shop-cluster", &json!([{"Key": "alpha.eksctl.io/cluster-name", "Value": NAME}]));
    let wanted = Wanted::hybrid(Provider::Ssm, Gateway::Transit);
    let mut config = site.config(&wanted);
    config["metadata"]["version"] = json!("1.33");
    config.as_object_mut().unwrap().remove("vpc");
    site.with_config("update", &config, &["--import"]).ended(1).told("error[cluster.owned]").told("leave --import out");
    let cluster = site.cluster();
    site.with_config("update", &config, &[]).ended(0);
    site.is_as(&wanted);
    let parts = |cluster: &Value| [&cluster["endpoint"], &cluster["resourcesVpcConfig"], &cluster["createdAt"]].map(Value::clone);
    assert_eq!(parts(&site.cluster()), parts(&cluster));
    site.with_config("drift", &config, &[]).ended(0);
    site.with_config("doctor", &config, &[]).ended(0);
    site.delete().ended(0);
    assert_eq!(site.emulator.left().unwrap(), before);
}

#[test]
fn a_cluster_of_eksctls_template_is_imported_or_taken_over_by_the_name_of_its_stack() {
    isolated(|| {
        let site = Site::start();
        in_a_stack_of_another_name(&site);
        in_eksctls_own_stack(&site);
    });
}
