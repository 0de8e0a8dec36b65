//! From the start of a gateway until traffic is led to it, and its memory when nothing happens.

use std::time::{Duration, Instant};

use super::footprint;
use super::stage::{PATIENCE, Stage};
use super::wire::RouteWrites;
use super::{Apis, BenchError, Quantity, Sample, Subject};
use crate::journal::Source;
use crate::world::World;

/// Memory is idle this long after the start.
const IDLE: Duration = Duration::from_secs(3);

pub(super) fn measure(subject: &Subject<'_>, apis: Apis) -> Result<Vec<Sample>, BenchError> {
    let mut stage = Stage::build(subject, apis)?;
    let writes = RouteWrites::watch(&stage.world.topology.ec2_api.host.ns)?;
    let tables = stage.world.cloud.tables().len();
    let mut samples = Vec::new();
    for _ in 0..subject.runs {
        let begin = stage.start()?;
        let done = |world: &World| {
            // Both are times at which something was seen to have happened, however late this loop asks.
            Some(vtep_since(world, begin)?.max(writes.nth_since(begin, tables)?))
        };
        stage.world.wait("routes and CiliumVTEPConfig", PATIENCE, |world| done(world).is_some())?;
        let at = done(&stage.world).expect("it was there a moment ago, and nothing forgets it");
        samples.push(Sample { quantity: Quantity::Start(apis), value: (at - begin).as_secs_f64() });
        std::thread::sleep(IDLE.saturating_sub(begin.elapsed()));
        samples.push(Sample { quantity: Quantity::Idle(apis), value: footprint::resident(stage.pid()?)? });
        stage.clear()?;
    }
    Ok(samples)
}

/// When the first hybrid node took up a CiliumVTEPConfig.
fn vtep_since(world: &World, begin: Instant) -> Option<Instant> {
    world.journal.entries().into_iter().find(|entry| entry.source == Source::Vtep && entry.at > begin).map(|entry| entry.at)
}
