//! The generated configuration, leaf by leaf with the source of each, and how the user's lies over it.

use hybridge_report::Finding;
use serde_json::{Map, Value, json};

use super::gates::{self, Effect};
use super::{CA, Kind, dns, instance, reserved};
use crate::containerd;
use crate::explain::Setting;
use crate::max_pods::{self, MaxPods};
use crate::node::{Node, Plugins};

const DEFAULT: &str = "hybridge default";

/// One leaf of `KubeletConfiguration` (`kubelet.config.k8s.io/v1beta1`).
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    path: Vec<String>,
    value: Value,
    source: String,
}

fn leaf(path: &[&str], value: impl Into<Value>, source: impl Into<String>) -> Leaf {
    Leaf { path: path.iter().map(|key| (*key).to_owned()).collect(), value: value.into(), source: source.into() }
}

/// What holds for every node, as both nodeadms have it.
fn base() -> Vec<Leaf> {
    let same = |path: &[&str], value: Value| leaf(path, value, DEFAULT);
    vec![
        same(&["kind"], json!("KubeletConfiguration")),
        same(&["apiVersion"], json!("kubelet.config.k8s.io/v1beta1")),
        same(&["address"], json!("0.0.0.0")),
        same(&["authentication", "anonymous", "enabled"], json!(false)),
        same(&["authentication", "webhook", "enabled"], json!(true)),
        same(&["authentication", "webhook", "cacheTTL"], json!("2m0s")),
        same(&["authentication", "x509", "clientCAFile"], json!(CA)),
        same(&["authorization", "mode"], json!("Webhook")),
        same(&["authorization", "webhook", "cacheAuthorizedTTL"], json!("5m0s")),
        same(&["authorization", "webhook", "cacheUnauthorizedTTL"], json!("30s")),
        same(&["cgroupDriver"], json!("systemd")),
        same(&["cgroupRoot"], json!("/")),
        same(&["clusterDomain"], json!("cluster.local")),
        same(&["containerRuntimeEndpoint"], json!("unix:///run/containerd/containerd.sock")),
        same(&["evictionHard", "memory.available"], json!("100Mi")),
        same(&["evictionHard", "nodefs.available"], json!("10%")),
        same(&["evictionHard", "nodefs.inodesFree"], json!("5%")),
        same(&["featureGates", "RotateKubeletServerCertificate"], json!(true)),
        same(&["hairpinMode"], json!("hairpin-veth")),
        same(&["kubeReservedCgroup"], json!("/runtime")),
        same(&["logging", "verbosity"], json!(2)),
        same(&["protectKernelDefaults"], json!(true)),
        same(&["readOnlyPort"], json!(0)),
        same(&["serializeImagePulls"], json!(false)),
        same(&["serverTLSBootstrap"], json!(true)),
        same(&["systemReservedCgroup"], json!("/system")),
        same(
            &["tlsCipherSuites"],
            json!([
                "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
                "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
                "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
                "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
                "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
                "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
                "TLS_RSA_WITH_AES_128_GCM_SHA256",
                "TLS_RSA_WITH_AES_256_GCM_SHA384"
            ]),
        ),
    ]
}

/// All leaves that can be had, and what stands against the others.
pub(super) fn generated(node: &Node<'_>) -> (Vec<Leaf>, Vec<Finding>) {
    let kind = Kind::of(node);
    let (mut leaves, mut findings) = (base(), Vec::new());
    match dns::cluster_dns(node.cluster.service_cidr) {
        Ok(address) => leaves.push(leaf(&["clusterDNS"], json!([address]), "cluster.cidr")),
        Err(what) => findings.push(
            Finding::error("kubelet.cluster-dns", "spec.cluster.cidr", what)
                .fix("give the cluster's service range, as `aws eks describe-cluster --query cluster.kubernetesNetworkConfig` has it"),
        ),
    }
    for gate in gates::open(kind, node.kubelet) {
        match gate.effect {
            Effect::Feature(name) => leaves.push(leaf(&["featureGates", name], true, gate.source())),
            Effect::Text(name, text) => leaves.push(leaf(&[name], text, gate.source())),
            Effect::GpuLabel | Effect::Images(_) | Effect::DropInVariable | Effect::UserConfigInMainFile | Effect::SandboxImageFlag => {}
        }
    }
    if kind.on_ec2() {
        ec2(node, &mut leaves, &mut findings);
    } else {
        outside(node, &mut leaves, &mut findings);
    }
    processors(node, &mut leaves, &mut findings);
    leaves.push(leaf(&["kubeReserved", "ephemeral-storage"], "1Gi", DEFAULT));
    (leaves, findings)
}

fn processors(node: &Node<'_>, leaves: &mut Vec<Leaf>, findings: &mut Vec<Finding>) {
    match node.facts.cpus {
        0 => findings.push(Finding::error("kubelet.cpus-unknown", "machine", "the number of its processors could not be found out")),
        cpus => {
            let cpu = format!("{}m", reserved::cpu_millicores(cpus));
            leaves.push(leaf(&["kubeReserved", "cpu"], cpu, format!("{cpus} processors")));
        }
    }
}

