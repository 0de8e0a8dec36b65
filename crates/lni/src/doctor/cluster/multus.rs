//! Multus: what NetworkAttachmentDefinitions put on the LNI.

use hybridge_report::Finding;
use serde_json::Value;

use super::{View, named};
use crate::verdict::{Check, Verdict};

const NETWORKS: Check = Check::new("multus.networks", "networks of Multus can work on an LNI");

/// All of these.
pub(super) const CHECKS: [Check; 1] = [NETWORKS];

pub(super) fn checks(view: &View<'_>) -> Vec<Verdict> {
    let networks = match view.kind("NetworkAttachmentDefinition") {
        Ok(networks) => networks,
        Err(why) => return vec![NETWORKS.skip(why)],
    };
    let mut findings = Vec::new();
    let mut fine = Vec::new();
    for network in networks {
        // Without `spec.config` the file of the same name on the node's disk counts.
        let Some(config) = network["spec"]["config"].as_str().filter(|text| !text.trim().is_empty()) else { continue };
        let Ok(config) = serde_json::from_str::<Value>(config) else {
            let finding = Finding::error(NETWORKS.code, named(network), "spec.config is no JSON: Multus attaches nothing");
            findings.push(finding.fix("write one object as a text"));
            continue;
        };
        let before = findings.len();
        let plugins = config["plugins"].as_array().map_or_else(|| vec![&config], |plugins| plugins.iter().collect());
        let on_lni = plugins.into_iter().filter(|plugin| is_on_lni(view, plugin)).collect::<Vec<_>>();
        findings.extend(on_lni.iter().filter_map(|plugin| judge(plugin, &named(network))));
        if !on_lni.is_empty() && findings.len() == before {
            fine.push(named(network));
        }
    }
    let on = if fine.is_empty() { "none".to_owned() } else { fine.join(", ") };
    vec![NETWORKS.of(format!("{} networks; on the LNI and fine: {on}", networks.len()), findings)]
}

fn is_on_lni(view: &View<'_>, plugin: &Value) -> bool {
    let interface = plugin["master"].as_str().or_else(|| plugin["device"].as_str()).unwrap_or_default();
    view.is_lni(interface) || view.below.iter().any(|below| below == interface)
}

/// An LNI lets out only what carries its own MAC address.
fn judge(plugin: &Value, place: &str) -> Option<Finding> {
    match plugin["type"].as_str().unwrap_or_default() {
        // In the mode `passthru`, the child has the address of its master.
        "macvlan" if plugin["mode"] == "passthru" => None,
        "macvlan" => {
            let what = "macvlan gives each pod a MAC address of its own, and an LNI lets out only what carries the one that AWS gave it (no \
                        promiscuous mode, no MAC spoofing): the pods would reach nobody";
            Some(Finding::error(NETWORKS.code, place, what).fix("write \"type\": \"ipvlan\", which uses the MAC address of the LNI"))
        }
        "host-device" => {
            let what =
                "host-device takes the LNI away from the node and gives it to one pod: no Service of the node answers in the LAN then";
            Some(Finding::warning(NETWORKS.code, place, what).fix("fine if that pod alone is to have it; else write \"type\": \"ipvlan\""))
        }
        _ => None,
    }
}
