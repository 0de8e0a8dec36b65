//! Drives the election: sends what the state machine wants sent, one request at a time.

use std::sync::Arc;
use std::time::Duration;

use hybridge_gateway::lease::{Election, Reply, Request, Step};
use hybridge_kube_io::{Ballot, Kube, Lease};
use hybridge_report::chain;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::context::{Context, WRITE_DEADLINE, spread};

/// How long giving up the Lease may take at the end; then it expires by itself.
const RELEASE: Duration = Duration::from_secs(2);
/// How long a gateway that has a data path waits for its first look at the route tables before it takes part without.
const FIRST_LOOK: Duration = Duration::from_secs(10);

/// Takes part until `stop`, then releases the Lease. `outgrow` brings epochs that were found written by somebody else.
pub(crate) async fn run(context: Arc<Context>, kube: Kube, mut outgrow: mpsc::Receiver<u32>, stop: CancellationToken) {
    let mut session = Session {
        election: Election::new(context.identity.clone(), context.settings.timing),
        ballot: Ballot::new(kube, context.namespace.clone(), context.settings.lease_name.clone()),
        context,
        leading: false,
        error: None,
    };
    tokio::select! {
        () = fit(&session.context) => {}
        () = stop.cancelled() => return,
    }
    session.take_part(&mut outgrow, &stop).await;
    session.election.release();
    session.publish();
    // The next holder writes as soon as it sees the release, and no write of ours may come after that.
    if timeout(WRITE_DEADLINE, session.context.writing.write()).await.is_err() {
        warn!("a write is still under way; the Lease is released all the same");
    }
    if timeout(RELEASE, session.give_up()).await.is_err() {
        warn!("the Lease could not be released in time; it expires by itself");
    }
}

/// Waits until this gateway can do a leader's work: packets that come here must find the device and the `unreachable` routes, and
/// one that EC2 does not answer leaves the lead to another, if there is one.
async fn fit(context: &Context) {
    let mut status = context.status.subscribe();
    // What it returns holds the status locked, and an error would mean that the context is gone, which is borrowed here.
    let _carries = status.wait_for(|status| status.kernel.carries).await.map(drop);
    let looked = async { status.wait_for(|status| !status.routes.wanted || status.routes.read).await.map(drop) };
    let _looked = timeout(FIRST_LOOK, looked).await;
}

struct Session {
    context: Arc<Context>,
    ballot: Ballot,
    election: Election,
    leading: bool,
    error: Option<String>,
}

impl Session {
    async fn take_part(&mut self, outgrow: &mut mpsc::Receiver<u32>, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            let clock = self.context.clock;
            match self.election.step(clock.now()) {
                Step::Done => return,
                Step::Send(request) => self.exchange(request).await,
                Step::Wait(until) => {
                    let guard_ends = self.election.guard(clock.now()).map(|guard| guard.until);
                    let until = guard_ends.map_or(until, |ends| ends.min(until));
                    tokio::select! {
                        () = clock.sleep_until(until) => {}
                        Some(epoch) = outgrow.recv() => self.election.outgrow(epoch),
                        () = stop.cancelled() => {}
                    }
                }
            }
            self.publish();
        }
    }

    async fn give_up(&mut self) {
        loop {
            match self.election.step(self.context.clock.now()) {
                Step::Done => return,
                Step::Send(request) => self.exchange(request).await,
                Step::Wait(until) => self.context.clock.sleep_until(until).await,
            }
        }
    }

    async fn exchange(&mut self, request: Request) {
        let sent = self.context.clock.now();
        let within = self.context.settings.timing.request_deadline();
        // A read has no deadline of its own that is short enough.
        let reply = timeout(within, self.send(request, within)).await.unwrap_or_else(|_| {
            self.error = Some(format!("the API server did not answer within {within:?}"));
            Reply::Failed
        });
        let read = matches!(reply, Reply::Read(_));
        self.election.reply(sent, self.context.clock.now(), reply, spread());
        // A Lease that can be read, but not written, is no better until somebody else holds it.
        if read && self.election.holder().is_some() && !self.election.holding() {
            self.error = None;
        }
    }

    async fn send(&mut self, request: Request, within: Duration) -> Reply {
        let (reply, error) = self.ballot.send(request, within).await;
        match (&reply, error) {
            (Reply::Written(_), _) => self.error = None,
            (_, Some(error)) => self.error = Some(chain(&error)),
            (_, None) => {}
        }
        reply
    }

    /// Tells the others how the election stands.
    fn publish(&mut self) {
        let guard = self.election.guard(self.context.clock.now());
        self.context.guard.send_if_modified(|shown| std::mem::replace(shown, guard) != guard);
        let holder = self.election.holder().map(str::to_owned);
        if self.leading != guard.is_some() {
            self.leading = guard.is_some();
            let epoch = guard.map(|guard| guard.epoch);
            if self.leading {
                info!(epoch, identity = %self.context.identity, "leading");
            } else {
                info!(holder, "no longer leading");
            }
        }
        let error = self.error.clone();
        let lease = self.ballot.last().filter(|_| holder.is_some());
        let (since, transitions) = (lease.and_then(Lease::acquired), lease.map(|lease| lease.observed().record.transitions));
        self.context.update(|status| {
            (status.leader.since, status.leader.transitions) = (since, transitions);
            status.leader.leading = guard.is_some();
            status.leader.epoch = guard.map(|guard| guard.epoch);
            status.leader.holder = holder;
            status.leader.error = error;
        });
    }
}
