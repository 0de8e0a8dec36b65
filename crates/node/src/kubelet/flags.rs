//! The kubelet's flags, and the environment file that holds them.

use std::net::IpAddr;

use hybridge_report::Finding;
use serde_json::Value;

use super::gates::{self, Effect};
use super::{BOOTSTRAP_KUBECONFIG, CONFIG, CONFIG_DIR, KUBECONFIG, Kind, PROVIDER_CONFIG, ecr_provider, instance, local_cluster, systemd};
use crate::config::Hybrid;
use crate::containerd;
use crate::explain::Setting;
use crate::node::Node;

const DEFAULT: &str = "hybridge default";
const USER: &str = "user: kubelet.flags";
/// PCI vendor of NVIDIA.
const NVIDIA: &str = "0x10de";

/// One generated flag.
struct Flag {
    name: &'static str,
    value: String,
    source: String,
}

/// Flags as they stand in the environment file: generated ones first, then the user's as they are, so that the user's win. The
/// kubelet adds labels of several `--node-labels` up (`ConfigurationMap`, kubernetes `component-base/cli/flag`), the later ones
/// winning key by key.
pub(super) fn flags(node: &Node<'_>) -> Result<Vec<String>, Vec<Finding>> {
    let mut findings = Vec::new();
    let mut all = match generated(node) {
        Ok(flags) => flags.iter().map(|flag| systemd::quoted(&format!("--{}={}", flag.name, flag.value))).collect(),
        Err(finding) => {
            findings.push(finding);
            Vec::new()
        }
    };
    for (at, text) in node.config.kubelet.flags.iter().enumerate() {
        match users_word(text) {
            Ok(text) => all.push(text),
            Err(what) => findings.push(
                Finding::error("kubelet.flag", format!("spec.kubelet.flags[{at}]"), what)
                    .fix("write one flag with its value on one line, such as --v=5, with every quote closed"),
            ),
        }
    }
    all.retain(|flag| !flag.is_empty());
    if findings.is_empty() { Ok(all) } else { Err(findings) }
}

/// The file for the unit. The user's flags end it.
pub(super) fn environment(node: &Node<'_>, flags: &[String]) -> String {
    let kind = Kind::of(node);
    let line = match kind {
        Kind::Ec2 => systemd::plain_line,
        Kind::Hybrid | Kind::HybridOnEc2 => systemd::quoted_line,
    };
    let mut text = String::new();
    if has_drop_in(node) && gates::has(kind, node.kubelet, Effect::DropInVariable) {
        text.push_str(&line("KUBELET_CONFIG_DROPIN_DIR_ALPHA", "on"));
    }
    text.push_str(&line("NODEADM_KUBELET_ARGS", &flags.join(" ")));
    text
}

/// Every flag with its source, the user's in the place of ours where they are the same.
pub(super) fn explain(node: &Node<'_>) -> Vec<Setting> {
    let mut settings: Vec<Setting> = Vec::new();
    let generated = generated(node).unwrap_or_default().into_iter();
    let ours = generated.map(|flag| (flag.name.to_owned(), flag.value, flag.source));
    let users = users(node).into_iter().map(|(name, value)| (name, value, USER.to_owned()));
    for (name, value, source) in ours.chain(users) {
        let path = format!("--{name}");
        let setting = match settings.iter_mut().find(|setting| setting.path == path) {
            Some(setting) if name == "node-labels" => {
                let (before, from) = (setting.value.as_str().unwrap_or_default(), &setting.source);
                let source = if *from == source { source } else { format!("{from}; {source}") };
                Setting { value: Value::from(labels(before, &value)), path: path.clone(), source }
            }
            Some(_) | None => Setting { path: path.clone(), value: Value::from(value), source },
        };
        settings.retain(|setting| setting.path != path);
        settings.push(setting);
    }
    settings
}

