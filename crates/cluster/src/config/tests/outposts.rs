//! The annotation `hybridge/outposts-servers`: what it takes, and what is told of the rest.

use super::problems::check;
use super::*;
use crate::config::outposts::{OutpostSubnet, PATH, acknowledge};

const ARN: &str = "arn:aws:outposts:us-west-2:111122223333:outpost/op-0123456789abcdef0";
const SERVICES: &str = "kubernetesNetworkConfig: {serviceIPv4CIDR: 10.100.0.0/16}\n";
const OWN: &str = "availabilityZones: [us-west-2a, us-west-2b]\nvpc: {cidr: 10.20.0.0/16}\n";

/// A file with this list, whose annotation is in line 3.
fn file(list: &str, more: &str) -> String {
    format!(
        "apiVersion: eksctl.io/v1alpha5\nkind: ClusterConfig\nmetadata: {{name: shop, region: us-west-2, annotations: \
         {{hybridge/outposts-servers: '{list}'}}}}\n{more}"
    )
}

/// One server that is right, but for these keys.
fn server(more: &str) -> String {
    let mut keys = vec![
        ("name", "press".to_owned()),
        ("outpostArn", ARN.to_owned()),
        ("zone", "us-west-2a".to_owned()),
        ("subnet", "10.20.200.0/26".to_owned()),
        ("instanceType", "c6id.8xlarge".to_owned()),
    ];
    let more: Vec<(&str, &str)> = more.split("; ").filter_map(|key| key.split_once(": ")).collect();
    keys.retain(|(key, _)| !more.iter().any(|(other, _)| other == key));
    let more = more.into_iter().filter(|(_, value)| *value != "-").map(|(key, value)| (key, value.to_owned()));
    let all: Vec<String> = keys.into_iter().chain(more).map(|(key, value)| format!("{key}: {value}")).collect();
    format!("{{{}}}", all.join(", "))
}

#[test]
fn a_server_has_the_highest_index_and_one_node_unless_it_is_said() {
    let parsed = read(&file(&format!("[{}]", server("labels: {site: north}; lanCidrs: [192.168.7.0/24]")), &format!("{OWN}{SERVICES}")));
    assert_eq!(told(&parsed), "");
    let server = &parsed.annotations.outposts_servers[0];
    assert_eq!((server.lni_device_index, server.min_size, server.desired_capacity, server.max_size), (7, 1, 1, 1));
    assert_eq!(server.subnet, OutpostSubnet::Made("10.20.200.0/26".parse().unwrap()));
    assert_eq!((server.labels["site"].as_str(), server.lan_cidrs.len(), &server.ami), ("north", 1, &None));
    // The annotation is eksctl's text to keep: the file stays one of its own.
    assert!(parsed.config.unwrap().metadata.annotations["hybridge/outposts-servers"].contains("press"));
}

#[test]
fn everything_that_is_wrong_with_a_server_is_told_with_what_to_write() {
    let cases = [
        ("name: Press", "outposts.name", "small letters"),
        ("name: -", "required.missing", "name is missing"),
        ("outpostArn: arn:aws:eks:us-west-2:111122223333:cluster/op-1", "outposts.arn", "aws outposts list-outposts"),
        ("outpostArn: arn:aws:outposts:us-east-1:111122223333:outpost/op-0123456789abcdef0", "outposts.region", "us-west-2"),
        ("zone: us-east-1a", "outposts.zone", "get-outpost"),
        ("subnet: subnet-0123456789abcdef0", "outposts.subnet-given", "the VPC is made"),
        ("subnet: 10.20.0.0/26", "outposts.subnet", "overlaps 10.20.0.0/19"),
        ("subnet: 10.21.0.0/26", "outposts.subnet", "outside of the VPC"),
        ("subnet: 10.20.200.0/29", "outposts.subnet", "no size"),
        ("subnet: 10.20.200.0/28; maxSize: 6", "outposts.subnet", "has 11 addresses for 12"),
        ("subnet: 10.20.200.1/26", "cidr.invalid", "10.20.200.0/26"),
        ("instanceType: m5.large", "outposts.instance-type", "c6gd.16xlarge"),
        ("lniDeviceIndex: 0", "outposts.device-index", "primary interface"),
        ("lniDeviceIndex: 8", "outposts.device-index", "it has 8, counted from 0"),
        ("lniDeviceIndex: 1", "outposts.device-index-low", "on the LAN"),
        ("lniDeviceIndex: high", "outposts.number", "whole number"),
        ("minSize: 2; maxSize: 1", "outposts.size", "2 wanted and 1 at most"),
        ("lanCidrs: [10.20.7.0/24]", "outposts.lan", "which side"),
        ("lanCidrs: [10.100.7.0/24]", "outposts.lan", "serviceIPv4CIDR"),
        ("ami: newest", "outposts.ami", "leave it out"),
        ("lables: {a: b}", "outposts.key", "did you mean labels?"),
        ("labels: {a: \"b,c\"}", "outposts.labels", "letters, digits"),
        ("taints: [{key: a, value: b, effect: Never}]", "outposts.taints", "NoExecute"),
    ];
    for (more, code, part) in cases {
        let parsed = read(&file(&format!("[{}]", server(more)), &format!("{OWN}{SERVICES}")));
        let told = told(&parsed);
        assert_eq!(parsed.problems.len(), 1, "{more}: {told}");
        assert!(parsed.problems[0].code == code && parsed.problems[0].line == 3 && told.contains(part), "{more}: {told}");
    }
}

#[test]
fn servers_are_held_against_each_other_and_the_rest_of_the_file() {
    let all = format!("{OWN}{SERVICES}");
    let two = |first: &str, second: &str| file(&format!("[{}, {}]", server(first), server(second)), &all);
    check(&two("name: a", "name: b; subnet: 10.20.200.64/26"), &[]);
    check(&two("name: a", "name: b"), &[("outposts.subnet 3", "overlaps 10.20.200.0/26")]);
    check(&two("name: a-b", "name: ab; subnet: 10.20.200.64/26"), &[("outposts.name 3", "other hyphens")]);
    let list = format!("[{}]", server(""));
    check(&file(&list, OWN), &[("outposts.services 3", "serviceIPv4CIDR")]);
    check(&file("[]", &all), &[("outposts.list 3", "no list of servers")]);
    check(&file("[{name: a", &all), &[("outposts.document 3", "line 1")]);
    let given = "vpc: {id: vpc-1, subnets: {private: {us-west-2a: {id: subnet-1}, us-west-2b: {id: subnet-2}}}}\n";
    check(&file(&list, &format!("{given}{SERVICES}")), &[("outposts.subnet-made 3", "VPC that is given")]);
    let subnet = "subnet: subnet-0123456789abcdef0";
    let conflict = file(
        &format!("[{}, {}]", server(&format!("name: a; {subnet}")), server(&format!("name: b; {subnet}; instanceType: c6id.16xlarge"))),
        &format!("{given}{SERVICES}"),
    );
    check(&conflict, &[("outposts.device-index-conflict 3", "lniDeviceIndex: 7")]);
}

#[test]
fn servers_have_to_be_acknowledged() {
    let parsed = read(&file(&format!("[{}]", server("")), &format!("{OWN}{SERVICES}")));
    let servers = &parsed.annotations.outposts_servers;
    let refused = acknowledge(servers, false).unwrap_err();
    assert_eq!((refused.code, refused.place.as_str()), ("outposts.unsupported", PATH));
    assert!(acknowledge(servers, true).is_ok() && acknowledge(&[], false).is_ok());
}
