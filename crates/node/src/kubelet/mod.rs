//! The kubelet's files, all from one [`Node`].
//!
//! ```text
//! gates (versions) ─┐
//! dns, reserved ────┼─► settings ─► config.json, its drop-in, explain
//! max_pods ─────────┘
//! flags ──────────────► environment, explain
//! kubeconfig, credentials, the cluster's certificates
//! ```

mod credentials;
mod dns;
mod flags;
mod gates;
mod kubeconfig;
mod reserved;
mod settings;
mod systemd;

use hybridge_report::{Finding, Severity};
use serde_json::{Map, Value};

use crate::config::Shape;
use crate::explain::Setting;
use crate::facts::InstanceFacts;
use crate::node::{Node, Plugins};
use crate::plan::File;

pub use dns::cluster_dns;
pub use reserved::{cpu_millicores, memory_for_pods, memory_of_machine};

/// The cluster's certificates.
pub const CA: &str = "/etc/kubernetes/pki/ca.crt";
/// The configuration that we generate.
pub const CONFIG: &str = "/etc/kubernetes/kubelet/config.json";
/// Directory of drop-ins, the user's configuration among them.
pub const CONFIG_DIR: &str = "/etc/kubernetes/kubelet/config.json.d";
/// The user's configuration on EC2.
pub const DROP_IN_EC2: &str = "/etc/kubernetes/kubelet/config.json.d/40-nodeadm.conf";
/// The user's configuration in the hybrid shape.
pub const DROP_IN_HYBRID: &str = "/etc/kubernetes/kubelet/config.json.d/00-nodeadm.conf";
/// How the kubelet reaches the API server.
pub const KUBECONFIG: &str = "/var/lib/kubelet/kubeconfig";
/// The same for a local cluster: the kubelet writes [`KUBECONFIG`] itself, with a certificate that works while AWS cannot be reached.
pub const BOOTSTRAP_KUBECONFIG: &str = "/var/lib/kubelet/bootstrap-kubeconfig";
/// Which images they are asked for.
pub const PROVIDER_CONFIG: &str = "/etc/eks/image-credential-provider/config.json";
/// The provider for ECR; a link to ourselves unless others' programs are used.
pub const ECR_PROVIDER: &str = "/etc/eks/image-credential-provider/ecr-credential-provider";
/// Flags, for the unit.
pub const ENVIRONMENT: &str = "/etc/eks/kubelet/environment";

/// What sort of node this is, to the kubelet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// On EC2.
    Ec2,
    /// Outside, with credentials by Systems Manager or Roles Anywhere.
    Hybrid,
    /// A document in the hybrid shape without a `hybrid` block: nodeadm for hybrid nodes still treats it as the EC2 node that it
    /// once was made for. Names, addresses and reserves are EC2's; paths of drop-ins and patterns of images are hybrid.
    HybridOnEc2,
}

impl Kind {
    /// Of this node.
    pub fn of(node: &Node<'_>) -> Self {
        match (node.config.shape, &node.config.hybrid) {
            (Shape::Ec2, _) => Self::Ec2,
            (Shape::Hybrid, Some(_)) => Self::Hybrid,
            (Shape::Hybrid, None) => Self::HybridOnEc2,
        }
    }

    /// Whether the machine is an EC2 instance.
    pub fn on_ec2(self) -> bool {
        match self {
            Self::Ec2 | Self::HybridOnEc2 => true,
            Self::Hybrid => false,
        }
    }
}

/// All files of the kubelet.
///
/// # Errors
/// Everything of [`findings`] that is an error.
pub fn files(node: &Node<'_>) -> Result<Vec<File>, Vec<Finding>> {
    let mut findings = findings(node);
    findings.retain(|finding| finding.severity == Severity::Error);
    if !findings.is_empty() {
        return Err(findings);
    }
    let (settings, _) = settings::generated(node);
    let flags = flags::flags(node)?;
    let user = &node.config.kubelet.config;
    let mut main = settings::tree(&settings);
    let mut files = vec![File::new(CA, node.cluster.certificate_authority.clone())];
    let kind = Kind::of(node);
    if gates::has(kind, node.kubelet, gates::Effect::UserConfigInMainFile) {
        settings::merge(&mut main, user);
        files.push(File::new(CONFIG, json(&main, b"    ")));
    } else {
        files.push(File::new(CONFIG, json(&main, b"    ")));
        if !user.is_empty() {
            let mut drop_in = settings::type_meta();
            settings::merge(&mut drop_in, user);
            files.push(File::new(drop_in_path(kind), json(&drop_in, b"    ")));
        }
    }
    files.push(File::new(if local_cluster(node).is_some() { BOOTSTRAP_KUBECONFIG } else { KUBECONFIG }, kubeconfig::text(node)));
    files.push(File::new(PROVIDER_CONFIG, json(&credentials::config(node), b"  ")));
    files.push(File::new(ENVIRONMENT, flags::environment(node, &flags)));
    Ok(files)
}

