//! The hybrid nodes: a list, then every change, for ever.

use std::time::{Duration, Instant};

use futures::Stream;
use hybridge_gateway::nodes::HYBRID_LABEL;
use hybridge_model::NodeName;
use kube::api::WatchParams;
use kube::core::Request;
use serde_json::Value;

use crate::backoff::Backoff;
use crate::connect::Kube;
use crate::error::{Call, CallError, CallErrorKind, Verb};
use crate::lines::Lines;
use crate::list::{Collection, Item};
use crate::object::{NODE, Resource};
use crate::request::refusal;
use crate::watch::{self, Change};

const CILIUM_NODE: Resource = Resource { kind: "CiliumNode", api_version: "cilium.io/v2", plural: "ciliumnodes" };

/// What the caller makes of a CiliumNode: given its name, when it was created (seconds since 1970) and its `spec`.
///
/// `spec` may be any JSON, so the result should have a place for objects that cannot be understood.
pub type Decode<T> = fn(&str, i64, &Value) -> T;

/// What happened to the hybrid nodes, or to the watch over them.
#[derive(Debug)]
pub enum NodeEvent<T> {
    /// The whole set as it is now; replaces everything before.
    Listed(Vec<(NodeName, T)>),
    /// A node is new or changed.
    Applied(NodeName, T),
    /// A node is gone, or is no longer labelled as hybrid.
    Deleted(NodeName),
    /// The set may be out of date from here on; it is tried again, for ever.
    Failed(CallError),
    /// After a failure: the watch stands again, and the set is as up to date as ever.
    Recovered,
}

impl Kube {
    /// The CiliumNodes labelled as hybrid, as they are now.
    ///
    /// # Errors
    /// See [`CallError`]; not found where the cluster serves no CiliumNodes. The deadline is 5 s a page, or that of [`crate::Access`].
    pub async fn hybrid_nodes<T: Send>(&self, decode: Decode<T>) -> Result<Vec<(NodeName, T)>, CallError> {
        let mut nodes = Vec::new();
        self.list(&hybrid(), &mut |item: Item| nodes.push(decoded(decode, &item))).await?;
        Ok(nodes)
    }

    /// The CiliumNodes labelled as hybrid. Starts with the first poll, never ends.
    ///
    /// Lists in pages, converting each object at once, then watches with bookmarks. A watch that ends is resumed from the last version
    /// seen; a version that is no longer kept means a new list; 30 s without event or bookmark are a failure. Waits between attempts
    /// double from 50–100 ms to 2.5–5 s.
    pub fn nodes<T: Send + 'static>(&self, decode: Decode<T>) -> impl Stream<Item = NodeEvent<T>> + Send + use<T> {
        self.stream(hybrid(), decode)
    }

    /// All Nodes of the cluster (`v1`), in the same way; `decode` is given their `spec`.
    pub fn all_nodes<T: Send + 'static>(&self, decode: Decode<T>) -> impl Stream<Item = NodeEvent<T>> + Send + use<T> {
        self.stream(Collection { resource: &NODE, selector: String::new() }, decode)
    }

    fn stream<T: Send + 'static>(&self, collection: Collection, decode: Decode<T>) -> impl Stream<Item = NodeEvent<T>> + Send + use<T> {
        let nodes = Nodes {
            kube: self.clone(),
            decode,
            collection,
            position: Position::Unknown,
            backoff: Backoff::default(),
            wait: None,
            failed: false,
        };
        futures::stream::unfold(nodes, |mut nodes| async move { Some((nodes.next().await, nodes)) })
    }
}

/// How far the stream has come.
enum Position {
    /// Nothing is known, or too little to resume: list.
    Unknown,
    /// The set is known up to this version: watch from there.
    Listed(String),
    /// A watch stands.
    Watching {
        /// Up to where the set is known.
        version: String,
        lines: Lines,
        since: Instant,
        /// Whether it has said anything.
        heard: bool,
    },
}

fn hybrid() -> Collection {
    let (key, value) = HYBRID_LABEL;
    Collection { resource: &CILIUM_NODE, selector: format!("{key}={value}") }
}

struct Nodes<T> {
    kube: Kube,
    decode: Decode<T>,
    collection: Collection,
    position: Position,
    backoff: Backoff,
    /// Before the next request.
    wait: Option<Duration>,
    /// The caller was told of a failure and not yet of its end.
    failed: bool,
}

