//! The way of packets in and out: the causes that need no probe, and the rules and routes that prevent them.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

use hybridge_model::Cidr4;
use hybridge_model::routing::RoutingChange;
use hybridge_report::Finding;

use super::View;
use super::link::effective;
use crate::causes::{Attempt, Cause, Diagnosis, Evidence, Outcome, causes};
use crate::desired::desired;
use crate::plan::{Change, plan};
use crate::state::{State, observed};
use crate::verdict::{Check, Verdict};

const FORWARDING: Check = Check::new("lni.forwarding", "the kernel forwards packets to pods");
const RULES: Check = Check::new("lni.rules", "rules and routes of the LNI are there");

/// Causes that are told from the machine alone, and what is looked at for each. Cause 3 and 9 belong to the address.
const TOLD: [(Cause, Check); 6] = [
    (Cause::ReversePath, Check::new("lni.reverse-path", "what comes in is not dropped by the filter of reverse paths (cause 2)")),
    (Cause::ReplyElsewhere, Check::new("lni.reply-elsewhere", "replies leave by the LNI (cause 4)")),
    (Cause::SourceRule, Check::new("lni.source-rule", "nobody relies on a rule from the Service's address (cause 5)")),
    (Cause::CniSource, Check::new("lni.cni-source", "what pods begin leaves with the LNI's address (cause 6)")),
    (Cause::CniAddress, Check::new("lni.cni-address", "the VPC CNI leaves the LNI alone (cause 7)")),
    (Cause::SetUpAsVpc, Check::new("lni.set-up-as-vpc", "the system does not set it up as an interface of the VPC (cause 8)")),
];

/// All of these.
pub(super) const CHECKS: [Check; 8] = [FORWARDING, RULES, TOLD[0].1, TOLD[1].1, TOLD[2].1, TOLD[3].1, TOLD[4].1, TOLD[5].1];

pub(super) fn checks(view: &View<'_>) -> Vec<Verdict> {
    let mut verdicts = vec![forwarding(view), rules(view)];
    let clients = clients(view);
    let found = told(view, &clients);
    let tried = clients.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
    for (cause, check) in TOLD {
        verdicts.push(match found.iter().find(|diagnosis| diagnosis.cause == cause) {
            Some(diagnosis) => check.of(&diagnosis.what, vec![diagnosis.finding(&view.lni.name)]),
            None if cause == Cause::ReversePath && effective(view, "rp_filter") == Some(1) => check.warn(
                &view.lni.name,
                "rp_filter is 1 (strict): what comes from networks that the profile does not name is dropped",
                "`hybridge lni apply` makes it loose (2)",
            ),
            None => check.pass(seen(view, cause, &tried)),
        });
    }
    verdicts
}

/// What a check that passes has looked at.
fn seen(view: &View<'_>, cause: Cause, clients: &str) -> String {
    let filter = || effective(view, "rp_filter").map_or_else(|| "?".to_owned(), |value| value.to_string());
    match cause {
        Cause::ReversePath => format!("rp_filter={}; the way from {clients} followed to every pod", filter()),
        Cause::ReplyElsewhere => format!("the way to {clients} followed from every pod"),
        Cause::SourceRule => "no reply depends on one".to_owned(),
        Cause::CniSource => "what leaves by the LNI is masqueraded before the CNI's own rule".to_owned(),
        Cause::CniAddress => "its address is no address of EC2's".to_owned(),
        Cause::SetUpAsVpc => "no rule, default route or packet size of the VPC on it".to_owned(),
        Cause::WorksOnlyOnTheNode | Cause::Unnumbered | Cause::SenderUnnumbered => String::new(),
    }
}

/// Nobody was asked: packets of one machine of each network are followed.
fn told(view: &View<'_>, clients: &[Ipv4Addr]) -> Vec<Diagnosis> {
    let vip = view.profile.vips.pools.first().map_or(Ipv4Addr::UNSPECIFIED, |pool| pool.first);
    let attempt = |client: &Ipv4Addr| Attempt {
        client: *client,
        vip: SocketAddrV4::new(vip, 80),
        outcome: Outcome::NotTried,
        announced_by: None,
        backends: Vec::new(),
        on_the_node: None,
    };
    let attempts: Vec<_> = clients.iter().map(attempt).collect();
    let known = view.known;
    causes(&Evidence { lni: view.lni, facts: &known.machine, ruleset: &known.ruleset, attempts: &attempts, filtered: 0, seen_as: None })
}

/// A machine of each network of the LAN: the last address that is one, and not this machine's.
fn clients(view: &View<'_>) -> Vec<Ipv4Addr> {
    let own = |address: &Ipv4Addr| view.known.machine.routing.addresses.iter().any(|other| other.address == *address);
    let last = |cidr: &Cidr4| {
        let last = u32::from(cidr.network()) | !u32::from(cidr.mask());
        [last.saturating_sub(1), last.saturating_sub(2)].map(Ipv4Addr::from).into_iter().find(|address| !own(address))
    };
    view.profile.lan.cidrs.iter().filter_map(last).collect()
}

fn forwarding(view: &View<'_>) -> Verdict {
    match view.known.machine.sysctls.get("net.ipv4.ip_forward").map(|value| value.trim()) {
        None => FORWARDING.skip("net.ipv4.ip_forward is not known"),
        Some("0") => {
            let fix = "kube-proxy and the CNI set it: do they run? until then: sysctl -w net.ipv4.ip_forward=1";
            FORWARDING.fail("net.ipv4.ip_forward", "is 0: nothing from the LAN gets to a pod", fix)
        }
        Some(value) => FORWARDING.pass(format!("net.ipv4.ip_forward={value}")),
    }
}

/// What the agent would still set.
fn rules(view: &View<'_>) -> Verdict {
    let is = observed(view.lni, &view.known.machine.routing);
    // Address, link, sysctls and nftables have checks of their own.
    let (addresses, up, mtu) = (is.addresses.clone(), is.up, is.mtu);
    let wanted = desired(view.lni, view.known.lease.as_ref());
    let wanted = State { addresses, up, mtu, ruleset: None, sysctls: BTreeMap::new(), ..wanted };
    let missing = plan(&wanted, &is)
        .into_iter()
        .filter(|change| matches!(change, Change::Routing(RoutingChange::SetRoute(_) | RoutingChange::SetRule(_))));
    let fix = "`hybridge lni apply` sets it, `hybridge lni run` keeps it";
    let finding = |change: Change| Finding::error(RULES.code, &view.lni.name, format!("missing: {change}")).fix(fix);
    RULES.of(format!("{} rules and {} routes are wanted", wanted.rules.len(), wanted.routes.len()), missing.map(finding).collect())
}
