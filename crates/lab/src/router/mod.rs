//! The VPC router: a network namespace whose routing obeys the EC2 API.
//!
//! Replace a route through the API and packets move. Route tables become kernel tables reached by the leg a packet comes in
//! on; the source/destination check and security groups become rules (`plan`). `delay` holds changes of a table back for as
//! long as EC2 would take to spread them. `kernel` reads and writes; this file joins them to a stream of states.

mod delay;
mod kernel;
mod plan;

use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::ec2::Ec2State;
use crate::journal::{Journal, Source};
use delay::Propagation;
pub use delay::RouteDelays;
use kernel::Kernel;
pub use kernel::RouterError;
pub use plan::{Action, Change, Fabric, Hop, Port, Routing, Rule, desired};

/// How often the kernel is compared although EC2 said nothing: a leg that came back needs its routes again.
const RESYNC: Duration = Duration::from_secs(1);

/// Makes the kernel of the calling thread's namespace obey each state until `stop`. The first state takes effect at once,
/// later changes of a table after its delay, and are noted. `settled` becomes true when the first one has.
pub async fn obey(
    fabric: Fabric,
    delays: RouteDelays,
    mut states: watch::Receiver<Ec2State>,
    (journal, settled): (Journal, watch::Sender<bool>),
    stop: CancellationToken,
) {
    let mut propagation = Propagation::new(delays);
    loop {
        let mut state = states.borrow_and_update().clone();
        let now = Instant::now();
        propagation.see(now, &state.tables);
        state.tables = propagation.effective(now);
        match converge(&fabric, &state).await {
            Ok(changes) => {
                let at = Instant::now();
                for change in changes.iter().filter(|change| change.is_route() && *settled.borrow()) {
                    journal.record(at, Source::Route, "vpc-router", change.to_string());
                }
                settled.send_replace(true);
            }
            Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "the VPC router does not yet obey EC2"),
        }
        let wait = propagation.next_due().map_or(RESYNC, |due| due.saturating_duration_since(Instant::now()).min(RESYNC));
        tokio::select! {
            () = stop.cancelled() => return,
            changed = states.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(wait) => {}
        }
    }
}

async fn converge(fabric: &Fabric, state: &Ec2State) -> Result<Vec<Change>, RouterError> {
    let kernel = Kernel::open()?;
    let wanted = desired(fabric, state);
    let observed = kernel.observe().await?;
    let changes = plan::plan(&wanted, &observed);
    kernel.apply(&changes).await?;
    Ok(changes)
}
