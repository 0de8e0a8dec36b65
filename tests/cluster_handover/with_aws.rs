//! With a cluster that is there, in the AWS of the tests.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;
use std::thread::sleep;
use std::time::{Duration, Instant};

use hybridge_cluster::permissions::{Command as PermissionsOf, actions};
use hybridge_lab::isolate::isolated;
use hybridge_lab::netns::Netns;
use hybridge_lab::real::Emulator;
use serde_json::{Value, json};

use crate::machine::Machine;

use super::{Desk, assert_good_nodeconfig, code, file, told};

/// A cluster that `hybridge cluster create` has made.
struct Site {
    desk: Desk,
    ns: Netns,
    aws: Emulator,
}

impl Site {
    fn new(file: &str) -> Self {
        let desk = Desk::new(file, &json!({}));
        let ns = Netns::new("aws").unwrap();
        let aws = Emulator::start(&ns, "127.0.0.1:80".parse().unwrap(), desk.home.path()).unwrap();
        let site = Self { desk, ns, aws };
        let made = site.run(&["cluster", "create", "-f", "cluster.yaml"]);
        assert_eq!(code(&made), 0, "{}", told(&made));
        assert_eq!(site.unlisted(PermissionsOf::Create), [] as [&str; 0]);
        site.aws.clear_log().unwrap();
        site
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.ns.command(super::HYBRIDGE);
        command.env_clear().envs(self.aws.environment()).env("HOME", self.desk.home.path());
        command.current_dir(self.desk.home.path()).args(arguments).output().unwrap()
    }

    fn handover(&self, directory: &str, arguments: &[&str]) -> Output {
        self.run(&[&["cluster", "handover", "-f", "cluster.yaml", "--dir", directory], arguments].concat())
    }

    /// Calls that the table of permissions does not list for a command.
    fn unlisted(&self, command: PermissionsOf) -> Vec<String> {
        let listed = actions(command, &BTreeSet::new());
        let log = self.aws.log().unwrap();
        let text = |call: &Value, key: &str| call[key].as_str().unwrap_or_default().to_owned();
        let made: BTreeSet<String> = log.iter().map(|call| format!("{}:{}", text(call, "service"), text(call, "action"))).collect();
        made.into_iter().filter(|action| !listed.contains(action.as_str())).collect()
    }

    fn calls(&self, action: &str) -> usize {
        self.aws.log().unwrap().iter().filter(|call| call["action"] == action).count()
    }

    /// The code in a NodeConfig.
    fn secret(&self, path: &str) -> String {
        let text = fs::read_to_string(self.desk.path(path)).unwrap();
        text.lines().find_map(|line| line.trim().strip_prefix("activationCode: ")).unwrap().trim_matches('"').to_owned()
    }
}

#[test]
fn machines_get_one_activation_and_its_code_is_in_one_file_alone() {
    isolated(|| {
        let site = Site::new(&file("{provider: ssm}"));
        let done = site.handover("out", &["--activation", "3", "--expires", "48"]);
        assert_eq!(code(&done), 0, "{}", told(&done));
        let path = site.desk.path("out/nodeconfig.yaml");
        assert_good_nodeconfig(&path);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let secret = site.secret("out/nodeconfig.yaml");
        assert!(!told(&done).contains(&secret), "the code was printed");
        let end = told(&done).lines().find_map(|line| line.split_once(", which ends ").map(|(_, end)| end.to_owned())).unwrap();
        assert!(end.parse::<jiff::Timestamp>().is_ok() && !end.contains('.'), "{end}");
        for name in site.desk.names().iter().filter(|name| *name != "nodeconfig.yaml") {
            assert!(!fs::read_to_string(site.desk.path("out").join(name)).unwrap().contains(&secret), "{name}");
        }

        assert_eq!(site.unlisted(PermissionsOf::Handover), [] as [&str; 0]);

        let activations = site.aws.aws("ssm", "describe_activations", &json!({})).unwrap();
        let activation = &activations["ActivationList"][0];
        assert_eq!((&activation["RegistrationLimit"], activations["ActivationList"].as_array().unwrap().len()), (&json!(3), 1));
        let tags = activation["Tags"].as_array().unwrap();
        let arn = "arn:aws:eks:us-west-2:123456789012:cluster/shop";
        for (key, value) in [("EKSClusterARN", arn), ("alpha.eksctl.io/cluster-name", "shop"), ("hybridge/made-by", "cluster-handover")] {
            assert!(tags.contains(&json!({"Key": key, "Value": value})), "{key}: {activation:#}");
        }

        let again = site.handover("out", &["--activation", "3", "-o", "json"]);
        let said: Value = serde_json::from_slice(&again.stdout).unwrap();
        assert!(said["files"].as_array().unwrap().iter().all(|file| file["action"] == "unchanged"), "{said:#}");
        assert_eq!((&said["activation"]["made"], site.calls("CreateActivation")), (&json!(false), 1), "{said:#}");

        let elsewhere = site.handover("elsewhere", &["--activation", "3", "--only", "node"]);
        assert_eq!((code(&elsewhere), site.calls("CreateActivation")), (1, 1), "{}", told(&elsewhere));
        assert!(told(&elsewhere).contains("activation.there"), "{}", told(&elsewhere));
        let forced = site.handover("elsewhere", &["--activation", "3", "--only", "node", "--force"]);
        assert_eq!((code(&forced), site.calls("CreateActivation")), (0, 2), "{}", told(&forced));
        assert_ne!(site.secret("elsewhere/nodeconfig.yaml"), secret);
    });
}

