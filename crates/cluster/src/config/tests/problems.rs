//! Everything that can be wrong, by table: where it is told, and with which words.

use super::*;

pub(super) const HEAD: &str = "apiVersion: eksctl.io/v1alpha5\nkind: ClusterConfig\nmetadata: {name: a, region: us-west-2}\n";
pub(super) const GATEWAY: &str = "  vpcGatewayID: tgw-1\n";

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
