//! Keeps the VPC routes: reads all tables at once, and writes what is missing at the same time while the guard says go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use hybridge_aws::Ec2Error;
use hybridge_gateway::detail::SeenTables;
use hybridge_gateway::lease::Guard;
use hybridge_gateway::routes::{self, History, Plan, Recognised, Wanted, Write};
use hybridge_gateway::vpc::RouteTable;
use hybridge_kube_io::{CallError, ConfigMap, Kube};
use hybridge_model::{InterfaceId, RouteTableId};
use hybridge_report::chain;
use tracing::{debug, info, warn};

use crate::cloud::{Cloud, CloudError, Session};
use crate::context::{Context, WRITE_DEADLINE};
use crate::recognition::{Gap, Sources, history};
use crate::startup::Found;

/// Between looks of a leader whose routes are all in place.
const LEADER_LOOKS: Duration = Duration::from_secs(5);
/// Between looks of a gateway that stands by: for its readiness, and to know what it would find.
const STANDBY_LOOKS: Duration = Duration::from_secs(20);
/// While something is open or has just been written.
const SOON: Duration = Duration::from_millis(250);
/// After a take, late writes of the former leader may still arrive: look often until they cannot any more.
const WATCHFUL: Duration = Duration::from_secs(7);
/// After failures, of reads and of writes; doubles up to the longest.
const FIRST_RETRY: Duration = Duration::from_millis(250);
const LONGEST_RETRY: Duration = Duration::from_secs(10);
/// The same trouble is logged again after this time.
const REMIND: Duration = Duration::from_secs(300);
/// What EC2 says of the own instance is asked for again after this time, tables at every look: EC2 admits 20 reads a second for a
/// whole account and region.
const INSTANCE_LOOKS: Duration = Duration::from_secs(5);
/// Writes under way at once: well within EC2's budget of 50 mutating calls at once for an account and region.
const PARALLEL_WRITES: usize = 20;

const WITHOUT: &str = "routes of former gateways are recognised by the CiliumVTEPConfig, and once EC2 shows them as blackhole";

/// The task's memory.
pub(crate) struct Routes {
    context: Arc<Context>,
    kube: Kube,
    cloud: Cloud,
    /// Route tables that start-up has read already.
    found: Option<Vec<RouteTable>>,
    /// With the time at which the instance was asked for.
    session: Option<(Session, Instant)>,
    known: Recognised,
    remembered: bool,
    described: BTreeMap<RouteTableId, BTreeSet<String>>,
    complained: Option<(String, Instant)>,
}

#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Cloud(#[from] CloudError),
    #[error("the history of gateways cannot be kept, so no route is written")]
    History(#[source] CallError),
    #[error("{failed} of {all} VPC routes not written")]
    Write { failed: usize, all: usize, source: Ec2Error },
}

impl Trouble {
    /// What makes two troubles the same one, though EC2 gives each answer a number of its own.
    fn topic(&self) -> String {
        match self {
            Self::Cloud(CloudError::Ec2(Ec2Error::Refused { call, code, .. })) => format!("{call}: {code}"),
            Self::Write { source: Ec2Error::Refused { call, code, .. }, .. } => format!("{call}: {code}"),
            Self::Cloud(_) | Self::History(_) | Self::Write { .. } => chain(self),
        }
    }
}

impl Routes {
    pub(crate) fn new(context: Arc<Context>, kube: Kube, cloud: Cloud, found: Option<Found>) -> Self {
        let (session, tables, known) = match found {
            Some(Found { session, tables, known }) => (Some((session, Instant::now())), Some(tables), known),
            None => (None, None, Recognised::default()),
        };
        let described = BTreeMap::new();
        Self { context, kube, cloud, found: tables, session, known, remembered: false, described, complained: None }
    }

