//! Policies are whole and as small as IAM wants them.

use super::*;

const SCOPE: Scope<'static> =
    Scope { partition: "aws", region: "eu-central-1", account: "111122223333", cluster: "shop", roles: &[], bucket: None };

fn text(command: Command, scope: &Scope<'_>) -> String {
    policies(command, &BTreeSet::new(), scope).iter().map(Value::to_string).collect()
}

#[test]
fn every_policy_fits_into_a_managed_one_and_two_say_what_one_would() {
    for command in Command::ALL {
        let all = policies(command, &BTreeSet::new(), &SCOPE);
        assert!((1..=2).contains(&all.len()) && all.iter().all(|policy| length(policy) <= LONGEST), "{}", command.name());
        let said: BTreeSet<String> = all
            .iter()
            .flat_map(|policy| policy["Statement"].as_array().unwrap())
            .flat_map(|statement| statement["Action"].as_array().unwrap())
            .map(|action| action.as_str().unwrap().to_owned())
            .collect();
        let free = |action: &&str| on(action) != On::Nothing && on(action) != On::Bucket;
        let wanted: BTreeSet<String> = actions(command, &BTreeSet::new()).into_iter().filter(free).map(str::to_owned).collect();
        assert_eq!(said, wanted, "{}", command.name());
    }
}

#[test]
fn commands_that_look_change_nothing() {
    for command in [Command::Plan, Command::Get, Command::Doctor] {
        let changing: Vec<_> = actions(command, &BTreeSet::new())
            .into_iter()
            .filter(|action| {
                let name = action.split_once(':').unwrap().1;
                !["Describe", "List", "Get", "Search", "Simulate"].iter().any(|verb| name.starts_with(verb))
            })
            .collect();
        assert_eq!(changing, [] as [&str; 0], "{}", command.name());
    }
}

#[test]
fn fewer_resources_need_fewer_rights() {
    let of = |types: &[&str]| actions(Command::Create, &types.iter().copied().collect());
    let (roles, all) = (of(&["AWS::IAM::Role"]), of(&[]));
    assert!(roles.contains("iam:CreateRole") && !roles.contains("ec2:CreateVpc") && all.contains("ec2:CreateVpc"));
    assert!(roles.is_subset(&all) && roles.len() < all.len());
}

#[test]
fn what_is_rolled_back_is_taken_away_with_the_same_rights() {
    let create = actions(Command::Create, &BTreeSet::new());
    for action in ["ec2:DeleteVpc", "iam:DeleteRole", "eks:DeleteCluster", "ec2:CreateVpc"] {
        assert!(create.contains(action), "{action}");
    }
    let delete = actions(Command::Delete, &BTreeSet::new());
    assert!(delete.contains("ec2:DeleteVpc") && !delete.contains("ec2:CreateVpc"));
}

#[test]
fn what_can_be_limited_to_the_cluster_is() {
    let all = policies(Command::Delete, &BTreeSet::new(), &SCOPE);
    let of = |action: &str| {
        let statements = all.iter().flat_map(|policy| policy["Statement"].as_array().unwrap());
        let mut found = statements.filter(|statement| statement["Action"].as_array().unwrap().iter().any(|item| item == action));
        found.next().unwrap_or_else(|| panic!("{action}")).clone()
    };
    assert_eq!(of("eks:DeleteCluster")["Resource"][0], "arn:aws:eks:eu-central-1:111122223333:cluster/shop");
    assert_eq!(of("cloudformation:DeleteStack")["Resource"][0], "arn:aws:cloudformation:eu-central-1:111122223333:stack/eksctl-shop-*/*");
    assert_eq!(of("iam:DeleteRole")["Resource"][0], "arn:aws:iam::111122223333:role/eksctl-shop-*");
    assert_eq!(of("ec2:DeleteVpc")["Condition"]["StringEquals"]["aws:RequestedRegion"], "eu-central-1");
    assert_eq!(
        of("ssm:DeregisterManagedInstance")["Condition"]["StringLike"]["aws:ResourceTag/EKSClusterARN"],
        "arn:aws:eks:eu-central-1:111122223333:cluster/shop"
    );
}

