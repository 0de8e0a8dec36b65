//! Signs requests of tests: what asks the lab's AWS without a client of AWS.

use jiff::Timestamp;

use super::canonical::{Scope, canonical_request, string_to_sign};
use super::key::AccessKey;
use super::message::Message;
use super::sigv4::{ALGORITHM, compact, signature};

impl AccessKey {
    /// Adds the headers X-Amz-Date, X-Amz-Security-Token and Authorization to a request to a service. All its headers are signed.
    pub fn sign(&self, message: &mut Message, (region, service): (&str, &str), now: Timestamp) {
        let date = compact(now);
        message.headers.push(("x-amz-date".into(), date.clone()));
        if let Some(token) = &self.token {
            message.headers.push(("x-amz-security-token".into(), token.clone()));
        }
        let mut signed: Vec<_> = message.headers.iter().map(|(name, _)| name.clone()).collect();
        signed.sort();
        signed.dedup();
        let scope = Scope { date: date[..8].into(), region: region.into(), service: service.into() };
        let canonical = canonical_request(message, &signed).expect("only headers that are there are signed");
        let signature = signature(&self.secret, &scope, &string_to_sign(ALGORITHM, &date, &scope, &canonical));
        let credential = format!("{}/{}", self.id, scope.text());
        let value = format!("{ALGORITHM} Credential={credential}, SignedHeaders={}, Signature={signature}", signed.join(";"));
        message.headers.push(("authorization".into(), value));
    }
}
