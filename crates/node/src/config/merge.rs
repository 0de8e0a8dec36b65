//! What a later document does to an earlier one: nodeadm's rules (`internal/api/merge.go`, mergo with overriding), kept where they are odd.

use serde_json::{Map, Value};

use super::{Cluster, Hybrid, Languages, LocalStorage, Network, NodeConfig, RolesAnywhere, Shape, Ssm, own};

/// Two containerd configurations could not be merged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the texts of spec.containerd.config cannot be merged: {0}")]
pub struct MergeError(pub String);

/// Merges `later` into `base`.
///
/// Texts and lists win if they are not empty; true wins over false; maps are merged by key; flags are appended; `containerd.config` is
/// merged as TOML for EC2 nodes and replaced for hybrid ones.
///
/// # Errors
/// One of the two TOML texts is none; `base` is then left as it was.
pub fn merge(base: &mut NodeConfig, later: NodeConfig, languages: Languages<'_>) -> Result<(), MergeError> {
    let hybrid = base.shape == Shape::Hybrid || later.shape == Shape::Hybrid;
    if !later.containerd.config.is_empty() {
        base.containerd.config = match base.containerd.config.is_empty() || hybrid {
            true => later.containerd.config,
            false => (languages.toml)(&base.containerd.config, &later.containerd.config).map_err(MergeError)?,
        };
    }
    if hybrid {
        base.shape = Shape::Hybrid;
    }
    documents(&mut base.containerd.base_runtime_spec, later.containerd.base_runtime_spec);
    cluster(&mut base.cluster, later.cluster);
    local_storage(&mut base.instance.local_storage, later.instance.local_storage);
    for (service, variables) in later.instance.environment {
        base.instance.environment.entry(service).or_default().extend(variables);
    }
    network(&mut base.instance.network, later.instance.network);
    own::merge_steps(&mut base.instance.steps, later.instance.steps);
    own::merge_disks(&mut base.instance.disks, later.instance.disks);
    documents(&mut base.kubelet.config, later.kubelet.config);
    base.kubelet.flags.extend(later.kubelet.flags);
    text(&mut base.kubelet.max_pods_expression, later.kubelet.max_pods_expression);
    base.feature_gates.extend(later.feature_gates);
    pointer(&mut base.hybrid, later.hybrid, hybrid_block);
    hybridge_lni::profile::merge(&mut base.lni, later.lni);
    Ok(())
}

/// Fills in the defaults of paths, once nothing is merged any more.
pub fn complete(config: &mut NodeConfig) {
    let Some(anywhere) = config.hybrid.as_mut().and_then(|hybrid| hybrid.iam_roles_anywhere.as_mut()) else { return };
    let default = RolesAnywhere::default();
    for (path, default) in [
        (&mut anywhere.aws_config_path, default.aws_config_path),
        (&mut anywhere.certificate_path, default.certificate_path),
        (&mut anywhere.private_key_path, default.private_key_path),
    ] {
        if path.is_empty() {
            *path = default;
        }
    }
}

fn text(base: &mut String, later: String) {
    if !later.is_empty() {
        *base = later;
    }
}

fn list<T>(base: &mut Vec<T>, later: Vec<T>) {
    if !later.is_empty() {
        *base = later;
    }
}

/// A block that may be absent.
fn pointer<T>(base: &mut Option<T>, later: Option<T>, merge: impl FnOnce(&mut T, T)) {
    match (base.as_mut(), later) {
        (Some(base), Some(later)) => merge(base, later),
        (None, Some(later)) => *base = Some(later),
        (_, None) => {}
    }
}

fn cluster(base: &mut Cluster, later: Cluster) {
    text(&mut base.name, later.name);
    text(&mut base.region, later.region);
    text(&mut base.api_server_endpoint, later.api_server_endpoint);
    text(&mut base.certificate_authority, later.certificate_authority);
    text(&mut base.cidr, later.cidr);
    text(&mut base.id, later.id);
    // mergo looks through the pointer: false is empty, and does not win over true.
    pointer(&mut base.enable_outpost, later.enable_outpost, |base, later| *base |= later);
}

fn local_storage(base: &mut LocalStorage, later: LocalStorage) {
    if later.strategy.is_some() {
        base.strategy = later.strategy;
    }
    text(&mut base.mount_path, later.mount_path);
    list(&mut base.disabled_mounts, later.disabled_mounts);
}

fn network(base: &mut Network, later: Network) {
    list(&mut base.nameservers, later.nameservers);
    list(&mut base.domains, later.domains);
}

fn hybrid_block(base: &mut Hybrid, later: Hybrid) {
    base.enable_credentials_file |= later.enable_credentials_file;
    pointer(&mut base.iam_roles_anywhere, later.iam_roles_anywhere, roles_anywhere);
    pointer(&mut base.ssm, later.ssm, ssm);
}

fn roles_anywhere(base: &mut RolesAnywhere, later: RolesAnywhere) {
    text(&mut base.node_name, later.node_name);
    text(&mut base.trust_anchor_arn, later.trust_anchor_arn);
    text(&mut base.profile_arn, later.profile_arn);
    text(&mut base.role_arn, later.role_arn);
    text(&mut base.aws_config_path, later.aws_config_path);
    text(&mut base.certificate_path, later.certificate_path);
    text(&mut base.private_key_path, later.private_key_path);
}

fn ssm(base: &mut Ssm, later: Ssm) {
    if later.activation_code.as_ref().is_some_and(|code| !code.reveal().is_empty()) {
        base.activation_code = later.activation_code;
    }
    text(&mut base.activation_id, later.activation_id);
}

/// Free-form documents: mappings are merged, everything else is replaced, by null and by empty values too.
fn documents(base: &mut Map<String, Value>, later: Map<String, Value>) {
    for (key, later) in later {
        match (base.get_mut(&key), later) {
            (Some(Value::Object(base)), Value::Object(later)) => documents(base, later),
            (_, later) => {
                base.insert(key, later);
            }
        }
    }
}
