//! `managedNodeGroups` and `autoModeConfig`.

use std::collections::{BTreeMap, BTreeSet};

use super::{Checks, POLICY, ROLE};
use crate::config::{ManagedNodeGroup, Taint};

/// `ClusterName` and group's name are parts of a stack's name, which has 128 characters; `NodegroupName` of EKS has 63.
const LONGEST: usize = 63;
/// Largest disk of EC2, in GiB (gp3).
const LARGEST_DISK: u32 = 16_384;
/// Nodes of a group: quota of EKS.
const MOST_NODES: u32 = 450;
/// `AutoModeKnownNodePools`.
const POOLS: [&str; 2] = ["general-purpose", "system"];

pub(super) fn check(checks: &mut Checks<'_>) {
    let config = checks.config;
    let mut seen = BTreeSet::new();
    for (index, group) in config.managed_node_groups.iter().enumerate() {
        let path = format!("managedNodeGroups[{index}]");
        if !checks.sound(&path) {
            continue;
        }
        let name = format!("{path}.name");
        checks.require(&group.name, &name, &format!("{name} must be set"), "write a name for the group");
        let fits = group.name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && group.name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if !group.name.is_empty() && (!fits || group.name.len() > LONGEST) {
            let what = "cannot be the name of a group and its stack: letters, digits and `-`, 63 at most";
            checks.wrong("nodegroup.name", &name, &group.name, what).fix("write another name");
        }
        if !group.name.is_empty() && !seen.insert(group.name.as_str()) {
            checks.error("nodegroup.duplicate", &name, format!("{name} {:?} is not unique", group.name)).fix("write another name");
        }
        if config.private_cluster.enabled && !group.private_networking {
            let what = format!("{path}.privateNetworking must be enabled for a fully-private cluster");
            checks.error("nodegroup.private", &path, what).fix("write privateNetworking: true");
        }
        sizes(checks, &path, group);
        instances(checks, &path, group);
        places(checks, &path, group);
        labels(checks, &format!("{path}.labels"), &group.labels);
        taints(checks, &format!("{path}.taints"), &group.taints);
        checks.arn(&format!("{path}.iam.instanceRoleARN"), &group.iam.instance_role_arn, &ROLE);
    }
    auto_mode(checks);
}

fn sizes(checks: &mut Checks<'_>, path: &str, group: &ManagedNodeGroup) {
    let (min, max, desired) = (group.min_size, group.max_size, group.desired_capacity);
    let more = |one: Option<u32>, two: Option<u32>| one.zip(two).is_some_and(|(one, two)| one > two);
    let show = |number: Option<u32>| number.unwrap_or_default();
    let wrong = if more(min, desired) {
        Some(("desiredCapacity", format!("desiredCapacity {} is less than minSize {}", show(desired), show(min))))
    } else if more(desired, max) {
        Some(("desiredCapacity", format!("desiredCapacity {} is more than maxSize {}", show(desired), show(max))))
    } else if more(min, max) {
        Some(("minSize", format!("minSize {} is more than maxSize {}", show(min), show(max))))
    } else if max == Some(0) {
        Some(("maxSize", "maxSize is 0; a group has room for one node at least".to_owned()))
    } else if [min, max, desired].into_iter().flatten().any(|number| number > MOST_NODES) {
        Some(("maxSize", format!("a group has {MOST_NODES} nodes at most")))
    } else {
        None
    };
    if let Some((key, what)) = wrong {
        checks.error("nodegroup.size", &format!("{path}.{key}"), what).fix("write minSize ≤ desiredCapacity ≤ maxSize");
    }
    if group.volume_size.is_some_and(|size| size == 0 || size > LARGEST_DISK) {
        let what = format!("{} GiB is no size of a disk: 1 to {LARGEST_DISK} are", show(group.volume_size));
        checks.error("nodegroup.volume", &format!("{path}.volumeSize"), what).fix("write 80, for one");
    }
    update(checks, path, group);
}

