//! What EC2 says of networks: zones, VPCs and all that is in them, and gateways to other networks.
//!
//! Everything is asked for by filters: what does not exist is left out of the answer, and refusals stay refusals. All pages are read.

mod decode;
mod server;

use hybridge_cluster::world::{
    Endpoint, EndpointService, Interface, NetworkAcl, RouteTable, SecurityGroup, Subnet, TransitGateway, TransitGatewayAttachment,
    TransitGatewayRoute, Vpc, VpnGateway, Zone,
};

use crate::call::{Call, CallError, not_understood};
use crate::query::Query;
use crate::session::Session;

/// Values that one filter takes (EC2 API reference, "Filter").
const FILTER_VALUES: usize = 200;

impl Session {
    /// The zones of the region that the account may use (DescribeAvailabilityZones, which has no pages).
    ///
    /// # Errors
    /// EC2 refused, could not be reached, or answered with something else.
    pub async fn availability_zones(&self) -> Result<Vec<Zone>, CallError> {
        let call = Call::new("DescribeAvailabilityZones", "");
        self.query_all(&call, &Query::ec2("DescribeAvailabilityZones"), "availabilityZoneInfo", decode::zone).await
    }

    /// VPCs by their identifiers, with their DNS attributes (DescribeVpcs, DescribeVpcAttribute).
    ///
    /// # Errors
    /// EC2 refused, could not be reached, or answered with something else.
    pub async fn vpcs(&self, ids: &[impl AsRef<str>]) -> Result<Vec<Vpc>, CallError> {
        let call = Call::new("DescribeVpcs", listed(ids));
        let mut found = Vec::new();
        for some in ids.chunks(FILTER_VALUES) {
            let query = Query::ec2("DescribeVpcs").filter("vpc-id", some).with("MaxResults", "1000");
            found.extend(self.query_all(&call, &query, "vpcSet", decode::vpc).await?);
        }
        for vpc in &mut found {
            vpc.enable_dns_support = Some(self.vpc_attribute(&vpc.vpc_id, "enableDnsSupport").await?);
            vpc.enable_dns_hostnames = Some(self.vpc_attribute(&vpc.vpc_id, "enableDnsHostnames").await?);
        }
        Ok(found)
    }

    async fn vpc_attribute(&self, vpc: &str, attribute: &str) -> Result<bool, CallError> {
        let call = Call::new("DescribeVpcAttribute", format_args!("{attribute} of {vpc}"));
        let query = Query::ec2("DescribeVpcAttribute").with("VpcId", vpc).with("Attribute", attribute);
        self.query(&call, &query, |answer| Ok(answer.child(attribute).ok_or_else(|| format!("{attribute} is missing"))?.flag("value")))
            .await
    }

    /// The subnets of a VPC (DescribeSubnets).
    ///
    /// # Errors
    /// EC2 refused, could not be reached, or answered with something else.
    pub async fn subnets(&self, vpc: &str) -> Result<Vec<Subnet>, CallError> {
        let call = Call::new("DescribeSubnets", vpc);
        let query = of_vpc(Query::ec2("DescribeSubnets"), vpc);
        self.query_all(&call, &query, "subnetSet", decode::subnet).await
    }

    /// Subnets by their identifiers (DescribeSubnets).
    ///
    /// # Errors
    /// EC2 refused, could not be reached, or answered with something else.
    pub async fn subnets_by_id(&self, ids: &[impl AsRef<str>]) -> Result<Vec<Subnet>, CallError> {
        let call = Call::new("DescribeSubnets", listed(ids));
        let mut found = Vec::new();
        for some in ids.chunks(FILTER_VALUES) {
            let query = Query::ec2("DescribeSubnets").filter("subnet-id", some).with("MaxResults", "1000");
            found.extend(self.query_all(&call, &query, "subnetSet", decode::subnet).await?);
        }
        Ok(found)
    }

    /// Has interfaces at a device index be local network interfaces, in a subnet on an Outpost (ModifySubnetAttribute).
    ///
    /// # Errors
    /// EC2 refused, or could not be reached.
    pub async fn enable_lni(&self, subnet: &str, device_index: u32) -> Result<(), CallError> {
        let call = Call::new("ModifySubnetAttribute", subnet);
        let query = Query::ec2("ModifySubnetAttribute").with("SubnetId", subnet);
        self.command(&call, &query.with("EnableLniAtDeviceIndex", device_index.to_string())).await
    }

