//! Everything that can be wrong, by table: where it is told, and with which words.

use super::*;

pub(super) const HEAD: &str = "apiVersion: eksctl.io/v1alpha5\nkind: ClusterConfig\nmetadata: {name: a, region: us-west-2}\n";
const GATEWAY: &str = "  vpcGatewayID: tgw-1\n";

/// A file with hybrid nodes; `more` is at the top.
pub(super) fn hybrid(remote: &str, more: &str) -> String {
    format!("{HEAD}{more}remoteNetworkConfig:\n{GATEWAY}{remote}")
}

pub(super) fn nodes(cidrs: &str) -> String {
    format!("  remoteNodeNetworks: [{{cidrs: [{cidrs}]}}]\n")
}

/// Holds a file against the problems it must have: `code line`, and a part of the sentence or of its remedy. What is shown of the file has
/// to be at the place that is told.
#[track_caller]
pub(super) fn check(text: &str, wanted: &[(&str, &str)]) {
    let parsed = read(text);
    let found: Vec<String> = parsed.problems.iter().map(|problem| format!("{} {}", problem.code, problem.line)).collect();
    let want: Vec<&str> = wanted.iter().map(|(code, _)| *code).collect();
    assert_eq!(found, want, "{}{text}", told(&parsed));
    for (problem, (code, part)) in parsed.problems.iter().zip(wanted) {
        let told = hybridge_report::Finding::from(problem.clone()).to_string();
        assert!(told.contains(part), "{code}: {part:?} is not in {told}");
        if problem.line > 0 {
            let line = text.lines().nth(problem.line as usize - 1).unwrap();
            let at: String = line.chars().skip(problem.column as usize - 1).collect();
            let annotation = ["annotations.hybridge/", "tags.", "labels."].iter().any(|part| problem.path.contains(part));
            let bare = at.trim_start_matches(['"', '\'']);
            assert!(annotation || problem.path.is_empty() || bare.starts_with(&problem.text), "{told}\n{at}");
        }
    }
}

/// The same for the part of a file below its head, which has three lines.
#[track_caller]
pub(super) fn below(body: &str, wanted: &[(&str, &str)]) {
    check(&format!("{HEAD}{body}"), wanted);
}

#[test]
fn what_is_no_cluster_config_is_told_as_such() {
    for (text, code, part) in [
        ("", "document.empty 0", "begin it with"),
        ("# nothing\n", "document.empty 0", "begin it with"),
        ("null\n", "document.empty 0", "begin it with"),
        ("- a\n", "document.mapping 1", "keys are expected"),
        ("a:\tb: c\n", "yaml.syntax 1", ""),
        ("a: [\n", "yaml.syntax 1", ""),
        ("a: !!python/object x\n", "yaml.tag 1", "ClusterConfig"),
    ] {
        let parsed = read(text);
        assert_eq!(parsed.problems.len(), 1, "{text:?}: {}", told(&parsed));
        assert!(told(&parsed).contains(part), "{}", told(&parsed));
        assert_eq!(format!("{} {}", parsed.problems[0].code, parsed.problems[0].line), code, "{text:?}");
        assert_eq!(parsed.config, None);
    }
    check(
        "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec: {}\n",
        &[("document.api-version 1", "write eksctl.io/v1alpha5"), ("document.kind 2", "write ClusterConfig")],
    );
    check(&HEAD.replace("v1alpha5", "v1alpha4"), &[("document.api-version 1", "write eksctl.io/v1alpha5")]);
    check(&HEAD.replace("kind: ClusterConfig\n", ""), &[("document.kind 1", "kind is missing")]);
    check(&format!("{HEAD}---\na: b\n"), &[("yaml.second-document 4", "in a file of its own")]);
    check(&format!("{HEAD}\tx: y\n"), &[("yaml.syntax 4", "no tabs")]);
    let large = format!("{HEAD}{}", "# much\n".repeat(700_000));
    check(&large, &[("document.too-large 0", "4 MiB")]);
}

