//! EKS: clusters and their access entries
//! (<https://docs.aws.amazon.com/eks/latest/APIReference/API_Operations.html>).

use std::collections::BTreeMap;

use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::answer;
use super::message::Message;
use super::refusal::Refusal;
use super::{Aws, Service};

/// Most entries on one page (API reference of ListAccessEntries).
const PAGE: usize = 100;

/// A cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// `ACTIVE`, `CREATING`, `UPDATING`, `DELETING`, `FAILED` or `PENDING`.
    pub status: String,
    /// Kubernetes version, as `1.34`.
    pub version: String,
    /// URL of its API server.
    pub endpoint: String,
    /// Certificate authority of the API server (PEM).
    pub authority: String,
    /// Addresses of services, IPv4 or IPv6.
    pub service_cidr: String,
    /// Networks of hybrid nodes; empty where the cluster has none.
    pub remote_node_networks: Vec<String>,
    /// Networks of their pods.
    pub remote_pod_networks: Vec<String>,
    /// Who is asked whom a principal is.
    pub authentication: AuthenticationMode,
    /// Access entries by the ARN of their principal.
    pub entries: BTreeMap<String, AccessEntry>,
    /// What DescribeCluster answers instead of all this: what another EKS says of a cluster that it made.
    pub described: Option<Value>,
}

/// Where a cluster looks principals up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthenticationMode {
    /// Access entries.
    Api,
    /// Access entries and the ConfigMap aws-auth.
    ApiAndConfigMap,
    /// The ConfigMap alone: there are no access entries.
    ConfigMap,
}

/// Whom a principal is to Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessEntry {
    /// What kind of principal.
    pub kind: EntryKind,
    /// User name, with the placeholders of aws-iam-authenticator.
    pub username: String,
    /// Groups.
    pub groups: Vec<String>,
}

/// Kinds of access entries, as far as nodes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// Nodes on EC2.
    Ec2Linux,
    /// Hybrid nodes.
    HybridLinux,
    /// People and programs.
    Standard,
}

impl EntryKind {
    /// Of the API's word; anything that is not for nodes is like a person's.
    pub fn of(word: &str) -> Self {
        match word {
            "EC2_LINUX" => Self::Ec2Linux,
            "HYBRID_LINUX" => Self::HybridLinux,
            _ => Self::Standard,
        }
    }

    /// As the API writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ec2Linux => "EC2_LINUX",
            Self::HybridLinux => "HYBRID_LINUX",
            Self::Standard => "STANDARD",
        }
    }
}

impl AuthenticationMode {
    fn as_str(self) -> &'static str {
        match self {
            Self::Api => "API",
            Self::ApiAndConfigMap => "API_AND_CONFIG_MAP",
            Self::ConfigMap => "CONFIG_MAP",
        }
    }
}

impl AccessEntry {
    /// An entry for the role of nodes, with the name and the group that EKS gives it (user guide, "Create access entries").
    pub fn of_nodes(kind: EntryKind) -> Self {
        let name = match kind {
            EntryKind::Ec2Linux => "system:node:{{EC2PrivateDNSName}}",
            EntryKind::HybridLinux => "system:node:{{SessionName}}",
            EntryKind::Standard => "{{SessionName}}",
        };
        Self { kind, username: name.into(), groups: vec!["system:nodes".into()] }
    }
}

impl Cluster {
    /// An active cluster with access entries, none yet.
    pub fn new(name: &str, endpoint: &str, authority: &str) -> Self {
        Self {
            name: name.into(),
            status: "ACTIVE".into(),
            version: "1.34".into(),
            endpoint: endpoint.into(),
            authority: authority.into(),
            service_cidr: "10.96.0.0/16".into(),
            remote_node_networks: vec![],
            remote_pod_networks: vec![],
            authentication: AuthenticationMode::Api,
            entries: BTreeMap::new(),
            described: None,
        }
    }

    /// A cluster as another EKS describes it, with the access entries that it has.
    pub fn described(cluster: Value, entries: BTreeMap<String, AccessEntry>) -> Self {
        let text = |path: &str| cluster.pointer(path).and_then(Value::as_str).unwrap_or_default();
        let mode = match text("/accessConfig/authenticationMode") {
            "API" => AuthenticationMode::Api,
            "API_AND_CONFIG_MAP" => AuthenticationMode::ApiAndConfigMap,
            _ => AuthenticationMode::ConfigMap,
        };
        let named = Self::new(text("/name"), text("/endpoint"), "");
        let status = text("/status").to_owned();
        Self { status, authentication: mode, entries, described: Some(cluster), ..named }
    }
}

pub(super) fn action(message: &Message) -> Option<&'static str> {
    let segments = message.segments();
    let segments: Vec<_> = segments.iter().map(String::as_str).collect();
    match (message.method.as_str(), segments.as_slice()) {
        ("GET", ["clusters", _]) => Some("DescribeCluster"),
        ("GET", ["clusters", _, "access-entries"]) => Some("ListAccessEntries"),
        ("GET", ["clusters", _, "access-entries", _]) => Some("DescribeAccessEntry"),
        _ => None,
    }
}

