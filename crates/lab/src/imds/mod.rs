//! The instance metadata service, version 2 only: a token first, then the reads.
//!
//! An instance is told from others by the address it asks from, as on AWS, where 169.254.169.254 is answered on its own host. What
//! is answered comes from elsewhere: from [`crate::ec2`] for gateways, from [`Metadata`] for nodes.

mod aemm;
mod fault;
mod metadata;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use rand::RngExt as _;

use crate::netns::{Netns, Task};
use crate::serve::{self, ServeError};
pub use aemm::AemmError;
use fault::Faults;
pub use fault::MetadataFault;
pub use metadata::{Interface, Metadata};

/// Longest life of a token, in seconds (IMDSv2, "Use the Instance Metadata Service").
const LONGEST_TTL: u64 = 21_600;
pub(crate) const TTL_HEADER: &str = "x-aws-ec2-metadata-token-ttl-seconds";
pub(crate) const TOKEN_HEADER: &str = "x-aws-ec2-metadata-token";

/// What is read: its content type and its bytes.
pub(crate) type Value = (&'static str, Vec<u8>);

/// Where the answers come from: of the instance with an address, what is at a path below `/latest/`.
type Source = dyn Fn(Ipv4Addr, &str) -> Option<Value> + Send + Sync;

/// Tokens given out: whose they are and when they end.
#[derive(Debug, Default)]
struct Tokens(BTreeMap<String, (Ipv4Addr, Instant)>);

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

/// One request to the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataRequest {
    /// Who asked.
    pub from: Ipv4Addr,
    /// Method and path.
    pub request: String,
    /// HTTP status of the answer; `None` if there was none.
    pub status: Option<u16>,
}

/// The service. Clones share tokens, instances and faults.
#[derive(Clone)]
pub struct Imds {
    source: Arc<Source>,
    state: Arc<Mutex<Ledger>>,
}

#[derive(Debug, Default)]
struct Ledger {
    tokens: Tokens,
    faults: Faults,
    requests: Vec<MetadataRequest>,
}

impl fmt::Debug for Imds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Imds").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Imds {
    /// Over what tells of the instances.
    pub(crate) fn over(source: impl Fn(Ipv4Addr, &str) -> Option<Value> + Send + Sync + 'static) -> Self {
        Self { source: Arc::new(source), state: Arc::default() }
    }

    /// Of the instances with these addresses. [`Ipv4Addr::UNSPECIFIED`] stands for every other address.
    pub fn of(instances: BTreeMap<Ipv4Addr, Metadata>) -> Self {
        let trees: BTreeMap<_, _> = instances.iter().map(|(address, metadata)| (*address, metadata.tree())).collect();
        Self::over(move |from, path| metadata::read(trees.get(&from).or_else(|| trees.get(&Ipv4Addr::UNSPECIFIED))?, path))
    }

    /// Of one instance, whoever asks.
    pub fn of_one(instance: &Metadata) -> Self {
        Self::of(BTreeMap::from([(Ipv4Addr::UNSPECIFIED, instance.clone())]))
    }

    /// The next `times` requests that the fault is about fail in this way. Faults come in the order in which they are planned.
    pub fn fail(&self, fault: MetadataFault, times: u32) {
        self.locked().faults.plan(fault, times);
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<MetadataRequest> {
        self.locked().requests.clone()
    }

    /// The server. It tells instances apart by the peer's address, so it must be served with
    /// `into_make_service_with_connect_info::<SocketAddr>()`.
    pub fn router(&self) -> Router {
        Router::new().fallback(take).with_state(self.clone())
    }

    /// Serves it at an address of a namespace until the task is dropped.
    pub fn serve(&self, ns: &Netns, address: SocketAddr) -> Result<Task, ServeError> {
        Ok(serve::serve(ns, "imds", serve::listen(ns, address)?, self.router()))
    }

    fn locked(&self) -> MutexGuard<'_, Ledger> {
        // A panic of another holder leaves nothing half-written here: every critical section is one lookup or insertion.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, from: Ipv4Addr, request: (&Method, &str), headers: &HeaderMap) -> Response {
        let (method, path) = request;
        let fault = self.locked().faults.next(path);
        match fault {
            Some(MetadataFault::Absent) => {
                self.record(from, request, None);
                return std::future::pending().await;
            }
            Some(MetadataFault::Slow(delay)) => tokio::time::sleep(delay).await,
            Some(MetadataFault::BadToken) => return StatusCode::UNAUTHORIZED.into_response(),
            Some(MetadataFault::Missing(_)) => return StatusCode::NOT_FOUND.into_response(),
            None => {}
        }
        match (method, path.strip_prefix("/latest/")) {
            (&Method::PUT, Some("api/token")) => self.token(from, headers),
            (&Method::GET, Some(below)) => self.read(from, below.trim_end_matches('/'), headers),
            (_, Some(_)) => StatusCode::METHOD_NOT_ALLOWED.into_response(),
            (_, None) => StatusCode::NOT_FOUND.into_response(),
        }
    }

    fn token(&self, from: Ipv4Addr, headers: &HeaderMap) -> Response {
        if headers.contains_key("x-forwarded-for") {
            // IMDSv2 refuses what came through a proxy.
            return StatusCode::FORBIDDEN.into_response();
        }
        let ttl = headers.get(TTL_HEADER).and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
        let Some(ttl) = ttl.filter(|ttl| (1..=LONGEST_TTL).contains(ttl)) else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        let token = self.locked().tokens.issue(from, Duration::from_secs(ttl), Instant::now());
        ([(header::CONTENT_TYPE, "text/plain".to_owned()), (HeaderName::from_static(TTL_HEADER), ttl.to_string())], token).into_response()
    }

    fn read(&self, from: Ipv4Addr, path: &str, headers: &HeaderMap) -> Response {
        let token = headers.get(TOKEN_HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !self.locked().tokens.valid(token, from, Instant::now()) {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        match (self.source)(from, path) {
            Some((content_type, value)) => ([(header::CONTENT_TYPE, content_type)], value).into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        }
    }

    fn record(&self, from: Ipv4Addr, (method, path): (&Method, &str), status: Option<u16>) {
        self.locked().requests.push(MetadataRequest { from, request: format!("{method} {path}"), status });
    }
}

async fn take(
    State(imds): State<Imds>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let (from, request) = (ipv4(peer), (&method, uri.path()));
    let response = imds.answer(from, request, &headers).await;
    imds.record(from, request, Some(response.status().as_u16()));
    response
}

fn ipv4(peer: SocketAddr) -> Ipv4Addr {
    match peer.ip() {
        IpAddr::V4(address) => address,
        IpAddr::V6(address) => address.to_ipv4_mapped().unwrap_or(Ipv4Addr::UNSPECIFIED),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
