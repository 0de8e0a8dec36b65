//! EKS: what a node asks of its cluster, and what a cluster is made of: entries, add-ons, node groups, Pod Identity.

mod addons;
mod entries;
mod live;
mod node_groups;
mod pod_identity;

use aws_smithy_types::base64;
use hybridge_node::facts::ClusterFacts;
use serde::Deserialize;
use serde_json::Value;

pub use self::addons::{AddonVersion, NewAddon};
pub use self::live::{ClusterUpdate, UpdateError};
pub use self::node_groups::{NodeGroup, Scaling};
pub use self::pod_identity::{NewPodIdentity, PodIdentity};
use crate::call::{Call, CallError, JsonCall, Kind, Repeat, client_token, parsed};
use crate::endpoint::Service;
use crate::session::Session;

impl Session {
    /// What a node needs to know of a cluster (DescribeCluster). Fields that a cluster in creation does not have yet stay empty.
    ///
    /// # Errors
    /// EKS refused, could not be reached, or answered with something else.
    pub async fn cluster(&self, name: &str) -> Result<ClusterFacts, CallError> {
        let call = Call::new("DescribeCluster", name);
        let answer = self.get(&call, format!("/clusters/{}", encoded(name))).await?;
        cluster(answer).map_err(|what| CallError::Unintelligible { call, status: 200, what: what.into() })
    }

    /// The principals that have an access entry in a cluster, all pages (ListAccessEntries). Their types are not part of the answer;
    /// see [`Session::access_entry_type`].
    ///
    /// # Errors
    /// EKS refused, could not be reached, or answered with something else.
    pub async fn access_entries(&self, cluster: &str) -> Result<Vec<String>, CallError> {
        let call = Call::new("ListAccessEntries", cluster);
        let path = format!("/clusters/{}/access-entries?maxResults=100", encoded(cluster));
        self.get_all(&call, Service::Eks, &path, "accessEntries").await
    }

    /// The type of one access entry, as in `HYBRID_LINUX`, `EC2_LINUX`, `STANDARD` (DescribeAccessEntry).
    ///
    /// # Errors
    /// EKS refused, could not be reached, or answered with something else.
    pub async fn access_entry_type(&self, cluster: &str, principal: &str) -> Result<String, CallError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            access_entry: Entry,
        }
        #[derive(Deserialize)]
        struct Entry {
            r#type: String,
        }
        let call = Call::new("DescribeAccessEntry", principal);
        let answer = self.get(&call, format!("/clusters/{}/access-entries/{}", encoded(cluster), encoded(principal))).await?;
        Ok(parsed::<Answer>(&call, answer)?.access_entry.r#type)
    }

    async fn get(&self, call: &Call, path: String) -> Result<Value, CallError> {
        self.ask(call, &JsonCall { service: Service::Eks, method: "GET", path, target: None, body: "", repeat: Repeat::Freely }).await
    }

    /// A POST, with a token by which EKS knows it again.
    async fn post(&self, call: &Call, path: String, mut body: Value) -> Result<Value, CallError> {
        body["clientRequestToken"] = client_token().into();
        self.post_plain(call, path, &body).await
    }

    /// A POST of a call that takes no token, and that does nothing the second time.
    async fn post_plain(&self, call: &Call, path: String, body: &Value) -> Result<Value, CallError> {
        let body = body.to_string();
        self.ask(call, &JsonCall { service: Service::Eks, method: "POST", path, target: None, body: &body, repeat: Repeat::Freely }).await
    }

    /// A DELETE of what may be gone already, which is no error.
    async fn delete(&self, call: &Call, path: String) -> Result<(), CallError> {
        let json = JsonCall { service: Service::Eks, method: "DELETE", path, target: None, body: "", repeat: Repeat::Freely };
        match self.ask(call, &json).await {
            Err(error) if error.kind() == Kind::NotFound => Ok(()),
            result => result.map(drop),
        }
    }
}

/// None where EKS knows no such thing.
fn or_none<T>(found: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// One segment of a path, or one value of a query: all but the unreserved characters percent-encoded (RFC 3986, section 2.3).
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    crate::token::push_encoded(&mut encoded, text);
    encoded
}

#[derive(Deserialize)]
struct Answer {
    cluster: Cluster,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cluster {
    status: String,
    version: Option<String>,
    #[serde(default)]
    endpoint: Option<String>,
    #[serde(default)]
    certificate_authority: Option<Authority>,
    #[serde(default)]
    kubernetes_network_config: Option<Network>,
    #[serde(default)]
    remote_network_config: Option<Remote>,
    #[serde(default)]
    access_config: Option<Access>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Access {
    authentication_mode: Option<String>,
}

#[derive(Deserialize)]
struct Authority {
    #[serde(default)]
    data: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Network {
    service_ipv4_cidr: Option<String>,
    service_ipv6_cidr: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Remote {
    #[serde(default)]
    remote_node_networks: Vec<Ranges>,
    #[serde(default)]
    remote_pod_networks: Vec<Ranges>,
}

#[derive(Deserialize)]
struct Ranges {
    #[serde(default)]
    cidrs: Vec<String>,
}

fn cluster(value: Value) -> Result<ClusterFacts, String> {
    let Answer { cluster } = serde_json::from_value(value).map_err(|error| error.to_string())?;
    let authority = cluster.certificate_authority.and_then(|authority| authority.data).unwrap_or_default();
    base64::decode(&authority).map_err(|error| format!("certificateAuthority: {error}"))?;
    let cidrs = |ranges: Vec<Ranges>| ranges.into_iter().flat_map(|range| range.cidrs).collect();
    let (nodes, pods) = match cluster.remote_network_config {
        Some(remote) => (Some(cidrs(remote.remote_node_networks)), cidrs(remote.remote_pod_networks)),
        None => (None, Vec::new()),
    };
    let network = cluster.kubernetes_network_config;
    let (ipv4, ipv6) = network.map_or((None, None), |network| (network.service_ipv4_cidr, network.service_ipv6_cidr));
    Ok(ClusterFacts {
        status: cluster.status,
        version: cluster.version,
        endpoint: cluster.endpoint.unwrap_or_default(),
        certificate_authority: authority,
        service_ipv4_cidr: ipv4,
        service_ipv6_cidr: ipv6,
        authentication_mode: cluster.access_config.and_then(|access| access.authentication_mode),
        remote_node_networks: nodes,
        remote_pod_networks: pods,
    })
}

#[cfg(test)]
mod cluster_tests;
#[cfg(test)]
mod tests;
