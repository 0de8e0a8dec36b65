//! Answers in JSON that come in pages.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Call, CallError, JsonCall, Repeat, not_understood, parsed};
use crate::endpoint::Service;
use crate::session::Session;

/// Pages that are read at most, of 50 or 100 each.
const PAGES: usize = 500;

/// A call of AWS JSON 1.1 that is answered in pages.
#[derive(Clone, Debug)]
pub(crate) struct Paged {
    pub(crate) service: Service,
    /// `X-Amz-Target`.
    pub(crate) target: &'static str,
    /// What is asked, without the token.
    pub(crate) body: Value,
    /// The list in the answer.
    pub(crate) list: &'static str,
}

impl Session {
    /// All pages of a call of AWS JSON 1.1.
    pub(crate) async fn ask_all<T: DeserializeOwned>(&self, call: &Call, paged: &Paged) -> Result<Vec<T>, CallError> {
        let mut asked = paged.body.clone();
        let mut found = Vec::new();
        for _ in 0..PAGES {
            let body = asked.to_string();
            let (service, target) = (paged.service, Some(paged.target));
            let json = JsonCall { service, method: "POST", path: "/".into(), target, body: &body, repeat: Repeat::Freely };
            let mut page = self.ask(call, &json).await?;
            found.extend(items(call, &mut page, paged.list)?);
            match token(&page, "NextToken") {
                None => return Ok(found),
                Some(token) => asked["NextToken"] = token.into(),
            }
        }
        Err(endless(call))
    }

    /// All pages of a GET with `nextToken` in its query.
    pub(crate) async fn get_all<T: DeserializeOwned>(
        &self,
        call: &Call,
        service: Service,
        path: &str,
        list: &str,
    ) -> Result<Vec<T>, CallError> {
        let mut found = Vec::new();
        let mut next = path.to_owned();
        for _ in 0..PAGES {
            let json = JsonCall { service, method: "GET", path: next, target: None, body: "", repeat: Repeat::Freely };
            let mut page = self.ask(call, &json).await?;
            found.extend(items(call, &mut page, list)?);
            match token(&page, "nextToken") {
                None => return Ok(found),
                Some(token) => {
                    next = format!("{path}{}nextToken=", if path.contains('?') { "&" } else { "?" });
                    crate::token::push_encoded(&mut next, &token);
                }
            }
        }
        Err(endless(call))
    }
}

fn items<T: DeserializeOwned>(call: &Call, page: &mut Value, list: &str) -> Result<Vec<T>, CallError> {
    if !page.is_object() {
        return Err(not_understood(call, "it is no JSON object"));
    }
    match page.get_mut(list).map(Value::take) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(items) => parsed(call, items),
    }
}

fn token(page: &Value, name: &str) -> Option<String> {
    page.get(name).and_then(Value::as_str).filter(|token| !token.is_empty()).map(str::to_owned)
}

fn endless(call: &Call) -> CallError {
    not_understood(call, format!("there is no end after {PAGES} pages"))
}
