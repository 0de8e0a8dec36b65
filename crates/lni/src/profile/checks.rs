//! What must be true of a profile's values together.

mod addresses;
mod pools;

use std::net::Ipv4Addr;

use hybridge_document::Problems;
use hybridge_model::Cidr4;

use super::values::Range4;
use super::whole::{Draft, DraftAddress, DraftMatch, Mode, Places};

/// Device indexes that the VPC CNI may reach: it attaches interfaces at the lowest free one, and of c6id.8xlarge there are 8.
const LOW: u8 = 7;

/// Bits of marks that others use: who, and which. Cilium: `Documentation/network/concepts/masquerading`; kube-proxy: `masquerade-bit` and the
/// drop bit; VPC CNI: `AWS_VPC_K8S_CNI_CONNMARK`.
pub(super) const MARKS: [(&str, u32); 3] = [("Cilium", 0x0f00), ("kube-proxy", 0xc000), ("the VPC CNI", 0x80)];
/// Calico (`IptablesMarkMask`) and Tailscale use bits of the upper half.
const UPPER: u32 = 0xffff_0000;

/// Routing tables of amazon-ec2-net-utils and the EKS AMI: 10000 and the device index, 100 for each network card.
const NET_UTILS: std::ops::RangeInclusive<u32> = 10_000..=10_999;

/// What is checked, and where problems go.
pub(super) struct Checks<'a> {
    pub(super) draft: &'a Draft,
    pub(super) places: &'a Places,
    pub(super) problems: &'a mut Problems,
}

impl Checks<'_> {
    pub(super) fn error(&mut self, code: &'static str, path: &str, text: &str, what: impl Into<String>) -> &mut Problems {
        self.problems.look_at(&self.places.whole(path));
        self.problems.error(code, self.places.find(path), text, what)
    }

    pub(super) fn warning(&mut self, code: &'static str, path: &str, text: &str, what: impl Into<String>) -> &mut Problems {
        self.problems.look_at(&self.places.whole(path));
        self.problems.warning(code, self.places.find(path), text, what)
    }

    /// The network that holds the LNI's own address.
    pub(super) fn own_network(&self) -> Option<Cidr4> {
        self.draft.lan.cidrs.first().copied().filter(|_| self.places.sound("lan.cidrs"))
    }

    /// Every router that is named, with its path.
    pub(super) fn gateways(&self) -> Vec<(&'static str, Ipv4Addr)> {
        let named = [("address.gateway", self.draft.address.gateway), ("lan.gateway", self.draft.lan.gateway)];
        named.into_iter().filter_map(|(path, gateway)| Some((path, gateway?))).collect()
    }
}

/// Everything.
pub(super) fn all(checks: &mut Checks<'_>) {
    which(checks);
    mode(checks);
    addresses::lan(checks);
    addresses::own(checks);
    addresses::gateways(checks);
    pools::dhcp(checks);
    pools::pools(checks);
    numbers(checks);
    firewall(checks);
}

fn which(checks: &mut Checks<'_>) {
    let DraftMatch { device_index, mac } = checks.draft.which;
    match (device_index, mac) {
        (None, None) if checks.places.sound("match") => {
            let what = "says not which interface is the LNI: names of interfaces change, so it is told by device index or MAC address";
            checks.error("lni.match", "match", "", what).fix("write match: {deviceIndex: 14}, or match: {mac: …}");
        }
        (Some(_), Some(_)) => {
            let what = "names the interface in two ways";
            checks.error("lni.match", "match", "", what).fix("keep deviceIndex, or mac");
        }
        (Some(index), None) if index <= LOW => {
            let what = "is a low device index: the VPC CNI attaches interfaces at the lowest free one, and in this subnet what it attaches \
                        there becomes an LNI";
            let fix = "take a high one, such as 14, here and as the subnet's EnableLniAtDeviceIndex";
            checks.warning("lni.device-index-low", "match.deviceIndex", &index.to_string(), what).fix(fix);
        }
        (None, None) | (Some(_), None) | (None, Some(_)) => {}
    }
}

