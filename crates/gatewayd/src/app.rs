//! Puts the tasks together and waits for the end.
//!
//! ```text
//! nodes ──desired──► kernel          election ──guard──► routes, vtep (write only while it says go)
//!   each task ──► status ──► admin (/readyz, /metrics, /status), reporter (Events, log)
//! ```

use std::sync::Arc;

use anyhow::{Context as _, bail};
use hybridge_gateway::datapath;
use hybridge_gateway::hold::Roster;
use hybridge_gateway::settings::Settings;
use hybridge_gateway::status::Status;
use hybridge_kube_io::Kube;
use hybridge_report::{Exit, Finding, Severity};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{RwLock, mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::admin::{self, Admin};
use crate::args::{self, Arguments, Output};
use crate::clock::Clock;
use crate::context::{Context, Seen};
use crate::metrics::Metrics;
use crate::nodes::Nodes;
use crate::routes::Routes;
use crate::startup::{self, Checked};
use crate::vtep::Vtep;
use crate::{election, kernel, reporter};

/// Runs the gateway, or what else was asked for, and says how it ended.
pub(crate) async fn run(arguments: Arguments) -> Exit {
    let result = if arguments.remove_data_path {
        remove().await
    } else if arguments.check {
        check(&arguments).await
    } else {
        check_and_serve(arguments).await
    };
    match result {
        Ok(exit) => exit,
        Err(problem) => {
            error!(error = format!("{problem:#}"), "ended");
            Exit::Unexpected
        }
    }
}

/// The signals that end a daemon. Process 1 of a container ignores those that it has no handler for, so this comes before anything
/// that takes time.
struct End {
    terminate: Signal,
    interrupt: Signal,
}

impl End {
    fn listen() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for one of them, and gives its name.
    async fn come(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

async fn check(arguments: &Arguments) -> anyhow::Result<Exit> {
    let checked = startup::check(arguments).await?;
    tell(&checked, arguments);
    Ok(if refuses(&checked) { Exit::Input } else { Exit::Ok })
}

async fn check_and_serve(arguments: Arguments) -> anyhow::Result<Exit> {
    let mut end = End::listen().context("cannot listen for signals")?;
    let clock = Clock::start();
    let mut checked = tokio::select! {
        checked = startup::check(&arguments) => checked?,
        signal = end.come() => {
            info!("{signal} while starting: nothing was changed");
            return Ok(Exit::Ok);
        }
    };
    tell(&checked, &arguments);
    let refused = refuses(&checked);
    match (checked.settings.take(), checked.kube.take()) {
        (Some(settings), Some(kube)) if !refused => serve(arguments, settings, kube, (checked, clock), end).await,
        _ => Ok(Exit::Input),
    }
}

fn refuses(checked: &Checked) -> bool {
    let failed = checked.findings.iter().any(|finding| finding.severity == Severity::Error);
    failed || checked.settings.is_none() || checked.kube.is_none()
}

/// Findings go to people who asked for them, and into the log of a daemon.
#[expect(clippy::print_stdout, reason = "the answer to --check")]
fn tell(checked: &Checked, arguments: &Arguments) {
    match (arguments.check, arguments.output) {
        (true, Output::Json) => println!("{}", args::json(&checked.findings)),
        (true, Output::Text) if checked.findings.is_empty() => println!("ok: settings, host, cluster and route tables are in order"),
        (true, Output::Text) => checked.findings.iter().for_each(|finding| println!("{finding}")),
        (false, _) => checked.findings.iter().for_each(log),
    }
}

fn log(finding: &Finding) {
    let (code, place, what, fix) = (finding.code, &finding.place, &finding.what, finding.fix.as_deref());
    match finding.severity {
        Severity::Error => error!(code, place, fix, "{what}"),
        Severity::Warning => warn!(code, place, fix, "{what}"),
    }
}

async fn serve(
    arguments: Arguments,
    settings: Settings,
    kube: Kube,
    (checked, clock): (Checked, Clock),
    mut end: End,
) -> anyhow::Result<Exit> {
    let Checked { netlink, observed, cloud, found, .. } = checked;
    let nic = observed.link_with(settings.node_ip).context("the node IP has gone from this host")?.clone();
    let listeners = (admin::bind(settings.metrics_address).await, admin::bind(settings.probe_address).await);
    let (metrics_port, probe_port) = match listeners {
        (Ok(metrics), Ok(probes)) => (metrics, probes),
        (Err((address, error)), _) | (_, Err((address, error))) => bail!("cannot listen on {address}: {error}"),
    };
    let device = datapath::device(settings.node_ip, nic.mtu, settings.mtu);
    let context = context(&arguments, settings, &kube, &nic.name, clock);
    info!(
        node_ip = %context.settings.node_ip, api_server = kube.server(), namespace = context.namespace, identity = context.identity,
        version = hybridge_version::LONG, "hybridge-gateway starts"
    );

    let nodes = Nodes::new(context.clone(), device, datapath::left_behind(&observed));
    let (desired, wanted) = watch::channel(nodes.desired());
    let (outgrow, outgrown) = mpsc::channel(1);
    let stop = CancellationToken::new();
    let mut tasks = JoinSet::new();
    tasks.spawn(kernel::run(context.clone(), netlink.clone(), wanted));
    tasks.spawn(nodes.run(kube.clone(), desired));
    tasks.spawn(Vtep::new(context.clone(), kube.clone(), outgrow).run());
    tasks.spawn(reporter::run(context.clone(), kube.clone()));
    if context.settings.route_tables.is_empty() {
        info!("no route tables are configured; VPC routes are left to others");
    } else {
        tasks.spawn(Routes::new(context.clone(), kube.clone(), cloud, found).run());
    }
    let admin = Admin { context: context.clone(), netlink, nic: nic.name };
    tasks.spawn(async move {
        if let Err(problem) = admin.serve(metrics_port, probe_port).await {
            error!(error = %problem, "the admin port is gone");
        }
    });
    let mut election = tokio::spawn(election::run(context, kube, outgrown, stop.clone()));

    tokio::select! {
        signal = end.come() => info!("{signal}: releasing the lead; the data path stays"),
        ended = tasks.join_next() => bail!("a task that should run for ever has ended: {ended:?}"),
        ended = &mut election => bail!("the election has ended: {ended:?}"),
    }
    stop.cancel();
    election.await?;
    Ok(Exit::Ok)
}

fn context(arguments: &Arguments, settings: Settings, kube: &Kube, nic: &str, clock: Clock) -> Arc<Context> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let node_name = variable("NODE_NAME").unwrap_or_default();
    let mut status = Status::default();
    status.routes.wanted = !settings.route_tables.is_empty();
    // A name of its own for each process: one that was killed keeps its Lease until it expires.
    let host = variable("HOSTNAME")
        .or_else(|| Some(node_name.clone()).filter(|name| !name.is_empty()))
        .unwrap_or_else(|| settings.node_ip.to_string());
    Arc::new(Context {
        adopt_routes: arguments.adopt_routes,
        node_label: arguments.node_label.clone(),
        namespace: startup::namespace(kube),
        identity: format!("{host}_{:016x}", rand::random::<u64>()),
        metrics: Metrics::new(&settings, &node_name, nic),
        node_name,
        seen: Seen::new(Roster::new(settings.mass_delete_hold)),
        settings,
        clock,
        met: std::sync::Mutex::default(),
        status: watch::Sender::new(status),
        guard: watch::Sender::new(None),
        writing: RwLock::default(),
    })
}

/// Removes everything of ours from this host's kernel.
async fn remove() -> anyhow::Result<Exit> {
    let netlink = hybridge_netlink::Netlink::connect()?;
    let observed = netlink.snapshot(datapath::DEVICE, datapath::ROUTE_PROTOCOL).await?;
    let changes = datapath::removal(&observed);
    let failures = netlink.apply(&changes, datapath::DEVICE).await;
    for failure in &failures {
        error!(error = hybridge_report::chain(&failure.error), "not removed");
    }
    info!(removed = changes.len() - failures.len(), "the data path is removed; VPC routes and CiliumVTEPConfig are not touched");
    Ok(if failures.is_empty() { Exit::Ok } else { Exit::Partly })
}
