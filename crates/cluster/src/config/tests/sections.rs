//! What can be wrong in the sections beside `remoteNetworkConfig`: VPC, access, roles, add-ons, nodes.

use super::problems::{HEAD, below, check, hybrid, nodes};
use super::*;

#[test]
fn the_vpc_is_checked() {
    let pair = "us-west-2a: {id: subnet-1}, us-west-2b: {id: subnet-2}";
    let good = nodes("10.80.0.0/16");
    for (body, code, part) in [
        ("availabilityZones: [us-west-2a]", "zones.few 4", "only 1 zone(s) specified [us-west-2a], 2 are required"),
        ("availabilityZones: [us-west-2a, us-west-2a]", "zones.duplicate 4", "comes twice"),
        ("availabilityZones: [us-west-2a, us-west-1b]", "zones.region 4", "no availability zone of us-west-2"),
        ("availabilityZones: [us-west-2a, us-west-2-lax-1a]", "zones.region 4", "local zone"),
        ("vpc: {id: vpc-1}", "subnets.missing 4", "vpc.subnets"),
        ("vpc: {id: abc, subnets: {private: {PAIR}}}", "id.invalid 4", "vpc-"),
        ("vpc: {subnets: {private: {us-west-2a: {id: subnet-1}}}}", "subnets.few 4", "two subnets"),
        ("vpc: {subnets: {private: {a: {id: subnet-1, az: us-west-2a}, b: {id: subnet-2, az: us-west-2a}}}}", "subnets.few 4", "1 zones"),
        ("vpc: {subnets: {private: {PAIR}, public: {a: {id: subnet-1}}}}", "subnets.duplicate 4", "once"),
        ("vpc: {subnets: {private: {us-west-2a: {}, b: {}}}}", "subnets.unnamed 4", "no subnet"),
        ("vpc: {hostnameType: ip-name, subnets: {private: {PAIR}}}", "vpc.hostname-type 4", "pre-existing VPC"),
        ("vpc: {nat: {gateway: Disable}, subnets: {private: {PAIR}}}", "vpc.unused 4", "no effect"),
        ("vpc: {clusterEndpoints: {publicAccess: false}}", "endpoint.none 4", "must have one of public or private"),
        (
            "vpc: {securityGroup: sg-1, controlPlaneSecurityGroupIDs: [sg-2], subnets: {private: {PAIR}}}",
            "security-group.both 4",
            "only one of vpc.securityGroup",
        ),
        ("vpc: {manageSharedNodeSecurityGroupRules: false}", "security-group.rules 4", "must be enabled when using eksctl-managed"),
        ("vpc: {securityGroup: sg-1}", "security-group.vpc 4", "of one VPC"),
        ("vpc: {controlPlaneSubnetIDs: [subnet-1, subnet-2]}", "subnets.control-plane 4", "of one VPC"),
        ("vpc: {controlPlaneSubnetIDs: [subnet-1], subnets: {private: {PAIR}}}", "subnets.few 4", "two at least"),
        (
            "vpc: {controlPlaneOnPrivateSubnets: true, controlPlaneSubnetIDs: [subnet-1, subnet-2], subnets: {private: {PAIR}}}",
            "subnets.both 4",
            "only one of",
        ),
        ("vpc: {controlPlaneOnPrivateSubnets: true, subnets: {public: {PAIR}}}", "subnets.private 4", "at least 2 private subnets, got 0"),
        (
            "vpc: {controlPlaneOnPrivateSubnets: true, subnets: {public: {us-west-2b: {id: subnet-3}}, private: {a: {id: subnet-1, az: us-west-2a}, b: {id: subnet-2, az: us-west-2a}}}}",
            "subnets.private 4",
            "at least 2 availability zones",
        ),
        ("privateCluster: {enabled: true}\nvpc: {clusterEndpoints: {privateAccess: true}}", "endpoint.private-cluster 5", "cannot be set"),
        (
            "privateCluster: {enabled: true}\nvpc: {id: vpc-1, subnets: {public: {PAIR}}}",
            "subnets.private 4",
            "must be specified in a fully-private cluster",
        ),
        (
            "privateCluster: {enabled: true, skipEndpointCreation: true, additionalEndpointServices: [logs]}",
            "private.endpoints 4",
            "cannot be set when",
        ),
        ("privateCluster: {enabled: true, additionalEndpointServices: [sqs]}", "private.endpoints 4", "autoscaling"),
        (
            "privateCluster: {enabled: true}\nmanagedNodeGroups: [{name: a}]",
            "nodegroup.private 5",
            "must be enabled for a fully-private cluster",
        ),
        ("vpc: {publicAccessCIDRs: [10.0.0.0/8]}", "endpoint.public-cidr 4", "nobody comes"),
        (
            "vpc: {publicAccessCIDRs: [1.2.3.0/24], clusterEndpoints: {publicAccess: false, privateAccess: true}}",
            "endpoint.public-unused 4",
            "no effect",
        ),
    ] {
        below(&format!("{}\n", body.replace("PAIR", pair)), &[(code, part)]);
    }
    below(
        &format!("availabilityZones: [us-west-2a, us-west-2b]\nvpc: {{subnets: {{private: {{{pair}}}}}}}\n"),
        &[("zones.subnets 4", "cannot be set at the same time")],
    );
    let nine = ["a", "b", "c", "d", "e", "f", "g", "h", "i"].map(|zone| format!("us-west-2{zone}")).join(", ");
    below(&format!("availabilityZones: [{nine}]\n"), &[("zones.many 4", "cannot create more than 16 subnets, 18 requested")]);
    for (vpc, code) in [
        ("clusterEndpoints: {privateAccess: true}", "endpoint.both 4"),
        ("clusterEndpoints: {privateAccess: true, publicAccess: false}", "endpoint.private 4"),
        ("publicAccessCIDRs: [198.51.100.0/24]", "endpoint.public-cidrs 4"),
    ] {
        check(&hybrid(&good, &format!("vpc: {{{vpc}}}\n")), &[(code, "")]);
    }
    check(&hybrid(&good, "privateCluster: {enabled: true}\n"), &[("endpoint.private 4", "addresses in the VPC")]);
    let own = format!("vpc: {{securityGroup: sg-1, subnets: {{private: {{{pair}}}}}}}\n");
    check(&hybrid(&good, &own), &[("security-group.given 4", "TCP 443 in")]);
}

