//! What eksctl's file has no key for: `metadata.annotations` that begin with `hybridge/`, so that the file stays eksctl's.

use std::collections::BTreeMap;

use hybridge_document::{Problems, nearest};

use super::arn::Arn;
use super::outposts::{self, OutpostsServer};
use super::places::Places;

/// What the annotations ask for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Annotations {
    /// `hybridge/trust-anchor-arn`: a trust anchor that exists; with `profile_arn`, in place of `caBundleCert`.
    pub trust_anchor_arn: Option<String>,
    /// `hybridge/profile-arn`: a Roles Anywhere profile that exists.
    pub profile_arn: Option<String>,
    /// `hybridge/role-arns`: more roles of hybrid nodes that exist, one for each site; comma or blank between them. Each gets an entry.
    pub role_arns: Vec<String>,
    /// `hybridge/session-name`: `certificate-cn` (the default) lets a certificate join under its own common name only; `any` is eksctl's.
    pub any_session_name: bool,
    /// `hybridge/pod-routes`: `vpc-gateway` (the default) makes routes to pod networks as eksctl does; `hybridge-gateway` leaves them to
    /// the gateways, which point them at themselves.
    pub pod_routes_by_gateway: bool,
    /// `hybridge/pod-identity`: the role may be used for EKS Pod Identity (`eks-auth:AssumeRoleForPodIdentity`).
    pub pod_identity: bool,
    /// `hybridge/carrier-grade-nat`: `allowed` takes networks of 100.64.0.0/10 (RFC 6598) for nodes and pods.
    pub carrier_grade_nat: bool,
    /// `hybridge/session-seconds`: how long credentials of Roles Anywhere last; 900 to 43200, 3600 if not said.
    pub session_seconds: Option<u32>,
    /// `hybridge/gateway-subnets`: networks of subnets for gateways, one a zone, in the zones' order; made in a VPC of ours.
    pub gateway_subnets: Vec<String>,
    /// `hybridge/own-cni`: there is a CNI in the cluster that is no add-on, so that EC2 nodes get ready without vpc-cni.
    pub own_cni: bool,
    /// `hybridge/outposts-servers`: nodes on Outposts servers, a YAML list ([`outposts`]).
    pub outposts_servers: Vec<OutpostsServer>,
}

/// What our annotations begin with.
const OURS: &str = "hybridge/";
/// Where they stand.
const PATH: &str = "metadata.annotations";

/// What an annotation takes: its name, and how its values look.
static KNOWN: [(&str, &str); 11] = [
    ("trust-anchor-arn", "arn:aws:rolesanywhere:REGION:ACCOUNT:trust-anchor/ID"),
    ("profile-arn", "arn:aws:rolesanywhere:REGION:ACCOUNT:profile/ID"),
    ("role-arns", "arn:aws:iam::ACCOUNT:role/NAME, several with commas between them"),
    ("session-name", "certificate-cn or any"),
    ("pod-routes", "vpc-gateway or hybridge-gateway"),
    ("pod-identity", "true or false, in quotes"),
    ("carrier-grade-nat", "allowed or refused"),
    ("session-seconds", "900 to 43200, in quotes"),
    ("gateway-subnets", "networks such as 10.0.250.0/28, one a zone, with commas between them"),
    ("own-cni", "true or false, in quotes"),
    ("outposts-servers", "a YAML list of servers, after `|`"),
];

/// Whether there is one of this name.
pub(super) fn is_known(key: &str) -> bool {
    key.strip_prefix(OURS).is_some_and(|name| KNOWN.iter().any(|(known, _)| *known == name))
}

/// Reads those of ours. Whether they fit the rest of the file is checked with it.
pub(super) fn read(all: &BTreeMap<String, String>, places: &Places, problems: &mut Problems) -> Annotations {
    let mut read = Annotations::default();
    for (key, value) in all {
        let Some(name) = key.strip_prefix(OURS) else {
            // Another company's key is none of ours; this one was meant to be.
            if key.to_ascii_lowercase().starts_with(OURS) {
                unknown(key, &key[OURS.len()..], places, problems);
            }
            continue;
        };
        let path = format!("{PATH}.{key}");
        if path == outposts::PATH {
            read.outposts_servers = outposts::read(value, places, problems);
            continue;
        }
        problems.look_at(&path);
        if take(&mut read, name, value.trim()) {
            continue;
        }
        match KNOWN.iter().find(|(known, _)| *known == name) {
            Some((_, form)) => {
                problems
                    .error("annotation.value", places.at(&path), value, "is not what this annotation takes")
                    .fix(format!("write {form}"));
            }
            None => unknown(key, name, places, problems),
        }
    }
    read
}

fn unknown(key: &str, name: &str, places: &Places, problems: &mut Problems) {
    problems.look_at("");
    let known = || KNOWN.iter().map(|(known, _)| *known);
    let problem = problems.error("annotation.unknown", places.at(&format!("{PATH}.{key}")), key, "is no annotation that hybridge knows");
    problem.fix(match nearest(name, known()) {
        Some(near) => format!("did you mean {OURS}{near}?"),
        None => format!("{OURS} takes {}", known().collect::<Vec<_>>().join(", ")),
    });
}

/// Whether `value` was taken.
fn take(read: &mut Annotations, name: &str, value: &str) -> bool {
    let either = |off: &str, on: &str| (value == off || value == on).then_some(value == on);
    let set = |to: &mut bool, value: Option<bool>| value.map(|value| *to = value).is_some();
    let arn = |service: &str, start: &str| {
        Arn::parse(value).filter(|arn| arn.service == service && arn.resource.starts_with(start)).map(|_| value.to_owned())
    };
    match name {
        "trust-anchor-arn" => {
            read.trust_anchor_arn = arn("rolesanywhere", "trust-anchor/");
            read.trust_anchor_arn.is_some()
        }
        "profile-arn" => {
            read.profile_arn = arn("rolesanywhere", "profile/");
            read.profile_arn.is_some()
        }
        "role-arns" => {
            read.role_arns = items(value);
            let role = |text: &String| Arn::parse(text).is_some_and(|arn| arn.service == "iam" && arn.resource.starts_with("role/"));
            !read.role_arns.is_empty() && read.role_arns.iter().all(role)
        }
        "session-name" => set(&mut read.any_session_name, either("certificate-cn", "any")),
        "pod-routes" => set(&mut read.pod_routes_by_gateway, either("vpc-gateway", "hybridge-gateway")),
        "pod-identity" => set(&mut read.pod_identity, either("false", "true")),
        "carrier-grade-nat" => set(&mut read.carrier_grade_nat, either("refused", "allowed")),
        "own-cni" => set(&mut read.own_cni, either("false", "true")),
        "session-seconds" => {
            read.session_seconds = value.parse().ok().filter(|seconds| (900..=43200).contains(seconds));
            read.session_seconds.is_some()
        }
        "gateway-subnets" => {
            read.gateway_subnets = items(value);
            !read.gateway_subnets.is_empty()
        }
        _ => false,
    }
}

/// Texts between commas and blanks.
fn items(value: &str) -> Vec<String> {
    value.split([',', ' ', '\n', '\t']).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}
