//! The Nodes of a cluster, as its API server has them.

use hybridge_cluster::world::KubeNode;
use serde_json::Value;

use super::{ApiServer, repeated, shown};
use crate::call::{Call, CallError, exchange_large, request};
use crate::token::Token;

/// Objects a page: client-go's number.
const PAGE: u32 = 500;
/// Pages at most; EKS takes 100,000 nodes in a cluster at most.
const PAGES: usize = 200;

impl ApiServer {
    /// All Nodes, with the pod networks that Kubernetes or Cilium has given them.
    ///
    /// # Errors
    /// It cannot be reached, or does not show Nodes to the holder of this token.
    pub async fn nodes(&self, token: &Token) -> Result<Vec<KubeNode>, CallError> {
        let (nodes, cilium) = tokio::join!(
            self.objects(token, "ListNodes", "/api/v1/nodes"),
            self.objects(token, "ListCiliumNodes", "/apis/cilium.io/v2/ciliumnodes")
        );
        // Clusters without Cilium have no such kind, and who may not see it sees the Nodes all the same.
        let cilium = cilium.unwrap_or_default();
        let mut nodes: Vec<KubeNode> = nodes?.iter().map(node).collect();
        for object in &cilium {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            if let Some(node) = nodes.iter_mut().find(|node| node.name == name) {
                let given = texts(&object["spec"]["ipam"]["podCIDRs"]).filter(|cidr| !node.pod_cidrs.contains(cidr)).collect::<Vec<_>>();
                node.pod_cidrs.extend(given);
            }
        }
        Ok(nodes)
    }

    async fn objects(&self, token: &Token, action: &'static str, path: &str) -> Result<Vec<Value>, CallError> {
        let call = Call::new(action, &self.url);
        let mut found = Vec::new();
        let mut more = String::new();
        for _ in 0..PAGES {
            let url = format!("{}{path}?limit={PAGE}{more}", self.url);
            let ask = async || {
                let headers = std::iter::once(("authorization".to_owned(), format!("Bearer {}", token.reveal())));
                let request = request(("GET", &url), headers, "");
                exchange_large(&self.transport, &call, request.map_err(|cause| CallError::Unsendable { call: call.clone(), cause })?).await
            };
            let (response, body) = repeated(ask).await?;
            if !response.status().is_success() {
                return Err(CallError::unintelligible(&call, &response, shown(response.status().as_u16())));
            }
            let mut page: Value = serde_json::from_slice(&body).map_err(|error| CallError::unintelligible(&call, &response, error))?;
            if let Value::Array(items) = page["items"].take() {
                found.extend(items);
            }
            match page["metadata"]["continue"].as_str().filter(|token| !token.is_empty()) {
                None => return Ok(found),
                Some(token) => {
                    more = "&continue=".to_owned();
                    crate::token::push_encoded(&mut more, token);
                }
            }
        }
        Err(crate::call::not_understood(&call, format!("there is no end after {PAGES} pages")))
    }
}

fn texts(list: &Value) -> impl Iterator<Item = String> + use<'_> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned)
}

fn node(object: &Value) -> KubeNode {
    let (metadata, status) = (&object["metadata"], &object["status"]);
    let of = |list: &Value, key: &str, name: &str, field: &str| {
        let found = list.as_array().into_iter().flatten().find(|item| item[key].as_str() == Some(name));
        found.and_then(|item| item[field].as_str()).unwrap_or_default().to_owned()
    };
    KubeNode {
        name: metadata["name"].as_str().unwrap_or_default().to_owned(),
        hybrid: metadata["labels"]["eks.amazonaws.com/compute-type"].as_str() == Some("hybrid"),
        ready: of(&status["conditions"], "type", "Ready", "status") == "True",
        address: of(&status["addresses"], "type", "InternalIP", "address"),
        pod_cidrs: texts(&object["spec"]["podCIDRs"]).collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fake::{Fake, Reply, Request};
    use crate::transport::Transport;

    fn answer(value: &Value) -> Reply {
        Reply::Answer(200, "Content-Type: application/json\r\n", value.to_string())
    }

    fn kube(name: &str, hybrid: bool, ready: &str) -> Value {
        let labels = if hybrid { json!({"eks.amazonaws.com/compute-type": "hybrid"}) } else { json!({}) };
        json!({"metadata": {"name": name, "labels": labels}, "spec": {},
            "status": {"addresses": [{"type": "Hostname", "address": name}, {"type": "InternalIP", "address": "10.80.1.2"}],
                       "conditions": [{"type": "DiskPressure", "status": "False"}, {"type": "Ready", "status": ready}]}})
    }

    #[tokio::test]
    async fn nodes_are_read_page_by_page_with_what_cilium_gave_them() {
        let fake = Fake::start(|request: &Request| {
            assert_eq!(request.header("authorization"), Some("Bearer k8s-aws-v1.x"));
            if request.line.contains("ciliumnodes") {
                answer(&json!({"items": [{"metadata": {"name": "mi-1"}, "spec": {"ipam": {"podCIDRs": ["10.85.1.0/25"]}}}]}))
            } else if request.line.contains("continue=a%2Fb") {
                answer(&json!({"metadata": {}, "items": [kube("ip-10-0-0-1", false, "Unknown")]}))
            } else {
                answer(&json!({"metadata": {"continue": "a/b"}, "items": [kube("mi-1", true, "True")]}))
            }
        })
        .await;
        let server = ApiServer { transport: Transport::direct(), url: fake.url() };
        let nodes = server.nodes(&Token::of("k8s-aws-v1.x")).await.unwrap();
        let node = |name: &str, hybrid, pod_cidrs: &[&str]| KubeNode {
            name: name.into(),
            hybrid,
            ready: hybrid,
            address: "10.80.1.2".into(),
            pod_cidrs: pod_cidrs.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(nodes, [node("mi-1", true, &["10.85.1.0/25"]), node("ip-10-0-0-1", false, &[])]);
    }

    #[tokio::test]
    async fn a_cluster_without_cilium_has_nodes_and_a_stranger_sees_none() {
        let fake = Fake::start(|request: &Request| {
            let cilium = request.line.contains("ciliumnodes");
            if cilium {
                Reply::Answer(404, "", "404 page not found".into())
            } else {
                answer(&json!({"items": [kube("mi-1", true, "True")]}))
            }
        })
        .await;
        let server = ApiServer { transport: Transport::direct(), url: fake.url() };
        assert_eq!(server.nodes(&Token::of("x")).await.unwrap().len(), 1);

        let fake = Fake::start(|_| Reply::Answer(401, "", "{}".into())).await;
        let server = ApiServer { transport: Transport::direct(), url: fake.url() };
        let error = server.nodes(&Token::of("x")).await.unwrap_err();
        assert!(error.to_string().contains("401 Unauthorized"), "{error}");
    }
}
