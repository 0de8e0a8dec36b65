//! `/metrics` and `/healthz`: two short answers, for which a web server would be much.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use hybridge_lni::lifecycle::{Action, Gauges};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Longest head of a request, in bytes.
const HEAD: usize = 8 << 10;
/// How long a scraper may take.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

#[derive(Debug, Default)]
struct Numbers {
    gauges: Gauges,
    leading: bool,
    looks: u64,
    deletes: u64,
    delete_errors: u64,
    seconds_to_clean: u64,
    repairs: u64,
    creates: u64,
    attaches: u64,
    releases: u64,
    release_errors: u64,
    errors: u64,
}

/// What is counted. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Metrics(Arc<Mutex<Numbers>>);

impl Metrics {
    fn change(&self, change: impl FnOnce(&mut Numbers)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn observe(&self, gauges: &Gauges, leading: bool) {
        self.change(|numbers| {
            numbers.looks += u64::from(leading);
            (numbers.gauges, numbers.leading) = (gauges.clone(), leading);
        });
    }

    pub(super) fn count(&self, action: &Action, ok: bool) {
        self.change(|numbers| match (action, ok) {
            (Action::Delete { seconds, .. }, true) => {
                numbers.deletes += 1;
                numbers.seconds_to_clean += seconds;
            }
            (Action::Delete { .. }, false) => numbers.delete_errors += 1,
            (Action::ConfirmDeletion { .. }, true) => numbers.repairs += 1,
            (Action::Create { .. }, true) => numbers.creates += 1,
            (Action::Attach { .. }, true) => numbers.attaches += 1,
            (Action::Release { .. }, true) => numbers.releases += 1,
            (Action::Release { .. } | Action::Greet { .. }, false) => numbers.release_errors += 1,
            (Action::Greet { .. }, true) => {}
            (Action::ConfirmDeletion { .. } | Action::Create { .. } | Action::Attach { .. }, false) => numbers.errors += 1,
        });
    }

    /// Text of Prometheus' format 0.0.4.
    fn text(&self) -> String {
        let numbers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = |number: usize| number as u64;
        let gauges = &numbers.gauges;
        let all = [
            ("leading", "gauge", "1 while this controller holds the Lease", u64::from(numbers.leading)),
            ("interfaces", "gauge", "LNIs of the cluster", count(gauges.interfaces)),
            ("orphans", "gauge", "LNIs that are nobody's", count(gauges.orphans)),
            ("oldest_orphan_seconds", "gauge", "How long nobody has had the oldest of them", gauges.oldest_orphan),
            ("nodes_without", "gauge", "Nodes that should have an LNI and have none", count(gauges.nodes_without)),
            ("answers_missing", "gauge", "Answers that the last look did not get", count(gauges.missing)),
            ("looks_total", "counter", "Looks as the leader", numbers.looks),
            ("deletes_total", "counter", "LNIs deleted", numbers.deletes),
            ("delete_errors_total", "counter", "Deletions that failed", numbers.delete_errors),
            ("time_to_clean_seconds_sum", "counter", "How long nobody had those that were deleted", numbers.seconds_to_clean),
            ("drift_repairs_total", "counter", "Attachments that were made to go with their instances", numbers.repairs),
            ("creates_total", "counter", "LNIs made", numbers.creates),
            ("attaches_total", "counter", "LNIs attached", numbers.attaches),
            ("releases_total", "counter", "LNIs that the LAN was told to forget", numbers.releases),
            ("release_errors_total", "counter", "Runs of the release hook that failed", numbers.release_errors),
            ("errors_total", "counter", "Other calls that failed", numbers.errors),
        ];
        let lines = all.iter().map(|(name, kind, help, value)| {
            format!("# HELP hybridge_lni_{name} {help}\n# TYPE hybridge_lni_{name} {kind}\nhybridge_lni_{name} {value}\n")
        });
        lines.collect()
    }
}

/// Opens the port and serves until the process ends.
pub(super) async fn serve(address: SocketAddr, metrics: Metrics) -> std::io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    tokio::spawn(async move {
        loop {
            if let Ok((stream, _)) = listener.accept().await {
                let metrics = metrics.clone();
                tokio::spawn(async move { timeout(PATIENCE, answer(stream, &metrics)).await });
            }
        }
    });
    Ok(())
}

async fn answer(mut stream: TcpStream, metrics: &Metrics) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < HEAD {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let line = String::from_utf8_lossy(&head);
    let mut words = line.split_whitespace();
    let (status, body) = match (words.next(), words.next()) {
        (Some("GET"), Some("/metrics")) => ("200 OK", metrics.text()),
        (Some("GET"), Some("/healthz")) => ("200 OK", "ok\n".to_owned()),
        (Some("GET"), _) => ("404 Not Found", "there are /metrics and /healthz\n".to_owned()),
        (_, _) => ("405 Method Not Allowed", "GET alone\n".to_owned()),
    };
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    let answer = format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}
