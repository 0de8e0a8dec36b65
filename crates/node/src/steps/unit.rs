//! The units that run steps when `init` does not.

/// Runs steps of the phase preNetwork at each boot but the first, when `init` ran them.
pub const NETWORK_UNIT: &str = "hybridge-node-steps-network.service";
/// Runs steps of the phase postJoin, and tells the cluster how all of them ended.
pub const JOINED_UNIT: &str = "hybridge-node-steps.service";

/// Where a unit is.
pub(super) fn path(unit: &str) -> String {
    format!("/etc/systemd/system/{unit}")
}

/// `RemainAfterExit`: a unit that stays active is not started again by the next `init`.
pub(super) fn before_network(executable: &str) -> String {
    format!(
        "[Unit]\nDescription=Steps of this EKS node before its network\nDefaultDependencies=no\nAfter=local-fs.target\nBefore=network-pre.target shutdown.target\nWants=network-pre.target\nConflicts=shutdown.target\n\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart={executable} node steps run --phase preNetwork\n\n[Install]\nWantedBy=sysinit.target\n"
    )
}

/// Tried again until the cluster has the Node, which may take until a link is back. A step that failed (3) is not run in a circle; the
/// next `init` or the next boot tries it again.
pub(super) fn joined(executable: &str) -> String {
    format!(
        "[Unit]\nDescription=Steps of this EKS node after it has joined\nAfter=kubelet.service\nStartLimitIntervalSec=0\n\n[Service]\nType=exec\nRemainAfterExit=yes\nExecStart={executable} node steps run --phase postJoin --report\nRestart=on-failure\nRestartSec=15\nRestartPreventExitStatus=1 3\n\n[Install]\nWantedBy=multi-user.target\n"
    )
}
