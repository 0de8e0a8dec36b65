//! The machine around the node: kernel settings, swap, the host's firewall.

use hybridge_report::Finding;

use crate::config::NodeConfig;
use crate::facts::Facts;
use crate::fstab;
use crate::plan::{Edit, Step};

/// File of the kernel settings.
pub const SYSCTL: &str = "/etc/sysctl.d/99-nodeadm.conf";
/// What kubelet demands with `protectKernelDefaults`, and forwarding for pods; the bytes of upstream's file.
pub const SETTINGS: &str = "vm.overcommit_memory=1\nkernel.panic=10\nkernel.panic_on_oops=1\nnet.ipv4.ip_forward=1";
/// kubelet's API, kube-proxy's health check, NodePort services.
pub const PORTS: [&str; 3] = ["10250/tcp", "10256/tcp", "30000-32767/tcp"];

/// Where file systems and swap of each boot stand.
pub const FSTAB: &str = "/etc/fstab";

/// Kernel settings, swap and ports.
///
/// # Errors
/// Swap that we do not turn off.
pub fn steps(config: &NodeConfig, facts: &Facts) -> Result<Vec<Step>, Vec<Finding>> {
    let mut steps = vec![Step::Write(super::sysctl()), Step::Sysctl { path: SYSCTL.to_owned() }];
    let partitions: Vec<Finding> =
        partitions(config, facts).into_iter().filter(|finding| finding.severity == hybridge_report::Severity::Error).collect();
    if !partitions.is_empty() {
        return Err(partitions);
    }
    if !tolerates_swap(config) {
        let files = facts.swaps.iter().filter(|swap| !swap.partition);
        steps.extend(files.map(|swap| Step::SwapOff { path: swap.path.clone() }));
        // Also where it is off now: it would be on after the next boot.
        if facts.files.get(FSTAB).is_none_or(|text| fstab::has_swap_file(text)) {
            steps.push(Step::Edit { path: FSTAB.to_owned(), edit: Edit::NoSwap });
        }
    }
    if let Some(firewall) = &facts.firewall {
        let ports = PORTS.iter().map(|port| (*port).to_owned()).collect();
        steps.push(Step::OpenPorts { firewall: firewall.kind, ports });
    }
    Ok(steps)
}

/// What is to be said of swap partitions: an error each, or a warning where the user has told kubelet to bear swap.
pub fn partitions(config: &NodeConfig, facts: &Facts) -> Vec<Finding> {
    let tolerated = tolerates_swap(config);
    facts
        .swaps
        .iter()
        .filter(|swap| swap.partition)
        .map(|swap| {
            if tolerated {
                return Finding::warning(
                    "swap.partition",
                    swap.path.as_str(),
                    "is a swap partition in use; failSwapOn is false, so it stays",
                )
                .fix("set spec.kubelet.config.memorySwap.swapBehavior to say what pods may use of it, or turn it off");
            }
            let what = if swap.path.contains("zram") {
                "is swap in memory that the distribution makes at each boot"
            } else {
                "is a swap partition in use"
            };
            let fix = if swap.path.contains("zram") {
                "remove the package that makes it (zram-generator-defaults, zram-tools) and run `swapoff`".to_owned()
            } else {
                format!("turn it off: `swapoff {}`, and remove its line from {FSTAB} (or mask its .swap unit)", swap.path)
            };
            Finding::error("swap.partition", swap.path.as_str(), format!("{what}; kubelet does not start with swap"))
                .fix(format!("{fix}; or set spec.kubelet.config.failSwapOn to false"))
        })
        .collect()
}

fn tolerates_swap(config: &NodeConfig) -> bool {
    config.kubelet.config.get("failSwapOn") == Some(&serde_json::Value::Bool(false))
}
