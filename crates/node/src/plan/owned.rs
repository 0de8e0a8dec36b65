//! Which paths are ours, so that what an earlier configuration has left can be removed.

use super::{Phase, Plan, Step};
use crate::hybrid::{SHARED, ssm, system};
use crate::steps;

pub(super) const DEFAULT_ENVIRONMENT: &str = "/etc/systemd/system.conf.d/environment.conf";

/// Drop-ins of containerd that not every configuration has.
pub(super) const CONTAINERD: &[&str] = &[
    "/etc/containerd/base-runtime-spec.json",
    "/etc/containerd/config.d/00-nodeadm.toml",
    "/etc/systemd/system/containerd.service.d/10-soci-snapshotter.conf",
];

/// Files of kubelet that not every configuration has.
pub(super) const KUBELET: &[&str] = &[
    "/etc/kubernetes/kubelet/config.json.d/00-nodeadm.conf",
    "/etc/kubernetes/kubelet/config.json.d/40-nodeadm.conf",
    "/var/lib/kubelet/bootstrap-kubeconfig",
];

/// Where the environment of one service goes.
pub(super) fn service_environment(service: &str) -> String {
    format!("/etc/systemd/system/{service}.service.d/environment.conf")
}

/// Files and links that this plan keeps, also those of phases that were left out, sorted. What was ours and is not among them may be
/// removed, if [`Plan::whole`].
///
/// Not among them: parts of other people's files ([`Step::Edit`]), the agent's configuration, in which users have settings too, and
/// mount units, which must outlive a change of strategy.
pub fn owned(plan: &Plan) -> Vec<String> {
    let mut paths: Vec<String> = plan.phases.iter().flat_map(paths).chain(plan.left_out.iter().cloned()).collect();
    paths.sort();
    paths.dedup();
    paths
}

/// Files and links of one phase.
pub(super) fn paths(phase: &Phase) -> impl Iterator<Item = String> {
    phase.steps.iter().filter_map(|step| match step {
        Step::Write(file) => Some(file.path.clone()).filter(|path| path != ssm::CONFIG),
        Step::Symlink { path, .. } => Some(path.clone()),
        Step::Edit { .. }
        | Step::DaemonReload
        | Step::Sysctl { .. }
        | Step::Modules { .. }
        | Step::SwapOff { .. }
        | Step::OpenPorts { .. }
        | Step::Disk(_)
        | Step::Script(_)
        | Step::RegisterSsm { .. }
        | Step::Service { .. }
        | Step::WaitForFile { .. }
        | Step::ImportImage { .. }
        | Step::PullImage { .. } => None,
    })
}

/// All paths that any plan may write, each with when; `SERVICE`, `AWS_CONFIG_PATH` and `CONFIG_CACHE` stand for the user's own values.
pub fn possible_drop_ins() -> Vec<(&'static str, &'static str)> {
    vec![
        (super::assemble::MARKER, "EC2, when services are started"),
        (DEFAULT_ENVIRONMENT, "instance.environment.default is given"),
        ("/etc/systemd/system/SERVICE.service.d/environment.conf", "instance.environment.SERVICE is given"),
        ("/run/systemd/resolved.conf.d/40-eks.conf", "instance.network is given"),
        ("/etc/containerd/config.toml", "always"),
        (CONTAINERD[0], "EC2"),
        (CONTAINERD[1], "hybrid, containerd.config is given"),
        (CONTAINERD[2], "FastImagePull on a machine that is large enough"),
        (super::assemble::SOCI_CONFIG, "FastImagePull on a machine that is large enough"),
        ("/etc/modules-load.d/containerd.conf", "hybrid"),
        ("/etc/kubernetes/pki/ca.crt", "always"),
        ("/etc/kubernetes/kubelet/config.json", "always"),
        (KUBELET[0], "hybrid, kubelet.config is given"),
        (KUBELET[1], "EC2, kubelet.config is given"),
        ("/var/lib/kubelet/kubeconfig", "always, but on local clusters of Outposts"),
        (KUBELET[2], "local clusters of Outposts"),
        ("/etc/eks/image-credential-provider/config.json", "always"),
        ("/etc/eks/kubelet/environment", "always"),
        ("CONFIG_CACHE", "--config-cache is given"),
        ("AWS_CONFIG_PATH", "hybrid with Roles Anywhere; /etc/aws/hybrid/config unless the document says otherwise"),
        ("/etc/systemd/system/aws_signing_helper_update.service", "hybrid with Roles Anywhere, enableCredentialsFile"),
        (SHARED, "hybrid with SSM, enableCredentialsFile; a link to /root/.aws"),
        (ssm::CONFIG, "hybrid with SSM; over what is there, and never removed"),
        (system::SYSCTL, "hybrid"),
        (steps::RECORD, "instance.steps is given; for root only, with the scripts"),
        (steps::UNIT_PATHS[0], "instance.steps has one of the phase preNetwork"),
        (steps::UNIT_PATHS[1], "instance.steps is given"),
    ]
}
