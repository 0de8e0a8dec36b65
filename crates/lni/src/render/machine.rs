//! What is the same for all: the interface's name, its sysctls, and who must leave it alone.

use super::{Backend, File, HEAD};
use crate::desired;
use crate::resolve::Lni;
use crate::state::NAME;

/// Units that set up each interface of EC2 as one of the VPC, by its name: amazon-ec2-net-utils' (every minute anew), and the EKS AMI's.
const PER_INTERFACE: [(&str, &str); 4] = [
    ("policy-routes", "service"),
    ("refresh-policy-routes", "service"),
    ("refresh-policy-routes", "timer"),
    ("udev-net-manager", "service"),
];

/// Gives every interface the addresses and rules that EC2 shows for it; it cannot be told to leave one alone.
const CLOUD_SETUP: [&str; 2] = ["nm-cloud-setup.service", "nm-cloud-setup.timer"];

pub(super) fn files(lni: &Lni, backend: Backend) -> Vec<File> {
    let mut files =
        vec![File::new("udev/rules.d/70-hybridge-lni.rules", rule(lni, backend)), File::new("sysctl.d/90-hybridge-lni.conf", sysctls(lni))];
    files.extend(PER_INTERFACE.iter().map(|(unit, kind)| File::mask(&format!("{unit}@{NAME}.{kind}"))));
    match backend {
        Backend::NetworkManager => files.extend(CLOUD_SETUP.map(File::mask)),
        Backend::Networkd | Backend::Netplan => files.push(keep_foreign()),
    }
    files
}

/// The name. Before 80-net-setup-link.rules, which leaves alone what has one; `DRIVERS` passes over VLANs and the like, which have the
/// MAC address, too, but no hardware. The second is for systemd from 258 on, where the EKS AMI's 10-eks.rules hands interfaces to the CNI.
fn rule(lni: &Lni, backend: Backend) -> String {
    let managed = match backend {
        Backend::Networkd | Backend::Netplan => ", ENV{ID_NET_MANAGED_BY}=\"io.systemd.Network\"",
        Backend::NetworkManager => "",
    };
    let mac = lni.mac;
    format!(
        "{HEAD}SUBSYSTEM==\"net\", ACTION==\"add\", DRIVERS==\"?*\", ATTR{{type}}==\"1\", ATTR{{address}}==\"{mac}\", NAME=\"{NAME}\"{managed}\n"
    )
}

/// systemd's udev rules set them again for each interface that appears. The dash is for those that are not there yet.
fn sysctls(lni: &Lni) -> String {
    let lines = desired::sysctls(&lni.name).into_iter().map(|(name, value)| format!("-{name} = {value}\n"));
    std::iter::once(HEAD.to_owned()).chain(lines).collect()
}

/// Without it, networkd deletes the agent's rules and routes, and the VPC CNI's, whenever it starts. The EKS AMI says it for rules.
fn keep_foreign() -> File {
    let mut ini = super::Ini::new();
    ini.section("Network").set("ManageForeignRoutes", "no").set("ManageForeignRoutingPolicyRules", "no");
    File::new("systemd/networkd.conf.d/10-hybridge-lni.conf", ini.0)
}