#[test]
fn a_code_on_standard_output_is_in_no_file() {
    isolated(|| {
        // Nodes of a private cluster are told its endpoint, so that `init` asks nobody.
        let site = Site::new(&format!("{}privateCluster:\n  enabled: true\n", file("{provider: ssm}")));
        let done = site.handover("out", &["--activation", "1", "--print-code", "--only", "node"]);
        assert_eq!(code(&done), 0, "{}", told(&done));
        let printed = String::from_utf8(done.stdout.clone()).unwrap();
        let secret = printed.lines().find_map(|line| line.trim().strip_prefix("activationCode: ")).unwrap().trim_matches('"').to_owned();
        let nodeconfig = fs::read_to_string(site.desk.path("out/nodeconfig.yaml")).unwrap();
        assert!(!nodeconfig.contains(&secret) && !String::from_utf8_lossy(&done.stderr).contains(&secret));
        let both = "hybridge node init -c file://nodeconfig.yaml -c file://code.yaml";
        assert!(String::from_utf8_lossy(&done.stderr).contains(both), "{}", String::from_utf8_lossy(&done.stderr));
        fs::copy(site.desk.path("out/nodeconfig.yaml"), site.desk.path("nodeconfig.yaml")).unwrap();
        let code_file = site.desk.path("code.yaml");
        fs::write(&code_file, &printed).unwrap();
        fs::set_permissions(&code_file, fs::Permissions::from_mode(0o600)).unwrap();
        let (whole, code_alone) = ("file://nodeconfig.yaml", "file://code.yaml");
        for (sources, expected, finding) in [
            (&[whole, code_alone][..], 0, ""),
            (&[code_alone, whole], 0, ""),
            (&[whole], 1, "spec.hybrid.ssm.activationCode"),
            (&[code_alone], 1, "spec.cluster"),
        ] {
            let sources: Vec<&str> = sources.iter().flat_map(|source| ["-c", source]).collect();
            let checked = site.desk.run(&[&["node", "config", "check"], &sources[..]].concat());
            assert_eq!(code(&checked), expected, "{sources:?}: {}", told(&checked));
            assert!(told(&checked).contains(finding) && !told(&checked).contains(&secret), "{sources:?}: {}", told(&checked));
        }
        joins(&nodeconfig, &printed, &secret);
    });
}

/// A machine takes both documents and registers with the code; it stands in no file of its own.
fn joins(nodeconfig: &str, code_document: &str, secret: &str) {
    let mut machine = Machine::new("1.34.0", "1.7.27");
    machine.set("AWS_EC2_METADATA_DISABLED", "true");
    machine.script(
        "/snap/amazon-ssm-agent/current/amazon-ssm-agent",
        "mkdir -p /var/lib/amazon/ssm /root/.aws; echo '{\"ManagedInstanceID\":\"mi-0123456789abcdef0\",\"Region\":\"us-west-2\"}' > \
         /var/lib/amazon/ssm/registration; echo '[default]' > /root/.aws/credentials; echo \"$@\" > /tmp/registered",
    );
    machine.write("/nodeconfig.yaml", nodeconfig);
    machine.write("/code.yaml", code_document);
    let skip = "node-ip-validation,credentials-validation,ssm-api-network,aws-auth-validation,cluster-access-validation,kubelet-version-skew-validation,\
                api-server-endpoint-resolution-validation,k8s-endpoint-network-validation,k8s-authentication-validation,install-validation";
    let init = ["node", "init", "--skip", "run", "--skip", skip, "-c", "file:///nodeconfig.yaml", "-c", "file:///code.yaml"];
    machine.run("hybridge", &init).expect(0);
    let registered = machine.read("/tmp/registered");
    assert!(registered.starts_with("-register ") && registered.trim_end().ends_with(&format!("-code {secret}")), "{registered}");
    assert!(machine.read("/etc/kubernetes/kubelet/config.json").contains("/mi-0123456789abcdef0"));
    for below in ["/etc", "/var", "/run", "/root"] {
        let holds = machine.files(below).into_iter().find(|(_, content)| String::from_utf8_lossy(content).contains(secret));
        assert_eq!(holds.map(|(path, _)| path), None);
    }
}