#[test]
fn bombs_are_refused_and_aliases_work() {
    let laughs =
        (1..9).fold("l0: &l0 [a]\n".to_owned(), |text, n| text + &format!("l{n}: &l{n} [{}]\n", vec![format!("*l{}", n - 1); 9].join(",")));
    let parsed = read(&format!("{HEAD}{laughs}"));
    assert_eq!(parsed.problems.last().unwrap().code, "yaml.too-large", "{}", told(&parsed));
    let text = hybrid("  remoteNodeNetworks: &n [{cidrs: [10.80.0.0/24]}]\n", "").replace("region", "tags: &t {a: b}, region")
        + "managedNodeGroups:\n- &g {name: one, tags: {<<: {a: b}, c: d}}\n- {<<: *g, name: two}\n";
    let config = read(&text).config.unwrap_or_else(|| panic!("{}", told(&read(&text))));
    assert_eq!(config.managed_node_groups[1].tags, config.managed_node_groups[0].tags);
    assert_eq!(config.managed_node_groups[1].name, "two");
}

#[test]
fn keys_are_known_or_told() {
    below("remoteNetworkConfg: {}\n", &[("key.unknown 4", "did you mean remoteNetworkConfig?")]);
    below("RemoteNetworkConfig: {}\n", &[("key.case 4", "write remoteNetworkConfig")]);
    below("vpc: {extraCidrs: []}\n", &[("key.case 4", "write extraCIDRs")]);
    below("vpc: {caBundleCert: x}\n", &[("key.unknown 4", "belongs in remoteNetworkConfig.iam")]);
    below("vpc: {}\nvpc: {}\n", &[("yaml.duplicate-key 5", "the first is in line 4")]);
    below("karpenter: {version: '1.0'}\n", &[("unsupported.key 4", "--allow-unsupported karpenter")]);
    below("karpentr: {version: '1.0'}\n", &[("key.unknown 4", "did you mean karpenter?")]);
    below("fargateProfiles: []\nkarpenter:\nvpc: {autoAllocateIPv6: false}\n", &[]);
    below(
        "managedNodeGroups: [{name: a, ssh: {allow: true}, disableIMDSv1: true, volumeType: gp3}]\n",
        &[("unsupported.key 4", "managedNodeGroups[0].ssh: is eksctl's")],
    );
    let text = format!("{HEAD}karpenter: {{version: '1.0'}}\nmanagedNodeGroups: [{{name: a, ssh: {{allow: true}}}}]\n");
    let allow = ["karpenter".to_owned(), "managedNodeGroups[].ssh".to_owned()];
    let parsed = parse("f", &text, &allow, now());
    assert_eq!(codes(&parsed), ["unsupported.left-out 4:1", "unsupported.left-out 5:31"]);
    assert!(parsed.config.is_some());
    for (asked, code, part) in [
        ("karpentr", "allow.unknown", "did you mean karpenter?"),
        ("vpc", "allow.handled", "take it out"),
        ("banana", "allow.unknown", "name one of"),
    ] {
        let parsed = parse("f", HEAD, &[asked.to_owned()], now());
        assert_eq!(parsed.problems[0].code, code);
        assert!(told(&parsed).contains("--allow-unsupported") && told(&parsed).contains(part), "{}", told(&parsed));
        assert_eq!(parsed.config, None);
    }
}

