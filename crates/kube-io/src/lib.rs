//! Our side of the Kubernetes API, that of gateways above all; the only user of the `kube` crate.
//!
//! Everything here transports and decides nothing: what to write, when, and what follows from an answer is decided by `hybridge-gateway`.
//! Three rules hold for every request:
//!
//! - It goes to the API server directly. Proxies of the environment are ignored, since a proxy would be one more thing between a
//!   gateway and its lease.
//! - It is sent once and has a deadline. kube's own retry layer is off: a write that is repeated after its deadline is a late write of a
//!   holder that may hold nothing any more.
//! - Writes of shared objects are compare-and-swap: a PUT that names the `resourceVersion` it was computed from and keeps the fields
//!   it does not own.
//!
//! The one thing that lives longer than a request is [`Kube::nodes`], a stream that survives whatever the API server does.

mod backoff;
mod cloud_nodes;
mod condition;
mod config_map;
mod connect;
mod drain;
mod error;
mod event;
mod lease;
mod lines;
mod list;
mod nodes;
mod object;
mod pods;
mod request;
mod schema;
mod service_account;
mod services;
mod untyped;
mod vtep;
mod watch;

#[cfg(test)]
mod testing;

pub use cloud_nodes::CloudNode;
pub use condition::NodeCondition;
pub use config_map::ConfigMap;
pub use connect::{Access, ConnectError, Kube};
pub use drain::{Eviction, Machine, Tenant};
pub use error::{Call, CallError, CallErrorKind, Verb};
pub use event::{EventNote, Regarding};
pub use lease::{Ballot, Lease};
pub use nodes::{Decode, NodeEvent};
pub use pods::Pod;
pub use schema::classify;
pub use service_account::ServiceAccount;
pub use services::LoadBalancer;
pub use untyped::Kind;