#[test]
fn an_activation_that_may_not_be_made_is_told_with_the_policy_that_is_needed() {
    isolated(|| {
        let site = Site::new(&file("{provider: ssm}"));
        site.aws.order(&json!({"kind": "deny", "service": "ssm", "action": "CreateActivation"})).unwrap();
        let done = site.handover("out", &["--activation", "1"]);
        assert_eq!(code(&done), 3, "the other documents are written: {}", told(&done));
        let policy =
            told(&done).lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).find(|value| value["Version"] == "2012-10-17");
        let policy = policy.unwrap_or_else(|| panic!("{}", told(&done))).to_string();
        assert!(policy.contains("ssm:CreateActivation") && policy.contains("iam:PassRole"), "{policy}");
        assert!(!site.desk.path("out/nodeconfig.yaml").exists());
    });
}

#[test]
fn no_activation_is_made_where_its_code_would_find_no_place() {
    isolated(|| {
        let site = Site::new(&file("{provider: ssm}"));
        fs::create_dir_all(site.desk.path("out/nodeconfig.yaml")).unwrap();
        let done = site.handover("out", &["--activation", "1", "--only", "node", "--force"]);
        assert_eq!((code(&done), site.calls("CreateActivation")), (1, 0), "{}", told(&done));

        // The place is taken away while the activation is being made.
        site.aws.order(&json!({"kind": "delay", "service": "ssm", "action": "CreateActivation", "seconds": 5})).unwrap();
        let place = site.desk.path("gone");
        let done = std::thread::scope(|scope| {
            let run = scope.spawn(|| site.handover("gone", &["--activation", "1", "--only", "node"]));
            let end = Instant::now() + Duration::from_secs(60);
            while !place.exists() && Instant::now() < end {
                sleep(Duration::from_millis(20));
            }
            sleep(Duration::from_secs(1));
            fs::remove_dir_all(&place).unwrap();
            fs::write(&place, "").unwrap();
            run.join().unwrap()
        });
        assert_eq!(code(&done), 1, "{}", told(&done));
        assert!(told(&done).contains("activation.taken-back"), "{}", told(&done));
        let left = site.aws.aws("ssm", "describe_activations", &json!({})).unwrap();
        assert_eq!(left["ActivationList"], json!([]));
    });
}

#[test]
fn the_sheet_has_the_control_planes_addresses_and_the_gateways_the_route_tables() {
    isolated(|| {
        let site = Site::new(&file("{provider: ssm}"));
        let done = site.handover("out", &["--only", "firewall,gateway,gateway-cloud,terraform"]);
        assert_eq!(code(&done), 0, "{}", told(&done));
        let interfaces = site.aws.aws("ec2", "describe_network_interfaces", &json!({})).unwrap();
        let interfaces = interfaces["NetworkInterfaces"].as_array().unwrap().iter();
        let ours: Vec<_> = interfaces.filter(|interface| interface["Description"] == "Amazon EKS shop").collect();
        let sheet = fs::read_to_string(site.desk.path("out/firewall.csv")).unwrap();
        assert!(!ours.is_empty());
        for interface in ours {
            assert!(sheet.contains(&format!("{}/32", interface["PrivateIpAddress"].as_str().unwrap())), "{sheet}");
        }
        let values = fs::read_to_string(site.desk.path("out/gateway-values.yaml")).unwrap();
        let tables = site.aws.aws("ec2", "describe_route_tables", &json!({})).unwrap();
        let of_subnets = tables["RouteTables"].as_array().unwrap().iter().filter(|table| {
            table["Associations"].as_array().unwrap().iter().any(|association| association["SubnetId"].is_string())
                && table["Tags"].to_string().contains("eksctl-shop-cluster")
        });
        let ids: Vec<_> = of_subnets.map(|table| table["RouteTableId"].as_str().unwrap()).collect();
        assert!(ids.len() >= 3 && ids.iter().all(|id| values.contains(id)), "{ids:?}: {values}");

        let template = fs::read_to_string(site.desk.path("out/gateway-cloud.json")).unwrap();
        site.aws
            .aws(
                "cloudformation",
                "create_stack",
                &json!({"StackName": "hybridge-shop-gateway", "TemplateBody": template, "Capabilities": ["CAPABILITY_IAM"]}),
            )
            .unwrap();
    });
}