#[test]
fn values_have_their_types() {
    below("vpc: [a]\n", &[("type.wrong 4", "vpc: is a list where a mapping")]);
    below("availabilityZones: us-west-2a\n", &[("type.wrong 4", "a list")]);
    below("vpc: {cidr: [10.0.0.0/16]}\n", &[("type.wrong 4", "a text")]);
    below("iam: {withOIDC: 'true'}\n", &[("type.wrong 4", "write true without quotes")]);
    below("iam: {withOIDC: yes}\n", &[("yaml.boolean 4", "write true")]);
    below("managedNodeGroups: [{name: a, minSize: '3'}]\n", &[("type.wrong 4", "write 3 without quotes")]);
    below("managedNodeGroups: [{name: a, minSize: -1}]\n", &[("number.range 4", "write 0 or more")]);
    below("managedNodeGroups: [{name: a, minSize: 1.5}]\n", &[("number.range 4", "no whole number")]);
    below("managedNodeGroups: [{name: a, minSize: 99999999999}]\n", &[("number.range 4", "too large")]);
    below("vpc: {nat: {gateway: single}}\n", &[("value.choice 4", "did you mean Single?")]);
    below("vpc: {nat: {gateway: ''}}\ncontrolPlaneScalingConfig: {tier: TIER-XL}\n", &[]);
    below("availabilityZones:\n-\n- us-west-2a\n", &[("list.null 5", "availabilityZones[0]: is nothing")]);
    below("addons:\n- name: coredns\n-\n", &[("list.null 6", "addons[1]")]);
    below("managedNodeGroups: [{name: a, labels: {on: x}}]\n", &[("yaml.boolean-key 4", "quotes")]);
    check(&HEAD.replace("region", "version: 1.30, region"), &[("yaml.text 3", "eksctl makes 1.3 of it")]);
    below("managedNodeGroups: [{name: a, tags: {x: yes}}]\n", &[("yaml.text 4", "eksctl makes true of it")]);
}

#[test]
fn metadata_is_checked() {
    let head = |metadata: &str| HEAD.replace("{name: a, region: us-west-2}", metadata);
    check(
        &HEAD.replace("metadata: {name: a, region: us-west-2}\n", ""),
        &[("required.missing 0", "metadata.name must be set"), ("required.missing 0", "metadata.region must be set")],
    );
    check(&head("{name: [a], region: us-west-2}"), &[("type.wrong 3", "a text")]);
    for (metadata, code, part) in [
        ("{name: my_cluster, region: us-west-2}", "name.form 3", "write my-cluster"),
        ("{name: '-', region: us-west-2}", "name.form 3", "a name such as"),
        ("{name: a, region: us-wst-2}", "region.invalid 3", "did you mean us-west-2?"),
        ("{name: a, region: us-west-2a}", "region.invalid 3", "write us-west-2"),
        ("{name: a, region: us-west-9}", "region.unknown 3", "AWS is asked"),
        ("{name: a, region: us-west-2, version: '1.25'}", "version.range 3", "1.26"),
        ("{name: a, region: us-west-2, version: '1.99'}", "version.unknown 3", "newer"),
        ("{name: a, region: us-west-2, version: v1.33.2}", "version.form 3", "write \"1.33\""),
        ("{name: a, region: us-west-2, version: newest}", "version.form 3", "write \"1.34\""),
        ("{name: a, region: us-west-2, tags: {'aws:x': b}}", "tag.invalid 3", "aws:"),
        ("{name: a, region: us-west-2, tags: {a: 'b*'}}", "tag.invalid 3", "value of a tag"),
        ("{name: a, region: us-west-2, tags: {EKSClusterARN: b}}", "tag.reserved 3", "leave it out"),
        ("{name: a, region: us-west-2, annotations: {hybridge/pod-route: x}}", "annotation.unknown 3", "did you mean hybridge/pod-routes?"),
        ("{name: a, region: us-west-2, annotations: {hybridge/own-cni: maybe}}", "annotation.value 3", "true or false"),
        ("{name: a, region: us-west-2, annotations: {Hybridge/own-cni: 'true'}}", "annotation.unknown 3", "did you mean hybridge/own-cni?"),
        ("{name: a, region: us-west-2, annotations: {hybridge/pod-identity: 'true'}}", "annotation.unused 3", "no effect"),
    ] {
        check(&head(metadata), &[(code, part)]);
    }
    check(&head("{name: a, region: us-west-2, annotations: {example.com/hybridge: x}}"), &[]);
    let many: String = (0..46).map(|n| format!("t{n}: x, ")).collect();
    check(&head(&format!("{{name: a, region: us-west-2, tags: {{{many}}}}}")), &[("tag.many 3", "46 tags")]);
    let cn = hybrid(&nodes("10.80.0.0/16"), "").replace("us-west-2", "cn-north-1");
    check(&cn, &[("region.partition 3", "aws-cn")]);
}

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