    /// The route tables of a VPC (DescribeRouteTables).
    ///
    /// # Errors
    /// EC2 refused, could not be reached, or answered with something else.
    pub async fn route_tables(&self, vpc: &str) -> Result<Vec<RouteTable>, CallError> {
        let call = Call::new("DescribeRouteTables", vpc);
        // The one call whose pages have 100 at most.
        let query = Query::ec2("DescribeRouteTables").filter("vpc-id", &[vpc]).with("MaxResults", "100");
        self.query_all(&call, &query, "routeTableSet", decode::route_table).await
    }

    /// The security groups of a VPC (DescribeSecurityGroups).
    ///
    /// # Errors
    /// EC2 refused, could not be reached, or answered with something else.
    pub async fn security_groups(&self, vpc: &str) -> Result<Vec<SecurityGroup>, CallError> {
        let call = Call::new("DescribeSecurityGroups", vpc);
        let query = of_vpc(Query::ec2("DescribeSecurityGroups"), vpc);
        self.query_all(&call, &query, "securityGroupInfo", decode::security_group).await
    }

    /// The network ACLs of a VPC (DescribeNetworkAcls).
    ///
    /// # Errors
    /// EC2 refused, could not be reached, or answered with something else.
    pub async fn network_acls(&self, vpc: &str) -> Result<Vec<NetworkAcl>, CallError> {
        let call = Call::new("DescribeNetworkAcls", vpc);
        let query = of_vpc(Query::ec2("DescribeNetworkAcls"), vpc);
        self.query_all(&call, &query, "networkAclSet", decode::network_acl).await
    }

    /// The interfaces of a cluster's control plane in a VPC: those that EKS calls `Amazon EKS` and the cluster's name
    /// (DescribeNetworkInterfaces).
    ///
    /// # Errors
    /// EC2 refused, could not be reached, or answered with something else.
    pub async fn control_plane_interfaces(&self, vpc: &str, cluster: &str) -> Result<Vec<Interface>, CallError> {
        let call = Call::new("DescribeNetworkInterfaces", format_args!("of {cluster} in {vpc}"));
        let query = of_vpc(Query::ec2("DescribeNetworkInterfaces"), vpc).filter("description", &[format!("Amazon EKS {cluster}")]);
        self.query_all(&call, &query, "networkInterfaceSet", decode::interface).await
    }

    /// All interfaces in a VPC, whoever has them (DescribeNetworkInterfaces).
    ///
    /// # Errors
    /// EC2 refused, could not be reached, or answered with something else.
    pub async fn interfaces(&self, vpc: &str) -> Result<Vec<Interface>, CallError> {
        let call = Call::new("DescribeNetworkInterfaces", format_args!("in {vpc}"));
        let query = of_vpc(Query::ec2("DescribeNetworkInterfaces"), vpc);
        self.query_all(&call, &query, "networkInterfaceSet", decode::interface).await
    }

    /// Those of some services that can have endpoints in this region (DescribeVpcEndpointServices). All are asked for, some hundreds:
    /// named ones that the region does not have would fail the call.
    ///
    /// # Errors
    /// EC2 refused, could not be reached, or answered with something else.
    pub async fn endpoint_services(&self, names: &[String]) -> Result<Vec<EndpointService>, CallError> {
        let call = Call::new("DescribeVpcEndpointServices", "");
        let query = Query::ec2("DescribeVpcEndpointServices").with("MaxResults", "1000");
        let mut services = self.query_all(&call, &query, "serviceDetailSet", decode::endpoint_service).await?;
        services.retain(|service| names.contains(&service.service_name));
        Ok(services)
    }

    /// The endpoints in a VPC (DescribeVpcEndpoints).
    ///
    /// # Errors
    /// EC2 refused, could not be reached, or answered with something else.
    pub async fn vpc_endpoints(&self, vpc: &str) -> Result<Vec<Endpoint>, CallError> {
        let call = Call::new("DescribeVpcEndpoints", vpc);
        let query = of_vpc(Query::ec2("DescribeVpcEndpoints"), vpc);
        self.query_all(&call, &query, "vpcEndpointSet", decode::endpoint).await
    }

