//! AWS's own command line client against the lab's AWS: what verifies signatures is judged by who has made millions of them.
//! Needs what `cargo xtask real` makes.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

use std::net::SocketAddr;
use std::process::Output;

use hybridge_lab::aws::{AccessEntry, AccessKey, Aws, Cluster, EntryKind, Fault, Principal, Service};
use hybridge_lab::ec2::{Ec2State, FakeEc2, Instance};
use hybridge_lab::isolate::isolated;
use hybridge_lab::netns::{Netns, Task};
use hybridge_lab::real::Parts;
use jiff::SignedDuration;
use serde_json::{Value, json};

const ACCOUNT: &str = "123456789012";
const REGION: &str = "us-west-2";
const ADDRESS: &str = "127.0.0.1:8080";

/// The client in a namespace with the lab's AWS.
struct Cli {
    ns: Netns,
    aws: Aws,
    _server: Task,
}

impl Cli {
    fn new() -> Self {
        let ns = Netns::new("aws").unwrap();
        let mut state = Ec2State::new("vpc-0a".parse().unwrap(), vec!["10.0.0.0/16".parse().unwrap()]);
        let instance = Instance {
            interface: "eni-0a".parse().unwrap(),
            private_ip: "10.0.1.10".parse().unwrap(),
            az: "us-west-2a".into(),
            source_dest_check: true,
            vxlan_open: false,
            terminated: false,
        };
        state.instances.insert("i-0a".parse().unwrap(), instance);
        let aws = Aws::new(REGION, ACCOUNT, FakeEc2::new(state));
        let mut cluster = Cluster::new("one", "https://10.0.0.1:6443", "PEM");
        cluster.remote_node_networks = vec!["192.168.0.0/16".into()];
        for number in 0..150 {
            cluster.entries.insert(format!("arn:aws:iam::{ACCOUNT}:role/role-{number}"), AccessEntry::of_nodes(EntryKind::HybridLinux));
        }
        aws.add_cluster(cluster);
        let server = aws.serve(&ns, ADDRESS.parse::<SocketAddr>().unwrap()).unwrap();
        Self { ns, aws, _server: server }
    }

    fn run(&self, key: &AccessKey, arguments: &str) -> Output {
        let mut command = self.ns.command(Parts::find().unwrap().awscli().unwrap());
        command.args(arguments.split(' ')).args(["--output", "json"]);
        command.env_clear().envs(key.environment()).env("PATH", "/usr/bin:/bin").env("HOME", "/nonexistent");
        command.env("AWS_REGION", REGION).env("AWS_DEFAULT_REGION", REGION).env("AWS_MAX_ATTEMPTS", "1");
        command.env("AWS_ENDPOINT_URL", format!("http://{ADDRESS}"));
        command.output().unwrap()
    }

