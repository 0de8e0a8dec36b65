//! The machine as a packet meets it.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use hybridge_model::routing::{Rule, Selector};

use super::tables::Tables;
use super::way::{Packet, way};
use super::{Attempt, Cause, Evidence};
use crate::desired::{self, MAIN};
use crate::resolve::Lni;

/// Priority of the VPC CNI's rules from pods of secondary interfaces.
const CNI_FROM_POD: u32 = 1536;
/// networkd's DHCP routes have at least this metric on AL2023.
const NETWORKD_METRIC: u32 = 512;

type Found = Option<(Cause, String)>;

/// What the machine has, asked often.
pub(super) struct Node<'a> {
    evidence: &'a Evidence<'a>,
    tables: Tables,
    /// Addresses of the LNI.
    own: BTreeSet<Ipv4Addr>,
}

impl<'a> Node<'a> {
    pub(super) fn new(evidence: &'a Evidence<'a>) -> Self {
        let addresses = evidence.facts.routing.addresses.iter().filter(|address| address.link == evidence.lni.link);
        Self { evidence, tables: Tables::read(evidence.ruleset, evidence.lni), own: addresses.map(|address| address.address).collect() }
    }

    /// Where packets for the Service may go on this machine.
    pub(super) fn backends(&self, attempt: &Attempt) -> Vec<Ipv4Addr> {
        if attempt.backends.is_empty() { self.pods().chain(self.primary()).collect() } else { attempt.backends.clone() }
    }

    /// Whether it is in a network of the LNI, so that it asks for addresses there by ARP.
    pub(super) fn is_neighbour(&self, client: Ipv4Addr) -> bool {
        let lni = self.lni();
        lni.profile.lan.cidrs.first().is_some_and(|cidr| cidr.contains(client))
            || desired::address(&lni.profile, None).is_some_and(|address| address.network().contains(client))
    }

    /// Whether the kernel drops what comes in (`fib_validate_source` of Linux): strictly, unless the way back is by the LNI; loosely,
    /// unless there is any way back; and in both cases, if the way back is another and the LNI has no address.
    pub(super) fn incoming(&self, client: Ipv4Addr, backend: Ipv4Addr) -> Found {
        let back = way(&self.evidence.facts.routing, &Packet { from: backend, to: client, mark: 0 });
        if back.is_some_and(|route| route.link == self.lni().link) {
            return None;
        }
        let told = match self.evidence.filtered {
            0 => String::new(),
            count => format!(" ({count} packets meanwhile)"),
        };
        match (self.filter(), self.own.is_empty()) {
            (0, _) => None,
            (_, true) => Some((
                Cause::Unnumbered,
                format!("{} has no address: the kernel drops what {client} sends, however loose rp_filter is{told}", self.lni().name),
            )),
            (2, false) if back.is_some() => None,
            (2, false) => {
                Some((Cause::ReversePath, format!("no route leads back to {client}, and loose filtering (rp_filter=2) wants one{told}")))
            }
            (filter, false) => Some((
                Cause::ReversePath,
                format!(
                    "rp_filter={filter} on {} drops what {client} sends, as the way back is by {}{told}",
                    self.lni().name,
                    self.by(back)
                ),
            )),
        }
    }

    /// Whether the reply leaves by another interface.
    pub(super) fn reply(&self, client: Ipv4Addr, backend: Ipv4Addr) -> Found {
        let mark = if self.tables.marks { self.lni().profile.routing.mark } else { 0 };
        let route = way(&self.evidence.facts.routing, &Packet { from: backend, to: client, mark });
        if route.is_some_and(|route| route.link == self.lni().link) {
            return None;
        }
        let why = if self.tables.marks { "no rule leads marked replies to the LNI's table" } else { "replies carry no mark" };
        Some((Cause::ReplyElsewhere, format!("the reply of {backend} to {client} leaves by {}, as {why}", self.by(route))))
    }

    /// The rule that is usually advised.
    pub(super) fn source_rule(&self) -> Option<String> {
        let lan = |rule: &&Rule| match &rule.selector {
            Selector::From(from) => from.prefix() > 0 && self.lni().profile.lan.cidrs.iter().any(|cidr| cidr.overlaps(*from)),
            Selector::Mark { .. } | Selector::To(_) | Selector::Other(_) => false,
        };
        let rule = self.evidence.facts.routing.rules.iter().find(lan)?;
        let Selector::From(from) = &rule.selector else { return None };
        Some(format!(
            "the rule {} (from {from}) matches no reply of a pod: when it is routed, its source is still the pod's address",
            rule.priority
        ))
    }

    /// What the machine and its pods begin towards the LAN.
    pub(super) fn wrong_source(&self) -> Found {
        let seen = self.evidence.seen_as;
        if self.own.is_empty() {
            let as_ = seen.map_or_else(|| "an address of the VPC".to_owned(), |seen| seen.to_string());
            return Some((
                Cause::SenderUnnumbered,
                format!("what this machine begins towards the LAN carries {as_}, as {} has no address of its own", self.lni().name),
            ));
        }
        let seen = seen.filter(|seen| !self.own.contains(seen));
        if self.tables.masquerade && seen.is_none() {
            return None;
        }
        let as_ = seen.or_else(|| self.primary()).map_or_else(|| "an address of the VPC".to_owned(), |address| address.to_string());
        Some((
            Cause::CniSource,
            format!("what pods and this machine begin towards the LAN leaves with {as_}, which nobody there can answer"),
        ))
    }

