//! The gateway's EC2 and metadata clients against the built-in EC2, in a namespace of their own.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::Duration;

use hybridge_aws::{Ec2, Ec2Error, Metadata, Network, instance_identity};
use hybridge_gateway::vpc::Target;
use hybridge_lab::ec2::{Ec2State, Failure, FakeEc2, Instance, RouteTarget};
use hybridge_lab::isolate::isolated;
use hybridge_model::{Cidr4, InterfaceId, RouteTableId};

/// Longer than any answer takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(5);
const EC2: &str = "127.0.0.1:8001";
const IMDS: &str = "127.0.0.1:8002";

/// Runs `body` in a process whose AWS settings lead to the built-in servers and nowhere else, within a namespace of its own.
///
/// The SDK takes its settings from the environment, and that of a running process cannot be changed safely.
fn with_aws_settings(test: &str, body: impl FnOnce()) {
    const MARKER: &str = "HYBRIDGE_LAB_AWS_SETTINGS";
    if std::env::var_os(MARKER).is_some() {
        return isolated(body);
    }
    let kept = std::env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy().to_uppercase();
        !name.starts_with("AWS_") && !name.ends_with("_PROXY")
    });
    let outcome = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--test-threads", "1"])
        .env_clear()
        .envs(kept)
        .env("HOME", "/nonexistent")
        .env("AWS_ENDPOINT_URL", format!("http://{EC2}"))
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", format!("http://{IMDS}"))
        .env(MARKER, "1")
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&outcome.stdout);
    assert!(
        outcome.status.success() && output.contains("test result: ok. 1 passed"),
        "{output}{}",
        String::from_utf8_lossy(&outcome.stderr)
    );
}

fn run(body: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(body);
}

/// A VPC with two gateways, of which one has this machine's address, and the clients.
async fn served() -> (FakeEc2, Ec2) {
    let mut state = Ec2State::new("vpc-0a".parse().unwrap(), vec!["10.0.0.0/16".parse().unwrap()]);
    for (id, eni, private_ip) in [("i-0a", "eni-0a", Ipv4Addr::LOCALHOST), ("i-0b", "eni-0b", Ipv4Addr::new(10, 0, 2, 10))] {
        let az = "us-west-2a".into();
        let instance =
            Instance { interface: eni.parse().unwrap(), private_ip, az, source_dest_check: false, vxlan_open: true, terminated: false };
        state.instances.insert(id.parse().unwrap(), instance);
    }
    state.add_table(table(), vec![]);
    let fake = FakeEc2::new(state);
    let (api, imds) = (fake.api(), fake.imds().into_make_service_with_connect_info::<SocketAddr>());
    let listener = tokio::net::TcpListener::bind(EC2).await.unwrap();
    tokio::spawn(async move { axum::serve(listener, api).await.unwrap() });
    let listener = tokio::net::TcpListener::bind(IMDS).await.unwrap();
    tokio::spawn(async move { axum::serve(listener, imds).await.unwrap() });
    let ec2 = Ec2::connect("us-west-2", &Network::from_env().unwrap()).await;
    (fake, ec2)
}

fn table() -> RouteTableId {
    "rtb-0a".parse().unwrap()
}

fn pods() -> Cidr4 {
    "10.250.0.0/16".parse().unwrap()
}

fn interface(id: &str) -> InterfaceId {
    id.parse().unwrap()
}

fn target(fake: &FakeEc2) -> Option<RouteTarget> {
    fake.state().tables[&table()].routes.get(&pods()).map(|route| route.target.clone())
}

async fn create(ec2: &Ec2, eni: &str) -> Result<(), Ec2Error> {
    ec2.create_route(&table(), pods(), &interface(eni), DEADLINE).await
}

async fn replace(ec2: &Ec2, eni: &str, deadline: Duration) -> Result<(), Ec2Error> {
    ec2.replace_route(&table(), pods(), &interface(eni), deadline).await
}

