//! The gateway between the VPC and the site.

use hybridge_model::Cidr4;

use super::{Check, Told, View, When};
use crate::path::Verdict;
use crate::path::gateway::{Obstacle, Transit};
use crate::path::remedy;
use crate::resolve::VpcGateway;
use crate::world::TransitGateway;

pub(super) const CHECKS: &[Check] = &[
    Check { code: "gateway.none", about: "something connects the VPC with the site", when: When::Before, needs: &[], run: none },
    Check {
        code: "gateway.exists",
        about: "the gateway exists in this region and is available",
        when: When::Always,
        needs: &["DescribeTransitGateways", "DescribeVpnGateways"],
        run: exists,
    },
    Check {
        code: "gateway.attached",
        about: "the gateway can be attached to the VPC, or is",
        when: When::Always,
        needs: &["DescribeTransitGateways", "DescribeTransitGatewayAttachments", "DescribeVpnGateways"],
        run: attached,
    },
    Check {
        code: "gateway.association",
        about: "the transit gateway gives the VPC's attachment a route table, and tells its networks to others",
        when: When::Always,
        needs: &["DescribeTransitGateways", "DescribeTransitGatewayAttachments"],
        run: association,
    },
    Check {
        code: "gateway.routes",
        about: "the transit gateway's route tables lead to the remote networks and back to the VPC",
        when: When::Always,
        needs: &["SearchTransitGatewayRoutes", "DescribeTransitGatewayAttachments"],
        run: routes,
    },
];

/// Without a gateway of ours, routes are the user's to make.
fn none(view: &View<'_>, told: &mut Told) {
    if view.without_remote() || view.cluster.vpc.id.is_some() || view.before.cluster.is_some() {
        return told.idle();
    }
    if view.cluster.gateway.is_none() {
        told.warning(
            "remoteNetworkConfig.vpcGatewayID",
            "no gateway is given: the VPC will have no route to the remote networks, so nothing reaches kubelets (logs, exec) until you make them",
            "give a transit gateway (tgw-…) or a virtual private gateway (vgw-…)",
        );
    }
}

const PLACE: &str = "remoteNetworkConfig.vpcGatewayID";

/// The file's gateway, or those that routes of the interfaces' subnets lead to.
fn transit_gateways(view: &View<'_>) -> Vec<String> {
    if let Some(VpcGateway::Transit(id)) = &view.cluster.gateway {
        return vec![id.clone()];
    }
    let network = view.network();
    let tables = view.face_subnets().into_iter().filter_map(|id| network.table(network.subnet(id)?));
    let mut ids: Vec<String> = tables
        .flat_map(crate::path::network::routes)
        .filter(|(destination, _)| view.remote().any(|remote| destination.overlaps(remote)))
        .map(|(_, route)| route.transit_gateway_id.clone())
        .filter(|id| !id.is_empty())
        .collect();
    ids.sort();
    ids.dedup();
    ids
}

/// P6.
fn exists(view: &View<'_>, told: &mut Told) {
    let region = &view.cluster.config.metadata.region;
    match &view.cluster.gateway {
        None => told.idle(),
        Some(VpcGateway::Transit(id)) => match view.network().transit_gateway(id) {
            None if !asked(view, "DescribeTransitGateways") => {}
            None if !view.asked() && view.before.transit_gateways.is_empty() => told.unknown(PLACE, format!("AWS was not asked for {id}")),
            None => told.error(
                PLACE,
                format!("{region} has no transit gateway {id} that this account may use"),
                remedy::aws(
                    view.cluster,
                    "ec2 describe-transit-gateways (one of another account has to be shared by RAM, and the share accepted)",
                ),
            ),
            Some(gateway) if gateway.state != "available" => {
                told.error(PLACE, format!("{id} is {}", gateway.state), "wait until it is available, or give another one");
            }
            Some(_) => {}
        },
        Some(VpcGateway::VirtualPrivate(id)) => match view.network().vpn_gateway(id) {
            None if !asked(view, "DescribeVpnGateways") => {}
            None if !view.asked() && view.before.vpn_gateways.is_empty() => told.unknown(PLACE, format!("AWS was not asked for {id}")),
            None => told.error(
                PLACE,
                format!("{region} has no virtual private gateway {id} in this account"),
                remedy::aws(view.cluster, "ec2 describe-vpn-gateways"),
            ),
            Some(gateway) if gateway.state != "available" => {
                told.error(PLACE, format!("{id} is {}", gateway.state), "wait until it is available, or give another one");
            }
            Some(_) => {}
        },
    }
}

/// Whether an operation was answered as far as one can see; a refused one is told by what the check needs.
fn asked(view: &View<'_>, operation: &str) -> bool {
    super::unanswered(view.before, operation).is_none()
}

/// P6: consent of another account; one VPC for a virtual private gateway.
fn attached(view: &View<'_>, told: &mut Told) {
    let vpc = view.vpc();
    match &view.cluster.gateway {
        Some(VpcGateway::VirtualPrivate(id)) => {
            let Some(gateway) = view.before.vpn_gateways.iter().find(|gateway| gateway.vpn_gateway_id == *id) else { return };
            let live = |state: &str| state == "attached" || state == "attaching";
            if let Some(other) = gateway.vpc_attachments.iter().find(|it| live(&it.state) && it.vpc_id != vpc) {
                told.error(
                    PLACE,
                    format!("{id} is attached to {}, and a virtual private gateway serves one VPC", other.vpc_id),
                    remedy::aws(
                        view.cluster,
                        &format!("ec2 detach-vpn-gateway --vpn-gateway-id {id} --vpc-id {} (or give another gateway)", other.vpc_id),
                    ),
                );
            }
        }
        Some(VpcGateway::Transit(_)) | None => {
            let gateways = transit_gateways(view);
            if gateways.is_empty() {
                return told.idle();
            }
            for id in gateways {
                transit_attached(view, told, &id, &vpc);
            }
        }
    }
}

