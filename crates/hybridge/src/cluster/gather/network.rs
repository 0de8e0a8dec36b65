//! The VPC of a cluster, and the gateways to networks outside.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt as _;
use futures::stream;
use hybridge_cluster::config::ClusterConfig;
use hybridge_cluster::world::{LiveCluster, RouteTable, World};
use tokio::join;

use super::questions::{Open, together, told};
use super::{AT_ONCE, Asked};

/// Services that a cluster without a way to the internet may need endpoints of.
const SERVICES: [&str; 14] = [
    "autoscaling",
    "cloudformation",
    "ec2",
    "ec2messages",
    "ecr.api",
    "ecr.dkr",
    "eks",
    "eks-auth",
    "logs",
    "rolesanywhere",
    "s3",
    "ssm",
    "ssmmessages",
    "sts",
];

/// Names of endpoint services; in China most begin with `cn`, too.
pub(super) fn service_names(region: &str) -> Vec<String> {
    let of = |service: &&str| {
        let name = format!("com.amazonaws.{region}.{service}");
        if region.starts_with("cn-") { vec![format!("cn.{name}"), name] } else { vec![name] }
    };
    SERVICES.iter().flat_map(of).collect()
}

/// The VPC that the cluster is in or is to be in, and the gateways of the file and of its routes.
pub(super) async fn ask(asked: Asked<'_>, live: Option<&LiveCluster>) -> World {
    let (vpcs, found) = vpcs(asked, live).await;
    let each = stream::iter(vpcs).map(|vpc| async move { vpc_with_all(asked, &vpc).await });
    let network = each.buffered(AT_ONCE).fold(found, |all, one| async move { together([all, one]) }).await;
    let gateways = gateways(asked, &network.route_tables).await;
    together([network, gateways])
}

/// The VPC of the cluster, that of the file, and those that given subnets are in.
async fn vpcs(asked: Asked<'_>, live: Option<&LiveCluster>) -> (BTreeSet<String>, World) {
    let mut vpcs: BTreeSet<String> = live.map(|live| live.resources_vpc_config.vpc_id.clone()).into_iter().collect();
    vpcs.insert(asked.config.vpc.id.clone());
    vpcs.remove("");
    let (given, mut open) = (given_subnets(asked.config), Open::new());
    if vpcs.is_empty() && !given.is_empty() {
        let subnets = told(asked.session.subnets_by_id(&given).await, &mut open);
        vpcs.extend(subnets.into_iter().map(|subnet| subnet.vpc_id));
    }
    (vpcs, World { unanswered: open, ..World::default() })
}

fn given_subnets(config: &ClusterConfig) -> Vec<&str> {
    let subnets = config.vpc.subnets.private.values().chain(config.vpc.subnets.public.values());
    let ids = subnets.map(|subnet| &subnet.id).chain(&config.vpc.control_plane_subnet_ids);
    ids.map(String::as_str).filter(|id| !id.is_empty()).collect()
}

async fn vpc_with_all(asked: Asked<'_>, vpc: &str) -> World {
    let (session, cluster) = (asked.session, asked.config.metadata.name.as_str());
    let ids = [vpc];
    let (vpcs, subnets, tables, groups, acls, interfaces, endpoints, resolvers) = join!(
        session.vpcs(&ids),
        session.subnets(vpc),
        session.route_tables(vpc),
        session.security_groups(vpc),
        session.network_acls(vpc),
        session.control_plane_interfaces(vpc, cluster),
        session.vpc_endpoints(vpc),
        session.resolver_endpoints(vpc),
    );
    let mut open = BTreeMap::new();
    World {
        vpcs: told(vpcs, &mut open),
        subnets: told(subnets, &mut open),
        route_tables: told(tables, &mut open),
        security_groups: told(groups, &mut open),
        network_acls: told(acls, &mut open),
        network_interfaces: told(interfaces, &mut open),
        vpc_endpoints: told(endpoints, &mut open),
        resolver_endpoints: told(resolvers, &mut open),
        unanswered: open,
        ..World::default()
    }
}

/// The interfaces of a cluster's control plane.
pub(super) async fn interfaces(asked: Asked<'_>, live: &LiveCluster) -> World {
    let vpc = live.resources_vpc_config.vpc_id.as_str();
    if vpc.is_empty() {
        return World::default();
    }
    let mut open = Open::new();
    let found = asked.session.control_plane_interfaces(vpc, &live.name).await;
    World { network_interfaces: told(found, &mut open), unanswered: open, ..World::default() }
}

async fn gateways(asked: Asked<'_>, tables: &[RouteTable]) -> World {
    let wanted = std::iter::once(asked.config.remote_network_config.as_ref().map_or("", |remote| remote.vpc_gateway_id.as_str()));
    let routes = tables.iter().flat_map(|table| &table.routes);
    let of_routes = routes.flat_map(|route| [route.transit_gateway_id.as_str(), route.gateway_id.as_str()]);
    let propagating = tables.iter().flat_map(|table| &table.propagating_vgws).map(|gateway| gateway.gateway_id.as_str());
    let ids: BTreeSet<&str> = wanted.chain(of_routes).chain(propagating).collect();
    let of = |prefix: &str| ids.iter().copied().filter(|id| id.starts_with(prefix)).collect::<Vec<_>>();
    let (transit, virtual_private) = (of("tgw-"), of("vgw-"));
    let vpn = async {
        let mut open = Open::new();
        let found = if virtual_private.is_empty() { Ok(Vec::new()) } else { asked.session.vpn_gateways(&virtual_private).await };
        World { vpn_gateways: told(found, &mut open), unanswered: open, ..World::default() }
    };
    let (transit, vpn) = join!(transit_gateways(asked, &transit), vpn);
    together([transit, vpn])
}

/// Transit gateways, what is attached to them, and the routes of the tables that are used.
async fn transit_gateways(asked: Asked<'_>, ids: &[&str]) -> World {
    if ids.is_empty() {
        return World::default();
    }
    let session = asked.session;
    let mut open = Open::new();
    let (gateways, attachments) = join!(session.transit_gateways(ids), session.transit_gateway_attachments(ids));
    let (gateways, attachments) = (told(gateways, &mut open), told(attachments, &mut open));
    let defaults = gateways.iter().map(|gateway| &gateway.options);
    let defaults = defaults.flat_map(|options| [&options.association_default_route_table_id, &options.propagation_default_route_table_id]);
    let used = attachments.iter().filter_map(|attachment| attachment.association.as_ref());
    let tables: BTreeSet<String> = defaults.chain(used.map(|used| &used.transit_gateway_route_table_id)).cloned().collect();
    let tables = tables.into_iter().filter(|table| !table.is_empty());
    let each = stream::iter(tables).map(|table| async move { (session.transit_gateway_routes(&table).await, table) });
    let routes: Vec<_> = each.buffered(AT_ONCE).collect().await;
    // What is not known is not empty.
    let known = |(routes, table): (_, String)| told(Result::map(routes, Some), &mut open).map(|routes| (table, routes));
    let transit_gateway_routes = routes.into_iter().filter_map(known).collect();
    World {
        transit_gateways: gateways,
        transit_gateway_attachments: attachments,
        transit_gateway_routes,
        unanswered: open,
        ..World::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoint_services_are_asked_for_by_the_names_of_the_region() {
        let names = service_names("eu-central-1");
        assert_eq!(names.len(), SERVICES.len());
        assert!(names.contains(&"com.amazonaws.eu-central-1.ecr.dkr".to_owned()));
        assert!(service_names("cn-north-1").contains(&"cn.com.amazonaws.cn-north-1.sts".to_owned()));
    }
}
