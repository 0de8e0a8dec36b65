//! netplan, and what it cannot say as drop-ins for the files of networkd that it writes.
//!
//! netplan has no masks of marks and no table for DHCP's routes, so rules and DHCP's settings are drop-ins.

use serde_json::{Map, Value, json};

use super::{File, HEAD, Ini, networkd};
use crate::desired::gateway;
use crate::profile::Addressing;
use crate::resolve::Lni;
use crate::state::NAME;

/// Of the interface in netplan's file; networkd's files have it in their names.
const ID: &str = "hybridge-lni";

pub(super) fn files(lni: &Lni) -> Vec<File> {
    let mut ethernet = json!({
        "match": { "macaddress": lni.mac },
        "set-name": NAME,
        "mtu": lni.profile.mtu,
        "optional": true,
        "dhcp4": false,
        "dhcp6": false,
        "accept-ra": false,
        "link-local": [],
    });
    let mut network = json!({ "version": 2, "renderer": "networkd" });
    let above = match lni.profile.vlan {
        None => {
            extend(&mut ethernet, addresses(lni));
            ID
        }
        Some(vlan) => {
            let mut above = json!({
                "id": vlan, "link": ID, "mtu": lni.profile.mtu, "optional": true,
                "dhcp4": false, "dhcp6": false, "accept-ra": false, "link-local": [],
            });
            extend(&mut above, addresses(lni));
            network["vlans"] = json!({ lni.name.as_str(): above });
            lni.name.as_str()
        }
    };
    network["ethernets"] = json!({ ID: ethernet });
    let text = format!("{HEAD}{}", hybridge_document::write(&json!({ "network": network })));
    vec![
        // netplan warns of files that others may read.
        File { mode: 0o600, ..File::new("netplan/90-hybridge-lni.yaml", text) },
        File::new(format!("systemd/network/10-netplan-{above}.network.d/10-hybridge-lni.conf"), drop_in(lni)),
    ]
}

fn extend(object: &mut Value, more: Map<String, Value>) {
    if let Some(object) = object.as_object_mut() {
        object.extend(more);
    }
}

fn addresses(lni: &Lni) -> Map<String, Value> {
    let table = lni.profile.routing.table;
    let said = match &lni.profile.address {
        Addressing::Static { cidr, .. } => {
            let mut routes = vec![json!({ "to": cidr.network(), "scope": "link", "from": cidr.address, "table": table })];
            routes.extend(
                gateway(&lni.profile, None).map(|via| json!({ "to": "0.0.0.0/0", "via": via, "from": cidr.address, "table": table })),
            );
            json!({ "addresses": [cidr], "routes": routes })
        }
        Addressing::Dhcp { use_dns, .. } => json!({
            "dhcp4": true,
            "dhcp-identifier": "mac",
            "dhcp4-overrides": {
                "use-dns": use_dns, "use-domains": false, "use-hostname": false, "use-mtu": false, "use-ntp": false, "use-routes": false,
                "send-hostname": false,
            },
        }),
    };
    match said {
        Value::Object(map) => map,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}

fn drop_in(lni: &Lni) -> String {
    let mut ini = Ini::new();
    ini.section("Network").set("IgnoreCarrierLoss", "yes");
    match lni.profile.address {
        Addressing::Static { .. } => {
            ini.set("ConfigureWithoutCarrier", "yes").set("KeepConfiguration", "static");
        }
        Addressing::Dhcp { use_dns, .. } => {
            ini.set("KeepConfiguration", "dhcp-on-stop").set("DNSDefaultRoute", if use_dns { "yes" } else { "no" });
            networkd::dhcp(lni, use_dns, &mut ini);
            networkd::fallback(lni, &mut ini);
        }
    }
    networkd::rules(lni, &mut ini);
    ini.0
}
