//! containerd's configuration as both nodeadms write it, byte for byte, where they write it.

use crate::node::Node;
use crate::version::Version;

use super::soci;

/// Program whose presence makes NVIDIA's runtime the default.
pub(super) const NVIDIA_RUNTIME: &str = "/usr/bin/nvidia-container-runtime";
const RUNC: &str = "/usr/sbin/runc";
const BIN_DIR: &str = "bin_dir = \"/opt/cni/bin\"";
const REGISTRY_HOSTS: &str = "/etc/containerd/certs.d:/etc/docker/certs.d";

/// Version of a configuration text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Schema {
    /// containerd 1.x, and 2.x after a migration.
    V2,
    /// containerd 2.x: the CRI plugin is split in images and runtime.
    V3,
    /// containerd 2.3 and later: the sockets are plugins too.
    V4,
}

impl Schema {
    /// What stands after `version =`.
    pub(super) fn number(self) -> i64 {
        match self {
            Self::V2 => 2,
            Self::V3 => 3,
            Self::V4 => 4,
        }
    }

    /// Newest that a containerd reads: `version.ConfigVersion` of its source.
    pub(super) fn newest(containerd: Version) -> Self {
        if containerd < Version::new(2, 0) {
            Self::V2
        } else if containerd < Version::new(2, 3) {
            Self::V3
        } else {
            Self::V4
        }
    }

    /// What is written where the user asks for nothing else.
    pub(super) fn usual(containerd: Version) -> Self {
        Self::newest(containerd).min(Self::V3)
    }
}

/// The OCI runtime that pods run in unless they ask for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Runtime {
    /// In containerd's configuration.
    pub(super) name: &'static str,
    /// Program.
    pub(super) binary: &'static str,
}

/// NVIDIA's runtime if it is installed, else runc. Neuron devices need no runtime of their own: their plugin hands them out.
pub(super) fn runtime(node: &Node) -> Runtime {
    if node.facts.programs.iter().any(|program| program == NVIDIA_RUNTIME) {
        Runtime { name: "nvidia", binary: NVIDIA_RUNTIME }
    } else {
        Runtime { name: "runc", binary: RUNC }
    }
}

/// Container Device Interface; kubelet hands devices out by it since 1.32.
pub(super) fn cdi(node: &Node) -> bool {
    node.kubelet >= Version::new(1, 32)
}

/// For a node on EC2. V4 is ours; the others are nodeadm's, its missing final newline included.
pub(super) fn ec2(node: &Node, schema: Schema) -> String {
    let mut text = format!("version = {}\nroot = \"/var/lib/containerd\"\nstate = \"/run/containerd\"\n\n", schema.number());
    text += match schema {
        Schema::V2 | Schema::V3 => "[grpc]\n",
        Schema::V4 => "[plugins.'io.containerd.server.v1.grpc']\n",
    };
    text += "address = \"/run/containerd/containerd.sock\"\n\n";
    text += &match schema {
        Schema::V2 => ec2_plugins_v2(node),
        Schema::V3 | Schema::V4 => ec2_plugins_v3(node, schema),
    };
    if soci::used(node) {
        text += "\n";
        text += soci::PROXY_PLUGIN;
    }
    text
}

fn ec2_plugins_v2(node: &Node) -> String {
    let Runtime { name, binary } = runtime(node);
    let soci = soci_settings(node);
    let sandbox = super::sandbox_image(node);
    let cdi = cdi(node);
    format!(
        r#"[plugins."io.containerd.grpc.v1.cri".containerd]
default_runtime_name = "{name}"
discard_unpacked_layers = true
{soci}
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{sandbox}"
enable_cdi = {cdi}

[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "{REGISTRY_HOSTS}"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.{name}]
runtime_type = "io.containerd.runc.v2"
base_runtime_spec = "{base}"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.{name}.options]
BinaryName = "{binary}"
SystemdCgroup = true

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/opt/cni/bin"
conf_dir = "/etc/cni/net.d"

"#,
        base = super::runtime_spec::PATH,
    )
}

fn ec2_plugins_v3(node: &Node, schema: Schema) -> String {
    let Runtime { name, binary } = runtime(node);
    let soci = soci_settings(node);
    let sandbox = super::sandbox_image(node);
    // containerd that reads version 4 has CDI always on, and another key for the directory.
    let (cdi, bin_dir) = match schema {
        Schema::V2 | Schema::V3 => (format!("[plugins.'io.containerd.cri.v1.runtime']\nenable_cdi = {}\n\n", cdi(node)), BIN_DIR),
        Schema::V4 => (String::new(), "bin_dirs = [\"/opt/cni/bin\"]"),
    };
    format!(
        r#"[plugins.'io.containerd.cri.v1.images']
discard_unpacked_layers = true
{soci}
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = "{sandbox}"

[plugins."io.containerd.cri.v1.images".registry]
config_path = "{REGISTRY_HOSTS}"

{cdi}[plugins.'io.containerd.cri.v1.runtime'.containerd]
default_runtime_name = "{name}"

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.{name}]
runtime_type = "io.containerd.runc.v2"
base_runtime_spec = "{base}"

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.{name}.options]
BinaryName = "{binary}"
SystemdCgroup = true

[plugins.'io.containerd.cri.v1.runtime'.cni]
{bin_dir}
conf_dir = "/etc/cni/net.d"

"#,
        base = super::runtime_spec::PATH,
    )
}

fn soci_settings(node: &Node) -> &'static str {
    if soci::used(node) { soci::SNAPSHOTTER } else { "" }
}

/// For a node outside. V2 is nodeadm's, its remark about imports included; for containerd 2.x the same settings are written as V3, which
/// it reads without a migration at each start.
pub(super) fn hybrid(node: &Node, schema: Schema) -> String {
    let sandbox = super::sandbox_image(node);
    let imports = super::IMPORTS;
    match schema {
        Schema::V2 => format!(
            r#"version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
# Users can use the following import directory to add additional
# configuration to containerd. The imports do not behave exactly like overrides.
# see: https://github.com/containerd/containerd/blob/main/docs/man/containerd-config.toml.5.md#format
imports = ["{imports}"]

[grpc]
  address = "/run/containerd/containerd.sock"

[plugins]
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    discard_unpacked_layers = true
  [plugins."io.containerd.grpc.v1.cri"]
    sandbox_image = "{sandbox}"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{REGISTRY_HOSTS}"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
    SystemdCgroup = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/opt/cni/bin"
    conf_dir = "/etc/cni/net.d"
"#
        ),
        Schema::V3 | Schema::V4 => format!(
            r#"version = 3
root = "/var/lib/containerd"
state = "/run/containerd"
# Files here are merged into this one; spec.containerd.config is one of them.
imports = ["{imports}"]

[grpc]
  address = "/run/containerd/containerd.sock"

[plugins]
  [plugins.'io.containerd.cri.v1.images']
    discard_unpacked_layers = true
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = "{sandbox}"
  [plugins.'io.containerd.cri.v1.images'.registry]
    config_path = "{REGISTRY_HOSTS}"
  [plugins.'io.containerd.cri.v1.runtime'.containerd]
    default_runtime_name = "runc"
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
    SystemdCgroup = true
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dir = "/opt/cni/bin"
    conf_dir = "/etc/cni/net.d"
"#
        ),
    }
}
