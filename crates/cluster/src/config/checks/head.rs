//! Name, region, version, tags, zones, and what stands alone at the top.

use super::{Checks, KEY};
use crate::config::region;

/// Minor versions that EKS has for hybrid nodes, as far as this release knows. Newer ones are warned of: EKS is asked before anything is
/// made.
const MINORS: std::ops::RangeInclusive<u32> = 26..=36;
/// `ClusterName` of EKS's API has up to 100 characters, and more of them (`_`) than a stack's name may have.
const LONGEST_NAME: usize = 100;
/// CloudFormation takes 50 tags; five are eksctl's own.
const MOST_TAGS: usize = 45;
/// Tags by which eksctl and hybridge find what they made.
const RESERVED: [&str; 5] = [
    "alpha.eksctl.io/cluster-name",
    "eksctl.cluster.k8s.io/v1alpha1/cluster-name",
    "alpha.eksctl.io/eksctl-version",
    "alpha.eksctl.io/cluster-oidc-enabled",
    "EKSClusterARN",
];
/// Subnets at most: one public and one private a zone (`pkg/vpc/vpc.go`).
const MOST_SUBNETS: usize = 16;
/// Days that CloudWatch keeps logs (`PutRetentionPolicy`).
const RETENTION: [u32; 17] = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 3653];
/// Logs of a control plane.
const LOGS: [&str; 7] = ["api", "audit", "authenticator", "controllerManager", "scheduler", "all", "*"];

pub(super) fn check(checks: &mut Checks<'_>) {
    name(checks);
    region(checks);
    version(checks);
    tags(checks);
    zones(checks);
    logs(checks);
    encryption(checks);
}

fn name(checks: &mut Checks<'_>) {
    let (path, name) = ("metadata.name", checks.config.metadata.name.as_str());
    checks.require(name, path, "metadata.name must be set", "write the cluster's name: letters, digits and `-`");
    let fits = name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if !name.is_empty() && (!fits || name.len() > LONGEST_NAME) {
        let what = "cannot be the name of a cluster and its stacks: letters, digits and `-`, a letter or digit first, 100 at most";
        checks.wrong("name.form", path, name, what).fix(format!("write {}", suggested(name)));
    }
}

/// The name with what it may not have replaced.
fn suggested(name: &str) -> String {
    let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(LONGEST_NAME).collect();
    let plain = plain.trim_matches('-');
    if plain.is_empty() { "a name such as shop".to_owned() } else { plain.to_owned() }
}

fn region(checks: &mut Checks<'_>) {
    let (path, region) = ("metadata.region", checks.config.metadata.region.as_str());
    checks.require(region, path, "metadata.region must be set", "write the region of the cluster, such as eu-central-1");
    if region.is_empty() {
        return;
    }
    if !region::is_region(region) {
        let fix = match region::of_zone(region) {
            Some(region) => format!("that is an availability zone; write {region}"),
            None => match hybridge_document::nearest(region, region::known()) {
                Some(near) => format!("did you mean {near}?"),
                None => "write a region such as eu-central-1".to_owned(),
            },
        };
        checks.wrong("region.invalid", path, region, "is no region").fix(fix);
        return;
    }
    if !region::known().any(|known| known == region) {
        checks.warning("region.unknown", path, region, "is a region that this release does not know; AWS is asked for it");
    }
    let partition = region::partition(region);
    if checks.config.remote_network_config.is_some() && !region::has_hybrid_nodes(partition) {
        let what = format!("is in partition {partition}, where neither Systems Manager nor Roles Anywhere gives hybrid nodes credentials");
        checks.wrong("region.partition", path, region, what).fix("take a region of partition aws, or leave remoteNetworkConfig out");
    }
}

fn version(checks: &mut Checks<'_>) {
    let (path, version) = ("metadata.version", checks.config.metadata.version.as_str());
    // Words of eksctl's; EKS is asked what they stand for.
    if matches!(version, "" | "default" | "auto" | "latest") {
        return;
    }
    let number = |text: &str| text.parse::<u32>().ok().filter(|_| text.len() < 4 && !text.starts_with('+'));
    let minor = version.strip_prefix("1.").and_then(number);
    match minor {
        Some(minor) if minor > *MINORS.end() => {
            let what = format!("is newer than 1.{}, the newest version that this release knows; EKS is asked for it", MINORS.end());
            checks.warning("version.unknown", path, version, what);
        }
        Some(minor) if minor < *MINORS.start() => {
            let what = format!("is a version that EKS does not offer for hybrid nodes: they begin with 1.{}", MINORS.start());
            checks.wrong("version.range", path, version, what).fix("write a version such as \"1.34\", in quotes");
        }
        Some(_) => {}
        None => {
            let mut words = version.trim_start_matches('v').split('.');
            let short = match (words.next(), words.next().and_then(number)) {
                (Some("1"), Some(minor)) => format!("1.{minor}"),
                _ => "1.34".to_owned(),
            };
            checks.wrong("version.form", path, version, "is no minor version of Kubernetes").fix(format!("write \"{short}\", in quotes"));
        }
    }
}

fn tags(checks: &mut Checks<'_>) {
    let config = checks.config;
    one_tags(checks, "metadata.tags", &config.metadata.tags);
    for (index, addon) in config.addons.iter().enumerate() {
        one_tags(checks, &format!("addons[{index}].tags"), &addon.tags);
    }
    for (index, group) in config.managed_node_groups.iter().enumerate() {
        one_tags(checks, &format!("managedNodeGroups[{index}].tags"), &group.tags);
    }
    for (index, account) in config.iam.service_accounts.iter().enumerate() {
        one_tags(checks, &format!("iam.serviceAccounts[{index}].tags"), &account.tags);
    }
    for (index, association) in config.iam.pod_identity_associations.iter().enumerate() {
        one_tags(checks, &format!("iam.podIdentityAssociations[{index}].tags"), &association.tags);
    }
}

