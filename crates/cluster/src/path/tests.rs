//! A good world has no broken hop; each thing that is taken away breaks the hop that it belongs to, and no other.

use std::collections::BTreeSet;

use hybridge_model::Cidr4;
use proptest::prelude::*;

use super::*;
use crate::fixture::{self, NODE, POD};
use crate::world::TransitGatewayRoute;

fn broken(paths: &[Path]) -> BTreeSet<(Flow, Step)> {
    let hops = paths.iter().flat_map(|path| path.hops.iter().map(|hop| (path.flow, hop)));
    hops.filter(|(_, hop)| hop.verdict == Verdict::Broken).map(|(flow, hop)| (flow, hop.step)).collect()
}

fn steps(paths: &[Path]) -> BTreeSet<Step> {
    broken(paths).into_iter().map(|(_, step)| step).collect()
}

#[test]
fn where_all_is_well_every_hop_passes() {
    let (cluster, world) = (fixture::cluster(), fixture::world());
    let (vpn_cluster, vpn_world) = fixture::with_vpn_gateway();
    for (cluster, world) in [(&cluster, &world), (&vpn_cluster, &vpn_world)] {
        for address in [NODE, POD] {
            let paths = follow(cluster, world, address);
            assert_eq!(paths.len(), 4, "to and from two interfaces");
            for path in &paths {
                assert_eq!(path.verdict(), Verdict::Pass, "{}: {:#?}", path.title(), path.hops);
                assert!(path.hops.iter().all(|hop| !hop.sentence.is_empty()), "{:#?}", path.hops);
            }
            assert_eq!(findings(&paths), []);
        }
    }
}

