//! Watches: JSON lines in a chunked answer that ends when its time is up, or with an error.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep_until};

use super::FakeKube;
use super::kind::Kind;
use super::query::ListQuery;
use super::selector::Selector;
use super::status::Refusal;
use super::store::{Change, stamp};

/// How often a watch without events gets a bookmark (`defaultBookmarkFrequency` of apiserver 1.34's cacher).
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);
/// How long before its end a watch gets its last bookmark (same place).
const BOOKMARK_BEFORE_END: Duration = Duration::from_secs(2);
/// Longest life of a watch that names no `timeoutSeconds`; a real server takes 30 to 60 minutes.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// One watch that is being served.
struct Watch {
    kube: FakeKube,
    kind: Kind,
    namespace: Option<String>,
    selector: Selector,
    /// Everything up to this version has been looked at.
    position: u64,
    bookmarks: bool,
    end: Instant,
    wake: Pin<Box<Sleep>>,
    versions: watch::Receiver<u64>,
    down: watch::Receiver<bool>,
    lines: VecDeque<String>,
    over: bool,
}

/// Answers a watch. Whatever goes wrong with its version is told in the stream, as a real server does.
pub(super) fn answer(kube: FakeKube, kind: Kind, namespace: Option<String>, query: ListQuery) -> Response {
    let end = Instant::now() + query.timeout.unwrap_or(LONGEST).min(LONGEST);
    let mut watch = Watch {
        versions: kube.0.versions.subscribe(),
        down: kube.0.down.subscribe(),
        kube,
        kind,
        namespace,
        selector: query.selector,
        position: query.version.unwrap_or(0),
        bookmarks: query.bookmarks,
        end,
        wake: Box::pin(sleep_until(end)),
        lines: VecDeque::new(),
        over: false,
    };
    if query.version.is_none() || query.initial_events {
        watch.send_present(query.initial_events);
    }
    watch.plan_wake();
    let lines = stream::unfold(watch, |mut watch| async move { watch.next().await.map(|line| (line, watch)) });
    ([(header::CONTENT_TYPE, "application/json")], Body::from_stream(lines)).into_response()
}

impl Watch {
    /// The next line; an error breaks the connection.
    async fn next(&mut self) -> Option<Result<String, io::Error>> {
        loop {
            if *self.down.borrow() {
                return Some(Err(io::Error::from(io::ErrorKind::ConnectionReset)));
            }
            if let Some(line) = self.lines.pop_front() {
                return Some(Ok(line));
            }
            if self.over {
                return None;
            }
            // Marked as seen before reading, so that no later change goes unnoticed.
            self.versions.mark_unchanged();
            self.read_changes();
            if !self.lines.is_empty() {
                continue;
            }
            tokio::select! {
                _ = self.versions.changed() => {}
                _ = self.down.changed() => {}
                () = &mut self.wake => self.on_wake(),
            }
        }
    }

    /// Queues what is there now as additions, and where asked for the mark that this was all.
    fn send_present(&mut self, mark: bool) {
        let (version, objects) = {
            let store = self.kube.store();
            (store.version(), store.snapshot(self.kind, store.version()))
        };
        self.position = version;
        for (key, object) in objects.unwrap_or_default() {
            if self.namespace.as_ref().is_none_or(|namespace| *namespace == key.namespace) && self.selector.matches(&object) {
                self.lines.push_back(line("ADDED", &object));
            }
        }
        if mark {
            let mut bookmark = self.bookmark();
            bookmark["metadata"]["annotations"] = json!({"k8s.io/initial-events-end": "true"});
            self.lines.push_back(line("BOOKMARK", &bookmark));
        }
    }

    fn read_changes(&mut self) {
        let (version, oldest, changes) = {
            let store = self.kube.store();
            (store.version(), store.oldest(), store.changes_after(self.kind, self.position))
        };
        match changes {
            Ok(changes) => {
                self.position = self.position.max(version);
                for change in changes {
                    self.lines.extend(self.event(&change));
                }
            }
            Err(_) => {
                let refusal = Refusal::Expired(format!("too old resource version: {} ({oldest})", self.position));
                self.lines.push_back(line("ERROR", &refusal.status()));
                self.over = true;
            }
        }
    }

    /// The event that a change is for this watch: an object that comes to match, or no longer does, is added or deleted.
    fn event(&self, change: &Change) -> Option<String> {
        if self.namespace.as_ref().is_some_and(|namespace| *namespace != change.key.namespace) {
            return None;
        }
        let before = change.before.as_deref().filter(|object| self.selector.matches(object));
        let after = change.after.as_deref().filter(|object| self.selector.matches(object));
        match (before, after) {
            (None, None) => None,
            (None, Some(object)) => Some(line("ADDED", object)),
            (Some(_), Some(object)) => Some(line("MODIFIED", object)),
            (Some(object), None) => {
                let mut last = object.clone();
                stamp(&mut last, change.version);
                Some(line("DELETED", &last))
            }
        }
    }

    fn bookmark(&self) -> Value {
        json!({
            "kind": self.kind.kind(),
            "apiVersion": self.kind.api_version(),
            "metadata": {"resourceVersion": self.position.to_string(), "creationTimestamp": null},
        })
    }

    fn on_wake(&mut self) {
        if Instant::now() >= self.end {
            self.over = true;
            return;
        }
        let bookmark = line("BOOKMARK", &self.bookmark());
        self.lines.push_back(bookmark);
        self.plan_wake();
    }

    fn plan_wake(&mut self) {
        let now = Instant::now();
        let last_bookmark = self.end.checked_sub(BOOKMARK_BEFORE_END).filter(|at| *at > now);
        let at = match last_bookmark {
            Some(last) if self.bookmarks => last.min(now + BOOKMARK_EVERY),
            Some(_) | None => self.end,
        };
        self.wake.as_mut().reset(at);
    }
}

fn line(sort: &str, object: &Value) -> String {
    format!("{}\n", json!({"type": sort, "object": object}))
}
