//! Machines that a profile fits, and those that it does not.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use hybridge_model::Cidr4;
use hybridge_model::kernel::Link;
use hybridge_model::routing::{InterfaceAddress, Routing, Rule, Selector, TableRoute};

use super::*;
use crate::facts::Ec2Interface;
use crate::profile::tests::profile;
use crate::profile::{Addressing, Match};

fn mac(last: u8) -> MacAddr {
    MacAddr::new([0x02, 0xab, 0xcd, 0, 0, last])
}

fn cidr(text: &str) -> Cidr4 {
    text.parse().unwrap()
}

fn link(index: u32, name: &str, last: u8) -> Link {
    Link { index, name: name.into(), up: true, mtu: 1500, mac: Some(mac(last)), addresses: BTreeSet::new(), vxlan: None }
}

fn default(link: u32, metric: u32) -> TableRoute {
    let via = Some(Ipv4Addr::new(10, 50, 80, 1));
    TableRoute { table: 254, destination: cidr("0.0.0.0/0"), metric, via, link, source: None, protocol: 16 }
}

fn rule(priority: u32, selector: Selector, table: u32) -> Rule {
    Rule { priority, selector, table, protocol: 0 }
}

/// A node with the VPC at eth0, the LNI at eth1 and an interface of the CNI at eth2.
fn facts() -> Facts {
    let interface = |last: u8, device_index, address: &str| Ec2Interface {
        mac: mac(last),
        device_index,
        id: format!("eni-{last:017x}"),
        address: Some(address.parse().unwrap()),
    };
    Facts {
        routing: Routing {
            links: vec![link(2, "eth0", 0), link(3, "eth1", 14), link(4, "eth2", 1)],
            addresses: BTreeSet::from([InterfaceAddress { link: 2, address: Ipv4Addr::new(10, 50, 80, 10), prefix: 24 }]),
            routes: BTreeSet::from([default(2, 512)]),
            rules: BTreeSet::from([
                rule(512, Selector::To(cidr("10.50.80.21/32")), 254),
                rule(1024, Selector::Mark { mark: 0x80, mask: 0x80 }, 254),
                rule(1536, Selector::From(cidr("10.50.80.31/32")), 2),
            ]),
            ..Routing::default()
        },
        interfaces: vec![interface(0, 0, "10.50.80.10"), interface(1, 1, "10.50.80.30"), interface(14, 14, "10.50.80.40")],
        vpc_cidrs: vec![cidr("10.50.0.0/16")],
        marks: [("ip nat KUBE-MARK-MASQ".to_owned(), 0x4000), ("inet hybridge_lni lni_pre".to_owned(), 0x2000)].into(),
        nft: true,
        ..Facts::default()
    }
}

#[test]
fn an_interface_is_found_by_its_device_index_and_by_its_address() {
    for which in [Match::DeviceIndex(14), Match::Mac(mac(14))] {
        let asked = Profile { which, ..profile() };
        let (lni, warnings) = resolve(&asked, &facts()).unwrap();
        assert_eq!((lni.link, lni.name.as_str(), lni.mac, lni.parent, warnings), (3, "eth1", mac(14), None, vec![]));
    }
}

#[test]
fn a_vlan_is_an_interface_on_top() {
    let asked = Profile { vlan: Some(59), ..profile() };
    let mut facts = facts();
    assert_eq!(codes(&resolve(&asked, &facts).unwrap_err()), ["lni.vlan-link"]);
    facts.routing.links.push(link(9, "lni59", 14));
    let (lni, _) = resolve(&asked, &facts).unwrap();
    assert_eq!((lni.link, lni.name.as_str(), lni.parent), (9, "lni59", Some(Parent { link: 3, name: "eth1".into() })));
}

#[test]
fn what_our_own_files_and_agent_have_made_is_in_nobodys_way() {
    let asked = profile();
    let mut facts = facts();
    for protocol in [4, 105] {
        facts.routing.rules.extend(crate::desired::rules(&asked).into_iter().map(|rule| Rule { protocol, ..rule }));
        let route = TableRoute { table: 2100, destination: cidr("192.168.2.0/24"), via: None, protocol, ..default(3, protocol.into()) };
        facts.routing.routes.insert(route);
    }
    for (link, address) in [(3, [192, 168, 2, 10]), (8, [192, 168, 2, 160])] {
        // The second is a Service's, as kube-proxy has it on kube-ipvs0.
        facts.routing.addresses.insert(InterfaceAddress { link, address: address.into(), prefix: 24 });
    }
    assert_eq!(resolve(&asked, &facts).unwrap().1, []);
}

fn codes(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(|finding| finding.code).collect()
}

type Change = fn(&mut Profile, &mut Facts);

