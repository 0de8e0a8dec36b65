//! Roles, profiles and trust anchors that exist already.

use serde_json::Value;

use super::{Check, Told, View, When};
use crate::config::Provider;
use crate::path::remedy;
use crate::resolve::HybridRole;
use crate::world::Role;

pub(super) const CHECKS: &[Check] = &[
    Check { code: "role.exists", about: "given roles of hybrid nodes exist", when: When::Always, needs: &["GetRole"], run: exists },
    Check {
        code: "role.trust",
        about: "given roles let Systems Manager or Roles Anywhere hand them out",
        when: When::Always,
        needs: &["GetRole"],
        run: trust,
    },
    Check {
        code: "role.actions",
        about: "given roles may do what hybrid nodes do",
        when: When::Always,
        needs: &["GetRole", "SimulatePrincipalPolicy"],
        run: actions,
    },
    Check {
        code: "role.profile",
        about: "the given Roles Anywhere profile is on, lists the roles and takes session names",
        when: When::Always,
        needs: &["GetProfile"],
        run: profile,
    },
    Check {
        code: "role.anchor",
        about: "the given trust anchor is there and on",
        when: When::Always,
        needs: &["GetTrustAnchor"],
        run: anchor,
    },
    Check {
        code: "role.session",
        about: "roles allow sessions as long as the profile asks for",
        when: When::Always,
        needs: &["GetRole", "GetProfile"],
        run: session,
    },
];

/// Actions that a hybrid node's role needs (nodeadm's own validation and the kubelet's image pulls; Systems Manager's agent with SSM).
pub const NODE_ACTIONS: [&str; 6] = [
    "eks:DescribeCluster",
    "eks:ListAccessEntries",
    "ecr:GetAuthorizationToken",
    "ecr:BatchGetImage",
    "ecr:GetDownloadUrlForLayer",
    "ecr:BatchCheckLayerAvailability",
];

/// Roles that exist, by ARN, and who hands them out.
fn given<'a>(view: &'a View<'_>) -> Vec<(&'a str, Provider)> {
    let (first, provider) = match &view.cluster.role {
        Some(HybridRole::Given { arn, provider }) => (Some(arn.as_str()), *provider),
        Some(HybridRole::Made(provider)) => (None, *provider),
        None => return Vec::new(),
    };
    first.into_iter().chain(view.cluster.annotations.role_arns.iter().map(String::as_str)).map(|arn| (arn, provider)).collect()
}

/// P13.
fn exists(view: &View<'_>, told: &mut Told) {
    let given = given(view);
    if given.is_empty() {
        return told.idle();
    }
    for (arn, _) in given {
        if super::unanswered(view.before, "GetRole").is_none() && !view.before.roles.contains_key(arn) {
            if view.before.caller.is_none() {
                told.unknown(arn, "IAM was not asked for the role");
                continue;
            }
            let account = arn.split(':').nth(4).unwrap_or_default();
            let ours = view.before.caller.as_ref().is_some_and(|caller| caller.account == account);
            let fix = if ours {
                "make it, or leave the key out so that one is made"
            } else {
                "give a role of this account: entries of others' roles join nobody"
            };
            told.error("remoteNetworkConfig.iam.roleARN", format!("IAM knows no role {arn}"), fix);
        }
    }
}

fn known<'a>(view: &'a View<'_>, told: &mut Told) -> Vec<(&'a str, Provider, &'a Role)> {
    let given = given(view);
    if given.is_empty() {
        told.idle();
    }
    let refused = super::unanswered(view.before, "GetRole").is_some();
    for (arn, _) in given.iter().filter(|(arn, _)| !refused && !view.before.roles.contains_key(*arn)) {
        if view.asked() {
            // That it is missing is told once, elsewhere.
            told.idle();
        } else {
            told.unknown(*arn, "IAM was not asked for the role");
        }
    }
    given.into_iter().filter_map(|(arn, provider)| Some((arn, provider, view.before.roles.get(arn)?))).collect()
}

/// P13.
fn trust(view: &View<'_>, told: &mut Told) {
    for (arn, provider, role) in known(view, told) {
        let (service, actions): (&str, &[&str]) = match provider {
            Provider::Ssm => ("ssm.amazonaws.com", &["sts:AssumeRole"]),
            Provider::Ira => ("rolesanywhere.amazonaws.com", &["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]),
        };
        let statements: Vec<&Value> = statements(&role.assume_role_policy_document).filter(|it| is_for(it, service)).collect();
        let lacking: Vec<&str> = actions.iter().copied().filter(|action| !statements.iter().any(|it| allows(it, action))).collect();
        if !lacking.is_empty() {
            told.error(
                arn,
                format!("its trust policy does not let {service} do {}", lacking.join(", ")),
                format!("add a statement: Effect Allow, Principal Service {service}, Action {}", actions.join(", ")),
            );
        }
        let anchor = view.cluster.annotations.trust_anchor_arn.as_deref();
        if let Some(anchor) = anchor.filter(|_| provider == Provider::Ira && lacking.is_empty())
            && !statements.iter().any(|it| source_fits(it, anchor))
        {
            told.error(
                arn,
                format!("its trust policy is for other trust anchors than {anchor}"),
                format!("have aws:SourceArn in its conditions be {anchor}"),
            );
        }
    }
}

fn statements(document: &Value) -> impl Iterator<Item = &Value> {
    let statement = &document["Statement"];
    let one = std::iter::once(statement).filter(|it| it.is_object());
    statement.as_array().into_iter().flatten().chain(one).filter(|it| it["Effect"] == "Allow")
}

/// A text, or a list of texts.
fn texts(value: &Value) -> Vec<&str> {
    value.as_str().into_iter().chain(value.as_array().into_iter().flatten().filter_map(Value::as_str)).collect()
}

fn is_for(statement: &Value, service: &str) -> bool {
    texts(&statement["Principal"]["Service"]).contains(&service)
}

fn allows(statement: &Value, action: &str) -> bool {
    texts(&statement["Action"]).iter().any(|pattern| fits(&pattern.to_ascii_lowercase(), &action.to_ascii_lowercase()))
}

/// Whether the statement's conditions on `aws:SourceArn`, if there are any, let the trust anchor pass.
fn source_fits(statement: &Value, anchor: &str) -> bool {
    let conditions = statement["Condition"].as_object().into_iter().flatten().flat_map(|(_, keys)| keys.as_object().into_iter().flatten());
    let mut arns = conditions.filter(|(key, _)| key.eq_ignore_ascii_case("aws:SourceArn")).map(|(_, value)| texts(value));
    arns.all(|arns| arns.iter().any(|pattern| fits(pattern, anchor)))
}

/// IAM's patterns: `*` stands for any text, `?` for one character.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_at_checked(1) {
        None => text.is_empty(),
        Some(("*", rest)) => (0..=text.len()).any(|at| text.get(at..).is_some_and(|text| fits(rest, text))),
        Some(("?", rest)) => text.chars().next().is_some_and(|first| fits(rest, &text[first.len_utf8()..])),
        Some((first, rest)) => text.strip_prefix(first).is_some_and(|text| fits(rest, text)),
    }
}

