//! What transit gateways and virtual private gateways do with packets between a VPC and a site.

use std::net::Ipv4Addr;

use hybridge_model::Cidr4;

use super::network::Network;
use super::prefix;
use crate::world::{TransitGatewayAttachment, TransitGatewayRoute};

/// Where a transit gateway sends packets: to this attachment's resource (`vpn-…`, `vpc-…`, a Direct Connect gateway), or nowhere.
pub(crate) type Way = Result<String, Obstacle>;

/// Why a transit gateway sends packets nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// The VPC has no attachment.
    NotAttached,
    /// The attachment is in this state.
    State(String),
    /// The attachment uses no route table.
    NotAssociated(String),
    /// The route table has no route.
    NoRoute(String),
    /// The route drops packets.
    Blackhole(String),
    /// What is missing to tell.
    Unknown(String),
}

/// A transit gateway as one VPC sees it.
#[derive(Clone, Copy)]
pub(crate) struct Transit<'a> {
    pub(crate) network: Network<'a>,
    /// `tgw-…`.
    pub(crate) id: &'a str,
    /// `vpc-…`.
    pub(crate) vpc: &'a str,
}

impl<'a> Transit<'a> {
    /// The VPC's attachment that is not gone.
    pub(crate) fn attachment(self) -> Option<&'a TransitGatewayAttachment> {
        let gone = ["deleted", "deleting", "failed", "failing", "rejected", "rejecting"];
        self.network.world.transit_gateway_attachments.iter().find(|attachment| {
            attachment.transit_gateway_id == self.id && attachment.resource_id == self.vpc && !gone.contains(&attachment.state.as_str())
        })
    }

    /// The route table that packets of the VPC are looked up in.
    fn table(self) -> Result<&'a str, Obstacle> {
        let Some(attachment) = self.attachment() else {
            let known = self.network.transit_gateway(self.id).is_some();
            let refused = crate::preflight::unanswered(self.network.world, "DescribeTransitGatewayAttachments").is_some();
            return Err(if known && !refused { Obstacle::NotAttached } else { Obstacle::Unknown("its attachments".into()) });
        };
        table_of(attachment)
    }

    /// Where packets of the VPC to `address` go.
    pub(crate) fn out(self, address: Ipv4Addr) -> Way {
        self.out_parts(Cidr4::host(address)).into_iter().next().map_or(Err(Obstacle::NotAttached), |(_, way)| way)
    }

    /// Where packets of the VPC to a network go, by parts of it.
    pub(crate) fn out_parts(self, network: Cidr4) -> Vec<(Cidr4, Way)> {
        match self.table() {
            Ok(table) => self.look_up(table, network),
            Err(obstacle) => vec![(network, Err(obstacle))],
        }
    }

    /// Where packets to the VPC's own addresses go that come from the resource at the other end.
    pub(crate) fn from(self, resource: &str, own: Cidr4) -> Vec<(Cidr4, Way)> {
        let attachment = self
            .network
            .world
            .transit_gateway_attachments
            .iter()
            .find(|attachment| attachment.transit_gateway_id == self.id && attachment.resource_id == resource);
        match attachment.map(table_of) {
            Some(Ok(table)) => self.look_up(table, own),
            Some(Err(obstacle)) => vec![(own, Err(obstacle))],
            None => vec![(own, Err(Obstacle::Unknown(format!("the attachment of {resource}"))))],
        }
    }

    fn look_up(self, table: &str, network: Cidr4) -> Vec<(Cidr4, Way)> {
        let Some(routes) = self.network.world.transit_gateway_routes.get(table) else {
            return vec![(network, Err(Obstacle::Unknown(format!("routes of {table}"))))];
        };
        let mut entries: Vec<(Cidr4, &TransitGatewayRoute)> =
            routes.iter().filter_map(|route| Some((route.destination_cidr_block.parse().ok()?, route))).collect();
        // Of two routes for one network the one that somebody made counts.
        entries.sort_by_key(|(network, route)| (*network, route.kind != "static"));
        prefix::parts(&entries, network)
            .into_iter()
            .map(|(part, route)| {
                let way = match route {
                    None => Err(Obstacle::NoRoute(table.into())),
                    Some(route) if route.state == "blackhole" => Err(Obstacle::Blackhole(table.into())),
                    Some(route) => route
                        .transit_gateway_attachments
                        .first()
                        .map(|to| to.resource_id.clone())
                        .ok_or_else(|| Obstacle::Unknown(format!("where {table} leads"))),
                };
                (part, way)
            })
            .collect()
    }
}

fn table_of(attachment: &TransitGatewayAttachment) -> Result<&str, Obstacle> {
    if attachment.state != "available" {
        return Err(Obstacle::State(attachment.state.clone()));
    }
    match &attachment.association {
        Some(association) if !association.transit_gateway_route_table_id.is_empty() => Ok(&association.transit_gateway_route_table_id),
        Some(_) | None => Err(Obstacle::NotAssociated(attachment.transit_gateway_attachment_id.clone())),
    }
}
