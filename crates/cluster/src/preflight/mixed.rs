//! Clusters with nodes in the cloud, too.

use super::{Check, Told, View, When};
use crate::path::group::{self, Admission, Side};
use crate::path::network::Network;
use crate::path::{WEBHOOK_PORTS, remedy, shape};
use crate::world::SecurityGroup;

pub(super) const CHECKS: &[Check] = &[
    Check {
        code: "mixed.pods",
        about: "pods of hybrid nodes reach DNS and webhooks on nodes in the cloud",
        when: When::Always,
        needs: &["DescribeSecurityGroups"],
        run: pods,
    },
    Check {
        code: "mixed.cni",
        about: "the VPC CNI keeps off hybrid nodes (1.19.0 or later)",
        when: When::Always,
        needs: &["DescribeAddon"],
        run: cni,
    },
    Check { code: "mixed.dns", about: "DNS runs on both sides", when: When::Always, needs: &["DescribeAddon"], run: dns },
];

/// Whether nodes in the cloud are wanted or there.
fn mixed(view: &View<'_>) -> bool {
    let wanted = !view.cluster.config.managed_node_groups.is_empty() || view.cluster.config.auto_mode_config.enabled == Some(true);
    wanted || view.before.nodes.iter().flatten().any(|node| !node.hybrid)
}

/// Groups that nodes in the cloud carry: the cluster's own, and the one that eksctl's node groups share.
fn node_groups<'a>(view: &'a View<'_>) -> Vec<&'a SecurityGroup> {
    let live = view.world.cluster.as_ref().map(|live| live.resources_vpc_config.cluster_security_group_id.as_str());
    let template = view.wanted.map(|wanted| wanted.template).or(view.before.deployed.as_ref().map(|it| &it.template_body));
    let shared =
        template.filter(|it| it["Resources"]["ClusterSharedNodeSecurityGroup"].is_object()).map(|_| "ClusterSharedNodeSecurityGroup");
    let physical =
        view.before.deployed.iter().flat_map(|it| &it.stack_resources).find(|it| Some(it.logical_resource_id.as_str()) == shared);
    let shared = physical.map(|it| it.physical_resource_id.as_str()).or(shared);
    let given = Some(view.cluster.config.vpc.shared_node_security_group.as_str());
    let ids = [live, shared, given].into_iter().flatten().filter(|id| !id.is_empty());
    ids.filter_map(|id| Network::of(&view.world).group(id)).collect()
}

/// P17: without such rules pods of hybrid nodes have no names, and webhooks in the cloud no callers.
fn pods(view: &View<'_>, told: &mut Told) {
    if !mixed(view) || view.cluster.pod_cidrs.is_empty() {
        return told.idle();
    }
    let groups = node_groups(view);
    let Some(first) = groups.first() else {
        return told.unknown("vpc.sharedNodeSecurityGroup", "the security groups of nodes in the cloud are not known");
    };
    let named = |group: &SecurityGroup| {
        if group.group_id == shape::CLUSTER_GROUP { "sg-… (the cluster's own)".to_owned() } else { group.group_id.clone() }
    };
    for network in &view.cluster.pod_cidrs {
        let admits = |protocol, port| group::admits(&groups, Side::In, *network, (protocol, port)) != Admission::No;
        let lacking: Vec<String> =
            ["udp", "tcp"].into_iter().filter(|protocol| !admits(protocol, 53)).map(|protocol| format!("{protocol} 53")).collect();
        if !lacking.is_empty() {
            told.warning(
                named(first),
                format!(
                    "no rule of the cloud nodes' groups lets {} from {network} pass: pods of hybrid nodes cannot ask CoreDNS there",
                    lacking.join(" and ")
                ),
                remedy::aws(
                    view.cluster,
                    &format!(
                        "ec2 authorize-security-group-ingress --group-id {} --protocol udp --port 53 --cidr {network} (and with tcp)",
                        named(first)
                    ),
                ),
            );
        }
        if WEBHOOK_PORTS.iter().all(|port| !admits("tcp", *port)) {
            told.warning(
                named(first),
                format!("no rule of the cloud nodes' groups lets pods of hybrid nodes in {network} call webhooks and pods there"),
                remedy::aws(
                    view.cluster,
                    &format!(
                        "ec2 authorize-security-group-ingress --group-id {} {} (and for the ports that you use)",
                        named(first),
                        remedy::permission("ingress", 9443, *network)
                    ),
                ),
            );
        }
    }
}

/// P17: from this version on it does not run on hybrid nodes.
const FIRST_CNI: [u32; 3] = [1, 19, 0];

fn cni(view: &View<'_>, told: &mut Told) {
    let live = view.before.addons.iter().find(|addon| addon.addon_name == "vpc-cni").map(|addon| addon.addon_version.as_str());
    let wanted = view.cluster.config.addons.iter().find(|addon| addon.name == "vpc-cni").map(|addon| addon.version.as_str());
    let Some(version) = wanted.filter(|version| !version.is_empty() && *version != "latest").or(live) else { return told.idle() };
    let numbers: Vec<u32> = version.trim_start_matches('v').split(['.', '-']).take(3).filter_map(|part| part.parse().ok()).collect();
    if numbers.len() < 2 {
        return told.unknown("addons", format!("vpc-cni has the version {version}, which tells no numbers"));
    }
    if numbers.as_slice() < FIRST_CNI.as_slice() {
        told.warning(
            "addons",
            format!("vpc-cni {version} also runs on hybrid nodes, where it fails; 1.19.0 keeps off them"),
            "choose v1.19.0-eksbuild.1 or later",
        );
    }
}

/// P17: a pod asks any CoreDNS pod, and each question may cross the link.
fn dns(view: &View<'_>, told: &mut Told) {
    if !mixed(view) || view.without_remote() {
        return told.idle();
    }
    let live = view.before.addons.iter().find(|addon| addon.addon_name == "coredns").map(|addon| addon.configuration_values.as_str());
    let wanted = view.cluster.config.addons.iter().find(|addon| addon.name == "coredns").map(|addon| addon.configuration_values.as_str());
    if !wanted.or(live).is_some_and(|values| values.contains("topologySpreadConstraints") || values.contains("podAntiAffinity")) {
        told.warning(
            "addons",
            "nothing spreads CoreDNS over the cloud and the site, so all of it may run on one side and names depend on the link",
            "give coredns configurationValues with topologySpreadConstraints over topology.kubernetes.io/zone, and kube-dns trafficDistribution PreferClose",
        );
    }
}
