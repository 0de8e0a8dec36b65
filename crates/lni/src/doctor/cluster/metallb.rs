//! MetalLB in layer 2 mode: which addresses it gives out, and where it answers ARP for them.

use std::collections::BTreeSet;

use hybridge_report::Finding;
use serde_json::Value;

use super::{View, named, selects, skipped, texts};
use crate::profile::{Addressing, Range4};
use crate::verdict::{Check, Verdict};

const POOLS: Check = Check::new("metallb.pools", "pools lie in the LAN, where nobody else gives out addresses");
const TWO_LANS: Check = Check::new("metallb.two-lans", "no pool is shared by two LANs");
const INTERFACES: Check = Check::new("metallb.interfaces", "addresses of the LAN are announced by the LNI alone");
const NODES: Check = Check::new("metallb.nodes", "addresses of the LAN are announced by nodes with an LNI alone");
const STRICT_ARP: Check = Check::new("metallb.strict-arp", "kube-proxy leaves ARP to MetalLB");
const VERSION: Check = Check::new("metallb.version", "MetalLB is new enough");

/// All of these.
pub(super) const CHECKS: [Check; 6] = [POOLS, TWO_LANS, INTERFACES, NODES, STRICT_ARP, VERSION];

/// First version whose speaker can be kept to interfaces (`L2Advertisement.spec.interfaces`, release notes of 0.13.6).
const SINCE: (u32, u32, u32) = (0, 13, 6);

/// A pool and who announces it.
struct Pool<'a> {
    name: String,
    ranges: Vec<Range4>,
    announced: Vec<&'a Value>,
}

impl<'a> Pool<'a> {
    fn new(object: &'a Value, advertisements: &'a [Value]) -> Self {
        let ranges = texts(&object["spec"]["addresses"]).into_iter().filter_map(|text| text.parse().ok()).collect();
        let (name, metadata) = (object["metadata"]["name"].as_str().unwrap_or_default(), &object["metadata"]);
        // One without any selector of pools announces all pools (MetalLB's API reference). Namespaces are apart.
        let announces = |advertisement: &&Value| {
            let spec = &advertisement["spec"];
            let (by_name, by_label) = (texts(&spec["ipAddressPools"]), spec["ipAddressPoolSelectors"].as_array());
            let all = by_name.is_empty() && by_label.is_none_or(Vec::is_empty);
            let labels = by_label.into_iter().flatten().any(|selector| selects(selector, &metadata["labels"]));
            advertisement["metadata"]["namespace"] == metadata["namespace"] && (all || by_name.contains(&name) || labels)
        };
        Self { name: named(object), ranges, announced: advertisements.iter().filter(announces).collect() }
    }

    /// Whether some of it is in this LAN.
    fn concerns(&self, lan: Range4) -> bool {
        self.ranges.iter().any(|range| range.overlaps(lan))
    }
}

pub(super) fn checks(view: &View<'_>) -> Vec<Verdict> {
    let mut verdicts = match (view.kind("IPAddressPool"), view.kind("L2Advertisement"), lan(view)) {
        (Ok(pools), Ok(advertisements), Some(lan)) => {
            let all: Vec<_> = pools.iter().map(|pool| Pool::new(pool, advertisements)).collect();
            vec![pools_lie_well(view, &all, lan), two_lans(&all, lan), interfaces(view, &all, lan), nodes(view, &all, lan)]
        }
        (Err(why), _, _) | (_, Err(why), _) => skipped(&CHECKS[..4], &why),
        (_, _, None) => skipped(&CHECKS[..4], "the profile names no network of the LAN"),
    };
    verdicts.extend([strict_arp(view), version(view)]);
    verdicts
}

/// Only machines of the first network ask for addresses by ARP.
fn lan(view: &View<'_>) -> Option<Range4> {
    view.profile.lan.cidrs.first().map(|cidr| Range4::of(*cidr))
}

