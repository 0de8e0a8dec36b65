//! The part of AWS that a node asks, as one HTTP server: EKS, STS, EC2, ECR, and Roles Anywhere.
//!
//! Unlike [`crate::ec2`] alone, it believes nobody: every request's signature is verified against the keys it gave out, by code
//! written from the published algorithm and not from any client. What was asked by whom is recorded, and each service can be made
//! to fail. The clock can be set ahead or back, as a node's own may be wrong.

mod answer;
mod anywhere;
pub mod authenticator;
mod canonical;
mod ecr;
mod eks;
mod fault;
mod key;
mod message;
mod refusal;
mod service;
mod sign;
mod sigv4;
mod sts;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};

use crate::ec2::FakeEc2;
use crate::netns::{Netns, Task};
use crate::serve;
pub use crate::serve::ServeError;
use crate::tls::Identity;
pub use anywhere::{Anywhere, Authority, CertificateSpec, KeyKind, Leaf, Profile, Trust};
pub use eks::{AccessEntry, AuthenticationMode, Cluster, EntryKind};
pub use fault::Fault;
pub use key::{AccessKey, Principal};
pub use message::Message;
use refusal::Refusal;
pub use service::Service;
pub use sigv4::Unproven;
use sigv4::{Claim, verify};

/// Longest body that is read, in bytes; no request here comes near it.
const LONGEST: usize = 1 << 20;

/// The partition's region for what has one region only.
const GLOBAL_REGION: &str = "us-east-1";

/// One request, as it was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// When, by the service's clock.
    pub at: Timestamp,
    /// Whom.
    pub service: Service,
    /// For what, such as `DescribeCluster`; method and path where that is no action.
    pub action: String,
    /// ARN of the caller; `None` if it proved none.
    pub principal: Option<String>,
    /// HTTP status of the answer.
    pub status: u16,
}

/// The lab's AWS: one account in one region. Clones share one state.
#[derive(Clone, Debug)]
pub struct Aws(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    region: String,
    account: String,
    ec2: FakeEc2,
    state: Mutex<Ledger>,
}

#[derive(Debug, Default)]
struct Ledger {
    ahead: SignedDuration,
    keys: BTreeMap<String, AccessKey>,
    clusters: BTreeMap<String, Cluster>,
    anywhere: Anywhere,
    registry_tokens: BTreeMap<String, String>,
    faults: fault::Faults,
    asked: Vec<Asked>,
}

impl Aws {
    /// An account in which nothing is but what `ec2` has.
    pub fn new(region: &str, account: &str, ec2: FakeEc2) -> Self {
        Self(Arc::new(Inner { region: region.into(), account: account.into(), ec2, state: Mutex::default() }))
    }

    /// Its only region.
    pub fn region(&self) -> &str {
        &self.0.region
    }

    /// The account's twelve digits.
    pub fn account(&self) -> &str {
        &self.0.account
    }

    /// Its instances.
    pub fn ec2(&self) -> &FakeEc2 {
        &self.0.ec2
    }

    /// The time as the services have it.
    pub fn now(&self) -> Timestamp {
        Timestamp::now() + self.locked().ahead
    }

    /// Sets the services' clock ahead of this machine's, or back: to a caller that is as if its own were wrong the other way.
    pub fn set_ahead(&self, ahead: SignedDuration) {
        self.locked().ahead = ahead;
    }

    /// From now on requests signed with this key are its principal's. Returns the key.
    pub fn accept(&self, key: AccessKey) -> AccessKey {
        self.locked().keys.insert(key.id.clone(), key.clone());
        key
    }

    /// A fresh key of a session of a role, as an instance has it, which ends after `lifetime`.
    pub fn session(&self, role: &str, session: &str, lifetime: SignedDuration) -> AccessKey {
        let principal = Principal::Session { role: role.into(), session: session.into() };
        self.accept(AccessKey::temporary(principal, self.now(), lifetime))
    }

    /// No request signed with this key is anyone's any more.
    pub fn revoke(&self, id: &str) {
        self.locked().keys.remove(id);
    }

    /// Adds a cluster, or puts it in the place of one of the same name.
    pub fn add_cluster(&self, cluster: Cluster) {
        self.locked().clusters.insert(cluster.name.clone(), cluster);
    }

    /// Changes a cluster, if there is one of that name.
    pub fn change_cluster(&self, name: &str, change: impl FnOnce(&mut Cluster)) {
        if let Some(cluster) = self.locked().clusters.get_mut(name) {
            change(cluster);
        }
    }

    /// A cluster.
    pub fn cluster(&self, name: &str) -> Option<Cluster> {
        self.locked().clusters.get(name).cloned()
    }

    /// Changes what Roles Anywhere knows.
    pub fn set_up_anywhere(&self, change: impl FnOnce(&mut Anywhere)) {
        change(&mut self.locked().anywhere);
    }

    /// ARN of whom a registry password was given to.
    pub fn registry_user(&self, password: &str) -> Option<String> {
        self.locked().registry_tokens.get(password).cloned()
    }

    /// The next requests to a service fail in this way: `times` of them, or all. Faults of one service come in the order in which
    /// they are planned.
    pub fn fail(&self, service: Service, fault: Fault, times: Option<u32>) {
        self.locked().faults.plan(service, fault, times);
    }

    /// Nothing fails any more.
    pub fn heal(&self) {
        self.locked().faults.clear();
    }

    /// All requests so far, in the order of their answers.
    pub fn asked(&self) -> Vec<Asked> {
        self.locked().asked.clone()
    }

