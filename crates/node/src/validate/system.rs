//! The machine itself: programs, mounts, swap, clock, an earlier life.

use hybridge_report::Finding;

use super::Subject;
use crate::facts::Mount;
use crate::hybrid::{ssm, system};

/// AWS refuses requests that are signed five minutes off (Signature Version 4).
const REFUSED_AFTER: u64 = 300;
/// A clock that is kept by NTP is nowhere near this.
const WARNED_AFTER: u64 = 30;

/// Directories from which a node runs programs.
const EXECUTED: [&str; 5] = ["/usr/bin", "/usr/local/bin", "/opt/cni/bin", "/etc/eks/image-credential-provider", "/var/lib/containerd"];

pub(super) fn installed(subject: &Subject<'_>) -> Vec<Finding> {
    let facts = subject.facts;
    let hybrid = subject.config.hybrid.as_ref();
    let provider = if hybrid.is_some_and(|hybrid| hybrid.ssm.is_some()) { "ssm" } else { "iam-ra" };
    let mut missing = Vec::new();
    if facts.kubelet.is_none() {
        missing.push("kubelet");
    }
    if facts.containerd.is_none() {
        missing.push("containerd");
    }
    if provider == "ssm" && ssm::agent(facts).is_none() {
        missing.push("amazon-ssm-agent");
    }
    missing
        .into_iter()
        .map(|program| {
            let why = facts.missing.get(program).map(|why| format!(": {why}")).unwrap_or_default();
            Finding::error("node.not-installed", program, format!("is not installed, or does not say its version{why}"))
                .fix(format!("run nodeadm install KUBERNETES_VERSION --credential-provider {provider}"))
        })
        .collect()
}

pub(super) fn mounts_and_swap(subject: &Subject<'_>) -> Vec<Finding> {
    let mut findings = system::partitions(subject.config, subject.facts);
    for path in EXECUTED {
        let mount = mount_of(&subject.facts.mounts, path);
        if let Some(mount) = mount.filter(|mount| mount.options.iter().any(|option| option == "noexec")) {
            findings.push(
                Finding::error(
                    "mount.noexec",
                    path,
                    format!("lies on {}, which is mounted noexec: programs there do not start", mount.path),
                )
                .fix(format!("mount it without noexec (mount -o remount,exec {0}) and change its line in /etc/fstab", mount.path)),
            );
        }
    }
    if subject.facts.selinux_enforcing == Some(true) {
        findings.push(
            Finding::warning(
                "selinux.enforcing",
                "SELinux",
                "is enforcing; programs that were copied to their places may have labels that keep systemd from starting them (203/EXEC)",
            )
            .fix("run restorecon -Rv /usr/bin /usr/local/bin /opt/cni/bin /etc/eks, and install container-selinux"),
        );
    }
    findings
}

/// The mount that holds `path`: the longest prefix, of equal ones the last.
fn mount_of<'a>(mounts: &'a [Mount], path: &str) -> Option<&'a Mount> {
    let holds = |mount: &&Mount| {
        let root = mount.path.trim_end_matches('/');
        path == root || path.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'))
    };
    mounts.iter().filter(holds).max_by_key(|mount| mount.path.trim_end_matches('/').len())
}

pub(super) fn clock(subject: &Subject<'_>) -> Vec<Finding> {
    let Some(offset) = subject.facts.answers.clock_offset else { return Vec::new() };
    let seconds = offset.unsigned_abs();
    let direction = if offset > 0 { "ahead of" } else { "behind" };
    let what = format!("is {seconds} s {direction} that of AWS");
    let finding = if seconds >= REFUSED_AFTER {
        Finding::error("clock.wrong", "clock", format!("{what}; requests signed with it are refused"))
    } else if seconds > WARNED_AFTER {
        Finding::warning("clock.off", "clock", format!("{what}; certificates and tokens may seem to be of another time"))
    } else {
        return Vec::new();
    };
    vec![finding.fix("let chronyd or systemd-timesyncd keep it: timedatectl set-ntp true, chronyc makestep")]
}

pub(super) fn inactive(subject: &Subject<'_>) -> Vec<Finding> {
    if subject.facts.answers.kubelet_active != Some(true) {
        return Vec::new();
    }
    vec![
        Finding::warning(
            "node.active",
            "kubelet.service",
            "runs already; what has changed is written over and kubelet is restarted for it",
        )
        .fix("nothing, if this is the same node; if it joins another cluster, drain it and stop kubelet first"),
    ]
}
