//! AWS's own command line client against the lab's AWS: what verifies signatures is judged by who has made millions of them.
//! Needs what `cargo xtask real` makes.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Output;

use hybridge_lab::aws::authenticator::{Authenticator, PATH};
use hybridge_lab::aws::{
    AccessEntry, AccessKey, Authority, Aws, CertificateSpec, Cluster, EntryKind, Fault, KeyKind, Leaf, Message, Principal, Profile, Service,
};
use hybridge_lab::contract::shape;
use hybridge_lab::ec2::{Ec2State, FakeEc2, Instance};
use hybridge_lab::http::Server;
use hybridge_lab::isolate::isolated;
use hybridge_lab::netns::{Netns, Task};
use hybridge_lab::real::{Kube, Moto, Parts, TokenWebhook};
use hybridge_lab::tls::Identity;
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

/// A token of `aws eks get-token`, which asks nobody.
fn token(cli: &Cli, key: &AccessKey, cluster: &str) -> String {
    let mut command = cli.ns.command(Parts::find().unwrap().awscli().unwrap());
    command.args(["eks", "get-token", "--cluster-name", cluster, "--region", REGION]);
    command.env_clear().envs(key.environment()).env("PATH", "/usr/bin:/bin").env("HOME", "/nonexistent");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let credential: Value = serde_json::from_slice(&output.stdout).unwrap();
    credential["status"]["token"].as_str().unwrap().to_owned()
}

#[test]
fn a_real_api_server_knows_the_node_whose_token_the_client_makes() {
    isolated(|| {
        let cli = Cli::new();
        cli.aws.change_cluster("one", |cluster| {
            cluster.entries.insert(format!("arn:aws:iam::{ACCOUNT}:role/node"), AccessEntry::of_nodes(EntryKind::Ec2Linux));
        });
        let directory = tempfile::tempdir().unwrap();
        let identity = Identity::new(&[Ipv4Addr::LOCALHOST], &[]).unwrap();
        let _hook = Authenticator::new(&cli.aws, "one").serve(&cli.ns, "127.0.0.1:8443".parse().unwrap(), &identity).unwrap();
        let webhook = TokenWebhook { url: format!("https://127.0.0.1:8443{PATH}"), authority: identity.authority().into() };
        let kube = Kube::start_with(&cli.ns, Ipv4Addr::LOCALHOST, directory.path(), Some(&webhook)).unwrap();
        let whoami = |token: &str| {
            let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}).to_string();
            let server = kube.server_for_token(&cli.ns, token);
            let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
            let reply = server.send("POST", path, Some(("application/json", review.as_bytes()))).unwrap();
            (reply.status, serde_json::from_slice::<Value>(&reply.body).unwrap())
        };
        let ec2 = cli.aws.session("node", "i-0a", SignedDuration::from_hours(1));
        let hybrid = cli.aws.session("role-7", "mi-0a", SignedDuration::from_hours(1));
        for (key, name) in [(&ec2, "ip-10-0-1-10.us-west-2.compute.internal"), (&hybrid, "mi-0a")] {
            let (status, me) = whoami(&token(&cli, key, "one"));
            let user = &me["status"]["userInfo"];
            assert_eq!((status, &user["username"]), (201, &json!(format!("system:node:{name}"))), "{me}");
            assert!(user["groups"].as_array().unwrap().contains(&json!("system:nodes")), "{me}");
        }
        let wrong = AccessKey { secret: "wrong".into(), ..ec2.clone() };
        assert_eq!(whoami(&token(&cli, &wrong, "one")).0, 401);
        assert_eq!(whoami(&token(&cli, &ec2, "two")).0, 401);
        let soon_old = token(&cli, &ec2, "one");
        cli.aws.set_ahead(SignedDuration::from_mins(16));
        assert_eq!(whoami(&soon_old).0, 401);
        cli.aws.set_ahead(SignedDuration::ZERO);
        assert_eq!(whoami(&soon_old).0, 201);
    });
}