/// What stands against the kubelet's files, and what is worth a warning.
pub fn findings(node: &Node<'_>) -> Vec<Finding> {
    let (_, mut findings) = settings::generated(node);
    findings.extend(no_provider(node));
    for finding in flags::flags(node).err().unwrap_or_default() {
        // An instance that is not known stands against both.
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    findings
}

/// Every leaf of the configuration as the kubelet will see it, then every flag, each with its source. What a finding stands against
/// is missing.
pub fn explain(node: &Node<'_>) -> Vec<Setting> {
    let (settings, _) = settings::generated(node);
    let mut all = settings::explain(settings, &node.config.kubelet.config);
    all.extend(flags::explain(node));
    all
}

/// The last value that the user's flags give `name` (without dashes).
pub(crate) fn user_flag(node: &Node<'_>, name: &str) -> Option<String> {
    flags::users(node).into_iter().rev().find_map(|(flag, value)| (flag == name).then_some(value))
}

/// Where the kubelet finds the credential provider for ECR: ourselves, or the one that the environment names, as with EC2's nodeadm.
fn ecr_provider<'a>(node: &Node<'a>) -> &'a str {
    match (node.plugins, node.facts.ecr_provider.as_deref()) {
        (Plugins::Builtin, _) => node.executable,
        (Plugins::External, Some(path)) => path,
        (Plugins::External, None) => ECR_PROVIDER,
    }
}

/// Without the provider the kubelet does not start.
fn no_provider(node: &Node<'_>) -> Option<Finding> {
    let path = ecr_provider(node);
    let there = node.plugins == Plugins::Builtin || node.facts.programs.iter().any(|program| program == path);
    (!there).then(|| {
        Finding::error("kubelet.ecr-provider", path, "there is no such program, and the kubelet does not start without it").fix(
            "leave --plugins out, so that hybridge hands out the credentials itself; or install ecr-credential-provider there, or name its place in ECR_CREDENTIAL_PROVIDER_BIN_PATH",
        )
    })
}

/// Id of a local cluster on an Outpost, if the cluster is one.
fn local_cluster<'a>(node: &Node<'a>) -> Option<&'a str> {
    node.cluster.outpost_id.as_deref().filter(|_| node.config.cluster.enable_outpost == Some(true))
}

fn drop_in_path(kind: Kind) -> &'static str {
    match kind {
        Kind::Ec2 => DROP_IN_EC2,
        Kind::Hybrid | Kind::HybridOnEc2 => DROP_IN_HYBRID,
    }
}

/// What IMDS says, which no EC2 node can do without.
fn instance<'a>(node: &Node<'a>) -> Result<&'a InstanceFacts, Finding> {
    node.facts.instance.as_ref().ok_or_else(|| {
        let why = node.facts.missing.get("instance").map_or("there is no answer".to_owned(), Clone::clone);
        Finding::error("kubelet.instance-unknown", "instance metadata", format!("{why}, and an EC2 node is called after its instance"))
            .fix("allow IMDS on this instance; on a machine outside EC2, write a `hybrid` block into the NodeConfig")
    })
}

/// JSON as nodeadm writes it, with sorted keys.
fn json(tree: &Map<String, Value>, indent: &[u8]) -> String {
    use serde::Serialize as _;
    let mut bytes = Vec::new();
    let mut to = serde_json::Serializer::with_formatter(&mut bytes, serde_json::ser::PrettyFormatter::with_indent(indent));
    tree.serialize(&mut to).expect("maps with text keys are JSON");
    bytes.push(b'\n');
    String::from_utf8(bytes).expect("JSON is UTF-8")
}

#[cfg(test)]
mod tests;