/// The user's flags as the kubelet gets them: name without dashes, value (`true` for one that has none).
pub(super) fn users(node: &Node<'_>) -> Vec<(String, String)> {
    let texts: Vec<String> = node.config.kubelet.flags.iter().filter_map(|text| users_word(text).ok()).collect();
    let mut words = systemd::words(&texts.join(" ")).unwrap_or_default().into_iter().peekable();
    let mut flags = Vec::new();
    while let Some(word) = words.next() {
        let name = word.trim_start_matches('-');
        if name.len() == word.len() {
            continue;
        }
        let flag = match name.split_once('=') {
            Some((name, value)) => (name.to_owned(), value.to_owned()),
            None => (name.to_owned(), words.next_if(|next| !next.starts_with('-')).unwrap_or_else(|| "true".to_owned())),
        };
        flags.push(flag);
    }
    flags
}

fn has_drop_in(node: &Node<'_>) -> bool {
    !node.config.kubelet.config.is_empty() && !gates::has(Kind::of(node), node.kubelet, Effect::UserConfigInMainFile)
}

fn generated(node: &Node<'_>) -> Result<Vec<Flag>, Finding> {
    let kind = Kind::of(node);
    let mut flags = Vec::new();
    let mut add = |name, value: &str, source: &str| flags.push(Flag { name, value: value.to_owned(), source: source.to_owned() });
    if kind.on_ec2() {
        add("node-ip", &node_ip(node)?.to_string(), "instance metadata");
    }
    add("cloud-provider", if kind.on_ec2() { "external" } else { "" }, DEFAULT);
    add("hostname-override", node.name, name_source(node, kind));
    if let Some((labels, source)) = own_labels(node, kind) {
        add("node-labels", &labels, &source);
    }
    if kind == Kind::Ec2 {
        // So that cAdvisor counts what the runtime itself uses.
        add("runtime-cgroups", "/runtime.slice/containerd.service", DEFAULT);
    }
    add("config", CONFIG, DEFAULT);
    if has_drop_in(node) {
        add("config-dir", CONFIG_DIR, "kubelet.config");
    }
    add("kubeconfig", KUBECONFIG, DEFAULT);
    if local_cluster(node).is_some() {
        add("bootstrap-kubeconfig", BOOTSTRAP_KUBECONFIG, "cluster.enableOutpost");
    }
    if let Some(gate) = gates::open(kind, node.kubelet).find(|gate| gate.effect == Effect::SandboxImageFlag) {
        add("pod-infra-container-image", &containerd::sandbox_image(node), &gate.source());
    }
    let directory = ecr_provider(node).rsplit_once('/').map_or(".", |(directory, _)| directory);
    add("image-credential-provider-bin-dir", directory, DEFAULT);
    add("image-credential-provider-config", PROVIDER_CONFIG, DEFAULT);
    Ok(flags)
}

/// One address, of the family of the cluster's services. IMDS lists the IPv6 addresses of an interface with the primary one first.
fn node_ip(node: &Node<'_>) -> Result<IpAddr, Finding> {
    let instance = instance(node)?;
    let (address, family) = match node.cluster.service_cidr {
        ipnet::IpNet::V4(_) => (instance.local_ipv4.map(IpAddr::V4), "IPv4"),
        ipnet::IpNet::V6(_) => (instance.ipv6s.first().copied().map(IpAddr::V6), "IPv6"),
    };
    address.ok_or_else(|| {
        let services = node.cluster.service_cidr;
        let what = format!("services are {family} ({services}), but the primary interface has no {family} address");
        Finding::error("kubelet.node-ip", "instance metadata", what).fix("start the node in a subnet that assigns such addresses")
    })
}

