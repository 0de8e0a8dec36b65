//! `docs/cluster.md`: every command of the page is run in its order, with the files that it shows, in an AWS by others, with a real API
//! server behind the cluster's endpoint.

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::process::{Command, Output};
use std::thread;

use base64::Engine as _;
use hybridge_lab::aws::authenticator::{Authenticator, PATH};
use hybridge_lab::aws::{AccessEntry, AccessKey, Aws, Cluster, EntryKind, Principal};
use hybridge_lab::ec2::{Ec2State, FakeEc2};
use hybridge_lab::netns::{Netns, Task};
use hybridge_lab::real::{EMULATED_ACCOUNT, Emulator, Kube, TokenWebhook};
use hybridge_lab::tls::Identity;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{binaries, shown_files};

const PAGE: &str = include_str!("../../docs/cluster.md");

/// What the files of the page say.
const NAME: &str = "shop";
const REGION: &str = "eu-central-1";
const GATEWAY: &str = "tgw-0123456789abcdef0";
const NETWORKS: [&str; 2] = ["10.80.0.0/16", "10.85.0.0/16"];

/// Where AWS is. Not at HTTP's own port, which tokens leave out in one place and name in the other.
const AWS: &str = "127.0.0.1:8000";

/// A hybrid node, at the address that the page follows.
const NODE: (&str, &str) = ("mi-0123456789abcdef0", "10.80.146.7");

/// Makes the cluster where there is none.
const CREATE: &str = "hybridge cluster create -f cluster.yaml";

/// Takes it away.
const DELETE: &str = "hybridge cluster delete -f cluster.yaml --drain";

/// The page's commands, how each ends, and a part of what it says on either output.
const COMMANDS: [(&str, i32, &str); 25] = [
    ("hybridge cluster validate -f cluster.yaml", 0, "valid\n"),
    ("hybridge cluster plan -f cluster.yaml", 0, "stack eksctl-shop-cluster (cluster): create, 37 resources"),
    ("hybridge cluster plan -f cluster.yaml --save-facts before.json", 0, "stack eksctl-shop-cluster (cluster): create"),
    ("hybridge cluster plan -f cluster.yaml --facts before.json -o json", 0, "\"possible\": true"),
    ("hybridge cluster plan -f cluster.yaml --offline -o template > template.json", 0, ""),
    ("hybridge cluster create -f cluster.yaml --dry-run", 0, "would make"),
    (CREATE, 0, "made stack eksctl-shop-cluster (cluster)"),
    ("hybridge cluster update -f cluster.yaml --dry-run", 0, "nothing to change"),
    ("hybridge cluster update -f cluster.yaml", 0, "nothing to change: the cluster is as the file says"),
    ("hybridge cluster delete -f cluster.yaml --dry-run", 0, "eksctl-shop-cluster"),
    (DELETE, 0, "drained node mi-0123456789abcdef0"),
    ("hybridge cluster get --region eu-central-1", 0, "shop  ACTIVE  1.34     yes     10.80.0.0/16  10.85.0.0/16  eksctl-shop-cluster"),
    ("hybridge cluster get --name shop --region eu-central-1 -o json", 0, "\"HYBRID_LINUX\""),
    ("hybridge cluster get -f cluster.yaml", 0, "mi-0123456789abcdef0"),
    ("hybridge cluster doctor -f cluster.yaml --save-facts facts.json", 0, "pass     nodes.ready "),
    ("hybridge cluster handover -f cluster.yaml --dir handover --facts facts.json --dry-run", 0, "would be created  handover/firewall.md"),
    ("hybridge cluster handover -f cluster.yaml --dir handover --activation 20 --expires 48", 0, "created  handover/nodeconfig.yaml"),
    (
        "hybridge cluster handover -f cluster.yaml --dir handover --only gateway-cloud,gateway,terraform",
        0,
        "created  handover/gateway-cloud.json",
    ),
    (
        "(umask 077 && hybridge cluster handover -f cluster.yaml --dir apart --only node --activation 1 --print-code --force > code.yaml)",
        0,
        "apart/nodeconfig.yaml",
    ),
    ("hybridge node config check -c file://apart/nodeconfig.yaml -c file://code.yaml", 0, "configuration is valid"),
    ("hybridge cluster handover -f lab.yaml --dir lab --lab-certificates press-7,press-8", 0, "lab/pki/ca.pem"),
    ("hybridge cluster doctor -f cluster.yaml", 0, "pass     routes.remote "),
    ("hybridge cluster doctor -f cluster.yaml --path 10.80.146.7", 0, " → 10.80.146.7:10250"),
    ("hybridge cluster doctor -f cluster.yaml --facts facts.json -o json", 0, "\"healthy\": true"),
    ("hybridge cluster drift -f cluster.yaml", 0, "pass     drift.rules "),
];

