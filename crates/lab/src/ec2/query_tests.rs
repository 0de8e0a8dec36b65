use super::*;
use crate::ec2::state::{Instance, RouteOrigin, TableRoute};

fn parameters(pairs: &[(&str, &str)]) -> Parameters {
    Parameters(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

fn vpc() -> Ec2State {
    let mut state = Ec2State::new("vpc-0a".parse().unwrap(), vec!["10.0.0.0/16".parse().unwrap()]);
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
    for number in 0..7 {
        state.add_table(format!("rtb-0{number}").parse().unwrap(), vec![format!("subnet-0{number}")]);
    }
    state
}

fn xml(pairs: &[(&str, &str)]) -> String {
    act(&mut vpc(), &parameters(pairs)).unwrap().to_string()
}

fn code(pairs: &[(&str, &str)]) -> &'static str {
    act(&mut vpc(), &parameters(pairs)).unwrap_err().code()
}

#[test]
fn bad_parameters_get_the_documented_codes() {
    let create = [("Action", "CreateRoute"), ("RouteTableId", "rtb-00"), ("DestinationCidrBlock", "10.250.0.0/16")];
    let with = |more: &[(&'static str, &'static str)]| [&create[..], more].concat();
    let cases: [(Vec<(&str, &str)>, &str); 16] = [
        (with(&[]), "MissingParameter"),
        (with(&[("NetworkInterfaceId", "eni-0a"), ("GatewayId", "igw-1")]), "InvalidParameterCombination"),
        (with(&[("NetworkInterfaceId", "eth0")]), "InvalidNetworkInterfaceId.Malformed"),
        (with(&[("NetworkInterfaceId", "eni-0dead")]), "InvalidNetworkInterfaceID.NotFound"),
        (with(&[("InstanceId", "i-0dead")]), "InvalidInstanceID.NotFound"),
        (with(&[("NetworkInterfaceId", "eni-0a"), ("Colour", "blue")]), "UnknownParameter"),
        (vec![("Action", "CreateRoute"), ("DestinationCidrBlock", "10.250.0.0/16")], "MissingParameter"),
        (vec![("Action", "CreateRoute"), ("RouteTableId", "rtb-00"), ("NetworkInterfaceId", "eni-0a")], "MissingParameter"),
        (vec![("Action", "DeleteRoute"), ("RouteTableId", "rtb-00"), ("DestinationCidrBlock", "10.250/16")], "InvalidParameterValue"),
        (vec![("Action", "DeleteRoute"), ("RouteTableId", "rtb-00"), ("DestinationCidrBlock", "10.0.0.0/33")], "InvalidParameterValue"),
        (vec![("Action", "DescribeRouteTables"), ("RouteTableId.1", "nonsense")], "InvalidRouteTableId.Malformed"),
        (vec![("Action", "DescribeRouteTables"), ("RouteTableId.1", "rtb-0dead")], "InvalidRouteTableID.NotFound"),
        (vec![("Action", "DescribeRouteTables"), ("Filter.1.Name", "colour"), ("Filter.1.Value.1", "x")], "InvalidParameterValue"),
        (vec![("Action", "DescribeInstances"), ("InstanceId.1", "i-0a"), ("MaxResults", "5")], "InvalidParameterCombination"),
        (vec![("Action", "RunInstances")], "InvalidAction"),
        (vec![], "InvalidAction"),
    ];
    for (pairs, wanted) in cases {
        assert_eq!(code(&pairs), wanted, "{pairs:?}");
    }
}

#[test]
fn host_bits_of_a_destination_are_cleared() {
    let mut state = vpc();
    let request = [
        ("Action", "CreateRoute"),
        ("RouteTableId", "rtb-00"),
        ("DestinationCidrBlock", "10.251.0.7/16"),
        ("NetworkInterfaceId", "eni-0a"),
    ];
    act(&mut state, &parameters(&request)).unwrap();
    let routes = &state.tables[&"rtb-00".parse().unwrap()].routes;
    assert!(routes.contains_key(&"10.251.0.0/16".parse().unwrap()));
}

#[test]
fn a_route_names_its_instance_until_that_is_terminated() {
    let mut state = vpc();
    let route = TableRoute { target: RouteTarget::Interface("eni-0a".parse().unwrap()), origin: RouteOrigin::CreateRoute };
    let table = state.tables.get_mut(&"rtb-00".parse().unwrap()).unwrap();
    table.routes.insert("10.250.0.0/16".parse().unwrap(), route);
    let describe = parameters(&[("Action", "DescribeRouteTables"), ("RouteTableId.1", "rtb-00")]);
    let active = act(&mut state, &describe).unwrap().to_string();
    assert!(
        active.contains(
            "<item><destinationCidrBlock>10.250.0.0/16</destinationCidrBlock><instanceId>i-0a</instanceId>\
             <instanceOwnerId>123456789012</instanceOwnerId><networkInterfaceId>eni-0a</networkInterfaceId>\
             <state>active</state><origin>CreateRoute</origin></item>"
        ),
        "{active}"
    );
    state.instances.get_mut(&"i-0a".parse().unwrap()).unwrap().terminated = true;
    let gone = act(&mut state, &describe).unwrap().to_string();
    assert!(gone.contains("<networkInterfaceId>eni-0a</networkInterfaceId><state>blackhole</state>"), "{gone}");
    assert!(!gone.contains("<instanceId>"), "{gone}");
}

#[test]
fn pages_cover_every_table_once() {
    let mut seen = Vec::new();
    let mut token: Option<String> = None;
    let mut pages = 0;
    loop {
        let mut request = vec![("Action", "DescribeRouteTables"), ("MaxResults", "5")];
        if let Some(token) = &token {
            request.push(("NextToken", token));
        }
        let answer = xml(&request);
        pages += 1;
        seen.extend(answer.split("<item><routeTableId>").skip(1).map(|rest| rest[..6].to_owned()));
        match answer.split("<nextToken>").nth(1) {
            Some(rest) => token = rest.split('<').next().map(str::to_owned),
            None => break,
        }
    }
    assert_eq!((pages, seen.len()), (2, 7));
    assert_eq!(code(&[("Action", "DescribeRouteTables"), ("NextToken", "made-up")]), "InvalidPaginationToken");
    assert_eq!(code(&[("Action", "DescribeRouteTables"), ("MaxResults", "4")]), "InvalidParameterValue");
}

#[test]
fn filters_select_by_any_of_their_values() {
    let two = xml(&[
        ("Action", "DescribeRouteTables"),
        ("Filter.1.Name", "route-table-id"),
        ("Filter.1.Value.1", "rtb-01"),
        ("Filter.1.Value.2", "rtb-05"),
        ("Filter.1.Value.3", "rtb-0dead"),
    ]);
    assert_eq!(two.matches("<item><routeTableId>").count(), 2);
    let none = xml(&[("Action", "DescribeRouteTables"), ("Filter.1.Name", "vpc-id"), ("Filter.1.Value.1", "vpc-0b")]);
    assert_eq!(none, "<routeTableSet></routeTableSet>");
    let one = xml(&[("Action", "DescribeInstances"), ("Filter.1.Name", "private-ip-address"), ("Filter.1.Value.1", "10.0.2.10")]);
    assert!(one.contains("<instanceId>i-0b</instanceId>") && !one.contains("i-0a"), "{one}");
}
