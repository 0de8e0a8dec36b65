//! Access entries: who may use a cluster's API, and as what.

use hybridge_cluster::config::AccessScope;
use hybridge_cluster::world::{LiveEntry, LivePolicy};
use serde::Deserialize;
use serde_json::json;

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
    ///
    /// # Errors
    /// EKS refused, could not be reached, or answered with something else.
    pub async fn entry_policies(&self, cluster: &str, principal: &str) -> Result<Vec<LivePolicy>, CallError> {
        let call = Call::new("ListAssociatedAccessPolicies", principal);
        let path = format!("{}/access-policies?maxResults=100", entry_path(cluster, principal));
        self.get_all(&call, Service::Eks, &path, "associatedAccessPolicies").await
    }

    /// Makes an access entry (CreateAccessEntry), with the fields of `entry` that are set; its policies are not made, see
    /// [`Session::associate_policy`].
    ///
    /// # Errors
    /// EKS refused (`ResourceInUseException`: the principal has one), or could not be reached.
    pub async fn create_access_entry(&self, cluster: &str, entry: &LiveEntry) -> Result<(), CallError> {
        let call = Call::new("CreateAccessEntry", &entry.principal_arn);
        let mut body = json!({ "principalArn": entry.principal_arn });
        if !entry.kind.is_empty() {
            body["type"] = entry.kind.as_str().into();
        }
        if !entry.username.is_empty() {
            body["username"] = entry.username.as_str().into();
        }
        if !entry.kubernetes_groups.is_empty() {
            body["kubernetesGroups"] = json!(entry.kubernetes_groups);
        }
        if !entry.tags.is_empty() {
            body["tags"] = json!(entry.tags);
        }
        self.post(&call, format!("/clusters/{}/access-entries", encoded(cluster)), body).await.map(drop)
    }

    /// Gives an access entry other groups and another name (UpdateAccessEntry). Its type cannot be changed. An empty name is left as it is.
    ///
    /// # Errors
    /// EKS refused, or could not be reached.
    pub async fn update_access_entry(&self, cluster: &str, principal: &str, groups: &[String], username: &str) -> Result<(), CallError> {
        let call = Call::new("UpdateAccessEntry", principal);
        let mut body = json!({ "kubernetesGroups": groups });
        if !username.is_empty() {
            body["username"] = username.into();
        }
        self.post(&call, entry_path(cluster, principal), body).await.map(drop)
    }

    /// Takes an access entry away (DeleteAccessEntry). One that is not there is no error.
    ///
    /// # Errors
    /// EKS refused, or could not be reached.
    pub async fn delete_access_entry(&self, cluster: &str, principal: &str) -> Result<(), CallError> {
        self.delete(&Call::new("DeleteAccessEntry", principal), entry_path(cluster, principal)).await
    }

    /// Gives an access entry a policy, or another scope of it (AssociateAccessPolicy).
    ///
    /// # Errors
    /// EKS refused, or could not be reached.
    pub async fn associate_policy(&self, cluster: &str, principal: &str, policy: &str, scope: &AccessScope) -> Result<(), CallError> {
        let call = Call::new("AssociateAccessPolicy", format_args!("{policy} with {principal}"));
        let path = format!("{}/access-policies", entry_path(cluster, principal));
        let body = json!({ "policyArn": policy, "accessScope": scope });
        self.post_plain(&call, path, &body).await.map(drop)
    }

    /// Takes a policy from an access entry (DisassociateAccessPolicy). One that it does not have is no error.
    ///
    /// # Errors
    /// EKS refused, or could not be reached.
    pub async fn disassociate_policy(&self, cluster: &str, principal: &str, policy: &str) -> Result<(), CallError> {
        let call = Call::new("DisassociateAccessPolicy", format_args!("{policy} from {principal}"));
        self.delete(&call, format!("{}/access-policies/{}", entry_path(cluster, principal), encoded(policy))).await
    }
}

fn entry_path(cluster: &str, principal: &str) -> String {
    format!("/clusters/{}/access-entries/{}", encoded(cluster), encoded(principal))
}
