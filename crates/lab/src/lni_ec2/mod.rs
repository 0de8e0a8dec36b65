//! A strict EC2 for the life of LNIs: the Query API of subnets, instances and interfaces, without a VPC that carries packets.
//!
//! It has what public emulators get wrong (`docs/differences.md`, "Outposts servers"): the LNI index and the Outpost of subnets,
//! filters, attachments that change, what becomes of interfaces when instances end, refusals of what is in use, tags of launches, client
//! tokens, states that take a while, answers that are older than the last call, pages, faults. The rules are in [`Model`], which needs
//! neither socket nor clock. Signatures must be there but are not verified.

mod act;
mod look;
mod model;
mod parameters;
mod state;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::RequestExt;
use axum::Router;
use axum::body::Body;
use axum::extract::{Form, Request, State as Extracted};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

pub use self::model::{Conduct, Launched, Model, New};
use self::parameters::Parameters;
pub use self::state::{Attachment, Instance, Interface, Refusal, State, Subnet};
use crate::ec2::{Xml, request_id};

/// How one call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 503 `RequestLimitExceeded`.
    Throttle,
    /// 503 `Unavailable`.
    Unavailable,
    /// 403 `UnauthorizedOperation`.
    Forbidden,
    /// The connection ends before the work is done.
    LostBefore,
    /// The connection ends when the work is done.
    LostAfter,
    /// All pages but the first are refused.
    SecondPage,
}

/// One call, as it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Which action.
    pub action: String,
    /// Its other parameters.
    pub parameters: BTreeMap<String, String>,
    /// What came of it: `ok`, `lost`, or the code of the refusal.
    pub outcome: String,
}

/// The EC2 behind a socket. Clones share one state.
#[derive(Clone, Debug)]
pub struct LniEc2(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    model: Model,
    /// Action → faults of the next calls of it.
    faults: BTreeMap<&'static str, VecDeque<Fault>>,
    calls: Vec<Call>,
}

impl LniEc2 {
    /// An EC2 that holds `state`.
    pub fn new(state: State, conduct: Conduct) -> Self {
        let inner = Inner { model: Model::new(state, conduct), faults: BTreeMap::new(), calls: Vec::new() };
        Self(Arc::new(Mutex::new(inner)))
    }

    /// What is.
    pub fn state(&self) -> State {
        self.locked().model.state.clone()
    }

    /// Does something past the API, as another owner of the account may.
    pub fn with<T>(&self, act: impl FnOnce(&mut Model) -> T) -> T {
        act(&mut self.locked().model)
    }

    /// The next call of an action fails so; several times: one call each.
    pub fn fail(&self, action: &'static str, fault: Fault) {
        self.locked().faults.entry(action).or_default().push_back(fault);
    }

    /// All calls so far.
    pub fn calls(&self) -> Vec<Call> {
        self.locked().calls.clone()
    }

    /// The Query API, for every path.
    pub fn api(&self) -> Router {
        Router::new().fallback(serve).with_state(self.clone())
    }

    fn locked(&self) -> MutexGuard<'_, Inner> {
        // A panic of another holder leaves nothing half-written that a test would look at.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer; none where the connection is to end without one.
    fn answer(&self, parameters: BTreeMap<String, String>, signed: bool) -> Option<Result<Xml, Refusal>> {
        let parameters = Parameters(parameters);
        let inner = &mut *self.locked();
        inner.model.call();
        let action = parameters.action().to_owned();
        let fault = inner.faults.get_mut(action.as_str()).and_then(VecDeque::pop_front);
        let answer = match fault {
            Some(Fault::Throttle) => Some(Err(Refusal::throttled())),
            Some(Fault::Unavailable) => Some(Err(Refusal::unavailable())),
            Some(Fault::Forbidden) => Some(Err(Refusal::forbidden())),
            Some(Fault::SecondPage) if parameters.get("NextToken").is_some() => Some(Err(Refusal::forbidden())),
            Some(Fault::LostBefore) => None,
            Some(Fault::LostAfter) => act::act(&mut inner.model, &parameters).ok().and(None),
            Some(Fault::SecondPage) => {
                // It is for the page that follows.
                inner.faults.entry(known(&action)).or_default().push_front(Fault::SecondPage);
                Some(act::act(&mut inner.model, &parameters))
            }
            None if !signed => Some(Err(Refusal::new("AuthFailure", "AWS was not able to validate the provided access credentials"))),
            None => Some(act::act(&mut inner.model, &parameters)),
        };
        let outcome = match &answer {
            None => "lost".to_owned(),
            Some(Ok(_)) => "ok".to_owned(),
            Some(Err(refusal)) => refusal.code.to_owned(),
        };
        let rest = parameters.0.iter().filter(|(name, _)| *name != "Action" && *name != "Version");
        let call = Call { action, parameters: rest.map(|(name, value)| (name.clone(), value.clone())).collect(), outcome };
        inner.calls.push(call);
        answer
    }
}

/// The actions that have pages.
fn known(action: &str) -> &'static str {
    ["DescribeInstances", "DescribeSubnets"].into_iter().find(|name| *name == action).unwrap_or("DescribeNetworkInterfaces")
}

async fn serve(Extracted(ec2): Extracted<LniEc2>, request: Request) -> Response {
    let signed = request.headers().contains_key(header::AUTHORIZATION);
    let Ok(Form(parameters)) = request.extract::<Form<BTreeMap<String, String>>, _>().await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let action = parameters.get("Action").cloned().unwrap_or_default();
    match ec2.answer(parameters, signed) {
        None => lost(),
        Some(Ok(elements)) => {
            let id = request_id();
            let body = format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{action}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\
                 <requestId>{id}</requestId>{elements}</{action}Response>"
            );
            respond(StatusCode::OK, body)
        }
        Some(Err(refusal)) => {
            let mut error = Xml::default();
            error.text("Code", refusal.code);
            error.text("Message", &refusal.message);
            let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
            let id = request_id();
            respond(status, format!("<Response><Errors><Error>{error}</Error></Errors><RequestID>{id}</RequestID></Response>"))
        }
    }
}

fn respond(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "text/xml;charset=UTF-8")], body).into_response()
}

/// An answer that breaks off.
fn lost() -> Response {
    let broken = futures::stream::iter([Err::<Vec<u8>, _>(std::io::Error::other("the connection ends"))]);
    (StatusCode::OK, Body::from_stream(broken)).into_response()
}