/// What is not known of a gateway that EC2 does not show; that it is missing is told once, elsewhere.
fn not_shown(view: &View<'_>, told: &mut Told, id: &str) {
    if view.asked() {
        told.idle();
    } else {
        told.unknown(PLACE, format!("AWS was not asked for {id}"));
    }
}

fn transit_attached(view: &View<'_>, told: &mut Told, id: &str, vpc: &str) {
    let Some(gateway) = view.network().transit_gateway(id) else { return not_shown(view, told, id) };
    let transit = Transit { network: view.network(), id, vpc };
    let state = transit.attachment().map(|attachment| attachment.state.as_str());
    let waits = state == Some("pendingAcceptance");
    let there = Transit { network: crate::path::network::Network::of(view.before), ..transit }.attachment().is_some();
    if waits && !there {
        told.error(
            PLACE,
            format!(
                "{id} belongs to account {}, which has to consent to each attachment: the stack's routes fail until then",
                gateway.owner_id
            ),
            format!(
                "in account {}: aws ec2 modify-transit-gateway --transit-gateway-id {id} --options AutoAcceptSharedAttachments=enable",
                gateway.owner_id
            ),
        );
    } else if waits || state.is_none() || state != Some("available") {
        let obstacle = state.map_or(Obstacle::NotAttached, |state| Obstacle::State(state.into()));
        let (_, what, fix) = remedy::explain(view.cluster, id, vpc, &obstacle, "the VPC");
        told.error(id, what, fix.unwrap_or_default());
    }
}

/// P6: without association an attachment's packets are dropped; without propagation nobody finds the VPC.
fn association(view: &View<'_>, told: &mut Told) {
    let gateways = transit_gateways(view);
    if gateways.is_empty() {
        return told.idle();
    }
    let vpc = view.vpc();
    for id in gateways {
        let Some(gateway) = view.network().transit_gateway(&id) else {
            not_shown(view, told, &id);
            continue;
        };
        let transit = Transit { network: view.network(), id: &id, vpc: &vpc };
        let Some(attachment) = transit.attachment() else { continue };
        let named = attachment.association.as_ref().is_some_and(|it| !it.transit_gateway_route_table_id.is_empty());
        if !named {
            told.error(
                &id,
                "it gives new attachments no route table (DefaultRouteTableAssociation is off), so packets of the VPC are dropped",
                format!("have its owner associate {} with a route table, or turn the default on", attachment.transit_gateway_attachment_id),
            );
        }
        propagation(view, told, gateway, &transit);
    }
}

fn propagation(view: &View<'_>, told: &mut Told, gateway: &TransitGateway, transit: &Transit<'_>) {
    let there = Transit { network: crate::path::network::Network::of(view.before), ..*transit }.attachment().is_some();
    if !there && gateway.options.default_route_table_propagation == "disable" {
        told.error(
            &gateway.transit_gateway_id,
            "it does not tell others the networks of new attachments (DefaultRouteTablePropagation is off), so the site finds no way to the VPC",
            "have its owner propagate the VPC's attachment to the route table of the site's attachment, or turn the default on",
        );
    }
}

/// P7.
fn routes(view: &View<'_>, told: &mut Told) {
    let gateways = transit_gateways(view);
    if gateways.is_empty() || view.without_remote() {
        return told.idle();
    }
    let vpc = view.vpc();
    for id in gateways {
        let transit = Transit { network: view.network(), id: &id, vpc: &vpc };
        if view.network().transit_gateway(&id).is_none() {
            not_shown(view, told, &id);
        }
        if transit.attachment().is_none_or(|it| it.state != "available" || it.association.is_none()) {
            continue;
        }
        let mut sites: Vec<String> = Vec::new();
        for remote in view.routed() {
            for (part, way) in transit.out_parts(remote) {
                match way {
                    Ok(resource) if resource != vpc => sites.push(resource),
                    Ok(_) => told.warning(&id, format!("it leads packets to {part} back into {vpc}"), "correct its route"),
                    Err(obstacle) => tell(view, told, (&id, &vpc), &obstacle, part),
                }
            }
        }
        sites.sort();
        sites.dedup();
        back(view, told, &transit, &sites);
    }
}

/// The site's own attachments lead to every network of the VPC that interfaces sit in.
fn back(view: &View<'_>, told: &mut Told, transit: &Transit<'_>, sites: &[String]) {
    let subnets: Vec<Cidr4> = view.face_subnets().into_iter().filter_map(|id| view.network().subnet(id)?.cidr_block.parse().ok()).collect();
    for site in sites {
        for subnet in &subnets {
            for (part, way) in transit.from(site, *subnet) {
                match way {
                    Ok(resource) if resource == transit.vpc => {}
                    Ok(resource) => {
                        told.warning(
                            transit.id,
                            format!("it leads packets of {site} to {part} to {resource}, not into {}", transit.vpc),
                            "correct its route",
                        );
                    }
                    Err(obstacle) => tell(view, told, (transit.id, transit.vpc), &obstacle, part),
                }
            }
        }
    }
}

fn tell(view: &View<'_>, told: &mut Told, (id, vpc): (&str, &str), obstacle: &Obstacle, part: Cidr4) {
    let (verdict, what, fix) = remedy::explain(view.cluster, id, vpc, obstacle, &part.to_string());
    match verdict {
        Verdict::Unknown => told.unknown(id, what),
        Verdict::Pass | Verdict::Broken => told.warning(id, what, fix.unwrap_or_default()),
    }
}