impl<T: Send> Nodes<T> {
    async fn next(&mut self) -> NodeEvent<T> {
        loop {
            if let Some(wait) = self.wait.take() {
                tokio::time::sleep(wait).await;
            }
            // Each step says from where the next one goes on; one that fails without a word means that nothing is known.
            let step = match std::mem::replace(&mut self.position, Position::Unknown) {
                Position::Unknown => self.list().await,
                Position::Listed(version) => self.watch(version).await,
                Position::Watching { version, lines, since, heard } => self.read(version, lines, since, heard).await,
            };
            match step {
                Ok(Some(event)) => return event,
                Ok(None) => {}
                Err(error) if error.is_gone() => {
                    tracing::debug!(collection = %self.collection, "the version is no longer kept, listing again");
                    self.position = Position::Unknown;
                    self.pause();
                }
                Err(error) => {
                    self.failed = true;
                    self.pause();
                    return NodeEvent::Failed(error);
                }
            }
        }
    }

    fn pause(&mut self) {
        self.wait = Some(self.backoff.next(rand::random()));
    }

    async fn list(&mut self) -> Result<Option<NodeEvent<T>>, CallError> {
        let mut nodes = Vec::new();
        let decode = self.decode;
        let mut each = |item: Item| nodes.push(decoded(decode, &item));
        let version = self.kube.list(&self.collection, &mut each).await?;
        self.position = Position::Listed(version);
        Ok(Some(NodeEvent::Listed(nodes)))
    }

    async fn watch(&mut self, version: String) -> Result<Option<NodeEvent<T>>, CallError> {
        let timing = self.kube.timing;
        let params = WatchParams::default().labels(&self.collection.selector).timeout(timing.watch_seconds);
        let request = Request::new(self.collection.resource.path(None)).watch(&params, &version);
        match self.kube.open(request, timing.read).await {
            Ok(body) => {
                self.position = Position::Watching { version, lines: Lines::new(body), since: Instant::now(), heard: false };
                Ok(std::mem::take(&mut self.failed).then_some(NodeEvent::Recovered))
            }
            Err(kind) => {
                if may_resume(&kind) {
                    self.position = Position::Listed(version);
                }
                Err(self.call().failed(kind))
            }
        }
    }

    async fn read(
        &mut self,
        mut version: String,
        mut lines: Lines,
        since: Instant,
        heard: bool,
    ) -> Result<Option<NodeEvent<T>>, CallError> {
        let timing = self.kube.timing;
        let line = match lines.next(timing.silence).await {
            Ok(Some(line)) => line,
            Ok(None) => {
                // An API server that ends watches at once must not be asked for them in a tight loop.
                if heard || since.elapsed() >= timing.shortest_watch {
                    self.backoff.reset();
                } else {
                    self.pause();
                }
                self.position = Position::Listed(version);
                return Ok(None);
            }
            Err(kind) => {
                self.position = Position::Listed(version);
                return Err(self.call().failed(kind));
            }
        };
        if line.trim_ascii().is_empty() {
            self.position = Position::Watching { version, lines, since, heard };
            return Ok(None);
        }
        // After a line that cannot be read it is not known what was missed: an error leaves the position unknown.
        let change = watch::parse(&line).map_err(|error| self.call().failed(CallErrorKind::BadReply(error)))?;
        let event = match change {
            Change::Error(code, message) => return Err(self.call().failed(refusal(code, message))),
            Change::Set(item) => {
                advance(&mut version, &item);
                let (name, node) = decoded(self.decode, &item);
                Some(NodeEvent::Applied(name, node))
            }
            Change::Removed(item) => {
                advance(&mut version, &item);
                Some(NodeEvent::Deleted(NodeName::new(item.name())))
            }
            Change::Bookmark(item) => {
                advance(&mut version, &item);
                None
            }
            Change::Unknown(kind) => {
                tracing::debug!(kind, "unknown watch event");
                None
            }
        };
        self.backoff.reset();
        self.position = Position::Watching { version, lines, since, heard: true };
        Ok(event)
    }

    fn call(&self) -> Call {
        Call::new(Verb::Watch, &self.collection)
    }
}

fn decoded<T>(decode: Decode<T>, item: &Item) -> (NodeName, T) {
    (NodeName::new(item.name()), decode(item.name(), item.created(), &item.spec))
}

/// An object without a version, which no API server sends, leaves things where they are: the next watch then repeats some events.
fn advance(version: &mut String, item: &Item) {
    if !item.version().is_empty() {
        item.version().clone_into(version);
    }
}

/// Whether the set known so far is still good after a watch was not accepted. The API server's refusals are not: the CRD may
/// have been removed and made anew. Its being slow, busy or away is.
fn may_resume(kind: &CallErrorKind) -> bool {
    match kind {
        CallErrorKind::Timeout(_) | CallErrorKind::Unreachable(_) | CallErrorKind::Broken(_) | CallErrorKind::Credentials(_) => true,
        CallErrorKind::Refused { status, .. } => *status == 429 || *status >= 500,
        CallErrorKind::Conflict
        | CallErrorKind::NotFound
        | CallErrorKind::Forbidden(_)
        | CallErrorKind::Unauthorized
        | CallErrorKind::BadReply(_)
        | CallErrorKind::BadRequest(_) => false,
    }
}

#[cfg(test)]
mod tests;