/// P13.
fn actions(view: &View<'_>, told: &mut Told) {
    for (arn, _, role) in known(view, told) {
        if !role.denied_actions.is_empty() {
            told.error(
                arn,
                format!("it may not do {}", role.denied_actions.join(", ")),
                "attach AmazonEC2ContainerRegistryPullOnly (with SSM AmazonSSMManagedInstanceCore, too) and a policy for eks:DescribeCluster and eks:ListAccessEntries",
            );
        }
    }
}

/// P13.
fn profile(view: &View<'_>, told: &mut Told) {
    let Some(arn) = &view.cluster.annotations.profile_arn else { return told.idle() };
    let Some(profile) = view.before.profiles.get(arn) else {
        if super::unanswered(view.before, "GetProfile").is_none() {
            told.error("metadata.annotations", format!("Roles Anywhere knows no profile {arn}"), "correct hybridge/profile-arn");
        }
        return;
    };
    let id = arn.rsplit('/').next().unwrap_or_default();
    if !profile.enabled {
        told.error(arn, "the profile is off", remedy::aws(view.cluster, &format!("rolesanywhere enable-profile --profile-id {id}")));
    }
    for (role, _) in given(view) {
        if !profile.role_arns.iter().any(|listed| listed == role) {
            told.error(
                arn,
                format!("the profile does not list {role}"),
                remedy::aws(
                    view.cluster,
                    &format!("rolesanywhere update-profile --profile-id {id} --role-arns {} {role}", profile.role_arns.join(" ")),
                ),
            );
        }
    }
    if !profile.accept_role_session_name {
        told.error(
            arn,
            "the profile takes no session names, and hybrid nodes join under the name of their session",
            remedy::aws(view.cluster, &format!("rolesanywhere update-profile --profile-id {id} --accept-role-session-name")),
        );
    }
}

/// P13.
fn anchor(view: &View<'_>, told: &mut Told) {
    let Some(arn) = &view.cluster.annotations.trust_anchor_arn else { return told.idle() };
    let id = arn.rsplit('/').next().unwrap_or_default();
    match view.before.trust_anchors.get(arn) {
        None if super::unanswered(view.before, "GetTrustAnchor").is_some() => {}
        None => {
            told.error("metadata.annotations", format!("Roles Anywhere knows no trust anchor {arn}"), "correct hybridge/trust-anchor-arn")
        }
        Some(anchor) if !anchor.enabled => {
            told.error(
                arn,
                "the trust anchor is off",
                remedy::aws(view.cluster, &format!("rolesanywhere enable-trust-anchor --trust-anchor-id {id}")),
            );
        }
        Some(_) => {}
    }
}

/// P13: STS refuses sessions longer than the role allows, so no node gets credentials.
fn session(view: &View<'_>, told: &mut Told) {
    let asked = view.cluster.annotations.session_seconds;
    let profile = view.cluster.annotations.profile_arn.as_ref().and_then(|arn| view.before.profiles.get(arn));
    let length = match (profile.and_then(|profile| profile.duration_seconds), asked) {
        (Some(profile), Some(asked)) if asked > profile => {
            told.error(
                "metadata.annotations",
                format!("hybridge/session-seconds asks for {asked}, and the profile gives {profile} at most"),
                "ask for less, or change the profile",
            );
            profile
        }
        (Some(profile), Some(_) | None) => profile,
        (None, Some(asked)) => asked,
        (None, None) => 3600,
    };
    for (arn, provider, role) in known(view, told) {
        let Some(longest) = role.max_session_duration.filter(|_| provider == Provider::Ira) else { continue };
        if longest < length {
            let name = arn.rsplit('/').next().unwrap_or_default();
            told.error(
                arn,
                format!("it allows sessions of {longest} s, and {length} s are asked for"),
                format!("aws iam update-role --role-name {name} --max-session-duration {length}"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_iams() {
        for (pattern, text, expected) in [
            ("sts:*", "sts:assumerole", true),
            ("*", "anything", true),
            ("sts:AssumeRol?", "sts:AssumeRole", true),
            ("sts:AssumeRole", "sts:AssumeRoleWithSAML", false),
            ("arn:aws:*:trust-anchor/*", "arn:aws:rolesanywhere:eu-central-1:1:trust-anchor/x", true),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }
}