    /// The VPC CNI has been here.
    pub(super) fn taken(&self) -> Found {
        let wanted = desired::address(&self.lni().profile, None).map(|address| address.address);
        if wanted.is_some_and(|wanted| self.own.contains(&wanted)) {
            return None;
        }
        let vpc = self.own.iter().find(|address| self.is_in_vpc(**address))?;
        let what = format!("{} has {vpc}, an address of the VPC, in place of that of the LAN: the VPC CNI does that", self.lni().name);
        Some((Cause::CniAddress, what))
    }

    /// The operating system took it for an interface of the VPC: what systemd-networkd does with the files of the EKS AMI. The rule that it
    /// leaves harms nothing by itself; it tells who has been here when packets are `lost`.
    pub(super) fn set_up_as_vpc(&self, lost: bool) -> Found {
        let (routing, lni) = (&self.evidence.facts.routing, self.lni());
        let pods: BTreeSet<_> = self.pods().collect();
        let anywhere: BTreeSet<_> = routing.addresses.iter().map(|address| address.address).collect();
        let stray = routing.rules.iter().find(|rule| match &rule.selector {
            Selector::From(from) if from.prefix() == 32 && rule.priority != CNI_FROM_POD => {
                let address = from.network();
                self.is_in_vpc(address) && !pods.contains(&address) && !anywhere.contains(&address)
            }
            Selector::From(_) | Selector::Mark { .. } | Selector::To(_) | Selector::Other(_) => false,
        });
        let default = routing.routes.iter().find(|route| {
            route.table == MAIN && route.link == lni.link && route.destination.prefix() == 0 && route.metric >= NETWORKD_METRIC
        });
        let mtu =
            routing.links.iter().find(|link| link.index == lni.link).map(|link| link.mtu).filter(|mtu| *mtu > u32::from(lni.profile.mtu));
        let signs = [
            stray.filter(|_| lost).map(|rule| format!("a rule from the address that EC2 shows for it (priority {})", rule.priority)),
            default.map(|route| format!("a default route of metric {}", route.metric)),
            mtu.map(|mtu| format!("packets of {mtu} bytes")),
        ];
        let signs: Vec<_> = signs.into_iter().flatten().collect();
        let what = format!("{} was set up as an interface of the VPC: {}", lni.name, signs.join(", "));
        (!signs.is_empty()).then_some((Cause::SetUpAsVpc, what))
    }

    fn lni(&self) -> &Lni {
        self.evidence.lni
    }

    /// The larger one of `all` and the interface's own; off where neither is known.
    fn filter(&self) -> u8 {
        let value = |which: &str| self.evidence.facts.sysctls.get(&format!("net.ipv4.conf.{which}.rp_filter"))?.trim().parse().ok();
        value("all").into_iter().chain(value(&self.lni().name)).max().unwrap_or(0)
    }

    /// Pods of the VPC CNI: it has a rule to each.
    fn pods(&self) -> impl Iterator<Item = Ipv4Addr> {
        self.evidence.facts.routing.rules.iter().filter_map(|rule| match &rule.selector {
            Selector::To(to) if to.prefix() == 32 && rule.table == MAIN => Some(to.network()),
            Selector::To(_) | Selector::From(_) | Selector::Mark { .. } | Selector::Other(_) => None,
        })
    }

    /// The first address of the interface with the default route, which is also that of pods in the network of the host.
    fn primary(&self) -> Option<Ipv4Addr> {
        let routing = &self.evidence.facts.routing;
        let everywhere = routing.routes.iter().filter(|route| route.table == MAIN && route.destination.prefix() == 0);
        let link = everywhere.filter(|route| route.link != self.lni().link).min_by_key(|route| route.metric)?.link;
        routing.addresses.iter().find(|address| address.link == link).map(|address| address.address)
    }

    fn is_in_vpc(&self, address: Ipv4Addr) -> bool {
        let facts = self.evidence.facts;
        let others = facts.routing.addresses.iter().filter(|other| other.link != self.lni().link);
        facts.vpc_cidrs.iter().any(|cidr| cidr.contains(address))
            || facts.interfaces.iter().any(|interface| interface.address == Some(address))
            || others.into_iter().any(|other| {
                hybridge_model::Cidr4::containing(other.address, other.prefix).is_some_and(|network| network.contains(address))
            })
    }

    /// The name of the interface that a route leaves by.
    fn by(&self, route: Option<&hybridge_model::routing::TableRoute>) -> String {
        let Some(route) = route else { return "no interface at all".into() };
        let link = self.evidence.facts.routing.links.iter().find(|link| link.index == route.link);
        link.map_or_else(|| format!("interface {}", route.link), |link| link.name.clone())
    }
}
