//! Probes across a router between two pods, each in a network namespace of its own, and what they say when the router misbehaves.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::AsRawFd;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use netlink_packet_route::route::RouteType;
use nix::net::if_::if_nametoindex;
use rtnetlink::{Handle, LinkUnspec, LinkVeth, RouteMessageBuilder};

use super::*;
use crate::isolate::isolated;

const CLOUD: [u8; 3] = [10, 0, 3];
const HYBRID: [u8; 3] = [10, 250, 1];
const HYBRID_POD: Ipv4Addr = Ipv4Addr::new(10, 250, 1, 10);

/// Two pods and a router between them.
struct Path {
    cloud: Side,
    router: Netns,
    hybrid: Side,
    origin: Instant,
}

impl Path {
    fn new() -> Self {
        let router = Netns::new("router").unwrap();
        let (cloud, hybrid) = (pod(&router, "cloud", CLOUD), pod(&router, "hybrid", HYBRID));
        let path = Self { cloud, router, hybrid, origin: Instant::now() };
        path.forward(true);
        // The kernel drops what is sent over a new link until its link watch has run, up to a second later.
        let begun = Instant::now();
        while !path.carries() {
            assert!(begun.elapsed() < ms(5000), "the path never came up");
        }
        path
    }

    fn carries(&self) -> bool {
        let running = self.start(Load { udp: 100, connects: 0, streams: 0, df: 0, ..Load::default() });
        thread::sleep(ms(20));
        running.stop().probes.iter().all(|probe| probe.answered == probe.sent)
    }

    fn start(&self, load: Load) -> Running {
        let (cloud, hybrid) = (self.cloud.clone(), self.hybrid.clone());
        start(Plan { cloud, hybrid, origin: self.origin, load }).unwrap()
    }

    /// A router that does not forward drops packets and says nothing.
    fn forward(&self, on: bool) {
        self.router.run(|| std::fs::write("/proc/sys/net/ipv4/ip_forward", if on { "1" } else { "0" }).unwrap());
    }

    /// Forwards nothing for about `length`.
    fn cut(&self, length: Duration) -> Cut {
        let timed = |on| {
            let before = self.origin.elapsed();
            self.forward(on);
            (before, self.origin.elapsed())
        };
        let begun = timed(false);
        thread::sleep(length);
        Cut { begun, ended: timed(true) }
    }
}

/// When a cut began and ended: no sooner, and no later.
#[derive(Debug)]
struct Cut {
    begun: (Duration, Duration),
    ended: (Duration, Duration),
}

/// Whether the moment lies between the two, give or take `blur`.
fn between(at: Duration, (from, to): (Duration, Duration), blur: Duration) -> bool {
    at + blur >= from && at <= to + blur
}

/// A pod `.10` behind the router's `.1`.
fn pod(router: &Netns, name: &str, [a, b, c]: [u8; 3]) -> Side {
    let ns = Netns::new(name).unwrap();
    let (address, gateway) = (Ipv4Addr::new(a, b, c, 10), Ipv4Addr::new(a, b, c, 1));
    let to_router = router.fd().as_raw_fd();
    netlink(&ns, async |handle| {
        handle.link().add(LinkVeth::new("eth0", name).build()).execute().await.unwrap();
        handle.link().set(LinkUnspec::new_with_index(index(name)).setns_by_fd(to_router).build()).execute().await.unwrap();
        raise(&handle, "eth0", address).await;
    });
    netlink(router, async |handle| raise(&handle, name, gateway).await);
    netlink(&ns, async |handle| {
        let route = RouteMessageBuilder::<Ipv4Addr>::new().gateway(gateway).build();
        handle.route().add(route).execute().await.unwrap();
    });
    Side { ns, address }
}

async fn raise(handle: &Handle, link: &str, address: Ipv4Addr) {
    let index = index(link);
    handle.address().add(index, address.into(), 24).execute().await.unwrap();
    handle.link().set(LinkUnspec::new_with_index(index).up().build()).execute().await.unwrap();
}

fn index(link: &str) -> u32 {
    if_nametoindex(link).unwrap()
}

