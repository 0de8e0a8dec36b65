//! Interfaces and the default route.

use std::collections::BTreeMap;
use std::net::IpAddr;

use hybridge_node::facts::Interface;
use ipnet::IpNet;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::SockaddrStorage;

use super::Part;
use crate::host::Host;

/// Interfaces that are up, without the loopback, and the one of the default route with the lowest metric.
pub(super) fn interfaces(host: &Host) -> Part {
    let addresses = up();
    let mtu = |name: &str| host.line(&format!("/sys/class/net/{name}/mtu")).and_then(|line| line.parse().ok()).unwrap_or_default();
    let found = addresses
        .map(|addresses| addresses.into_iter().map(|(name, addresses)| Interface { mtu: mtu(&name), name, addresses }).collect::<Vec<_>>());
    let default = default_interface(&host.text("/proc/net/route").ok().flatten().unwrap_or_default());
    Box::new(move |facts| {
        facts.default_interface = default;
        match found {
            Ok(found) => facts.interfaces = found,
            Err(error) => drop(facts.missing.insert("interfaces".into(), error.to_string())),
        }
    })
}

fn up() -> nix::Result<BTreeMap<String, Vec<IpNet>>> {
    let mut interfaces: BTreeMap<String, Vec<IpNet>> = BTreeMap::new();
    for entry in getifaddrs()? {
        if !entry.flags.contains(InterfaceFlags::IFF_UP) || entry.flags.contains(InterfaceFlags::IFF_LOOPBACK) {
            continue;
        }
        let addresses = interfaces.entry(entry.interface_name.clone()).or_default();
        let pair = (entry.address.as_ref().and_then(ip), entry.netmask.as_ref().and_then(ip));
        if let (Some(address), Some(mask)) = pair {
            addresses.extend(IpNet::with_netmask(address, mask));
        }
    }
    Ok(interfaces)
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
}

/// From `/proc/net/route`: destination and mask 0, up (flag 1), lowest metric.
fn default_interface(text: &str) -> Option<String> {
    let routes = text.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [name, destination, _, flags, _, _, metric, mask, ..] = fields[..] else { return None };
        let up = u16::from_str_radix(flags, 16).is_ok_and(|flags| flags & 1 == 1);
        (up && destination == "00000000" && mask == "00000000").then(|| (metric.parse::<u32>().unwrap_or(u32::MAX), name.to_owned()))
    });
    routes.min().map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_route_of_lowest_metric_counts() {
        let head = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";
        let text = format!(
            "{head}ens6\t00000000\t0100000A\t0003\t0\t0\t1024\t00000000\t0\t0\t0\nens5\t00000000\t0100000A\t0003\t0\t0\t512\t00000000\t0\t0\t0\n\
             ens7\t00000000\t0100000A\t0002\t0\t0\t1\t00000000\t0\t0\t0\nens5\t0000000A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
        );
        assert_eq!(default_interface(&text).as_deref(), Some("ens5"));
        assert_eq!(default_interface(head), None);
    }
}
