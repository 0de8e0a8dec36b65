//! Profiles and trust anchors: what decides whose certificates are taken, and for which roles.

use hybridge_cluster::world::{AnywhereProfile, TrustAnchor};
use serde::Deserialize;

use crate::call::{Call, CallError, JsonCall, Kind, Repeat, parsed};
use crate::endpoint::Service;
use crate::session::Session;

impl Session {
    /// A profile by its ARN (GetProfile). None: there is none.
    ///
    /// # Errors
    /// Roles Anywhere refused, could not be reached, or answered with something else.
    pub async fn anywhere_profile(&self, arn: &str) -> Result<Option<AnywhereProfile>, CallError> {
        #[derive(Deserialize)]
        struct Answer {
            profile: AnywhereProfile,
        }
        let call = Call::new("GetProfile", arn);
        let Some(answer) = self.look_up(&call, "profile", arn).await? else { return Ok(None) };
        Ok(Some(parsed::<Answer>(&call, answer)?.profile))
    }

    /// A trust anchor by its ARN (GetTrustAnchor). None: there is none.
    ///
    /// # Errors
    /// Roles Anywhere refused, could not be reached, or answered with something else.
    pub async fn trust_anchor(&self, arn: &str) -> Result<Option<TrustAnchor>, CallError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            trust_anchor: TrustAnchor,
        }
        let call = Call::new("GetTrustAnchor", arn);
        let Some(answer) = self.look_up(&call, "trustanchor", arn).await? else { return Ok(None) };
        Ok(Some(parsed::<Answer>(&call, answer)?.trust_anchor))
    }

    /// The identifier is what comes after the last slash of the ARN.
    async fn look_up(&self, call: &Call, kind: &str, arn: &str) -> Result<Option<serde_json::Value>, CallError> {
        let mut path = format!("/{kind}/");
        crate::token::push_encoded(&mut path, arn.rsplit('/').next().unwrap_or(arn));
        let json = JsonCall { service: Service::RolesAnywhere, method: "GET", path, target: None, body: "", repeat: Repeat::Freely };
        match self.ask(call, &json).await {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.kind() == Kind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
