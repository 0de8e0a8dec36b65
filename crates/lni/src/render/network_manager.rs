//! Keyfiles of NetworkManager, from version 1.30 on (RHEL 8.4).

use hybridge_model::MacAddr;
use hybridge_model::routing::Selector;

use super::{File, Ini};
use crate::desired::{self, gateway};
use crate::profile::Addressing;
use crate::resolve::Lni;
use crate::state::NAME;

/// Of the LAN's router, where DHCP names one itself with 100.
const FALLBACK_METRIC: u32 = 2048;
/// NetworkManager's word for ever, in seconds.
const FOREVER: u32 = 0x7fff_ffff;

/// Keyfiles that others may read are passed over.
fn keyfile(name: &str, ini: Ini) -> File {
    File { mode: 0o600, ..File::new(format!("NetworkManager/system-connections/{name}.nmconnection"), ini.0) }
}

pub(super) fn files(lni: &Lni) -> Vec<File> {
    let mut base = Ini::new();
    connection(&mut base, "hybridge-lni", &uuid(lni.mac, 0), "ethernet");
    base.section("ethernet").set("mac-address", lni.mac.to_string().to_uppercase()).set("mtu", lni.profile.mtu);
    let Some(vlan) = lni.profile.vlan else {
        ipv4(lni, &mut base);
        base.section("ipv6").set("method", "disabled");
        return vec![keyfile("hybridge-lni", base)];
    };
    base.section("ipv4").set("method", "disabled");
    base.section("ipv6").set("method", "disabled");
    let mut above = Ini::new();
    connection(&mut above, "hybridge-lni-vlan", &uuid(lni.mac, vlan), "vlan");
    above.set("interface-name", &lni.name);
    above.section("vlan").set("id", vlan).set("parent", NAME);
    above.section("ethernet").set("mtu", lni.profile.mtu);
    ipv4(lni, &mut above);
    above.section("ipv6").set("method", "disabled");
    vec![keyfile("hybridge-lni", base), keyfile("hybridge-lni-vlan", above)]
}

fn connection(ini: &mut Ini, id: &str, uuid: &str, kind: &str) {
    ini.section("connection").set("id", id).set("uuid", uuid).set("type", kind);
    ini.set("autoconnect", "true").set("autoconnect-priority", 100).set("autoconnect-retries", 0);
}

/// The same for the same interface: `4c4e49` is LNI in ASCII.
fn uuid(mac: MacAddr, vlan: u16) -> String {
    let mac: String = mac.octets().iter().map(|octet| format!("{octet:02x}")).collect();
    format!("4c4e4900-{vlan:04x}-4000-8000-{mac}")
}

/// With `route-table`, attached and default routes are in that table alone. `never-default` would leave the default route out there, too.
fn ipv4(lni: &Lni, ini: &mut Ini) {
    ini.section("ipv4");
    match &lni.profile.address {
        Addressing::Static { cidr, .. } => {
            let gateway = gateway(&lni.profile, None).map(|gateway| format!(",{gateway}")).unwrap_or_default();
            ini.set("method", "manual").set("address1", format_args!("{cidr}{gateway}"));
        }
        Addressing::Dhcp { use_dns, .. } => {
            ini.set("method", "auto").set("dhcp-client-id", "mac").set("dhcp-send-hostname", "false").set("dhcp-timeout", FOREVER);
            ini.set("ignore-auto-dns", !use_dns);
            if let Some(gateway) = lni.profile.lan.gateway {
                ini.set("route1", format_args!("0.0.0.0/0,{gateway},{FALLBACK_METRIC}"));
            }
        }
    }
    ini.set("route-table", lni.profile.routing.table);
    for (number, rule) in (1..).zip(desired::rules(&lni.profile)) {
        let selector = match &rule.selector {
            Selector::Mark { mark, mask } => format!("fwmark {mark:#x}/{mask:#x}"),
            Selector::To(cidr) => format!("to {cidr}"),
            // None of ours is of these kinds.
            Selector::From(_) | Selector::Other(_) => continue,
        };
        let from = if matches!(rule.selector, Selector::Mark { .. }) { "from 0.0.0.0/0 " } else { "" };
        let (priority, table) = (rule.priority, rule.table);
        ini.set(&format!("routing-rule{number}"), format_args!("priority {priority} {from}{selector} table {table}"));
    }
}
