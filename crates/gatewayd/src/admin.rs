//! The admin HTTP: metrics on one port; liveness, readiness and status on another.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use hybridge_gateway::datapath::DEVICE;
use hybridge_gateway::detail::{self, Gateway, Kernel, Known, Report, Role};
use hybridge_netlink::Netlink;
use tokio::net::TcpListener;

use crate::context::Context;

/// What the handlers need.
#[derive(Clone)]
pub(crate) struct Admin {
    pub(crate) context: Arc<Context>,
    pub(crate) netlink: Arc<Netlink>,
    /// Name of the interface with the node's address.
    pub(crate) nic: String,
}

impl Admin {
    /// Serves until the process ends.
    pub(crate) async fn serve(self, metrics: Option<TcpListener>, probes: Option<TcpListener>) -> std::io::Result<()> {
        let metrics_routes = Router::new().route("/metrics", get(text_metrics)).with_state(self.clone());
        let probe_routes = Router::new()
            // Tasks that end take the process with them, so an answer is proof enough.
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(readiness))
            .route("/status", get(status))
            .with_state(self);
        tokio::try_join!(listen(metrics, metrics_routes), listen(probes, probe_routes)).map(|_| ())
    }
}

/// Opens a port; an error names it.
pub(crate) async fn bind(address: Option<SocketAddr>) -> Result<Option<TcpListener>, (SocketAddr, std::io::Error)> {
    match address {
        Some(address) => TcpListener::bind(address).await.map(Some).map_err(|error| (address, error)),
        None => Ok(None),
    }
}

async fn listen(listener: Option<TcpListener>, routes: Router) -> std::io::Result<()> {
    match listener {
        Some(listener) => axum::serve(listener, routes).await,
        None => std::future::pending().await,
    }
}

async fn text_metrics(State(admin): State<Admin>) -> impl IntoResponse {
    let (vxlan, nic) = tokio::join!(admin.netlink.counters(DEVICE), admin.netlink.counters(&admin.nic));
    let status = admin.context.status.borrow().clone();
    let text = admin.context.metrics.text(&status, vxlan.ok().flatten().as_ref(), nic.ok().flatten().as_ref());
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}

/// 200 and `ready`, or 503 and a line for each reason.
async fn readiness(State(admin): State<Admin>) -> impl IntoResponse {
    let reasons = admin.context.status.borrow().reasons();
    if reasons.is_empty() {
        return (StatusCode::OK, "ready\n".to_owned());
    }
    let lines = reasons.iter().map(|reason| format!("{}: {}\n", reason.code, reason.what));
    (StatusCode::SERVICE_UNAVAILABLE, std::iter::once("not ready\n".to_owned()).chain(lines).collect())
}

async fn status(State(admin): State<Admin>) -> Result<impl IntoResponse, StatusCode> {
    let report = report(&admin.context);
    // For thousands of nodes the text takes longer than all else, and the election lives on this thread.
    let text = tokio::task::spawn_blocking(move || serde_json::to_vec(&report)).await;
    let text = text.ok().and_then(Result::ok).ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(([(CONTENT_TYPE, "application/json")], text))
}

/// How things stand, with what follows from what the tasks saw last.
fn report(context: &Context) -> Report {
    let Context { settings, seen, identity, node_name, .. } = context;
    let status = context.status.borrow().clone();
    let leading = status.leader.leading;
    let hybrid_nodes = {
        let (roster, kernel) = (seen.roster(), seen.kernel());
        let known = Known { roster: &roster, listed: status.nodes.listed, undecodable: &status.nodes.undecodable };
        let errors = &status.kernel.errors;
        let kernel = match &*kernel {
            Some(snapshot) => Kernel::Seen { snapshot, errors },
            None => Kernel::Unseen(errors.first().map_or("the kernel has not been looked at yet", String::as_str)),
        };
        detail::nodes(known, kernel)
    };
    let role = Role { leading, error: status.routes.error.as_deref() };
    let vpc_routes = detail::routes(&settings.route_tables, &settings.pod_cidrs, seen.tables().as_ref(), role);
    let role = Role { leading, error: status.vtep.error.as_deref() };
    let vtep_endpoints = detail::endpoints(Some(settings.node_ip), &settings.vpc_cidrs, seen.config().as_ref(), role);
    let reasons = status.reasons();
    let gateway = Gateway {
        identity: identity.clone(),
        node_name: node_name.clone(),
        node_ip: Some(settings.node_ip),
        version: hybridge_version::LONG.into(),
    };
    Report { gateway, ready: reasons.is_empty(), reasons, status, hybrid_nodes, vpc_routes, vtep_endpoints }
}