fn update(checks: &mut Checks<'_>, path: &str, group: &ManagedNodeGroup) {
    let update = &group.update_config;
    let path = format!("{path}.updateConfig");
    let what = match (update.max_unavailable, update.max_unavailable_percentage) {
        (Some(nodes), Some(percent)) => {
            format!("cannot use maxUnavailable={nodes} and maxUnavailablePercentage={percent} at the same time")
        }
        (Some(nodes), None) if group.max_size.is_some_and(|max| nodes > max) => {
            format!("maxUnavailable={nodes} cannot be greater than maxSize={}", group.max_size.unwrap_or_default())
        }
        (Some(0), None) => "maxUnavailable=0 lets no node be renewed".to_owned(),
        (None, Some(percent)) if percent == 0 || percent > 100 => format!("maxUnavailablePercentage={percent} is none of 1 to 100"),
        (None, None) if checks.places.has(&path) && checks.broken.iter().all(|broken| !broken.starts_with(&path)) => {
            "invalid UpdateConfig: maxUnavailable or maxUnavailablePercentage must be defined".to_owned()
        }
        (None | Some(_), None) | (None, Some(_)) => return,
    };
    checks.error("nodegroup.update", &path, what).fix("write updateConfig: {maxUnavailable: 1}, or leave it out");
}

fn instances(checks: &mut Checks<'_>, path: &str, group: &ManagedNodeGroup) {
    if !group.instance_type.is_empty() && !group.instance_types.is_empty() {
        let what = format!("only one of instanceType or instanceTypes can be specified ({path})");
        checks.error("nodegroup.types", &format!("{path}.instanceTypes"), what).fix("write all types in instanceTypes");
    }
    if group.instance_types.len() > 20 {
        let what = format!("has {} types; a group takes 20", group.instance_types.len());
        checks.error("nodegroup.types", &format!("{path}.instanceTypes"), what).fix("leave some out");
    }
    checks.twice("nodegroup.types", &format!("{path}.instanceTypes"), group.instance_types.iter().map(String::as_str));
    let each = group.instance_types.iter().enumerate().map(|(index, text)| (format!("{path}.instanceTypes[{index}]"), text));
    for (path, text) in std::iter::once((format!("{path}.instanceType"), &group.instance_type)).chain(each) {
        let fits = text.split_once('.').is_some_and(|(family, size)| {
            let word = |word: &str| !word.is_empty() && word.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
            word(family) && word(size)
        });
        if !text.is_empty() && !fits {
            checks.wrong("nodegroup.types", &path, text, "is no type of instances").fix("write one such as m5.large");
        }
    }
    if group.ami_family == "AmazonLinux2"
        && checks.config.metadata.version.strip_prefix("1.").and_then(|minor| minor.parse::<u32>().ok()).is_none_or(|minor| minor > 32)
    {
        let what = "has no images from version 1.33 of Kubernetes on";
        checks.wrong("nodegroup.image", &format!("{path}.amiFamily"), "AmazonLinux2", what).fix("write AmazonLinux2023");
    }
}

fn places(checks: &mut Checks<'_>, path: &str, group: &ManagedNodeGroup) {
    let vpc = &checks.config.vpc.subnets;
    if !group.subnets.is_empty() && !group.availability_zones.is_empty() {
        let what = format!("only one of {path}.subnets or {path}.availabilityZones should be set");
        checks.error("nodegroup.place", &format!("{path}.availabilityZones"), what).fix("keep one of them");
    }
    for (index, name) in group.subnets.iter().enumerate() {
        let path = format!("{path}.subnets[{index}]");
        let known = vpc.private.contains_key(name) || vpc.public.contains_key(name) || name.starts_with("subnet-");
        if !known && !name.is_empty() {
            let names = || vpc.private.keys().chain(vpc.public.keys()).map(String::as_str);
            let fix = match hybridge_document::nearest(name, names()) {
                Some(near) => format!("did you mean {near}?"),
                None => "write a name of vpc.subnets, or subnet-…".to_owned(),
            };
            checks.wrong("nodegroup.place", &path, name, "is neither in vpc.subnets nor an identifier").fix(fix);
        }
    }
    for (index, zone) in group.availability_zones.iter().enumerate() {
        let path = format!("{path}.availabilityZones[{index}]");
        super::head::zone(checks, &path, zone);
        let zones = &checks.config.availability_zones;
        if !zones.is_empty() && !zones.contains(zone) && !zone.is_empty() {
            let what = "is none of the cluster's availabilityZones: it will have no subnet there";
            checks.wrong("nodegroup.place", &path, zone, what).fix(format!("write one of {}", zones.join(", ")));
        }
    }
}

/// `IsQualifiedName` of Kubernetes: `prefix/name`, the prefix a domain.
fn qualified(text: &str) -> bool {
    let (prefix, name) = text.rsplit_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    let domain = |prefix: &str| {
        prefix.len() <= 253
            && prefix.split('.').all(|word| {
                !word.is_empty()
                    && !word.starts_with('-')
                    && !word.ends_with('-')
                    && word.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
            })
    };
    !name.is_empty() && label_value(name) && prefix.is_none_or(domain)
}

