//! The node's address, as kubelet finds it, and the networks that the cluster knows as remote.

use std::net::{IpAddr, Ipv4Addr};

use hybridge_report::Finding;
use ipnet::IpNet;

use super::Subject;

const FLAG: &str = "--node-ip";
const PLACE: &str = "spec.kubelet.flags";

pub(super) fn node_ip(subject: &Subject<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let address = match flag(subject) {
        Some(text) => match given(text) {
            Ok(Some(address)) => {
                findings.extend(not_here(subject, address));
                Some(address)
            }
            Ok(None) => found(subject),
            Err(finding) => return vec![*finding],
        },
        None => found(subject),
    };
    let Some(address) = address else {
        findings.push(
            Finding::error(
                "node-ip.none",
                "node",
                "has no IPv4 address that kubelet would take: neither by its name nor on the interface of the default route",
            )
            .fix(format!("give the interface an address, or write {FLAG}=ADDRESS in {PLACE}")),
        );
        return findings;
    };
    findings.extend(outside(subject, address));
    findings
}

/// The last `--node-ip`, as flags that stand later win.
fn flag<'a>(subject: &Subject<'a>) -> Option<&'a str> {
    let value = |flag: &'a String| flag.trim().strip_prefix(FLAG)?.strip_prefix(['=', ' ']).map(str::trim);
    subject.config.kubelet.flags.iter().rev().find_map(value)
}

/// The address of the flag; none for `0.0.0.0`, which leaves the choice to kubelet.
fn given(text: &str) -> Result<Option<Ipv4Addr>, Box<Finding>> {
    let wrong = |what: &str| {
        let finding = Finding::error("node-ip.flag", PLACE, format!("{FLAG}={text}: {what}"));
        Err(Box::new(finding.fix(format!("write one IPv4 address of this machine, or leave {FLAG} out"))))
    };
    if text.contains(',') {
        return wrong("is a list; nodes outside have one address");
    }
    match text.parse() {
        Ok(IpAddr::V4(address)) if address.is_unspecified() => Ok(None),
        Ok(IpAddr::V4(address)) if !usable(address) => wrong("is a loopback, multicast or link-local address, which kubelet refuses"),
        Ok(IpAddr::V4(address)) => Ok(Some(address)),
        Ok(IpAddr::V6(_)) => wrong("is an IPv6 address; nodes outside have IPv4"),
        Err(_) => wrong("is no address"),
    }
}

/// What kubelet takes by itself: the first address of its name that is on an interface, else that of the default route's interface.
fn found(subject: &Subject<'_>) -> Option<Ipv4Addr> {
    let facts = subject.facts;
    let name = subject.config.hybrid.as_ref()?.iam_roles_anywhere.as_ref().map(|settings| settings.node_name.as_str());
    let by_name = name.and_then(|name| facts.resolved.get(name)).into_iter().flatten().filter_map(v4);
    let local = addresses(subject, None);
    by_name.into_iter().find(|address| usable(*address) && local.contains(address)).or_else(|| {
        let interface = facts.default_interface.as_deref()?;
        addresses(subject, Some(interface)).into_iter().find(|address| usable(*address))
    })
}

fn v4(address: &IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(address) => Some(*address),
        IpAddr::V6(_) => None,
    }
}

fn addresses(subject: &Subject<'_>, interface: Option<&str>) -> Vec<Ipv4Addr> {
    let interfaces = subject.facts.interfaces.iter().filter(|known| interface.is_none_or(|name| known.name == name));
    interfaces.flat_map(|interface| &interface.addresses).filter_map(|address| v4(&address.addr())).collect()
}

fn usable(address: Ipv4Addr) -> bool {
    !(address.is_loopback() || address.is_multicast() || address.is_link_local() || address.is_unspecified())
}

/// kubelet itself refuses an address that is on no interface, but only later.
fn not_here(subject: &Subject<'_>, address: Ipv4Addr) -> Option<Finding> {
    (!addresses(subject, None).contains(&address)).then(|| {
        Finding::warning(
            "node-ip.not-local",
            PLACE,
            format!("{FLAG}={address} is on no interface of this machine; kubelet will not start with it"),
        )
        .fix("give an interface this address, or write one that is there (ip -4 address)")
    })
}

fn outside(subject: &Subject<'_>, address: Ipv4Addr) -> Option<Finding> {
    let networks = subject.facts.cluster.as_ref()?.remote_node_networks.as_ref()?;
    let holds = |network: &String| network.parse::<IpNet>().is_ok_and(|network| network.contains(&IpAddr::V4(address)));
    (!networks.iter().any(holds)).then(|| {
        Finding::error(
            "node-ip.outside",
            address.to_string(),
            format!("the node's address lies in none of the cluster's remote node networks ({})", networks.join(", ")),
        )
        .fix(format!(
            "write {FLAG}=ADDRESS of an interface in one of them in {PLACE}, or add the network to the cluster's remoteNetworkConfig"
        ))
    })
}
