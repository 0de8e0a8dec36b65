//! The ruleset of nftables: marks for replies, firewall, masquerading.
//!
//! Two tables, `inet hybridge_lni` and `ip hybridge_lni_nat`:
//!
//! | chain | what it does | without it |
//! |---|---|---|
//! | `lni_pre`, `lni_out` | what the LAN begins gets a bit in the connection's mark; replies carry it to the routing rules | replies leave by the VPC's interfaces, where EC2 drops them |
//! | `lni_in` | only replies, ICMP, declared ports and Services on the host's network | no security group applies to an LNI |
//! | `lni_fwd` | only replies and what was sent to an address of the LAN and is a Service | a route on a LAN host is enough to reach pods and cluster addresses |
//! | `post` | what leaves by the LNI has its address | the VPC CNI's own rule, which runs later, writes the address of the first interface |

use std::collections::BTreeSet;

use hybridge_model::Cidr4;

use crate::profile::{Addressing, Port, Profile, Protocol};
use crate::resolve::Lni;
use crate::state::{NAT_TABLE, TABLE};

/// The ruleset as text for `nft -f`: replaces our tables whole, in one transaction, and touches no other.
///
/// A table is added before it is deleted, so that deleting cannot fail. One statement a line: nft 1.0.6 refuses several with the
/// closing brace.
pub fn ruleset(lni: &Lni) -> String {
    let mut out = Lines::default();
    for table in [format!("inet {TABLE}"), format!("ip {NAT_TABLE}")] {
        out.line(&format!("add table {table}"));
        out.line(&format!("delete table {table}"));
    }
    out.block(&format!("table inet {TABLE}"), |out| {
        marks(lni, out);
        chain(out, "lni_in", "filter hook input priority filter - 5", &input(lni));
        chain(out, "lni_fwd", "filter hook forward priority filter - 5", &forward(lni));
    });
    out.block(&format!("table ip {NAT_TABLE}"), |out| {
        chain(out, "post", "nat hook postrouting priority srcnat - 1", &[format!("oifname \"{}\" masquerade", lni.name)]);
    });
    out.text
}

/// What takes our tables away, if they are there, and touches no other.
pub fn delete() -> String {
    let mut out = Lines::default();
    for table in [format!("inet {TABLE}"), format!("ip {NAT_TABLE}")] {
        out.line(&format!("add table {table}"));
        out.line(&format!("delete table {table}"));
    }
    out.text
}

/// Only our bit is set, in the packet's mark as in the connection's: the others belong to kube-proxy and the CNI.
///
/// It is set by every packet from who began a connection, not by the first alone: a connection that began while the table was gone
/// works again with its next packet.
fn marks(lni: &Lni, out: &mut Lines) {
    let (name, mark) = (&lni.name, lni.profile.routing.mark);
    let restore = format!("ct mark & {mark:#x} == {mark:#x} meta mark set meta mark | {mark:#x}");
    let begin = format!("iifname \"{name}\" ct direction original ct mark set ct mark | {mark:#x}");
    chain(out, "lni_pre", "filter hook prerouting priority mangle - 5", &[begin, format!("iifname != \"{name}\" {restore}")]);
    chain(out, "lni_out", "route hook output priority mangle - 5", &[restore]);
}

fn input(lni: &Lni) -> Vec<String> {
    let Profile { address, firewall, .. } = &lni.profile;
    let on = format!("iifname \"{}\"", lni.name);
    let mut rules = vec![format!("{on} ct state established,related accept")];
    if matches!(address, Addressing::Dhcp { .. }) {
        rules.push(format!("{on} meta nfproto ipv4 udp sport 67 udp dport 68 accept"));
    }
    rules.push(format!("{on} icmp type {{ echo-request, destination-unreachable, time-exceeded }} accept"));
    // A Service whose pods use the network of the host.
    rules.push(format!("{on} {} accept", service(&lni.profile)));
    if !firewall.allow_from.is_empty() {
        let from = networks(&firewall.allow_from);
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            let ports: BTreeSet<u16> =
                firewall.host_ports.iter().filter(|port| port.protocol == protocol).map(|Port { port, .. }| *port).collect();
            if !ports.is_empty() {
                rules.push(format!("{on} ip saddr {from} {protocol} dport {} accept", set(ports.iter())));
            }
        }
    }
    rules.push(format!("{on} counter drop"));
    untagged(lni, &mut rules);
    rules
}

fn forward(lni: &Lni) -> Vec<String> {
    let on = format!("iifname \"{}\"", lni.name);
    let mut rules = vec![
        format!("{on} ct state established,related accept"),
        format!("{on} {} accept", service(&lni.profile)),
        format!("{on} counter drop"),
    ];
    untagged(lni, &mut rules);
    rules
}

