//! VPC routes: which are ours, what to write, and what to leave alone.
//!
//! EC2's routes have no compare-and-swap and carry no owner, so ownership is told by where a route leads: to an interface that a
//! gateway of this cluster has, or had. What leads anywhere else belongs to somebody else and is named, not touched.

use std::collections::BTreeSet;

use hybridge_model::{Cidr4, InstanceId, InterfaceId, RouteTableId, VpcId};
use hybridge_report::Finding;
use serde::{Deserialize, Serialize};

use crate::vpc::{RouteTable, Target, VpcRoute};

/// What the VPC route tables should say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Every table that is configured.
    pub tables: BTreeSet<RouteTableId>,
    /// Every pod CIDR that is configured.
    pub pod_cidrs: BTreeSet<Cidr4>,
    /// Where they shall lead.
    pub interface: InterfaceId,
    /// Take over routes that lead elsewhere.
    pub adopt: bool,
}

/// By what a gateway's routes are recognised.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recognised {
    /// Interfaces of gateways, present and past (see [`History`]).
    pub interfaces: BTreeSet<InterfaceId>,
    /// Instances whose Node carries the gateway label.
    pub instances: BTreeSet<InstanceId>,
}

/// A route to be written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Write {
    /// The table.
    pub table: RouteTableId,
    /// The destination.
    pub destination: Cidr4,
    /// What is replaced, in words; `None`: CreateRoute.
    pub replaces: Option<String>,
}

/// A route that is in the way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Foreign {
    /// The table.
    pub table: RouteTableId,
    /// The destination.
    pub destination: Cidr4,
    /// Where it leads.
    pub target: String,
}

/// The difference between the tables as they are and as they should be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// To be written, all at once.
    pub writes: Vec<Write>,
    /// Refused.
    pub foreign: Vec<Foreign>,
    /// Configured tables that EC2 does not know.
    pub missing: Vec<RouteTableId>,
    /// Routes that are as they should be.
    pub settled: usize,
}

/// Compares `tables` with `wanted`.
pub fn plan(tables: &[RouteTable], wanted: &Wanted, known: &Recognised) -> Plan {
    let mut plan = Plan::default();
    for id in &wanted.tables {
        let Some(table) = tables.iter().find(|table| table.id == *id) else {
            plan.missing.push(id.clone());
            continue;
        };
        for cidr in &wanted.pod_cidrs {
            let write = |replaces| Write { table: id.clone(), destination: *cidr, replaces };
            let Some(route) = effective(table, *cidr) else {
                plan.writes.push(write(None));
                continue;
            };
            match owner(route, wanted, known) {
                Owner::Here => plan.settled += 1,
                Owner::Gateway | Owner::Adopted => {
                    // What was propagated cannot be replaced, only outdone.
                    plan.writes.push(write(route.by_create_route.then(|| route.target.to_string())));
                }
                Owner::Foreign => plan.foreign.push(Foreign { table: id.clone(), destination: *cidr, target: route.target.to_string() }),
            }
        }
    }
    plan
}

/// Whose a route is, as far as the gateway that asks is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// It leads where it should.
    Here,
    /// A gateway of this cluster has, or had, the interface that it leads to.
    Gateway,
    /// Somebody else's that is taken over.
    Adopted,
    /// Somebody else's.
    Foreign,
}

/// The route that packets for exactly `cidr` take. One that a virtual private gateway propagates may stand beside ours, which wins.
pub(crate) fn effective(table: &RouteTable, cidr: Cidr4) -> Option<&VpcRoute> {
    table.routes.iter().filter(|route| route.destination == cidr).max_by_key(|route| route.by_create_route)
}

pub(crate) fn owner(route: &VpcRoute, wanted: &Wanted, known: &Recognised) -> Owner {
    if leads_to(route, &wanted.interface) {
        Owner::Here
    } else if is_ours(route, known) {
        Owner::Gateway
    } else if wanted.adopt && route.target != Target::Local {
        Owner::Adopted
    } else {
        Owner::Foreign
    }
}

fn leads_to(route: &VpcRoute, interface: &InterfaceId) -> bool {
    matches!(&route.target, Target::Interface { interface: there, .. } if there == interface)
}

/// Whether a gateway of this cluster has made the route.
fn is_ours(route: &VpcRoute, known: &Recognised) -> bool {
    match &route.target {
        Target::Interface { interface, instance } => {
            known.interfaces.contains(interface)
                || instance.as_ref().is_some_and(|instance| known.instances.contains(instance))
                // Nobody else makes routes for exactly our CIDR to an interface that no longer answers.
                || (route.blackhole && route.by_create_route)
        }
        Target::Local | Target::Other(_) => false,
    }
}

