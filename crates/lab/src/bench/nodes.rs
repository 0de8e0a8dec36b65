//! From the start of a gateway until the kernel has the routes of thousands of hybrid nodes.

use std::fs;
use std::io;
use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hybridge_gateway::datapath::DEVICE;
use nix::sys::signal::Signal;

use super::footprint;
use super::stage::{PATIENCE, Stage};
use super::{Apis, BenchError, Quantity, Sample, Subject, fleet};
use crate::world::{Cluster, World, WorldError};

/// How many nodes; ascending.
const COUNTS: [u32; 2] = [1_000, 5_000];
/// Between two looks at the kernel's counters.
const LOOK: Duration = Duration::from_millis(2);
/// After the last route, until the peak of memory is read: what was read from the API is put to use and freed.
const SETTLE: Duration = Duration::from_secs(1);
/// How many objects are made at a time.
const WORKERS: usize = 16;
/// Where objects are made that only the API server sees.
const CILIUM_NODES: &str = "/apis/cilium.io/v2/ciliumnodes";

pub(super) fn measure(subject: &Subject<'_>, apis: Apis) -> Result<Vec<Sample>, BenchError> {
    let mut stage = Stage::build(subject, apis)?;
    let living = u32::from(stage.world.topology.size.hybrid_nodes);
    let (mut made, mut samples) = (0, Vec::new());
    for count in COUNTS {
        create(&stage.world, made..count - living)?;
        made = count - living;
        for _ in 0..subject.runs {
            samples.push(Sample { quantity: Quantity::Nodes(apis, count), value: once(&mut stage, count)?.as_secs_f64() });
            if count == COUNTS[1] {
                thread::sleep(SETTLE);
                samples.push(Sample { quantity: Quantity::Peak(apis), value: footprint::peak(stage.pid()?)? });
            }
            stage.clear()?;
        }
    }
    Ok(samples)
}

/// Makes objects, several at a time: every request of the lab's own is a connection of its own.
fn create(world: &World, numbers: Range<u32>) -> Result<(), BenchError> {
    let next = AtomicU32::new(numbers.start);
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= numbers.end {
                return Ok(());
            }
            create_one(&world.cluster, number)?;
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

fn create_one(cluster: &Cluster, number: u32) -> Result<(), BenchError> {
    match &cluster.fake {
        Some(fake) => {
            let put = fake.put_object(fleet::object(number));
            put.map(drop).map_err(|refusal| BenchError::machine("make a CiliumNode")(io::Error::other(refusal)))
        }
        None => Ok(cluster.create(CILIUM_NODES, &fleet::object(number)).map_err(WorldError::from)?),
    }
}

fn once(stage: &mut Stage, count: u32) -> Result<Duration, BenchError> {
    let ns = stage.world.gateways[0].leg.host.ns.clone();
    let before = ns.run(prefixes).map_err(BenchError::machine("count routes"))?;
    let begin = stage.start()?;
    match ns.run(|| routes_complete(begin, before, count)).map_err(BenchError::machine("count routes"))? {
        Some(at) => Ok(at - begin),
        None => {
            // Ends what may still write, for the sake of a log that says what happened.
            let _ended = stage.world.gateways[0].signal(Signal::SIGTERM);
            let detail = crate::world::tail(&stage.world.gateways[0].log, 10);
            Err(WorldError::Timeout { what: format!("{count} routes"), within: PATIENCE, detail }.into())
        }
    }
}

/// Waits until the namespace of this thread has `count` routes over the gateway's device, and says since when.
fn routes_complete(begin: Instant, before: u64, count: u32) -> io::Result<Option<Instant>> {
    while begin.elapsed() < PATIENCE {
        // The counters are cheap and include other routes; the list is neither.
        let now = Instant::now();
        if prefixes()? >= before + u64::from(count) && over_device()? == u64::from(count) {
            return Ok(Some(now));
        }
        thread::sleep(LOOK);
    }
    Ok(None)
}

/// Number of routes in the first trie of this thread's namespace. Local and main table share it unless routing rules are in use.
fn prefixes() -> io::Result<u64> {
    let text = fs::read_to_string("/proc/thread-self/net/fib_triestat")?;
    let tries = text.lines().filter_map(|line| line.trim().strip_prefix("Prefixes:")?.trim().parse::<u64>().ok());
    tries.max().ok_or_else(|| io::Error::other("fib_triestat has no line for prefixes"))
}

/// Number of routes of the main table over the gateway's device.
fn over_device() -> io::Result<u64> {
    let text = fs::read_to_string("/proc/thread-self/net/route")?;
    let over = |line: &&str| line.split_whitespace().next() == Some(DEVICE);
    Ok(text.lines().filter(over).count() as u64)
}