type Take = fn(&mut World);
/// What is taken away, how, and the hops that break.
type Taking = (&'static str, Take, Vec<(Flow, Step)>);

/// What is taken away, and the hops of a node's ways that break.
fn takings() -> Vec<Taking> {
    use Flow::{Api, Kubelet};
    fn site_routes(world: &mut World) -> &mut Vec<TransitGatewayRoute> {
        world.transit_gateway_routes.get_mut(fixture::SITE_TGW_TABLE).unwrap()
    }
    fn vpc_routes(world: &mut World) -> &mut Vec<TransitGatewayRoute> {
        world.transit_gateway_routes.get_mut(fixture::VPC_TGW_TABLE).unwrap()
    }
    fn forbid(world: &mut World, egress: bool, ports: (u16, u16)) {
        world.network_acls[0].entries.push(fixture::acl_rule(50, "deny", egress, Some(ports)));
    }
    let both = |step| vec![(Api, step), (Kubelet, step)];
    vec![
        ("the site's route to the VPC", |world| site_routes(world).clear(), both(Step::GatewayIn)),
        ("a blackhole to the VPC", |world| site_routes(world)[0].state = "blackhole".into(), both(Step::GatewayIn)),
        (
            "the VPC's route to nodes",
            |world| vpc_routes(world).retain(|it| it.destination_cidr_block != fixture::NODES),
            both(Step::GatewayOut),
        ),
        ("the attachment's subnet in b", |world| world.transit_gateway_attachments[0].subnet_ids.truncate(1), both(Step::Vpc)),
        ("443 in", |world| world.security_groups[0].ip_permissions.clear(), vec![(Api, Step::GroupIn)]),
        ("10250 out", |world| world.security_groups[0].ip_permissions_egress.clear(), vec![(Kubelet, Step::GroupOut)]),
        ("443 through the ACL", |world| forbid(world, false, (443, 443)), vec![(Api, Step::AclIn)]),
        ("10250 through the ACL", |world| forbid(world, true, (10250, 10250)), vec![(Kubelet, Step::AclOut)]),
        ("answers to nodes through the ACL", |world| forbid(world, true, (50000, 51000)), vec![(Api, Step::AclOut)]),
        ("answers of kubelets through the ACL", |world| forbid(world, false, (60999, 65535)), vec![(Kubelet, Step::AclIn)]),
        (
            "the main table's route",
            |world| world.route_tables[0].routes.retain(|it| it.destination_cidr_block != fixture::NODES),
            both(Step::Route),
        ),
        (
            "table b's route",
            |world| world.route_tables[1].routes.retain(|it| it.destination_cidr_block != fixture::NODES),
            both(Step::Route),
        ),
        ("a blackhole in the VPC", |world| world.route_tables[1].routes[1].state = "blackhole".into(), both(Step::Route)),
        (
            "a route into the internet",
            |world| {
                world.route_tables[1].routes[1].transit_gateway_id.clear();
                world.route_tables[1].routes[1].nat_gateway_id = "nat-1".into();
            },
            both(Step::Route),
        ),
    ]
}

#[test]
fn each_thing_that_is_taken_away_breaks_its_own_hop() {
    let cluster = fixture::cluster();
    for (what, take, expected) in takings() {
        let mut world = fixture::world();
        take(&mut world);
        let paths = follow(&cluster, &world, NODE);
        assert_eq!(broken(&paths), expected.into_iter().collect(), "{what}");
        let found = findings(&paths);
        assert!(found.iter().any(|it| it.severity == Severity::Error && it.fix.is_some()), "{what}: {found:#?}");
        for fix in found.iter().filter_map(|it| it.fix.as_deref()) {
            let network = fix.split_once("--destination-cidr-block ").and_then(|(_, rest)| rest.split(' ').next());
            assert!(network.is_none_or(|network| network.parse::<Cidr4>().is_ok()), "{what}: a route is made for a network: {fix}");
        }
        found.iter().filter_map(|it| it.fix.as_deref()).for_each(fixture::assert_commands_are_whole);
        assert!(found.len() <= 2, "one sentence a broken part, not one a way: {what}: {found:#?}");
    }
}

#[test]
fn a_vpn_gateway_has_to_be_attached() {
    let (cluster, mut world) = fixture::with_vpn_gateway();
    world.vpn_gateways[0].vpc_attachments.clear();
    assert_eq!(steps(&follow(&cluster, &world, NODE)), BTreeSet::from([Step::GatewayIn, Step::GatewayOut]));
    let (cluster, mut world) = fixture::with_vpn_gateway();
    for route in world.route_tables.iter_mut().flat_map(|table| &mut table.routes) {
        route.origin = "CreateRoute".into();
    }
    let paths = follow(&cluster, &world, NODE);
    assert_eq!(broken(&paths), BTreeSet::new());
    assert!(findings(&paths).iter().any(|it| it.code == "path.gateway-out"), "routes made by hand do not tell what the gateway knows");
}

#[test]
fn an_attachment_without_table_or_consent_leads_nowhere() {
    let cluster = fixture::cluster();
    let mut world = fixture::world();
    world.transit_gateway_attachments[0].association = None;
    assert_eq!(steps(&follow(&cluster, &world, NODE)), BTreeSet::from([Step::GatewayOut]));
    let mut world = fixture::world();
    world.transit_gateway_attachments[0].state = "pendingAcceptance".into();
    let found = findings(&follow(&cluster, &world, NODE));
    assert!(found.iter().any(|it| it.what.contains("consent")), "{found:#?}");
}

#[test]
fn an_address_outside_the_remote_networks_is_told_first() {
    let (cluster, world) = (fixture::cluster(), fixture::world());
    let paths = follow(&cluster, &world, Ipv4Addr::new(10, 99, 0, 1));
    assert!(broken(&paths).contains(&(Flow::Api, Step::Site)));
    assert!(broken(&paths).contains(&(Flow::Kubelet, Step::Route)));
    let inside = follow(&cluster, &world, Ipv4Addr::new(10, 0, 1, 77));
    assert!(findings(&inside).iter().any(|it| it.code == "path.route" && it.what.contains("the VPC's own networks")), "{inside:#?}");
}

#[test]
fn packets_to_a_public_endpoint_do_not_go_through_the_vpc() {
    let (cluster, mut world) = (fixture::cluster(), fixture::world());
    let config = &mut world.cluster.as_mut().unwrap().resources_vpc_config;
    config.endpoint_public_access = true;
    config.public_access_cidrs = vec!["0.0.0.0/0".into()];
    let paths = follow(&cluster, &world, NODE);
    assert_eq!(paths.iter().map(|path| path.flow).collect::<Vec<_>>(), [Flow::Api, Flow::Kubelet, Flow::Kubelet]);
    assert!(paths[0].hops[1].sentence.contains("over the internet"), "{paths:#?}");
    assert_eq!(paths[0].verdict(), Verdict::Pass);
    world.cluster.as_mut().unwrap().resources_vpc_config.public_access_cidrs = vec!["203.0.113.0/24".into()];
    assert_eq!(follow(&cluster, &world, NODE)[0].verdict(), Verdict::Unknown);
}

#[test]
fn a_pods_way_from_the_control_plane_is_that_of_webhooks() {
    let (cluster, mut world) = (fixture::cluster(), fixture::world());
    world.security_groups[1].ip_permissions_egress.clear();
    let paths = follow(&cluster, &world, POD);
    let out = paths.iter().flat_map(|path| &path.hops).find(|hop| hop.step == Step::GroupOut).unwrap();
    assert_eq!((out.verdict, out.sentence.as_str()), (Verdict::Pass, "a rule lets TCP 9443 to 10.81.3.9 pass"));
    world.security_groups[0].ip_permissions_egress.truncate(1);
    assert_eq!(broken(&follow(&cluster, &world, POD)), BTreeSet::from([(Flow::Webhook, Step::GroupOut)]));
}

#[test]
fn what_aws_did_not_tell_is_unknown_and_never_well() {
    let cluster = fixture::cluster();
    let forget: [(&str, Take, Step); 7] = [
        ("groups", |world| world.security_groups.clear(), Step::GroupIn),
        ("ACLs", |world| world.network_acls.clear(), Step::AclIn),
        ("tables", |world| world.route_tables.clear(), Step::Route),
        ("subnets", |world| world.subnets.clear(), Step::Vpc),
        ("the gateway's routes", |world| world.transit_gateway_routes.clear(), Step::GatewayOut),
        ("the site's attachment", |world| world.transit_gateway_attachments.truncate(1), Step::GatewayIn),
        (
            "interfaces and the cluster's subnets",
            |world| {
                world.network_interfaces.clear();
                world.cluster.as_mut().unwrap().resources_vpc_config.subnet_ids.clear();
            },
            Step::Vpc,
        ),
    ];
    for (what, forget, step) in forget {
        let mut world = fixture::world();
        forget(&mut world);
        let paths = follow(&cluster, &world, NODE);
        assert_eq!(broken(&paths), BTreeSet::new(), "{what}");
        let unknown = paths.iter().flat_map(|path| &path.hops).any(|hop| hop.step == step && hop.verdict == Verdict::Unknown);
        assert!(unknown, "{what}: {paths:#?}");
    }
    let paths = follow(&cluster, &World::default(), NODE);
    assert!(paths.iter().any(|path| path.verdict() == Verdict::Unknown));
}

#[test]
fn routes_to_pods_that_gateways_own_lead_to_them() {
    let (mut cluster, mut world) = (fixture::cluster(), fixture::world());
    cluster.annotations.pod_routes_by_gateway = true;
    for table in &mut world.route_tables {
        table.routes[2].transit_gateway_id.clear();
        table.routes[2].network_interface_id = "eni-gateway".into();
    }
    let paths = follow(&cluster, &world, POD);
    assert!(paths.iter().all(|path| path.verdict() == Verdict::Pass), "{paths:#?}");
    for table in &mut world.route_tables {
        table.routes.truncate(2);
    }
    let found = findings(&follow(&cluster, &world, POD));
    assert!(found.iter().any(|it| it.fix.as_deref().is_some_and(|fix| fix.starts_with("start the gateways"))), "{found:#?}");
}

proptest! {
    /// Whatever is taken away together, each broken hop belongs to one of the things taken.
    #[test]
    fn several_things_taken_away_break_no_other_hop(chosen in proptest::collection::btree_set(0usize..14, 0..5)) {
        let cluster = fixture::cluster();
        let takings = takings();
        let mut world = fixture::world();
        let mut allowed: BTreeSet<Step> = BTreeSet::new();
        for i in &chosen {
            let (_, take, expected) = &takings[*i];
            // Two of them may take the same thing; the second finds it gone.
            let taken = std::panic::catch_unwind(|| { let mut copy = world.clone(); take(&mut copy); copy });
            if let Ok(copy) = taken { world = copy; }
            allowed.extend(expected.iter().map(|(_, step)| *step));
        }
        let broken = steps(&follow(&cluster, &world, NODE));
        prop_assert!(broken.is_subset(&allowed), "{broken:?} {allowed:?} {chosen:?}");
        prop_assert_eq!(broken.is_empty(), chosen.is_empty());
    }

    /// Any address of the remote networks passes where all is well.
    #[test]
    fn every_remote_address_passes(address in 0u32..1 << 17) {
        let address = Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 80, 0, 0)) + address);
        let paths = follow(&fixture::cluster(), &fixture::world(), address);
        prop_assert!(paths.iter().all(|path| path.verdict() == Verdict::Pass), "{address}");
    }
}