#[test]
fn access_entries_are_checked() {
    let arn = "principalARN: 'arn:aws:iam::000011112222:role/x'";
    for (entry, code, part) in [
        ("{}", "required.missing", "must be set to a valid AWS ARN"),
        ("{principalARN: x}", "arn.invalid", "no ARN"),
        ("{principalARN: 'arn:aws:sts::000011112222:assumed-role/x/y'}", "access.session", "session"),
        ("{ARN, type: HYBRID}", "access.type", "invalid access entry type \"HYBRID\""),
        (
            "{ARN, type: HYBRID_LINUX, kubernetesGroups: [a]}",
            "access.node",
            "cannot specify accessConfig.accessEntries[0].kubernetesGroups nor",
        ),
        ("{ARN, type: HYBRID_LINUX, kubernetesUsername: a}", "access.node", "kubernetesUsername when type is set to HYBRID_LINUX"),
        ("{ARN, kubernetesGroups: ['system:masters']}", "access.group", "AmazonEKSClusterAdminPolicy"),
        (
            "{ARN, accessPolicies: [{policyARN: 'arn:aws:iam::aws:policy/x', accessScope: {type: cluster}}]}",
            "arn.service",
            "cluster-access-policy",
        ),
        ("{ARN, accessPolicies: [{policyARN: 'arn:aws:eks::aws:cluster-access-policy/x'}]}", "required.missing", "must be set to either"),
        (
            "{ARN, accessPolicies: [{policyARN: 'arn:aws:eks::aws:cluster-access-policy/x', accessScope: {type: cluster, namespaces: [a]}}]}",
            "access.scope",
            "cannot specify",
        ),
        (
            "{ARN, accessPolicies: [{policyARN: 'arn:aws:eks::aws:cluster-access-policy/x', accessScope: {type: namespace}}]}",
            "access.scope",
            "at least one namespace",
        ),
        (
            "{ARN, accessPolicies: [{policyARN: 'arn:aws:eks::aws:cluster-access-policy/x', accessScope: {type: all}}]}",
            "access.scope",
            "invalid access scope type",
        ),
    ] {
        let parsed = read(&format!("{HEAD}accessConfig: {{accessEntries: [{}]}}\n", entry.replace("ARN,", &format!("{arn},"))));
        assert_eq!(parsed.problems.len(), 1, "{entry}: {}", told(&parsed));
        assert_eq!(parsed.problems[0].code, code, "{entry}");
        assert!(told(&parsed).contains(part), "{entry}: {}", told(&parsed));
        assert_eq!(parsed.problems[0].line, 4);
    }
    below(
        &format!("accessConfig: {{accessEntries: [{{{arn}}}, {{{arn}}}]}}\n"),
        &[("access.duplicate 4", "duplicate access entry accessEntries[1]")],
    );
    below(
        &format!("accessConfig: {{authenticationMode: CONFIG_MAP, accessEntries: [{{{arn}}}]}}\n"),
        &[("access.mode 4", "to use access entries")],
    );
    let file = |kind: &str| {
        let iam = "  iam: {roleARN: 'arn:aws:iam::000011112222:role/x'}\n";
        hybrid(&(iam.to_owned() + &nodes("10.80.0.0/16")), &format!("accessConfig: {{accessEntries: [{{{arn}, type: {kind}}}]}}\n"))
    };
    check(&file("HYBRID_LINUX"), &[("access.hybrid 4", "made anyway")]);
    check(&file("STANDARD"), &[("access.hybrid-type 4", "HYBRID_LINUX")]);
}

