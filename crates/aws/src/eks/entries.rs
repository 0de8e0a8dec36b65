//! Access entries: who may use a cluster's API, and as what.

use hybridge_cluster::world::{LiveEntry, LivePolicy};
use serde::Deserialize;

use super::{encoded, or_none};
use crate::call::{Call, CallError, parsed};
use crate::endpoint::Service;
use crate::session::Session;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    access_entry: LiveEntry,
}

impl Session {
    /// An access entry with its policies (DescribeAccessEntry, ListAssociatedAccessPolicies). None: the principal has none.
    ///
    /// # Errors
    /// EKS refused, could not be reached, or answered with something else.
    pub async fn access_entry(&self, cluster: &str, principal: &str) -> Result<Option<LiveEntry>, CallError> {
        let call = Call::new("DescribeAccessEntry", principal);
        let Some(answer) = or_none(self.get(&call, entry_path(cluster, principal)).await)? else { return Ok(None) };
        let entry = parsed::<Answer>(&call, answer)?.access_entry;
        // Only these can have policies (EKS user guide, "Associate access policies with access entries").
        let policies =
            if entry.kind.is_empty() || entry.kind == "STANDARD" { self.entry_policies(cluster, principal).await? } else { Vec::new() };
        Ok(Some(LiveEntry { policies, ..entry }))
    }

    /// The policies of an access entry (ListAssociatedAccessPolicies, all pages).
    async fn entry_policies(&self, cluster: &str, principal: &str) -> Result<Vec<LivePolicy>, CallError> {
        let call = Call::new("ListAssociatedAccessPolicies", principal);
        let path = format!("{}/access-policies?maxResults=100", entry_path(cluster, principal));
        self.get_all(&call, Service::Eks, &path, "associatedAccessPolicies").await
    }
}

fn entry_path(cluster: &str, principal: &str) -> String {
    format!("/clusters/{}/access-entries/{}", encoded(cluster), encoded(principal))
}
