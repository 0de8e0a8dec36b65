//! The Lease that gateways elect their leader with.

use std::time::Duration;

use hybridge_gateway::lease::{LeaseRecord, ObservedLease, Reply, Request};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::connect::Kube;
use crate::error::{CallError, Verb};
use crate::object::{Resource, version};

const LEASE: Resource = Resource { kind: "Lease", api_version: "coordination.k8s.io/v1", plural: "leases" };

/// A Lease as the API server holds it, with all its fields, so that a write keeps those of others.
#[derive(Clone, Debug)]
pub struct Lease {
    object: Value,
}

impl Lease {
    /// What it says, for the election.
    ///
    /// Fields that are missing or out of range count as empty or 0, as in a Lease that was made by hand.
    pub fn observed(&self) -> ObservedLease {
        let spec = &self.object["spec"];
        let number = |field: &str| spec[field].as_u64().and_then(|number| u32::try_from(number).ok()).unwrap_or(0);
        ObservedLease {
            version: version(&self.object).to_owned(),
            record: LeaseRecord {
                holder: spec["holderIdentity"].as_str().unwrap_or_default().to_owned(),
                duration_seconds: number("leaseDurationSeconds"),
                transitions: number("leaseTransitions"),
            },
        }
    }

    /// When its holder took it, by the holder's clock; `None` where that is missing or no time.
    pub fn acquired(&self) -> Option<Timestamp> {
        self.time("acquireTime")
    }

    /// When its holder renewed it last, by the holder's clock; `None` where that is missing or no time.
    pub fn renewed(&self) -> Option<Timestamp> {
        self.time("renewTime")
    }

    fn time(&self, field: &str) -> Option<Timestamp> {
        self.object["spec"][field].as_str()?.parse().ok()
    }

    /// The same with another record, stamped with the time.
    ///
    /// `renewTime` and `acquireTime` are for people and for other implementations of the election. Ours never compares a clock with
    /// another machine's.
    fn with(&self, record: &LeaseRecord, now: Timestamp) -> Self {
        let mut object = self.object.clone();
        let now = micro_time(now);
        if object["spec"]["holderIdentity"].as_str() != Some(&record.holder) {
            object["spec"]["acquireTime"] = now.clone();
        }
        let spec = &mut object["spec"];
        spec["renewTime"] = now;
        spec["holderIdentity"] = record.holder.clone().into();
        spec["leaseDurationSeconds"] = record.duration_seconds.into();
        spec["leaseTransitions"] = record.transitions.into();
        Self { object }
    }
}

/// `MicroTime`: RFC 3339 with exactly six digits, as the API server writes it.
fn micro_time(time: Timestamp) -> Value {
    format!("{time:.6}").into()
}

impl Kube {
    /// The Lease as it is now, or `None` where there is none.
    ///
    /// # Errors
    /// See [`CallError`]; the deadline is 5 s.
    pub async fn lease(&self, namespace: &str, name: &str) -> Result<Option<Lease>, CallError> {
        let object = self.read_object(&LEASE, Some(namespace), name).await?;
        Ok(object.map(|object| Lease { object }))
    }

    /// Creates a Lease, in one attempt.
    ///
    /// # Errors
    /// A conflict where there is one already; otherwise see [`CallError`], and ask it whether the outcome is unknown.
    pub async fn create_lease(&self, namespace: &str, name: &str, record: &LeaseRecord, within: Duration) -> Result<Lease, CallError> {
        let new = json!({
            "apiVersion": LEASE.api_version,
            "kind": LEASE.kind,
            "metadata": { "namespace": namespace, "name": name },
            "spec": {},
        });
        let new = Lease { object: new }.with(record, Timestamp::now());
        Ok(Lease { object: self.create_object(&LEASE, &new.object, within).await? })
    }