#[test]
fn what_does_not_fit_is_refused_with_its_reason() {
    let cases: &[(&str, Change, &str)] = &[
        ("lni.interface-missing", |profile, _| profile.which = Match::DeviceIndex(9), "there are 0 (eni-"),
        (
            "lni.metadata",
            |_, facts| {
                facts.interfaces.clear();
                facts.missing.insert("interfaces".into(), "no answer".into());
            },
            "no answer",
        ),
        ("lni.interface-two", |_, facts| facts.interfaces[1].device_index = 14, "several network cards"),
        ("lni.link-missing", |_, facts| drop(facts.routing.links.remove(1)), "eth0 (02:ab:cd:00:00:00)"),
        ("lni.interface-two", |_, facts| facts.routing.links.push(link(9, "br0", 14)), "eth1, br0"),
        ("lni.primary", |profile, _| profile.which = Match::Mac(mac(0)), "device index 0"),
        (
            "lni.primary",
            |profile, facts| {
                profile.which = Match::Mac(mac(0));
                facts.interfaces.clear();
            },
            "eth0 carries",
        ),
        ("lni.name", |_, facts| facts.routing.links[1].name = "eth*".into(), "eth*"),
        (
            "lni.vpc-overlap",
            |_, facts| facts.vpc_cidrs.push(cidr("192.168.2.0/25")),
            "192.168.2.0/24 overlaps the VPC's network 192.168.2.0/25",
        ),
        (
            "lni.lan-elsewhere",
            |_, facts| {
                facts.routing.addresses.insert(InterfaceAddress { link: 4, address: Ipv4Addr::new(192, 168, 50, 7), prefix: 24 });
            },
            "192.168.50.7 of eth2",
        ),
        ("lni.ec2-address", |_, facts| facts.interfaces[2].address = Some(Ipv4Addr::new(192, 168, 2, 10)), "cannot be used on the LAN"),
        (
            "lni.mark-taken",
            |_, facts| {
                facts.marks.insert("ip mangle cali-PREROUTING".into(), 0xffff_0000 | 0x2000);
            },
            "ip mangle cali-PREROUTING",
        ),
        (
            "lni.mark-taken",
            |_, facts| {
                facts.routing.rules.insert(rule(900, Selector::Mark { mark: 0x2000, mask: 0x3000 }, 7));
            },
            "`900: fwmark 0x2000/0x3000 lookup 7`",
        ),
        (
            "lni.priority-taken",
            |_, facts| {
                facts.routing.rules.insert(rule(601, Selector::From(cidr("10.0.0.0/8")), 7));
            },
            "`601: from 10.0.0.0/8 lookup 7`",
        ),
        (
            "lni.table-taken",
            |_, facts| {
                facts.routing.routes.insert(TableRoute { table: 2100, ..default(4, 0) });
            },
            "0.0.0.0/0 by eth2",
        ),
        ("lni.nft", |_, facts| facts.nft = false, "no security group"),
        (
            "lni.default-route",
            |profile, facts| {
                everywhere(profile);
                facts.routing.routes.clear();
            },
            "no default route",
        ),
        (
            "lni.default-route",
            |profile, facts| {
                everywhere(profile);
                facts.vpc_cidrs.clear();
            },
            "not known",
        ),
    ];
    for (code, change, told) in cases {
        let (mut profile, mut facts) = (profile(), facts());
        change(&mut profile, &mut facts);
        let findings = resolve(&profile, &facts).unwrap_err();
        assert_eq!(codes(&findings), [*code], "{findings:#?}");
        assert!(findings[0].what.contains(told) && findings[0].fix.is_some(), "{findings:#?}");
    }
}

/// Asks for a default route by the LNI.
fn everywhere(profile: &mut Profile) {
    profile.address = Addressing::Dhcp { use_dns: false, use_default_route: true };
}

#[test]
fn everything_in_the_way_is_told_at_once() {
    let (profile, mut facts) = (profile(), facts());
    facts.nft = false;
    facts.interfaces.clear();
    facts.vpc_cidrs.push(cidr("192.168.0.0/16"));
    facts.marks.insert("ip mangle OTHER".into(), 0x2000);
    assert_eq!(
        codes(&resolve(&profile, &facts).unwrap_err()),
        ["lni.metadata", "lni.vpc-overlap", "lni.vpc-overlap", "lni.mark-taken", "lni.nft"]
    );
}

#[test]
fn the_vpc_stays_at_the_first_interface_when_the_lan_leads_everywhere() {
    let (mut profile, mut facts) = (profile(), facts());
    everywhere(&mut profile);
    let (lni, warnings) = resolve(&profile, &facts).unwrap();
    let kept: Vec<_> = lni.vpc_routes.iter().map(|route| (route.destination.to_string(), route.link, route.via, route.protocol)).collect();
    let via = Some(Ipv4Addr::new(10, 50, 80, 1));
    assert_eq!(kept, [("10.50.0.0/16".to_owned(), 2, via, 105), ("169.254.169.0/24".to_owned(), 2, via, 105)]);
    assert_eq!(warnings, []);
    facts.routing.routes = BTreeSet::from([default(2, 0)]);
    let (_, warnings) = resolve(&profile, &facts).unwrap();
    assert_eq!(codes(&warnings), ["lni.default-route"], "a metric of 0 cannot be undercut");
}

#[test]
fn a_rule_of_somebody_that_leads_to_our_table_is_told_and_left() {
    let (profile, mut facts) = (profile(), facts());
    facts.routing.rules.insert(rule(100, Selector::From(cidr("192.168.2.0/24")), 2100));
    assert_eq!(codes(&resolve(&profile, &facts).unwrap().1), ["lni.table-shared"]);
}
