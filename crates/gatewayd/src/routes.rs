//! Keeps the VPC routes: reads all tables at once, and writes what is missing at the same time while the guard says go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use hybridge_gateway::lease::Guard;
use hybridge_gateway::routes::{self, History, Plan, Recognised, Wanted, Write};
use hybridge_gateway::vpc::RouteTable;
use hybridge_gateway::vtep;
use hybridge_kube_io::{CallError, ConfigMap, Kube};
use hybridge_model::{InterfaceId, RouteTableId};
use hybridge_report::chain;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::cloud::{Cloud, Session};
use crate::context::{Context, spread};

/// Between looks of a leader whose routes are all in place.
const LEADER_LOOKS: Duration = Duration::from_secs(5);
/// Between looks of a gateway that stands by: for its readiness, and to know what it would find.
const STANDBY_LOOKS: Duration = Duration::from_secs(20);
/// While something is open or has just been written.
const SOON: Duration = Duration::from_millis(250);
/// After a take, late writes of the former leader may still arrive: look often until they cannot any more.
const WATCHFUL: Duration = Duration::from_secs(7);
/// After failures; doubles up to the longest.
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LONGEST_RETRY: Duration = Duration::from_secs(10);
/// One write: late ones defeat the guard.
const WRITE_DEADLINE: Duration = Duration::from_secs(1);
/// Writes under way at once: well within EC2's budget of 50 mutating calls at once for an account and region.
const PARALLEL_WRITES: usize = 20;

/// The task's memory.
pub(crate) struct Routes {
    context: Arc<Context>,
    kube: Kube,
    cloud: Cloud,
    /// What start-up has found already.
    found: Option<(Session, Vec<RouteTable>)>,
    session: Option<Session>,
    known: Recognised,
    remembered: bool,
    described: BTreeMap<RouteTableId, BTreeSet<String>>,
}

#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Cloud(#[from] crate::cloud::CloudError),
    #[error("the history of gateways cannot be kept, so no route is written")]
    History(#[source] CallError),
}

impl Routes {
    pub(crate) fn new(context: Arc<Context>, kube: Kube, cloud: Cloud, found: Option<(Session, Vec<RouteTable>)>) -> Self {
        Self { context, kube, cloud, found, session: None, known: Recognised::default(), remembered: false, described: BTreeMap::new() }
    }

