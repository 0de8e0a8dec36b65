//! `hybridge lni controller`: looks after the LNIs of a cluster in EC2.

mod act;
mod admin;
mod gather;
mod hook;
mod lead;
mod manifest;
mod once;

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use hybridge_aws::{Session, Wishes};
use hybridge_kube_io::{Access, Kube, NodeEvent};
use hybridge_lni::lifecycle::{Action, Memory, Outcome, Settings, cycle, policy};
use hybridge_report::{Exit, Finding, chain};
use tokio::signal::unix::{SignalKind, signal};

use self::act::Hands;
use self::admin::Metrics;
use self::lead::Lead;
use crate::args::lni::Controller;
use crate::runtime::block_on;
use crate::tell;

/// Events that come together are one reason to look.
const TOGETHER: Duration = Duration::from_millis(500);
/// For a connection to the API server, and for each read.
const WITHIN: Duration = Duration::from_secs(5);

pub(crate) fn run(flags: &Controller) -> Exit {
    if flags.policy {
        return tell::json(&policy::policy(&flags.cluster, flags.create));
    }
    if let (true, Some(image)) = (flags.manifest, &flags.image) {
        return tell::data(&manifest::manifest(flags, image));
    }
    block_on(async {
        match Watch::begin(flags).await {
            Ok(watch) if flags.once => watch.once().await,
            Ok(watch) => watch.always().await,
            Err(finding) => {
                tell::findings([&*finding]);
                Exit::Input
            }
        }
    })
}

/// A controller at work.
struct Watch<'a> {
    flags: &'a Controller,
    session: Session,
    kube: Kube,
    settings: Settings,
    memory: Memory,
    metrics: Metrics,
    lead: Option<Lead>,
    start: Instant,
}

impl<'a> Watch<'a> {
    async fn begin(flags: &'a Controller) -> Result<Self, Box<Finding>> {
        let wishes = Wishes { region: flags.region.clone(), ..Wishes::default() };
        let session = Session::open(&wishes).await;
        let session = session.map_err(|error| Box::new(Finding::error("aws.settings", "AWS", chain(&error)).fix(error.fix())))?;
        let agent = concat!("hybridge-lni-controller/", env!("CARGO_PKG_VERSION"));
        let access = Access { kubeconfig: flags.kubeconfig.as_deref(), context: None, agent, within: WITHIN };
        let kube = Kube::connect_with(access).await;
        let kube = kube.map_err(|error| Box::new(Finding::error("kubernetes.settings", "Kubernetes", chain(&error))))?;
        let metrics = Metrics::default();
        if let Some(address) = flags.admin {
            let listening = admin::serve(address, metrics.clone()).await;
            listening.map_err(|error| {
                let finding = Finding::error("port.unusable", format!("--admin {address}"), error.to_string());
                Box::new(finding.fix("choose a port that is free"))
            })?;
        }
        let namespace = flags.namespace.clone().unwrap_or_else(|| kube.default_namespace().to_owned());
        let lead = (!flags.dry_run).then(|| Lead::begin(&kube, &namespace, flags));
        let settings = Settings {
            grace: flags.grace,
            apart: flags.apart,
            most_deletes: flags.max_deletes,
            delete: flags.delete,
            create: flags.create,
            ..Settings::new(&flags.cluster)
        };
        Ok(Self { flags, session, kube, settings, memory: Memory::default(), metrics, lead, start: Instant::now() })
    }

    fn leads(&self) -> bool {
        self.lead.as_ref().is_none_or(Lead::holds)
    }

    /// Looks, decides, and does what is to be done. Gives what follows from the look, with the actions that were done, and what failed.
    async fn look(&mut self) -> (Outcome, Vec<Finding>) {
        let world = gather::world(&self.session, &self.kube, (&self.flags.cluster, &self.memory)).await;
        let mut outcome = cycle(&world, &mut self.memory, &self.settings, self.start.elapsed());
        let mut failed = Vec::new();
        if self.flags.dry_run {
            let would = outcome.actions.drain(..).filter(|action| !matches!(action, Action::Greet { .. }));
            outcome.withheld.extend(would);
        } else {
            let mut hands = Hands { watch: self, failed: &mut failed };
            hands.carry_out(&mut outcome).await;
        }
        self.metrics.observe(&outcome.gauges, self.leads());
        (outcome, failed)
    }

    /// Goes on until it is asked to end.
    async fn always(mut self) -> Exit {
        let (mut ended, mut asked) = match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
            (Ok(ended), Ok(asked)) => (ended, asked),
            (Err(error), _) | (_, Err(error)) => {
                tell::findings([&Finding::error("host.signals", "this host", error.to_string())]);
                return Exit::Unexpected;
            }
        };
        let mut nodes = std::pin::pin!(self.kube.all_nodes(|_, _, spec| spec["providerID"].as_str().is_some()));
        let mut known = std::collections::BTreeSet::new();
        let mut told = Vec::new();
        let mut next = tokio::time::Instant::now();
        loop {
            tokio::select! {
                _ = ended.recv() => break,
                _ = asked.recv() => break,
                event = nodes.next() => if is_news(event, &mut known) {
                    next = next.min(tokio::time::Instant::now() + TOGETHER);
                },
                () = tokio::time::sleep_until(next) => {
                    let wait = self.turn(&mut told).await;
                    next = tokio::time::Instant::now() + wait;
                }
            }
        }
        if let Some(lead) = self.lead.take() {
            lead.give_up().await;
        }
        Exit::Ok
    }

    /// One look of the leader; says how long there is nothing to do.
    async fn turn(&mut self, told: &mut Vec<Finding>) -> Duration {
        if !self.leads() {
            // What was seen before another one led says nothing now.
            self.memory = Memory::default();
            self.metrics.observe(&Default::default(), false);
            return self.flags.lease / 5;
        }
        let (mut outcome, failed) = self.look().await;
        let again = outcome.again || !failed.is_empty();
        outcome.findings.extend(failed);
        // A log gets what is new.
        tell::findings(outcome.findings.iter().filter(|finding| !told.contains(finding)));
        *told = outcome.findings;
        if again { self.flags.apart.min(self.flags.resync) } else { self.flags.resync }
    }
}

/// Whether a change of Nodes is a reason to look: one that is new or gone. Their kubelets write them all the time.
fn is_news(event: Option<NodeEvent<bool>>, known: &mut std::collections::BTreeSet<(String, bool)>) -> bool {
    match event {
        Some(NodeEvent::Listed(nodes)) => {
            let listed = nodes.into_iter().map(|(name, instance)| (name.as_str().to_owned(), instance)).collect();
            std::mem::replace(known, listed) != *known
        }
        Some(NodeEvent::Applied(name, instance)) => known.insert((name.as_str().to_owned(), instance)),
        Some(NodeEvent::Deleted(name)) => {
            known.retain(|(other, _)| other != name.as_str());
            true
        }
        Some(NodeEvent::Failed(error)) => {
            tell::line(format_args!("warning[kubernetes.watch]: Nodes: {}", chain(&error)));
            false
        }
        Some(NodeEvent::Recovered) | None => false,
    }
}
