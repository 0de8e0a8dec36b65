//! The world around a gateway, with the gateway's part played by hand: does every piece obey what it should?

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use hybridge_lab::ec2::RouteTarget;
use hybridge_lab::fault::{self, Fault};
use hybridge_lab::isolate::isolated;
use hybridge_lab::journal::Source;
use hybridge_lab::kube::VtepCrd;
use hybridge_lab::probe::{self, Direction, Load, Plan, Side};
use hybridge_lab::topology::{Host, Size, pod_cidr};
use hybridge_lab::world::{HostKind, KubeKind, World, WorldConfig, ping};
use hybridge_model::kernel::{Change, FdbEntry, Neighbour, NextHop, Route, Vxlan, VxlanSpec};
use hybridge_model::{Cidr4, MacAddr};
use hybridge_netlink::Netlink;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(10);
const DEVICE: &str = "hybrid_vxlan0";

/// A world whose gateway hosts run no program.
fn world(change: impl FnOnce(&mut WorldConfig)) -> (World, tempfile::TempDir) {
    let _set_before = tracing_subscriber::fmt().with_env_filter("hybridge_lab=debug").try_init();
    let directory = tempfile::tempdir().unwrap();
    let mut config = WorldConfig { replicas: 0, ..WorldConfig::new("/bin/false", directory.path()) };
    change(&mut config);
    (World::start(&config).unwrap_or_else(|e| panic!("{}", hybridge_report::chain(&e))), directory)
}

/// What a gateway programs into its kernel.
fn program(world: &World, gateway: usize) {
    let address = world.gateways[gateway].address();
    let vxlan = Vxlan { vni: 2, port: 8472, local: Some(address), learning: false, external: false };
    let mut changes = vec![Change::CreateVxlan(VxlanSpec { name: DEVICE.into(), mac: MacAddr::of_gateway(address), mtu: 1450, vxlan })];
    for hybrid in &world.topology.hybrid {
        let node = hybrid.node.address;
        let mac = MacAddr::of_peer(node);
        changes.push(Change::SetFdb(FdbEntry { mac, remote: node, permanent: true }));
        changes.push(Change::SetNeighbour(Neighbour { address: node, mac, permanent: true }));
        changes.push(Change::SetRoute(Route { destination: hybrid.pod_cidr, metric: 0, via: NextHop::Device(node), protocol: 72 }));
    }
    let ns = &world.gateways[gateway].leg.host.ns;
    let failures = ns.run(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { Netlink::connect().unwrap().apply(&changes, DEVICE).await.len() })
    });
    assert_eq!(failures, 0);
}

/// What a leader writes into every route table.
fn route_pods_to(world: &World, gateway: usize) {
    let target = RouteTarget::Interface(world.gateways[gateway].interface.clone());
    world.cloud.ec2.update(|state| {
        for table in state.tables.keys().cloned().collect::<Vec<_>>() {
            if state.create_route(&table, pod_cidr(), target.clone()).is_err() {
                state.replace_route(&table, pod_cidr(), target.clone()).unwrap();
            }
        }
    });
}

/// What a leader writes into the cluster.
fn vtep_to(world: &World, gateway: usize, cidrs: &[Cidr4], mask: Option<&str>) {
    let address = world.gateways[gateway].address();
    let endpoint = |(i, cidr): (usize, &Cidr4)| {
        let name = if i == 0 { "vpc-gateway".to_owned() } else { format!("vpc-gateway-{i}") };
        json!({"name": name, "tunnelEndpoint": address.to_string(), "cidr": cidr.to_string(), "mac": MacAddr::of_gateway(address).to_string()})
    };
    let mut object = json!({
        "apiVersion": "cilium.io/v2", "kind": "CiliumVTEPConfig", "metadata": {"name": "hybrid-gateway"},
        "spec": {"endpoints": cidrs.iter().enumerate().map(endpoint).collect::<Vec<Value>>()},
    });
    if let Some(mask) = mask {
        object["spec"]["cidrMask"] = json!(mask);
    }
    world.cluster.fake.as_ref().unwrap().put_object(object).unwrap();
}

/// Everything a gateway does that leads.
fn carry(world: &World, gateway: usize) {
    program(world, gateway);
    route_pods_to(world, gateway);
    vtep_to(world, gateway, &world.topology.size.vpc_cidrs(), None);
    world.wait_carrying(SOON).unwrap_or_else(|e| panic!("{e}"));
}