pub(super) fn answer(aws: &Aws, action: &str, message: &Message) -> Result<Response, Refusal> {
    let segments = message.segments();
    let name = segments.get(1).map_or("", String::as_str);
    let cluster = aws.cluster(name).ok_or_else(|| not_found(format!("No cluster found for name: {name}.")))?;
    let body = match action {
        "DescribeCluster" => describe(aws, &cluster),
        "ListAccessEntries" => list(&with_entries(cluster)?, message)?,
        "DescribeAccessEntry" => entry(aws, &with_entries(cluster)?, segments.get(3).map_or("", String::as_str))?,
        other => return Err(Refusal::unknown(other)),
    };
    Ok(answer::good(Service::Eks, 200, &body))
}

fn describe(aws: &Aws, cluster: &Cluster) -> Value {
    if let Some(described) = &cluster.described {
        return json!({"cluster": described});
    }
    let (region, account, name) = (aws.region(), aws.account(), &cluster.name);
    let family = if cluster.service_cidr.contains(':') { ("ipv6", "serviceIpv6Cidr") } else { ("ipv4", "serviceIpv4Cidr") };
    let mut described = json!({
        "name": name,
        "arn": format!("arn:aws:eks:{region}:{account}:cluster/{name}"),
        "createdAt": seconds(CREATED),
        "version": cluster.version,
        "endpoint": cluster.endpoint,
        "roleArn": format!("arn:aws:iam::{account}:role/eks-cluster"),
        "resourcesVpcConfig": {
            "subnetIds": [], "securityGroupIds": [], "vpcId": aws.ec2().state().vpc.to_string(),
            "endpointPublicAccess": true, "endpointPrivateAccess": false, "publicAccessCidrs": ["0.0.0.0/0"],
        },
        "kubernetesNetworkConfig": {"ipFamily": family.0, family.1: cluster.service_cidr},
        "status": cluster.status,
        "certificateAuthority": {"data": base64(cluster.authority.as_bytes())},
        "platformVersion": "eks.1",
        "tags": {},
        "accessConfig": {"authenticationMode": cluster.authentication.as_str()},
    });
    let networks = |cidrs: &[String]| json!([{"cidrs": cidrs}]);
    if !cluster.remote_node_networks.is_empty() {
        described["remoteNetworkConfig"] = json!({"remoteNodeNetworks": networks(&cluster.remote_node_networks)});
        if !cluster.remote_pod_networks.is_empty() {
            described["remoteNetworkConfig"]["remotePodNetworks"] = networks(&cluster.remote_pod_networks);
        }
    }
    if cluster.status == "CREATING" {
        // What does not exist yet (API reference of Cluster: the endpoint is there once the cluster is active).
        for key in ["endpoint", "certificateAuthority"] {
            described.as_object_mut().expect("it was made as an object").remove(key);
        }
    }
    json!({"cluster": described})
}

fn list(cluster: &Cluster, message: &Message) -> Result<Value, Refusal> {
    let invalid = |what: &str| Refusal::new(400, "InvalidParameterException", format!("The value of {what} is invalid."));
    let length = match message.parameter("maxResults") {
        None => PAGE,
        Some(text) => text.parse().ok().filter(|length| (1..=PAGE).contains(length)).ok_or_else(|| invalid("maxResults"))?,
    };
    let arns: Vec<_> = cluster.entries.keys().collect();
    let start = match message.parameter("nextToken").filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => token.strip_prefix("after-").and_then(|start| start.parse().ok()).ok_or_else(|| invalid("nextToken"))?,
    };
    let end = arns.len().min(start + length);
    let page = arns.get(start..end).ok_or_else(|| invalid("nextToken"))?;
    let next = (end < arns.len()).then(|| format!("after-{end}"));
    Ok(json!({"accessEntries": page, "nextToken": next}))
}

fn entry(aws: &Aws, cluster: &Cluster, principal: &str) -> Result<Value, Refusal> {
    let missing = || {
        not_found(
            "The specified principalArn could not be found. You must specify a principalArn associated with an existing access entry."
                .into(),
        )
    };
    let AccessEntry { kind, username, groups } = cluster.entries.get(principal).ok_or_else(missing)?;
    let (region, account, name) = (aws.region(), aws.account(), &cluster.name);
    let role = principal.rsplit('/').next().unwrap_or_default();
    Ok(json!({"accessEntry": {
        "clusterName": name,
        "principalArn": principal,
        "kubernetesGroups": groups,
        "accessEntryArn": format!("arn:aws:eks:{region}:{account}:access-entry/{name}/role/{account}/{role}/lab"),
        "createdAt": seconds(CREATED),
        "modifiedAt": seconds(CREATED),
        "tags": {},
        "username": username,
        "type": kind.as_str(),
    }}))
}

fn with_entries(cluster: Cluster) -> Result<Cluster, Refusal> {
    match cluster.authentication {
        AuthenticationMode::Api | AuthenticationMode::ApiAndConfigMap => Ok(cluster),
        AuthenticationMode::ConfigMap => Err(Refusal::new(
            400,
            "InvalidRequestException",
            "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation.",
        )),
    }
}

fn not_found(message: String) -> Refusal {
    Refusal::new(404, "ResourceNotFoundException", message)
}

/// When everything here was created.
const CREATED: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// Times of REST JSON are seconds with a fraction.
fn seconds(time: Timestamp) -> f64 {
    time.as_millisecond() as f64 / 1000.0
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
