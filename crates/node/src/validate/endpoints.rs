//! What the node must reach: the endpoint of its credentials, the API server.

use hybridge_report::Finding;

use super::Subject;
use crate::facts::Answer;
use crate::hosts::endpoint_host;
use crate::resolve;

pub(super) fn ssm(subject: &Subject<'_>) -> Vec<Finding> {
    reach("ssm.endpoint", endpoint("ssm", subject), subject.facts.answers.ssm_endpoint.as_ref())
}

pub(super) fn roles_anywhere(subject: &Subject<'_>) -> Vec<Finding> {
    let answer = subject.facts.answers.roles_anywhere_endpoint.as_ref();
    reach("roles-anywhere.endpoint", endpoint("rolesanywhere", subject), answer)
}

fn endpoint(service: &str, subject: &Subject<'_>) -> String {
    let region = &subject.config.cluster.region;
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("{service}.{region}.{domain}")
}

fn reach(code: &'static str, place: String, answer: Option<&Answer>) -> Vec<Finding> {
    let Some(why) = bad(answer) else { return Vec::new() };
    vec![Finding::error(code, place.as_str(), format!("cannot be reached: {why}")).fix(format!(
        "check spec.cluster.region, and let the machine reach https://{place}: firewall, proxy, or a VPC endpoint with its name in DNS"
    ))]
}

pub(super) fn resolution(subject: &Subject<'_>) -> Vec<Finding> {
    let Some(why) = bad(subject.facts.answers.api_endpoint_resolved.as_ref()) else { return Vec::new() };
    vec![
        Finding::error("api.resolution", api_host(subject), format!("its name has no address: {why}")).fix(
            "check the machine's DNS; for a private endpoint forward queries to a Route 53 inbound resolver, or make the endpoint public",
        ),
    ]
}

pub(super) fn api_host(subject: &Subject<'_>) -> String {
    let url = resolve::endpoint(subject.config, subject.facts.cluster.as_ref());
    endpoint_host(url).unwrap_or_else(|| "API server".to_owned())
}

pub(super) fn api(subject: &Subject<'_>) -> Vec<Finding> {
    let place = api_host(subject);
    match &subject.facts.answers.api_endpoint {
        None => Vec::new(),
        // Who says no to a stranger is an API server; some say yes to health checks.
        Some(Answer::Good(status)) if ["401", "403", "200"].iter().any(|known| status.starts_with(known)) => Vec::new(),
        Some(Answer::Good(status)) => vec![
            Finding::error("api.answer", place, format!("answers {status} where an API server says 401 or 403"))
                .fix("check that nothing else answers in its place: a proxy, a captive portal, a wrong spec.cluster.apiServerEndpoint"),
        ],
        Some(Answer::Bad(why) | Answer::Forbidden(why)) => vec![
            Finding::error("api.endpoint", place, format!("cannot be reached: {why}"))
                .fix("let the machine reach port 443 of it; if its certificate is refused, compare spec.cluster.certificateAuthority with the cluster's"),
        ],
    }
}

/// Why it did not go well, if it did not.
pub(super) fn bad(answer: Option<&Answer>) -> Option<&str> {
    match answer? {
        Answer::Good(_) => None,
        Answer::Bad(why) | Answer::Forbidden(why) => Some(why),
    }
}
