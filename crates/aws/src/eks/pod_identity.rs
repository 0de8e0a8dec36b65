//! EKS Pod Identity: roles of service accounts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{encoded, or_none};
use crate::call::{Call, CallError, parsed};
use crate::endpoint::Service;
use crate::session::Session;

/// An association of a service account with a role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodIdentity {
    /// `a-…`.
    pub association_id: String,
    /// Namespace.
    pub namespace: String,
    /// Service account.
    pub service_account: String,
    /// What manages it, such as an add-on; empty: nothing.
    pub owner_arn: String,
    /// ARN of the role; empty: not part of the answer.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub role_arn: String,
    /// Tags, where they are part of the answer.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// An association to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPodIdentity<'a> {
    /// Namespace.
    pub namespace: &'a str,
    /// Service account.
    pub service_account: &'a str,
    /// ARN.
    pub role_arn: &'a str,
    /// Tags.
    pub tags: &'a BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Answer {
    association: PodIdentity,
}

impl Session {
    /// The Pod Identity associations of a cluster (ListPodIdentityAssociations, all pages). Their roles are not part of the answer.
    ///
    /// # Errors
    /// EKS refused, could not be reached, or answered with something else.
    pub async fn pod_identities(&self, cluster: &str) -> Result<Vec<PodIdentity>, CallError> {
        let path = format!("{}?maxResults=100", associations(cluster));
        self.get_all(&Call::new("ListPodIdentityAssociations", cluster), Service::Eks, &path, "associations").await
    }

    /// An association with its role and its tags (DescribePodIdentityAssociation). None: it is not there.
    ///
    /// # Errors
    /// EKS refused, could not be reached, or answered with something else.
    pub async fn pod_identity(&self, cluster: &str, id: &str) -> Result<Option<PodIdentity>, CallError> {
        let call = Call::new("DescribePodIdentityAssociation", format_args!("{id} of {cluster}"));
        let path = format!("{}/{}", associations(cluster), encoded(id));
        let Some(answer) = or_none(self.get(&call, path).await)? else { return Ok(None) };
        Ok(Some(parsed::<Answer>(&call, answer)?.association))
    }

    /// Gives an association another role (UpdatePodIdentityAssociation).
    ///
    /// # Errors
    /// EKS refused, or could not be reached.
    pub async fn update_pod_identity(&self, cluster: &str, id: &str, role_arn: &str) -> Result<(), CallError> {
        let call = Call::new("UpdatePodIdentityAssociation", format_args!("{id} of {cluster}"));
        let path = format!("{}/{}", associations(cluster), encoded(id));
        self.post(&call, path, json!({ "roleArn": role_arn })).await.map(drop)
    }

    /// Makes an association (CreatePodIdentityAssociation) and gives its identifier.
    ///
    /// # Errors
    /// EKS refused (`ResourceInUseException`: the account has one), could not be reached, or answered with something else.
    pub async fn create_pod_identity(&self, cluster: &str, new: &NewPodIdentity<'_>) -> Result<String, CallError> {
        let call = Call::new("CreatePodIdentityAssociation", format_args!("{}/{} of {cluster}", new.namespace, new.service_account));
        let mut body = json!({ "namespace": new.namespace, "serviceAccount": new.service_account, "roleArn": new.role_arn });
        if !new.tags.is_empty() {
            body["tags"] = json!(new.tags);
        }
        let answer = self.post(&call, associations(cluster), body).await?;
        Ok(parsed::<Answer>(&call, answer)?.association.association_id)
    }
}

fn associations(cluster: &str) -> String {
    format!("/clusters/{}/pod-identity-associations", encoded(cluster))
}
