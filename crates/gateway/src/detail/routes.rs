//! VPC routes: every configured table with every configured pod CIDR.

use std::collections::BTreeSet;

use hybridge_model::{Cidr4, RouteTableId};

use super::{NOT_LEADING, Role, Route, Whose};
use crate::routes::{Foreign, Owner, Recognised, Wanted, effective, owner};
use crate::vpc::{RouteTable, VpcRoute};

/// What EC2 said last, and by what it was judged.
#[derive(Clone, Debug)]
pub struct SeenTables {
    /// The tables.
    pub tables: Vec<RouteTable>,
    /// What they should say if this gateway leads.
    pub wanted: Wanted,
    /// Whose routes count as a gateway's.
    pub known: Recognised,
}

/// Every route and how it stands with it, by table and pod CIDR.
pub fn routes(tables: &BTreeSet<RouteTableId>, pod_cidrs: &[Cidr4], seen: Option<&SeenTables>, role: Role<'_>) -> Vec<Route> {
    let pod_cidrs: BTreeSet<_> = pod_cidrs.iter().collect();
    let pairs = tables.iter().flat_map(|table| pod_cidrs.iter().map(move |cidr| (table, **cidr)));
    let described = |(table, destination): (&RouteTableId, Cidr4)| {
        let desired = seen.filter(|_| role.leading).map(|seen| seen.wanted.interface.clone());
        let (whose, observed, why) = match seen {
            Some(seen) => judged(table, destination, seen, role),
            None => (Whose::Unknown, None, Some(role.error.unwrap_or("the VPC route tables have not been read yet").to_owned())),
        };
        Route { table: table.clone(), destination, desired, observed, whose, why }
    };
    pairs.map(described).collect()
}

type Judgement = (Whose, Option<String>, Option<String>);

fn judged(id: &RouteTableId, destination: Cidr4, seen: &SeenTables, role: Role<'_>) -> Judgement {
    let Some(table) = seen.tables.iter().find(|table| table.id == *id) else {
        return (Whose::NoTable, None, Some(format!("route table {id} does not exist")));
    };
    let Some(route) = effective(table, destination) else {
        return (Whose::Missing, None, Some(role.unwritten("there is no such route")));
    };
    let (whose, why) = match owner(route, &seen.wanted, &seen.known) {
        Owner::Here if route.blackhole => (Whose::Blackhole, Some("leads to this gateway's interface, which EC2 calls a blackhole".into())),
        Owner::Here if role.leading => (Whose::Here, None),
        Owner::Here => (Whose::Here, Some(NOT_LEADING.into())),
        Owner::Gateway if route.blackhole => (Whose::Blackhole, Some(role.unwritten("leads to an interface that is gone"))),
        Owner::Gateway if role.leading => (Whose::Gateway, Some(role.unwritten("leads to another gateway"))),
        Owner::Gateway => (Whose::Gateway, None),
        Owner::Adopted => (Whose::Foreign, Some(role.unwritten("leads to somebody else's target and is taken over (--adopt-routes)"))),
        Owner::Foreign => (Whose::Foreign, Some(foreign(id, route))),
    };
    (whose, Some(route.target.to_string()), why)
}

fn foreign(table: &RouteTableId, route: &VpcRoute) -> String {
    Foreign { table: table.clone(), destination: route.destination, target: route.target.to_string() }.finding().what
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vpc::Target;

    fn to(interface: &str) -> Target {
        Target::Interface { interface: interface.parse().unwrap(), instance: None }
    }

    fn seen(route: Option<(Target, bool)>, adopt: bool) -> SeenTables {
        let destination = "10.250.0.0/16".parse().unwrap();
        let route = route.map(|(target, blackhole)| VpcRoute { destination, target, blackhole, by_create_route: true });
        SeenTables {
            tables: vec![RouteTable { id: "rtb-a".parse().unwrap(), vpc: "vpc-1".parse().unwrap(), routes: route.into_iter().collect() }],
            wanted: Wanted {
                tables: ["rtb-a".parse().unwrap()].into(),
                pod_cidrs: [destination].into(),
                interface: "eni-a1".parse().unwrap(),
                adopt,
            },
            known: Recognised { interfaces: ["eni-b1".parse().unwrap()].into(), ..Recognised::default() },
        }
    }

    fn one(table: &str, seen: Option<&SeenTables>, role: Role<'_>) -> Route {
        let all = routes(&[table.parse().unwrap()].into(), &["10.250.0.0/16".parse().unwrap()], seen, role);
        assert_eq!(all.len(), 1);
        all.into_iter().next().unwrap()
    }

    #[test]
    fn a_route_says_whose_it_is_and_why_it_is_not_the_leaders() {
        let leader = Role { leading: true, error: None };
        let refused = Role { leading: true, error: Some("EC2: CreateRoute: no") };
        let standby = Role::default();
        let (tgw, unwritten) = (|| Target::Other("tgw-1".into()), "; the leader has not written it yet");
        let cases = vec![
            (Some((to("eni-a1"), false)), leader, Whose::Here, None),
            (Some((to("eni-a1"), false)), standby, Whose::Here, Some("leads to this gateway, which did not lead when it was asked".into())),
            (
                Some((to("eni-a1"), true)),
                leader,
                Whose::Blackhole,
                Some("leads to this gateway's interface, which EC2 calls a blackhole".into()),
            ),
            (Some((to("eni-b1"), false)), leader, Whose::Gateway, Some(format!("leads to another gateway{unwritten}"))),
            (Some((to("eni-b1"), false)), refused, Whose::Gateway, Some("leads to another gateway: EC2: CreateRoute: no".into())),
            (Some((to("eni-b1"), false)), standby, Whose::Gateway, None),
            (Some((to("eni-dead"), true)), leader, Whose::Blackhole, Some(format!("leads to an interface that is gone{unwritten}"))),
            (Some((to("eni-dead"), true)), standby, Whose::Blackhole, Some("leads to an interface that is gone".into())),
            (Some((tgw(), false)), leader, Whose::Foreign, Some("leads to tgw-1, which is no gateway of this cluster".into())),
            (None, leader, Whose::Missing, Some(format!("there is no such route{unwritten}"))),
            (None, standby, Whose::Missing, Some("there is no such route".into())),
        ];
        for (route, role, whose, why) in cases {
            let case = format!("{route:?} {role:?}");
            let observed = route.as_ref().map(|(target, _)| target.to_string());
            let found = one("rtb-a", Some(&seen(route, false)), role);
            assert_eq!((found.whose, found.why, found.observed), (whose, why, observed), "{case}");
            assert_eq!(found.desired.is_some(), role.leading, "{case}");
        }
        let adopted = one("rtb-a", Some(&seen(Some((tgw(), false)), true)), leader);
        assert!(adopted.why.unwrap().contains("--adopt-routes"));
    }

    #[test]
    fn tables_that_are_missing_or_were_not_read_say_so() {
        let missing = one("rtb-b", Some(&seen(None, false)), Role::default());
        assert_eq!((missing.whose, missing.why.as_deref()), (Whose::NoTable, Some("route table rtb-b does not exist")));
        let unread = one("rtb-a", None, Role { leading: true, error: Some("EC2: no answer") });
        assert_eq!((unread.whose, unread.why.as_deref(), unread.desired), (Whose::Unknown, Some("EC2: no answer"), None));
        assert_eq!(one("rtb-a", None, Role::default()).why.as_deref(), Some("the VPC route tables have not been read yet"));
    }
}
