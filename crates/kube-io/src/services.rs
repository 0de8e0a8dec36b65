//! Services of type LoadBalancer and who answers for them.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use kube::api::ListParams;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::connect::Kube;
use crate::error::{Call, CallError, Verb};
use crate::object::Resource;

const SERVICE: Resource = Resource { kind: "Service", api_version: "v1", plural: "services" };
const SLICE: Resource = Resource { kind: "EndpointSlice", api_version: "discovery.k8s.io/v1", plural: "endpointslices" };

/// The label by which an EndpointSlice names its Service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// A Service of type LoadBalancer, as far as it matters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadBalancer {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The IPv4 addresses that it was given; none while it waits.
    pub addresses: Vec<Ipv4Addr>,
    /// Its TCP ports.
    pub ports: Vec<u16>,
    /// Whether `externalTrafficPolicy` is `Local`.
    pub local: bool,
    /// Addresses of its ready pods → the node of each, where it is told.
    pub backends: BTreeMap<Ipv4Addr, Option<String>>,
}

impl Kube {
    /// All Services of type LoadBalancer, by namespace and name, with their ready pods.
    ///
    /// # Errors
    /// See [`CallError`]; the deadline of each page is that of reads.
    pub async fn load_balancers(&self) -> Result<Vec<LoadBalancer>, CallError> {
        let services = self.of_all_namespaces::<Service>(&SERVICE).await?;
        let slices = self.of_all_namespaces::<Slice>(&SLICE).await?;
        Ok(joined(services, &slices))
    }

    async fn of_all_namespaces<T: DeserializeOwned + Send>(&self, resource: &'static Resource) -> Result<Vec<T>, CallError> {
        let call = Call::new(Verb::List, format!("{}s of all namespaces", resource.kind));
        self.items(&call, resource.path(None), ListParams::default()).await
    }
}

fn joined(services: Vec<Service>, slices: &[Slice]) -> Vec<LoadBalancer> {
    let balancers = services.into_iter().filter(|service| service.spec.kind == "LoadBalancer");
    let mut found: Vec<_> = balancers
        .map(|Service { metadata, spec, status }| {
            let own = |slice: &&Slice| {
                slice.metadata.namespace == metadata.namespace && slice.metadata.labels.get(SERVICE_NAME) == Some(&metadata.name)
            };
            let endpoints = slices.iter().filter(own).flat_map(|slice| slice.endpoints.iter().flatten());
            // Whether it is ready is not known of some: then it counts as ready (Kubernetes' own reading).
            let ready = endpoints.filter(|endpoint| endpoint.conditions.ready != Some(false));
            let backends = ready.flat_map(|endpoint| {
                endpoint.addresses.iter().filter_map(|address| Some((address.parse().ok()?, endpoint.node_name.clone())))
            });
            let tcp = spec.ports.iter().filter(|port| port.protocol.as_deref().unwrap_or("TCP") == "TCP");
            LoadBalancer {
                addresses: status
                    .load_balancer
                    .ingress
                    .iter()
                    .flatten()
                    .filter_map(|ingress| ingress.ip.as_deref()?.parse().ok())
                    .collect(),
                ports: tcp.map(|port| port.port).collect(),
                local: spec.external_traffic_policy.as_deref() == Some("Local"),
                backends: backends.collect(),
                namespace: metadata.namespace,
                name: metadata.name,
            }
        })
        .collect();
    found.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    found
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    name: String,
    namespace: String,
    labels: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Service {
    metadata: Metadata,
    spec: Spec,
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    #[serde(rename = "type")]
    kind: String,
    external_traffic_policy: Option<String>,
    ports: Vec<Port>,
}

#[derive(Deserialize)]
struct Port {
    port: u16,
    protocol: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    load_balancer: Given,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Given {
    ingress: Option<Vec<Ingress>>,
}

#[derive(Deserialize)]
struct Ingress {
    ip: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Slice {
    metadata: Metadata,
    endpoints: Option<Vec<Endpoint>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Endpoint {
    addresses: Vec<String>,
    conditions: Conditions,
    node_name: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Conditions {
    ready: Option<bool>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn services_are_found_with_their_ready_pods() {
        let services = json!([
            {"metadata": {"name": "web", "namespace": "shop"},
             "spec": {"type": "LoadBalancer", "externalTrafficPolicy": "Local",
                      "ports": [{"port": 80}, {"port": 53, "protocol": "UDP"}, {"port": 443, "protocol": "TCP"}]},
             "status": {"loadBalancer": {"ingress": [{"ip": "192.168.2.169"}, {"hostname": "a.example"}, {"ip": "fd00::1"}]}}},
            {"metadata": {"name": "inner", "namespace": "shop"}, "spec": {"type": "ClusterIP", "ports": [{"port": 1}]}},
            {"metadata": {"name": "waits", "namespace": "a"}, "spec": {"type": "LoadBalancer", "ports": [{"port": 1}]}, "status": {"loadBalancer": {}}},
        ]);
        let slice = |namespace: &str, name: &str, endpoints| json!({"metadata": {"namespace": namespace, "name": "x", "labels": {SERVICE_NAME: name}}, "endpoints": endpoints});
        let slices = json!([
            slice(
                "shop",
                "web",
                json!([
                    {"addresses": ["10.50.80.40"], "conditions": {"ready": true}, "nodeName": "one"},
                    {"addresses": ["10.50.80.41"], "conditions": {"ready": false}, "nodeName": "one"},
                ])
            ),
            slice("shop", "web", json!([{"addresses": ["10.50.80.42"], "conditions": {}}])),
            slice("other", "web", json!([{"addresses": ["10.50.80.43"]}])),
            slice("shop", "web", json!(null)),
        ]);
        let found = joined(serde_json::from_value(services).unwrap(), &serde_json::from_value::<Vec<Slice>>(slices).unwrap());
        let web = LoadBalancer {
            namespace: "shop".into(),
            name: "web".into(),
            addresses: vec![Ipv4Addr::new(192, 168, 2, 169)],
            ports: vec![80, 443],
            local: true,
            backends: [(Ipv4Addr::new(10, 50, 80, 40), Some("one".into())), (Ipv4Addr::new(10, 50, 80, 42), None)].into(),
        };
        let waits = LoadBalancer { namespace: "a".into(), name: "waits".into(), ports: vec![1], ..LoadBalancer::default() };
        assert_eq!(found, [waits, web]);
    }
}
