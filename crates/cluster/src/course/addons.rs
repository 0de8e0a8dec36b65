//! Which add-ons a cluster gets, in which order, and what is to be done for each.

use std::collections::BTreeMap;

use crate::config::ClusterConfig;
use crate::world::LiveAddon;

/// An add-on that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Name, small letters.
    pub name: String,
    /// As the file has it: empty, `latest`, a version or the beginning of one.
    pub version: String,
    /// JSON or YAML; empty: EKS's own.
    pub configuration: String,
    /// Role of its service account; empty: none.
    pub role: String,
    /// `NONE`, `OVERWRITE` or `PRESERVE`.
    pub conflicts: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Before node groups, whose nodes need it.
    pub early: bool,
    /// The file names it; else it is one that every cluster gets.
    pub named: bool,
}

/// Add-ons that nodes need before they are ready, in this order (eksctl's `KnownAddons`, `CreateBeforeNodeGroup`).
const EARLY: [&str; 4] = ["eks-pod-identity-agent", "vpc-cni", "kube-proxy", "coredns"];
/// What every cluster gets unless `addonsConfig.disableDefaultAddons` (eksctl's `KnownAddons`, `IsDefault`).
const DEFAULTS: [&str; 4] = ["vpc-cni", "kube-proxy", "coredns", "metrics-server"];
/// With Auto Mode, its own nodes bring their networking along, and hybrid nodes still need a proxy and names.
const AUTO_MODE_HYBRID: [&str; 3] = ["kube-proxy", "coredns", "metrics-server"];
/// Partitions where EKS has no add-on `metrics-server` (eksctl's `ExcludedRegions`).
const NO_METRICS_SERVER: [&str; 7] = ["aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc"];

/// The add-ons that a file asks for in a partition, in the order in which they are made.
pub fn wanted(config: &ClusterConfig, partition: &str) -> Vec<Wanted> {
    let mut all: Vec<Wanted> = config.addons.iter().map(named).collect();
    let auto_mode = config.auto_mode_config.enabled == Some(true);
    let hybrid = config.remote_network_config.is_some();
    let defaults: &[&str] = match (config.addons_config.disable_default_addons, auto_mode, hybrid) {
        (true, ..) => &[],
        (false, true, false) => &["metrics-server"],
        (false, true, true) => &AUTO_MODE_HYBRID,
        (false, false, _) => &DEFAULTS,
    };
    for name in defaults {
        let excluded = *name == "metrics-server" && NO_METRICS_SERVER.contains(&partition);
        if !excluded && all.iter().all(|addon| addon.name != *name) {
            all.push(default(name));
        }
    }
    let wants_pod_identity = !config.iam.pod_identity_associations.is_empty() || config.addons_config.auto_apply_pod_identity_associations;
    if wants_pod_identity && !auto_mode && all.iter().all(|addon| addon.name != EARLY[0]) {
        all.push(default(EARLY[0]));
    }
    let rank = |addon: &Wanted| EARLY.iter().position(|name| addon.name == *name).unwrap_or(EARLY.len());
    // Stable: others stay in the file's order.
    all.sort_by_key(rank);
    all
}

fn named(addon: &crate::config::Addon) -> Wanted {
    let name = addon.name.to_ascii_lowercase();
    let conflicts = if addon.resolve_conflicts.is_empty() { "NONE".into() } else { addon.resolve_conflicts.to_ascii_uppercase() };
    Wanted {
        early: EARLY.contains(&name.as_str()),
        name,
        version: addon.version.clone(),
        configuration: addon.configuration_values.clone(),
        role: addon.service_account_role_arn.clone(),
        conflicts,
        tags: addon.tags.clone(),
        named: true,
    }
}

/// Nothing of a default add-on is the user's yet when it is made, so what is in its way may be written over.
fn default(name: &str) -> Wanted {
    Wanted {
        name: name.into(),
        version: String::new(),
        configuration: String::new(),
        role: String::new(),
        conflicts: "OVERWRITE".into(),
        tags: BTreeMap::new(),
        early: EARLY.contains(&name),
        named: false,
    }
}

/// What is to be done for an add-on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is not there.
    Create,
    /// It was made and failed: EKS can only make it anew.
    Remake,
    /// EKS is at work on it.
    Wait,
    /// It differs from what is wanted, in these things.
    Update(Vec<&'static str>),
    /// It is as wanted.
    Keep,
}

/// What is to be done for an add-on, given what is there and the version that is wanted; none: whichever it has.
pub fn step(wanted: &Wanted, live: Option<&LiveAddon>, version: Option<&str>) -> Step {
    let Some(live) = live else { return Step::Create };
    match live.status.as_str() {
        "CREATE_FAILED" => return Step::Remake,
        "CREATING" | "UPDATING" | "DELETING" => return Step::Wait,
        // What is there is what was asked for, working or not, or a failed update or deletion whose wishes are compared again.
        _ => {}
    }
    if !wanted.named {
        return Step::Keep;
    }
    let mut differs = Vec::new();
    if version.is_some_and(|version| version != live.addon_version) {
        differs.push("version");
    }
    if !wanted.configuration.is_empty() && !same_configuration(&wanted.configuration, &live.configuration_values) {
        differs.push("configurationValues");
    }
    if !wanted.role.is_empty() && wanted.role != live.service_account_role_arn {
        differs.push("serviceAccountRoleARN");
    }
    if differs.is_empty() { Step::Keep } else { Step::Update(differs) }
}

