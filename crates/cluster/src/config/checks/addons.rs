//! `addons`, `addonsConfig`, and what a cluster without vpc-cni cannot have.

use std::collections::BTreeSet;

use hybridge_document::{Form, Node, Problems, read};

use super::{Checks, ROLE};
use crate::config::Addon;

/// `CoreNetworking` add-ons, which Auto Mode has built in.
const NETWORKING: [&str; 3] = ["vpc-cni", "kube-proxy", "coredns"];
/// Settings of an add-on are small.
const SETTINGS: Form = Form { kind: "configurationValues", nodes: 10_000, second: "write one document" };

pub(super) fn check(checks: &mut Checks<'_>) {
    let config = checks.config;
    let mut seen = BTreeSet::new();
    for (index, addon) in config.addons.iter().enumerate() {
        let path = format!("addons[{index}]");
        if !checks.sound(&path) {
            continue;
        }
        one(checks, &path, addon);
        let name = addon.name.to_ascii_lowercase();
        if !name.is_empty() && !seen.insert(name) {
            checks.wrong("addon.duplicate", &format!("{path}.name"), &addon.name, "comes twice").fix("keep one of them");
        }
        let auto = config.auto_mode_config.enabled == Some(true);
        if auto && !checks.hybrid() && NETWORKING.contains(&addon.name.as_str()) {
            let what = "is built into Auto Mode; it can be had beside it for hybrid nodes only (remoteNetworkConfig)";
            checks.wrong("addon.auto-mode", &format!("{path}.name"), &addon.name, what).fix("take it out");
        }
    }
    bare_cluster(checks);
}

fn one(checks: &mut Checks<'_>, path: &str, addon: &Addon) {
    let name = format!("{path}.name");
    checks.require(&addon.name, &name, &format!("{name} is required"), "write the add-on's name, such as coredns");
    let form = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if !addon.name.chars().all(form) {
        checks.wrong("addon.name", &name, &addon.name, "cannot be the name of an add-on").fix("see `aws eks describe-addon-versions`");
    }
    let version = addon.version.as_str();
    let number = |c: char| c.is_ascii_alphanumeric() || ".-+".contains(c);
    let numbered = version.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()) && rest.chars().all(number));
    if !version.is_empty() && version != "latest" && !numbered {
        let fix = if version.starts_with(|c: char| c.is_ascii_digit()) {
            format!("write v{version}")
        } else {
            "write latest, or a version such as v1.19.0-eksbuild.1".to_owned()
        };
        checks.wrong("addon.version", &format!("{path}.version"), version, "is no version of an add-on").fix(fix);
    }
    let role = format!("{path}.serviceAccountRoleARN");
    checks.arn(&role, &addon.service_account_role_arn, &ROLE);
    if !addon.service_account_role_arn.is_empty() && checks.config.iam.with_oidc != Some(true) {
        let what = "is a role by OpenID Connect, and iam.withOIDC is not set: the add-on cannot take it";
        checks.warning("addon.oidc", &role, "", what).fix("write iam.withOIDC: true");
    }
    settings(checks, &format!("{path}.configurationValues"), addon);
}

/// JSON or YAML, a mapping. The text is not shown.
fn settings(checks: &mut Checks<'_>, path: &str, addon: &Addon) {
    if addon.configuration_values.trim().is_empty() {
        return;
    }
    let mut problems = Problems::new("", 0, Vec::new());
    let map = match read(&addon.configuration_values, SETTINGS, &mut problems) {
        Ok(Some(tree)) => matches!(tree.node, Node::Map(_)),
        Ok(None) | Err(_) => false,
    };
    if !map || !problems.finish().is_empty() {
        let what = format!("is not valid for {:?}, supported format(s) are: JSON and YAML, of a mapping", addon.name);
        checks.error("addon.settings", path, what).fix("see `aws eks describe-addon-configuration`");
    }
}

/// EC2 nodes do not get ready without a CNI.
fn bare_cluster(checks: &mut Checks<'_>) {
    let config = checks.config;
    let bare = config.addons_config.disable_default_addons && !config.addons.iter().any(|addon| addon.name == "vpc-cni");
    if !bare || checks.annotations.own_cni || config.auto_mode_config.enabled == Some(true) {
        return;
    }
    for (path, said) in [
        ("managedNodeGroups", !config.managed_node_groups.is_empty()),
        ("iam.serviceAccounts", !config.iam.service_accounts.is_empty()),
        ("iam.podIdentityAssociations", !config.iam.pod_identity_associations.is_empty()),
    ] {
        if said {
            let what = format!(
                "{path} is not supported during cluster creation in a cluster without VPC CNI (addonsConfig.disableDefaultAddons, and no \
                 vpc-cni in addons)"
            );
            let fix = "add vpc-cni, or leave it out until a CNI is installed; then write the annotation hybridge/own-cni: \"true\"";
            checks.error("cluster.bare", path, what).fix(fix);
        }
    }
}