#[test]
fn a_bucket_and_given_roles_are_named_where_there_are_some() {
    let roles = ["arn:aws:iam::111122223333:role/mine"];
    let with = Scope { roles: &roles, bucket: Some("templates"), ..SCOPE };
    let said = text(Command::Create, &with);
    assert!(said.contains("arn:aws:s3:::templates/*") && said.contains("role/mine"), "{said}");
    assert!(!text(Command::Create, &SCOPE).contains("s3:"), "without a bucket nothing of S3 is needed");
}

#[test]
fn every_action_is_known_by_its_service() {
    for command in Command::ALL {
        for action in actions(command, &BTreeSet::new()) {
            let (service, name) = action.split_once(':').unwrap();
            let known = [
                "autoscaling",
                "cloudformation",
                "ec2",
                "eks",
                "iam",
                "kms",
                "logs",
                "rolesanywhere",
                "route53resolver",
                "s3",
                "ssm",
                "sts",
            ]
            .contains(&service);
            assert!(known && name.starts_with(char::is_uppercase), "{action}");
        }
    }
}

#[test]
fn the_page_shows_the_policy_of_handover() {
    const PAGE: &str = include_str!("../../../../docs/cluster.md");
    let shown = PAGE.split_once("`policy.json`:\n\n```json\n").unwrap().1.split_once("```").unwrap().0;
    let shown: Value = serde_json::from_str(shown).unwrap();
    assert_eq!(
        [shown],
        policies(Command::Handover, &BTreeSet::new(), &SCOPE)[..],
        "{}",
        policies(Command::Handover, &BTreeSet::new(), &SCOPE)[0]
    );
}

/// Calls that commands for clusters do not make: nodes, gateways and `hybridge lni` do.
const OF_NODES: [&str; 15] = [
    "AttachNetworkInterface",
    "CreateNetworkInterface",
    "DeleteNetworkInterface",
    "DescribeImages",
    "DescribeLaunchTemplateVersions",
    "DetachNetworkInterface",
    "ModifyNetworkInterfaceAttribute",
    "CreateSession",
    "DescribeInstances",
    "DescribeInstanceTypes",
    "SelfSubjectReview",
    "CreateRoute",
    "ReplaceRoute",
    "GetAuthorizationToken",
    "GetPublicAuthorizationToken",
];

/// Names of calls as `crates/aws` makes them.
fn called(directory: &std::path::Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            called(&path, names);
        } else if !path.to_string_lossy().contains("test") && !path.to_string_lossy().contains("fake") {
            let text = std::fs::read_to_string(&path).unwrap();
            // Tests at a file's end may call anything.
            let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            let calls = text.split("Call::new(").skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next());
            names.extend(calls.filter(|name| name.starts_with(char::is_uppercase) && *name != "GET").map(str::to_owned));
        }
    }
}

/// What AWS asks for beside the action that has the call's name: tags that a call gives, roles that it passes on, templates that
/// CloudFormation reads from S3.
const BESIDE: [&str; 5] = ["AddTagsToResource", "TagResource", "TagOpenIDConnectProvider", "PassRole", "GetObject"];

#[test]
fn every_call_that_is_made_for_clusters_is_in_the_table_and_no_other() {
    let mut names = BTreeSet::new();
    called(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../aws/src"), &mut names);
    assert!(names.len() > 50, "{names:?}");
    let listed: BTreeSet<&str> = CALLS.iter().flat_map(|call| call.actions()).map(|action| action.split_once(':').unwrap().1).collect();
    let missing: Vec<_> = names.iter().filter(|name| !listed.contains(name.as_str()) && !OF_NODES.contains(&name.as_str())).collect();
    assert_eq!(missing, [] as [&String; 0]);
    let unused: Vec<_> = listed.into_iter().filter(|action| !names.contains(*action) && !BESIDE.contains(action)).collect();
    assert_eq!(unused, [] as [&str; 0]);
}
