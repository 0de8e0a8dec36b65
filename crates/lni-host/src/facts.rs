//! What decisions about an LNI depend on, gathered from this machine.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use hybridge_lni::facts::{Ec2Interface, Facts};
use hybridge_model::Cidr4;
use hybridge_model::routing::Routing;
use hybridge_netlink::Netlink;

use crate::error::HostError;
use crate::{marks, nft, sysctl};

/// What instance metadata tells; asked by the command, which knows how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ec2 {
    /// All interfaces.
    pub interfaces: Vec<Ec2Interface>,
    /// Networks of the VPC.
    pub vpc_cidrs: Vec<Cidr4>,
}

/// How long a program is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Units of systemd that meddle with interfaces, routes or nftables.
const UNITS: [&str; 10] = [
    "systemd-networkd.service",
    "NetworkManager.service",
    "nm-cloud-setup.*",
    "policy-routes@*",
    "refresh-policy-routes@*",
    "udev-net-manager@*",
    "firewalld.service",
    "nftables.service",
    "iptables.service",
    "ufw.service",
];

/// Everything but what instance metadata tells. What cannot be found out stands in `missing`.
pub async fn gather(netlink: &Netlink) -> Result<Facts, HostError> {
    let (routing, marks, units, nft) = tokio::join!(netlink.routing(), bounded(marks::in_use()), bounded(units()), has_nft());
    let routing = routing?;
    let mut missing = BTreeMap::new();
    let mut or_missing = |what: &str, why: String| drop(missing.insert(what.to_owned(), why));
    let marks = marks.unwrap_or_else(|why| {
        or_missing("marks", why);
        BTreeMap::new()
    });
    let units = units.unwrap_or_else(|why| {
        or_missing("units", why);
        BTreeSet::new()
    });
    Ok(Facts { sysctls: sysctls(&routing), routing, marks, nft, units, os: os(), missing, ..Facts::default() })
}

/// Nothing here is worth a machine that waits at boot: systemd may be busy, and nftables large.
async fn bounded<T>(question: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let answer = tokio::time::timeout(PATIENCE, question).await;
    answer.unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())))
}

/// Puts in what instance metadata told.
pub fn put(facts: &mut Facts, ec2: Ec2) {
    facts.interfaces = ec2.interfaces;
    facts.vpc_cidrs = ec2.vpc_cidrs;
}

/// Of all interfaces with an Ethernet address and of `all`, for which the kernel takes the larger one.
fn sysctls(routing: &Routing) -> BTreeMap<String, String> {
    let interfaces = routing.links.iter().filter(|link| link.mac.is_some()).map(|link| link.name.as_str());
    let names = interfaces
        .chain(["all"])
        .flat_map(|name| ["rp_filter", "arp_ignore", "arp_announce", "src_valid_mark"].map(|key| format!("net.ipv4.conf.{name}.{key}")));
    let names = names.chain(["net.ipv4.ip_forward".to_owned()]);
    names.filter_map(|name| sysctl::read(&name).map(|value| (name, value))).collect()
}

async fn units() -> Result<BTreeSet<String>, String> {
    let output = nft::command("systemctl")
        .args(["list-units", "--all", "--plain", "--no-legend", "--no-pager", "--state=active,activating"])
        .args(UNITS)
        .output()
        .await
        .map_err(|error| format!("`systemctl`: {error}"))?;
    if !output.status.success() {
        return Err(format!("`systemctl`: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}

async fn has_nft() -> bool {
    nft::command("nft").arg("--version").output().await.is_ok_and(|output| output.status.success())
}

fn os() -> String {
    let text = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let id = text.lines().find_map(|line| line.strip_prefix("ID="));
    id.unwrap_or_default().trim_matches('"').to_owned()
}
