use super::*;
use crate::ec2::RouteTarget::{Interface, Other};
use crate::topology::{LegKind, Size};

fn fabric() -> Fabric {
    let instances = Size::default().legs().into_iter().filter(|leg| leg.kind != LegKind::Service).collect();
    Fabric { instances, site: Ipv4Addr::new(172, 31, 255, 2) }
}

/// The world's instances, all in one route table `rtb-1` with a route to the site.
fn state() -> Ec2State {
    let mut state = Ec2State::new("vpc-1".parse().unwrap(), Size::default().vpc_cidrs());
    let fabric = fabric();
    for (i, leg) in fabric.instances.iter().enumerate() {
        let instance = Instance {
            interface: format!("eni-{i}").parse().unwrap(),
            private_ip: leg.address,
            az: leg.zone.clone(),
            source_dest_check: leg.kind == LegKind::CloudNode,
            vxlan_open: true,
            terminated: false,
        };
        state.instances.insert(format!("i-{i}").parse().unwrap(), instance);
    }
    let table = "rtb-1".parse().unwrap();
    state.add_table(table, fabric.instances.iter().map(|leg| leg.subnet.clone()).collect());
    state.create_route(&"rtb-1".parse().unwrap(), cidr("192.168.10.0/24"), Other("tgw-1".into())).unwrap();
    state
}

fn cidr(text: &str) -> Cidr4 {
    text.parse().unwrap()
}

fn route_pods_to(state: &mut Ec2State, target: RouteTarget) {
    state.create_route(&"rtb-1".parse().unwrap(), cidr("10.250.0.0/16"), target).unwrap();
}

fn pods_hop(state: &Ec2State) -> Hop {
    desired(&fabric(), state).routes[&(FIRST_TABLE, cidr("10.250.0.0/16"))].clone()
}

fn gateway_a(state: &mut Ec2State) -> &mut Instance {
    state.instances.get_mut(&"i-0".parse().unwrap()).unwrap()
}

fn rules_of(state: &Ec2State, leg: &str) -> Vec<String> {
    let rules = desired(&fabric(), state).rules;
    rules.iter().filter(|r| r.leg.as_deref() == Some(leg)).map(|r| format!("{} {:?}: {r}", r.priority, r.action)).collect()
}

#[test]
fn targets_become_hops() {
    let mut state = state();
    route_pods_to(&mut state, Interface("eni-0".parse().unwrap()));
    assert_eq!(pods_hop(&state), Hop::Via(Ipv4Addr::new(10, 0, 1, 10), "gateway-a".into()));
    let routes = desired(&fabric(), &state).routes;
    assert_eq!(routes[&(FIRST_TABLE, cidr("10.0.0.0/16"))], Hop::Throw);
    assert_eq!(routes[&(FIRST_TABLE, cidr("192.168.10.0/24"))], Hop::Via(fabric().site, WAN_LEG.into()));
    assert_eq!(hop(&fabric(), &state, &Other("nat-1".into())), Hop::Blackhole);
}

#[test]
fn a_terminated_instance_is_a_blackhole_both_ways() {
    let mut state = state();
    route_pods_to(&mut state, Interface("eni-0".parse().unwrap()));
    gateway_a(&mut state).terminated = true;
    assert_eq!(pods_hop(&state), Hop::Blackhole);
    assert_eq!(rules_of(&state, "gateway-a"), ["210 Blackhole: in by gateway-a dropped"]);
}

#[test]
fn the_check_drops_transit_packets_in_both_directions() {
    let mut state = state();
    route_pods_to(&mut state, Interface("eni-0".parse().unwrap()));
    assert_eq!(
        rules_of(&state, "gateway-a"),
        ["200 Lookup(1000): in by gateway-a routed", "205 Lookup(254): in by gateway-a routed", "210 Blackhole: in by gateway-a dropped"]
    );
    gateway_a(&mut state).source_dest_check = true;
    assert_eq!(pods_hop(&state), Hop::Blackhole);
    assert_eq!(
        rules_of(&state, "gateway-a"),
        [
            "200 Lookup(1000): in by gateway-a from 10.0.1.10 routed",
            "205 Lookup(254): in by gateway-a from 10.0.1.10 routed",
            "210 Blackhole: in by gateway-a dropped"
        ]
    );
}

#[test]
fn with_the_check_on_a_node_still_sends_for_the_pods_on_its_interface() {
    let rules = rules_of(&state(), "cloud-node");
    assert!(rules.iter().any(|r| r.contains("from 10.0.3.20 routed")), "{rules:?}");
}

#[test]
fn a_closed_security_group_drops_vxlan_from_everywhere() {
    let mut state = state();
    let groups =
        |state: &Ec2State| desired(&fabric(), state).rules.into_iter().filter(|r| r.priority == SECURITY_GROUP).collect::<Vec<_>>();
    assert_eq!(groups(&state), []);
    gateway_a(&mut state).vxlan_open = false;
    assert_eq!(groups(&state).iter().map(ToString::to_string).collect::<Vec<_>>(), ["to 10.0.1.10 for UDP 8472 dropped"]);
}

#[test]
fn the_plan_is_the_difference() {
    let mut state = state();
    let before = desired(&fabric(), &state);
    assert_eq!(plan(&before, &before), []);
    route_pods_to(&mut state, Interface("eni-0".parse().unwrap()));
    let after = desired(&fabric(), &state);
    let set = Change::SetRoute(FIRST_TABLE, cidr("10.250.0.0/16"), Hop::Via(Ipv4Addr::new(10, 0, 1, 10), "gateway-a".into()));
    assert_eq!(plan(&after, &before), [set]);
    assert_eq!(plan(&before, &after), [Change::DeleteRoute(FIRST_TABLE, cidr("10.250.0.0/16"))]);
}
