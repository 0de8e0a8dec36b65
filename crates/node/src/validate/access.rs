//! Whether AWS knows the node's credentials, and whether the cluster lets their role in.

use hybridge_report::Finding;

use super::Subject;
use super::endpoints::{api_host, bad};
use crate::facts::Answer;

/// Type of access entries for nodes outside.
const TYPE: &str = "HYBRID_LINUX";
/// Stands for the type where only EKS knows it: nodes may list entries, but seldom describe them.
const UNKNOWN: &str = "-";

pub(super) fn caller(subject: &Subject<'_>) -> Vec<Finding> {
    let Some(why) = bad(subject.facts.answers.caller.as_ref()) else { return Vec::new() };
    let fix = if subject.config.hybrid.as_ref().is_some_and(|hybrid| hybrid.ssm.is_some()) {
        "check that the activation's role trusts ssm.amazonaws.com, and that the agent runs (journalctl --unit '*amazon-ssm-agent*')"
    } else {
        "check that trust anchor and profile are enabled, that the role trusts rolesanywhere.amazonaws.com, and that the profile accepts role session names"
    };
    vec![Finding::error("aws.caller", "AWS STS", format!("does not know the node's credentials: {why}")).fix(fix)]
}

pub(super) fn api(subject: &Subject<'_>) -> Vec<Finding> {
    let Some(why) = bad(subject.facts.answers.api_authentication.as_ref()) else { return Vec::new() };
    vec![
        Finding::error("api.authentication", api_host(subject), format!("does not know this node: {why}"))
            .fix(format!("make an access entry of type {TYPE} for the node's role: {}", create(subject, "ROLE_ARN"))),
    ]
}

/// The role of the caller, as IAM names it.
#[derive(Debug, PartialEq, Eq)]
struct Role<'a> {
    partition: &'a str,
    account: &'a str,
    /// Without its path: names are unique in an account whatever their path.
    name: &'a str,
}

/// Whether both ARNs are of one role: one as IAM names it, or a session of it as STS does.
pub fn same_role(one: &str, other: &str) -> bool {
    role(one).is_some_and(|known| role(other) == Some(known))
}

/// From `arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION` or `arn:aws:iam::ACCOUNT:role/PATH/NAME`.
fn role(arn: &str) -> Option<Role<'_>> {
    let mut parts = arn.trim().splitn(6, ':');
    let (Some("arn"), Some(partition), Some(service), Some(_), Some(account), Some(resource)) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let name = match (service, resource.split_once('/')?) {
        ("sts", ("assumed-role", rest)) => rest.split('/').next()?,
        ("iam", ("role", rest)) => rest.rsplit('/').next()?,
        _ => return None,
    };
    (!name.is_empty()).then_some(Role { partition, account, name })
}

pub(super) fn entries(subject: &Subject<'_>) -> Vec<Finding> {
    let facts = subject.facts;
    let mode = facts.cluster.as_ref().and_then(|cluster| cluster.authentication_mode.as_deref());
    let place = format!("cluster {}", subject.config.cluster.name);
    if mode == Some("CONFIG_MAP") {
        return vec![
            Finding::warning("access.config-map", place, "has no access entries, only the ConfigMap aws-auth, which cannot be read from here")
                .fix("see that mapRoles in kube-system/aws-auth names the node's role, with username system:node:{{SessionName}} and groups system:bootstrappers, system:nodes"),
        ];
    }
    if bad(facts.answers.caller.as_ref()).is_some() {
        // Without credentials nothing can be listed, and another check says so.
        return Vec::new();
    }
    let list = match &facts.answers.access_entries {
        None => return Vec::new(),
        Some(Answer::Good(list)) => list,
        Some(Answer::Forbidden(why)) => return vec![unread(place, &format!("the node may not list its access entries: {why}"))],
        Some(Answer::Bad(why)) => return vec![unread(place, &format!("its access entries could not be listed: {why}"))],
    };
    let arn = match &facts.answers.caller {
        Some(Answer::Good(arn)) => arn.as_str(),
        None | Some(Answer::Bad(_) | Answer::Forbidden(_)) => return Vec::new(),
    };
    let Some(caller) = role(arn) else {
        return vec![
            Finding::error("access.caller", arn, "is no role; nodes join with a role")
                .fix("give the node the credentials of a role: an SSM activation or IAM Roles Anywhere"),
        ];
    };
    let entry =
        list.lines().filter_map(|line| line.trim().rsplit_once(' ')).find(|(principal, _)| role(principal).as_ref() == Some(&caller));
    let arn = format!("arn:{}:iam::{}:role/{}", caller.partition, caller.account, caller.name);
    match entry {
        Some((_, TYPE | UNKNOWN)) => Vec::new(),
        Some((principal, other)) => vec![
            Finding::error("access.type", principal, format!("its access entry has type {other}; nodes outside need {TYPE}"))
                .fix(format!("delete the entry and make it anew: {}", create(subject, principal))),
        ],
        None => vec![missing(subject, mode, &arn)],
    }
}

/// With a ConfigMap beside the entries the role may be mapped there.
fn missing(subject: &Subject<'_>, mode: Option<&str>, arn: &str) -> Finding {
    let what = format!("has no access entry in cluster {}", subject.config.cluster.name);
    let fix = create(subject, arn);
    if mode == Some("API_AND_CONFIG_MAP") {
        return Finding::warning("access.no-entry", arn, format!("{what}; the node joins only if the ConfigMap aws-auth names the role"))
            .fix(fix);
    }
    Finding::error("access.no-entry", arn, what).fix(fix)
}

fn unread(place: String, what: &str) -> Finding {
    Finding::warning("access.unread", place, what.to_owned())
        .fix("allow the node's role eks:ListAccessEntries on the cluster, or skip cluster-access-validation")
}

fn create(subject: &Subject<'_>, arn: &str) -> String {
    format!("aws eks create-access-entry --cluster-name {} --principal-arn {arn} --type {TYPE}", subject.config.cluster.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_compared_whole() {
        let caller = role("arn:aws:sts::1:assumed-role/node/mi-1");
        assert_eq!(caller, role("arn:aws:iam::1:role/node"));
        assert_eq!(caller, role("arn:aws:iam::1:role/some/path/node"));
        for other in
            ["arn:aws:iam::1:role/nodes", "arn:aws:iam::2:role/node", "arn:aws-cn:iam::1:role/node", "arn:aws:iam::1:user/node", "node", ""]
        {
            assert_ne!(caller, role(other), "{other}");
        }
    }
}