    /// Keeps the routes for ever.
    pub(crate) async fn run(mut self) {
        let mut retry = FIRST_RETRY;
        let mut epoch = None;
        let mut taken = None;
        loop {
            let current = self.context.guard();
            if current.map(|guard| guard.epoch) != epoch {
                epoch = current.map(|guard| guard.epoch);
                taken = epoch.map(|_| Instant::now());
            }
            let pause = match self.look().await {
                Ok(open) => {
                    retry = FIRST_RETRY;
                    if self.complained.take().is_some() {
                        info!("VPC routes can be kept again");
                    }
                    self.context.update(|status| status.routes.error = None);
                    let watchful = taken.is_some_and(|at: Instant| at.elapsed() < WATCHFUL);
                    match (current, open || watchful) {
                        (Some(_), true) => SOON,
                        (Some(_), false) => LEADER_LOOKS,
                        (None, _) => STANDBY_LOOKS,
                    }
                }
                Err(trouble) => {
                    self.complain(&trouble);
                    let pause = retry;
                    retry = (retry * 2).min(LONGEST_RETRY);
                    pause
                }
            };
            self.context.pause(pause, epoch).await;
        }
    }

    /// Reads, compares, and writes if this gateway leads. Whether something is left to be done or checked.
    async fn look(&mut self) -> Result<bool, Trouble> {
        let (session, tables) = self.read().await?;
        let wanted = Wanted {
            tables: self.context.settings.route_tables.clone(),
            pod_cidrs: self.context.settings.pod_cidrs.iter().copied().collect(),
            interface: session.instance.primary_interface.clone(),
            adopt: self.context.adopt_routes,
        };
        let mut plan = routes::plan(&tables, &wanted, &self.known);
        if !plan.foreign.is_empty() {
            // It may be a gateway's that this one has not heard of yet.
            self.recognise(&session).await;
            plan = routes::plan(&tables, &wanted, &self.known);
        }
        self.notice(&tables);
        self.show(&plan, &session);
        *self.context.seen.tables() = Some(SeenTables { tables, wanted: wanted.clone(), known: self.known.clone() });
        let Some(guard) = self.context.guard().filter(|_| !plan.writes.is_empty()) else { return Ok(false) };
        self.remember(&wanted.interface).await?;
        self.write_all(&session, &plan, &wanted.interface, guard).await?;
        Ok(true)
    }

    fn complain(&mut self, trouble: &Trouble) {
        let (topic, error) = (trouble.topic(), chain(trouble));
        if self.complained.as_ref().is_none_or(|(before, at)| *before != topic || at.elapsed() > REMIND) {
            warn!(error, "VPC routes");
            self.complained = Some((topic, Instant::now()));
        }
        self.context.update(|status| status.routes.error = Some(error));
    }

    async fn read(&mut self) -> Result<(Session, Vec<RouteTable>), Trouble> {
        let wanted = &self.context.settings.route_tables;
        let Some((session, asked)) = &self.session else {
            let (session, tables) = self.cloud.connect(wanted).await?;
            info!(instance = %session.instance.instance, interface = %session.instance.primary_interface, "EC2 reached");
            self.session = Some((session.clone(), Instant::now()));
            return Ok((session, tables));
        };
        if let Some(tables) = self.found.take() {
            return Ok((session.clone(), tables));
        }
        let wanted: Vec<_> = wanted.iter().cloned().collect();
        if asked.elapsed() < INSTANCE_LOOKS {
            let tables = session.ec2.route_tables(&wanted).await.map_err(CloudError::Ec2)?;
            return Ok((session.clone(), tables));
        }
        let both = tokio::try_join!(session.ec2.instance(&session.instance.instance), session.ec2.route_tables(&wanted));
        let (instance, tables) = both.map_err(CloudError::Ec2)?;
        let session = Session { ec2: session.ec2.clone(), instance };
        self.session = Some((session.clone(), Instant::now()));
        Ok((session, tables))
    }

    async fn recognise(&mut self, session: &Session) {
        let Context { namespace, node_label, .. } = &*self.context;
        let sources = Sources { kube: &self.kube, namespace, node_label };
        let (known, gaps) = sources.recognise(session, |named| self.context.meet(named)).await;
        // What was known before stays known where a source does not answer.
        self.known.interfaces.extend(known.interfaces);
        if !gaps.iter().any(|gap| matches!(gap, Gap::Nodes(_))) {
            self.known.instances = known.instances;
        }
        for gap in gaps {
            match gap {
                Gap::History(_) if gap.is_forbidden() => self.no_history(),
                Gap::Nodes(_) if gap.is_forbidden() => self.context.lesser("list nodes", WITHOUT),
                Gap::History(_) | Gap::Nodes(_) | Gap::Endpoints(_) | Gap::Interfaces(_) => debug!(error = chain(&gap), "former gateways"),
            }
        }
    }

