//! Security groups: what any rule of any group allows passes, and answers pass by themselves.

use hybridge_model::Cidr4;

use super::prefix;
use crate::world::{IpPermission, SecurityGroup};

/// What security groups say of packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// All pass.
    Yes,
    /// Some do not.
    No,
    /// Perhaps, if this prefix list has the network: what is in it is not known.
    Perhaps(String),
}

/// In or out of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Ingress.
    In,
    /// Egress.
    Out,
}

/// Rules of one side.
pub(crate) fn rules(group: &SecurityGroup, side: Side) -> &[IpPermission] {
    match side {
        Side::In => &group.ip_permissions,
        Side::Out => &group.ip_permissions_egress,
    }
}

/// Whether groups let packets of a protocol (`tcp` or `udp`) and port from or to a network pass.
pub(crate) fn admits(groups: &[&SecurityGroup], side: Side, network: Cidr4, (protocol, port): (&str, u16)) -> Admission {
    let fitting: Vec<&IpPermission> =
        groups.iter().flat_map(|group| rules(group, side)).filter(|rule| fits(rule, protocol, port)).collect();
    let ranges: Vec<Cidr4> = fitting.iter().flat_map(|rule| &rule.ip_ranges).filter_map(|range| range.cidr_ip.parse().ok()).collect();
    if prefix::covered(&ranges, network) {
        return Admission::Yes;
    }
    let list = fitting.iter().flat_map(|rule| &rule.prefix_list_ids).next();
    list.map_or(Admission::No, |list| Admission::Perhaps(list.prefix_list_id.clone()))
}

fn fits(rule: &IpPermission, protocol: &str, port: u16) -> bool {
    let number = if protocol == "udp" { "17" } else { "6" };
    if rule.ip_protocol == "-1" {
        return true;
    }
    let port = i32::from(port);
    (rule.ip_protocol == protocol || rule.ip_protocol == number)
        && rule.from_port.is_none_or(|from| from <= port)
        && rule.to_port.is_none_or(|to| to == -1 || port <= to)
}

/// How many rules EC2 counts on a side: one for each network, group and list. (A list counts with its greatest size, which is not known.)
pub(crate) fn count(group: &SecurityGroup, side: Side) -> usize {
    rules(group, side).iter().map(|rule| rule.ip_ranges.len() + rule.user_id_group_pairs.len() + rule.prefix_list_ids.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{IpRange, PrefixList};

    fn allow(protocol: &str, ports: Option<(i32, i32)>, networks: &[&str]) -> IpPermission {
        IpPermission {
            ip_protocol: protocol.into(),
            from_port: ports.map(|ports| ports.0),
            to_port: ports.map(|ports| ports.1),
            ip_ranges: networks.iter().map(|network| IpRange { cidr_ip: (*network).into(), description: String::new() }).collect(),
            ..IpPermission::default()
        }
    }

    fn group(ip_permissions: Vec<IpPermission>) -> SecurityGroup {
        SecurityGroup { group_id: "sg-1".into(), ip_permissions, ..SecurityGroup::default() }
    }

    #[test]
    fn rules_of_all_groups_add_up() {
        let node: Cidr4 = "10.80.0.0/16".parse().unwrap();
        let low = group(vec![allow("tcp", Some((443, 443)), &["10.80.0.0/17"])]);
        let high = group(vec![allow("6", Some((400, 500)), &["10.80.128.0/17"])]);
        let all = group(vec![allow("-1", None, &["0.0.0.0/0"])]);
        let udp = group(vec![allow("udp", Some((443, 443)), &["0.0.0.0/0"])]);
        for (groups, expected) in [
            (vec![&low, &high], Admission::Yes),
            (vec![&low], Admission::No),
            (vec![&all], Admission::Yes),
            (vec![&udp], Admission::No),
            (vec![], Admission::No),
        ] {
            assert_eq!(admits(&groups, Side::In, node, ("tcp", 443)), expected, "{groups:?}");
        }
        assert_eq!(admits(&[&all], Side::Out, node, ("tcp", 443)), Admission::No);
        assert_eq!(admits(&[&low, &high], Side::In, node, ("tcp", 10250)), Admission::No);
    }

    #[test]
    fn what_a_prefix_list_holds_is_not_guessed() {
        let mut rule = allow("tcp", Some((443, 443)), &[]);
        rule.prefix_list_ids = vec![PrefixList { prefix_list_id: "pl-1".into() }];
        let group = group(vec![rule]);
        assert_eq!(admits(&[&group], Side::In, "10.80.0.0/16".parse().unwrap(), ("tcp", 443)), Admission::Perhaps("pl-1".into()));
        assert_eq!(count(&group, Side::In), 1);
    }
}
