//! What all tasks share.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use hybridge_gateway::detail::{SeenConfig, SeenTables};
use hybridge_gateway::hold::Roster;
use hybridge_gateway::lease::Guard;
use hybridge_gateway::settings::Settings;
use hybridge_gateway::status::Status;
use hybridge_model::kernel::Snapshot;
use tokio::sync::{RwLock, watch};
use tokio::time::timeout;

use crate::clock::Clock;
use crate::metrics::Metrics;

/// How long one write of a route, of the CiliumVTEPConfig or of the history may take: late ones defeat the guard.
pub(crate) const WRITE_DEADLINE: Duration = Duration::from_secs(1);

/// Settings, clock, and the places where tasks tell each other how things stand.
pub(crate) struct Context {
    pub(crate) settings: Settings,
    /// `--adopt-routes`.
    pub(crate) adopt_routes: bool,
    /// `--node-label`.
    pub(crate) node_label: String,
    /// `NODE_NAME`; empty if it is not set.
    pub(crate) node_name: String,
    /// Namespace of Lease, state ConfigMap and Events.
    pub(crate) namespace: String,
    /// Name in the election; no other process has it, before or after.
    pub(crate) identity: String,
    pub(crate) clock: Clock,
    pub(crate) metrics: Metrics,
    /// Node IPs of gateways that the CiliumVTEPConfig was seen to lead to, before we wrote over it.
    pub(crate) met: Mutex<BTreeSet<Ipv4Addr>>,
    /// What the tasks saw last.
    pub(crate) seen: Seen,
    /// How things stand.
    pub(crate) status: watch::Sender<Status>,
    /// The permission to write, renewed again and again by the election.
    pub(crate) guard: watch::Sender<Option<Guard>>,
    /// Shared by every write that the guard has permitted, while it is under way. Whoever has it alone knows that there is none.
    pub(crate) writing: RwLock<()>,
}

/// What the tasks saw last, kept as it was seen: what follows from it for each node and route is worked out when somebody asks.
///
/// No lock is held across an await, and each for less than the working out takes, 5 ms for 5,000 nodes.
pub(crate) struct Seen {
    roster: Mutex<Roster>,
    kernel: Mutex<Option<Snapshot>>,
    tables: Mutex<Option<SeenTables>>,
    config: Mutex<Option<SeenConfig>>,
}

impl Seen {
    pub(crate) fn new(roster: Roster) -> Self {
        Self { roster: Mutex::new(roster), kernel: Mutex::default(), tables: Mutex::default(), config: Mutex::default() }
    }

    /// Hybrid nodes, live and held.
    pub(crate) fn roster(&self) -> MutexGuard<'_, Roster> {
        lock(&self.roster)
    }

    /// The kernel; `None` before the first look.
    pub(crate) fn kernel(&self) -> MutexGuard<'_, Option<Snapshot>> {
        lock(&self.kernel)
    }

    /// VPC route tables; `None` before the first look.
    pub(crate) fn tables(&self) -> MutexGuard<'_, Option<SeenTables>> {
        lock(&self.tables)
    }

    /// The CiliumVTEPConfig; `None` before the first look.
    pub(crate) fn config(&self) -> MutexGuard<'_, Option<SeenConfig>> {
        lock(&self.config)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics while holding it")
}

impl Context {
    /// The permission to write, if there is one right now. Asked before each single write.
    pub(crate) fn guard(&self) -> Option<Guard> {
        (*self.guard.borrow()).filter(|guard| self.clock.now() < guard.until)
    }

    /// Waits for about `pause`, a fifth more or less, so that gateways do not act in step; or until this gateway leads under another
    /// epoch than `epoch`, or no longer.
    pub(crate) async fn pause(&self, pause: Duration, epoch: Option<u32>) {
        let mut guard = self.guard.subscribe();
        // Renewals change the guard every second, and are no news.
        let news = guard.wait_for(|guard| guard.map(|guard| guard.epoch) != epoch);
        let _either = timeout(pause.mul_f64(0.8 + 0.4 * spread()), news).await;
    }

    /// Notes gateways that the CiliumVTEPConfig leads to; all that were ever seen, without this one.
    pub(crate) fn meet(&self, addresses: BTreeSet<Ipv4Addr>) -> BTreeSet<Ipv4Addr> {
        let mut met = lock(&self.met);
        met.extend(addresses);
        met.remove(&self.settings.node_ip);
        met.clone()
    }

    /// Changes the status, and wakes those who watch it only if that made a difference.
    pub(crate) fn update(&self, change: impl FnOnce(&mut Status)) {
        self.status.send_if_modified(|status| {
            let before = status.clone();
            change(status);
            *status != before
        });
    }

    /// Notes that a right is missing and what is done instead; says so once.
    pub(crate) fn lesser(&self, what: &'static str, instead: &str) {
        if !self.status.borrow().lesser.contains_key(what) {
            tracing::warn!(missing = what, instead, "a right is missing; the lesser form is used");
            self.update(|status| {
                status.lesser.insert(what.into(), instead.to_owned());
            });
        }
    }
}

/// A random number from 0 to 1, for jitter.
pub(crate) fn spread() -> f64 {
    rand::random()
}