    /// Transit gateways by their identifiers (DescribeTransitGateways).
    ///
    /// # Errors
    /// EC2 refused, could not be reached, or answered with something else.
    pub async fn transit_gateways(&self, ids: &[impl AsRef<str>]) -> Result<Vec<TransitGateway>, CallError> {
        let call = Call::new("DescribeTransitGateways", listed(ids));
        let query = Query::ec2("DescribeTransitGateways").filter("transit-gateway-id", ids).with("MaxResults", "1000");
        self.query_all(&call, &query, "transitGatewaySet", decode::transit_gateway).await
    }

    /// The attachments of transit gateways, those of VPCs with their subnets (DescribeTransitGatewayAttachments,
    /// DescribeTransitGatewayVpcAttachments). Of a gateway that is shared by another account, these are the attachments of this account
    /// alone.
    ///
    /// # Errors
    /// EC2 refused, could not be reached, or answered with something else.
    pub async fn transit_gateway_attachments(&self, gateways: &[impl AsRef<str>]) -> Result<Vec<TransitGatewayAttachment>, CallError> {
        let call = Call::new("DescribeTransitGatewayAttachments", listed(gateways));
        let query = Query::ec2("DescribeTransitGatewayAttachments").filter("transit-gateway-id", gateways).with("MaxResults", "1000");
        let mut attachments = self.query_all(&call, &query, "transitGatewayAttachments", decode::attachment).await?;
        let call = Call::new("DescribeTransitGatewayVpcAttachments", listed(gateways));
        let query = Query::ec2("DescribeTransitGatewayVpcAttachments").filter("transit-gateway-id", gateways).with("MaxResults", "1000");
        let of_vpcs = self.query_all(&call, &query, "transitGatewayVpcAttachments", |one| {
            Ok((one.need("transitGatewayAttachmentId")?, one.texts("subnetIds")))
        });
        for (id, subnets) in of_vpcs.await? {
            let known = attachments.iter_mut().find(|attachment| attachment.transit_gateway_attachment_id == id);
            known.into_iter().for_each(|attachment| attachment.subnet_ids.clone_from(&subnets));
        }
        Ok(attachments)
    }

    /// The routes of a transit gateway's route table, those to nowhere too (SearchTransitGatewayRoutes).
    ///
    /// # Errors
    /// EC2 refused (also where the table is another account's), could not be reached, or does not tell all routes.
    pub async fn transit_gateway_routes(&self, table: &str) -> Result<Vec<TransitGatewayRoute>, CallError> {
        let call = Call::new("SearchTransitGatewayRoutes", table);
        let query = Query::ec2("SearchTransitGatewayRoutes").with("TransitGatewayRouteTableId", table);
        let query = query.filter("state", &["active", "blackhole"]).with("MaxResults", "1000");
        let (mut found, mut cut) = (Vec::new(), false);
        self.query_pages(&call, &query, |page| {
            for route in page.items("routeSet") {
                found.push(decode::transit_gateway_route(route)?);
            }
            cut = page.flag("additionalRoutesAvailable") && page.text("nextToken").is_empty();
            Ok(true)
        })
        .await?;
        if cut { Err(not_understood(&call, "it leaves routes out and names no next page")) } else { Ok(found) }
    }

    /// Virtual private gateways by their identifiers (DescribeVpnGateways, which has no pages).
    ///
    /// # Errors
    /// EC2 refused, could not be reached, or answered with something else.
    pub async fn vpn_gateways(&self, ids: &[impl AsRef<str>]) -> Result<Vec<VpnGateway>, CallError> {
        let call = Call::new("DescribeVpnGateways", listed(ids));
        let query = Query::ec2("DescribeVpnGateways").filter("vpn-gateway-id", ids);
        self.query_all(&call, &query, "vpnGatewaySet", decode::vpn_gateway).await
    }
}

fn of_vpc(query: Query, vpc: &str) -> Query {
    query.filter("vpc-id", &[vpc]).with("MaxResults", "1000")
}

fn listed(ids: &[impl AsRef<str>]) -> String {
    ids.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