    fn good(&self, key: &AccessKey, arguments: &str) -> Value {
        let output = self.run(key, arguments);
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The error code that the client reads from the answer.
    fn code(&self, key: &AccessKey, arguments: &str) -> String {
        let output = self.run(key, arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{arguments} went well");
        let code = said.split_once("error occurred (").and_then(|(_, rest)| rest.split_once(')')).map(|(code, _)| code.to_owned());
        code.unwrap_or_else(|| panic!("{arguments}: {said}"))
    }
}

#[test]
fn the_client_is_understood_and_understands() {
    isolated(|| {
        let cli = Cli::new();
        let key = cli.aws.session("node", "i-0a", SignedDuration::from_hours(1));
        let cluster = cli.good(&key, "eks describe-cluster --name one");
        assert_eq!(cluster["cluster"]["certificateAuthority"]["data"], "UEVN");
        assert_eq!(cluster["cluster"]["remoteNetworkConfig"]["remoteNodeNetworks"], json!([{"cidrs": ["192.168.0.0/16"]}]));
        let entries = cli.good(&key, "eks list-access-entries --cluster-name one");
        assert_eq!(entries["accessEntries"].as_array().unwrap().len(), 150);
        let arn = format!("arn:aws:iam::{ACCOUNT}:role/role-7");
        let entry = cli.good(&key, &format!("eks describe-access-entry --cluster-name one --principal-arn {arn}"));
        assert_eq!(entry["accessEntry"]["type"], "HYBRID_LINUX");
        let identity = cli.good(&key, "sts get-caller-identity");
        assert_eq!(identity["Arn"], format!("arn:aws:sts::{ACCOUNT}:assumed-role/node/i-0a"));
        let token = cli.good(&key, "ecr get-authorization-token");
        let token = token["authorizationData"][0]["authorizationToken"].as_str().unwrap();
        assert!(token.starts_with("QVdTO"), "{token}");
        cli.good(&key, "ecr-public get-authorization-token --region us-east-1");
        let instances = cli.good(&key, "ec2 describe-instances --instance-ids i-0a");
        assert_eq!(instances["Reservations"][0]["Instances"][0]["PrivateDnsName"], "ip-10-0-1-10.us-west-2.compute.internal");
        let types = cli.good(&key, "ec2 describe-instance-types --instance-types p4d.24xlarge");
        assert_eq!(types["InstanceTypes"][0]["NetworkInfo"]["NetworkCards"][3]["MaximumNetworkInterfaces"], 15);

        let asked = cli.aws.asked();
        assert!(asked.iter().all(|asked| asked.status == 200 && asked.principal == identity["Arn"].as_str().map(str::to_owned)));
        let actions: Vec<_> = asked.iter().map(|asked| asked.action.as_str()).collect();
        let expected = [
            "DescribeCluster",
            "ListAccessEntries",
            "ListAccessEntries",
            "DescribeAccessEntry",
            "GetCallerIdentity",
            "GetAuthorizationToken",
            "GetAuthorizationToken",
            "DescribeInstances",
            "DescribeInstanceTypes",
        ];
        assert_eq!(actions, expected);
    });
}

#[test]
fn who_is_not_who_it_says_is_refused_in_each_services_words() {
    const ASK: [&str; 4] =
        ["eks describe-cluster --name one", "sts get-caller-identity", "ecr get-authorization-token", "ec2 describe-instances"];
    isolated(|| {
        let cli = Cli::new();
        let codes = |key: &AccessKey| ASK.map(|arguments| cli.code(key, arguments));
        let good = cli.aws.session("node", "i-0a", SignedDuration::from_hours(1));
        let wrong = AccessKey { secret: "wrong".into(), ..good.clone() };
        assert_eq!(codes(&wrong), ["InvalidSignatureException", "SignatureDoesNotMatch", "InvalidSignatureException", "AuthFailure"]);
        let stranger = AccessKey::permanent(Principal::User("stranger".into()));
        assert_eq!(codes(&stranger), ["UnrecognizedClientException", "InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure"]);
        let ended = cli.aws.session("node", "i-0a", SignedDuration::from_secs(-1));
        assert_eq!(codes(&ended), ["ExpiredTokenException", "ExpiredToken", "ExpiredTokenException", "RequestExpired"]);
        cli.aws.set_ahead(SignedDuration::from_mins(6));
        assert_eq!(cli.code(&good, "sts get-caller-identity"), "SignatureDoesNotMatch");
        assert_eq!(cli.code(&good, "ec2 describe-instances"), "RequestExpired");
        assert!(cli.aws.asked().iter().all(|asked| asked.principal.is_none()));
    });
}

#[test]
fn what_is_not_there_and_planned_faults_have_the_real_codes() {
    isolated(|| {
        let cli = Cli::new();
        let key = cli.aws.accept(AccessKey::permanent(Principal::User("lab".into())));
        for (arguments, code) in [
            ("eks describe-cluster --name two", "ResourceNotFoundException"),
            (
                "eks describe-access-entry --cluster-name one --principal-arn arn:aws:iam::123456789012:role/none",
                "ResourceNotFoundException",
            ),
            ("ec2 describe-instance-types --instance-types mock.large", "InvalidInstanceType"),
            ("ec2 describe-instances --instance-ids i-0b", "InvalidInstanceID.NotFound"),
        ] {
            assert_eq!(cli.code(&key, arguments), code, "{arguments}");
        }
        cli.aws.fail(Service::Ec2, Fault::Throttle, Some(1));
        assert_eq!(cli.code(&key, "ec2 describe-instances"), "RequestLimitExceeded");
        cli.good(&key, "ec2 describe-instances");
        cli.aws.fail(Service::Eks, Fault::AccessDenied, None);
        assert_eq!(cli.code(&key, "eks describe-cluster --name one"), "AccessDeniedException");
        cli.aws.heal();
        cli.good(&key, "eks describe-cluster --name one");
    });
}
