//! Networks: eksctl's rules, each network for itself, and against all the others.

use super::problems::{GATEWAY, below, check, hybrid, nodes};
use super::*;

#[test]
fn every_rule_of_eksctl_for_remote_networks_is_kept() {
    let good = nodes("10.80.0.0/16");
    check(&hybrid(&good, ""), &[]);
    check(
        &hybrid(&good, "outpost: {controlPlaneOutpostARN: x}\n"),
        &[("unsupported.key 4", "Outposts"), ("outpost.etcd 5", "requires outpost.etcdInstanceType to be set")],
    );
    check(
        &hybrid(&good, "kubernetesNetworkConfig: {ipFamily: ipv6}\n"),
        &[("family.ipv6 4", "is not supported on EKS cluster configured with IPv6")],
    );
    below("kubernetesNetworkConfig: {ipFamily: IPv6}\n", &[("family.ipv6 4", "IPv4 only")]);
    check(
        &hybrid(&good, "accessConfig: {authenticationMode: CONFIG_MAP}\n"),
        &[("access.mode 4", "either \"API_AND_CONFIG_MAP\" or \"API\"")],
    );
    check(
        &hybrid("  remoteNodeNetworks: [{cidrs: [10.80.0.0/16]}, {cidrs: [10.81.0.0/16]}]\n", ""),
        &[("remote.many 6", "only one remoteNodeNetwork")],
    );
    check(
        &hybrid(&format!("{good}  remotePodNetworks: [{{cidrs: [10.90.0.0/16]}}, {{cidrs: [10.91.0.0/16]}}]\n"), ""),
        &[("remote.many 7", "only one remotePodNetwork")],
    );
    check(&hybrid("  remoteNodeNetworks: []\n  remotePodNetworks: []\n", ""), &[("remote.empty 4", "takes hybrid nodes away")]);
    check(&hybrid("  remoteNodeNetworks: []\n", ""), &[("remote.missing 6", "must be set and non-empty")]);
    check(&hybrid("  remotePodNetworks: [{cidrs: [10.80.0.0/16]}]\n", ""), &[("remote.missing 4", "must be set and non-empty")]);
    let given = "vpc: {id: vpc-1, subnets: {private: {us-west-2a: {id: subnet-1}, us-west-2b: {id: subnet-2}}}}\n";
    check(&hybrid(&good, given), &[("gateway.given-vpc 6", "is not supported when using pre-existing VPC")]);
    check(&hybrid(&good, &given.replace("id: vpc-1, ", "")), &[]);
    check(&hybrid(&good, "").replace("tgw-1", "tgwhatever"), &[("gateway.id 5", "only transit gateway (tgw-*)")]);
    check(&hybrid(&good, "").replace(GATEWAY, ""), &[("gateway.none 4", "neither gateway nor routes")]);
    check(&hybrid(&format!("  iam: {{provider: X509}}\n{good}"), ""), &[("value.choice 6", "only \"ssm\" and \"ira\" are supported")]);
    check(&hybrid(&format!("  iam: {{provider: IRA}}\n{good}"), ""), &[("ca.missing 6", "is required when using IAMRolesAnywhere")]);
    check(
        &hybrid(&format!("  iam: {{provider: IRA, caBundleCert: ''}}\n{good}"), ""),
        &[("ca.missing 6", "is required when using IAMRolesAnywhere")],
    );
    check(
        &hybrid(&format!("  iam: {{provider: SSM, caBundleCert: ''}}\n{good}"), ""),
        &[("ca.provider 6", "is not supported when using SSM")],
    );
    check(&hybrid(&format!("  iam: {{roleARN: HybridRole}}\n{good}"), ""), &[("arn.invalid 6", "arn:aws:iam::ACCOUNT:role/NAME")]);
    check(&hybrid(&format!("  iam: {{roleARN: 'arn:aws:iam::000011112222:user/x'}}\n{good}"), ""), &[("arn.service 6", "role/")]);
    check(&hybrid(&format!("  iam: {{roleARN: 'arn:aws-cn:iam::000011112222:role/x'}}\n{good}"), ""), &[("arn.partition 6", "aws-cn")]);
    check(
        &hybrid(
            &format!("  iam: {{roleARN: 'arn:aws:iam::000011112222:role/x'}}\n{good}"),
            "iam: {serviceRoleARN: 'arn:aws:iam::999911112222:role/y'}\n",
        ),
        &[("arn.account 7", "999911112222")],
    );
}

