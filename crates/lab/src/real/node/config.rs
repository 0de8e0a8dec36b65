//! What containerd and the kubelet are told.

use std::path::Path;

use serde_json::{Value, json};

/// The image of the container that holds a pod's namespaces.
pub(super) const PAUSE_IMAGE: &str = "hybridge.test/pause:1";

/// A node is not ready without a network for pods. This one is never used: pods of these tests are on the host's network.
pub(super) const CNI: &str = r#"{"cniVersion": "1.0.0", "name": "host-network-only", "plugins": [{"type": "loopback"}]}"#;

/// Settings of the kernel that every kubelet makes, below /proc/sys, with the values that it wants to find
/// (k8s.io/kubernetes, pkg/kubelet/cm, `setupKernelTunables`).
const TUNABLES: [(&str, &str); 6] = [
    ("vm/overcommit_memory", "1"),
    ("vm/panic_on_oom", "0"),
    ("kernel/panic", "10"),
    ("kernel/panic_on_oops", "1"),
    ("kernel/keys/root_maxkeys", "1000000"),
    ("kernel/keys/root_maxbytes", "25000000"),
];

/// The first process of a node, which its others live and die with; as PID 1 it also buries orphans.
///
/// What programs write to fixed places (shims to /run, kubelets to /var/log/containers and /var/lib/kubelet/device-plugins) goes to
/// file systems of its own; what else is in /var/lib can still be reached. The settings that the kubelet would make are covered by
/// files that say they are made: they would be those of this whole machine, and stay. Writes the file `up` when all is prepared.
pub(super) fn holder(up: &Path) -> String {
    let mut script = "set -e
mount -t tmpfs node /run
mount -t tmpfs node /var/log
mkdir /run/tunables /run/var-lib
mount --rbind /var/lib /run/var-lib
mount -t tmpfs node /var/lib
ln -s /run/var-lib/* /var/lib
"
    .to_owned();
    for (number, (tunable, value)) in TUNABLES.iter().enumerate() {
        script.push_str(&format!("echo {value} >/run/tunables/{number}\nmount --bind /run/tunables/{number} /proc/sys/{tunable}\n"));
    }
    script.push_str(&format!("echo up >'{}'\nwhile :; do sleep 1000 & wait $!; done\n", up.display()));
    script
}

/// containerd's config.toml, version 3 (<https://github.com/containerd/containerd/blob/main/docs/cri/config.md>).
///
/// - `native` copies layers: an overlay on an overlay, as in a container, is refused, and the images here are small.
/// - `restrict_oom_score_adj`: without CAP_SYS_RESOURCE runc may not make processes harder to kill than itself.
/// - `disable_apparmor`: a profile that is loaded stays in the kernel.
/// - The plug-ins would make folders in /opt and elsewhere.
pub(super) fn containerd(directory: &Path) -> String {
    let directory = directory.display();
    format!(
        "version = 3
root = '{directory}/containerd'
disabled_plugins = ['io.containerd.internal.v1.opt', 'io.containerd.nri.v1.nri']
[plugins.'io.containerd.cri.v1.images']
  snapshotter = 'native'
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = '{PAUSE_IMAGE}'
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ['{directory}/cni/bin']
    conf_dir = '{directory}/cni'
    use_internal_loopback = true
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = 'io.containerd.runc.v2'
    snapshotter = 'native'
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
      SystemdCgroup = false
"
    )
}

/// The kubelet's configuration file (<https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/>).
pub(super) fn kubelet(directory: &Path, cgroup: &str) -> Value {
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        // Its own server can be reached from within the lab alone.
        "authentication": {"anonymous": {"enabled": true}, "webhook": {"enabled": false}},
        "authorization": {"mode": "AlwaysAllow"},
        // Not on the memory file systems of the node, so that they can be read after it.
        "podLogsDir": directory.join("logs"),
        "volumePluginDir": directory.join("volume-plugins"),
        // Groups of the node's own and no systemd, on machines with either version of control groups.
        "cgroupRoot": cgroup,
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": false,
        "enforceNodeAllocatable": [],
        "failSwapOn": false,
        // A machine whose disk is nearly full runs tests all the same.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%", "imagefs.inodesFree": "0%"},
        // Pods have the host's network, and need no rules.
        "makeIPTablesUtilChains": false,
        "resolvConf": "",
    })
}
