//! Addresses, ranges and URLs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::Place;
use hybridge_document::Problems;

/// URL of an API server.
pub(super) fn endpoint(place: &Place<'_>, problems: &mut Problems) {
    let (at, text) = (place.at, place.text());
    let example = "write it as `aws eks describe-cluster` tells it: https://….eks.amazonaws.com";
    let Some((scheme, rest)) = text.split_once("://") else {
        problems.error("url.scheme", at, shown(text), "is no URL: it has no scheme").fix(example);
        return;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') || rest.contains('@') {
        problems.error("url.credentials", at, "", "has a user name or password in the URL").fix(example);
        return;
    }
    let host = host(authority);
    match (scheme, host) {
        ("https" | "http", None) => {
            problems.error("url.host", at, text, "has no valid host and port").fix(example);
        }
        ("https", Some(_)) => {}
        ("http", Some(host)) if host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()) => {}
        ("http", Some(_)) => {
            problems.warning("url.scheme", at, text, "is not encrypted; API servers of EKS answer https only").fix("write https://");
        }
        _ => {
            problems.error("url.scheme", at, text, "has a scheme other than https").fix(example);
        }
    }
}

/// What may be shown of a text that should have been a URL.
fn shown(text: &str) -> &str {
    if text.contains('@') { "" } else { text }
}

/// Host of `host:port`, if both are valid.
fn host(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<Ipv6Addr>().ok()?;
            (host, port.strip_prefix(':').or_else(|| port.is_empty().then_some("443"))?)
        }
        None => authority.split_once(':').unwrap_or((authority, "443")),
    };
    let name = |c: char| c.is_ascii_alphanumeric() || "-.:_".contains(c);
    let valid = !host.is_empty() && host.len() <= 253 && host.chars().all(name) && !host.starts_with(['-', '.']);
    (valid && port.parse::<u16>().is_ok_and(|port| port > 0)).then_some(host)
}

/// Service range.
pub(super) fn cidr(place: &Place<'_>, problems: &mut Problems) {
    let (at, text) = (place.at, place.text());
    let Ok(net) = text.parse::<IpNet>() else {
        let fix = match text.parse::<IpAddr>() {
            Ok(_) => format!("put the prefix length after it, as in {text}/16"),
            Err(_) => "write the cluster's service range, such as 10.100.0.0/16 or fd12:3456::/108".to_owned(),
        };
        problems.error("cidr.invalid", at, text, "is no address range").fix(fix);
        return;
    };
    if net.trunc() != net {
        let what = format!("is not a range: bits behind the prefix of {} are set", net.prefix_len());
        problems.error("cidr.host-bits", at, text, what).fix(format!("write {}", net.trunc()));
        return;
    }
    // The tenth address is the cluster's DNS (EKS: x.x.x.10, ::a).
    if net.max_prefix_len() - net.prefix_len() < 4 {
        let what = "is too small: the cluster's DNS has the tenth address of the range";
        problems.error("cidr.range", at, text, what).fix("write the cluster's service range, not a part of it");
        return;
    }
    // https://docs.aws.amazon.com/eks/latest/APIReference/API_KubernetesNetworkConfigRequest.html: /24 to /12 of private ranges.
    if let IpNet::V4(net) = net
        && !((12..=24).contains(&net.prefix_len()) && net.addr().is_private())
    {
        let what = "is not a service range of EKS, which is private and between /12 and /24";
        problems.warning("cidr.range", at, text, what).fix("see kubernetesNetworkConfig in `aws eks describe-cluster`");
    }
}

/// A server as resolved.conf(5) takes it: `ADDRESS[:PORT][%INTERFACE][#NAME]`.
pub(super) fn nameserver(place: &Place<'_>, problems: &mut Problems) {
    let text = place.text();
    let server = text.split(['#', '%']).next().unwrap_or_default();
    let port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    let bare = server.parse::<IpAddr>().is_ok();
    let v4 = || server.split_once(':').is_some_and(|(host, after)| host.parse::<Ipv4Addr>().is_ok() && port(after));
    let v6 = || {
        server
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("]:"))
            .is_some_and(|(host, after)| host.parse::<Ipv6Addr>().is_ok() && port(after))
    };
    if text.contains(char::is_whitespace) || !(bare || v4() || v6()) {
        let fix = "write the server's IPv4 or IPv6 address; one item a server";
        problems.error("nameserver.address", place.at, text, "is no address").fix(fix);
    }
}

/// A search domain; `~` routes only.
pub(super) fn domain(place: &Place<'_>, problems: &mut Problems) {
    let text = place.text();
    let name = text.strip_prefix('~').unwrap_or(text);
    let label = |label: &str| (1..=63).contains(&label.len()) && label.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    let valid = name == "." || name.len() <= 253 && name.strip_suffix('.').unwrap_or(name).split('.').all(label);
    if !valid {
        problems.error("domain.invalid", place.at, text, "is no domain").fix("write one domain an item, such as example.com");
    }
}