fn name_source(node: &Node<'_>, kind: Kind) -> &'static str {
    match (kind, &node.config.hybrid) {
        (Kind::Ec2, _) if node.config.feature_gates.get("InstanceIdNodeName") == Some(&true) => "featureGates.InstanceIdNodeName",
        (Kind::Ec2 | Kind::HybridOnEc2, _) => "private DNS name of the instance",
        (Kind::Hybrid, Some(Hybrid { iam_roles_anywhere: Some(_), .. })) => "hybrid.iamRolesAnywhere.nodeName",
        (Kind::Hybrid, _) => "registration with Systems Manager",
    }
}

fn own_labels(node: &Node<'_>, kind: Kind) -> Option<(String, String)> {
    match kind {
        Kind::Ec2 => {
            let gate = gates::open(kind, node.kubelet).find(|gate| gate.effect == Effect::GpuLabel)?;
            let card = node.facts.pci_vendors.iter().any(|vendor| vendor == NVIDIA);
            card.then(|| ("nvidia.com/gpu.present=true".to_owned(), format!("{}, NVIDIA card", gate.source())))
        }
        Kind::Hybrid => {
            let anywhere = node.config.hybrid.as_ref().is_some_and(|hybrid| hybrid.iam_roles_anywhere.is_some());
            let provider = if anywhere { "iam-ra" } else { "ssm" };
            let labels = format!("eks.amazonaws.com/compute-type=hybrid,eks.amazonaws.com/hybrid-credential-provider={provider}");
            Some((labels, DEFAULT.to_owned()))
        }
        Kind::HybridOnEc2 => None,
    }
}

/// Labels of both, by key; the later win.
fn labels(before: &str, after: &str) -> String {
    let key = |label: &str| label.split('=').next().unwrap_or_default().trim().to_owned();
    let after: Vec<&str> = after.split(',').filter(|label| !label.is_empty()).collect();
    let kept = before.split(',').filter(|old| !old.is_empty() && after.iter().all(|new| key(new) != key(old)));
    kept.chain(after.iter().copied()).collect::<Vec<_>>().join(",")
}

/// A user's flag as it goes into the file. What has quotes or backslashes is written for systemd already, and what reads as several
/// flags is several, as with upstream; a blank in a value is put in quotes, where upstream lets systemd split it.
fn users_word(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    if text.chars().any(|char| char.is_control() && char != '\t') {
        return Err("a flag cannot hold a line break or another control character");
    }
    if text.contains(['"', '\'', '\\']) {
        return match systemd::words(text) {
            Some(_) => Ok(text.to_owned()),
            None => Err("a quote is not closed, or a backslash stands at the end"),
        };
    }
    let mut value_may_follow = false;
    let several = text.split_whitespace().all(|word| {
        let flag = word.starts_with('-');
        let fits = flag || value_may_follow;
        value_may_follow = flag && !word.contains('=');
        fits
    });
    Ok(if several { text.to_owned() } else { systemd::quoted(text) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_flags_reach_the_kubelet_as_they_are_meant() {
        for (text, written, words) in [
            ("--v=5", "--v=5", vec!["--v=5"]),
            ("--v 5", "--v 5", vec!["--v", "5"]),
            ("--v=5 --seccomp-default", "--v=5 --seccomp-default", vec!["--v=5", "--seccomp-default"]),
            ("--node-labels=a=b, c=d", "\"--node-labels=a=b, c=d\"", vec!["--node-labels=a=b, c=d"]),
            ("a b", "\"a b\"", vec!["a b"]),
            ("--node-labels=\"a=b, c=d\"", "--node-labels=\"a=b, c=d\"", vec!["--node-labels=a=b, c=d"]),
            ("'--x=$y'", "'--x=$y'", vec!["--x=$y"]),
            ("--x=a\\\\b", "--x=a\\\\b", vec!["--x=a\\b"]),
            ("  --v=5  ", "--v=5", vec!["--v=5"]),
            ("", "", vec![]),
        ] {
            assert_eq!(users_word(text).unwrap(), written, "{text}");
            let all = format!("--cloud-provider= {written}");
            for (_, value) in systemd::tests::read(&format!("{}{}", systemd::plain_line("A", &all), systemd::quoted_line("A", &all))) {
                assert_eq!(systemd::words(&value).unwrap()[1..], words, "{text}");
            }
        }
        for wrong in ["--x=\"y", "--x=y\\", "--x=y\n--z", "--x=\u{7}"] {
            assert!(users_word(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn labels_add_up_by_key() {
        assert_eq!(labels("a=1,b=2", "b=3,c=4"), "a=1,b=3,c=4");
        assert_eq!(labels("", "a=1,,"), "a=1");
    }
}
