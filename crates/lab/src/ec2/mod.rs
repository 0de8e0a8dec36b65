//! A small EC2: the Query API and the instance metadata service of one VPC.
//!
//! It has the calls that gateways use, with EC2's own checks and error codes; everything else is answered `InvalidAction`
//! and shows in [`FakeEc2::unexpected`]. Signatures must be there but are not verified. What a call changes is published
//! through [`FakeEc2::watch`], which the VPC router obeys.
//!
//! A request whose sender hangs up is carried out all the same, as on AWS: a late write is still a write.

mod describe;
mod imds;
mod query;
mod state;
mod types;
mod xml;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Form, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{RequestExt, body::Body};
use tokio::sync::watch;

use query::Parameters;
pub use state::{Ec2State, Instance, Refusal, RouteOrigin, RouteTarget, Table, TableRoute};
pub use types::InstanceType;
pub(crate) use xml::Xml;

/// How every call is made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// 503 `Unavailable`.
    Unavailable,
    /// 503 `RequestLimitExceeded`.
    Throttle,
    /// The request is taken and never answered nor carried out.
    Hang,
    /// 403 `UnauthorizedOperation`.
    Unauthorized,
}

/// One call, as it came in.
#[derive(Clone, Debug)]
pub struct Call {
    /// When.
    pub at: Instant,
    /// Which action, such as `ReplaceRoute`.
    pub action: String,
    /// Its other parameters.
    pub parameters: BTreeMap<String, String>,
}

/// The small EC2. Clones share one state.
#[derive(Clone, Debug)]
pub struct FakeEc2(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: watch::Sender<Ec2State>,
    conduct: Mutex<Conduct>,
    journal: Mutex<Journal>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Conduct {
    latency: Duration,
    failure: Option<Failure>,
}

/// Calls kept for [`FakeEc2::calls`].
const JOURNAL_LENGTH: usize = 100_000;

#[derive(Debug, Default)]
struct Journal {
    calls: VecDeque<Call>,
    unexpected: Vec<String>,
}

impl FakeEc2 {
    /// An EC2 that holds `initial`, answers at once and does not fail.
    pub fn new(initial: Ec2State) -> Self {
        Self(Arc::new(Inner { state: watch::Sender::new(initial), conduct: Mutex::default(), journal: Mutex::default() }))
    }

    /// The state and its changes.
    pub fn watch(&self) -> watch::Receiver<Ec2State> {
        self.0.state.subscribe()
    }

    /// The state as it is now.
    pub fn state(&self) -> Ec2State {
        self.0.state.borrow().clone()
    }

    /// Changes the state past the API: a fault, or another owner of the account.
    pub fn update(&self, f: impl FnOnce(&mut Ec2State)) {
        self.0.state.send_if_modified(|state| {
            let before = state.clone();
            f(state);
            *state != before
        });
    }

    /// From now on a call takes effect, and is answered, this long after it came in.
    pub fn set_latency(&self, latency: Duration) {
        locked(&self.0.conduct).latency = latency;
    }

    /// From now on every call fails in this way, or no longer does.
    pub fn set_failure(&self, failure: Option<Failure>) {
        locked(&self.0.conduct).failure = failure;
    }

    /// The last 100,000 calls, in the order of arrival, failed ones included.
    pub fn calls(&self) -> Vec<Call> {
        locked(&self.0.journal).calls.iter().cloned().collect()
    }

    /// Calls of actions or with parameters that this server does not have. A test that sees one is wrong or the server is.
    pub fn unexpected(&self) -> Vec<String> {
        locked(&self.0.journal).unexpected.clone()
    }

    /// The Query API, for every path.
    pub fn api(&self) -> Router {
        Router::new().fallback(serve).with_state(self.clone())
    }

    /// The metadata service. It tells instances apart by the peer's address, so it must be served with
    /// `into_make_service_with_connect_info::<SocketAddr>()`.
    pub fn imds(&self) -> Router {
        imds::service(self.clone()).router()
    }

    /// The answer to a request of which another has verified the signature.
    pub(crate) async fn answer(&self, parameters: BTreeMap<String, String>) -> Response {
        self.respond_to(Parameters(parameters), true).await
    }

    async fn respond_to(&self, parameters: Parameters, signed: bool) -> Response {
        self.record(&parameters);
        let action = parameters.action().to_owned();
        let Conduct { latency, failure } = *locked(&self.0.conduct);
        let outcome = match failure {
            Some(Failure::Unavailable) => Err(Refusal::Unavailable),
            Some(Failure::Throttle) => Err(Refusal::Throttled),
            Some(Failure::Unauthorized) => Err(Refusal::NotAuthorized),
            Some(Failure::Hang) => std::future::pending().await,
            None if !signed => Err(Refusal::NotSigned),
            // A task of its own, so that hanging up does not undo the call.
            None => tokio::spawn(self.clone().carry_out(parameters, latency)).await.unwrap_or(Err(Refusal::Unavailable)),
        };
        match outcome {
            Ok(elements) => respond(StatusCode::OK, query::answer(&action, elements, &request_id())),
            Err(refusal) => {
                let status = StatusCode::from_u16(refusal.http_status()).expect("every refusal has a valid HTTP status");
                respond(status, query::refusal(&refusal, &request_id()))
            }
        }
    }

    fn record(&self, parameters: &Parameters) {
        let mut others = parameters.0.clone();
        let action = others.remove("Action").unwrap_or_default();
        others.remove("Version");
        let calls = &mut locked(&self.0.journal).calls;
        if calls.len() == JOURNAL_LENGTH {
            calls.pop_front();
        }
        calls.push_back(Call { at: Instant::now(), action, parameters: others });
    }

    /// Waits out the latency, then carries the call out.
    async fn carry_out(self, parameters: Parameters, latency: Duration) -> Result<xml::Xml, Refusal> {
        tokio::time::sleep(latency).await;
        let mut outcome = Err(Refusal::Unavailable);
        self.update(|state| outcome = query::act(state, &parameters));
        if let Err(refusal @ (Refusal::UnknownAction(_) | Refusal::UnknownParameter(_))) = &outcome {
            tracing::warn!(action = parameters.action(), %refusal, "the lab's EC2 does not have this");
            locked(&self.0.journal).unexpected.push(format!("{}: {refusal}", parameters.action()));
        }
        outcome
    }
}

/// A panic of another holder leaves nothing half-written here: every critical section is one assignment or push.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(State(ec2): State<FakeEc2>, request: Request) -> Response {
    let signed = is_signed(request.headers(), request.uri().query());
    match request.extract::<Form<BTreeMap<String, String>>, _>().await {
        Ok(Form(parameters)) => ec2.respond_to(Parameters(parameters), signed).await,
        Err(_) => respond(StatusCode::BAD_REQUEST, query::refusal(&Refusal::UnknownAction(String::new()), &request_id())),
    }
}

fn is_signed(headers: &HeaderMap, query: Option<&str>) -> bool {
    headers.contains_key(header::AUTHORIZATION) || query.is_some_and(|query| query.contains("X-Amz-Signature="))
}

fn respond(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "text/xml;charset=UTF-8")], Body::from(body)).into_response()
}

pub(crate) fn request_id() -> String {
    let n = rand::random::<u128>();
    format!("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", n as u32, (n >> 32) as u16, (n >> 48) as u16, (n >> 64) as u16, n >> 80)
}