/// A file with this bundle.
fn with_bundle(bundle: &str) -> String {
    let bundle: String = bundle.lines().map(|line| format!("      {line}\n")).collect();
    hybrid(&format!("  iam:\n    provider: ira\n    caBundleCert: |\n{bundle}{}", nodes("10.80.0.0/16")), "")
}

macro_rules! certificate {
    ($name:literal) => {
        include_str!(concat!("../../../../../tests/fixtures/cluster-certificates/", $name, ".pem"))
    };
}

#[test]
fn certificates_are_read_and_judged() {
    let good = certificate!("authority");
    let key = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg\n-----END PRIVATE KEY-----\n";
    for (bundle, wanted) in [
        (good.to_owned(), &[][..]),
        (format!("# ours\n{good}{}", certificate!("another")), &[]),
        (format!("{good}{good}{good}"), &["ca.many"]),
        (certificate!("leaf").to_owned(), &["ca.authority", "ca.key-usage"]),
        (certificate!("usage").to_owned(), &["ca.key-usage"]),
        (certificate!("public").to_owned(), &["ca.public"]),
        (certificate!("weak").to_owned(), &["ca.signature"]),
        ("/etc/pki/ca.pem".to_owned(), &["ca.unreadable"]),
        (good.replace("MII", "MI"), &["ca.unreadable"]),
        (good.replace("-----END CERTIFICATE-----", ""), &["ca.unreadable"]),
        (format!("{good}{key}"), &["ca.private-key"]),
    ] {
        let parsed = read(&with_bundle(&bundle));
        let codes: Vec<&str> = parsed.problems.iter().map(|problem| problem.code).collect();
        assert_eq!(codes, wanted, "{bundle}{}", told(&parsed));
        assert!(parsed.problems.iter().all(|problem| (problem.line, problem.column) == (9, 7)), "{}", told(&parsed));
    }
    for (day, code) in
        [("2120-01-02", Some("ca.expired")), ("2119-12-15", Some("ca.soon")), ("2119-11-15", None), ("2019-12-31", Some("ca.early"))]
    {
        let parsed = parse("f", &with_bundle(good), &[], format!("{day}T00:00:00Z").parse().unwrap());
        assert_eq!(parsed.problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), Vec::from_iter(code), "{day}");
        assert_eq!(parsed.config.is_some(), matches!(code, None | Some("ca.soon")), "{day}");
    }
}

#[test]
fn private_keys_are_never_shown() {
    let line = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg";
    for text in [
        format!("{HEAD}vpc:\n  cidr: |\n    -----BEGIN PRIVATE KEY-----\n    {line}\n    -----END PRIVATE KEY-----\n"),
        format!("{HEAD}-----BEGIN PRIVATE KEY-----: x\n{line}: y\n"),
        with_bundle(&format!("-----BEGIN EC PRIVATE KEY-----\n{line}\n-----END EC PRIVATE KEY-----\n")),
    ] {
        let parsed = read(&text);
        assert!(!parsed.problems.is_empty());
        let shown = told(&parsed) + &serde_json::to_string(&parsed.problems).unwrap();
        assert!(!shown.contains("MIGHAgEA"), "{shown}");
    }
}

