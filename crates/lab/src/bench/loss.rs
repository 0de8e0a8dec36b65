//! Packets lost while gateways change over.

use super::stage::{PATIENCE, config};
use super::{BenchError, Quantity, Sample, Subject};
use crate::fault::Fault;
use crate::probe::Kind;
use crate::report::Run;
use crate::scenario::{Observer, Scenario, play};
use crate::world::World;

/// A run takes 10 to 20 s.
pub(super) const RUNS: usize = 3;

pub(super) fn measure(subject: &Subject<'_>) -> Result<Vec<Sample>, BenchError> {
    let mut world = World::start(&config(subject)?)?;
    let observer = Observer { step: &|_| {}, tick: &|_, _| {} };
    let mut samples = Vec::new();
    for (quantity, fault) in [(Quantity::Restart, Fault::Restart), (Quantity::HostLoss, Fault::HostLoss)] {
        for _ in 0..subject.runs.min(RUNS) {
            all_ready(&mut world)?;
            let conclusion = play(&mut world, &Scenario::new(fault.name(), vec![fault]), &observer)?;
            if let Some((_, stuck)) = conclusion.stuck {
                return Err(stuck.into());
            }
            samples.push(Sample { quantity, value: longest(&conclusion.run) });
        }
    }
    Ok(samples)
}

/// Brings every gateway into service. One that has ended is started again, as a kubelet does: some end when they lose the lead.
fn all_ready(world: &mut World) -> Result<(), BenchError> {
    for index in 0..world.gateways.len() {
        if world.gateways[index].pid().is_none() {
            world.start_gateway(index)?;
        }
        world.wait_ready(index, PATIENCE)?;
    }
    world.wait_settled(PATIENCE)?;
    Ok(())
}

/// The longest gap of either direction's UDP probe, in seconds.
fn longest(run: &Run) -> f64 {
    let udp = run.outcome.probes.iter().filter(|probe| probe.kind == Kind::Udp);
    udp.filter_map(|probe| probe.longest_loss()).map(|window| window.length.as_secs_f64()).fold(0.0, f64::max)
}
