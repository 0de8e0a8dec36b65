//! Values of the gateway's chart, ours and AWS's: only names that both know, with texts where both take them.

use hybridge_report::Finding;

use super::yaml::Yaml;
use super::{Document, Handover, Kind, Known, Step};

/// Label and taint of gateway nodes (`nodeLabel`).
pub const NODE_LABEL: &str = "hybrid-gateway-node";
/// Namespace and release of our chart, and its service account.
pub const RELEASE: &str = "hybridge-gateway";
/// Gateways.
pub const REPLICAS: u32 = 2;

/// The values, and how to install them.
pub fn documents(known: &Known<'_>) -> Handover {
    let mut all = Handover::default();
    let place = "gateway-values.yaml";
    if known.cluster.pod_cidrs.is_empty() {
        let what = "is not written: the file has no remotePodNetworks, and gateways carry packets of hybrid pods";
        let fix = "write remoteNetworkConfig.remotePodNetworks into the file, and hybridge cluster update -f FILE";
        all.findings.push(Finding::warning("gateway.pod-networks", place, what).fix(fix));
        return all;
    }
    let tables: Vec<&str> = known.route_tables().into_iter().collect();
    if tables.is_empty() {
        let what = "is not written: the route tables of the cluster's subnets are not known";
        let fix = "make the cluster first: hybridge cluster create -f FILE";
        all.findings.push(Finding::error("gateway.route-tables", place, what).fix(fix));
        return all;
    }
    all.findings.extend(in_the_way(known, &tables));
    let joined = |items: Vec<String>| items.join(",");
    let cidrs = |cidrs: &[hybridge_model::Cidr4]| joined(cidrs.iter().map(ToString::to_string).collect());
    let values = Yaml::Map(vec![
        ("replicas", Yaml::Number(REPLICAS.into())),
        ("nodeLabel", Yaml::text(NODE_LABEL)),
        ("vpcCIDR", Yaml::text(cidrs(&known.vpc_cidrs()))),
        ("podCIDRs", Yaml::text(cidrs(&known.cluster.pod_cidrs))),
        ("routeTableIDs", Yaml::text(tables.join(","))),
        ("autoMode", Yaml::Map(vec![("enabled", Yaml::Bool(known.cluster.auto_mode()))])),
    ]);
    let mut comments = vec![
        format!("The gateways of EKS cluster {} in {}.", known.name(), known.region()),
        "For the chart of hybridge-gateway; the AWS gateway's takes it as it is.".to_owned(),
    ];
    if known.vpc_cidrs().len() > 1 {
        comments.push("The AWS gateway takes several networks in vpcCIDR in its later versions only.".to_owned());
    }
    all.documents.push(Document::new(Kind::Gateway, place, values.document(&comments)));
    all.steps.push(Step::new(
        Kind::Gateway,
        "Install the gateways on their nodes",
        [
            format!("kubectl create namespace {RELEASE}"),
            format!("kubectl label namespace {RELEASE} pod-security.kubernetes.io/enforce=privileged"),
            format!("helm install {RELEASE} charts/hybridge-gateway --namespace {RELEASE} --values gateway-values.yaml"),
        ],
    ));
    all
}

/// Routes to hybrid pods that CloudFormation or somebody else owns: gateways leave them alone, so no packet would come their way.
fn in_the_way(known: &Known<'_>, tables: &[&str]) -> Option<Finding> {
    let ours = known.world.route_tables.iter().filter(|table| tables.contains(&table.route_table_id.as_str()));
    let foreign = |route: &crate::world::Route| {
        let pods = route.destination_cidr_block.parse().is_ok_and(|to| known.cluster.pod_cidrs.contains(&to));
        pods && (!route.gateway_id.is_empty()
            || !route.transit_gateway_id.is_empty()
            || !route.vpc_peering_connection_id.is_empty()
            || !route.core_network_arn.is_empty())
    };
    let there = ours.flat_map(|table| {
        table
            .routes
            .iter()
            .filter(|route| foreign(route))
            .map(move |route| format!("{} in {}", route.destination_cidr_block, table.route_table_id))
    });
    let mut there: Vec<String> = there.collect();
    let planned = known.cluster.gateway.is_some() && !known.cluster.annotations.pod_routes_by_gateway;
    if there.is_empty() && !planned {
        return None;
    }
    if there.is_empty() {
        there.push("those that the cluster's stack makes".to_owned());
    }
    let what = format!("routes to hybrid pods lead to another target, and gateways leave them alone: {}", there.join(", "));
    Some(
        Finding::warning("gateway.pod-routes", "gateway-values.yaml", what).fix(
            "annotate the file with hybridge/pod-routes: hybridge-gateway and run hybridge cluster update -f FILE, which leaves these routes to the gateways",
        ),
    )
}
