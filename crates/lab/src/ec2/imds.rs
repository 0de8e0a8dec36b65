//! The instance metadata service, version 2 only: a token first, then the reads.
//!
//! An instance is told from others by the address it asks from, as on AWS, where 169.254.169.254 is answered on its own host.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use rand::RngExt;
use serde_json::json;

use super::FakeEc2;
use super::state::{Ec2State, Instance};

/// Longest life of a token, in seconds (IMDSv2, "Use the Instance Metadata Service").
const LONGEST_TTL: u64 = 21_600;
const TTL_HEADER: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const TOKEN_HEADER: &str = "x-aws-ec2-metadata-token";
/// Name of the role that the instances run under.
const ROLE: &str = "hybridge-lab";

/// Tokens given out: whose they are and when they end.
#[derive(Debug, Default)]
pub(super) struct Tokens(BTreeMap<String, (Ipv4Addr, Instant)>);

impl Tokens {
    fn issue(&mut self, to: Ipv4Addr, ttl: Duration, now: Instant) -> String {
        self.0.retain(|_, (_, end)| *end > now);
        let token = format!("{:032x}{:024x}==", rand::rng().random::<u128>(), rand::rng().random::<u64>());
        self.0.insert(token.clone(), (to, now + ttl));
        token
    }

    fn valid(&self, token: &str, from: Ipv4Addr, now: Instant) -> bool {
        self.0.get(token).is_some_and(|(to, end)| *to == from && now < *end)
    }
}

pub(super) fn router(ec2: FakeEc2) -> Router {
    Router::new().route("/latest/api/token", put(token)).route("/latest/{*path}", get(read)).with_state(ec2)
}

fn ipv4(peer: SocketAddr) -> Ipv4Addr {
    match peer.ip() {
        IpAddr::V4(address) => address,
        IpAddr::V6(address) => address.to_ipv4_mapped().unwrap_or(Ipv4Addr::UNSPECIFIED),
    }
}

async fn token(State(ec2): State<FakeEc2>, ConnectInfo(peer): ConnectInfo<SocketAddr>, headers: HeaderMap) -> Response {
    if headers.contains_key("x-forwarded-for") {
        // IMDSv2 refuses what came through a proxy.
        return StatusCode::FORBIDDEN.into_response();
    }
    let ttl = headers.get(TTL_HEADER).and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    let Some(ttl) = ttl.filter(|ttl| (1..=LONGEST_TTL).contains(ttl)) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let token = ec2.tokens().issue(ipv4(peer), Duration::from_secs(ttl), Instant::now());
    ([(header::CONTENT_TYPE, "text/plain".to_owned()), (header::HeaderName::from_static(TTL_HEADER), ttl.to_string())], token)
        .into_response()
}

async fn read(
    State(ec2): State<FakeEc2>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Response {
    let from = ipv4(peer);
    let token = headers.get(TOKEN_HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !ec2.tokens().valid(token, from, Instant::now()) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    match value(&ec2.state(), from, path.trim_end_matches('/')) {
        Some(Value::Text(text)) => text.into_response(),
        Some(Value::Document(document)) => Json(document).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

enum Value {
    Text(String),
    Document(serde_json::Value),
}

fn value(state: &Ec2State, from: Ipv4Addr, path: &str) -> Option<Value> {
    let (id, instance) = state.instance_at(from)?;
    Some(match path {
        "meta-data/instance-id" => Value::Text(id.to_string()),
        "meta-data/local-ipv4" => Value::Text(instance.private_ip.to_string()),
        "meta-data/placement/availability-zone" => Value::Text(instance.az.clone()),
        "meta-data/placement/region" => Value::Text(region(instance)),
        "meta-data/iam/security-credentials" => Value::Text(ROLE.into()),
        "meta-data/iam/security-credentials/hybridge-lab" => Value::Document(credentials()),
        "dynamic/instance-identity/document" => Value::Document(json!({
            "accountId": "123456789012",
            "architecture": "x86_64",
            "availabilityZone": instance.az,
            "instanceId": id.to_string(),
            "privateIp": instance.private_ip.to_string(),
            "region": region(instance),
            "version": "2017-09-30",
        })),
        _ => return None,
    })
}

fn region(instance: &Instance) -> String {
    instance.az.trim_end_matches(|c: char| c.is_ascii_lowercase()).to_owned()
}

/// Credentials that nothing but the lab's own EC2 API takes, which checks no signature.
fn credentials() -> serde_json::Value {
    let now = jiff::Timestamp::now();
    let until = now + jiff::SignedDuration::from_hours(6);
    json!({
        "Code": "Success",
        "Type": "AWS-HMAC",
        "LastUpdated": format!("{now:.0}"),
        "AccessKeyId": "ASIALAB",
        "SecretAccessKey": "lab",
        "Token": "lab",
        "Expiration": format!("{until:.0}"),
    })
}

#[cfg(test)]
#[path = "imds_tests.rs"]
mod tests;
