//! A small Kubernetes API for exactly the kinds that gateways use.
//!
//! It behaves as kube-apiserver 1.34 does: lists in pages of one version, watches with bookmarks and 410, optimistic locking,
//! schemas of custom resources, status subresources, `Status` objects for refusals. What it does not have is answered 501 and
//! shows in [`FakeKube::unexpected`]; the contract suite ([`crate::contract`]) proves the rest against a real server.

mod api;
mod builtin;
mod crd;
mod discovery;
mod kind;
mod list;
mod openapi;
mod path;
mod protobuf;
mod query;
mod selector;
mod status;
mod store;
mod validate;
mod watch;
mod write;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::Router;
use serde_json::Value;
use tokio::sync::watch as channel;

pub use crd::{CILIUM_NODE_CRD, VtepCrd};
pub use kind::Kind;
pub use status::{Cause, Refusal};

use crd::Schemas;
use store::{Key, Store};
use write::Writer;

/// One request, as it was answered.
#[derive(Clone, Debug)]
pub struct Request {
    /// When it came in.
    pub at: Instant,
    /// HTTP method.
    pub method: String,
    /// Path.
    pub path: String,
    /// Query, as sent.
    pub query: String,
    /// `User-Agent`.
    pub agent: String,
    /// HTTP status of the answer; of a watch, that of its start.
    pub code: u16,
}

/// The small Kubernetes API. Clones share one state.
#[derive(Clone, Debug)]
pub struct FakeKube(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Mutex<Store>,
    schemas: Schemas,
    /// Version of the last change, for watches to wait on.
    versions: channel::Sender<u64>,
    down: channel::Sender<bool>,
    journal: Mutex<Journal>,
}

/// Requests kept for [`FakeKube::requests`]: hours of two gateways, some tens of megabytes.
const JOURNAL_LENGTH: usize = 100_000;

#[derive(Debug, Default)]
struct Journal {
    requests: VecDeque<Request>,
    unexpected: Vec<String>,
}

impl FakeKube {
    /// An API without objects, with CiliumNode and the given form of CiliumVTEPConfig installed.
    pub fn new(vtep: VtepCrd) -> Self {
        let store = Store::new();
        Self(Arc::new(Inner {
            versions: channel::Sender::new(store.version()),
            store: Mutex::new(store),
            schemas: Schemas::new(vtep),
            down: channel::Sender::new(false),
            journal: Mutex::default(),
        }))
    }

    /// The HTTP API, for every path.
    pub fn api(&self) -> Router {
        Router::new().fallback(api::serve).with_state(self.clone())
    }

    /// Creates or replaces an object, whatever its version; `apiVersion`, `kind` and `metadata.name` say which.
    ///
    /// For tests and faults. Schemas are obeyed, so that nothing is stored that a real server would not store.
    ///
    /// # Errors
    /// The kind is not served, or the object breaks its schema.
    pub fn put_object(&self, mut object: Value) -> Result<Value, Refusal> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (api_version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
        let kind = Kind::of(&api_version, &kind)
            .filter(|kind| self.0.schemas.serves(*kind))
            .ok_or_else(|| Refusal::NotServed(format!("{kind} of {api_version}")))?;
        let (mut namespace, name) = (text(&object["metadata"]["namespace"]), text(&object["metadata"]["name"]));
        if namespace.is_empty() && kind.namespaced() {
            namespace = "default".into();
        }
        let key = Key { kind, namespace, name };
        let stored = self.change(|writer| {
            let Some(version) = writer.store.get(&key).map(|present| present["metadata"]["resourceVersion"].clone()) else {
                return writer.create(kind, &key.namespace, object);
            };
            object["metadata"]["resourceVersion"] = version;
            writer.replace(key, object, false).map(|(object, _)| object)
        })?;
        Ok((*stored).clone())
    }

    /// An object; `namespace` is ignored for kinds without.
    pub fn get_object(&self, kind: Kind, namespace: &str, name: &str) -> Option<Value> {
        self.store().get(&key(kind, namespace, name)).map(|object| (**object).clone())
    }

    /// Deletes an object at once, finalizers or not, and says whether it was there.
    pub fn delete_object(&self, kind: Kind, namespace: &str, name: &str) -> bool {
        self.change(|writer| writer.store.remove(&key(kind, namespace, name))).is_some()
    }

    /// All objects of a kind, ordered by namespace and name.
    pub fn list(&self, kind: Kind) -> Vec<Value> {
        let store = self.store();
        let objects = store.snapshot(kind, store.version()).unwrap_or_default();
        objects.into_values().map(|object| (*object).clone()).collect()
    }

    /// The last 100,000 requests, in the order of the answers.
    pub fn requests(&self) -> Vec<Request> {
        locked(&self.0.journal).requests.iter().cloned().collect()
    }

    /// Requests answered 501. A test that sees one is wrong or the server is.
    pub fn unexpected(&self) -> Vec<String> {
        locked(&self.0.journal).unexpected.clone()
    }

    /// Forgets the history: whatever version a client holds is too old now. Watches end with 410, and so do pages not yet read.
    pub fn compact(&self) {
        self.change(|writer| writer.store.compact());
    }

    /// Breaks every watch and answers 503, or serves again.
    pub fn set_down(&self, down: bool) {
        self.0.down.send_replace(down);
    }

    fn is_down(&self) -> bool {
        *self.0.down.borrow()
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        locked(&self.0.store)
    }

    /// Runs a write and wakes the watches.
    fn change<T>(&self, f: impl FnOnce(&mut Writer<'_>) -> T) -> T {
        let mut store = self.store();
        let outcome = f(&mut Writer { store: &mut store, schemas: &self.0.schemas });
        self.0.versions.send_replace(store.version());
        outcome
    }

    fn record(&self, request: Request) {
        let requests = &mut locked(&self.0.journal).requests;
        if requests.len() == JOURNAL_LENGTH {
            requests.pop_front();
        }
        requests.push_back(request);
    }

    fn record_unexpected(&self, what: String) {
        locked(&self.0.journal).unexpected.push(what);
    }
}

fn key(kind: Kind, namespace: &str, name: &str) -> Key {
    let namespace = if kind.namespaced() { namespace.to_owned() } else { String::new() };
    Key { kind, namespace, name: name.to_owned() }
}

/// A panic of another holder leaves nothing half-written here: objects are replaced whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