/// What a Service took: its destination was changed, and what the client wrote to was an address of the LAN. Cluster addresses of
/// Services are changed too, and a LAN host could route them to the node.
fn service(profile: &Profile) -> String {
    format!("ct status dnat ct original ip daddr {}", networks(&profile.lan.cidrs))
}

/// Below a VLAN lies an interface on the LAN that has no use of its own.
fn untagged(lni: &Lni, rules: &mut Vec<String>) {
    if let Some(parent) = &lni.parent {
        rules.push(format!("iifname \"{}\" counter drop", parent.name));
    }
}

fn chain(out: &mut Lines, name: &str, hook: &str, rules: &[String]) {
    out.block(&format!("chain {name}"), |out| {
        out.line(&format!("type {hook}; policy accept;"));
        for rule in rules {
            out.line(rule);
        }
    });
}

/// Those that lie in no other: nft refuses intervals that overlap.
fn networks(cidrs: &[Cidr4]) -> String {
    let distinct: BTreeSet<_> = cidrs.iter().collect();
    set(distinct.iter().filter(|one| !distinct.iter().any(|other| other != *one && other.covers(***one))))
}

fn set<T: ToString>(items: impl Iterator<Item = T>) -> String {
    format!("{{ {} }}", items.map(|item| item.to_string()).collect::<Vec<_>>().join(", "))
}

/// Indented text.
#[derive(Default)]
struct Lines {
    text: String,
    depth: usize,
}

impl Lines {
    fn line(&mut self, line: &str) {
        self.text.push_str(&"\t".repeat(self.depth));
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn block(&mut self, head: &str, body: impl FnOnce(&mut Self)) {
        self.line(&format!("{head} {{"));
        self.depth += 1;
        body(self);
        self.depth -= 1;
        self.line("}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::tests::lni;
    use crate::resolve::Parent;

    /// Rules of one chain.
    fn chain(text: &str, name: &str) -> Vec<String> {
        let (_, body) = text.split_once(&format!("chain {name} {{\n")).unwrap();
        let (body, _) = body.split_once("\n\t}\n").unwrap();
        body.lines().skip(1).map(|line| line.trim().to_owned()).collect()
    }

    #[test]
    fn the_whole_ruleset_as_it_is_loaded() {
        insta::assert_snapshot!(ruleset(&lni(|lni| {
            lni.profile.firewall.allow_from.extend(["192.168.2.128/25", "10.9.0.0/16"].map(|cidr| cidr.parse::<Cidr4>().unwrap()));
            lni.profile.firewall.host_ports = vec![
                Port { protocol: Protocol::Tcp, port: 9100 },
                Port { protocol: Protocol::Udp, port: 161 },
                Port { protocol: Protocol::Tcp, port: 22 },
            ];
        })));
    }

    #[test]
    fn only_dhcp_lets_its_answers_in() {
        let dhcp = |text: &str| chain(text, "lni_in").iter().any(|rule| rule.contains("udp sport 67"));
        assert!(!dhcp(&ruleset(&lni(|_| ()))));
        assert!(dhcp(&ruleset(&lni(|lni| lni.profile.address = Addressing::Dhcp { use_dns: false, use_default_route: false }))));
    }

    #[test]
    fn ports_without_anybody_who_may_reach_them_stay_closed() {
        let text = ruleset(&lni(|lni| {
            lni.profile.firewall.host_ports = vec![Port { protocol: Protocol::Tcp, port: 22 }];
            lni.profile.firewall.allow_from.clear();
        }));
        assert!(!text.contains("dport 22"), "{text}");
    }

    #[test]
    fn what_comes_in_without_the_tag_of_the_vlan_is_dropped() {
        let text = ruleset(&lni(|lni| {
            lni.profile.vlan = Some(59);
            lni.name = "lni59".into();
            lni.parent = Some(Parent { link: 3, name: "eth1".into() });
        }));
        for name in ["lni_in", "lni_fwd"] {
            assert_eq!(chain(&text, name).last().unwrap(), "iifname \"eth1\" counter drop");
        }
        assert!(text.contains("oifname \"lni59\" masquerade") && !text.contains("oifname \"eth1\""), "{text}");
    }

    #[test]
    fn marks_of_others_are_never_touched() {
        let text = ruleset(&lni(|lni| lni.profile.routing.mark = 0x100));
        let set: Vec<_> = text.lines().filter(|line| line.contains(" mark set ")).collect();
        assert_eq!(set.len(), 3);
        for line in set {
            let after = line.rsplit(" mark set ").next().unwrap();
            assert!(after == "ct mark | 0x100" || after == "meta mark | 0x100", "{line}");
        }
    }

    #[test]
    fn deleting_names_our_tables_alone() {
        let names: Vec<_> = delete().lines().map(|line| line.split_once(" table ").unwrap().1.to_owned()).collect();
        assert_eq!(names, ["inet hybridge_lni", "inet hybridge_lni", "ip hybridge_lni_nat", "ip hybridge_lni_nat"]);
    }
}
