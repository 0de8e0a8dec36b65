//! What others have on the machine, or in the VPC, that the profile wants for itself.

use std::collections::BTreeSet;

use hybridge_model::Cidr4;
use hybridge_model::routing::{Rule, Selector, TableRoute};
use hybridge_report::Finding;

use super::interface::default_route;
use crate::desired::{self, DEFAULT_METRIC, MAIN};
use crate::facts::Facts;
use crate::profile::{Addressing, Profile};
use crate::state::{NAT_TABLE, PROTOCOL, TABLE};

/// Networks of the VPC and addresses of other interfaces.
pub(super) fn networks(profile: &Profile, facts: &Facts, own: Option<u32>, findings: &mut Vec<Finding>) {
    for lan in &profile.lan.cidrs {
        if let Some(vpc) = facts.vpc_cidrs.iter().find(|vpc| vpc.overlaps(*lan)) {
            let what = format!("{lan} overlaps the VPC's network {vpc}: what goes to the VPC would leave by the LNI");
            findings.push(
                Finding::error("lni.vpc-overlap", "lni.lan.cidrs", what)
                    .fix("name only networks that are on the LAN; if they really overlap, one of the two must get other addresses"),
            );
            continue;
        }
        let elsewhere = facts.routing.addresses.iter().find(|address| {
            let vip = profile.vips.pools.iter().any(|pool| pool.contains(address.address));
            Some(address.link) != own && lan.contains(address.address) && !vip
        });
        let name = |index| facts.routing.links.iter().find(|link| link.index == index).map_or("an interface", |link| link.name.as_str());
        // An address on an unknown interface may well be the LNI's own.
        if let (Some(address), Some(_)) = (elsewhere, own) {
            let what = format!("{lan} holds {} of {}, which is another interface", address.address, name(address.link));
            findings.push(
                Finding::error("lni.lan-elsewhere", "lni.lan.cidrs", what)
                    .fix("take the address away there, or name the LAN's own network"),
            );
        }
    }
    let Addressing::Static { cidr, .. } = &profile.address else { return };
    if let Some(interface) = facts.interfaces.iter().find(|interface| interface.address == Some(cidr.address)) {
        let what = format!(
            "{} is the address that EC2 shows for {}: it is one of the VPC, and cannot be used on the LAN",
            cidr.address, interface.id
        );
        findings.push(Finding::error("lni.ec2-address", "lni.address.cidr", what).fix("write an address of the LAN"));
    }
}

/// Mark, table and priorities.
pub(super) fn numbers(profile: &Profile, facts: &Facts, own: Option<u32>, findings: &mut Vec<Finding>) {
    let routing = profile.routing;
    let ours = desired::rules(profile);
    let foreign: Vec<&Rule> =
        facts.routing.rules.iter().filter(|rule| rule.protocol != PROTOCOL && !ours.iter().any(|our| same(our, rule))).collect();
    let users = facts.marks.iter().filter(|(who, bits)| *bits & routing.mark != 0 && !is_ours(who)).map(|(who, _)| who.clone());
    let by_rule =
        foreign.iter().filter(|rule| matches!(rule.selector, Selector::Mark { mask, .. } if mask & routing.mark != 0 && mask != u32::MAX));
    let who: BTreeSet<String> = users.chain(by_rule.map(|rule| told(rule))).collect();
    if !who.is_empty() {
        let who = who.into_iter().collect::<Vec<_>>().join(", ");
        let what = format!("{:#x} is a bit of marks that {who} uses already", routing.mark);
        findings.push(Finding::error("lni.mark-taken", "lni.routing.mark", what).fix("write another bit, such as 0x1000"));
    }
    for rule in &foreign {
        let priorities = routing.rule_priority..=routing.rule_priority + 1;
        if priorities.contains(&rule.priority) {
            let what = format!("{} is taken by {}", rule.priority, told(rule));
            let fix = "write another number from 513 to 1022 with the next one free, too";
            findings.push(Finding::error("lni.priority-taken", "lni.routing.rulePriority", what).fix(fix));
        } else if rule.table == routing.table {
            let what = format!("table {} is led to by {} also", routing.table, told(rule));
            findings.push(Finding::warning("lni.table-shared", "lni.routing.table", what).fix("delete the rule, or write another table"));
        }
    }
    let theirs =
        |route: &&TableRoute| route.table == routing.table && route.protocol != PROTOCOL && own.is_some_and(|own| route.link != own);
    if let Some(route) = facts.routing.routes.iter().find(theirs) {
        let link = facts.routing.links.iter().find(|link| link.index == route.link).map_or("?", |link| link.name.as_str());
        let what = format!("table {} has routes of others: {} by {link}", routing.table, route.destination);
        findings.push(Finding::error("lni.table-taken", "lni.routing.table", what).fix("write another number from 256 on"));
    }
}

/// As a rule that files of ours have made: networkd and NetworkManager put their own name on it.
fn same(our: &Rule, other: &Rule) -> bool {
    (our.priority, &our.selector, our.table) == (other.priority, &other.selector, other.table)
}

/// Whether rules of nftables are in our tables: `inet hybridge_lni`, with or without a chain.
fn is_ours(who: &str) -> bool {
    who.split_whitespace().nth(1).is_some_and(|table| table == TABLE || table == NAT_TABLE)
}

fn told(rule: &Rule) -> String {
    let selector = match &rule.selector {
        Selector::Mark { mark, mask } => format!("fwmark {mark:#x}/{mask:#x}"),
        Selector::From(cidr) => format!("from {cidr}"),
        Selector::To(cidr) => format!("to {cidr}"),
        Selector::Other(text) => text.clone(),
    };
    format!("the rule `{}: {selector} lookup {}`", rule.priority, rule.table)
}

/// Where the LAN's router becomes the way to everywhere: what keeps the VPC and the services of EC2 (169.254.169.x: metadata, DNS, time) at
/// the first interface.
pub(super) fn vpc_routes(profile: &Profile, facts: &Facts, own: Option<u32>, findings: &mut Vec<Finding>) -> Vec<TableRoute> {
    if !matches!(profile.address, Addressing::Dhcp { use_default_route: true, .. }) {
        return Vec::new();
    }
    let place = "lni.address.useDefaultRoute";
    let refuse = |what: &str| Finding::error("lni.default-route", place, what).fix("leave useDefaultRoute out");
    let Some(now) = default_route(facts).filter(|route| Some(route.link) != own) else {
        findings.push(refuse("the first interface has no default route, so nothing could lead to the VPC any more"));
        return Vec::new();
    };
    if facts.vpc_cidrs.is_empty() {
        findings.push(refuse("the VPC's networks are not known, so they could not be kept at the first interface"));
        return Vec::new();
    }
    if now.metric <= DEFAULT_METRIC {
        let what = format!("the default route that is there has the metric {}, and stays before the LNI's, {DEFAULT_METRIC}", now.metric);
        findings.push(Finding::warning("lni.default-route", place, what).fix("give the first interface's default route a metric above 50"));
    }
    let services = Cidr4::containing([169, 254, 169, 0].into(), 24).expect("24 bits are a prefix");
    let there = |cidr: &Cidr4| {
        facts.routing.routes.iter().any(|route| route.table == MAIN && route.destination == *cidr && route.protocol != PROTOCOL)
    };
    facts
        .vpc_cidrs
        .iter()
        .copied()
        .chain([services])
        .filter(|cidr| !there(cidr))
        .map(|destination| TableRoute { destination, metric: DEFAULT_METRIC, source: None, protocol: PROTOCOL, ..*now })
        .collect()
}
