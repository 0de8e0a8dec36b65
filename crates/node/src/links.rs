//! Who configures a network interface of an EC2 instance: systemd-networkd those that the machine starts with, the VPC CNI those
//! that it attaches later. If both did, networkd would take away the CNI's routes.
//!
//! udev tells of each interface (`nodeadm-internal udev-net-manager`); at boot `nodeadm-internal boot-hook` waits for networkd.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::plan::File;

/// Where the decision about each interface is kept, below it one directory for each instance id: an image made from a running
/// instance must not bring along what was decided on that one.
pub const DECISIONS: &str = "/etc/eks/nodeadm/udev-net-manager";
/// Made when services are started, after which interfaces are the CNI's.
pub const MARKER: &str = "/run/nodeadm/init";

/// Who configures an interface. The names are those of systemd's property `ID_NET_MANAGED_BY`, as both nodeadms write them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Manager {
    /// systemd-networkd.
    #[serde(rename = "io.systemd.Network")]
    Networkd,
    /// The VPC CNI.
    #[serde(rename = "cni")]
    Cni,
}

/// A decision as it is kept: the MAC tells whether the interface of this name is still the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// MAC address as sysfs has it.
    pub mac: String,
    /// Who.
    pub manager: Manager,
}

impl Decision {
    /// Reads what was kept; nodeadm of 2025 wrote the manager's name alone, which counts for whatever MAC.
    pub fn read(kept: &str, mac: &str) -> Option<Self> {
        let kept = kept.trim();
        if let Ok(decision) = serde_json::from_str::<Self>(kept) {
            return (decision.mac == mac).then_some(decision);
        }
        let manager = serde_json::from_value(kept.into()).ok()?;
        Some(Self { mac: mac.to_owned(), manager })
    }

    /// Decides: what was decided earlier holds; before services were started, an interface is networkd's, later the CNI's.
    pub fn make(kept: Option<&str>, mac: &str, marker: bool) -> Self {
        kept.and_then(|kept| Self::read(kept, mac))
            .unwrap_or(Self { mac: mac.to_owned(), manager: if marker { Manager::Cni } else { Manager::Networkd } })
    }

    /// The text to keep.
    pub fn text(&self) -> String {
        serde_json::to_string(self).expect("two texts are JSON")
    }
}

/// An interface that networkd is to configure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Kernel name.
    pub name: String,
    /// MAC address.
    pub mac: String,
    /// Network card it is on; 0 for most instances.
    pub network_card: u32,
    /// Number on that card; the primary interface is 0.
    pub device: u32,
    /// None for the primary interface, which needs no table of its own, and where IMDS tells no IPv4 address.
    pub secondary: Option<Option<Ipv4Addr>>,
}

/// Metric of the primary interface's routes and first table of others (amazon-ec2-net-utils, lib.sh: metric_base, rule_base).
const METRIC: u32 = 512;
const TABLE: u32 = 10_000;
/// Of the rule that sends what comes from an interface's address back through it: just before the main table.
const PRIORITY: u32 = 32_765;

impl Link {
    /// Where its file is; also to remove it once the interface is gone.
    pub fn path(name: &str) -> String {
        format!("/run/systemd/network/70-eks-{name}.network")
    }

    /// systemd.network(5) for it.
    pub fn file(&self) -> File {
        let number = 100 * self.network_card + self.device;
        let (metric, mac) = (METRIC + number, &self.mac);
        let mut text = format!(
            "# Written by hybridge for {}; gone after the next boot.\n\n[Match]\nPermanentMACAddress={mac}\n\n[Link]\nMTUBytes=9001\n\n\
             [Network]\nDHCP=yes\nIPv6DuplicateAddressDetection=0\nLLMNR=no\nDNSDefaultRoute=yes\n\n\
             [DHCPv4]\nUseHostname=no\nUseDNS=yes\nUseNTP=yes\nUseDomains=yes\nUseRoutes=true\nUseGateway=true\nRouteMetric={metric}\n\n\
             [DHCPv6]\nUseHostname=no\nUseDNS=yes\nUseNTP=yes\nWithoutRA=solicit\n\n\
             [IPv6AcceptRA]\nUseGateway=true\nRouteMetric={metric}\n",
            self.name
        );
        if let Some(address) = self.secondary {
            let table = TABLE + number;
            text += &format!("\n[Route]\nTable={table}\nGateway=_ipv6ra\n\n[Route]\nTable={table}\nGateway=_dhcp4\n");
            if let Some(address) = address {
                text += &format!("\n[RoutingPolicyRule]\nFrom={address}\nPriority={PRIORITY}\nTable={table}\n");
            }
        }
        File::new(Self::path(&self.name), text)
    }
}