#[test]
fn annotations_say_what_eksctl_has_no_key_for() {
    let anchor = "arn:aws:rolesanywhere:us-west-2:000011112222:trust-anchor/x";
    let file = |annotations: &str, iam: &str| {
        hybrid(&format!("  iam: {{{iam}}}\n{}", nodes("10.80.0.0/16")), "")
            .replace("region", &format!("annotations: {{{annotations}}}, region"))
    };
    let all = format!(
        "hybridge/trust-anchor-arn: '{anchor}', hybridge/profile-arn: '{}', hybridge/role-arns: 'arn:aws:iam::000011112222:role/a,arn:aws:iam::000011112222:role/b', \
         hybridge/session-name: any, hybridge/pod-routes: hybridge-gateway, hybridge/pod-identity: 'true'",
        anchor.replace("trust-anchor", "profile")
    );
    let parsed = read(&file(&all, "provider: ira"));
    assert!(parsed.config.is_some(), "{}", told(&parsed));
    let annotations = parsed.annotations;
    assert_eq!(annotations.trust_anchor_arn.as_deref(), Some(anchor));
    assert_eq!(annotations.role_arns.len(), 2);
    assert!(
        annotations.any_session_name && annotations.pod_routes_by_gateway && annotations.pod_identity && !annotations.carrier_grade_nat
    );
    for (annotation, iam, code) in [
        (format!("hybridge/trust-anchor-arn: '{anchor}'"), "provider: ssm", "annotation.provider"),
        (format!("hybridge/trust-anchor-arn: '{}'", anchor.replace("us-west-2", "us-west-1")), "provider: ira", "arn.region"),
        (
            format!("hybridge/trust-anchor-arn: '{anchor}', hybridge/profile-arn: '{}'", anchor.replace("trust-anchor", "profile")),
            "provider: ira",
            "annotation.profile",
        ),
        ("hybridge/trust-anchor-arn: x".to_owned(), "provider: ssm", "annotation.value"),
        ("hybridge/session-seconds: '899'".to_owned(), "provider: ssm", "annotation.value"),
        (
            "hybridge/role-arns: 'arn:aws:iam::000011112222:role/a arn:aws:iam::000011112222:role/a'".to_owned(),
            "provider: ssm",
            "annotation.role",
        ),
    ] {
        let parsed = read(&file(&annotation, iam));
        assert_eq!(parsed.problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), [code], "{annotation}: {}", told(&parsed));
    }
    let both = with_bundle(certificate!("authority"))
        .replace("region", &format!("annotations: {{hybridge/trust-anchor-arn: '{anchor}'}}, region"));
    assert_eq!(codes(&read(&both)), ["anchor.both 9:7"]);
}

#[test]
fn all_problems_are_told_at_once_in_order_and_no_more_than_a_hundred() {
    let text = "apiVersion: eksctl.io/v1alpha5\nkind: ClusterConfig\nmetadata: {name: a_b, region: us-wst-2}\nvpc: {cidr: banana, clusterEndpoints: {publicAccess: no}}\n\
                karpenter: {}\nremoteNetworkConfig:\n  remoteNodeNetworks:\n  - cidrs: [8.8.8.8/32, 10.0.0.1/8, null]\n  iam: {provider: x}\n";
    let found = codes(&read(text));
    assert_eq!(
        found,
        [
            "name.form 3:18",
            "region.invalid 3:31",
            "cidr.invalid 4:13",
            "endpoint.none 4:21",
            "yaml.boolean 4:54",
            "unsupported.key 5:1",
            "gateway.none 6:1",
            "cidr.public 8:13",
            "cidr.host-bits 8:25",
            "list.null 8:37",
            "value.choice 9:19",
        ]
    );
    let tags: String = (0..150).map(|n| format!("  x{n}: 'b*'\n")).collect();
    let parsed = read(&format!("{}managedNodeGroups:\n- name: a\n  tags:\n{}", HEAD, tags.replace("  x", "    x")));
    assert_eq!(parsed.problems.len(), 101);
    assert_eq!(parsed.problems.last().unwrap().code, "document.problems");
}
