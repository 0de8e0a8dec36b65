//! HTTP in front of the store: which request means what.

use std::fmt::Display;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{Request as HttpRequest, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::time::Instant;

use super::discovery::{self, Answer};
use super::kind::Kind;
use super::path::{self, Target};
use super::query::{self, ListQuery};
use super::status::{self, Refusal};
use super::store::Key;
use super::write::Deleted;
use super::{FakeKube, Request, list, protobuf, watch};

/// Largest body taken, in bytes; that of a real server.
const LARGEST_BODY: usize = 3 << 20;

/// Serves every request, and writes it into the journal.
pub(super) async fn serve(State(kube): State<FakeKube>, request: HttpRequest) -> Response {
    let at = Instant::now().into_std();
    let (parts, body) = request.into_parts();
    let response = match answer(&kube, &parts, body).await {
        Ok(response) => response,
        Err(refusal) => {
            if let Refusal::NotServed(_) | Refusal::UnsupportedMediaType = &refusal {
                tracing::warn!(method = %parts.method, uri = %parts.uri, %refusal, "the lab's API server does not have this");
                kube.record_unexpected(format!("{} {}: {refusal}", parts.method, parts.uri));
            }
            refusal.into_response()
        }
    };
    kube.record(Request {
        at,
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        agent: text(&parts.headers, &header::USER_AGENT).to_owned(),
        code: response.status().as_u16(),
    });
    response
}

async fn answer(kube: &FakeKube, parts: &Parts, body: Body) -> Result<Response, Refusal> {
    if kube.is_down() {
        return Err(Refusal::Down);
    }
    let target = path::target(parts.uri.path());
    if let Target::Collection { kind, .. } | Target::Object { kind, .. } = &target
        && !kube.0.schemas.serves(*kind)
    {
        return Ok(no_such_page());
    }
    check_accept(&parts.headers)?;
    if parts.method == Method::GET {
        return read(kube, parts, target);
    }
    let body = match to_bytes(body, LARGEST_BODY).await {
        Ok(body) if body.is_empty() => Value::Null,
        Ok(body) => decode(&parts.headers, &target, &body)?,
        Err(_) => return Err(Refusal::BadRequest("the body cannot be read".into())),
    };
    // Parameters of a DELETE would change what it does.
    if parts.method == Method::DELETE && parts.uri.query().is_some() {
        return Err(Refusal::NotServed("parameters of DELETE".into()));
    }
    query::check_write(&parts.uri)?;
    write(kube, parts, target, body)
}

fn read(kube: &FakeKube, parts: &Parts, target: Target) -> Result<Response, Refusal> {
    match target {
        Target::Collection { kind, namespace } => {
            let query = ListQuery::parse(&parts.uri)?;
            if query.watch {
                return Ok(watch::answer(kube.clone(), kind, namespace, query));
            }
            Ok(Json(list::page(&kube.store(), kind, namespace.as_deref(), &query)?).into_response())
        }
        // Versions are not kept per object: whichever one is asked for, the latest is given, as allowed for all but exact reads.
        Target::Object { kind, namespace, name, .. } => {
            let key = Key { kind, namespace, name };
            match kube.store().get(&key) {
                Some(object) => Ok(Json(&**object).into_response()),
                None => Err(Refusal::NotFound(kind, key.name)),
            }
        }
        Target::Other => match discovery::answer(parts.uri.path(), &kube.0.schemas) {
            Answer::Document(document) => Ok(Json(document).into_response()),
            Answer::Text(text) => Ok(text.into_response()),
            Answer::NotInstalled => Ok(no_such_page()),
            Answer::NotServed => Err(Refusal::NotServed(format!("GET {}", parts.uri.path()))),
        },
    }
}

fn write(kube: &FakeKube, parts: &Parts, target: Target, body: Value) -> Result<Response, Refusal> {
    let created = |object: &Value| (StatusCode::CREATED, Json(object)).into_response();
    match (&parts.method, target) {
        (&Method::POST, Target::Collection { kind, namespace }) if namespace.is_some() == kind.namespaced() => {
            let object = kube.change(|writer| writer.create(kind, &namespace.unwrap_or_default(), body))?;
            Ok(created(&object))
        }
        (&Method::PUT, Target::Object { kind, namespace, name, status }) => {
            let key = Key { kind, namespace, name };
            let (object, new) = kube.change(|writer| writer.replace(key, body, status))?;
            Ok(if new { created(&object) } else { Json(&*object).into_response() })
        }
        (&Method::PATCH, Target::Object { kind: Kind::Event, namespace, name, .. }) => {
            let key = Key { kind: Kind::Event, namespace, name };
            let object = kube.change(|writer| writer.merge(key, &body))?;
            Ok(Json(&*object).into_response())
        }
        (&Method::DELETE, Target::Object { kind, namespace, name, status: false }) => {
            let key = Key { kind, namespace, name };
            Ok(match kube.change(|writer| writer.delete(&key, &body))? {
                Deleted::Gone(object) => Json(status::deleted(kind, &key.name, &object["metadata"]["uid"])).into_response(),
                Deleted::Marked(object) => Json(&*object).into_response(),
            })
        }
        (method, _) => Err(Refusal::NotServed(format!("{method} {}", parts.uri.path()))),
    }
}

/// JSON is all there is. Clients that would rather have protobuf or tables name JSON as well.
fn check_accept(headers: &HeaderMap) -> Result<(), Refusal> {
    let accept = text(headers, &header::ACCEPT);
    let plain = |range: &str| {
        let range = range.trim();
        matches!(range.split(';').next().map(str::trim), Some("application/json" | "*/*" | "application/*" | "text/plain"))
            && !range.contains("as=")
    };
    if accept.is_empty() || accept.split(',').any(plain) { Ok(()) } else { Err(Refusal::NotServed(format!("Accept: {accept}"))) }
}

fn decode(headers: &HeaderMap, target: &Target, body: &[u8]) -> Result<Value, Refusal> {
    const JSON: [&str; 4] = ["", "application/json", "application/merge-patch+json", "application/strategic-merge-patch+json"];
    const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";
    let bad = |error: &dyn Display| Refusal::BadRequest(format!("the body cannot be decoded: {error}"));
    match (text(headers, &header::CONTENT_TYPE).split(';').next().unwrap_or_default().trim(), target) {
        (sort, _) if JSON.contains(&sort) => serde_json::from_slice(body).map_err(|error| bad(&error)),
        (PROTOBUF, Target::Collection { kind, .. } | Target::Object { kind, .. }) if protobuf::understands(*kind) => {
            protobuf::decode(*kind, body).map_err(|error| bad(&error))
        }
        _ => Err(Refusal::UnsupportedMediaType),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// What a real server says of paths it knows nothing about.
fn no_such_page() -> Response {
    (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], "404 page not found\n").into_response()
}
