//! Doing it: what `create`, `update` and `delete` have in common.
//!
//! Every step looks first and does only what is missing, so a command that was killed is simply run again. What is decided about a
//! stack is decided in [`hybridge_cluster::course`]; here it is asked, done and told.

pub(super) mod accounts;
pub(super) mod addons;
pub(super) mod bring;
mod bucket;
pub(super) mod change;
pub(super) mod checks;
pub(super) mod draft;
pub(super) mod drain;
pub(super) mod furnish;
pub(super) mod identities;
pub(super) mod kubeconfig;
pub(super) mod logs;
pub(super) mod look;
pub(super) mod networks;
pub(super) mod oidc;
mod outposts;
pub(super) mod pace;
pub(super) mod prepare;
pub(super) mod remove;
pub(super) mod report;
pub(super) mod screen;
pub(super) mod stack;
pub(super) mod stop;
pub(super) mod updates;
pub(super) mod watch;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::future::Future;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hybridge_aws::Session;
use hybridge_cluster::course::PREFIX;
use hybridge_cluster::permissions::{Command, Scope, policies};
use hybridge_cluster::resolve::Partition;
use hybridge_report::Exit;
use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};

use self::pace::Pace;
use self::screen::Screen;
use self::stop::{Done, Stop};
use crate::tell;

/// One run of a command.
pub(super) struct Deed {
    /// AWS in the cluster's region.
    pub(super) session: Session,
    /// Name of the cluster.
    pub(super) cluster: String,
    /// Where is told what happens.
    pub(super) screen: Screen,
    /// How long one stack may take.
    pub(super) limit: Duration,
    /// Bucket for templates that are too long to be sent.
    pub(super) bucket: Option<String>,
    /// Names this run in requests, so that a later one knows its work.
    token: String,
    /// Something was changed: an end before the end leaves things half done.
    touched: Cell<bool>,
    /// What is to be told if this process ends now.
    doing: RefCell<Vec<String>>,
}

/// Codes of findings that say that something is not allowed.
const DENIED: [&str; 2] = ["aws.denied", "stack.denied"];

impl Deed {
    pub(super) fn new(session: Session, cluster: &str, minutes: u64, bucket: Option<String>) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // Unique among runs: the time, and the process for those that start at the same moment.
        let token = format!("{PREFIX}{:x}-{:x}", since.as_micros(), std::process::id());
        Self {
            session,
            cluster: cluster.to_owned(),
            screen: Screen::new(),
            limit: Duration::from_secs(minutes * 60),
            bucket,
            token,
            touched: Cell::new(false),
            doing: RefCell::default(),
        }
    }

    /// From here on, an end is one in part.
    pub(super) fn touch(&self) {
        self.touched.set(true);
    }

    /// Whether something was changed.
    pub(super) fn touched(&self) -> bool {
        self.touched.get()
    }

    /// Runs a step while Ctrl-C or SIGTERM tells that AWS goes on with `what`.
    pub(super) async fn while_doing<T>(&self, what: String, step: impl Future<Output = T>) -> T {
        self.while_telling(format!("AWS goes on: {what}"), step).await
    }

    /// Runs a step while Ctrl-C tells `what`.
    pub(super) async fn while_telling<T>(&self, what: String, step: impl Future<Output = T>) -> T {
        self.doing.borrow_mut().push(what.clone());
        let result = step.await;
        self.doing.borrow_mut().retain(|other| *other != what);
        result
    }

    /// Runs the whole command, until its end, Ctrl-C or SIGTERM; prints why it stopped.
    pub(super) async fn to_its_end(&self, command: Command, again: &str, work: impl Future<Output = Done<Exit>>) -> Exit {
        let result = tokio::select! {
            result = work => result,
            () = stopped() => return self.interrupted(again),
        };
        self.screen.clear();
        match result {
            Ok(exit) => exit,
            Err(Stop { findings, exit }) => {
                tell::findings(&findings);
                if findings.iter().any(|finding| DENIED.contains(&finding.code)) {
                    self.allowed(command).await;
                }
                if self.touched() {
                    self.screen.line(format_args!("done in part; {again}"));
                }
                if self.touched() { Exit::Partly } else { exit }
            }
        }
    }

    /// Tells the smallest policies by which a command can do all of its work.
    async fn allowed(&self, command: Command) {
        let account = self.session.caller().await.map_or_else(|_| "*".into(), |caller| caller.account);
        let partition = Partition::of_region(self.session.region());
        let scope = Scope {
            partition: partition.name,
            region: self.session.region(),
            account: &account,
            cluster: &self.cluster,
            roles: &[],
            bucket: self.bucket.as_deref(),
        };
        self.screen.line(format_args!("all that `hybridge cluster {}` needs, as policies of IAM:", command.name()));
        for policy in policies(command, &BTreeSet::new(), &scope) {
            self.screen.line(policy);
        }
    }

    fn interrupted(&self, again: &str) -> Exit {
        self.screen.clear();
        let doing = self.doing.borrow();
        if doing.is_empty() {
            self.screen.line("interrupted");
        }
        for what in doing.iter() {
            self.screen.line(format_args!("interrupted; {what}"));
        }
        if self.touched() {
            self.screen.line(again);
            return Exit::Partly;
        }
        Exit::Unexpected
    }

    /// Asks again and again until `look` has an answer. A lost connection or too many calls are borne until the time is over.
    ///
    /// `what` is told while it lasts; None: the time is over.
    pub(super) async fn until<T>(
        &self,
        pace: Pace,
        limit: Duration,
        what: &str,
        mut look: impl AsyncFnMut() -> Result<Option<T>, hybridge_aws::CallError>,
    ) -> Done<Option<T>> {
        let begun = Timestamp::now();
        for number in 0.. {
            match look().await {
                Ok(Some(found)) => return Ok(Some(found)),
                Ok(None) => {}
                Err(error) if is_passing(&error) => {
                    self.screen.progress(format_args!("{what}: AWS does not answer, asking again"));
                }
                Err(error) => return Err(error.into()),
            }
            let passed = Duration::try_from(Timestamp::now().duration_since(begun)).unwrap_or_default();
            if passed >= limit {
                return Ok(None);
            }
            tokio::time::sleep(pace.pause(number)).await;
        }
        Ok(None)
    }
}

/// Somebody at the keyboard, or who runs the job, wants an end.
async fn stopped() {
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    let (Ok(mut interrupt), Ok(mut terminate)) = signals else { return std::future::pending().await };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

fn is_passing(error: &hybridge_aws::CallError) -> bool {
    match error.kind() {
        hybridge_aws::Kind::NoNetwork | hybridge_aws::Kind::Throttled => true,
        hybridge_aws::Kind::AccessDenied
        | hybridge_aws::Kind::NotFound
        | hybridge_aws::Kind::NoCredentials
        | hybridge_aws::Kind::BadCredentials
        | hybridge_aws::Kind::ClockSkew
        | hybridge_aws::Kind::Other => false,
    }
}
