//! Drift: EKS, routes, security groups and access entries as they are, against the file and the stack's template.

mod network;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::config::ClusterLogging;
use crate::path::shape::Shape;
use crate::path::{hops, remedy};
use crate::preflight::{Outcome, Told, role_arns, unanswered};
use crate::resolve::Cluster;
use crate::world::{LiveCidrs, LiveCluster, World};

/// Codes with what each compares.
pub fn catalogue() -> Vec<(&'static str, &'static str)> {
    COMPARISONS.iter().map(|comparison| (comparison.code, comparison.about)).collect()
}

struct Comparison {
    code: &'static str,
    about: &'static str,
    needs: &'static [&'static str],
    run: fn(&Sides<'_>, &mut Told),
}

const COMPARISONS: &[Comparison] = &[
    Comparison { code: "drift.networks", about: "remote networks are those of the file", needs: &["DescribeCluster"], run: networks },
    Comparison {
        code: "drift.endpoints",
        about: "endpoints, and who may use them, are those of the file",
        needs: &["DescribeCluster"],
        run: endpoints,
    },
    Comparison {
        code: "drift.access-mode",
        about: "the authentication mode is that of the file",
        needs: &["DescribeCluster"],
        run: access_mode,
    },
    Comparison { code: "drift.version", about: "the version of Kubernetes is that of the file", needs: &["DescribeCluster"], run: version },
    Comparison {
        code: "drift.logging",
        about: "the control plane's logs are those of the file",
        needs: &["DescribeCluster"],
        run: logging,
    },
    Comparison { code: "drift.routes", about: "routes are those of the template", needs: &["DescribeRouteTables"], run: network::routes },
    Comparison {
        code: "drift.rules",
        about: "rules of security groups are those of the template",
        needs: &["DescribeSecurityGroups"],
        run: network::rules,
    },
    Comparison {
        code: "drift.entries",
        about: "access entries, with their types, are those of the file",
        needs: &["ListAccessEntries", "DescribeAccessEntry"],
        run: entries,
    },
];

/// What is compared.
struct Sides<'a> {
    cluster: &'a Cluster,
    world: &'a World,
    /// What the template makes; none: there is none.
    shape: Option<Shape>,
    /// What the deployed one made.
    deployed: Option<Shape>,
}

/// Compares what is there with the file and with a template: the one that the file makes, or else the deployed one.
pub fn compare(cluster: &Cluster, world: &World, template: Option<&Value>) -> Vec<Outcome> {
    let deployed = world.deployed.as_ref().map(|deployed| Shape::of(&deployed.template_body, world));
    let shape = template.map(|template| Shape::of(template, world)).or_else(|| deployed.clone());
    let sides = Sides { cluster, world, shape, deployed };
    COMPARISONS
        .iter()
        .map(|comparison| {
            let mut told = Told::new(comparison.code);
            if world.cluster.is_some() {
                (comparison.run)(&sides, &mut told);
            } else if unanswered(world, "DescribeCluster").is_none() {
                let metadata = &cluster.config.metadata;
                told.error(&metadata.name, format!("{} has no cluster of this name", metadata.region), "hybridge cluster create");
            }
            for (operation, why) in comparison.needs.iter().filter_map(|operation| unanswered(world, operation)) {
                told.unknown(operation, format!("cannot tell whether {}: {why}", comparison.about));
            }
            told.outcome(comparison.about)
        })
        .collect()
}

const UPDATE: &str = "hybridge cluster update makes it what the file says; or change the file";
const IMPORT: &str = "hybridge cluster update --import makes it what the file says; or change the file";
const THEIRS: &str = "others made the cluster, so it stays as they have it: change it where it was made, or change the file";

/// What mends a difference in what a cluster itself is: never ours to change where others made it.
fn mend(sides: &Sides<'_>) -> &'static str {
    if sides.cluster.foreign { THEIRS } else { UPDATE }
}

fn live<'a>(sides: &Sides<'a>) -> &'a LiveCluster {
    sides.world.cluster.as_ref().expect("compared only where there is a cluster")
}

/// Who moved: EKS, if it no longer is what the stack made; otherwise the file.
fn who(same_as_deployed: Option<bool>) -> &'static str {
    match same_as_deployed {
        Some(true) => "the file was changed since the stack was",
        Some(false) => "it was changed outside the stack",
        None => "whether the file or EKS was changed is not known",
    }
}