/// Lines of `sh` blocks, without their comments.
fn commands() -> Vec<&'static str> {
    let blocks = PAGE.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.flat_map(str::lines).map(|line| line.split(" #").next().unwrap_or(line).trim()).filter(|line| !line.is_empty()).collect()
}

/// A site with a transit gateway, AWS, and a shell.
struct Desk {
    emulator: Emulator,
    kube: Kube,
    ns: Netns,
    folder: TempDir,
    _authenticator: Task,
}

impl Desk {
    fn start() -> Self {
        let (ns, folder) = (Netns::new("aws").unwrap(), tempfile::tempdir().unwrap());
        let identity = Identity::new(&[Ipv4Addr::LOCALHOST], &[]).unwrap();
        let webhook = TokenWebhook { url: format!("https://127.0.0.1:8443{PATH}"), authority: identity.authority().into() };
        let (emulator, kube) = thread::scope(|scope| {
            let kube = scope.spawn(|| Kube::start_with(&ns, Ipv4Addr::LOCALHOST, folder.path(), Some(&webhook)).unwrap());
            (Emulator::start(&ns, AWS.parse().unwrap(), folder.path()).unwrap(), kube.join().unwrap())
        });
        let endpoint = format!("https://{}", kube.address());
        let authority = base64::engine::general_purpose::STANDARD.encode(kube.authority());
        emulator.set_endpoint(NAME, &endpoint, &authority).unwrap();
        let account = account(&emulator, &endpoint);
        let authenticator = Authenticator::new(&account, NAME).also_at(&format!("http://{AWS}"));
        let authenticator = authenticator.serve(&ns, "127.0.0.1:8443".parse().unwrap(), &identity).unwrap();
        let desk = Self { emulator, kube, ns, folder, _authenticator: authenticator };
        let gateway = desk.gateway();
        for (name, content) in shown_files(PAGE) {
            fs::write(desk.folder.path().join(name), content.replace(GATEWAY, &gateway)).unwrap();
        }
        desk
    }

    #[track_caller]
    fn ec2(&self, method: &str, parameters: Value) -> Value {
        self.emulator.aws_in(REGION, "ec2", method, &parameters).unwrap_or_else(|error| panic!("{}", hybridge_report::chain(&error)))
    }

    /// A transit gateway with the site behind it, by VPN.
    fn gateway(&self) -> String {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let made = self.ec2("create_transit_gateway", json!({}))["TransitGateway"].clone();
        let gateway = text(&made["TransitGatewayId"]);
        let router = json!({"Type": "ipsec.1", "PublicIp": "203.0.113.7", "BgpAsn": 65010});
        let router = text(&self.ec2("create_customer_gateway", router)["CustomerGateway"]["CustomerGatewayId"]);
        let tunnel = json!({"Type": "ipsec.1", "CustomerGatewayId": router, "TransitGatewayId": gateway});
        let tunnel = text(&self.ec2("create_vpn_connection", tunnel)["VpnConnection"]["VpnConnectionId"]);
        let of_tunnel = json!({"Filters": [{"Name": "resource-id", "Values": [tunnel]}]});
        let attachment = text(
            &self.ec2("describe_transit_gateway_attachments", of_tunnel)["TransitGatewayAttachments"][0]["TransitGatewayAttachmentId"],
        );
        for network in NETWORKS {
            let table = &made["Options"]["AssociationDefaultRouteTableId"];
            let route =
                json!({"TransitGatewayRouteTableId": table, "DestinationCidrBlock": network, "TransitGatewayAttachmentId": attachment});
            self.ec2("create_transit_gateway_route", route);
        }
        gateway
    }