fn pools_lie_well(view: &View<'_>, pools: &[Pool<'_>], lan: Range4) -> Verdict {
    let mut findings = Vec::new();
    for pool in pools.iter().filter(|pool| pool.concerns(lan)) {
        let mut wrong = |what: String, fix: &str| findings.push(Finding::error(POOLS.code, &pool.name, what).fix(fix));
        for range in &pool.ranges {
            if let Some(dhcp) = view.profile.lan.dhcp_range.filter(|dhcp| dhcp.overlaps(*range)) {
                let what = format!("{range} overlaps what the LAN's DHCP server gives out, {dhcp}: two machines would have one address");
                wrong(what, "take a range that DHCP leaves alone, or make DHCP's smaller");
            }
            if let Addressing::Static { cidr, gateway } = &view.profile.address {
                for (address, whose) in [(Some(cidr.address), "of this node"), (*gateway, "of the LAN's router")] {
                    if let Some(address) = address.filter(|address| range.contains(*address)) {
                        wrong(format!("{range} holds {address}, the address {whose}"), "take a range without it");
                    }
                }
            }
        }
        if pool.announced.is_empty() {
            wrong(
                "no L2Advertisement announces it: its addresses are given out, and nobody answers for them".into(),
                "add an L2Advertisement with this pool",
            );
        }
    }
    for wanted in &view.profile.vips.pools {
        if !pools.iter().any(|pool| pool.ranges.iter().any(|range| range.covers(*wanted))) {
            let what = format!("no IPAddressPool has {wanted}, which the profile names in vips.pools");
            findings
                .push(Finding::warning(POOLS.code, "vips.pools", what).fix("add an IPAddressPool with it, or take it out of the profile"));
        }
    }
    let here: Vec<_> = pools.iter().filter(|pool| pool.concerns(lan)).map(|pool| pool.name.as_str()).collect();
    if here.is_empty() {
        let what = format!("no IPAddressPool has addresses of {lan}");
        findings.push(Finding::error(POOLS.code, "IPAddressPool", what).fix("add one inside the LAN, outside DHCP's range"));
    }
    POOLS.of(format!("in {lan}: {}", if here.is_empty() { "none".into() } else { here.join(", ") }), findings)
}

/// MetalLB gives out whatever is free in a pool: an address of one LAN for a Service that is announced in another.
fn two_lans(pools: &[Pool<'_>], lan: Range4) -> Verdict {
    let mut findings = Vec::new();
    for pool in pools.iter().filter(|pool| pool.concerns(lan)) {
        if let Some(range) = pool.ranges.iter().find(|range| !lan.covers(**range)) {
            let what = format!("it has {range}, which is not in {lan}: a Service may get an address that this LAN does not have");
            findings.push(Finding::error(TWO_LANS.code, &pool.name, what).fix("make a pool for each LAN, with an L2Advertisement each"));
        }
        let places: BTreeSet<String> =
            pool.announced.iter().map(|one| format!("{} {}", one["spec"]["interfaces"], one["spec"]["nodeSelectors"])).collect();
        if places.len() > 1 {
            let those: Vec<_> = pool.announced.iter().map(|one| named(one)).collect();
            let what = format!("{} announce it at different interfaces or nodes", those.join(", "));
            findings.push(Finding::warning(TWO_LANS.code, &pool.name, what).fix("if those are different LANs, make a pool for each"));
        }
    }
    TWO_LANS.of(format!("{} pools", pools.len()), findings)
}

/// The stock list of interfaces that speakers leave out has none of the VPC CNI's (`eni…`).
fn interfaces(view: &View<'_>, pools: &[Pool<'_>], lan: Range4) -> Verdict {
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    let fix = format!("write `interfaces: [{}]`", view.names.join(", "));
    for advertisement in announcing(pools, lan) {
        let named_ones = texts(&advertisement["spec"]["interfaces"]);
        let others: Vec<_> = named_ones.iter().filter(|name| !view.is_lni(name)).copied().collect();
        let what = if named_ones.is_empty() {
            "it names no interface: speakers answer on every one, those of the VPC and of pods too".to_owned()
        } else if others.len() == named_ones.len() {
            format!("{} is not the LNI: nobody answers in the LAN", others.join(", "))
        } else if !others.is_empty() {
            format!("{} is not the LNI: speakers answer there, too", others.join(", "))
        } else {
            seen.extend(named_ones);
            continue;
        };
        findings.push(Finding::error(INTERFACES.code, named(advertisement), what).fix(&fix));
    }
    INTERFACES.of(seen.into_iter().collect::<Vec<_>>().join(", "), findings)
}

/// The advertisements of pools in the LAN, each once.
fn announcing<'a>(pools: &[Pool<'a>], lan: Range4) -> Vec<&'a Value> {
    let mut all = Vec::new();
    for one in pools.iter().filter(|pool| pool.concerns(lan)).flat_map(|pool| &pool.announced) {
        if !all.contains(one) {
            all.push(*one);
        }
    }
    all
}

