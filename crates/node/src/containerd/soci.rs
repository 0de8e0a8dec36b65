//! SOCI: layers of an image are fetched and unpacked in parallel (feature gate FastImagePull).

use crate::config::Shape;
use crate::node::Node;
use crate::plan::File;

/// Below this the machine is too small for parallel unpacking; bytes. The same bound as nodeadm's, whose aim is xlarge types with 8 GiB.
const LEAST_MEMORY: u64 = 7 << 30;
/// Logical processors.
const LEAST_CPUS: u32 = 4;

const CONFIG: &str = "/etc/soci-snapshotter-grpc/config.toml";
const DROP_IN: &str = "/etc/systemd/system/containerd.service.d/10-soci-snapshotter.conf";

/// Of the plugin that unpacks images.
pub(super) const SNAPSHOTTER: &str = "snapshotter = \"soci\"\ndisable_snapshot_annotations = false\n";

/// Where containerd finds the snapshotter; the end of its configuration, without a newline as nodeadm leaves it.
pub(super) const PROXY_PLUGIN: &str = r#"[proxy_plugins.soci]
type = "snapshot"
address = "/run/soci-snapshotter-grpc/soci-snapshotter-grpc.sock"

[proxy_plugins.soci.exports]
root = "/var/lib/soci-snapshotter-grpc""#;

/// Whether containerd and kubelet pull by SOCI's snapshotter.
pub(super) fn used(node: &Node) -> bool {
    let asked = node.config.feature_gates.get("FastImagePull").copied().unwrap_or(false);
    let fits = node.facts.memory >= LEAST_MEMORY && node.facts.cpus >= LEAST_CPUS;
    node.config.shape == Shape::Ec2 && asked && fits
}

/// The snapshotter's settings (nodeadm's figures), and that containerd waits for it.
pub(super) fn files() -> [File; 2] {
    let config = r#"debug = false

[content_store]
type = 'containerd'

[cri_keychain]
enable_keychain = true
image_service_path = '/run/containerd/containerd.sock'

[pull_modes.parallel_pull_unpack]
enable = true
concurrent_download_chunk_size = "16mb"
discard_unpacked_layers = true
max_concurrent_downloads = -1
max_concurrent_downloads_per_image = 20
max_concurrent_unpacks = -1
max_concurrent_unpacks_per_image = 12

[pull_modes.parallel_pull_unpack.decompress_streams."gzip"]
path = '/usr/bin/unpigz'
args = ['-d', '-c']
"#;
    let drop_in = "[Unit]\nRequires=soci-snapshotter.service\nAfter=soci-snapshotter.service\n";
    [File::new(CONFIG, config), File::new(DROP_IN, drop_in)]
}