    /// A machine registers with Systems Manager and joins.
    fn join(&self) {
        let (name, address) = NODE;
        let stack = json!({"StackName": format!("eksctl-{NAME}-cluster")});
        let stack = self.emulator.aws_in(REGION, "cloudformation", "describe_stacks", &stack).unwrap();
        let outputs = stack["Stacks"][0]["Outputs"].as_array().unwrap();
        let role = outputs.iter().find(|output| output["OutputKey"] == "RemoteNodesRoleARN").unwrap()["OutputValue"].as_str().unwrap();
        let (_, role) = role.rsplit_once('/').unwrap();
        let machine = json!({"InstanceId": name, "IPAddress": address, "ComputerName": "press-7", "IamRole": role, "region": REGION});
        self.emulator.put_instance(&machine).unwrap();
        let labels = json!({"eks.amazonaws.com/compute-type": "hybrid"});
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}});
        self.kube.create("/api/v1/nodes", &node).unwrap();
        let ready = json!({"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-01-01T00:00:00Z", "lastTransitionTime": "2026-01-01T00:00:00Z"});
        let status = json!({"status": {"addresses": [{"type": "InternalIP", "address": address}], "conditions": [ready]}});
        let server = self.kube.server(&self.ns, hybridge_lab::real::User::Admin);
        let body = status.to_string();
        let reply =
            server.send("PATCH", &format!("/api/v1/nodes/{name}/status"), Some(("application/merge-patch+json", body.as_bytes()))).unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
    }

    fn run(&self, line: &str) -> Output {
        let path = format!("{}:/usr/bin:/bin", binaries().display());
        let mut shell: Command = self.ns.command("sh");
        shell.args(["-c", line]).current_dir(self.folder.path()).env_clear().envs(self.emulator.environment());
        shell.env("PATH", path).env("HOME", self.folder.path()).env("HYBRIDGE_POLL_MS", "20").output().unwrap()
    }

    #[track_caller]
    fn ends(&self, line: &str, code: i32, said: &str) {
        let output = self.run(line);
        let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "`{line}`\n{told}");
        assert!(told.contains(said), "`{line}` does not say `{said}` but\n{told}");
    }
}

/// Who may do what in the cluster: as EKS has it, who makes one is its administrator.
fn account(emulator: &Emulator, endpoint: &str) -> Aws {
    let aws = Aws::new(REGION, EMULATED_ACCOUNT, FakeEc2::new(Ec2State::new("vpc-1".parse().unwrap(), Vec::new())));
    let environment: BTreeMap<_, _> = emulator.environment().into_iter().collect();
    let (id, secret) = (environment["AWS_ACCESS_KEY_ID"].clone(), environment["AWS_SECRET_ACCESS_KEY"].clone());
    aws.accept(AccessKey { id, secret, token: None, expires: None, principal: Principal::User("moto".into()) });
    let mut cluster = Cluster::new(NAME, endpoint, "");
    let administrator = AccessEntry { kind: EntryKind::Standard, username: "moto".into(), groups: vec!["system:masters".into()] };
    cluster.entries.insert(format!("arn:aws:iam::{EMULATED_ACCOUNT}:user/moto"), administrator);
    aws.add_cluster(cluster);
    aws
}

#[test]
fn every_command_of_the_cluster_page_is_known_here_in_its_order() {
    assert_eq!(commands(), COMMANDS.map(|(line, ..)| line), "docs/cluster.md shows other commands than this test runs");
    // What is shown in another kind of block is not run.
    let mut inside = None;
    for line in PAGE.lines() {
        match (line.strip_prefix("```"), inside) {
            (Some(kind), None) => inside = Some(kind),
            (Some(_), Some(_)) => inside = None,
            (None, Some(kind)) if kind != "sh" => assert!(!line.trim_start().starts_with("hybridge "), "`{line}` stands in no `sh` block"),
            (None, _) => {}
        }
    }
}

mod with_real_parts {
    use hybridge_lab::isolate::isolated;

    use super::{COMMANDS, CREATE, DELETE, Desk};

    #[test]
    fn every_command_of_the_cluster_page_does_what_the_page_says() {
        isolated(|| {
            let desk = Desk::start();
            let before = desk.emulator.left().unwrap();
            for (line, code, said) in COMMANDS {
                desk.ends(line, code, said);
                if line == CREATE {
                    desk.join();
                } else if line == DELETE {
                    assert_eq!(desk.emulator.left().unwrap(), before);
                    // The page goes on with a cluster.
                    desk.ends(CREATE, 0, "made stack");
                    desk.join();
                }
            }
            desk.ends(DELETE, 0, "drained node");
            assert_eq!(desk.emulator.left().unwrap(), before);
        });
    }
}