fn mode(checks: &mut Checks<'_>) {
    let DraftAddress { mode, cidr, gateway, use_dns, use_default_route } = checks.draft.address;
    let numbered = "an LNI without an address of the LAN cannot work: the kernel drops what comes in by it";
    let others: &[(&str, bool)] = match mode {
        None => {
            if checks.places.sound("address.mode") && checks.places.sound("address") {
                let fix = "write address: {mode: dhcp}, or address: {mode: static, cidr: 192.168.2.10/24, gateway: 192.168.2.1}";
                checks.error("lni.unnumbered", "address", "", format!("says not how the LNI gets its address; {numbered}")).fix(fix);
            }
            &[]
        }
        Some(Mode::Static) => {
            if cidr.is_none() && checks.places.sound("address.cidr") {
                let fix = "write cidr: 192.168.2.10/24 with an address of the LAN that nobody else has, or mode: dhcp";
                checks.error("lni.unnumbered", "address", "", format!("has no cidr; {numbered}")).fix(fix);
            }
            &[("address.useDns", use_dns.is_some()), ("address.useDefaultRoute", use_default_route.is_some())]
        }
        Some(Mode::Dhcp) => &[("address.cidr", cidr.is_some()), ("address.gateway", gateway.is_some())],
    };
    for (path, there) in others {
        if *there {
            let other = if mode == Some(Mode::Static) { "dhcp" } else { "static" };
            let what = format!("belongs to mode: {other}");
            checks.error("lni.mode-key", path, "", what).fix(format!("leave it out, or write mode: {other}"));
        }
    }
    if mode != Some(Mode::Dhcp) {
        return;
    }
    if use_dns == Some(true) {
        let what = "asks the LAN's DNS servers, too: those that do not know the VPC's names keep the node from its cluster's endpoint";
        checks.warning("lni.dns", "address.useDns", "", what).fix("leave it out, unless the LAN's servers forward to the VPC's resolver");
    }
    if use_default_route == Some(true) {
        let what = "makes the LAN the way to everywhere outside the VPC: registries, and AWS where it has no endpoint in the VPC";
        checks.warning("lni.default-route", "address.useDefaultRoute", "", what).fix("leave it out, unless the LAN leads to the internet");
    }
}

fn numbers(checks: &mut Checks<'_>) {
    let routing = &checks.draft.routing;
    let (mark, text, table) = (routing.mark(), format!("{:#x}", routing.mark()), routing.table);
    let fix = "write one bit that nobody uses, as 0x2000";
    if mark.count_ones() != 1 {
        let what = format!("has {} bits; marks are shared, so the LNI takes one", mark.count_ones());
        checks.error("lni.mark", "routing.mark", &text, what).fix(fix);
    } else if let Some((who, bits)) = MARKS.iter().find(|(_, bits)| bits & mark != 0) {
        checks.error("lni.mark-taken", "routing.mark", &text, format!("is a bit of {who}, which uses {bits:#06x}")).fix(fix);
    } else if mark & UPPER != 0 {
        let what = "is in the upper half, where Calico and Tailscale have their bits";
        checks.warning("lni.mark-shared", "routing.mark", &text, what).fix(fix);
    }
    if let Some(table) = table.filter(|table| NET_UTILS.contains(table)) {
        let what = "is among those that amazon-ec2-net-utils and the EKS AMI fill for interfaces of the VPC";
        checks.error("lni.table-taken", "routing.table", &table.to_string(), what).fix("write 2100");
    }
    if let Some(mtu) = checks.draft.mtu.filter(|mtu| *mtu > 1500) {
        let what = "is more than Ethernet's 1500 bytes: every switch and host of the LAN must be set to that";
        checks.warning("lni.mtu-large", "mtu", &mtu.to_string(), what).fix("write 1500, unless the LAN carries jumbo frames");
    }
}

fn firewall(checks: &mut Checks<'_>) {
    let firewall = &checks.draft.firewall;
    for (index, port) in firewall.host_ports.iter().enumerate() {
        if firewall.host_ports[..index].contains(port) {
            let path = format!("firewall.hostPorts[{index}]");
            checks.warning("lni.duplicate", &path, &port.to_string(), "is in the list already").fix("keep one of them");
        }
    }
    let Some(allowed) = &firewall.allow_from else { return };
    if allowed.is_empty() && !firewall.host_ports.is_empty() && checks.places.sound("firewall") {
        let what = "is empty, so nobody may reach the ports in hostPorts";
        checks.error("lni.nobody", "firewall.allowFrom", "", what).fix("name networks, or leave allowFrom out for those of the LAN");
    }
    for (index, cidr) in allowed.iter().enumerate() {
        let path = format!("firewall.allowFrom[{index}]");
        if cidr.prefix() == 0 {
            let what = "lets everybody reach the node's ports who can reach the LAN; no security group stands before an LNI";
            checks.warning("lni.everybody", &path, &cidr.to_string(), what).fix("name the networks of those who need them");
        }
        if allowed[..index].contains(cidr) {
            checks.warning("lni.duplicate", &path, &cidr.to_string(), "is in the list already").fix("keep one of them");
        }
    }
}

/// Network address and broadcast address of a network.
pub(super) fn ends(network: Cidr4) -> [(&'static str, Ipv4Addr); 2] {
    let Range4 { first, last } = Range4::of(network);
    [("the network's own address", first), ("the broadcast address", last)]
}
