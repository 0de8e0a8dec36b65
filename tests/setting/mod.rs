//! What tests of the gateway in the lab's world have in common.

#![allow(dead_code, reason = "each test file uses its part")]

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use hybridge_gateway::datapath::{DEVICE, ROUTE_PROTOCOL};
use hybridge_lab::kube::FakeKube;
use hybridge_lab::netns::Netns;
use hybridge_lab::topology::UPLINK;
use hybridge_lab::world::{METRICS_PORT, PROBE_PORT, World, WorldConfig, ping};
use hybridge_model::Cidr4;
use hybridge_model::kernel::{Change, NextHop, Snapshot};
use hybridge_netlink::{LinkCounters, Netlink};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

/// Our own chart.
pub(crate) fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../charts/hybridge-gateway")
}

/// The command that people type, which is of another package than the gateway that these tests belong to.
pub(crate) fn hybridge() -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_hybridge-gateway")).with_file_name("hybridge");
    assert!(path.exists(), "hybridge is not built; run `cargo build -p hybridge` or `cargo test --workspace`");
    path
}

/// Longer than anything that is waited for should take, on a slow machine.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// A world with our gateway, of the usual size but for `change`.
pub(crate) fn start(change: impl FnOnce(&mut WorldConfig)) -> World {
    let directory = tempfile::Builder::new().prefix("hybridge-test-").tempdir().unwrap().keep();
    let mut config = WorldConfig::new(env!("CARGO_BIN_EXE_hybridge-gateway"), directory);
    change(&mut config);
    // Behind what the test passes: its first arguments may be those of a program that starts the gateway.
    config.gateway_args.push("--log-format=text".into());
    World::start(&config).unwrap_or_else(|error| panic!("{}", hybridge_report::chain(&error)))
}

/// Ends a world: the built-in APIs must have understood every request, and the logs of a run that went well are of no use.
pub(crate) fn finish(world: World) {
    if let Some(fake) = &world.cluster.fake {
        assert_eq!(fake.unexpected(), Vec::<String>::new(), "the gateway asked what the built-in Kubernetes API does not know");
    }
    assert_eq!(world.cloud.ec2.unexpected(), Vec::<String>::new(), "the gateway asked what the built-in EC2 API does not know");
    let directory = world.directory.clone();
    drop(world);
    std::fs::remove_dir_all(directory).unwrap();
}

/// Ends a gateway as a rolling update does, and waits until it has ended well.
pub(crate) fn end(world: &mut World, index: usize) {
    world.gateways[index].signal(Signal::SIGTERM).unwrap();
    let status = world.gateways[index].wait(LONG).unwrap().unwrap();
    assert!(status.success(), "{status}");
}

pub(crate) fn fake(world: &World) -> &FakeKube {
    world.cluster.fake.as_ref().expect("a world with the built-in API")
}

pub(crate) fn readiness(world: &World, index: usize) -> String {
    world.gateways[index].get(PROBE_PORT, "/readyz").map(|reply| reply.text()).unwrap_or_default()
}

pub(crate) fn metrics(world: &World, index: usize) -> String {
    world.gateways[index].get(METRICS_PORT, "/metrics").unwrap().text()
}

fn netlink<T: Send>(ns: &Netns, ask: impl AsyncFnOnce(Netlink) -> T + Send) -> T {
    ns.run(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { ask(Netlink::connect().unwrap()).await })
    })
}

pub(crate) fn snapshot(world: &World, index: usize) -> Snapshot {
    netlink(&world.gateways[index].leg.host.ns, async |netlink| netlink.snapshot(DEVICE, ROUTE_PROTOCOL).await.unwrap())
}

pub(crate) fn change(world: &World, index: usize, changes: &[Change]) {
    let failures = netlink(&world.gateways[index].leg.host.ns, async |netlink| netlink.apply(changes, DEVICE).await);
    assert!(failures.is_empty(), "{failures:?}");
}

pub(crate) fn counters(world: &World, index: usize) -> LinkCounters {
    netlink(&world.gateways[index].leg.host.ns, async |netlink| netlink.counters(UPLINK).await.unwrap().unwrap())
}

/// Index of the tunnel device, 0 where there is none. The kernel never gives an index twice.
pub(crate) fn device_index(world: &World, index: usize) -> u32 {
    snapshot(world, index).link(DEVICE).map_or(0, |link| link.index)
}

/// Networks that are routed over the device, in order.
pub(crate) fn destinations(world: &World, index: usize) -> Vec<String> {
    let snapshot = snapshot(world, index);
    let routes = snapshot.routes.iter().filter(|route| matches!(route.via, NextHop::Device(_)));
    routes.map(|route| route.destination.to_string()).collect()
}

pub(crate) fn wait_destinations(world: &World, index: usize, wanted: &[&str]) {
    let what = format!("routes to {wanted:?}");
    if let Err(error) = world.wait(&what, LONG, |world| destinations(world, index) == wanted) {
        panic!("{error}\nthere are {:?}", destinations(world, index));
    }
}

pub(crate) fn cidrs(texts: &[&str]) -> Vec<Cidr4> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

pub(crate) fn create_cilium_node(world: &World, name: &str, ip: &str, pod_cidrs: Value) {
    let object = json!({
        "apiVersion": "cilium.io/v2", "kind": "CiliumNode",
        "metadata": {"name": name, "labels": {"eks.amazonaws.com/compute-type": "hybrid"}},
        "spec": {"addresses": [{"type": "InternalIP", "ip": ip}], "ipam": {"podCIDRs": pod_cidrs}}});
    world.cluster.create("/apis/cilium.io/v2/ciliumnodes", &object).unwrap();
}

/// Pings a hybrid pod from the cloud pod, and the other way, again and again.
pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    lost: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

pub(crate) fn watch(world: &World) -> Watch {
    let (cloud, hybrid) = (&world.topology.cloud_pod, &world.topology.hybrid[0].pod);
    let (stop, lost) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let ways: [(Netns, Ipv4Addr); 2] = [(cloud.ns.clone(), hybrid.address), (hybrid.ns.clone(), cloud.address)];
    let threads = ways.into_iter().map(|(from, to)| {
        let (stop, lost) = (stop.clone(), lost.clone());
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                if !ping(&from, to, Duration::from_millis(500)).is_ok_and(|reply| reply.is_some()) {
                    lost.fetch_add(1, Ordering::Relaxed);
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        })
    });
    let threads = threads.collect();
    Watch { stop, lost, threads }
}

impl Watch {
    /// Ends the watch; how many pings got no reply.
    pub(crate) fn lost(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
        self.lost.load(Ordering::Relaxed)
    }
}

/// A TCP connection from the cloud pod to the first hybrid pod, which echoes.
pub(crate) struct Connection(TcpStream);

pub(crate) fn connect(world: &World) -> Connection {
    let pod = &world.topology.hybrid[0].pod;
    let address = SocketAddr::from((pod.address, 7777));
    let listener = pod.ns.run(|| TcpListener::bind(address).unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut buffer = [0; 64];
        while let Ok(length @ 1..) = stream.read(&mut buffer) {
            if stream.write_all(&buffer[..length]).is_err() {
                return;
            }
        }
    });
    let stream = world.topology.cloud_pod.ns.run(|| TcpStream::connect_timeout(&address, LONG).unwrap());
    stream.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    Connection(stream)
}

impl Connection {
    /// Sends a few bytes and waits for them to come back.
    pub(crate) fn exchange(&mut self) -> io::Result<()> {
        self.0.write_all(b"hello")?;
        self.0.read_exact(&mut [0; 5])
    }
}
