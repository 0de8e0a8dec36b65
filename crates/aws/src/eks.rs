//! What EKS says of a cluster.

use aws_smithy_types::base64;
use hybridge_node::facts::ClusterFacts;
use serde::Deserialize;
use serde_json::Value;

use crate::call::{Call, CallError, JsonCall};
use crate::endpoint::Service;
use crate::session::Session;

/// Pages of 100 that are read at most; a cluster may have 2000 entries (EKS user guide, "Service quotas").
const PAGES: usize = 100;

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
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Page {
            #[serde(default)]
            access_entries: Vec<String>,
            next_token: Option<String>,
        }
        let call = Call::new("ListAccessEntries", cluster);
        let mut found = Vec::new();
        let mut path = format!("/clusters/{}/access-entries?maxResults=100", encoded(cluster));
        let first = path.clone();
        for _ in 0..PAGES {
            let page: Page = parsed(&call, self.get(&call, path).await?)?;
            found.extend(page.access_entries);
            match page.next_token.filter(|token| !token.is_empty()) {
                None => return Ok(found),
                Some(token) => path = format!("{first}&nextToken={}", encoded(&token)),
            }
        }
        Err(CallError::Unintelligible { call, status: 200, what: format!("there is no end after {PAGES} pages").into() })
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
        self.ask(call, &JsonCall { service: Service::Eks, method: "GET", path, target: None, body: "" }).await
    }
}

fn parsed<T: serde::de::DeserializeOwned>(call: &Call, value: Value) -> Result<T, CallError> {
    serde_json::from_value(value).map_err(|error| CallError::Unintelligible {
        call: call.clone(),
        status: 200,
        what: error.to_string().into(),
    })
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
mod tests;