fn nodes(view: &View<'_>, pools: &[Pool<'_>], lan: Range4) -> Verdict {
    let Some((key, value)) = &view.wanted.nodes else {
        return NODES.skip("it is not known which nodes have an LNI: --lni-nodes LABEL=VALUE");
    };
    let nodes = match view.kind("Node") {
        Ok(nodes) => nodes,
        Err(why) => return NODES.skip(why),
    };
    let has = |node: &&Value| node["metadata"]["labels"][key].as_str() == Some(value);
    let mut findings = Vec::new();
    if !nodes.iter().any(|node| has(&node)) {
        let what = format!("no node carries {key}={value}");
        findings.push(Finding::error(NODES.code, "Node", what).fix("name the label of nodes with an LNI in this LAN"));
    }
    for advertisement in announcing(pools, lan) {
        let selectors = advertisement["spec"]["nodeSelectors"].as_array().filter(|selectors| !selectors.is_empty());
        let chosen = |node: &&Value| {
            selectors.is_none_or(|selectors| selectors.iter().any(|selector| selects(selector, &node["metadata"]["labels"])))
        };
        let wrong: Vec<String> = nodes.iter().filter(|node| chosen(node) && !has(node)).map(named).collect();
        let fix = format!("write `nodeSelectors: [{{matchLabels: {{{key}: {value}}}}}]`");
        if let [first, rest @ ..] = wrong.as_slice() {
            let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
            let what = format!("{first}{more} may be the one that announces, and has no LNI in this LAN");
            findings.push(Finding::error(NODES.code, named(advertisement), what).fix(fix));
        } else if !nodes.iter().any(|node| chosen(&node)) {
            findings.push(Finding::error(NODES.code, named(advertisement), "it selects no node: nobody announces").fix(fix));
        }
    }
    let count = nodes.iter().filter(has).count();
    NODES.of(format!("{count} of {} nodes carry {key}={value}", nodes.len()), findings)
}

/// With IPVS, addresses of Services lie on an interface of every node, and the kernel answers ARP for them everywhere.
fn strict_arp(view: &View<'_>) -> Verdict {
    let maps = match view.kind("ConfigMap") {
        Ok(maps) => maps,
        Err(why) => return STRICT_ARP.skip(why),
    };
    let texts = maps.iter().filter(|map| map["metadata"]["namespace"] == "kube-system").filter_map(|map| {
        let key = match map["metadata"]["name"].as_str()? {
            "kube-proxy-config" => "config",
            "kube-proxy" => "config.conf",
            _ => return None,
        };
        Some((named(map), map["data"][key].as_str()?))
    });
    let Some((place, text)) = texts.into_iter().next() else {
        return STRICT_ARP.skip("kube-proxy's configuration is not in the cluster: perhaps something else leads Services to pods");
    };
    let mode = value(text, "mode").unwrap_or_default();
    match (mode, value(text, "strictARP").unwrap_or_default()) {
        ("ipvs", "true") => STRICT_ARP.pass("IPVS with strictARP"),
        ("ipvs", _) => STRICT_ARP.fail(
            place,
            "kube-proxy uses IPVS without strictARP: every node answers ARP for every Service's address",
            "set `strictARP: true` below `ipvs:`",
        ),
        ("", _) => STRICT_ARP.pass("kube-proxy uses iptables, where it is not needed"),
        (mode, _) => STRICT_ARP.pass(format!("kube-proxy uses {mode}, where it is not needed")),
    }
}

/// The value of a field in kube-proxy's configuration, wherever it stands.
fn value<'a>(text: &'a str, field: &str) -> Option<&'a str> {
    let of_line = |line: &'a str| line.trim().strip_prefix(field)?.strip_prefix(':');
    text.lines().find_map(of_line).map(|value| value.trim().trim_matches(['"', '\'']))
}

fn version(view: &View<'_>) -> Verdict {
    let sets = match view.kind("DaemonSet") {
        Ok(sets) => sets,
        Err(why) => return VERSION.skip(why),
    };
    let images = sets.iter().flat_map(|set| {
        let containers = set["spec"]["template"]["spec"]["containers"].as_array().into_iter().flatten();
        containers.filter_map(|container| container["image"].as_str()).map(move |image| (set, image))
    });
    let Some((set, image)) = images.into_iter().find(|(_, image)| image.contains("metallb/speaker") || image.contains("metallb-speaker"))
    else {
        return VERSION.fail(
            "DaemonSet",
            "no speaker of MetalLB runs in the cluster",
            "install MetalLB, or write `vips: {announcer: none}`",
        );
    };
    let image = image.split_once('@').map_or(image, |(image, _)| image);
    let tag = image.rsplit_once(':').map_or("", |(_, tag)| tag);
    let Some(number) = numbers(tag) else {
        return VERSION.skip(format!("{image} does not say which version it is"));
    };
    if number < SINCE {
        let what = format!("{tag} knows no `interfaces` in L2Advertisements: it answers on every interface");
        return VERSION.fail(named(set), what, "update to 0.13.6 or later");
    }
    VERSION.pass(tag)
}

/// `v0.14.9` and such.
fn numbers(tag: &str) -> Option<(u32, u32, u32)> {
    let tag = tag.strip_prefix('v').unwrap_or(tag);
    let mut parts = tag.split(['.', '-', '+']).map(str::parse);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch))) => Some((major, minor, patch)),
        _ => None,
    }
}
