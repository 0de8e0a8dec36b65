//! Credentials for images in Amazon ECR, as the kubelet asks for them (Kubernetes' credential provider API, version 1).

mod host;
mod protocol;
#[cfg(test)]
mod tests;

use aws_smithy_types::base64;
use jiff::Timestamp;
use serde::Deserialize;

pub use self::host::Registry;
pub use self::protocol::{ProtocolError, Request, Response};
use crate::call::{Call, CallError, JsonCall, Repeat};
use crate::endpoint::Service;
use crate::session::{Session, SessionError, Wishes};

/// ECR Public has one API, and that is here (ECR Public user guide, "Registry authentication").
pub const PUBLIC_REGION: &str = "us-east-1";

/// User and password for a registry.
#[derive(Clone)]
pub struct Login {
    pub(crate) user: String,
    pub(crate) password: String,
    /// None where the registry does not say.
    pub(crate) expires: Option<Timestamp>,
}

impl Login {
    /// `USER:PASSWORD`, for the one who pulls an image.
    pub fn reveal(&self) -> String {
        format!("{}:{}", self.user, self.password)
    }
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("user", &self.user).field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// Why there are no credentials for an image.
#[derive(Debug, thiserror::Error)]
pub enum EcrError {
    /// AWS cannot be used as the environment says.
    #[error("AWS cannot be asked")]
    Session(#[from] SessionError),
    /// The call failed.
    #[error("no credentials for {registry}")]
    Call {
        /// The registry's host.
        registry: String,
        /// Why it failed.
        #[source]
        source: CallError,
    },
}

impl EcrError {
    /// What to do about it, where we know it.
    pub fn fix(&self) -> Option<String> {
        match self {
            Self::Session(error) => Some(error.fix()),
            Self::Call { source, .. } => source.fix(),
        }
    }
}

/// What `GetAuthorizationToken` answers. ECR puts the data into a list, ECR Public does not.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    authorization_data: OneOrMore,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(Data),
    More(Vec<Data>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    authorization_token: String,
    expires_at: Option<f64>,
}

/// The answer to the kubelet's request: credentials for the image's registry, or none if that is not in ECR.
///
/// # Errors
/// AWS cannot be asked, or does not give credentials.
pub async fn respond(image: &str) -> Result<Response, EcrError> {
    let Some(registry) = Registry::of_image(image) else { return Ok(Response::nothing()) };
    let wishes = Wishes { region: Some(registry.region().to_owned()), ..Wishes::default() };
    let session = Session::open(&wishes).await?;
    let login = session.login(&registry).await;
    let login = login.map_err(|source| EcrError::Call { registry: registry.host().to_owned(), source })?;
    Ok(Response::new(registry.host(), &login, Timestamp::now()))
}

impl Session {
    /// User and password for a registry (GetAuthorizationToken of ECR or ECR Public).
    ///
    /// # Errors
    /// ECR refused, could not be reached, or answered with something else.
    pub async fn login(&self, registry: &Registry) -> Result<Login, CallError> {
        let mut session = self.clone();
        session.region = registry.region().to_owned();
        let (service, action, target) = if registry.is_public() {
            (Service::EcrPublic, "GetPublicAuthorizationToken", "SpencerFrontendService.GetAuthorizationToken")
        } else {
            // Who pulls by a FIPS or dual-stack name may be unable to reach the other endpoint of the API.
            session.endpoints.fips |= registry.is_fips();
            session.endpoints.dual_stack |= registry.is_dual_stack();
            (Service::Ecr, "GetAuthorizationToken", "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken")
        };
        let call = Call::new(action, registry.host());
        let json = JsonCall { service, method: "POST", path: "/".into(), target: Some(target), body: "{}", repeat: Repeat::Freely };
        let answer = session.ask(&call, &json).await?;
        login(answer).map_err(|what| CallError::Unintelligible { call, status: 200, what: what.into() })
    }
}

fn login(answer: serde_json::Value) -> Result<Login, &'static str> {
    // No message of a parser: it may quote the token.
    let answer: Answer = serde_json::from_value(answer).map_err(|_| "no authorizationData with a token")?;
    let data = match answer.authorization_data {
        OneOrMore::One(data) => data,
        OneOrMore::More(data) => data.into_iter().next().ok_or("authorizationData is empty")?,
    };
    let pair = base64::decode(&data.authorization_token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let pair = pair.ok_or("authorizationToken is no base64 of text")?;
    let (user, password) = pair.split_once(':').ok_or("authorizationToken is not `user:password`")?;
    // Seconds since 1970 with a fraction (AWS JSON 1.1).
    let expires = data.expires_at.and_then(|seconds| Timestamp::from_second(seconds as i64).ok());
    Ok(Login { user: user.to_owned(), password: password.to_owned(), expires })
}
