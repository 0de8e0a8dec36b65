//! What transit gateways and virtual private gateways do with packets between a VPC and a site.

use std::net::Ipv4Addr;

use hybridge_model::Cidr4;

use super::network::Network;
use super::prefix;
use crate::world::{TransitGatewayAttachment, TransitGatewayRoute};

/// Where a transit gateway sends packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// To this attachment's resource (`vpn-…`, `vpc-…`, a Direct Connect gateway).
    To(String),
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
    fn table(self) -> Result<&'a str, Way> {
        let Some(attachment) = self.attachment() else {
            let known = self.network.transit_gateway(self.id).is_some();
            let refused = crate::preflight::unanswered(self.network.world, "DescribeTransitGatewayAttachments").is_some();
            return Err(if known && !refused { Way::NotAttached } else { Way::Unknown("its attachments".into()) });
        };
        table_of(attachment)
    }

    /// Where packets of the VPC to `address` go.
    pub(crate) fn out(self, address: Ipv4Addr) -> Way {
        self.out_parts(Cidr4::host(address)).into_iter().next().map_or(Way::NotAttached, |(_, way)| way)
    }

    /// Where packets of the VPC to a network go, by parts of it.
    pub(crate) fn out_parts(self, network: Cidr4) -> Vec<(Cidr4, Way)> {
        match self.table() {
            Ok(table) => self.look_up(table, network),
            Err(way) => vec![(network, way)],
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
            Some(Err(way)) => vec![(own, way)],
            None => vec![(own, Way::Unknown(format!("the attachment of {resource}")))],
        }
    }

    fn look_up(self, table: &str, network: Cidr4) -> Vec<(Cidr4, Way)> {
        let Some(routes) = self.network.world.transit_gateway_routes.get(table) else {
            return vec![(network, Way::Unknown(format!("routes of {table}")))];
        };
        let mut entries: Vec<(Cidr4, &TransitGatewayRoute)> =
            routes.iter().filter_map(|route| Some((route.destination_cidr_block.parse().ok()?, route))).collect();
        // Of two routes for one network the one that somebody made counts.
        entries.sort_by_key(|(network, route)| (*network, route.kind != "static"));
        prefix::parts(&entries, network)
            .into_iter()
            .map(|(part, route)| {
                let way = match route {
                    None => Way::NoRoute(table.into()),
                    Some(route) if route.state == "blackhole" => Way::Blackhole(table.into()),
                    Some(route) => route
                        .transit_gateway_attachments
                        .first()
                        .map_or_else(|| Way::Unknown(format!("where {table} leads")), |to| Way::To(to.resource_id.clone())),
                };
                (part, way)
            })
            .collect()
    }
}

fn table_of(attachment: &TransitGatewayAttachment) -> Result<&str, Way> {
    if attachment.state != "available" {
        return Err(Way::State(attachment.state.clone()));
    }
    match &attachment.association {
        Some(association) if !association.transit_gateway_route_table_id.is_empty() => Ok(&association.transit_gateway_route_table_id),
        Some(_) | None => Err(Way::NotAssociated(attachment.transit_gateway_attachment_id.clone())),
    }
}