    /// The server, for every path of every host name.
    pub fn api(&self) -> Router {
        Router::new().fallback(take).with_state(self.clone())
    }

    /// Serves it at an address of a namespace until the task is dropped; `http://` and the address is what `AWS_ENDPOINT_URL` takes.
    pub fn serve(&self, ns: &Netns, address: SocketAddr) -> Result<Task, ServeError> {
        Ok(serve::serve(ns, "aws", serve::listen(ns, address)?, self.api()))
    }

    /// The same over TLS, for callers that go to AWS's own host names.
    pub fn serve_tls(&self, ns: &Netns, address: SocketAddr, identity: &Identity) -> Result<Task, ServeError> {
        Ok(serve::serve_tls(ns, "aws", serve::listen(ns, address)?, (self.api(), identity.clone())))
    }

    /// Whose request this is, if its signature is good, in time, and for this service and region.
    ///
    /// # Errors
    /// The signature proves nothing.
    pub(crate) fn prove(&self, message: &Message, service: Service) -> Result<AccessKey, Unproven> {
        let now = self.now();
        let ledger = self.locked();
        let (key, claim) = verify(message, &ledger.keys, now)?;
        let global = matches!(service, Service::Sts | Service::EcrPublic) && claim.scope.region == GLOBAL_REGION;
        if claim.scope.region != self.0.region && !global {
            return Err(Unproven::Scope(format!("a valid region, not '{}'", claim.scope.region)));
        }
        if claim.scope.service != service.signing_name() {
            return Err(Unproven::Scope(format!("correct service: '{service}'")));
        }
        Ok(key.clone())
    }

    fn locked(&self) -> MutexGuard<'_, Ledger> {
        // A panic of another holder leaves nothing half-written here: every critical section is one lookup or insertion.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, message: Message) -> Response {
        let scope = Claim::of(&message).ok().map(|claim| claim.scope.service);
        let Some(service) = Service::of(&message, scope.as_deref()) else {
            return answer::refused(Service::Eks, &Refusal::unknown(&format!("{} {}", message.method, message.path)));
        };
        let action = action(service, &message);
        let (principal, outcome) = self.carry_out(service, &action, &message).await;
        let response = outcome.unwrap_or_else(|refusal| answer::refused(service, &refusal));
        let (at, status) = (self.now(), response.status().as_u16());
        let principal = principal.map(|principal| principal.arn(self.account()));
        self.locked().asked.push(Asked { at, service, action, principal, status });
        response
    }

    /// Who asked, if that is proved, and the answer.
    async fn carry_out(&self, service: Service, action: &str, message: &Message) -> (Option<Principal>, Result<Response, Refusal>) {
        let fault = self.locked().faults.next(service);
        match fault {
            Some(Fault::Throttle) => return (None, Err(Refusal::throttled(service))),
            Some(Fault::Internal) => return (None, Err(Refusal::internal(service))),
            Some(Fault::Delay(delay)) => tokio::time::sleep(delay).await,
            Some(Fault::AccessDenied) | None => {}
        }
        if service == Service::RolesAnywhere {
            return match (fault, action) {
                (Some(Fault::AccessDenied), _) => (None, Err(Refusal::denied(service, "anonymous", action))),
                (_, "CreateSession") => anywhere::create_session(self, message),
                (_, other) => (None, Err(Refusal::unknown(other))),
            };
        }
        let key = match self.prove(message, service) {
            Ok(key) => key,
            Err(error) => return (None, Err(Refusal::unproven(service, &error))),
        };
        let arn = key.principal.arn(self.account());
        if fault == Some(Fault::AccessDenied) {
            return (Some(key.principal), Err(Refusal::denied(service, &arn, action)));
        }
        let outcome = match service {
            Service::Eks => eks::answer(self, action, message),
            Service::Sts => sts::answer(self, action, message, &key.principal),
            Service::Ec2 => Ok(self.0.ec2.answer(message.form().into_iter().chain(message.parameters()).collect()).await),
            Service::Ecr | Service::EcrPublic => ecr::answer(self, service, action, &arn),
            Service::RolesAnywhere => Err(Refusal::unknown(action)),
        };
        (Some(key.principal), outcome)
    }
}

/// What a request asks for, in the service's own words.
fn action(service: Service, message: &Message) -> String {
    let rest = || format!("{} {}", message.method, message.path);
    match service {
        Service::Eks => eks::action(message).map_or_else(rest, str::to_owned),
        Service::RolesAnywhere if message.method == "POST" && message.path == "/sessions" => "CreateSession".into(),
        Service::RolesAnywhere => rest(),
        Service::Sts | Service::Ec2 => {
            let parameters = message.parameters().into_iter().chain(message.form());
            parameters.into_iter().find(|(name, _)| name == "Action").map_or_else(rest, |(_, action)| action)
        }
        Service::Ecr | Service::EcrPublic => {
            message.header("x-amz-target").and_then(|target| target.split('.').nth(1)).map_or_else(rest, str::to_owned)
        }
    }
}

async fn take(State(aws): State<Aws>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let header = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let message = Message {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers.iter().map(header).collect(),
        body: to_bytes(body, LONGEST).await.unwrap_or_default().to_vec(),
    };
    // A task of its own, so that hanging up does not undo the request.
    let worker = aws.clone();
    let response = tokio::spawn(async move { worker.answer(message).await }).await;
    let response = response.unwrap_or_else(|_| answer::refused(Service::Sts, &Refusal::internal(Service::Sts)));
    answer::stamp(response, aws.now())
}