fn netlink<T: Send>(ns: &Netns, work: impl AsyncFnOnce(Handle) -> T + Send) -> T {
    ns.run(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (connection, handle, _) = rtnetlink::new_connection().unwrap();
            tokio::spawn(connection);
            work(handle).await
        })
    })
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn probe(outcome: &Outcome, kind: Kind, direction: Direction) -> &ProbeOutcome {
    outcome.probes.iter().find(|probe| (probe.kind, probe.direction) == (kind, direction)).unwrap()
}

#[test]
fn on_a_whole_path_every_probe_flows_and_nothing_is_lost() {
    isolated(|| {
        let path = Path::new();
        let running = path.start(Load { streams: 3, ..Load::default() });
        thread::sleep(ms(800));
        assert!(running.counters().iter().all(|live| live.answered > 0 && live.lost == 0));
        let outcome = running.stop();
        assert_eq!(outcome.probes.len(), 8);
        for probe in &outcome.probes {
            assert!(probe.flows(), "{probe:#?}");
            assert_eq!((probe.lost, probe.answered), (0, probe.sent), "{probe:#?}");
            assert_eq!(probe.errors, BTreeMap::new());
            assert_eq!(probe.losses, []);
        }
        // 800 at 1 kHz; half of that also on a machine that is busy with other tests.
        assert!((400..=820).contains(&probe(&outcome, Kind::Udp, Direction::CloudToHybrid).sent));
    });
}

#[test]
fn a_cut_shows_as_one_window_of_its_length_and_as_stalls_of_tcp() {
    isolated(|| {
        let path = Path::new();
        let running = path.start(Load::default());
        thread::sleep(ms(300));
        let cut = path.cut(ms(300));
        // A SYN that was lost is sent again after a second.
        thread::sleep(ms(1500));
        let outcome = running.stop();
        for direction in Direction::BOTH {
            for kind in [Kind::Udp, Kind::Df] {
                let probe = probe(&outcome, kind, direction);
                let [window] = probe.losses[..] else { panic!("{probe:#?}") };
                // No finer than the sender's own pauses, and some time for a packet under way.
                let blur = probe.longest_pause + ms(10);
                assert!(between(window.start, cut.begun, blur), "{window:?}, {cut:?}");
                assert!(between(window.end(), cut.ended, blur), "{window:?}, {cut:?}");
                assert_eq!((window.hit, window.open), (probe.lost, false));
                assert!(probe.flows());
            }
            let connect = probe(&outcome, Kind::Connect, direction);
            assert_eq!((connect.lost, connect.losses.len()), (0, 0), "{connect:#?}");
            assert_eq!(connect.stalls.len(), 1, "{connect:#?}");
            assert!(connect.latency.unwrap().max >= ms(1000), "{connect:#?}");
            let stream = probe(&outcome, Kind::Stream, direction);
            assert_eq!((stream.lost, stream.deaths.len()), (0, 0), "{stream:#?}");
            let certain = cut.ended.0 - cut.begun.1;
            assert!(stream.longest_stall().unwrap().length + ms(20) >= certain, "{stream:#?}, {cut:?}");
        }
    });
}

#[test]
fn a_path_cut_one_way_is_told_by_where_the_packets_got_to() {
    isolated(|| {
        let path = Path::new();
        let running = path.start(Load { connects: 0, streams: 0, df: 0, ..Load::default() });
        thread::sleep(ms(100));
        netlink(&path.router, async |handle| {
            let route = RouteMessageBuilder::<Ipv4Addr>::new().destination_prefix(HYBRID_POD, 32).kind(RouteType::BlackHole);
            handle.route().add(route.build()).execute().await.unwrap();
        });
        thread::sleep(ms(200));
        let outcome = running.stop();
        let to_hybrid = probe(&outcome, Kind::Udp, Direction::CloudToHybrid);
        let to_cloud = probe(&outcome, Kind::Udp, Direction::HybridToCloud);
        assert!(to_hybrid.lost > 20 && to_cloud.lost > 20, "{outcome:#?}");
        assert_eq!(to_hybrid.answers_lost, 0);
        assert_eq!(to_cloud.answers_lost, to_cloud.lost);
        // Not mended before the end, so it does not flow.
        assert!(!to_hybrid.flows() && to_hybrid.losses.last().unwrap().open);
    });
}