/// As JSON they are compared by meaning; otherwise by their text.
fn same_configuration(wanted: &str, live: &str) -> bool {
    let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    match (parsed(wanted), parsed(live)) {
        (Some(wanted), Some(live)) => wanted == live,
        (Some(_), None) | (None, Some(_)) | (None, None) => wanted.trim() == live.trim(),
    }
}

/// The version that the file means, among those that EKS offers for the cluster, newest first; none: EKS's default, or what is there.
///
/// # Errors
/// EKS offers no such version; the text names those that it does.
pub fn version<'a>(asked: &'a str, offered: &'a [String]) -> Result<Option<&'a str>, String> {
    let asked = asked.trim();
    match asked {
        "" => return Ok(None),
        "latest" => return offered.first().map(|newest| Some(newest.as_str())).ok_or_else(|| "EKS offers no version of it".into()),
        _ => {}
    }
    if let Some(exact) = offered.iter().find(|version| version.as_str() == asked) {
        return Ok(Some(exact));
    }
    let bare = asked.trim_start_matches('v');
    let begins = |version: &&String| {
        let rest = version.trim_start_matches('v').strip_prefix(bare);
        rest.is_some_and(|rest| rest.starts_with(['.', '-']))
    };
    match offered.iter().find(begins) {
        Some(version) => Ok(Some(version)),
        None => {
            let shown: Vec<_> = offered.iter().take(5).map(String::as_str).collect();
            Err(format!("EKS offers no version `{asked}` of it; the newest are {}", shown.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Addon, PodIdentityAssociation, RemoteNetworkConfig};

    fn names(config: &ClusterConfig, partition: &str) -> Vec<String> {
        wanted(config, partition).into_iter().map(|addon| addon.name).collect()
    }

    #[test]
    fn addons_come_in_the_order_in_which_nodes_need_them() {
        let mut config = ClusterConfig::default();
        assert_eq!(names(&config, "aws"), ["vpc-cni", "kube-proxy", "coredns", "metrics-server"]);
        assert_eq!(names(&config, "aws-us-gov"), ["vpc-cni", "kube-proxy", "coredns"]);
        config.addons =
            vec![Addon { name: "aws-ebs-csi-driver".into(), ..Addon::default() }, Addon { name: "CoreDNS".into(), ..Addon::default() }];
        config.iam.pod_identity_associations.push(PodIdentityAssociation::default());
        assert_eq!(
            names(&config, "aws"),
            ["eks-pod-identity-agent", "vpc-cni", "kube-proxy", "coredns", "aws-ebs-csi-driver", "metrics-server"]
        );
        config.addons_config.disable_default_addons = true;
        config.iam.pod_identity_associations.clear();
        assert_eq!(names(&config, "aws"), ["coredns", "aws-ebs-csi-driver"]);
    }

    #[test]
    fn auto_mode_brings_its_own_networking_and_hybrid_nodes_still_need_proxy_and_names() {
        let mut config = ClusterConfig::default();
        config.auto_mode_config.enabled = Some(true);
        assert_eq!(names(&config, "aws"), ["metrics-server"]);
        config.remote_network_config = Some(RemoteNetworkConfig::default());
        assert_eq!(names(&config, "aws"), ["kube-proxy", "coredns", "metrics-server"]);
    }

    #[test]
    fn an_addon_is_changed_only_in_what_the_file_says() {
        let live = |status: &str| LiveAddon {
            status: status.into(),
            addon_version: "v1.19.0-eksbuild.1".into(),
            configuration_values: "{\"env\": {\"A\":\"1\"}}".into(),
            ..LiveAddon::default()
        };
        let mut coredns =
            named(&Addon { name: "vpc-cni".into(), configuration_values: "{\"env\":{\"A\":\"1\"}}".into(), ..Addon::default() });
        assert_eq!(step(&coredns, None, None), Step::Create);
        assert_eq!(step(&coredns, Some(&live("CREATE_FAILED")), None), Step::Remake);
        assert_eq!(step(&coredns, Some(&live("CREATING")), None), Step::Wait);
        assert_eq!(step(&coredns, Some(&live("DEGRADED")), Some("v1.19.0-eksbuild.1")), Step::Keep);
        assert_eq!(step(&coredns, Some(&live("ACTIVE")), Some("v1.20.0-eksbuild.1")), Step::Update(vec!["version"]));
        (coredns.configuration, coredns.role) = ("env: {}".into(), "arn:aws:iam::1:role/cni".into());
        assert_eq!(step(&coredns, Some(&live("ACTIVE")), None), Step::Update(vec!["configurationValues", "serviceAccountRoleARN"]));
        assert_eq!(step(&default("vpc-cni"), Some(&live("ACTIVE")), Some("v1.20.0-eksbuild.1")), Step::Keep);
    }

    #[test]
    fn versions_may_be_given_by_their_beginning() {
        let offered = ["v1.20.1-eksbuild.2", "v1.20.1-eksbuild.1", "v1.2.0-eksbuild.1"].map(str::to_owned);
        for (asked, expected) in [
            ("", Ok(None)),
            ("latest", Ok(Some("v1.20.1-eksbuild.2"))),
            ("v1.20.1-eksbuild.1", Ok(Some("v1.20.1-eksbuild.1"))),
            ("1.20", Ok(Some("v1.20.1-eksbuild.2"))),
            ("v1.2", Ok(Some("v1.2.0-eksbuild.1"))),
            (
                "1.9",
                Err("EKS offers no version `1.9` of it; the newest are v1.20.1-eksbuild.2, v1.20.1-eksbuild.1, v1.2.0-eksbuild.1"
                    .to_owned()),
            ),
        ] {
            assert_eq!(version(asked, &offered), expected);
        }
        assert!(version("latest", &[]).is_err());
    }
}