const ANCHOR: &str = "arn:aws:rolesanywhere:us-west-2:123456789012:trust-anchor/lab";
const PROFILE: &str = "arn:aws:rolesanywhere:us-west-2:123456789012:profile/lab";
const ROLE: &str = "arn:aws:iam::123456789012:role/role-7";

/// Status, error type and body of a CreateSession that Python's cryptography signs.
fn create_session(cli: &Cli, directory: &Path, leaf: &Leaf, body: &Value) -> (u16, String, Value) {
    let (certificate, key) = (directory.join("leaf.crt"), directory.join("leaf.key"));
    std::fs::write(&certificate, &leaf.certificate).unwrap();
    std::fs::write(&key, &leaf.key).unwrap();
    let encode = |arn: &str| arn.replace(':', "%3A").replace('/', "%2F");
    let query = format!("profileArn={}&roleArn={}&trustAnchorArn={}", encode(PROFILE), encode(ROLE), encode(ANCHOR));
    let mut command = cli.ns.command(Parts::find().unwrap().moto_python());
    command.args(["-c", include_str!("create_session.py"), ADDRESS, "rolesanywhere.us-west-2.amazonaws.com", REGION]);
    let output = command.args([certificate, key]).args([query, body.to_string()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let mut words = text.splitn(3, ' ');
    let (status, kind) = (words.next().unwrap().parse().unwrap(), words.next().unwrap().to_owned());
    (status, kind, serde_json::from_str(words.next().unwrap()).unwrap())
}

#[test]
fn a_certificate_gives_credentials_that_the_other_services_take() {
    isolated(|| {
        let cli = Cli::new();
        let directory = tempfile::tempdir().unwrap();
        let (root, stranger) = (Authority::new("root").unwrap(), Authority::new("root").unwrap());
        let middle = root.intermediate("middle").unwrap();
        let profile = Profile { roles: vec![ROLE.into()], accepts_session_name: true, session_is_common_name: true, longest: 3600 };
        cli.aws.set_up_anywhere(|setup| {
            setup.anchors.insert(ANCHOR.into(), vec![root.der().to_vec()]);
            setup.profiles.insert(PROFILE.into(), profile);
        });
        let ask = |leaf: &Leaf, body: Value| create_session(&cli, directory.path(), leaf, &body);
        let named = || json!({"durationSeconds": 900, "roleSessionName": "node-1"});
        for kind in [KeyKind::Rsa, KeyKind::P256, KeyKind::P384] {
            let leaf = root.issue(&CertificateSpec::new("node-1", kind)).unwrap();
            let (status, _, answer) = ask(&leaf, named());
            assert_eq!(status, 201, "{kind:?}: {answer}");
            let credentials = &answer["credentialSet"][0]["credentials"];
            let text = |name: &str| credentials[name].as_str().unwrap().to_owned();
            let principal = Principal::User("whoever".into());
            let (id, secret, token) = (text("accessKeyId"), text("secretAccessKey"), Some(text("sessionToken")));
            let identity = cli.good(&AccessKey { id, secret, token, expires: None, principal }, "sts get-caller-identity");
            assert_eq!(identity["Arn"], format!("arn:aws:sts::{ACCOUNT}:assumed-role/role-7/node-1"));
        }
        let below = middle.issue(&CertificateSpec::new("node-1", KeyKind::P256)).unwrap();
        let refused = |leaf: &Leaf, body: Value, wanted: &str| {
            let (status, kind, answer) = ask(leaf, body);
            assert_eq!((status, kind.as_str(), &answer["message"]), (403, "AccessDeniedException", &json!(wanted)));
        };
        refused(&below, named(), "Untrusted signing certificate");
        let chained = Leaf { certificate: format!("{}{}", below.certificate, middle.pem()), ..below };
        assert_eq!(ask(&chained, named()).0, 201);
        refused(&stranger.issue(&CertificateSpec::new("node-1", KeyKind::P256)).unwrap(), named(), "Untrusted signing certificate");
        let ended = CertificateSpec { years: (2000, 2001), ..CertificateSpec::new("node-1", KeyKind::P256) };
        refused(&root.issue(&ended).unwrap(), named(), "Untrusted signing certificate");
        let mute = CertificateSpec { signs: false, ..CertificateSpec::new("node-1", KeyKind::P256) };
        refused(&root.issue(&mute).unwrap(), named(), "Untrusted certificate. Insufficient certificate");
        let other = root.issue(&CertificateSpec::new("node-2", KeyKind::P256)).unwrap();
        refused(&other, named(), &format!("Unable to assume role for {ROLE}"));
        cli.aws.set_up_anywhere(|setup| setup.profiles.get_mut(PROFILE).unwrap().accepts_session_name = false);
        refused(&other, named(), "Not authorized to set roleSessionName.");
    });
}

/// What the lab's AWS says and moto 5.2 does not know. If moto begins to, it belongs off the list.
const MOTO_LACKS: &[&str] = &["/cluster/accessConfig/authenticationMode: string", "/cluster/accessConfig: object"];

#[test]
fn an_emulator_by_others_gives_answers_of_the_same_shape() {
    isolated(|| {
        let cli = Cli::new();
        let directory = tempfile::tempdir().unwrap();
        let moto: SocketAddr = "127.0.0.1:8081".parse().unwrap();
        let _moto = Moto::start(&cli.ns, moto, directory.path()).unwrap();
        let key = cli.aws.session("node", "i-0a", SignedDuration::from_hours(1));
        let ask = |address: SocketAddr, service: &str, (method, path): (&str, &str), body: (&str, &str)| {
            let mut headers = vec![("host".to_owned(), address.to_string())];
            if !body.0.is_empty() {
                headers.push(("content-type".into(), body.0.into()));
            }
            let mut message =
                Message { method: method.into(), path: path.into(), query: String::new(), headers, body: body.1.as_bytes().to_vec() };
            key.sign(&mut message, (REGION, service), cli.aws.now());
            let mut server = Server::plain(&cli.ns, address);
            // The client writes Host and Content-Type itself.
            server.headers = message.headers.into_iter().filter(|(name, _)| !["host", "content-type"].contains(&name.as_str())).collect();
            let reply = server.send(method, path, (!body.0.is_empty()).then_some((body.0, body.1.as_bytes()))).unwrap();
            assert_eq!(reply.status, 200, "{service} at {address}: {}", reply.text());
            reply.text()
        };
        let made = json!({"name": "one", "version": "1.34", "roleArn": format!("arn:aws:iam::{ACCOUNT}:role/eks"),
            "kubernetesNetworkConfig": {"serviceIpv4Cidr": "10.96.0.0/16", "ipFamily": "ipv4"},
            "resourcesVpcConfig": {"subnetIds": [], "securityGroupIds": [], "publicAccessCidrs": ["0.0.0.0/0"], "vpcId": "vpc-0a", "endpointPublicAccess": true, "endpointPrivateAccess": false},
            "remoteNetworkConfig": {"remoteNodeNetworks": [{"cidrs": ["192.168.0.0/16"]}]}});
        ask(moto, "eks", ("POST", "/clusters"), ("application/json", &made.to_string()));
        let ours: SocketAddr = ADDRESS.parse().unwrap();
        let json = |text: String| shape::of_json(&serde_json::from_str(&text).unwrap());
        let mut lacking: Vec<String> = Vec::new();
        let [known, others] = [ours, moto].map(|address| json(ask(address, "eks", ("GET", "/clusters/one"), ("", ""))));
        lacking.extend(known.difference(&others).cloned());
        let form = "application/x-www-form-urlencoded";
        for (service, body) in [
            ("sts", "Action=GetCallerIdentity&Version=2011-06-15"),
            ("ec2", "Action=DescribeInstanceTypes&Version=2016-11-15&InstanceType.1=p4d.24xlarge"),
        ] {
            let [known, others] = [ours, moto].map(|address| shape::of_xml(&ask(address, service, ("POST", "/"), (form, body))));
            lacking.extend(known.difference(&others).cloned());
        }
        assert_eq!(lacking, MOTO_LACKS);
    });
}