    /// Keeps the routes for ever.
    pub(crate) async fn run(mut self) {
        let mut guard = self.context.guard.subscribe();
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
                    let watchful = taken.is_some_and(|at: Instant| at.elapsed() < WATCHFUL);
                    match (current, open || watchful) {
                        (Some(_), true) => SOON,
                        (Some(_), false) => LEADER_LOOKS,
                        (None, _) => STANDBY_LOOKS,
                    }
                }
                Err(trouble) => {
                    let error = chain(&trouble);
                    warn!(error, "VPC routes");
                    self.context.update(|status| status.routes.error = Some(error));
                    retry = (retry * 2).min(LONGEST_RETRY);
                    retry
                }
            };
            let pause = sleep(pause.mul_f64(0.8 + 0.4 * spread()));
            tokio::pin!(pause);
            loop {
                tokio::select! {
                    () = &mut pause => break,
                    changed = guard.changed() => {
                        if changed.is_err() { return }
                        // Renewals change the guard every second; a new epoch, or its end, is news.
                        if guard.borrow_and_update().map(|guard| guard.epoch) != epoch { break }
                    }
                }
            }
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
        let Some(guard) = self.context.guard().filter(|_| !plan.writes.is_empty()) else { return Ok(false) };
        self.remember(&wanted.interface).await?;
        self.write_all(&session, &plan, &wanted.interface, guard).await;
        Ok(true)
    }

    async fn read(&mut self) -> Result<(Session, Vec<RouteTable>), Trouble> {
        let tables = &self.context.settings.route_tables;
        if let Some((session, tables)) = self.found.take() {
            self.session = Some(session.clone());
            return Ok((session, tables));
        }
        let Some(session) = &self.session else {
            let (session, tables) = self.cloud.connect(tables).await?;
            info!(instance = %session.instance.instance, interface = %session.instance.primary_interface, "EC2 reached");
            self.session = Some(session.clone());
            return Ok((session, tables));
        };
        let tables: Vec<_> = tables.iter().cloned().collect();
        let both = tokio::try_join!(session.ec2.instance(&session.instance.instance), session.ec2.route_tables(&tables));
        let (instance, tables) = both.map_err(crate::cloud::CloudError::Ec2)?;
        let session = Session { ec2: session.ec2.clone(), instance };
        self.session = Some(session.clone());
        Ok((session, tables))
    }

    /// Learns whose routes count as ours: interfaces of the history, of gateways that the CiliumVTEPConfig led to, and instances of
    /// labelled nodes.
    async fn recognise(&mut self, session: &Session) {
        let Context { namespace, node_label, .. } = &*self.context;
        match self.kube.config_map(namespace, History::CONFIG_MAP).await {
            Ok(kept) => self.known.interfaces.extend(history(kept.as_ref()).interfaces),
            Err(error) if error.is_forbidden() => self.no_history(),
            Err(error) => warn!(error = chain(&error), "the history of gateways cannot be read"),
        }
        let named = match self.kube.vtep(vtep::OBJECT_NAME).await {
            Ok(object) => object.as_ref().map(vtep::tunnel_endpoints).unwrap_or_default(),
            Err(error) => {
                warn!(error = chain(&error), "former gateways cannot be read from the CiliumVTEPConfig");
                BTreeSet::new()
            }
        };
        let met = self.context.meet(named);
        if !met.is_empty() {
            match session.ec2.interfaces_at(&session.instance.vpc, &met).await {
                Ok(interfaces) => self.known.interfaces.extend(interfaces),
                Err(error) => warn!(error = chain(&error), "interfaces of former gateways cannot be found"),
            }
        }
        match self.kube.gateway_nodes(node_label).await {
            Ok(instances) => self.known.instances = instances,
            Err(error) if error.is_forbidden() => {
                self.context.lesser(
                    "list nodes",
                    "routes of former gateways are recognised by the CiliumVTEPConfig, and once EC2 shows them as blackhole",
                );
            }
            Err(error) => warn!(error = chain(&error), "gateway nodes cannot be listed"),
        }
    }

    fn no_history(&self) {
        self.context.lesser(
            "get, create, update configmaps",
            "routes of former gateways are recognised by the CiliumVTEPConfig, and once EC2 shows them as blackhole",
        );
    }

    /// Puts our interface into the history, before the first route leads to it.
    async fn remember(&mut self, interface: &InterfaceId) -> Result<(), Trouble> {
        // A conflict means that another gateway has just written; few gateways, few rounds.
        for _ in 0..5 {
            if self.remembered {
                return Ok(());
            }
            match self.try_remember(interface).await {
                Ok(()) => self.remembered = true,
                Err(error) if error.is_conflict() => {}
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

    async fn write_all(&self, session: &Session, plan: &Plan, interface: &InterfaceId, guard: Guard) {
        let started = Instant::now();
        let mut writes = Vec::with_capacity(plan.writes.len());
        for write in &plan.writes {
            writes.push(self.write(session, write, interface, guard.epoch));
        }
        let results: Vec<bool> = stream::iter(writes).buffer_unordered(PARALLEL_WRITES).collect().await;
        let failed = results.iter().filter(|ok| !**ok).count();
        self.context.metrics.count_route_update(started.elapsed(), failed == 0);
    }

    async fn write(&self, session: &Session, write: &Write, interface: &InterfaceId, epoch: u32) -> bool {
        let Write { table, destination, replaces } = write;
        if self.context.guard().is_none_or(|guard| guard.epoch != epoch) {
            return false;
        }
        let result = match replaces {
            Some(_) => session.ec2.replace_route(table, *destination, interface, WRITE_DEADLINE).await,
            None => session.ec2.create_route(table, *destination, interface, WRITE_DEADLINE).await,
        };
        match result {
            Ok(()) => {
                info!(%table, %destination, to = %interface, from = replaces.as_deref(), epoch, "VPC route written");
                true
            }
            // Read again and decide again, as after every write.
            Err(error) => {
                warn!(%table, %destination, error = chain(&error), unknown = error.outcome_unknown(), "VPC route not written");
                let error = chain(&error);
                self.context.update(|status| status.routes.error = Some(error));
                false
            }
        }
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
            (routes.read, routes.error) = (true, None);
            (routes.here, routes.open) = (plan.settled, plan.writes.len());
            routes.foreign.clone_from(&plan.foreign);
            routes.missing = plan.missing.iter().map(ToString::to_string).collect();
            routes.source_dest_check = session.instance.source_dest_check;
        });
    }
}

/// What a ConfigMap keeps; nothing, if somebody has damaged it.
fn history(kept: Option<&ConfigMap>) -> History {
    let text = kept.and_then(|kept| kept.data().remove(History::KEY));
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}