fn ec2(node: &Node<'_>, leaves: &mut Vec<Leaf>, findings: &mut Vec<Finding>) {
    match instance(node) {
        Ok(instance) => {
            let id = format!("aws:///{}/{}", instance.availability_zone, instance.id);
            leaves.push(leaf(&["providerID"], id, "instance metadata"));
            if max_pods::limits(node).is_none() {
                findings.push(unknown_type(node, &instance.instance_type));
            }
        }
        Err(finding) => findings.push(finding),
    }
    findings.extend(max_pods::lni(node));
    match max_pods::effective(node) {
        Ok(pods) => {
            leaves.push(leaf(&["maxPods"], pods.generated(), pods_source(node, &pods)));
            // Upstream reserves for the number that it generates, though the kubelet takes the user's.
            let pods = match node.plugins {
                Plugins::Builtin => pods.effective,
                Plugins::External => pods.generated(),
            };
            let memory = format!("{}Mi", reserved::memory_for_pods(pods));
            leaves.push(leaf(&["kubeReserved", "memory"], memory, format!("{pods} pods")));
        }
        Err(finding) => findings.push(finding),
    }
    if containerd::uses_soci(node) {
        let socket = "unix:///run/soci-snapshotter-grpc/soci-snapshotter-grpc.sock";
        leaves.push(leaf(&["imageServiceEndpoint"], socket, "featureGates.FastImagePull"));
    }
}

fn unknown_type(node: &Node<'_>, name: &str) -> Finding {
    let mut what = format!("{name:?} is not in the table of instance types of {}", max_pods::table::built_in_date());
    if let Some(why) = node.facts.missing.get("instanceType") {
        what = format!("{what}, and EC2 could not be asked: {why}");
    }
    if !node.config.kubelet.max_pods_expression.is_empty() {
        what.push_str("; maxPodsExpression is not computed");
    }
    Finding::warning("kubelet.instance-type-unknown", "instance type", format!("{what}; {} pods are assumed", max_pods::DEFAULT))
        .fix("allow ec2:DescribeInstanceTypes, or give a table with --instance-types")
}

fn pods_source(node: &Node<'_>, pods: &MaxPods) -> String {
    match (pods.expression, max_pods::limits(node), &node.facts.instance) {
        (Some(_), _, _) => "kubelet.maxPodsExpression".to_owned(),
        (None, Some(_), Some(instance)) if node.config.lni.is_empty() => format!("instance type {}", instance.instance_type),
        (None, Some(_), Some(instance)) => format!("instance type {}, without the LNI", instance.instance_type),
        (None, _, _) => "kubelet default, as the instance type is unknown".to_owned(),
    }
}

fn outside(node: &Node<'_>, leaves: &mut Vec<Leaf>, findings: &mut Vec<Finding>) {
    let id = format!("eks-hybrid:///{}/{}/{}", node.region, node.cluster.name, node.name);
    leaves.push(leaf(&["providerID"], id, "cluster.region, cluster.name and the node's name"));
    match node.facts.memory {
        0 => findings.push(Finding::error("kubelet.memory-unknown", "machine", "the size of its memory could not be found out")),
        bytes => {
            let memory = format!("{}Mi", reserved::memory_of_machine(bytes));
            leaves.push(leaf(&["kubeReserved", "memory"], memory, format!("{} MiB of memory", bytes >> 20)));
        }
    }
    if let Err(finding) = max_pods::effective(node) {
        findings.push(finding);
    }
    if node.facts.os.id == "ubuntu" {
        // /etc/resolv.conf leads to systemd-resolved on the loopback address there, which pods cannot reach.
        leaves.push(leaf(&["resolvConf"], "/run/systemd/resolve/resolv.conf", "Ubuntu"));
    }
}

/// Leaves as one document.
pub(super) fn tree(leaves: &[Leaf]) -> Map<String, Value> {
    let mut tree = Map::new();
    for Leaf { path, value, .. } in leaves {
        let overlay = path.iter().rev().fold(value.clone(), |inner, key| Value::Object(Map::from_iter([(key.clone(), inner)])));
        if let Value::Object(overlay) = overlay {
            merge(&mut tree, &overlay);
        }
    }
    tree
}

/// Kind and version, which a drop-in needs.
pub(super) fn type_meta() -> Map<String, Value> {
    tree(&base()[..2])
}

/// Lays `over` over `under`: maps key by key, everything else as a whole, null too. An empty map clears nothing.
pub(super) fn merge(under: &mut Map<String, Value>, over: &Map<String, Value>) {
    for (key, value) in over {
        match (under.get_mut(key), value) {
            (Some(Value::Object(under)), Value::Object(over)) => merge(under, over),
            _ => {
                under.insert(key.clone(), value.clone());
            }
        }
    }
}

/// All leaves with the user's laid over them.
pub(super) fn explain(mut leaves: Vec<Leaf>, user: &Map<String, Value>) -> Vec<Setting> {
    let mut users = Vec::new();
    flatten(&mut Vec::new(), user, &mut users);
    for Leaf { path, .. } in &users {
        leaves.retain(|leaf| !leaf.path.starts_with(path) && !path.starts_with(&leaf.path));
    }
    leaves.append(&mut users);
    leaves.sort_by(|one, other| one.path.cmp(&other.path));
    leaves.into_iter().map(|Leaf { path, value, source }| Setting { path: path.join("."), value, source }).collect()
}

fn flatten(at: &mut Vec<String>, map: &Map<String, Value>, leaves: &mut Vec<Leaf>) {
    for (key, value) in map {
        at.push(key.clone());
        match value {
            // Nothing in it, so nothing of the generated map below it changes.
            Value::Object(map) => flatten(at, map, leaves),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                leaves.push(Leaf { path: at.clone(), value: value.clone(), source: "user: kubelet.config".to_owned() })
            }
        }
        at.pop();
    }
}