/// `IsValidLabelValue`.
fn label_value(text: &str) -> bool {
    let end = |c: char| c.is_ascii_alphanumeric();
    text.len() <= 63
        && text.chars().all(|c| end(c) || "-_.".contains(c))
        && (text.is_empty() || text.starts_with(end) && text.ends_with(end))
}

fn labels(checks: &mut Checks<'_>, path: &str, labels: &BTreeMap<String, String>) {
    for (key, value) in labels {
        let path = format!("{path}.{key}");
        if !qualified(key) {
            checks
                .wrong("label.invalid", &path, key, "cannot be a label")
                .fix("write letters, digits, `-`, `_` and `.`, a domain and `/` before them if wanted");
        } else if !label_value(value) {
            let what = format!("cannot be the value of label {key}: up to 63 letters, digits, `-`, `_` and `.`");
            checks.wrong("label.invalid", &path, value, what).fix("write another value");
        }
    }
}

fn taints(checks: &mut Checks<'_>, path: &str, taints: &[Taint]) {
    let mut seen = BTreeSet::new();
    for (index, taint) in taints.iter().enumerate() {
        let path = format!("{path}[{index}]");
        if !checks.sound(&path) {
            continue;
        }
        for (key, value) in [("key", &taint.key), ("effect", &taint.effect)] {
            checks.require(value, &format!("{path}.{key}"), &format!("{path}.{key} must be set"), &format!("write {key}"));
        }
        if !taint.key.is_empty() && !qualified(&taint.key) {
            checks.wrong("taint.invalid", &format!("{path}.key"), &taint.key, "cannot be the key of a taint").fix("write it as a label's");
        }
        if !label_value(&taint.value) {
            checks
                .wrong("taint.invalid", &format!("{path}.value"), &taint.value, "cannot be the value of a taint")
                .fix("write it as a label's");
        }
        if !taint.key.is_empty() && !taint.effect.is_empty() && !seen.insert((&taint.key, &taint.effect)) {
            checks.wrong("taint.duplicate", &path, &taint.key, "is there twice with this effect").fix("keep one of them");
        }
    }
}

fn auto_mode(checks: &mut Checks<'_>) {
    let auto = &checks.config.auto_mode_config;
    checks.arn("autoModeConfig.nodeRoleARN", &auto.node_role_arn, &ROLE);
    checks.arn("autoModeConfig.permissionsBoundaryARN", &auto.permissions_boundary_arn, &POLICY);
    let (role, boundary) = (!auto.node_role_arn.is_empty(), !auto.permissions_boundary_arn.is_empty());
    let pools = auto.node_pools.as_deref();
    let mut error = |key: &str, what: &str| {
        checks.error("auto-mode.settings", &format!("autoModeConfig.{key}"), what).fix("leave one of them out");
    };
    if auto.enabled != Some(true) {
        if role || boundary || pools.is_some_and(|pools| !pools.is_empty()) {
            let what = "cannot set autoModeConfig.nodeRoleARN, autoModeConfig.permissionBoundaryARN, or autoModeConfig.nodePools when Auto Mode is disabled";
            error("enabled", what);
        }
        return;
    }
    if pools.is_some_and(<[String]>::is_empty) && role {
        error("nodeRoleARN", "cannot specify autoModeConfig.nodeRoleARN when autoModeConfig.nodePools is empty");
    }
    if pools.is_some_and(<[String]>::is_empty) && boundary {
        error("permissionsBoundaryARN", "cannot specify autoModeConfig.permissionBoundaryARN when autoModeConfig.nodePools is empty");
    }
    if role && boundary {
        error("permissionsBoundaryARN", "cannot specify autoModeConfig.permissionBoundaryARN when autoModeConfig.nodeRoleARN is set");
    }
    for (index, pool) in pools.unwrap_or_default().iter().enumerate() {
        let path = format!("autoModeConfig.nodePools[{index}]");
        if !POOLS.contains(&pool.as_str()) && checks.sound(&path) {
            checks.wrong("auto-mode.pool", &path, pool, "is no node pool of Auto Mode").fix(format!("write {}", POOLS.join(" or ")));
        }
    }
    checks.twice("auto-mode.pool", "autoModeConfig.nodePools", pools.unwrap_or_default().iter().map(String::as_str));
}
