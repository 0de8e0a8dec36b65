//! A server on 127.0.0.1 that says what a test tells it to, and a client of it.

use std::collections::VecDeque;
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use futures::StreamExt;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::connect::{Kube, Timing};

/// One answer.
pub(crate) enum Reply {
    /// Status and body, complete.
    Whole(u16, String),
    /// 200 and some lines; then the end.
    Lines(Vec<String>),
    /// 200 and some lines; then silence.
    ThenSilence(Vec<String>),
    /// 200 and some bytes; then the connection breaks.
    ThenBreak(Vec<String>),
    /// Nothing at all.
    Never,
}

impl Reply {
    pub(crate) fn json(value: Value) -> Self {
        Self::Whole(200, value.to_string())
    }

    pub(crate) fn status(code: u16, message: &str) -> Self {
        let status = serde_json::json!({ "kind": "Status", "status": "Failure", "code": code, "message": message });
        Self::Whole(code, status.to_string())
    }
}

/// What a client asked: method, path with query, body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

#[derive(Clone)]
pub(crate) struct Server {
    replies: Arc<Mutex<VecDeque<Reply>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// Gives the replies in order, whatever is asked; afterwards, nothing.
    pub(crate) async fn start(replies: impl IntoIterator<Item = Reply>) -> (Self, Kube) {
        let server = Self { replies: Arc::new(Mutex::new(replies.into_iter().collect())), asked: Arc::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let kube = client(&format!("http://{}", listener.local_addr().unwrap())).await;
        tokio::spawn(server.clone().serve(listener));
        (server, kube)
    }

    /// Answers on one more address, until the test ends.
    pub(crate) async fn serve(self, listener: TcpListener) {
        axum::serve(listener, Router::new().fallback(answer).with_state(self)).await.unwrap();
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Method, path and query of everything asked.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }
}

async fn answer(State(server): State<Server>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let asked = Asked { line: format!("{} {}", head.method, head.uri), body: String::from_utf8(body.to_vec()).unwrap() };
    server.asked.lock().unwrap().push(asked);
    let reply = server.replies.lock().unwrap().pop_front().unwrap_or(Reply::Never);
    let lines = |lines: Vec<String>| futures::stream::iter(lines).map(|line| Ok::<_, std::io::Error>(Bytes::from(line + "\n")));
    match reply {
        Reply::Whole(status, body) => Response::builder().status(status).body(Body::from(body)).unwrap(),
        Reply::Lines(text) => Response::new(Body::from_stream(lines(text))),
        Reply::ThenSilence(text) => Response::new(Body::from_stream(lines(text).chain(futures::stream::pending()))),
        Reply::ThenBreak(text) => {
            let broken = futures::stream::once(async {
                // What was sent before arrives first.
                tokio::time::sleep(Duration::from_millis(50)).await;
                Err(std::io::Error::other("broken by the test"))
            });
            Response::new(Body::from_stream(lines(text).chain(broken)))
        }
        Reply::Never => std::future::pending().await,
    }
}

/// A client of the server at `url`, with deadlines that suit tests.
pub(crate) async fn client(url: &str) -> Kube {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config");
    fs::write(&path, kubeconfig(url, "")).unwrap();
    let mut kube = Kube::connect(Some(&path)).await.unwrap();
    kube.timing = Timing {
        read: Duration::from_millis(500),
        watch_seconds: 25,
        silence: Duration::from_millis(300),
        shortest_watch: Duration::from_millis(100),
    };
    kube
}

/// A kubeconfig for the server at `url`; `more` are further lines of its cluster.
pub(crate) fn kubeconfig(url: &str, more: &str) -> String {
    format!(
        "apiVersion: v1
kind: Config
current-context: test
clusters: [{{ name: test, cluster: {{ server: \"{url}\" {more} }} }}]
users: [{{ name: test, user: {{ token: secret }} }}]
contexts: [{{ name: test, context: {{ cluster: test, user: test, namespace: gateways }} }}]
"
    )
}
