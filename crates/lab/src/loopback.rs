//! Servers of the lab on this machine's loopback, for what needs no namespaces.

use std::io;
use std::net::SocketAddr;
use std::thread::JoinHandle;

use axum::Router;
use tokio_util::sync::CancellationToken;

/// A server on a thread of its own, until it is dropped.
#[derive(Debug)]
pub struct Loopback {
    /// Where it listens.
    pub address: SocketAddr,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Loopback {
    /// Serves `routes` at a port that is free.
    ///
    /// # Errors
    /// No port, or no thread, is to be had.
    pub fn serve(routes: Router) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            runtime.block_on(async move {
                match tokio::net::TcpListener::from_std(listener) {
                    Ok(listener) => {
                        tokio::select! {
                            () = stopped.cancelled() => {}
                            ended = async { axum::serve(listener, routes).await } => tracing::error!(?ended, "a server of the lab ended"),
                        }
                    }
                    Err(error) => tracing::error!(%error, "a listening socket cannot be registered"),
                }
            });
        });
        Ok(Self { address, stop, thread: Some(thread) })
    }

    /// `http://` and the address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // A handler that panicked was told of by the test that asked.
            let _panicked = thread.join();
        }
    }
}
