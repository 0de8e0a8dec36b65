//! A cluster's life in the emulated AWS: files, commands, and what must be there then.

#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod life;
pub(crate) mod there;

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use hybridge_lab::netns::Netns;
use hybridge_lab::real::{EMULATED_REGION, Emulator};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Name of the cluster.
pub(crate) const NAME: &str = "shop";

/// Where AWS is.
pub(crate) const ADDRESS: &str = "http://127.0.0.1";

/// Longer than anything takes here, on two busy cores.
const LONG: Duration = Duration::from_secs(90);

/// Who gives hybrid nodes their credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Provider {
    Ssm,
    Anywhere,
}

/// What leads to the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gateway {
    None,
    Transit,
    Private,
}

/// What a file asks for.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) provider: Provider,
    pub(crate) gateway: Gateway,
    pub(crate) nodes: Vec<&'static str>,
    pub(crate) pods: Vec<&'static str>,
    /// A VPC that is there already.
    pub(crate) vpc: Option<Given>,
    /// Further sections of the file, by their keys.
    pub(crate) more: Value,
}

/// A VPC that is there already, with two private subnets.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) vpc: String,
    pub(crate) subnets: [String; 2],
}

impl Wanted {
    /// No hybrid nodes.
    pub(crate) fn plain() -> Self {
        Self { provider: Provider::Ssm, gateway: Gateway::None, nodes: Vec::new(), pods: Vec::new(), vpc: None, more: json!({}) }
    }

    /// One network of nodes and one of pods.
    pub(crate) fn hybrid(provider: Provider, gateway: Gateway) -> Self {
        Self { provider, gateway, nodes: vec!["10.80.0.0/16"], pods: vec!["10.85.0.0/16"], vpc: None, more: json!({}) }
    }

    /// The same without a way to the internet.
    pub(crate) fn private(mut self) -> Self {
        self.more["privateCluster"] = json!({"enabled": true});
        self
    }

    /// Whether it has no way to the internet.
    pub(crate) fn is_private(&self) -> bool {
        self.more["privateCluster"]["enabled"] == true
    }

    /// All networks, nodes' first.
    pub(crate) fn cidrs(&self) -> Vec<&'static str> {
        self.nodes.iter().chain(&self.pods).copied().collect()
    }
}

/// The emulated AWS, gateways that nobody of us has made, and a person at a shell.
pub(crate) struct Site {
    pub(crate) emulator: Emulator,
    pub(crate) transit: String,
    pub(crate) private: String,
    pub(crate) ns: Netns,
    authority: String,
    directory: TempDir,
}

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Said {
    /// It ended with this code.
    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
        self
    }

    /// It said this on stderr.
    #[track_caller]
    pub(crate) fn told(self, text: &str) -> Self {
        assert!(self.err.contains(text), "{text:?} is not in:\n{}", self.err);
        self
    }
}

