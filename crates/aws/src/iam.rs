//! Roles, their policies, and OpenID Connect providers.

use std::collections::{BTreeMap, BTreeSet};

use hybridge_cluster::world::Role;
use serde_json::Value;

use crate::call::{Call, CallError, Kind};
use crate::query::{Element, Query};
use crate::session::Session;

/// Actions that are simulated in one call. IAM names no limit; an answer of so many is some kilobytes.
const ACTIONS: usize = 100;

/// An OpenID Connect provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OidcProvider {
    /// Host and path, without `https://`.
    pub url: String,
    /// Audiences.
    pub client_ids: Vec<String>,
    /// SHA-1 of authorities, in hexadecimal.
    pub thumbprints: Vec<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

impl Session {
    /// A role by its name or ARN, with the ARNs of its managed policies (GetRole, ListAttachedRolePolicies). None: there is no such role.
    ///
    /// # Errors
    /// IAM refused, could not be reached, or answered with something else.
    pub async fn role(&self, role: &str) -> Result<Option<Role>, CallError> {
        let call = Call::new("GetRole", role);
        let name = role_name(role);
        let query = Query::iam("GetRole").with("RoleName", name);
        let found = match self.query(&call, &query, |answer| decode_role(answer.child("Role").ok_or("Role is missing")?)).await {
            Err(error) if error.kind() == Kind::NotFound => return Ok(None),
            result => result?,
        };
        let call = Call::new("ListAttachedRolePolicies", role);
        let query = Query::iam("ListAttachedRolePolicies").with("RoleName", name);
        let attached_policies = self.query_all(&call, &query, "AttachedPolicies", |policy| policy.need("PolicyArn")).await?;
        Ok(Some(Role { attached_policies, ..found }))
    }

    /// Those of `actions` that a user or role may not do on any of `resources` (SimulatePrincipalPolicy); without resources, on `*`.
    ///
    /// IAM simulates the principal's own policies, its boundary, and what the organization allows. What depends on a condition that only
    /// a request could meet (a tag, the service that a role is passed to) is not counted as denied.
    ///
    /// # Errors
    /// IAM refused, could not be reached, or answered with something else.
    pub async fn denied_actions(&self, principal: &str, actions: &[&str], resources: &[&str]) -> Result<Vec<String>, CallError> {
        let call = Call::new("SimulatePrincipalPolicy", principal);
        let mut denied = Vec::new();
        for some in actions.chunks(ACTIONS) {
            let query = Query::iam("SimulatePrincipalPolicy").with("PolicySourceArn", principal);
            let query = query.members("ActionNames", some.iter().copied()).members("ResourceArns", resources.iter().copied());
            let answers = self.query_all(&call, &query, "EvaluationResults", |result| {
                let decision = result.need("EvalDecision")?;
                let depends = decision == "implicitDeny" && result.items("MissingContextValues").next().is_some();
                let action = result.need("EvalActionName")?;
                Ok(Some(action).filter(|_| decision != "allowed" && !depends))
            });
            // There is one for each resource.
            let distinct: BTreeSet<String> = answers.await?.into_iter().flatten().collect();
            denied.extend(distinct);
        }
        Ok(denied)
    }

    /// Makes a provider for the issuer of a cluster's tokens (CreateOpenIDConnectProvider) and gives its ARN. IAM finds the thumbprint.
    ///
    /// # Errors
    /// IAM refused (`EntityAlreadyExists`), or could not be reached.
    pub async fn create_oidc_provider(
        &self,
        issuer: &str,
        client_ids: &[&str],
        tags: &BTreeMap<String, String>,
    ) -> Result<String, CallError> {
        let call = Call::new("CreateOpenIDConnectProvider", issuer);
        let query = Query::iam("CreateOpenIDConnectProvider").with("Url", issuer);
        let query = query.members("ClientIDList", client_ids.iter().copied()).tags(tags);
        self.query(&call, &query, |answer| answer.need("OpenIDConnectProviderArn")).await
    }

    /// A provider by its ARN (GetOpenIDConnectProvider). None: there is none.
    ///
    /// # Errors
    /// IAM refused, could not be reached, or answered with something else.
    pub async fn oidc_provider(&self, arn: &str) -> Result<Option<OidcProvider>, CallError> {
        let call = Call::new("GetOpenIDConnectProvider", arn);
        let query = Query::iam("GetOpenIDConnectProvider").with("OpenIDConnectProviderArn", arn);
        let decode = |answer: Element<'_, '_>| -> Result<OidcProvider, String> {
            Ok(OidcProvider {
                url: answer.need("Url")?,
                client_ids: answer.texts("ClientIDList"),
                thumbprints: answer.texts("ThumbprintList"),
                tags: answer.items("Tags").map(|tag| (tag.text("Key"), tag.text("Value"))).collect(),
            })
        };
        match self.query(&call, &query, decode).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.kind() == Kind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Takes a provider away (DeleteOpenIDConnectProvider). One that is not there is no error.
    ///
    /// # Errors
    /// IAM refused, or could not be reached.
    pub async fn delete_oidc_provider(&self, arn: &str) -> Result<(), CallError> {
        let call = Call::new("DeleteOpenIDConnectProvider", arn);
        let query = Query::iam("DeleteOpenIDConnectProvider").with("OpenIDConnectProviderArn", arn);
        match self.command(&call, &query).await {
            Err(error) if error.kind() == Kind::NotFound => Ok(()),
            result => result,
        }
    }
}

/// The name in an ARN, which may have a path before it.
fn role_name(role: &str) -> &str {
    if role.starts_with("arn:") { role.rsplit('/').next().unwrap_or(role) } else { role }
}

fn decode_role(role: Element<'_, '_>) -> Result<Role, String> {
    Ok(Role {
        arn: role.need("Arn")?,
        assume_role_policy_document: document(&role.need("AssumeRolePolicyDocument")?)?,
        max_session_duration: role.number("MaxSessionDuration")?,
        attached_policies: Vec::new(),
        denied_actions: Vec::new(),
    })
}

/// IAM writes policies percent-encoded (RFC 3986).
fn document(text: &str) -> Result<Value, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, others)) = rest.split_first() {
        let encoded =
            others.get(..2).and_then(|digits| std::str::from_utf8(digits).ok()).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (first, encoded) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = others.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(first);
                rest = others;
            }
        }
    }
    serde_json::from_slice(&bytes).map_err(|error| format!("a policy is no JSON: {error}"))
}

#[cfg(test)]
mod tests;