#[test]
fn a_gateway_finds_itself_and_its_tables() {
    with_aws_settings("a_gateway_finds_itself_and_its_tables", || {
        run(async {
            let (fake, ec2) = served().await;
            let identity = instance_identity(&Metadata::from_env()).await.unwrap();
            assert_eq!((identity.region.as_str(), identity.instance.as_str()), ("us-west-2", "i-0a"));
            let instance = ec2.instance(&identity.instance).await.unwrap();
            assert_eq!((instance.primary_interface.as_str(), instance.vpc.as_str()), ("eni-0a", "vpc-0a"));
            assert!(!instance.source_dest_check);

            let addresses = [Ipv4Addr::new(10, 0, 2, 10), Ipv4Addr::new(10, 0, 9, 9)].into();
            assert_eq!(ec2.interfaces_at(&instance.vpc, &addresses).await.unwrap(), [interface("eni-0b")].into());

            create(&ec2, "eni-0b").await.unwrap();
            let tables = ec2.route_tables(&[table(), "rtb-0dead".parse().unwrap()]).await.unwrap();
            assert_eq!(tables.iter().map(|table| table.id.as_str()).collect::<Vec<_>>(), ["rtb-0a"]);
            let route = tables[0].routes.iter().find(|route| route.destination == pods()).unwrap();
            let wanted = Target::Interface { interface: interface("eni-0b"), instance: Some("i-0b".parse().unwrap()) };
            assert_eq!((&route.target, route.blackhole, route.by_create_route), (&wanted, false, true));
            let local = tables[0].routes.iter().find(|route| route.destination != pods()).unwrap();
            assert_eq!((&local.target, local.by_create_route), (&Target::Local, false));

            fake.update(|state| state.instances.get_mut(&"i-0b".parse().unwrap()).unwrap().terminated = true);
            let tables = ec2.route_tables(&[table()]).await.unwrap();
            let route = tables[0].routes.iter().find(|route| route.destination == pods()).unwrap();
            assert!(route.blackhole);
            let gone = ec2.instance(&"i-0b".parse().unwrap()).await.unwrap_err();
            assert!(matches!(gone, Ec2Error::NoPrimaryInterface { .. }), "{gone}");
            assert_eq!(ec2.interfaces_at(&instance.vpc, &addresses).await.unwrap(), [].into());
            assert_eq!(fake.unexpected(), Vec::<String>::new());
        });
    });
}

#[test]
fn routes_are_created_once_and_replaced() {
    with_aws_settings("routes_are_created_once_and_replaced", || {
        run(async {
            let (fake, ec2) = served().await;
            assert!(replace(&ec2, "eni-0a", DEADLINE).await.unwrap_err().not_found());
            create(&ec2, "eni-0a").await.unwrap();
            assert!(create(&ec2, "eni-0a").await.unwrap_err().already_exists());
            let mut changes = fake.watch();
            changes.mark_unchanged();
            replace(&ec2, "eni-0b", DEADLINE).await.unwrap();
            assert!(changes.has_changed().unwrap());
            assert_eq!(target(&fake), Some(RouteTarget::Interface(interface("eni-0b"))));
            assert!(replace(&ec2, "eni-0dead", DEADLINE).await.unwrap_err().not_found());
            let actions: Vec<_> = fake.calls().into_iter().map(|call| call.action).collect();
            assert_eq!(actions, ["ReplaceRoute", "CreateRoute", "CreateRoute", "ReplaceRoute", "ReplaceRoute"]);
            assert_eq!(fake.unexpected(), Vec::<String>::new());
        });
    });
}

#[test]
fn a_write_given_up_on_takes_effect_all_the_same() {
    with_aws_settings("a_write_given_up_on_takes_effect_all_the_same", || {
        run(async {
            let (fake, ec2) = served().await;
            create(&ec2, "eni-0a").await.unwrap();
            fake.set_latency(Duration::from_millis(400));
            let late = replace(&ec2, "eni-0b", Duration::from_millis(100)).await.unwrap_err();
            assert!(late.outcome_unknown(), "{late}");
            assert_eq!(target(&fake), Some(RouteTarget::Interface(interface("eni-0a"))));
            let moved = Some(RouteTarget::Interface(interface("eni-0b")));
            let mut changes = fake.watch();
            tokio::time::timeout(DEADLINE, changes.changed()).await.expect("the write arrives").unwrap();
            assert_eq!(target(&fake), moved);
        });
    });
}

#[test]
fn every_failure_is_seen_for_what_it_is() {
    with_aws_settings("every_failure_is_seen_for_what_it_is", || {
        run(async {
            let (fake, ec2) = served().await;
            create(&ec2, "eni-0a").await.unwrap();
            let fail = async |failure| {
                fake.set_failure(Some(failure));
                replace(&ec2, "eni-0b", Duration::from_millis(500)).await.unwrap_err()
            };
            assert!(fail(Failure::Throttle).await.is_throttled());
            assert!(fail(Failure::Unauthorized).await.is_unauthorized());
            assert!(fail(Failure::Unavailable).await.outcome_unknown());
            assert!(fail(Failure::Hang).await.outcome_unknown());
            assert_eq!(target(&fake), Some(RouteTarget::Interface(interface("eni-0a"))));
            fake.set_failure(None);
            replace(&ec2, "eni-0b", DEADLINE).await.unwrap();
        });
    });
}