/// Takes the distribution's own file for every interface (`80-ec2.network` of amazon-ec2-net-utils) out of force, once the primary
/// interface has one of its own.
pub fn no_default() -> File {
    File::new("/run/systemd/network/80-ec2.network.d/10-eks-disable.conf", "[Match]\nName=none\n")
}

/// One interface as `networkctl list --json=short` tells it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Listed {
    /// Kernel name.
    pub name: String,
    /// `configured`, `configuring`, `unmanaged` …
    #[serde(default)]
    pub administrative_state: String,
}

/// All of them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct List {
    interfaces: Vec<Listed>,
}

/// Reads what networkctl prints.
///
/// # Errors
/// It is no such JSON.
pub fn listed(json: &str) -> Result<Vec<Listed>, serde_json::Error> {
    serde_json::from_str::<List>(json).map(|list| list.interfaces)
}

/// What boot still has to wait for, a sentence each: networkd's interfaces must be configured, all others not be its own.
pub fn unsettled(listed: &[Listed], networkd: &[String]) -> Vec<String> {
    let mut waiting: Vec<String> = networkd
        .iter()
        .filter(|name| !listed.iter().any(|link| link.name == **name))
        .map(|name| format!("{name} is not there yet"))
        .collect();
    for Listed { name, administrative_state: state } in listed {
        let wanted = if networkd.contains(name) { "configured" } else { "unmanaged" };
        if state != wanted {
            waiting.push(format!("{name} is {state}, not yet {wanted}"));
        }
    }
    waiting
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: &str = "0e:49:61:0f:c3:11";

    #[test]
    fn a_decision_holds_for_the_interface_it_was_made_for() {
        let networkd = r#"{"mac":"0e:49:61:0f:c3:11","manager":"io.systemd.Network"}"#;
        for (kept, mac, marker, manager) in [
            (None, MAC, false, Manager::Networkd),
            (None, MAC, true, Manager::Cni),
            (Some(networkd), MAC, true, Manager::Networkd),
            (Some(networkd), "0e:00:00:00:00:01", true, Manager::Cni),
            (Some("io.systemd.Network\n"), MAC, true, Manager::Networkd),
            (Some("cni"), MAC, false, Manager::Cni),
            (Some("half a fi"), MAC, false, Manager::Networkd),
        ] {
            let decision = Decision::make(kept, mac, marker);
            assert_eq!((decision.manager, decision.mac.as_str()), (manager, mac), "{kept:?} {marker}");
            assert_eq!(Decision::read(&decision.text(), mac), Some(decision));
        }
    }

    #[test]
    fn the_primary_interface_has_the_lowest_metric_and_no_table_of_its_own() {
        let primary = Link { name: "ens5".into(), mac: MAC.into(), network_card: 0, device: 0, secondary: None };
        insta::assert_snapshot!(primary.file().content);
        let second =
            Link { name: "ens6".into(), network_card: 1, device: 2, secondary: Some(Some(Ipv4Addr::new(172, 16, 34, 44))), ..primary };
        let text = second.file().content;
        for line in ["RouteMetric=614", "Table=10102", "From=172.16.34.44", "Priority=32765"] {
            assert!(text.lines().any(|found| found == line), "{line}");
        }
        let without = Link { secondary: Some(None), ..second };
        assert!(without.file().content.contains("Table=10102") && !without.file().content.contains("From="));
    }

    #[test]
    fn boot_waits_until_each_interface_is_whose_it_should_be() {
        let list = |state: &str, other: &str| {
            listed(&format!(
                r#"{{"Interfaces":[{{"Index":1,"Name":"lo","AdministrativeState":"unmanaged"}},
                {{"Index":2,"Name":"ens5","Type":"ether","AdministrativeState":"{state}"}},{{"Name":"ens6","AdministrativeState":"{other}"}}]}}"#
            ))
            .unwrap()
        };
        let ours = ["ens5".to_owned()];
        assert_eq!(unsettled(&list("configured", "unmanaged"), &ours), Vec::<String>::new());
        assert_eq!(unsettled(&list("configuring", "unmanaged"), &ours), ["ens5 is configuring, not yet configured"]);
        assert_eq!(unsettled(&list("configured", "configured"), &ours), ["ens6 is configured, not yet unmanaged"]);
        assert_eq!(unsettled(&list("configured", "unmanaged"), &["ens9".to_owned()]).len(), 2);
        assert!(listed("Interfaces").is_err());
    }
}