fn crosses(world: &World, node: usize) -> (bool, bool) {
    let (cloud, hybrid) = (&world.topology.cloud_pod, &world.topology.hybrid[node].pod);
    let timeout = Duration::from_millis(300);
    let answered = |from, to| ping(from, to, timeout).is_ok_and(|reply| reply.is_some());
    (answered(&cloud.ns, hybrid.address), answered(&hybrid.ns, cloud.address))
}

fn eventually(what: &str, done: impl Fn() -> bool) {
    let deadline = Instant::now() + SOON;
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn packets_cross_where_routes_and_vtep_lead() {
    isolated(|| {
        let (world, _dir) = world(|_| {});
        assert_eq!(crosses(&world, 0), (false, false), "nobody carries anything yet");
        carry(&world, 0);
        assert_eq!((world.active(), crosses(&world, 1)), (Some(0), (true, true)));
        program(&world, 1);
        route_pods_to(&world, 1);
        vtep_to(&world, 1, &world.topology.size.vpc_cidrs(), None);
        world.topology.delete_device(&world.gateways[0].leg.host.ns, DEVICE).unwrap();
        assert_eq!(world.wait_carrying(SOON).unwrap(), 1);

        let marks = |source| world.journal.entries().into_iter().filter(move |e| e.source == source).map(|e| (e.host, e.what));
        let routes: Vec<_> = marks(Source::Route).map(|(_, what)| what).collect();
        assert_eq!(
            routes,
            ["route 10.250.0.0/16 → gateway-a"; 2].into_iter().chain(["route 10.250.0.0/16 → gateway-b"; 2]).collect::<Vec<_>>()
        );
        let nodes: BTreeMap<_, _> = marks(Source::Vtep).collect();
        let last = "VTEP 10.0.0.0/16 → gateway-b".to_owned();
        assert_eq!(nodes, BTreeMap::from([("hybrid-1".to_owned(), last.clone()), ("hybrid-2".to_owned(), last)]));
        assert_eq!(world.cluster.fake.as_ref().unwrap().unexpected(), Vec::<String>::new());
    });
}

#[test]
fn the_fabric_obeys_checks_groups_and_terminations() {
    isolated(|| {
        let (mut world, _dir) = world(|_| {});
        carry(&world, 0);
        let instance = world.gateways[0].instance.clone();
        let connected = |world: &World| crosses(world, 0) == (true, true);
        let cut = |world: &World| crosses(world, 0) == (false, false);

        world.cloud.set_source_dest_check(&instance, true).unwrap();
        eventually("the check drops transit packets", || cut(&world));
        world.cloud.set_source_dest_check(&instance, false).unwrap();
        eventually("without the check they pass again", || connected(&world));

        world.cloud.set_vxlan_open(&instance, false).unwrap();
        eventually("a closed group drops tunnel packets", || cut(&world));
        world.cloud.set_vxlan_open(&instance, true).unwrap();
        eventually("an open one lets them through", || connected(&world));

        world.cloud.delete_route(pod_cidr()).unwrap();
        eventually("without a route nothing crosses", || cut(&world));
        route_pods_to(&world, 0);
        eventually("with it everything does", || connected(&world));

        world.terminate(0).unwrap();
        eventually("a terminated instance carries nothing", || cut(&world));
        let what: Vec<_> = world.journal.entries().into_iter().map(|e| e.what).collect();
        assert!(what.contains(&"route 10.250.0.0/16 → nowhere".into()), "{what:?}");
    });
}

#[test]
fn routes_and_vtep_take_effect_after_their_delays() {
    isolated(|| {
        let delay = Duration::from_millis(400);
        let (world, _dir) = world(|config| {
            config.delays.routes.default = delay;
            config.delays.vtep_of_node.insert("hybrid-2".into(), delay);
        });
        program(&world, 0);
        let written = Instant::now();
        route_pods_to(&world, 0);
        vtep_to(&world, 0, &world.topology.size.vpc_cidrs(), None);
        world.wait_carrying(SOON).unwrap();
        let after: BTreeMap<_, _> = world.journal.entries().into_iter().map(|e| (e.host, e.at - written)).collect();
        assert!(after["vpc-router"] >= delay && after["hybrid-2"] >= delay, "{after:?}");
        assert!(after["hybrid-1"] < delay, "{after:?}");
    });
}

#[test]
fn an_endpoint_under_a_shorter_mask_matches_only_its_first_network() {
    isolated(|| {
        let (world, _dir) = world(|config| config.kube = KubeKind::Builtin(VtepCrd::OneMask));
        program(&world, 0);
        route_pods_to(&world, 0);
        let to_cloud_node = || {
            let pod = &world.topology.hybrid[0].pod.ns;
            ping(pod, Ipv4Addr::new(10, 0, 3, 10), Duration::from_millis(200)).is_ok_and(|reply| reply.is_some())
        };
        vtep_to(&world, 0, &["10.0.0.0/16".parse().unwrap()], Some("255.255.255.0"));
        eventually("the node takes the object up", || !world.journal.entries().is_empty());
        assert!(!to_cloud_node(), "10.0.3.0/24 is not the first /24 of 10.0.0.0/16");
        vtep_to(&world, 0, &["10.0.0.0/16".parse().unwrap()], Some("255.255.0.0"));
        eventually("under the whole mask it is matched", to_cloud_node);
    });
}

#[test]
fn a_second_vpc_cidr_is_reached_like_the_first() {
    isolated(|| {
        let (world, _dir) = world(|config| config.size = Size { second_vpc_cidr: true, hybrid_nodes: 1, ..Size::default() });
        carry(&world, 0);
        let pod = &world.topology.hybrid[0].pod.ns;
        assert!(ping(pod, Ipv4Addr::new(100, 64, 3, 20), Duration::from_secs(1)).unwrap().is_some());
    });
}

#[test]
fn faults_cut_and_their_undoing_mends() {
    isolated(|| {
        let (mut world, _dir) = world(|_| {});
        carry(&world, 0);
        for (fault, during) in [
            (Fault::HostLoss, (false, false)),
            // What is in the kernel of nodes and gateways stays there.
            (Fault::KubeDown, (true, true)),
            (Fault::Ec2Fail, (true, true)),
        ] {
            let done = fault::inject(&mut world, fault).unwrap();
            assert_eq!(crosses(&world, 0), during, "{fault}");
            fault::undo(&mut world, &done).unwrap();
            eventually(&format!("{fault} is undone"), || crosses(&world, 0) == (true, true));
        }
        fault::inject(&mut world, Fault::VtepDelete).unwrap();
        eventually("without CiliumVTEPConfig hybrid pods reach nothing", || crosses(&world, 0) == (false, false));
    });
}

#[test]
fn a_node_whose_pods_move_is_reached_at_the_new_network() {
    isolated(|| {
        let (mut world, _dir) = world(|_| {});
        carry(&world, 0);
        let done = fault::inject(&mut world, Fault::PodCidrMove).unwrap();
        let moved = world.topology.hybrid[0].pod.address;
        assert_eq!(moved, Ipv4Addr::new(10, 250, 250, 10));
        assert_eq!(crosses(&world, 0), (false, false), "the gateway knows the old network only");
        let node = world.cluster.get("/apis/cilium.io/v2/ciliumnodes/hybrid-1").unwrap().unwrap();
        assert_eq!(node["spec"]["ipam"]["podCIDRs"], json!(["10.250.250.0/24"]));
        fault::undo(&mut world, &done).unwrap();
        eventually("back at the old one it is reached", || crosses(&world, 0) == (true, true));
    });
}

#[derive(Clone, Copy)]
enum First {
    Vtep,
    Routes,
}

/// Moves the traffic from one healthy gateway to the other under four established connections each way; connections that died,
/// from the cloud and from the site.
fn deaths_at_a_takeover(host: HostKind, first: First) -> (usize, usize) {
    let (world, _dir) = world(|config| config.host = host);
    carry(&world, 0);
    program(&world, 1);
    let side = |host: &Host| Side { ns: host.ns.clone(), address: host.address };
    let (cloud, hybrid) = (side(&world.topology.cloud_pod), side(&world.topology.hybrid[0].pod));
    let load = Load { udp: 0, connects: 0, df: 0, streams: 4, ..Load::default() };
    let running = probe::start(Plan { cloud, hybrid, origin: Instant::now(), load }).unwrap();
    eventually("records are answered", || running.counters().iter().all(|live| live.answered > 20));
    let taken_up = |what: &str| world.journal.entries().iter().any(|entry| entry.what == what);
    let move_vtep = || {
        vtep_to(&world, 1, &world.topology.size.vpc_cidrs(), None);
        eventually("nodes take it up", || taken_up("VTEP 10.0.0.0/16 → gateway-b"));
    };
    let move_routes = || {
        route_pods_to(&world, 1);
        eventually("the fabric takes it up", || taken_up("route 10.250.0.0/16 → gateway-b"));
    };
    match first {
        First::Vtep => (move_vtep(), std::thread::sleep(Duration::from_millis(100)), move_routes()),
        First::Routes => (move_routes(), std::thread::sleep(Duration::from_millis(100)), move_vtep()),
    };
    std::thread::sleep(Duration::from_secs(2));
    let outcome = running.stop();
    let died = |direction| outcome.probes.iter().filter(|p| p.direction == direction).map(|p| p.deaths.len()).sum();
    (died(Direction::CloudToHybrid), died(Direction::HybridToCloud))
}

#[test]
fn on_plain_hosts_established_connections_survive_a_takeover() {
    isolated(|| assert_eq!(deaths_at_a_takeover(HostKind::Plain, First::Routes), (0, 0)));
}

/// The other gateway has not seen the connection, so it translates the cloud pod's packets anew and the far end sees a stranger.
/// To be turned round when the data path bypasses connection tracking.
#[test]
fn on_eks_hosts_every_connection_from_the_cloud_dies_at_a_takeover() {
    isolated(|| assert_eq!(deaths_at_a_takeover(HostKind::Eks, First::Vtep), (4, 0)));
}

/// Where routes move first, the first packet that the other gateway sees of a connection from the site is an answer of the cloud
/// pod, which it takes for the beginning of a connection from there.
#[test]
fn on_eks_hosts_connections_from_the_site_die_too_where_routes_move_first() {
    isolated(|| assert_eq!(deaths_at_a_takeover(HostKind::Eks, First::Routes), (4, 4)));
}

#[test]
fn gateways_start_like_pods_of_the_chart_and_nothing_of_the_machine_leaks_in() {
    isolated(|| {
        let directory = tempfile::tempdir().unwrap();
        let script = directory.path().join("gateway");
        write_script(
            &script,
            "env | sort; hostname; cat /run/secrets/kubernetes.io/serviceaccount/namespace; echo; ip -4 -o address show dev eth0; exec sleep 60",
        );
        // SAFETY: this process runs one test and has no other thread yet.
        #[allow(unsafe_code, reason = "a variable of the machine must not reach gateways, so one is set")]
        unsafe {
            std::env::set_var("AWS_CA_BUNDLE", "/nowhere");
        }
        let config = WorldConfig { replicas: 1, ..WorldConfig::new(&script, directory.path()) };
        let mut world = World::start(&config).unwrap();
        eventually("the script has written its lines", || log(&world).contains("inet"));
        let said = log(&world);
        for line in [
            "NODE_IP=10.0.1.10",
            "VPC_CIDR=10.0.0.0/16",
            "POD_CIDRS=10.250.0.0/16",
            "ROUTE_TABLE_IDS=rtb-00000000000000001,rtb-00000000000000002",
            "AWS_ENDPOINT_URL=http://10.0.101.10:80",
            "ip-10-0-1-10.us-west-2.compute.internal",
            "eks-hybrid-nodes-gateway",
        ] {
            assert!(said.lines().any(|l| l == line), "no line `{line}` in:\n{said}");
        }
        assert!(said.contains("10.0.1.10/24") && !said.contains("AWS_CA_BUNDLE"), "{said}");

        assert!(world.gateways[0].pid().is_some());
        world.gateways[0].signal(nix::sys::signal::Signal::SIGTERM).unwrap();
        assert!(world.gateways[0].wait(SOON).unwrap().is_some());
        assert_eq!(world.gateways[0].pid(), None);
    });
}

fn write_script(path: &Path, body: &str) {
    std::fs::write(path, format!("#!/bin/sh\n{body}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn log(world: &World) -> String {
    std::fs::read_to_string(&world.gateways[0].log).unwrap_or_default()
}
