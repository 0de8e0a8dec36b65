//! Files of systemd-networkd, from version 249 on (AL2023 has 252).
//!
//! 10- sorts before 70- and 80-, where the EKS AMI and amazon-ec2-net-utils have theirs: networkd takes the first file that matches.

use hybridge_model::routing::Selector;

use super::{File, Ini};
use crate::desired::{self, gateway};
use crate::profile::Addressing;
use crate::resolve::Lni;
use crate::state::PROTOCOL;

/// Of the LAN's router, where DHCP names one itself with 1024.
const FALLBACK_METRIC: u32 = 2048;

pub(super) fn files(lni: &Lni) -> Vec<File> {
    let file = |name: &str, ini: Ini| File::new(format!("systemd/network/10-hybridge-{name}"), ini.0);
    let mut ini = Ini::new();
    ini.section("Match").set("PermanentMACAddress", lni.mac);
    if lni.parent.is_none() {
        link(lni, &mut ini);
        network(lni, &mut ini);
        return vec![file("lni.network", ini)];
    }
    link(lni, &mut ini);
    ini.section("Network").set("VLAN", &lni.name);
    quiet(&mut ini);
    ini.set("LinkLocalAddressing", "no").set("ConfigureWithoutCarrier", "yes");
    let mut device = Ini::new();
    device.section("NetDev").set("Name", &lni.name).set("Kind", "vlan").set("MTUBytes", lni.profile.mtu);
    device.section("VLAN").set("Id", lni.profile.vlan.unwrap_or_default());
    let mut above = Ini::new();
    above.section("Match").set("Name", &lni.name).set("Kind", "vlan");
    link(lni, &mut above);
    network(lni, &mut above);
    vec![file("lni.netdev", device), file("lni.network", ini), file("lni-vlan.network", above)]
}

fn link(lni: &Lni, ini: &mut Ini) {
    ini.section("Link").set("MTUBytes", lni.profile.mtu).set("RequiredForOnline", "no");
}

/// Nothing of the LAN is asked for names or routers, and nothing told.
fn quiet(ini: &mut Ini) {
    for key in ["IPv6AcceptRA", "LLMNR", "MulticastDNS", "LLDP", "EmitLLDP"] {
        ini.set(key, "no");
    }
}

/// Addresses stay when the cable is out and when networkd stops: they are the agent's to take away.
fn network(lni: &Lni, ini: &mut Ini) {
    ini.section("Network");
    match &lni.profile.address {
        Addressing::Static { cidr, .. } => {
            ini.set("Address", cidr).set("ConfigureWithoutCarrier", "yes").set("KeepConfiguration", "static");
        }
        Addressing::Dhcp { .. } => {
            ini.set("DHCP", "ipv4").set("KeepConfiguration", "dhcp-on-stop");
        }
    }
    ini.set("LinkLocalAddressing", "no").set("IgnoreCarrierLoss", "yes");
    quiet(ini);
    if let Addressing::Dhcp { use_dns, .. } = lni.profile.address {
        ini.set("DNSDefaultRoute", if use_dns { "yes" } else { "no" });
        dhcp(lni, use_dns, ini);
    }
    routes(lni, ini);
    rules(lni, ini);
}

/// The agent asks with the same identifier, so that the server gives both the same address.
pub(super) fn dhcp(lni: &Lni, use_dns: bool, ini: &mut Ini) {
    ini.section("DHCPv4")
        .set("ClientIdentifier", "mac")
        .set("RouteTable", lni.profile.routing.table)
        .set("UseGateway", "yes")
        .set("UseRoutes", "no")
        .set("UseDNS", if use_dns { "yes" } else { "no" });
    for key in ["UseDomains", "UseNTP", "UseSIP", "UseHostname", "UseMTU", "UseTimezone", "SendHostname"] {
        ini.set(key, "no");
    }
}

/// Those of DHCP come with the lease, but for a router that the server does not name.
fn routes(lni: &Lni, ini: &mut Ini) {
    let table = lni.profile.routing.table;
    match &lni.profile.address {
        Addressing::Static { cidr, .. } => {
            ini.section("Route").set("Destination", cidr.network()).set("Scope", "link").set("PreferredSource", cidr.address);
            ini.set("Table", table).set("Protocol", PROTOCOL);
            if let Some(gateway) = gateway(&lni.profile, None) {
                ini.section("Route").set("Gateway", gateway).set("PreferredSource", cidr.address);
                ini.set("Table", table).set("Protocol", PROTOCOL);
            }
        }
        Addressing::Dhcp { .. } => fallback(lni, ini),
    }
}

/// The profile's router, for a DHCP server that names none.
pub(super) fn fallback(lni: &Lni, ini: &mut Ini) {
    if let Some(gateway) = lni.profile.lan.gateway {
        ini.section("Route").set("Gateway", gateway).set("Metric", FALLBACK_METRIC);
        ini.set("Table", lni.profile.routing.table).set("Protocol", PROTOCOL);
    }
}

/// One section for each rule. networkd marks them as static; the agent takes them for its own all the same.
pub(super) fn rules(lni: &Lni, ini: &mut Ini) {
    for rule in desired::rules(&lni.profile) {
        ini.section("RoutingPolicyRule");
        match &rule.selector {
            Selector::Mark { mark, mask } => ini.set("FirewallMark", format_args!("{mark}/{mask}")),
            Selector::To(cidr) => ini.set("To", cidr),
            Selector::From(cidr) => ini.set("From", cidr),
            // None of ours is of that kind.
            Selector::Other(text) => ini.comment(text),
        };
        ini.set("Table", rule.table).set("Priority", rule.priority);
    }
}