#[test]
fn packets_larger_than_the_path_mtu_are_refused_and_small_ones_flow() {
    isolated(|| {
        let path = Path::new();
        netlink(&path.router, async |handle| {
            handle.link().set(LinkUnspec::new_with_index(index("hybrid")).mtu(1400).build()).execute().await.unwrap();
        });
        let running = path.start(Load { connects: 0, streams: 0, ..Load::default() });
        thread::sleep(ms(400));
        let outcome = running.stop();
        let (df, udp) = (probe(&outcome, Kind::Df, Direction::CloudToHybrid), probe(&outcome, Kind::Udp, Direction::CloudToHybrid));
        assert_eq!(df.answered, 0, "{df:#?}");
        assert!(df.errors.get("EMSGSIZE").is_some_and(|times| *times > 0), "{df:#?}");
        assert_eq!(udp.lost, 0, "{udp:#?}");
    });
}

#[test]
fn stopping_takes_no_more_than_200_ms_on_a_dead_path_too() {
    isolated(|| {
        let path = Path::new();
        path.forward(false);
        let running = path.start(Load { streams: 4, ..Load::default() });
        thread::sleep(ms(300));
        let told = Instant::now();
        let outcome = running.stop();
        // Leaves 100 ms for a machine that runs other tests.
        assert!(told.elapsed() < ms(300), "{:?}", told.elapsed());
        assert!(outcome.probes.iter().all(|probe| !probe.flows() && probe.answered == 0), "{outcome:#?}");
        let udp = probe(&outcome, Kind::Udp, Direction::HybridToCloud);
        assert_eq!((udp.lost, udp.losses.len()), (udp.sent, 1));
    });
}

#[test]
fn a_reset_connection_is_a_death_and_another_one_takes_its_place() {
    isolated(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (clock, book) = (Clock::new(Instant::now()), Book::new(stream::LIMITS));
        let shelf = stream::Shelf::default();
        let (accepted, seen) = mpsc::channel();
        thread::spawn(move || {
            for _ in 0..3 {
                let (stream, _) = listener.accept().unwrap();
                thread::sleep(ms(30));
                connect::reset_on_close(&stream);
                accepted.send(()).unwrap();
            }
        });
        thread::scope(|scope| {
            scope.spawn(|| stream::run(address, (&clock, &book), 1, &shelf));
            (0..3).for_each(|_| seen.recv_timeout(ms(5000)).unwrap());
            thread::sleep(ms(50));
            clock.end();
        });
        let findings = shelf.lock().unwrap();
        let reasons: Vec<_> = findings.deaths.iter().map(|death| death.reason.as_str()).collect();
        assert_eq!(reasons, ["ECONNRESET"; 3]);
        assert_eq!(findings.stalls.len(), 1, "{findings:#?}");
        assert!(findings.stalls[0].open);
    });
}

#[test]
fn a_refused_connection_is_lost_and_named() {
    isolated(|| {
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (clock, book) = (Clock::new(Instant::now()), Book::new(connect::LIMITS));
        thread::scope(|scope| {
            scope.spawn(|| connect::run(nobody, &clock, &book, 50));
            thread::sleep(ms(100));
            clock.end();
        });
        let ledger = book.open();
        assert!(ledger.total() >= 2);
        assert_eq!(ledger.total_answered(), 0);
        assert!(!ledger.waits());
    });
}

#[test]
fn what_cannot_be_probed_is_refused_with_the_reason() {
    isolated(|| {
        let ns = Netns::new("pod").unwrap();
        let side = |address| Side { ns: ns.clone(), address };
        let plan = |address, load| Plan { cloud: side(Ipv4Addr::LOCALHOST), hybrid: side(address), origin: Instant::now(), load };
        let foreign = start(plan(HYBRID_POD, Load::default())).unwrap_err();
        insta::assert_snapshot!(foreign, @"cannot open a socket on 10.250.1.10 in network namespace `pod`");
        let small = start(plan(Ipv4Addr::LOCALHOST, Load { df_packet: 43, ..Load::default() })).unwrap_err();
        insta::assert_snapshot!(small, @"a packet of 43 bytes is too small to probe with: at least 44 are needed");
    });
}