    fn no_history(&self) {
        self.context.lesser("get, create, update configmaps", WITHOUT);
    }

    /// Puts our interface into the history, before the first route leads to it.
    async fn remember(&mut self, interface: &InterfaceId) -> Result<(), Trouble> {
        // A conflict means that another gateway has just written; few gateways, few rounds.
        let mut rounds = 0..5;
        while !self.remembered {
            match self.try_remember(interface).await {
                Ok(()) => self.remembered = true,
                Err(error) if error.is_conflict() && rounds.next().is_some() => {}
                Err(error) if error.is_forbidden() => {
                    self.no_history();
                    self.remembered = true;
                }
                Err(error) => return Err(Trouble::History(error)),
            }
        }
        Ok(())
    }

    async fn try_remember(&mut self, interface: &InterfaceId) -> Result<(), CallError> {
        let namespace = &self.context.namespace;
        let kept = self.kube.config_map(namespace, History::CONFIG_MAP).await?;
        let before = history(kept.as_ref());
        self.known.interfaces.extend(before.interfaces.iter().cloned());
        let Some(after) = before.remember(interface) else { return Ok(()) };
        let mut data = kept.as_ref().map(ConfigMap::data).unwrap_or_default();
        data.insert(History::KEY.into(), serde_json::to_string(&after).expect("identifiers are text"));
        match &kept {
            Some(kept) => self.kube.update_config_map(kept, &data, WRITE_DEADLINE).await?,
            None => self.kube.create_config_map(namespace, History::CONFIG_MAP, &data, WRITE_DEADLINE).await?,
        };
        Ok(())
    }

    async fn write_all(&self, session: &Session, plan: &Plan, interface: &InterfaceId, guard: Guard) -> Result<(), Trouble> {
        let started = Instant::now();
        let mut writes = Vec::with_capacity(plan.writes.len());
        for write in &plan.writes {
            writes.push(self.write(session, write, interface, guard.epoch));
        }
        let results: Vec<_> = stream::iter(writes).buffer_unordered(PARALLEL_WRITES).collect().await;
        let all = results.len();
        let mut failures: Vec<_> = results.into_iter().filter_map(Result::err).collect();
        self.context.metrics.count_route_update(started.elapsed(), failures.is_empty());
        let failed = failures.len();
        match failures.pop() {
            Some(source) => Err(Trouble::Write { failed, all, source }),
            None => Ok(()),
        }
    }

    /// One write, or none if the guard says stop meanwhile. After an error, too, it is read again and decided again.
    async fn write(&self, session: &Session, write: &Write, interface: &InterfaceId, epoch: u32) -> Result<(), Ec2Error> {
        let Write { table, destination, replaces } = write;
        let _writing = self.context.writing.read().await;
        if self.context.guard().is_none_or(|guard| guard.epoch != epoch) {
            return Ok(());
        }
        match replaces {
            Some(_) => session.ec2.replace_route(table, *destination, interface, WRITE_DEADLINE).await?,
            None => session.ec2.create_route(table, *destination, interface, WRITE_DEADLINE).await?,
        }
        info!(%table, %destination, to = %interface, from = replaces.as_deref(), epoch, "VPC route written");
        Ok(())
    }

    /// Logs routes for our CIDRs that lead elsewhere than before, whoever moved them.
    fn notice(&mut self, tables: &[RouteTable]) {
        for table in tables {
            let ours = table.routes.iter().filter(|route| self.context.settings.pod_cidrs.contains(&route.destination));
            let now: BTreeSet<_> = ours.map(|route| format!("{} to {}", route.destination, route.target)).collect();
            let before = self.described.insert(table.id.clone(), now.clone());
            if before.as_ref().is_some_and(|before| *before != now) {
                info!(table = %table.id, routes = ?now, "VPC routes changed");
            }
        }
    }

    fn show(&self, plan: &Plan, session: &Session) {
        self.context.update(|status| {
            let routes = &mut status.routes;
            routes.read = true;
            (routes.here, routes.open) = (plan.settled, plan.writes.len());
            routes.foreign.clone_from(&plan.foreign);
            routes.missing = plan.missing.iter().map(ToString::to_string).collect();
            routes.source_dest_check = session.instance.source_dest_check;
        });
    }
}
