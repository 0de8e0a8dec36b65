//! HTTP servers inside namespaces.

use std::future::IntoFuture as _;
use std::io;
use std::net::{SocketAddr, TcpListener};

use axum::Router;

use crate::netns::{Netns, Task};
use crate::tls::Identity;

/// Why a server could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} in namespace `{namespace}`")]
pub struct ServeError {
    address: SocketAddr,
    namespace: String,
    #[source]
    source: io::Error,
}

/// Opens a listening socket, so that nobody who comes from now on is turned away.
pub(crate) fn listen(ns: &Netns, address: SocketAddr) -> Result<TcpListener, ServeError> {
    let failed = |source| ServeError { address, namespace: ns.name().into(), source };
    let listener = ns.run(|| TcpListener::bind(address)).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(listener)
}

/// Serves `routes` from a thread in the namespace until the task is dropped. Handlers learn the peer's address.
pub(crate) fn serve(ns: &Netns, task: &str, listener: TcpListener, routes: Router) -> Task {
    run(ns, task, listener, |listener| axum::serve(listener, routes.into_make_service_with_connect_info::<SocketAddr>()).into_future())
}

/// The same over TLS. Handlers do not learn the peer's address.
pub(crate) fn serve_tls(ns: &Netns, task: &str, listener: TcpListener, (routes, identity): (Router, Identity)) -> Task {
    run(ns, task, listener, move |listener| axum::serve(identity.listener(listener), routes).into_future())
}

fn run<Served>(
    ns: &Netns,
    task: &str,
    listener: TcpListener,
    server: impl FnOnce(tokio::net::TcpListener) -> Served + Send + 'static,
) -> Task
where
    Served: Future<Output = io::Result<()>> + Send + 'static,
{
    ns.spawn(task, move |stop| async move {
        let listener = match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => return tracing::error!(%error, "a listening socket cannot be registered"),
        };
        // Open connections do not hold the end up: the lab's servers end like a host that is switched off.
        tokio::select! {
            () = stop.cancelled() => {}
            ended = server(listener) => tracing::error!(?ended, "a server of the lab ended"),
        }
    })
}
