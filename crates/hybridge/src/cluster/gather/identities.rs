//! Roles that the file names, profiles and trust anchors, and what the caller may do.

use std::collections::BTreeSet;

use futures::StreamExt as _;
use futures::stream;
use hybridge_aws::CallError;
use hybridge_cluster::config::{ClusterConfig, Provider, arn};
use hybridge_cluster::permissions::{self, Command, Scope};
use hybridge_cluster::world::{Role, World};
use serde_json::Value;
use tokio::join;

use super::questions::{Open, together, told};
use super::{AT_ONCE, Asked};

/// What a hybrid node's role needs, whoever hands it out (EKS user guide, "Prepare credentials for hybrid nodes"; nodeadm lists access
/// entries when it joins).
const OF_NODE: [&str; 2] = ["eks:DescribeCluster", "eks:ListAccessEntries"];
/// The same on `*`.
const IMAGES: [&str; 3] = ["ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];
/// What the agent of Systems Manager needs to keep its registration alive (AmazonSSMManagedInstanceCore).
const AGENT: [&str; 2] = ["ssm:UpdateInstanceInformation", "ssmmessages:CreateControlChannel"];
/// For EKS Pod Identity.
const POD_IDENTITY: &str = "eks-auth:AssumeRoleForPodIdentity";

pub(super) async fn ask(asked: Asked<'_>) -> World {
    let (roles, anywhere, denied) = join!(roles(asked), anywhere(asked), denied(asked));
    together([roles, anywhere, denied])
}

fn provider(asked: Asked<'_>) -> Option<Provider> {
    asked.config.remote_network_config.as_ref().map(|remote| remote.iam.provider)
}

/// The roles of hybrid nodes that exist before the cluster.
fn hybrid_roles<'a>(asked: Asked<'a>) -> BTreeSet<&'a str> {
    let given = asked.config.remote_network_config.as_ref().map(|remote| remote.iam.role_arn.as_str());
    given.into_iter().chain(asked.annotations.role_arns.iter().map(String::as_str)).filter(|arn| !arn.is_empty()).collect()
}

async fn roles(asked: Asked<'_>) -> World {
    let hybrid = hybrid_roles(asked);
    let service = Some(asked.config.iam.service_role_arn.as_str()).filter(|arn| !arn.is_empty() && !hybrid.contains(arn));
    let all: Vec<(&str, bool)> = hybrid.into_iter().map(|arn| (arn, true)).chain(service.map(|arn| (arn, false))).collect();
    let each = stream::iter(all).map(|(arn, is_hybrid)| async move {
        let mut open = Open::new();
        let role = told(asked.session.role(arn).await, &mut open);
        let denied = if is_hybrid && role.is_some() { told(denied_to_node(asked, arn).await, &mut open) } else { Vec::new() };
        let role = role.map(|role| (arn.to_owned(), Role { denied_actions: denied, ..role }));
        World { roles: role.into_iter().collect(), unanswered: open, ..World::default() }
    });
    each.buffered(AT_ONCE).fold(World::default(), |all, one| async move { together([all, one]) }).await
}

/// What a node with this role would need and may not do.
async fn denied_to_node(asked: Asked<'_>, role: &str) -> Result<Vec<String>, CallError> {
    // The partition and the account are the role's.
    let mut parts = role.split(':').skip(1);
    let (partition, account) = (parts.next().unwrap_or("aws"), parts.nth(2).unwrap_or_default());
    let cluster = arn::of_cluster(partition, asked.session.region(), account, &asked.config.metadata.name);
    let mut of_cluster = OF_NODE.to_vec();
    of_cluster.extend(asked.annotations.pod_identity.then_some(POD_IDENTITY));
    let mut on_all = IMAGES.to_vec();
    if provider(asked) == Some(Provider::Ssm) {
        on_all.extend(AGENT);
    }
    let resources = [cluster.as_str()];
    let (on_cluster, on_all) =
        join!(asked.session.denied_actions(role, &of_cluster, &resources), asked.session.denied_actions(role, &on_all, &[]));
    let mut denied = on_cluster?;
    denied.extend(on_all?);
    Ok(denied)
}