/// The interfaces of gateways so far, newest last, as the ConfigMap `hybrid-gateway-state` keeps them.
///
/// A gateway adds its own before it writes its first route. So when all gateways are replaced at once, the new ones know the
/// routes of the old.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// Interfaces, newest last.
    #[serde(default)]
    pub interfaces: Vec<InterfaceId>,
}

impl History {
    /// Name of the ConfigMap, in the namespace of the gateway.
    pub const CONFIG_MAP: &str = "hybrid-gateway-state";
    /// Key under which it stands there, as JSON.
    pub const KEY: &str = "history";
    /// A gateway is replaced a few times a month; this remembers years, in 2 kB.
    const LENGTH: usize = 64;

    /// The history with `interface` in it; `None` if it is there already.
    pub fn remember(&self, interface: &InterfaceId) -> Option<Self> {
        if self.interfaces.contains(interface) {
            return None;
        }
        let mut interfaces = self.interfaces.clone();
        interfaces.push(interface.clone());
        let surplus = interfaces.len().saturating_sub(Self::LENGTH);
        Some(Self { interfaces: interfaces.split_off(surplus) })
    }
}

/// What is wrong with the configured tables, for a gateway whose instance is in `vpc`. Missing tables and tables of another VPC
/// are errors of the configuration; foreign routes are only left out.
pub fn findings(tables: &[RouteTable], wanted: &Wanted, known: &Recognised, vpc: &VpcId) -> Vec<Finding> {
    const PLACE: &str = "--route-table-ids (ROUTE_TABLE_IDS)";
    let plan = plan(tables, wanted, known);
    let missing = plan.missing.iter().map(|id| {
        Finding::error("route-table.missing", PLACE, format!("{id} does not exist in this account and region"))
            .fix("list the VPC's tables: `aws ec2 describe-route-tables --filters Name=vpc-id,Values=VPC`")
    });
    let elsewhere = tables.iter().filter(|table| table.vpc != *vpc).map(|table| {
        Finding::error("route-table.other-vpc", PLACE, format!("{} belongs to {}, this gateway to {vpc}", table.id, table.vpc))
            .fix(format!("name route tables of {vpc} only"))
    });
    missing.chain(elsewhere).chain(plan.foreign.iter().map(Foreign::finding)).collect()
}

/// That EC2 drops what this instance forwards.
pub fn source_dest_check() -> Finding {
    Finding::warning(
        "instance.source-dest-check",
        "this instance's primary interface",
        "its source/destination check is on, so EC2 drops what it forwards",
    )
    .fix("`aws ec2 modify-network-interface-attribute --network-interface-id ENI --no-source-dest-check`")
}

impl Foreign {
    /// Whether that is what a finding tells.
    pub fn is_told_by(finding: &Finding) -> bool {
        finding.code == Self::CODE
    }

    const CODE: &str = "route.foreign";

