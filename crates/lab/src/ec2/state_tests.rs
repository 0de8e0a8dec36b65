use super::*;

fn cidr(text: &str) -> Cidr4 {
    text.parse().unwrap()
}

fn table_id() -> RouteTableId {
    "rtb-0a".parse().unwrap()
}

fn interface(text: &str) -> RouteTarget {
    RouteTarget::Interface(text.parse().unwrap())
}

fn two_gateways() -> Ec2State {
    let mut state = Ec2State::new("vpc-0a".parse().unwrap(), vec![cidr("10.0.0.0/16"), cidr("100.64.0.0/16")]);
    for (id, eni, ip) in [("i-0a", "eni-0a", "10.0.1.10"), ("i-0b", "eni-0b", "10.0.2.10")] {
        state.instances.insert(
            id.parse().unwrap(),
            Instance {
                interface: eni.parse().unwrap(),
                private_ip: ip.parse().unwrap(),
                az: "us-west-2a".into(),
                source_dest_check: true,
                vxlan_open: true,
                terminated: false,
            },
        );
    }
    state.add_table(table_id(), vec![]);
    state
}

#[test]
fn a_table_starts_with_a_local_route_for_each_network_of_the_vpc() {
    let state = two_gateways();
    let routes = &state.tables[&table_id()].routes;
    assert_eq!(routes.keys().copied().collect::<Vec<_>>(), [cidr("10.0.0.0/16"), cidr("100.64.0.0/16")]);
    assert!(routes.values().all(|route| route.target == RouteTarget::Local && route.origin == RouteOrigin::CreateRouteTable));
}

#[test]
fn a_route_is_created_once_replaced_and_deleted_once() {
    let mut state = two_gateways();
    let (table, pods) = (table_id(), cidr("10.250.0.0/16"));
    assert_eq!(state.replace_route(&table, pods, interface("eni-0a")).unwrap_err().code(), "InvalidParameterValue");
    state.create_route(&table, pods, interface("eni-0a")).unwrap();
    assert_eq!(state.create_route(&table, pods, interface("eni-0b")).unwrap_err().code(), "RouteAlreadyExists");
    state.replace_route(&table, pods, interface("eni-0b")).unwrap();
    let route = &state.tables[&table].routes[&pods];
    assert_eq!((&route.target, route.origin), (&interface("eni-0b"), RouteOrigin::CreateRoute));
    state.delete_route(&table, pods).unwrap();
    assert_eq!(state.delete_route(&table, pods).unwrap_err().code(), "InvalidRoute.NotFound");
}

#[test]
fn local_routes_stay() {
    let mut state = two_gateways();
    let before = state.clone();
    let (table, vpc) = (table_id(), cidr("10.0.0.0/16"));
    assert_eq!(state.create_route(&table, vpc, interface("eni-0a")).unwrap_err().code(), "RouteAlreadyExists");
    assert_eq!(state.replace_route(&table, vpc, interface("eni-0a")).unwrap_err().code(), "InvalidParameterValue");
    assert_eq!(state.delete_route(&table, vpc).unwrap_err().code(), "InvalidParameterValue");
    assert_eq!(state, before);
}

#[test]
fn a_terminated_instance_leaves_a_blackhole_and_takes_no_new_routes() {
    let mut state = two_gateways();
    let (table, pods) = (table_id(), cidr("10.250.0.0/16"));
    state.create_route(&table, pods, interface("eni-0a")).unwrap();
    assert!(!state.is_blackhole(&interface("eni-0a")));
    state.instances.get_mut(&"i-0a".parse().unwrap()).unwrap().terminated = true;
    assert!(state.is_blackhole(&state.tables[&table].routes[&pods].target));
    let refused = state.replace_route(&table, pods, interface("eni-0a")).unwrap_err();
    assert_eq!(refused.code(), "InvalidNetworkInterfaceID.NotFound");
    assert!(state.set_source_dest_check(&"eni-0a".parse().unwrap(), false).is_err());
    assert_eq!(state.instance_at("10.0.1.10".parse().unwrap()), None);
    state.replace_route(&table, pods, interface("eni-0b")).unwrap();
}

#[test]
fn unknown_tables_and_interfaces_are_named() {
    let mut state = two_gateways();
    let missing: RouteTableId = "rtb-0dead".parse().unwrap();
    let refused = state.create_route(&missing, cidr("10.250.0.0/16"), interface("eni-0a")).unwrap_err();
    assert_eq!(refused.to_string(), "The routeTable ID 'rtb-0dead' does not exist");
    let refused = state.create_route(&table_id(), cidr("10.250.0.0/16"), interface("eni-0dead")).unwrap_err();
    assert_eq!(refused.to_string(), "The networkInterface ID 'eni-0dead' does not exist");
}