impl Site {
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let ns = Netns::new("aws").unwrap();
        let emulator = Emulator::start(&ns, "127.0.0.1:80".parse().unwrap(), directory.path()).unwrap();
        let transit = emulator.aws("ec2", "create_transit_gateway", &json!({})).unwrap();
        let private = emulator.aws("ec2", "create_vpn_gateway", &json!({"Type": "ipsec.1"})).unwrap();
        Self {
            transit: transit["TransitGateway"]["TransitGatewayId"].as_str().unwrap().into(),
            private: private["VpnGateway"]["VpnGatewayId"].as_str().unwrap().into(),
            ns,
            authority: authority(),
            emulator,
            directory,
        }
    }

    /// One call of AWS.
    #[track_caller]
    pub(crate) fn aws(&self, service: &str, method: &str, parameters: Value) -> Value {
        self.emulator.aws(service, method, &parameters).unwrap_or_else(|error| panic!("{}", hybridge_report::chain(&error)))
    }

    /// A VPC of somebody else's, with a way to the site for all networks that tests use.
    pub(crate) fn given(&self) -> Given {
        let (given, table) = self.bare();
        let attachment = json!({"TransitGatewayId": self.transit, "VpcId": given.vpc, "SubnetIds": given.subnets});
        self.aws("ec2", "create_transit_gateway_vpc_attachment", attachment);
        let route = json!({"RouteTableId": table, "DestinationCidrBlock": "10.80.0.0/12", "TransitGatewayId": self.transit});
        self.aws("ec2", "create_route", route);
        given
    }

    /// A VPC of somebody else's without a way to anywhere, and its route table.
    pub(crate) fn bare(&self) -> (Given, String) {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let vpc = text(&self.aws("ec2", "create_vpc", json!({"CidrBlock": "10.30.0.0/16"}))["Vpc"]["VpcId"]);
        for attribute in ["EnableDnsSupport", "EnableDnsHostnames"] {
            self.aws("ec2", "modify_vpc_attribute", json!({"VpcId": vpc, attribute: {"Value": true}}));
        }
        let table = text(&self.aws("ec2", "create_route_table", json!({"VpcId": vpc}))["RouteTable"]["RouteTableId"]);
        let subnets = ["a", "b"].map(|zone| {
            let cidr = if zone == "a" { "10.30.0.0/24" } else { "10.30.1.0/24" };
            let wanted = json!({"VpcId": vpc, "CidrBlock": cidr, "AvailabilityZone": format!("{EMULATED_REGION}{zone}")});
            let subnet = text(&self.aws("ec2", "create_subnet", wanted)["Subnet"]["SubnetId"]);
            let private = json!({"SubnetId": subnet, "MapPublicIpOnLaunch": {"Value": false}});
            self.aws("ec2", "modify_subnet_attribute", private);
            self.aws("ec2", "associate_route_table", json!({"RouteTableId": table, "SubnetId": subnet}));
            subnet
        });
        (Given { vpc, subnets }, table)
    }

    /// A cluster of somebody else's, made by EKS's own call in this VPC.
    pub(crate) fn cluster_of_others(&self, given: &Given) {
        let trust = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole",
        }]});
        let role = json!({"RoleName": "others", "AssumeRolePolicyDocument": trust.to_string()});
        let role = self.aws("iam", "create_role", role)["Role"]["Arn"].clone();
        self.aws("eks", "create_cluster", json!({"name": NAME, "roleArn": role, "resourcesVpcConfig": {"subnetIds": given.subnets}}));
    }

    /// Has EKS change one thing of the cluster, and waits until it has.
    pub(crate) fn change_cluster(&self, change: Value) {
        let mut change = change;
        change["name"] = json!(NAME);
        self.wait("EKS is ready for a change", || self.emulator.aws("eks", "update_cluster_config", &change).is_ok());
        self.wait("the cluster is active", || self.cluster()["status"] == "ACTIVE");
    }

    /// The cluster as EKS describes it.
    pub(crate) fn cluster(&self) -> Value {
        self.aws("eks", "describe_cluster", json!({"name": NAME}))["cluster"].clone()
    }

    /// Waits until a stack is in this state.
    pub(crate) fn wait_for(&self, stack: &str, status: &str) {
        self.wait(&format!("{stack} is {status}"), || {
            let stacks = self.aws("cloudformation", "describe_stacks", json!({"StackName": stack}));
            assert!(!stacks["Stacks"][0]["StackStatus"].as_str().unwrap().contains("ROLLBACK"), "{stacks}");
            stacks["Stacks"][0]["StackStatus"] == status
        });
    }

    /// Waits until it is so.
    pub(crate) fn wait(&self, what: &str, is_so: impl Fn() -> bool) {
        let start = Instant::now();
        while !is_so() {
            assert!(start.elapsed() < LONG, "not within {LONG:?}: {what}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The file for what is wanted.
    pub(crate) fn file(&self, wanted: &Wanted) -> PathBuf {
        self.written(&self.config(wanted))
    }

    /// A file with this in it. JSON is YAML.
    pub(crate) fn written(&self, config: &Value) -> PathBuf {
        let path = self.path("cluster.yaml");
        std::fs::write(&path, serde_json::to_string_pretty(config).unwrap()).unwrap();
        path
    }

    /// What stands in the file for what is wanted.
    pub(crate) fn config(&self, wanted: &Wanted) -> Value {
        let network = |cidrs: &[&str]| if cidrs.is_empty() { json!([]) } else { json!([{"cidrs": cidrs}]) };
        let mut remote = json!({"remoteNodeNetworks": network(&wanted.nodes), "remotePodNetworks": network(&wanted.pods)});
        if !wanted.nodes.is_empty() {
            remote["iam"] = match wanted.provider {
                Provider::Ssm => json!({"provider": "ssm"}),
                Provider::Anywhere => json!({"provider": "ira", "caBundleCert": self.authority}),
            };
        }
        if let Some(gateway) = self.gateway(wanted.gateway) {
            remote["vpcGatewayID"] = json!(gateway);
        }
        let mut config = json!({
            "apiVersion": "eksctl.io/v1alpha5",
            "kind": "ClusterConfig",
            "metadata": {"name": NAME, "region": EMULATED_REGION, "version": "1.34"},
            "vpc": vpc(wanted),
            "remoteNetworkConfig": remote,
        });
        if wanted.vpc.is_none() {
            config["availabilityZones"] = json!([format!("{EMULATED_REGION}a"), format!("{EMULATED_REGION}b")]);
        }
        for (key, section) in wanted.more.as_object().into_iter().flatten() {
            config[key] = section.clone();
        }
        config
    }

    /// Identifier of a gateway.
    pub(crate) fn gateway(&self, gateway: Gateway) -> Option<&str> {
        match gateway {
            Gateway::None => None,
            Gateway::Transit => Some(&self.transit),
            Gateway::Private => Some(&self.private),
        }
    }

    /// A file of the person's.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// `hybridge cluster …`, not started yet.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.ns.command(env!("CARGO_BIN_EXE_hybridge"));
        command.arg("cluster").args(arguments).env_clear().envs(self.emulator.environment());
        // Tokens for Kubernetes name AWS's address: as it is signed, without the port that goes without saying.
        command.env("AWS_ENDPOINT_URL", ADDRESS);
        command.env("HOME", self.directory.path()).env("HYBRIDGE_POLL_MS", "20");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        self.command(arguments).output().unwrap().into()
    }

    /// Runs a command that takes the file.
    pub(crate) fn with_file(&self, command: &str, wanted: &Wanted, more: &[&str]) -> Said {
        self.with_config(command, &self.config(wanted), more)
    }

    /// Runs a command that takes a file with this in it.
    pub(crate) fn with_config(&self, command: &str, config: &Value, more: &[&str]) -> Said {
        let file = self.written(config);
        self.run(&[&[command, "-f", file.to_str().unwrap()], more].concat())
    }

    /// Deletes the cluster by name.
    pub(crate) fn delete(&self) -> Said {
        self.run(&["delete", "--name", NAME, "--region", EMULATED_REGION])
    }

    /// Starts it and kills it while call number `number` is under way, `when` before or after the work. Returns whether it came
    /// that far; if not, it has ended by itself.
    pub(crate) fn killed_at(&self, arguments: &[&str], number: u64, when: &str) -> bool {
        self.killed_by(arguments, json!({"nth": number, "when": when}))
    }

    /// The same while a call is under way that an order fits, such as `{"action": "CreateAddon", "when": "after"}`.
    pub(crate) fn killed_by(&self, arguments: &[&str], order: Value) -> bool {
        let mut hold = order;
        hold["kind"] = json!("hold");
        self.emulator.order(&hold).unwrap();
        let mut child = self.command(arguments).spawn().unwrap();
        let reached = self.wait_held(&mut child);
        child.kill().unwrap();
        child.wait().unwrap();
        self.emulator.clear_faults().unwrap();
        reached
    }

    /// Kills it when its first call of `action` has done its work, and before it knows.
    pub(crate) fn killed_in(&self, arguments: &[&str], action: &str) {
        assert!(self.killed_by(arguments, json!({"action": action, "when": "after"})), "it ended without a call of {action}");
    }

    /// What CloudFormation says of a stack.
    pub(crate) fn stack(&self, name: &str) -> Value {
        self.aws("cloudformation", "describe_stacks", json!({"StackName": name}))["Stacks"][0].clone()
    }

    /// Waits until a stack has the status.
    pub(crate) fn until_stack(&self, name: &str, status: &str) {
        let start = Instant::now();
        while self.stack(name)["StackStatus"] != status {
            assert!(start.elapsed() < LONG, "{}", self.stack(name)["StackStatus"]);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn wait_held(&self, child: &mut Child) -> bool {
        let start = Instant::now();
        loop {
            if self.emulator.held().unwrap() > 0 {
                return true;
            }
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            assert!(start.elapsed() < LONG, "neither held nor ended");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// How many calls a command makes.
    pub(crate) fn counted<T>(&self, work: impl FnOnce() -> T) -> (T, u64) {
        self.emulator.clear_log().unwrap();
        let result = work();
        (result, self.emulator.log().unwrap().len() as u64)
    }
}

/// The section about the VPC. eksctl takes no gateway beside `vpc.id`.
fn vpc(wanted: &Wanted) -> Value {
    let Some(given) = &wanted.vpc else { return json!({"cidr": "10.20.0.0/16"}) };
    let subnet = |index: usize| json!({"id": given.subnets[index]});
    let mut vpc = json!({"subnets": {"private": {format!("{EMULATED_REGION}a"): subnet(0), format!("{EMULATED_REGION}b"): subnet(1)}}});
    if wanted.gateway == Gateway::None {
        vpc["id"] = json!(given.vpc);
    }
    vpc
}

/// A certificate authority for Roles Anywhere, PEM.
fn authority() -> String {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "site");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_after = rcgen::date_time_ymd(2040, 1, 1);
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
}
