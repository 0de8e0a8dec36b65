//! Network ACLs: rules in order, the first that fits decides, and answers need rules of their own.

use hybridge_model::Cidr4;

use super::prefix;
use crate::world::{AclEntry, NetworkAcl};

/// Ports that Linux opens connections from (net.ipv4.ip_local_port_range), so answers go there.
pub(crate) const EPHEMERAL: (u16, u16) = (32768, 60999);

/// What an ACL does not let pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Part of the network that was asked for.
    pub(crate) network: Cidr4,
    /// First port of those refused.
    pub(crate) port: u16,
    /// The rule's number; 32767 where none fits.
    pub(crate) rule: u32,
}

/// The first thing that the ACL refuses of TCP from or to `network` at `ports`; none: all of it passes.
pub(crate) fn refused(acl: &NetworkAcl, egress: bool, network: Cidr4, ports: (u16, u16)) -> Option<Refused> {
    let mut rules: Vec<(Cidr4, &AclEntry)> = acl
        .entries
        .iter()
        .filter(|entry| entry.egress == egress && matches!(entry.protocol.as_str(), "-1" | "6" | "tcp"))
        .filter_map(|entry| Some((entry.cidr_block.parse().ok()?, entry)))
        .collect();
    rules.sort_by_key(|(_, entry)| entry.rule_number);
    let firsts = first_ports(&rules, ports);
    for (part, _) in prefix::parts(&rules, network) {
        for port in &firsts {
            let deciding = rules.iter().find(|(range, entry)| range.covers(part) && fits(entry, *port)).map(|(_, entry)| *entry);
            match deciding {
                Some(entry) if entry.rule_action == "allow" => {}
                Some(entry) => return Some(Refused { network: part, port: *port, rule: entry.rule_number }),
                None => return Some(Refused { network: part, port: *port, rule: 32767 }),
            }
        }
    }
    None
}

/// Whether a rule is about a port; one for all protocols is about all ports.
fn fits(entry: &AclEntry, port: u16) -> bool {
    entry.protocol == "-1" || entry.port_range.as_ref().is_none_or(|range| (range.from..=range.to).contains(&port))
}

/// The ports of the range at which another rule may begin to count.
fn first_ports(rules: &[(Cidr4, &AclEntry)], (from, to): (u16, u16)) -> Vec<u16> {
    let edges = rules.iter().filter_map(|(_, entry)| entry.port_range.as_ref()).flat_map(|range| [range.from, range.to.saturating_add(1)]);
    let mut firsts: Vec<u16> = std::iter::once(from).chain(edges).filter(|port| (from..=to).contains(port)).collect();
    firsts.sort_unstable();
    firsts.dedup();
    firsts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::PortRange;

    fn rule(rule_number: u32, rule_action: &str, cidr_block: &str, ports: Option<(u16, u16)>) -> AclEntry {
        let protocol = if ports.is_some() { "6" } else { "-1" };
        AclEntry {
            rule_number,
            protocol: protocol.into(),
            rule_action: rule_action.into(),
            egress: false,
            cidr_block: cidr_block.into(),
            port_range: ports.map(|(from, to)| PortRange { from, to }),
        }
    }

    fn asked(entries: Vec<AclEntry>, network: &str, ports: (u16, u16)) -> Option<(String, u16, u32)> {
        let acl = NetworkAcl { entries, ..NetworkAcl::default() };
        refused(&acl, false, network.parse().unwrap(), ports).map(|refused| (refused.network.to_string(), refused.port, refused.rule))
    }

    #[test]
    fn the_rule_of_the_lowest_number_decides() {
        let last = || rule(32767, "deny", "0.0.0.0/0", None);
        let all = || rule(100, "allow", "0.0.0.0/0", None);
        let node = "10.80.0.0/16";
        assert_eq!(asked(vec![all(), last()], node, (443, 443)), None);
        assert_eq!(asked(vec![last()], node, (443, 443)), Some((node.into(), 443, 32767)));
        assert_eq!(asked(vec![], node, (443, 443)), Some((node.into(), 443, 32767)));
        let half = rule(90, "deny", "10.80.128.0/17", Some((0, 1023)));
        assert_eq!(asked(vec![all(), half.clone()], node, (443, 443)), Some(("10.80.128.0/17".into(), 443, 90)));
        assert_eq!(asked(vec![all(), half], node, EPHEMERAL), None);
        let late = rule(110, "deny", "10.80.0.0/16", None);
        assert_eq!(asked(vec![all(), late], node, (443, 443)), None);
    }

    #[test]
    fn a_range_of_ports_passes_only_as_a_whole() {
        let some = vec![rule(100, "allow", "0.0.0.0/0", Some((32768, 50000)))];
        assert_eq!(asked(some, "10.80.1.7/32", EPHEMERAL), Some(("10.80.1.7/32".into(), 50001, 32767)));
        let both = vec![rule(100, "allow", "0.0.0.0/0", Some((1024, 50000))), rule(110, "allow", "0.0.0.0/0", Some((50001, 65535)))];
        assert_eq!(asked(both, "10.80.1.7/32", EPHEMERAL), None);
    }

    #[test]
    fn rules_of_the_other_direction_and_of_udp_do_not_count() {
        let out = AclEntry { egress: true, ..rule(100, "allow", "0.0.0.0/0", None) };
        let udp = AclEntry { protocol: "17".into(), ..rule(110, "allow", "0.0.0.0/0", Some((443, 443))) };
        assert_eq!(asked(vec![out, udp], "10.80.1.7/32", (443, 443)), Some(("10.80.1.7/32".into(), 443, 32767)));
    }
}
