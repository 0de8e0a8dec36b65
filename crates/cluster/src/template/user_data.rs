//! What nodes on Outposts servers are told at their start: a NodeConfig for the nodeadm of AL2023 (amazon-eks-ami, `node.eks.aws/v1alpha1`).

use super::cfn::Value;
use super::outposts::AUTHORITY;
use crate::config::outposts::OutpostsServer;
use crate::resolve::Cluster;

/// Between parts. No part has a line that begins with it: values are names, networks, addresses and base64.
const BOUNDARY: &str = "//";

/// The text, before base64. What LNIs need is not in it: AWS's nodeadm refuses keys that it does not know, so `hybridge lni` has its
/// profile from elsewhere.
pub(super) fn user_data(cluster: &Cluster, server: &OutpostsServer) -> Value {
    let stack = cluster.stack_name();
    let name = &cluster.config.metadata.name;
    let services = cluster.service_cidr.map(|cidr| cidr.to_string()).unwrap_or_default();
    let head = format!(
        "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"{BOUNDARY}\"\n\n--{BOUNDARY}\nContent-Type: application/node.eks.aws\n\n\
         apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n  cluster:\n    name: \"{name}\"\n    apiServerEndpoint: "
    );
    let kubelet = format!(
        "\n    cidr: {services}\n  kubelet:\n    config:\n      maxPods: {}\n    flags:\n{}\n--{BOUNDARY}--\n",
        server.instance_type.max_pods(),
        flags(cluster, server)
    );
    Value::Join(
        String::new(),
        vec![
            Value::from(head),
            Value::import(&stack, "Endpoint"),
            Value::from("\n    certificateAuthority: "),
            Value::import(&stack, AUTHORITY),
            Value::from(kubelet),
        ],
    )
}

fn flags(cluster: &Cluster, server: &OutpostsServer) -> String {
    let mut labels = server.labels.clone();
    labels.insert("alpha.eksctl.io/cluster-name".to_owned(), cluster.config.metadata.name.clone());
    labels.insert("alpha.eksctl.io/nodegroup-name".to_owned(), server.name.clone());
    let outpost = server.outpost_arn.rsplit('/').next().unwrap_or_default();
    labels.insert("hybridge/outpost-id".to_owned(), outpost.to_owned());
    labels.insert("hybridge/lni-device-index".to_owned(), server.lni_device_index.to_string());
    if let Some(mbps) = server.instance_type.lni_mbps {
        labels.insert("hybridge/lni-mbps".to_owned(), mbps.to_string());
    }
    let labels: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let mut flags = format!("    - \"--node-labels={}\"\n", labels.join(","));
    if !server.taints.is_empty() {
        let taints: Vec<String> = server.taints.iter().map(|taint| format!("{}={}:{}", taint.key, taint.value, taint.effect)).collect();
        flags.push_str(&format!("    - \"--register-with-taints={}\"\n", taints.join(",")));
    }
    flags
}