async fn anywhere(asked: Asked<'_>) -> World {
    let profile = async {
        match &asked.annotations.profile_arn {
            Some(arn) => asked.session.anywhere_profile(arn).await.map(|found| found.map(|profile| (arn.clone(), profile))),
            None => Ok(None),
        }
    };
    let anchor = async {
        match &asked.annotations.trust_anchor_arn {
            Some(arn) => asked.session.trust_anchor(arn).await.map(|found| found.map(|anchor| (arn.clone(), anchor))),
            None => Ok(None),
        }
    };
    let (profile, anchor) = join!(profile, anchor);
    let mut open = Open::new();
    World {
        profiles: told(profile, &mut open).into_iter().collect(),
        trust_anchors: told(anchor, &mut open).into_iter().collect(),
        unanswered: open,
        ..World::default()
    }
}

/// What the caller would have to do and may not. Root may do everything, and a federated user is not simulated.
async fn denied(asked: Asked<'_>) -> World {
    let mut open = Open::new();
    let Some(principal) = principal(&asked.caller.arn) else { return World::default() };
    let policies = permissions::policies(Command::Create, &types(asked.config), &scope(asked));
    let statements = policies.iter().flat_map(|policy| policy["Statement"].as_array().into_iter().flatten());
    let each = stream::iter(statements.map(|statement| (texts(&statement["Action"]), texts(&statement["Resource"]))));
    let simulated = each.map(|(actions, resources)| {
        let principal = &principal;
        async move { asked.session.denied_actions(principal, &actions, &resources).await }
    });
    let simulated: Vec<_> = simulated.buffered(AT_ONCE).collect().await;
    let whole: Result<Vec<_>, CallError> = simulated.into_iter().collect();
    let denied = whole.map(|denied| Some(denied.into_iter().flatten().collect::<BTreeSet<_>>().into_iter().collect()));
    World { denied_actions: told(denied, &mut open), unanswered: open, ..World::default() }
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Types of resources that a cluster of this file may have.
fn types(config: &ClusterConfig) -> BTreeSet<&'static str> {
    let is_ira = config.remote_network_config.as_ref().is_some_and(|remote| remote.iam.provider == Provider::Ira);
    let has_nodes = !config.managed_node_groups.is_empty();
    let makes_vpc = config.vpc.id.is_empty();
    let wanted = |kind: &&str| match *kind {
        "AWS::RolesAnywhere::Profile" | "AWS::RolesAnywhere::TrustAnchor" => is_ira,
        "AWS::EKS::Nodegroup" | "AWS::EC2::LaunchTemplate" => has_nodes,
        "AWS::EC2::VPC" | "AWS::EC2::Subnet" | "AWS::EC2::InternetGateway" | "AWS::EC2::NatGateway" | "AWS::EC2::EIP" => makes_vpc,
        _ => true,
    };
    permissions::resource_types().into_iter().filter(wanted).collect()
}

/// The one cluster, of the caller's account.
fn scope(asked: Asked<'_>) -> Scope<'_> {
    let partition = asked.caller.arn.split(':').nth(1).unwrap_or("aws");
    let (account, cluster) = (asked.caller.account.as_str(), asked.config.metadata.name.as_str());
    Scope { partition, region: asked.session.region(), account, cluster, roles: &[], bucket: None }
}

/// Whose policies count: the user, or the role of a session. A role's path is not part of its sessions' ARN, so a role with one is not
/// found, which is noted.
fn principal(caller: &str) -> Option<String> {
    let (head, resource) = caller.rsplit_once(':')?;
    let mut parts = resource.split('/');
    match parts.next()? {
        "user" => Some(caller.to_owned()),
        "assumed-role" => Some(format!("{}:role/{}", head.replacen(":sts:", ":iam:", 1), parts.next()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policies_that_count_are_those_of_the_user_or_of_the_sessions_role() {
        for (caller, expected) in [
            ("arn:aws:iam::123456789012:user/ops/me", Some("arn:aws:iam::123456789012:user/ops/me")),
            ("arn:aws:sts::123456789012:assumed-role/Admin/me@example.com", Some("arn:aws:iam::123456789012:role/Admin")),
            ("arn:aws-us-gov:sts::123456789012:assumed-role/Admin/x", Some("arn:aws-us-gov:iam::123456789012:role/Admin")),
            ("arn:aws:iam::123456789012:root", None),
            ("arn:aws:sts::123456789012:federated-user/me", None),
        ] {
            assert_eq!(principal(caller).as_deref(), expected, "{caller}");
        }
    }
}
