//! Answers in the form that each protocol gives them.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::service::{Protocol, Service};
use crate::ec2::{Xml, request_id};

/// A good answer with a JSON body, of the protocols that have such.
pub(super) fn good(service: Service, status: u16, body: &Value) -> Response {
    respond(status, content_type(service.protocol()), body.to_string())
}

/// A good answer of the Query protocol, XML or, where the caller wants it, JSON.
pub(super) fn text(content_type: &'static str, body: String) -> Response {
    respond(200, content_type, body)
}

/// An error answer.
pub(super) fn refused(service: Service, refusal: &Refusal) -> Response {
    let Refusal { status, code, message } = refusal;
    let content_type = content_type(service.protocol());
    match service.protocol() {
        Protocol::RestJson => {
            let mut response = respond(*status, content_type, json!({"message": message}).to_string());
            if let Ok(code) = HeaderValue::from_str(code) {
                response.headers_mut().insert("x-amzn-errortype", code);
            }
            response
        }
        Protocol::Json => respond(*status, content_type, json!({"__type": code, "message": message}).to_string()),
        Protocol::Query => {
            let mut body = Xml::default();
            body.nest("Error", |error| {
                error.text("Type", if *status < 500 { "Sender" } else { "Receiver" });
                error.text("Code", code);
                error.text("Message", message);
            });
            body.text("RequestId", request_id());
            respond(
                *status,
                content_type,
                format!("<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">{body}</ErrorResponse>"),
            )
        }
        Protocol::Ec2 => {
            let mut body = Xml::default();
            body.nest("Errors", |errors| {
                errors.nest("Error", |error| {
                    error.text("Code", code);
                    error.text("Message", message);
                });
            });
            body.text("RequestID", request_id());
            respond(*status, content_type, format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response>{body}</Response>"))
        }
    }
}

/// Adds what every answer of AWS has: its time, by the lab's clock, and a number.
pub(super) fn stamp(mut response: Response, now: Timestamp) -> Response {
    let date = now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    for (name, value) in [("date", date), ("x-amzn-requestid", request_id())] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn content_type(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::RestJson => "application/json",
        Protocol::Json => "application/x-amz-json-1.1",
        Protocol::Query => "text/xml",
        Protocol::Ec2 => "text/xml;charset=UTF-8",
    }
}

fn respond(status: u16, content_type: &'static str, body: String) -> Response {
    let status = StatusCode::from_u16(status).expect("the statuses above are valid");
    (status, [(header::CONTENT_TYPE, content_type)], Body::from(body)).into_response()
}
