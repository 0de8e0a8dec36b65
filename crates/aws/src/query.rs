//! The query protocol: a form as the request, XML as the answer. CloudFormation, IAM and EC2 speak it.
//!
//! All calls here may be made again: they read, carry a token by which the service knows them, or find the second time that it is done.
//!
//! There is no type for each answer: functions pick the fields that are needed, by their names in AWS's API model.

mod element;

pub(crate) use self::element::{Element, error_of};
use crate::call::{Call, CallError, not_understood};
use crate::endpoint::Service;
use crate::session::Session;

/// Pages that are read at most: 10,000 events of stacks, 500,000 routes.
const PAGES: usize = 500;
/// Version of each service's API, as in botocore's models.
const CLOUD_FORMATION: &str = "2010-05-15";
const EC2: &str = "2016-11-15";
const IAM: &str = "2010-05-08";

/// One call before it is signed.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    service: Service,
    action: &'static str,
    form: Vec<(String, String)>,
}

impl Query {
    pub(crate) fn cloud_formation(action: &'static str) -> Self {
        Self::new(Service::CloudFormation, action, CLOUD_FORMATION)
    }

    pub(crate) fn ec2(action: &'static str) -> Self {
        Self::new(Service::Ec2, action, EC2)
    }

    pub(crate) fn iam(action: &'static str) -> Self {
        Self::new(Service::Iam, action, IAM)
    }

    fn new(service: Service, action: &'static str, version: &str) -> Self {
        let form = vec![("Action".to_owned(), action.to_owned()), ("Version".to_owned(), version.to_owned())];
        Self { service, action, form }
    }

    /// Adds a field.
    pub(crate) fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.form.push((name.into(), value.into()));
        self
    }

    /// Adds a field unless it is empty.
    pub(crate) fn with_some(self, name: &str, value: &str) -> Self {
        if value.is_empty() { self } else { self.with(name, value) }
    }

    /// Adds `Name.member.1`, `Name.member.2` …, as CloudFormation and IAM have it.
    pub(crate) fn members(self, name: &str, values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        values.into_iter().zip(1..).fold(self, |query, (value, number)| query.with(format!("{name}.member.{number}"), value))
    }

    /// Adds `Tags.member.1.Key` and so on.
    pub(crate) fn tags<'a>(self, tags: impl IntoIterator<Item = (&'a String, &'a String)>) -> Self {
        tags.into_iter().zip(1..).fold(self, |query, ((key, value), number)| {
            query.with(format!("Tags.member.{number}.Key"), key).with(format!("Tags.member.{number}.Value"), value)
        })
    }

    /// Adds a filter, as EC2 has it. What has one of the values is in the answer.
    pub(crate) fn filter(self, name: &str, values: &[impl AsRef<str>]) -> Self {
        let before = self.form.iter().filter(|(key, _)| key.starts_with("Filter.") && key.ends_with(".Name")).count();
        let filter = format!("Filter.{}", before + 1);
        let query = self.with(format!("{filter}.Name"), name);
        values.iter().zip(1..).fold(query, |query, (value, number)| query.with(format!("{filter}.Value.{number}"), value.as_ref()))
    }

    /// The body of the request.
    fn body(&self, more: Option<&(&str, String)>) -> String {
        let mut body = String::new();
        let more = more.map(|(name, value)| (*name, value.as_str()));
        for (name, value) in self.form.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(more) {
            body.push_str(if body.is_empty() { "" } else { "&" });
            crate::token::push_encoded(&mut body, name);
            body.push('=');
            crate::token::push_encoded(&mut body, value);
        }
        body
    }
}

/// What a page says of the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// There is none.
    End,
    /// It is had by this.
    Token(String),
}

impl Session {
    /// Makes a call and takes what is needed from its answer: the element `…Result`, or the whole where there is none.
    pub(crate) async fn query<T>(
        &self,
        call: &Call,
        query: &Query,
        decode: impl FnOnce(Element<'_, '_>) -> Result<T, String>,
    ) -> Result<T, CallError> {
        self.query_page(call, query, None, decode).await
    }

    /// Makes a call without an answer.
    pub(crate) async fn command(&self, call: &Call, query: &Query) -> Result<(), CallError> {
        self.query(call, query, |_| Ok(())).await
    }

    /// Reads all pages: the elements `item` of the list `list`. How the next page is had differs between services.
    pub(crate) async fn query_all<T>(
        &self,
        call: &Call,
        query: &Query,
        list: &str,
        item: impl Fn(Element<'_, '_>) -> Result<T, String>,
    ) -> Result<Vec<T>, CallError> {
        let mut found = Vec::new();
        self.query_pages(call, query, |page| {
            for element in page.items(list) {
                found.push(item(element)?);
            }
            Ok(true)
        })
        .await?;
        Ok(found)
    }

    /// Shows pages to `page` until there is none, or it says that it has seen enough.
    pub(crate) async fn query_pages(
        &self,
        call: &Call,
        query: &Query,
        mut page: impl FnMut(Element<'_, '_>) -> Result<bool, String>,
    ) -> Result<(), CallError> {
        let field = if query.service == Service::Iam { "Marker" } else { "NextToken" };
        let mut token = None;
        for _ in 0..PAGES {
            let seen = self.query_page(call, query, token.as_ref(), |element| Ok((page(element)?, next(query.service, element))));
            match seen.await? {
                (true, Next::Token(next)) if token.as_ref().is_none_or(|(_, last)| *last != next) => token = Some((field, next)),
                (true, Next::Token(_)) => return Err(not_understood(call, "a page is followed by itself")),
                (_, Next::End) | (false, Next::Token(_)) => return Ok(()),
            }
        }
        Err(not_understood(call, format!("there is no end after {PAGES} pages")))
    }

    async fn query_page<T>(
        &self,
        call: &Call,
        query: &Query,
        token: Option<&(&str, String)>,
        decode: impl FnOnce(Element<'_, '_>) -> Result<T, String>,
    ) -> Result<T, CallError> {
        let body = query.body(token);
        let mut out = self.outgoing(query.service, "POST", "/");
        out.headers.push(("content-type", "application/x-www-form-urlencoded; charset=utf-8".into()));
        out.body = &body;
        let (response, answer) = self.send(call, &out).await?;
        element::read(&answer, query.action, decode).map_err(|what| CallError::unintelligible(call, &response, what))
    }
}

fn next(service: Service, page: Element<'_, '_>) -> Next {
    let token = if service == Service::Iam {
        if page.flag("IsTruncated") { page.text("Marker") } else { String::new() }
    } else {
        page.some("NextToken").unwrap_or_else(|| page.text("nextToken"))
    };
    if token.is_empty() { Next::End } else { Next::Token(token) }
}

#[cfg(test)]
mod tests;
