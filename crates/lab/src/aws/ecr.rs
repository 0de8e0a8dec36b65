//! ECR and its public gallery: passwords of the registries
//! (<https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html>).

use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use serde_json::json;

use super::answer;
use super::key::random;
use super::refusal::Refusal;
use super::{Aws, Service};

/// How long a password is good (the reference above).
const LIFETIME: SignedDuration = SignedDuration::from_hours(12);

pub(super) fn answer(aws: &Aws, service: Service, action: &str, principal: &str) -> Result<Response, Refusal> {
    if action != "GetAuthorizationToken" {
        return Err(Refusal::unknown(action));
    }
    let password = random(64);
    let token = STANDARD.encode(format!("AWS:{password}"));
    let expires = (aws.now() + LIFETIME).as_millisecond() as f64 / 1000.0;
    aws.locked().registry_tokens.insert(password, principal.to_owned());
    let body = match service {
        Service::EcrPublic => json!({"authorizationData": {"authorizationToken": token, "expiresAt": expires}}),
        Service::Ecr | Service::Eks | Service::Sts | Service::Ec2 | Service::RolesAnywhere => json!({"authorizationData": [{
            "authorizationToken": token,
            "expiresAt": expires,
            "proxyEndpoint": format!("https://{}.dkr.ecr.{}.amazonaws.com", aws.account(), aws.region()),
        }]}),
    };
    Ok(answer::good(service, 200, &body))
}
