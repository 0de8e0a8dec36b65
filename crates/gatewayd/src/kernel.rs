//! Keeps the data path in the kernel as it should be: look, plan, change, look again.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use hybridge_gateway::datapath::{self, DEVICE, Desired, ROUTE_PROTOCOL};
use hybridge_model::kernel::{Change, NextHop, Snapshot};
use hybridge_netlink::{Netlink, NetlinkError};
use hybridge_report::chain;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use crate::context::{Context, spread};

/// Changes by others are noticed by notification; this is for what no notification tells.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// After a failure.
const RETRY: Duration = Duration::from_secs(1);
/// A burst of notifications is answered once, after a pause in it or after the longest.
const QUIET: Duration = Duration::from_millis(10);
const BURST: Duration = Duration::from_millis(200);

/// Follows `desired` and the kernel for ever.
pub(crate) async fn run(context: Arc<Context>, netlink: Arc<Netlink>, mut desired: watch::Receiver<Desired>) {
    loop {
        let events = match hybridge_netlink::events(DEVICE, ROUTE_PROTOCOL) {
            Ok(events) => events,
            Err(error) => {
                warn!(error = chain(&error), "no notifications from the kernel");
                sleep(RETRY).await;
                continue;
            }
        };
        let mut events = std::pin::pin!(events);
        loop {
            let wanted = desired.borrow_and_update().clone();
            let in_step = sync(&context, &netlink, &wanted).await;
            let pause = if in_step { LOOK_AGAIN } else { RETRY };
            tokio::select! {
                changed = desired.changed() => if changed.is_err() { return },
                event = events.next() => {
                    if event.is_none() {
                        sleep(RETRY).await;
                        break;
                    }
                    // Where somebody undoes what we do, his every step is a notification.
                    sleep(if in_step { Duration::ZERO } else { RETRY }).await;
                    let burst = async { while let Ok(Some(_)) = timeout(QUIET, events.next()).await {} };
                    let _cut_off = timeout(BURST, burst).await;
                }
                () = sleep(pause.mul_f64(0.9 + 0.2 * spread())) => {}
            }
        }
    }
}

/// Brings the kernel in step with `desired`; whether it is.
pub(crate) async fn sync(context: &Context, netlink: &Netlink, desired: &Desired) -> bool {
    match try_sync(context, netlink, desired).await {
        Ok((errors, seen)) => {
            let in_step = errors.is_empty();
            let via_device = seen.routes.iter().filter(|route| matches!(route.via, NextHop::Device(_))).count();
            context.update(|status| {
                status.kernel.in_step = in_step;
                status.kernel.carries = datapath::carries(desired, &seen);
                status.kernel.errors = errors;
                status.kernel.nodes = seen.neighbours.iter().filter(|neighbour| neighbour.permanent).count();
                (status.kernel.routes, status.kernel.fdb) = (via_device, seen.fdb.len());
            });
            *context.seen.kernel() = Some(seen);
            in_step
        }
        Err(error) => {
            let error = chain(&error);
            context.update(|status| (status.kernel.in_step, status.kernel.carries, status.kernel.errors) = (false, false, vec![error]));
            false
        }
    }
}

async fn try_sync(context: &Context, netlink: &Netlink, desired: &Desired) -> Result<(Vec<String>, Snapshot), NetlinkError> {
    let before = netlink.snapshot(DEVICE, ROUTE_PROTOCOL).await?;
    let changes = datapath::plan(desired, &before);
    if changes.is_empty() {
        return Ok((Vec::new(), before));
    }
    let failures = netlink.apply(&changes, DEVICE).await;
    let after = netlink.snapshot(DEVICE, ROUTE_PROTOCOL).await?;
    let left = datapath::plan(desired, &after);
    info!(changes = changes.len(), failed = failures.len(), left = left.len(), "data path changed");
    context.metrics.count_changes(&changes, failures.iter().map(|failure| &failure.change));
    // What is in place in the end does not matter any more, whoever helped.
    let mut errors: Vec<String> =
        failures.iter().filter(|failure| left.contains(&failure.change)).map(|failure| chain(&failure.error)).collect();
    errors.dedup();
    for error in &errors {
        warn!(error, "the kernel refused a change");
    }
    if errors.is_empty() && !left.is_empty() {
        let undone = left.iter().filter(|change| !matches!(change, Change::SetLink { .. })).count();
        errors.push(format!("{} changes did not last; something else on this host undoes them ({undone} of entries)", left.len()));
    }
    Ok((errors, after))
}