#[test]
fn roles_add_ons_and_nodes_are_checked() {
    let policy = "attachPolicyARNs: ['arn:aws:iam::aws:policy/x']";
    for (body, code, part) in [
        ("iam: {serviceAccounts: [{metadata: {name: a}, POLICY}]}", "account.oidc", "iam.withOIDC must be enabled explicitly"),
        (
            "iam: {withOIDC: true, serviceAccounts: [{metadata: {namespace: a}, POLICY}]}",
            "required.missing",
            "iam.serviceAccounts[0].name must be set",
        ),
        ("iam: {withOIDC: true, serviceAccounts: [{metadata: {name: a}}]}", "account.rights", "attachPolicyARNs"),
        ("iam: {withOIDC: true, serviceAccounts: [{metadata: {name: a}, attachPolicyARNs: }]}", "account.rights", "attachPolicyARNs"),
        (
            "iam: {withOIDC: true, serviceAccounts: [{metadata: {name: a}, wellKnownPolicies: {certManager: true}}]}",
            "unsupported.key",
            "policies",
        ),
        (
            "iam: {withOIDC: true, serviceAccounts: [{metadata: {name: a}, POLICY}, {metadata: {name: a, namespace: default}, POLICY}]}",
            "account.duplicate",
            "is not unique",
        ),
        ("iam: {withOIDC: true, serviceAccounts: [{metadata: {name: a_b}, POLICY}]}", "name.kubernetes", "no name in Kubernetes"),
        (
            "iam: {withOIDC: true, serviceAccounts: [{metadata: {name: a}, POLICY, attachRoleARN: 'arn:aws:iam::000011112222:role/x'}]}",
            "account.role",
            "policies stand beside",
        ),
        ("iam: {withOIDC: true, serviceAccounts: [{metadata: {name: a}, POLICY, roleName: a/b}]}", "role.name", "64"),
        (
            "iam: {podIdentityAssociations: [{namespace: a, serviceAccountName: b, permissionPolicyARNs: ['arn:aws:iam::aws:policy/x']}]}",
            "pod-identity.agent",
            "eks-pod-identity-agent",
        ),
        (
            "addons: [{name: eks-pod-identity-agent}]\niam: {podIdentityAssociations: [{namespace: a, serviceAccountName: b}]}",
            "pod-identity.rights",
            "at least one of the following",
        ),
        (
            "addons: [{name: eks-pod-identity-agent}]\niam: {podIdentityAssociations: [{namespace: a, serviceAccountName: b, permissionPolicyARNs: }]}",
            "pod-identity.rights",
            "at least one of the following",
        ),
        (
            "addons: [{name: eks-pod-identity-agent}]\niam: {podIdentityAssociations: [{namespace: a, roleARN: 'arn:aws:iam::000011112222:role/x'}]}",
            "required.missing",
            "serviceAccountName must be set",
        ),
        (
            "iam: {serviceRoleARN: 'arn:aws:iam::000011112222:role/x', serviceRolePermissionsBoundary: 'arn:aws:iam::000011112222:policy/x'}",
            "role.boundary",
            "no effect",
        ),
        ("addons: [{version: latest}]", "required.missing", "addons[0].name is required"),
        ("addons: [{name: coredns}, {name: CoreDNS}]", "addon.duplicate", "comes twice"),
        ("addons: [{name: coredns, version: 1.11.4}]", "addon.version", "write v1.11.4"),
        ("addons: [{name: coredns, configurationValues: 'a: [b'}]", "addon.settings", "JSON and YAML"),
        ("addons: [{name: coredns, configurationValues: abc}]", "addon.settings", "JSON and YAML"),
        ("addons: [{name: vpc-cni, serviceAccountRoleARN: 'arn:aws:iam::000011112222:role/x'}]", "addon.oidc", "withOIDC"),
        ("autoModeConfig: {enabled: true}\naddons: [{name: vpc-cni}]", "addon.auto-mode", "built into Auto Mode"),
        ("addonsConfig: {disableDefaultAddons: true}\nmanagedNodeGroups: [{name: a}]", "cluster.bare", "without VPC CNI"),
        ("managedNodeGroups: [{name: a}, {name: a}]", "nodegroup.duplicate", "is not unique"),
        ("managedNodeGroups: [{}]", "required.missing", "managedNodeGroups[0].name must be set"),
        ("managedNodeGroups: [{name: a_b}]", "nodegroup.name", "letters, digits"),
        ("managedNodeGroups: [{name: a, minSize: 3, desiredCapacity: 2}]", "nodegroup.size", "less than minSize"),
        ("managedNodeGroups: [{name: a, maxSize: 1, desiredCapacity: 2}]", "nodegroup.size", "more than maxSize"),
        ("managedNodeGroups: [{name: a, minSize: 3, maxSize: 2}]", "nodegroup.size", "more than maxSize"),
        ("managedNodeGroups: [{name: a, volumeSize: 0}]", "nodegroup.volume", "size of a disk"),
        ("managedNodeGroups: [{name: a, updateConfig: {}}]", "nodegroup.update", "must be defined"),
        (
            "managedNodeGroups: [{name: a, updateConfig: {maxUnavailable: 1, maxUnavailablePercentage: 3}}]",
            "nodegroup.update",
            "at the same time",
        ),
        ("managedNodeGroups: [{name: a, updateConfig: {maxUnavailablePercentage: 101}}]", "nodegroup.update", "1 to 100"),
        (
            "managedNodeGroups: [{name: a, instanceType: m5.large, instanceTypes: [m5.large]}]",
            "nodegroup.types",
            "only one of instanceType",
        ),
        ("managedNodeGroups: [{name: a, instanceType: large}]", "nodegroup.types", "m5.large"),
        ("managedNodeGroups: [{name: a, amiFamily: amazonlinux2}]", "nodegroup.image", "AmazonLinux2023"),
        ("managedNodeGroups: [{name: a, subnets: [subnet-1], availabilityZones: [us-west-2a]}]", "nodegroup.place", "only one of"),
        ("managedNodeGroups: [{name: a, subnets: [one]}]", "nodegroup.place", "vpc.subnets"),
        (
            "availabilityZones: [us-west-2a, us-west-2b]\nmanagedNodeGroups: [{name: a, availabilityZones: [us-west-2c]}]",
            "nodegroup.place",
            "none of the cluster's",
        ),
        ("managedNodeGroups: [{name: a, labels: {'a b': c}}]", "label.invalid", "cannot be a label"),
        ("managedNodeGroups: [{name: a, labels: {a: 'b c'}}]", "label.invalid", "value of label a"),
        ("managedNodeGroups: [{name: a, taints: [{key: a}]}]", "required.missing", "effect must be set"),
        ("managedNodeGroups: [{name: a, taints: [{key: a, effect: Never}]}]", "value.choice", "NoSchedule"),
        ("autoModeConfig: {nodePools: [system]}", "auto-mode.settings", "when Auto Mode is disabled"),
        ("autoModeConfig: {enabled: true, nodePools: [gpu]}", "auto-mode.pool", "general-purpose"),
        (
            "autoModeConfig: {enabled: true, nodePools: [], nodeRoleARN: 'arn:aws:iam::000011112222:role/x'}",
            "auto-mode.settings",
            "is empty",
        ),
        ("cloudWatch: {clusterLogging: {enableTypes: [apis]}}", "logs.type", "is unknown"),
        ("cloudWatch: {clusterLogging: {logRetentionInDays: 7}}", "logs.retention", "without enabling log types"),
        ("cloudWatch: {clusterLogging: {enableTypes: ['*'], logRetentionInDays: 8}}", "logs.retention", "invalid value 8"),
        ("secretsEncryption: {}", "required.missing", "secretsEncryption.keyARN is required"),
        ("secretsEncryption: {keyARN: 'arn:aws:kms:eu-west-1:000011112222:key/x'}", "arn.region", "eu-west-1"),
        ("upgradePolicy: {supportType: standard}", "value.choice", "did you mean STANDARD?"),
    ] {
        let parsed = read(&format!("{HEAD}{}\n", body.replace("POLICY", policy)));
        assert_eq!(
            codes(&parsed).iter().map(|code| code.split(' ').next().unwrap()).collect::<Vec<_>>(),
            [code],
            "{body}: {}",
            told(&parsed)
        );
        assert!(told(&parsed).contains(part), "{body}: {}", told(&parsed));
        assert!(parsed.problems[0].line > 3, "{body}: {}", told(&parsed));
    }
    let own = format!("{HEAD}addonsConfig: {{disableDefaultAddons: true}}\nmanagedNodeGroups: [{{name: a}}]\n")
        .replace("region", "annotations: {hybridge/own-cni: 'true'}, region");
    check(&own, &[]);
}