    /// The refusal, for people.
    pub fn finding(&self) -> Finding {
        let Self { table, destination, target } = self;
        Finding::warning(Self::CODE, format!("{table} {destination}"), format!("leads to {target}, which is no gateway of this cluster"))
            .fix(format!(
                "remove it (`aws ec2 delete-route --route-table-id {table} --destination-cidr-block {destination}`) \
                 or take it over with --adopt-routes"
            ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(id: &str) -> InterfaceId {
        id.parse().unwrap()
    }

    fn wanted(adopt: bool) -> Wanted {
        Wanted {
            tables: ["rtb-a", "rtb-b"].iter().map(|id| id.parse().unwrap()).collect(),
            pod_cidrs: ["10.250.0.0/16", "10.251.0.0/16"].iter().map(|cidr| cidr.parse().unwrap()).collect(),
            interface: interface("eni-a1"),
            adopt,
        }
    }

    fn route(cidr: &str, target: Target) -> VpcRoute {
        VpcRoute { destination: cidr.parse().unwrap(), target, blackhole: false, by_create_route: true }
    }

    fn to(id: &str, instance: Option<&str>) -> Target {
        Target::Interface { interface: interface(id), instance: instance.map(|id| id.parse().unwrap()) }
    }

    fn table(id: &str, routes: Vec<VpcRoute>) -> RouteTable {
        RouteTable { id: id.parse().unwrap(), vpc: "vpc-1".parse().unwrap(), routes }
    }

    fn known() -> Recognised {
        Recognised { interfaces: [interface("eni-01d")].into(), instances: ["i-0b".parse().unwrap()].into() }
    }

    #[test]
    fn everything_missing_is_created_in_every_table() {
        let plan = plan(&[table("rtb-a", vec![]), table("rtb-b", vec![])], &wanted(false), &known());
        assert_eq!(plan.writes.len(), 4);
        assert!(plan.writes.iter().all(|write| write.replaces.is_none()));
    }

    #[test]
    fn whose_route_is_whose() {
        let blackhole = |by_create_route| VpcRoute { blackhole: true, by_create_route, ..route("10.250.0.0/16", to("eni-dead", None)) };
        for (case, route, ours) in [
            ("remembered interface", route("10.250.0.0/16", to("eni-01d", None)), true),
            ("labelled instance", route("10.250.0.0/16", to("eni-b1", Some("i-0b"))), true),
            ("gone, made by CreateRoute", blackhole(true), true),
            ("gone, propagated", blackhole(false), false),
            ("foreign interface", route("10.250.0.0/16", to("eni-f", Some("i-0f"))), false),
            ("transit gateway", route("10.250.0.0/16", Target::Other("tgw-1".into())), false),
            ("blackholed transit gateway", VpcRoute { blackhole: true, ..route("10.250.0.0/16", Target::Other("tgw-1".into())) }, false),
            ("local", route("10.250.0.0/16", Target::Local), false),
        ] {
            let plan = plan(&[table("rtb-a", vec![route])], &wanted(false), &known());
            let replaced = plan.writes.iter().any(|write| write.replaces.is_some());
            assert_eq!((replaced, plan.foreign.len()), (ours, usize::from(!ours)), "{case}");
        }
    }

    #[test]
    fn adopting_takes_foreign_routes_but_never_the_local_one() {
        let routes = vec![route("10.250.0.0/16", Target::Other("tgw-1".into())), route("10.251.0.0/16", Target::Local)];
        let plan = plan(&[table("rtb-a", routes)], &wanted(true), &known());
        assert_eq!(plan.writes.len(), 1);
        assert_eq!(plan.writes[0].replaces.as_deref(), Some("tgw-1"));
        assert_eq!(plan.foreign.len(), 1);
    }

    #[test]
    fn a_propagated_route_is_outdone_by_ours_and_only_when_told_to() {
        let propagated = || VpcRoute { by_create_route: false, ..route("10.250.0.0/16", Target::Other("vgw-1".into())) };
        let other = || route("10.251.0.0/16", to("eni-a1", None));
        for routes in
            [vec![propagated(), route("10.250.0.0/16", to("eni-a1", None))], vec![route("10.250.0.0/16", to("eni-a1", None)), propagated()]]
        {
            assert_eq!(plan(&[table("rtb-a", routes)], &wanted(false), &known()).settled, 1);
        }
        let tables = [table("rtb-a", vec![propagated(), other()])];
        assert_eq!(plan(&tables, &wanted(false), &known()).foreign.len(), 1);
        let adopting = plan(&tables, &wanted(true), &known());
        assert_eq!((adopting.writes.len(), adopting.writes[0].replaces.as_deref()), (1, None));
    }

    #[test]
    fn what_is_settled_is_not_written_again() {
        let ours = |cidr| route(cidr, to("eni-a1", Some("i-0a")));
        let tables = [table("rtb-a", vec![ours("10.250.0.0/16"), ours("10.251.0.0/16")]), table("rtb-b", vec![ours("10.250.0.0/16")])];
        let plan = plan(&tables, &wanted(false), &known());
        assert_eq!((plan.settled, plan.writes.len()), (3, 1));
    }

    #[test]
    fn missing_tables_tables_of_another_vpc_and_foreign_routes_are_told_at_once() {
        let tables =
            [RouteTable { vpc: "vpc-2".parse().unwrap(), ..table("rtb-a", vec![route("10.250.0.0/16", Target::Other("tgw-1".into()))]) }];
        let found = findings(&tables, &wanted(false), &known(), &"vpc-1".parse().unwrap());
        let codes: Vec<_> = found.iter().map(|f| (f.code, f.severity)).collect();
        use hybridge_report::Severity::{Error, Warning};
        assert_eq!(codes, [("route-table.missing", Error), ("route-table.other-vpc", Error), ("route.foreign", Warning)]);
    }

    #[test]
    fn history_remembers_each_interface_once_and_stays_bounded() {
        let mut history = History::default();
        for i in 0..100u32 {
            history = history.remember(&interface(&format!("eni-{i:x}"))).unwrap();
        }
        assert_eq!((history.interfaces.len(), history.interfaces[0].as_str()), (64, "eni-24"));
        assert_eq!(history.remember(&interface("eni-63")), None);
    }
}