/// <https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html>
fn one_tags(checks: &mut Checks<'_>, path: &str, tags: &std::collections::BTreeMap<String, String>) {
    if tags.len() > MOST_TAGS {
        let what = format!("has {} tags; {MOST_TAGS} can be had beside eksctl's own", tags.len());
        checks.error("tag.many", path, what).fix("leave some out");
    }
    let fits = |text: &str, longest: usize| {
        text.chars().count() <= longest && text.chars().all(|c| c.is_alphanumeric() || c == ' ' || "+-=._:/@".contains(c))
    };
    for (key, value) in tags {
        let path = format!("{path}.{key}");
        if RESERVED.contains(&key.as_str()) {
            checks.wrong("tag.reserved", &path, key, "is a tag by which eksctl and hybridge find what they made").fix("leave it out");
        } else if key.is_empty() || !fits(key, 128) || key.to_ascii_lowercase().starts_with("aws:") {
            let what = "cannot be the key of a tag: up to 128 letters, digits, blanks and + - = . _ : / @, and not `aws:` first";
            checks.wrong("tag.invalid", &path, key, what).fix("write another key");
        } else if !fits(value, 256) {
            let what = "cannot be the value of a tag: up to 256 letters, digits, blanks and + - = . _ : / @";
            checks.wrong("tag.invalid", &path, value, what).fix("write another value");
        }
    }
}

fn zones(checks: &mut Checks<'_>) {
    let (path, zones) = ("availabilityZones", &checks.config.availability_zones);
    if zones.is_empty() {
        return;
    }
    if zones.len() < 2 {
        let what = format!("only {} zone(s) specified [{}], 2 are required", zones.len(), zones.join(" "));
        checks.error("zones.few", path, what).fix("write two zones at least, or leave availabilityZones out");
    }
    if zones.len() * 2 > MOST_SUBNETS && checks.makes_vpc() {
        let what = format!("cannot create more than 16 subnets, {} requested", zones.len() * 2);
        checks.error("zones.many", path, what).fix("write eight zones at most");
    }
    checks.twice("zones.duplicate", path, zones.iter().map(String::as_str));
    for (index, zone) in zones.iter().enumerate() {
        self::zone(checks, &format!("{path}[{index}]"), zone);
    }
    if checks.config.vpc.subnets != crate::config::Subnets::default() {
        let what = "vpc.subnets and availabilityZones cannot be set at the same time";
        checks.error("zones.subnets", path, what).fix("leave availabilityZones out: the subnets have their zones");
    }
}

/// An availability zone of the cluster's region.
pub(super) fn zone(checks: &mut Checks<'_>, path: &str, zone: &str) {
    let region = checks.config.metadata.region.as_str();
    if zone.is_empty() || region.is_empty() || !region::is_region(region) {
        return;
    }
    if region::of_zone(zone) != Some(region) {
        let what = if zone.strip_prefix(region).is_some_and(|rest| rest.starts_with('-')) {
            "is a local zone, in which EKS takes no subnets".to_owned()
        } else {
            format!("is no availability zone of {region}")
        };
        checks.wrong("zones.region", path, zone, what).fix(format!("write zones such as {region}a"));
    }
}

fn logs(checks: &mut Checks<'_>) {
    let logging = &checks.config.cloud_watch.cluster_logging;
    let path = "cloudWatch.clusterLogging.enableTypes";
    for (index, kind) in logging.enable_types.iter().enumerate() {
        let path = format!("{path}[{index}]");
        if !LOGS.contains(&kind.as_str()) && checks.sound(&path) {
            let fix = format!("write one of {}", LOGS.join(", "));
            checks.error("logs.type", &path, format!("log type {kind:?} ({path}) is unknown")).fix(fix);
        }
    }
    checks.twice("logs.duplicate", path, logging.enable_types.iter().map(String::as_str));
    let (path, days) = ("cloudWatch.clusterLogging.logRetentionInDays", logging.log_retention_in_days);
    if days == 0 {
        return;
    }
    if logging.enable_types.is_empty() && checks.sound("cloudWatch.clusterLogging.enableTypes") {
        let what = "cannot set cloudWatch.clusterLogging.logRetentionInDays without enabling log types";
        checks.error("logs.retention", path, what).fix("write enableTypes, or leave it out");
    } else if !RETENTION.contains(&days) {
        let known = RETENTION.map(|days| days.to_string()).join(" ");
        let what = format!("invalid value {days} for logRetentionInDays; supported values are [{known}]");
        checks.error("logs.retention", path, what).fix("write one of these");
    }
}

fn encryption(checks: &mut Checks<'_>) {
    let Some(encryption) = &checks.config.secrets_encryption else { return };
    let path = "secretsEncryption.keyARN";
    let what = "field secretsEncryption.keyARN is required for enabling secrets encryption";
    checks.require(&encryption.key_arn, path, what, "write the key's ARN, or leave secretsEncryption out");
    checks.arn(path, &encryption.key_arn, &KEY);
    let region = checks.config.metadata.region.as_str();
    if let Some(arn) = super::Arn::parse(&encryption.key_arn)
        && arn.service == "kms"
        && arn.region != region
        && !region.is_empty()
    {
        let what = format!("is a key of {:?}, and not of the cluster's region", arn.region);
        checks.wrong("arn.region", path, &encryption.key_arn, what).fix(format!("write a key of {region}"));
    }
}