    /// Replaces what a Lease says, provided it is still as it was read; in one attempt. All other fields stay.
    ///
    /// # Errors
    /// A conflict where it was changed since it was read; otherwise see [`CallError`], and ask it whether the outcome is unknown.
    pub async fn update_lease(&self, read: &Lease, record: &LeaseRecord, within: Duration) -> Result<Lease, CallError> {
        let new = read.with(record, Timestamp::now());
        Ok(Lease { object: self.replace_object(&LEASE, &new.object, within).await? })
    }
}

/// Carries the requests of an election to the API server, and keeps the Lease between them.
#[derive(Clone)]
pub struct Ballot {
    kube: Kube,
    namespace: String,
    name: String,
    last: Option<Lease>,
}

impl Ballot {
    /// For the Lease of this name.
    pub fn new(kube: Kube, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kube, namespace: namespace.into(), name: name.into(), last: None }
    }

    /// The Lease as it was read or written last, with the fields of others.
    pub fn last(&self) -> Option<&Lease> {
        self.last.as_ref()
    }

    /// Sends a request, in one attempt. The error is for people; what it means for the election is in the reply.
    pub async fn send(&mut self, request: Request, within: Duration) -> (Reply, Option<CallError>) {
        let Self { kube, namespace, name, .. } = &*self;
        let result = match request {
            Request::Read => match kube.lease(namespace, name).await {
                Ok(lease) => {
                    self.last = lease;
                    return (Reply::Read(self.last.as_ref().map(Lease::observed)), None);
                }
                Err(error) => Err(error),
            },
            Request::Create(record) => kube.create_lease(namespace, name, &record, within).await,
            Request::Update { version, record } => {
                let Some(last) = self.last.as_ref().filter(|lease| lease.observed().version == version) else {
                    return (Reply::Conflict, None);
                };
                kube.update_lease(last, &record, within).await
            }
        };
        match result {
            Ok(lease) => {
                let observed = lease.observed();
                self.last = Some(lease);
                (Reply::Written(observed), None)
            }
            // A Lease that was deleted under our hands is like one that was changed; where one cannot be made, the namespace is missing.
            Err(error) if error.is_conflict() || (error.is_not_found() && error.call().verb == Verb::Update) => (Reply::Conflict, None),
            Err(error) => (Reply::Failed, Some(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(spec: Value) -> Lease {
        Lease { object: json!({ "metadata": { "resourceVersion": "5" }, "spec": spec }) }
    }

    fn record(holder: &str) -> LeaseRecord {
        LeaseRecord { holder: holder.into(), duration_seconds: 3, transitions: 1 }
    }

    #[test]
    fn only_a_change_of_holder_is_an_acquisition() {
        let now: Timestamp = "2026-01-02T03:04:05.5Z".parse().unwrap();
        let taken = lease(json!({ "holderIdentity": "b", "acquireTime": "then" })).with(&record("a"), now);
        assert_eq!(taken.object["spec"]["acquireTime"], "2026-01-02T03:04:05.500000Z");
        assert_eq!((taken.acquired(), taken.renewed()), (Some(now), Some(now)));
        let renewed = lease(json!({ "holderIdentity": "a", "acquireTime": "then" })).with(&record("a"), now);
        assert_eq!(renewed.object["spec"]["acquireTime"], "then");
        assert_eq!(renewed.object["spec"]["renewTime"], "2026-01-02T03:04:05.500000Z");
    }

    #[test]
    fn what_was_written_is_what_is_observed() {
        let lease = lease(json!({})).with(&record("a"), Timestamp::now());
        assert_eq!(lease.observed(), ObservedLease { version: "5".into(), record: record("a") });
    }

    #[test]
    fn a_lease_with_missing_or_odd_fields_can_still_be_observed() {
        for spec in [json!({}), Value::Null, json!({ "holderIdentity": null, "leaseDurationSeconds": -1, "leaseTransitions": "x" })] {
            assert_eq!(lease(spec.clone()).observed().record, LeaseRecord::default());
            assert_eq!((lease(spec.clone()).acquired(), lease(spec).renewed()), (None, None));
        }
    }
}