fn texts(list: Option<&Vec<LiveCidrs>>) -> BTreeSet<&str> {
    list.into_iter().flatten().flat_map(|it| &it.cidrs).map(String::as_str).collect()
}

fn remote(live: &LiveCluster) -> [BTreeSet<&str>; 2] {
    let config = live.remote_network_config.as_ref();
    [texts(config.map(|it| &it.remote_node_networks)), texts(config.map(|it| &it.remote_pod_networks))]
}

fn networks(sides: &Sides<'_>, told: &mut Told) {
    let there = remote(live(sides));
    let deployed = sides.deployed.as_ref().and_then(|shape| shape.cluster.as_ref()).map(remote);
    let config = &sides.cluster.config.remote_network_config;
    let fix = if sides.cluster.foreign { IMPORT } else { UPDATE };
    if sides.cluster.foreign && !sides.cluster.is_hybrid() && sides.world.deployed.is_none() {
        // Whatever EKS knows there, none of it is ours.
        return told.idle();
    }
    let lists = [
        ("remoteNodeNetworks", &sides.cluster.node_cidrs, config.as_ref().is_some_and(|it| it.remote_node_networks.is_some())),
        ("remotePodNetworks", &sides.cluster.pod_cidrs, config.as_ref().is_some_and(|it| it.remote_pod_networks.is_some())),
    ];
    for (i, (key, wanted, said)) in lists.into_iter().enumerate() {
        // What the file does not mention it leaves alone.
        if !said && wanted.is_empty() {
            continue;
        }
        let wanted: BTreeSet<String> = wanted.iter().map(ToString::to_string).collect();
        let who = who(deployed.as_ref().map(|deployed| deployed[i] == there[i]));
        for network in wanted.iter().filter(|network| !there[i].contains(network.as_str())) {
            told.error(format!("remoteNetworkConfig.{key}"), format!("missing: EKS does not know {network}; {who}"), fix);
        }
        for network in there[i].iter().filter(|network| !wanted.contains(**network)) {
            told.error(format!("remoteNetworkConfig.{key}"), format!("extra: EKS has {network}, too; {who}"), fix);
        }
    }
}

fn endpoints(sides: &Sides<'_>, told: &mut Told) {
    let file = &sides.cluster.config;
    let said = file.private_cluster.enabled || file.vpc.cluster_endpoints != Default::default() || !file.vpc.public_access_cidrs.is_empty();
    if sides.cluster.foreign && !said {
        return told.idle();
    }
    let (wanted, config) = (hops::wanted_endpoints(sides.cluster), &live(sides).resources_vpc_config);
    let deployed = sides.deployed.as_ref().and_then(|shape| shape.cluster.as_ref()).map(|cluster| &cluster.resources_vpc_config);
    let cases = [
        ("publicAccess", wanted.public, config.endpoint_public_access, deployed.map(|it| it.endpoint_public_access)),
        ("privateAccess", wanted.private, config.endpoint_private_access, deployed.map(|it| it.endpoint_private_access)),
    ];
    for (key, wanted, there, deployed) in cases {
        if wanted != there {
            let who = who(deployed.map(|deployed| deployed == there));
            told.error(format!("vpc.clusterEndpoints.{key}"), format!("changed: {there} in EKS, {wanted} in the file; {who}"), mend(sides));
        }
    }
    if wanted.public && config.endpoint_public_access {
        let set = |list: &[String]| -> BTreeSet<String> {
            if list.is_empty() { BTreeSet::from(["0.0.0.0/0".to_owned()]) } else { list.iter().cloned().collect() }
        };
        let (wanted, there) = (set(&wanted.from), set(&config.public_access_cidrs));
        if wanted != there {
            let text = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(", ");
            let who = who(deployed.map(|it| set(&it.public_access_cidrs) == there));
            told.error(
                "vpc.publicAccessCIDRs",
                format!("changed: {} in EKS, {} in the file; {who}", text(&there), text(&wanted)),
                mend(sides),
            );
        }
    }
}

fn access_mode(sides: &Sides<'_>, told: &mut Told) {
    let there = &live(sides).access_config.authentication_mode;
    let wanted = &sides.cluster.config.access_config.authentication_mode;
    if sides.cluster.foreign && wanted.is_empty() {
        return told.idle();
    }
    let wanted = if wanted.is_empty() { "API_AND_CONFIG_MAP" } else { wanted };
    if there.is_empty() {
        told.unknown("accessConfig.authenticationMode", "EKS did not say which authentication mode the cluster has");
    } else if there != wanted {
        told.error("accessConfig.authenticationMode", format!("changed: {there} in EKS, {wanted} in the file"), mend(sides));
    }
}

