//! What is measured without a gateway process: planning, and what the kernel takes for a plan.
//!
//! Planning is that of the `hybridge-gateway` crate as built into this program, so it depends on this program's build profile.

use std::time::Instant;

use hybridge_gateway::datapath::{self, DEVICE, Desired, ROUTE_PROTOCOL};
use hybridge_gateway::nodes::settle;
use hybridge_model::kernel::{Change, Link, Snapshot, VxlanSpec};
use hybridge_netlink::Netlink;

use super::{BenchError, Quantity, Sample, fleet};
use crate::netns::Netns;
use crate::topology::pod_cidr;

/// Planning is quick, so it is measured more often.
const PLANS_A_RUN: usize = 5;

const NODES: u32 = 5_000;

fn desired(count: u32) -> Desired {
    let nodes = fleet::decoded(count);
    let device = datapath::device([10, 0, 1, 10].into(), 1500, None);
    datapath::desired(device, &[pod_cidr()], &settle(&nodes, []))
}

/// A kernel in which everything wanted is in place.
fn in_place(desired: &Desired) -> Snapshot {
    let VxlanSpec { name, mac, mtu, vxlan } = desired.device.clone();
    let link = Link { index: 2, name, up: true, mtu, mac: Some(mac), addresses: [].into(), vxlan: Some(vxlan) };
    Snapshot {
        links: vec![link],
        routes: desired.routes.values().copied().collect(),
        neighbours: desired.neighbours.values().copied().collect(),
        fdb: desired.fdb.clone(),
    }
}

/// Plans for an empty kernel and for one that has everything.
pub(super) fn plan(runs: usize) -> Vec<Sample> {
    let desired = desired(NODES);
    let cases = [(Quantity::PlanAll, Snapshot::default()), (Quantity::PlanNothing, in_place(&desired))];
    let mut samples = Vec::new();
    for (quantity, observed) in &cases {
        for _ in 0..runs * PLANS_A_RUN {
            let start = Instant::now();
            let changes = std::hint::black_box(datapath::plan(std::hint::black_box(&desired), observed));
            samples.push(Sample { quantity: *quantity, value: start.elapsed().as_secs_f64() });
            drop(changes);
        }
    }
    samples
}

/// Plans for 1,000 and 5,000 nodes, each carried out in a namespace that has never seen a gateway.
pub(super) fn kernel(runs: usize) -> Result<Vec<Sample>, BenchError> {
    let mut samples = Vec::new();
    for nodes in [1_000, NODES] {
        let changes = datapath::plan(&desired(nodes), &Snapshot::default());
        for _ in 0..runs {
            samples.push(Sample { quantity: Quantity::Kernel(nodes), value: applied(&changes)? });
        }
    }
    Ok(samples)
}

/// How long the kernel takes for the changes, in seconds, with what it takes to send them.
fn applied(changes: &[Change]) -> Result<f64, BenchError> {
    let ns = Netns::new("kernel-share").map_err(BenchError::machine("make a network namespace"))?;
    let (elapsed, failures) = on_netlink(&ns, async |netlink| {
        let start = Instant::now();
        let failures = netlink.apply(changes, DEVICE).await;
        (start.elapsed(), failures)
    })?;
    match failures.into_iter().next() {
        None => Ok(elapsed.as_secs_f64()),
        Some(failure) => Err(failure.error.into()),
    }
}

/// Removes what any gateway leaves in the kernel.
pub(super) fn remove_data_path(ns: &Netns) -> Result<(), BenchError> {
    let removed = on_netlink(ns, async |netlink| {
        let observed = netlink.snapshot(DEVICE, ROUTE_PROTOCOL).await?;
        Ok(netlink.apply(&datapath::removal(&observed), DEVICE).await)
    })?;
    match removed.map(|failures| failures.into_iter().next()) {
        Ok(None) => Ok(()),
        Ok(Some(failure)) => Err(failure.error.into()),
        Err(error) => Err(BenchError::Netlink(error)),
    }
}

fn on_netlink<T: Send>(ns: &Netns, work: impl AsyncFnOnce(&Netlink) -> T + Send) -> Result<T, BenchError> {
    ns.run(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(BenchError::machine("start a runtime"))?;
        runtime.block_on(async { Ok(work(&Netlink::connect()?).await) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isolate::isolated;

    #[test]
    fn the_two_plans_are_everything_and_nothing() {
        let desired = desired(10);
        assert_eq!(datapath::plan(&desired, &in_place(&desired)), []);
        // The device, the guard of the pod network, and three entries for each node.
        assert_eq!(datapath::plan(&desired, &Snapshot::default()).len(), 2 + 3 * 10);
    }

    #[test]
    fn the_kernel_takes_every_change_of_the_plan_and_gives_it_back() {
        isolated(|| {
            let samples = kernel(1).unwrap();
            let [small, large] = samples.as_slice() else { panic!("{samples:?}") };
            assert!(small.value < large.value, "{samples:?}");
            let ns = Netns::new("there-and-back").unwrap();
            let changes = datapath::plan(&desired(10), &Snapshot::default());
            assert_eq!(on_netlink(&ns, async |netlink| netlink.apply(&changes, DEVICE).await.len()).unwrap(), 0);
            remove_data_path(&ns).unwrap();
            let left = on_netlink(&ns, async |netlink| netlink.snapshot(DEVICE, ROUTE_PROTOCOL).await.unwrap()).unwrap();
            assert!(left.link(DEVICE).is_none() && left.routes.is_empty(), "{left:?}");
        });
    }
}
