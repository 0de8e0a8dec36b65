//! Leads while it holds the Lease: the election of the gateways, with its own Lease.

use std::time::{Duration, Instant};

use hybridge_gateway::Moment;
use hybridge_gateway::lease::{Election, Guard, Reply, Step, Timing};
use hybridge_kube_io::{Ballot, Kube};
use hybridge_report::chain;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::args::lni::Controller;
use crate::tell;

/// How long giving the Lease up may take; then it expires by itself.
const RELEASE: Duration = Duration::from_secs(2);

/// A part in the election, taken by a task of its own.
pub(super) struct Lead {
    guard: watch::Receiver<Option<Guard>>,
    start: Instant,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Lead {
    pub(super) fn begin(kube: &Kube, namespace: &str, flags: &Controller) -> Self {
        let timing = Timing { lease: flags.lease, renew_deadline: flags.lease.mul_f64(2.0 / 3.0), retry: flags.lease / 6 };
        // No other process may have this name, past or present: a host's, a number of the process, and the time.
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let me = format!("{}_{}_{}", host.trim(), std::process::id(), jiff::Timestamp::now().as_nanosecond());
        let (sender, guard) = watch::channel(None);
        let (stop, stopped) = oneshot::channel();
        let start = Instant::now();
        let ballot = Ballot::new(kube.clone(), namespace, format!("hybridge-lni-{}", flags.cluster.to_lowercase().replace('_', "-")));
        let part = Part { election: Election::new(me, timing), ballot, timing, start, guard: sender, told: None };
        let task = tokio::spawn(part.take(stopped));
        Self { guard, start, stop, task }
    }

    /// Whether it may act now.
    pub(super) fn holds(&self) -> bool {
        let now = Moment::at(self.start.elapsed());
        self.guard.borrow().is_some_and(|guard| now < guard.until)
    }

    /// Waits until it may act.
    pub(super) async fn taken(&mut self) {
        while !self.holds() {
            if self.guard.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Gives the Lease up, so that the next one need not wait.
    pub(super) async fn give_up(self) {
        let _ended = self.stop.send(());
        let _late = timeout(RELEASE, self.task).await;
    }
}

struct Part {
    election: Election,
    ballot: Ballot,
    timing: Timing,
    start: Instant,
    guard: watch::Sender<Option<Guard>>,
    /// The last failure that was told.
    told: Option<String>,
}

impl Part {
    fn now(&self) -> Moment {
        Moment::at(self.start.elapsed())
    }

    async fn take(mut self, mut stopped: oneshot::Receiver<()>) {
        let mut going = true;
        loop {
            match self.election.step(self.now()) {
                Step::Done => return,
                Step::Send(request) => {
                    let (sent, within) = (self.now(), self.timing.request_deadline());
                    let (reply, error) = timeout(within, self.ballot.send(request, within)).await.unwrap_or((Reply::Failed, None));
                    self.tell(error.map(|error| chain(&error)));
                    let spread = f64::from(jiff::Timestamp::now().subsec_nanosecond().unsigned_abs() % 1000) / 1000.0;
                    self.election.reply(sent, self.now(), reply, spread);
                    self.guard.send_replace(self.election.guard(self.now()));
                }
                Step::Wait(until) => {
                    let wait = until.since(self.now());
                    tokio::select! {
                        () = sleep(wait) => {}
                        _ = &mut stopped, if going => {
                            going = false;
                            self.election.release();
                            self.guard.send_replace(None);
                        }
                    }
                }
            }
        }
    }

    fn tell(&mut self, error: Option<String>) {
        if let Some(text) = error.as_ref().filter(|text| self.told.as_ref() != Some(text)) {
            tell::line(format_args!("warning[lni.lease]: {text}"));
        }
        self.told = error;
    }
}