#[test]
fn networks_are_checked_each_for_itself() {
    for (cidr, code, part) in [
        ("banana", "cidr.invalid 6", "write it as"),
        ("10.80.0.0", "cidr.invalid 6", "10.80.0.0/32"),
        ("10.80.0.0/33", "cidr.invalid 6", "no IPv4 network"),
        ("10.080.0.0/16", "cidr.invalid 6", "write 10.80.0.0/16"),
        ("' 10.80.0.0/16'", "cidr.invalid 6", "write 10.80.0.0/16"),
        ("10.80.0.1/16", "cidr.host-bits 6", "write 10.80.0.0/16"),
        ("'fd00::/8'", "cidr.family 6", "IPv4"),
        ("8.8.8.0/24", "cidr.public 6", "RFC 1918"),
        ("172.32.0.0/16", "cidr.public 6", "RFC 1918"),
        ("8.0.0.0/7", "cidr.size 6", "/8"),
        ("100.64.0.0/16", "cidr.carrier 6", "hybridge/carrier-grade-nat: allowed"),
        ("''", "cidr.invalid 6", "empty"),
        ("", "cidr.none 6", "no network in it"),
    ] {
        check(&hybrid(&nodes(cidr), ""), &[(code, part)]);
    }
    let text = hybrid(&nodes("100.64.0.0/16"), "").replace("region", "annotations: {hybridge/carrier-grade-nat: allowed}, region");
    check(&text, &[]);
    let many = (0..16).map(|n| format!("10.80.{n}.0/24")).collect::<Vec<_>>().join(", ");
    check(&hybrid(&nodes(&many), ""), &[("cidr.many 6", "16 networks; EKS takes 15")]);
    below(
        "vpc: {extraCIDRs: [10.0.0.1/8], publicAccessCIDRs: ['::/0']}\n",
        &[("cidr.host-bits 4", "10.0.0.0/8"), ("cidr.family 4", "IPv6")],
    );
    below("vpc: {cidr: 10.0.0.0/25}\n", &[("vpc.size 4", "VPC CIDR prefix must be between /16 and /24")]);
    below("vpc: {cidr: 11.0.0.0/16}\n", &[("vpc.public 4", "not private")]);
    below("kubernetesNetworkConfig: {serviceIPv4CIDR: 10.100.0.0/25}\n", &[("service.range 4", "/12 to /24")]);
    below("kubernetesNetworkConfig: {serviceIPv4CIDR: 100.64.0.0/16}\n", &[("service.range 4", "/12 to /24")]);
}

