//! Query parameters of requests.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::Query;
use axum::http::Uri;

use super::selector::Selector;
use super::status::{Cause, Refusal};

/// Parameters of a GET on a collection.
#[derive(Debug)]
pub(super) struct ListQuery {
    pub(super) selector: Selector,
    pub(super) limit: usize,
    pub(super) next: Option<String>,
    /// `resourceVersion`; `None` where it is missing, empty or zero, which all mean "any, best the latest" here.
    pub(super) version: Option<u64>,
    /// `resourceVersionMatch=Exact`.
    pub(super) exact: bool,
    pub(super) watch: bool,
    pub(super) bookmarks: bool,
    pub(super) initial_events: bool,
    pub(super) timeout: Option<Duration>,
}

impl ListQuery {
    pub(super) fn parse(uri: &Uri) -> Result<Self, Refusal> {
        const KNOWN: &[&str] = &[
            "labelSelector",
            "fieldSelector",
            "limit",
            "continue",
            "resourceVersion",
            "resourceVersionMatch",
            "watch",
            "allowWatchBookmarks",
            "sendInitialEvents",
            "timeoutSeconds",
            "timeout",
            "pretty",
        ];
        let given = parameters(uri, KNOWN)?;
        let text = |name: &str| given.get(name).map(String::as_str).filter(|text| !text.is_empty());
        let number = |name: &str| -> Result<Option<u64>, Refusal> {
            let bad = |text: &str| Refusal::BadRequest(format!("strconv.ParseInt: parsing \"{text}\": invalid syntax ({name})"));
            text(name).map(|text| text.parse().map_err(|_| bad(text))).transpose()
        };
        let flag = |name: &str| matches!(text(name), Some("true" | "1"));
        let selector = Selector::parse(text("labelSelector"), text("fieldSelector"));
        let query = Self {
            selector: selector.map_err(|unsupported| Refusal::NotServed(unsupported.to_string()))?,
            limit: number("limit")?.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0).unwrap_or(usize::MAX),
            next: text("continue").map(str::to_owned),
            version: number("resourceVersion")?.filter(|version| *version > 0),
            exact: text("resourceVersionMatch") == Some("Exact"),
            watch: flag("watch"),
            bookmarks: flag("allowWatchBookmarks"),
            initial_events: flag("sendInitialEvents"),
            timeout: number("timeoutSeconds")?.map(Duration::from_secs),
        };
        query.check(text("resourceVersionMatch"))?;
        Ok(query)
    }

    /// `ValidateListOptions` of Kubernetes 1.34, for what is used here.
    fn check(&self, version_match: Option<&str>) -> Result<(), Refusal> {
        let wrong = if self.initial_events && version_match != Some("NotOlderThan") {
            Some(("resourceVersionMatch", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"))
        } else if self.initial_events && !self.watch {
            Some(("sendInitialEvents", "sendInitialEvents is forbidden for list"))
        } else if self.watch && version_match.is_some() && !self.initial_events {
            Some(("resourceVersionMatch", "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"))
        } else if !self.watch && version_match.is_some() && self.version.is_none() && self.exact {
            Some(("resourceVersionMatch", "resourceVersionMatch is forbidden unless resourceVersion is provided"))
        } else {
            None
        };
        match wrong {
            Some((field, why)) => {
                let cause = Cause { reason: "FieldValueForbidden", field: field.into(), message: format!("Forbidden: {why}") };
                Err(Refusal::InvalidOptions(vec![cause]))
            }
            None => Ok(()),
        }
    }
}

/// Parameters of a write: only such as change nothing about it, as `timeout`, with which client-go bounds the server's work.
pub(super) fn check_write(uri: &Uri) -> Result<(), Refusal> {
    let given = parameters(uri, &["fieldManager", "fieldValidation", "timeout", "pretty"])?;
    match given.get("fieldValidation").map(String::as_str) {
        None | Some("" | "Ignore" | "Warn") => Ok(()),
        Some(other) => Err(Refusal::NotServed(format!("fieldValidation={other}"))),
    }
}

fn parameters(uri: &Uri, known: &[&str]) -> Result<BTreeMap<String, String>, Refusal> {
    let Query(given) =
        Query::<BTreeMap<String, String>>::try_from_uri(uri).map_err(|rejection| Refusal::BadRequest(rejection.to_string()))?;
    match given.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(Refusal::NotServed(format!("the parameter {name}"))),
        None => Ok(given),
    }
}