fn version(sides: &Sides<'_>, told: &mut Told) {
    let (there, wanted) = (&live(sides).version, &sides.cluster.config.metadata.version);
    if wanted.is_empty() {
        return told.idle();
    }
    if there != wanted {
        told.error(
            "metadata.version",
            format!("changed: {there} in EKS, {wanted} in the file"),
            "write EKS's version into the file, or upgrade the cluster",
        );
    }
}

const LOGS: [&str; 5] = ["api", "audit", "authenticator", "controllerManager", "scheduler"];

fn wanted_logs(logging: &ClusterLogging) -> BTreeSet<&str> {
    let types = &logging.enable_types;
    if types.iter().any(|kind| kind == "*" || kind == "all") { LOGS.into() } else { types.iter().map(String::as_str).collect() }
}

fn logging(sides: &Sides<'_>, told: &mut Told) {
    let wanted = wanted_logs(&sides.cluster.config.cloud_watch.cluster_logging);
    if sides.cluster.foreign && wanted.is_empty() {
        return told.idle();
    }
    let Some(logging) = &live(sides).logging else {
        if wanted.is_empty() {
            return told.idle();
        }
        return told.unknown("cloudWatch.clusterLogging", "EKS did not say which logs are on");
    };
    let on = logging.cluster_logging.iter().filter(|setup| setup.enabled);
    let there: BTreeSet<&str> = on.flat_map(|setup| &setup.types).map(String::as_str).collect();
    if there != wanted {
        let text =
            |set: &BTreeSet<&str>| if set.is_empty() { "none".to_owned() } else { set.iter().copied().collect::<Vec<_>>().join(", ") };
        told.error("cloudWatch.clusterLogging", format!("changed: {} in EKS, {} in the file", text(&there), text(&wanted)), mend(sides));
    }
}

fn entries(sides: &Sides<'_>, told: &mut Told) {
    let roles = if sides.cluster.role.is_some() { role_arns(sides.cluster, sides.world) } else { Vec::new() };
    if roles.is_empty() && sides.cluster.role.is_some() {
        told.unknown("RemoteNodesRoleARN", "the role that the stack made for hybrid nodes is not known");
    }
    let hybrid = roles.iter().map(|arn| (arn.as_str(), "HYBRID_LINUX"));
    let standard = |kind: &'static str, given: &str| if given.is_empty() { kind.to_owned() } else { given.to_owned() };
    let further = sides
        .cluster
        .config
        .access_config
        .access_entries
        .iter()
        .map(|entry| (entry.principal_arn.as_str(), standard("STANDARD", &entry.kind)));
    let wanted: Vec<(&str, String)> = hybrid.map(|(arn, kind)| (arn, kind.to_owned())).chain(further).collect();
    let name = &live(sides).name;
    for (arn, kind) in &wanted {
        match sides.world.access_entries.iter().find(|entry| entry.principal_arn == *arn) {
            Some(entry) if entry.kind != *kind => told.error(
                *arn,
                format!("changed: its access entry is of type {}, not {kind}", entry.kind),
                format!(
                    "{}, then hybridge cluster update",
                    remedy::aws(sides.cluster, &format!("eks delete-access-entry --cluster-name {name} --principal-arn {arn}"))
                ),
            ),
            Some(_) => {}
            None if unanswered(sides.world, "ListAccessEntries").or_else(|| unanswered(sides.world, "DescribeAccessEntry")).is_some() => {}
            None => told.error(
                *arn,
                format!("missing: its access entry of type {kind}"),
                remedy::aws(sides.cluster, &format!("eks create-access-entry --cluster-name {name} --principal-arn {arn} --type {kind}")),
            ),
        }
    }
    for entry in sides.world.access_entries.iter().filter(|entry| entry.kind == "HYBRID_LINUX") {
        if !wanted.iter().any(|(arn, _)| *arn == entry.principal_arn) {
            told.warning(
                &entry.principal_arn,
                "extra: hybrid nodes may join with this role, which the file does not name",
                remedy::aws(
                    sides.cluster,
                    &format!(
                        "eks delete-access-entry --cluster-name {name} --principal-arn {} (or add it to hybridge/role-arns)",
                        entry.principal_arn
                    ),
                ),
            );
        }
    }
}