#[test]
fn networks_are_checked_against_each_other() {
    let pods = "  remotePodNetworks: [{cidrs: [10.90.0.0/16]}]\n";
    check(&hybrid(&nodes("10.80.0.0/16, 10.80.0.0/16"), ""), &[("cidr.duplicate 6", "remoteNodeNetworks[0].cidrs[0] (cluster.yaml:6:33)")]);
    check(&hybrid(&nodes("10.80.7.0/24, 10.80.0.0/16"), ""), &[("cidr.overlap 6", "overlaps 10.80.0.0/16")]);
    check(
        &hybrid(&(nodes("10.90.7.0/24") + pods), ""),
        &[("cidr.overlap 7", "overlaps 10.90.7.0/24 in remoteNetworkConfig.remoteNodeNetworks")],
    );
    check(&hybrid(&(nodes("10.90.0.0/16") + pods), ""), &[("cidr.duplicate 7", "is also in")]);
    check(&hybrid(&nodes("192.168.7.0/24"), ""), &[("vpc.default-overlap 6", "write vpc.cidr: 10.0.0.0/16, which is free")]);
    check(
        &hybrid(&nodes("10.0.0.0/8, 192.168.7.0/24"), ""),
        &[("service.default-overlap 6", "10.100.0.0/16"), ("vpc.default-overlap 6", "write vpc.cidr: 172.16.0.0/16")],
    );
    check(
        &hybrid(&nodes("10.1.0.0/16"), "vpc: {cidr: 10.0.0.0/15}\n"),
        &[("vpc.size 4", "VPC CIDR prefix"), ("cidr.overlap 7", "overlaps with VPC CIDR 10.0.0.0/15")],
    );
    let services = "kubernetesNetworkConfig: {serviceIPv4CIDR: 10.80.0.0/16}\n";
    check(
        &hybrid(&nodes("10.80.5.0/24"), services),
        &[("cidr.overlap 7", "in kubernetesNetworkConfig.serviceIPv4CIDR (cluster.yaml:4:44)")],
    );
    below("kubernetesNetworkConfig: {serviceIPv4CIDR: 192.168.0.0/16}\n", &[("cidr.overlap 4", "192.168.0.0/16 in vpc.cidr")]);
    check(
        &hybrid(&nodes("10.80.0.0/16"), "vpc: {extraCIDRs: [10.80.0.0/16]}\n"),
        &[("cidr.duplicate 4", "is also in remoteNetworkConfig")],
    );
    check(&hybrid(&nodes("10.80.0.0/16"), "vpc: {extraCIDRs: [10.0.0.0/8]}\n"), &[("cidr.overlap 4", "overlaps 10.80.0.0/16")]);
    below("vpc: {extraCIDRs: [192.168.1.0/24]}\n", &[("cidr.extra 4", "anyway")]);
    below("vpc: {extraCIDRs: [10.1.0.0/16, 10.1.0.0/24]}\n", &[]);
    below("vpc: {extraCIDRs: [10.1.0.0/16, 10.1.0.0/16]}\n", &[("cidr.duplicate 4", "is also in")]);
    let given = "vpc: {id: vpc-1, cidr: 10.80.0.0/16, subnets: {private: {us-west-2a: {id: subnet-1}, us-west-2b: {id: subnet-2, cidr: 10.81.0.0/24}}}}\n";
    let text = hybrid(&nodes("10.80.9.0/24"), given).replace(GATEWAY, "");
    check(&text, &[("subnets.outside 4", "outside of vpc.cidr"), ("cidr.overlap 6", "renumber")]);
}

#[test]
fn gateway_subnets_fit_beside_the_others() {
    let file = |networks: &str, vpc: &str| {
        hybrid(&nodes("10.80.0.0/16"), &format!("availabilityZones: [us-west-2a, us-west-2b]\n{vpc}"))
            .replace("region", &format!("annotations: {{hybridge/gateway-subnets: '{networks}'}}, region"))
    };
    let vpc = "vpc: {cidr: 10.0.0.0/16}\n";
    check(&file("10.0.128.0/28, 10.0.128.16/28", vpc), &[]);
    check(&file("10.0.128.0/28", vpc), &[("gateway-subnets.zones 3", "1 networks for 2 zones")]);
    for (networks, part) in [
        ("10.0.0.0/28, 10.0.128.16/28", "10.0.0.0/19, a subnet that is made"),
        ("10.0.128.0/27, 10.0.128.16/28", "another of these"),
        ("10.1.0.0/28, 10.0.128.16/28", "outside of the VPC"),
        ("10.0.128.0/29, 10.0.128.16/28", "no size for a subnet"),
    ] {
        check(&file(networks, vpc), &[("gateway-subnets.network 3", part)]);
    }
    let parsed = read(&file("10.0.0.0/28, 10.0.0.16/28", vpc));
    assert!(told(&parsed).contains("10.0.128.0/19 is free for them"), "{}", told(&parsed));
}
