//! From EC2's XML to what is known of the world. Field names are those of EC2's API model.

use hybridge_cluster::world::{
    AclAssociation, AclEntry, AttachmentAssociation, CidrAssociation, Endpoint, EndpointService, GroupId, Interface, IpPermission, IpRange,
    NetworkAcl, PortRange, PrefixList, PropagatingGateway, Route, RouteAttachment, RouteTable, RouteTableAssociation, SecurityGroup,
    ServiceType, Subnet, Tag, TransitGateway, TransitGatewayAttachment, TransitGatewayOptions, TransitGatewayRoute, Vpc, VpcAttachment,
    VpnGateway, Zone,
};

use crate::query::Element;

type Decoded<T> = Result<T, String>;

fn all<T>(element: Element<'_, '_>, list: &str, one: impl Fn(Element<'_, '_>) -> Decoded<T>) -> Decoded<Vec<T>> {
    element.items(list).map(one).collect()
}

fn tags(element: Element<'_, '_>) -> Decoded<Vec<Tag>> {
    all(element, "tagSet", |tag| Ok(Tag { key: tag.need("key")?, value: tag.text("value") }))
}

fn groups(element: Element<'_, '_>, list: &str) -> Decoded<Vec<GroupId>> {
    all(element, list, |group| Ok(GroupId { group_id: group.need("groupId")? }))
}

pub(super) fn zone(zone: Element<'_, '_>) -> Decoded<Zone> {
    Ok(Zone {
        zone_name: zone.need("zoneName")?,
        zone_id: zone.text("zoneId"),
        zone_type: zone.text("zoneType"),
        state: zone.text("zoneState"),
    })
}

pub(super) fn vpc(vpc: Element<'_, '_>) -> Decoded<Vpc> {
    // Networks that were taken away stay listed for a while.
    let in_use = |cidr: &Element<'_, '_>| {
        let state = cidr.child("cidrBlockState").map(|state| state.text("state")).unwrap_or_default();
        matches!(state.as_str(), "associated" | "associating" | "")
    };
    let cidr = |cidr: Element<'_, '_>| cidr.need("cidrBlock").map(|cidr_block| CidrAssociation { cidr_block });
    Ok(Vpc {
        vpc_id: vpc.need("vpcId")?,
        cidr_block: vpc.need("cidrBlock")?,
        cidr_block_association_set: vpc.items("cidrBlockAssociationSet").filter(in_use).map(cidr).collect::<Decoded<_>>()?,
        enable_dns_support: None,
        enable_dns_hostnames: None,
    })
}

pub(super) fn subnet(subnet: Element<'_, '_>) -> Decoded<Subnet> {
    Ok(Subnet {
        subnet_id: subnet.need("subnetId")?,
        vpc_id: subnet.need("vpcId")?,
        availability_zone: subnet.text("availabilityZone"),
        availability_zone_id: subnet.text("availabilityZoneId"),
        cidr_block: subnet.text("cidrBlock"),
        available_ip_address_count: subnet.number("availableIpAddressCount")?,
        map_public_ip_on_launch: subnet.flag("mapPublicIpOnLaunch"),
        outpost_arn: subnet.text("outpostArn"),
        // EC2 says 0 where there are none: the primary interface is never one.
        enable_lni_at_device_index: subnet.number("enableLniAtDeviceIndex")?.filter(|index| *index > 0),
        tags: tags(subnet)?,
    })
}

pub(super) fn route_table(table: Element<'_, '_>) -> Decoded<RouteTable> {
    let association = |one: Element<'_, '_>| Ok(RouteTableAssociation { subnet_id: one.text("subnetId"), main: one.flag("main") });
    Ok(RouteTable {
        route_table_id: table.need("routeTableId")?,
        vpc_id: table.need("vpcId")?,
        associations: all(table, "associationSet", association)?,
        routes: all(table, "routeSet", route)?,
        propagating_vgws: all(table, "propagatingVgwSet", |one| Ok(PropagatingGateway { gateway_id: one.need("gatewayId")? }))?,
        tags: tags(table)?,
    })
}

fn route(route: Element<'_, '_>) -> Decoded<Route> {
    Ok(Route {
        destination_cidr_block: route.text("destinationCidrBlock"),
        gateway_id: route.text("gatewayId"),
        transit_gateway_id: route.text("transitGatewayId"),
        nat_gateway_id: route.text("natGatewayId"),
        network_interface_id: route.text("networkInterfaceId"),
        vpc_peering_connection_id: route.text("vpcPeeringConnectionId"),
        core_network_arn: route.text("coreNetworkArn"),
        state: route.text("state"),
        origin: route.text("origin"),
    })
}

pub(super) fn security_group(group: Element<'_, '_>) -> Decoded<SecurityGroup> {
    Ok(SecurityGroup {
        group_id: group.need("groupId")?,
        group_name: group.text("groupName"),
        vpc_id: group.text("vpcId"),
        ip_permissions: all(group, "ipPermissions", permission)?,
        ip_permissions_egress: all(group, "ipPermissionsEgress", permission)?,
        tags: tags(group)?,
    })
}

fn permission(rule: Element<'_, '_>) -> Decoded<IpPermission> {
    Ok(IpPermission {
        ip_protocol: rule.need("ipProtocol")?,
        from_port: rule.number("fromPort")?,
        to_port: rule.number("toPort")?,
        ip_ranges: all(rule, "ipRanges", |range| Ok(IpRange { cidr_ip: range.need("cidrIp")?, description: range.text("description") }))?,
        user_id_group_pairs: groups(rule, "groups")?,
        prefix_list_ids: all(rule, "prefixListIds", |list| Ok(PrefixList { prefix_list_id: list.need("prefixListId")? }))?,
    })
}

pub(super) fn network_acl(acl: Element<'_, '_>) -> Decoded<NetworkAcl> {
    Ok(NetworkAcl {
        network_acl_id: acl.need("networkAclId")?,
        vpc_id: acl.text("vpcId"),
        is_default: acl.flag("default"),
        associations: all(acl, "associationSet", |one| Ok(AclAssociation { subnet_id: one.need("subnetId")? }))?,
        entries: all(acl, "entrySet", acl_entry)?,
    })
}

fn acl_entry(entry: Element<'_, '_>) -> Decoded<AclEntry> {
    let range = |range: Element<'_, '_>| -> Decoded<PortRange> {
        let number = |name: &str| range.number(name)?.ok_or_else(|| format!("portRange: {name} is missing"));
        Ok(PortRange { from: number("from")?, to: number("to")? })
    };
    Ok(AclEntry {
        rule_number: entry.number("ruleNumber")?.ok_or("ruleNumber is missing")?,
        protocol: entry.need("protocol")?,
        rule_action: entry.need("ruleAction")?,
        egress: entry.flag("egress"),
        cidr_block: entry.text("cidrBlock"),
        port_range: entry.child("portRange").map(range).transpose()?,
    })
}

pub(super) fn interface(interface: Element<'_, '_>) -> Decoded<Interface> {
    Ok(Interface {
        network_interface_id: interface.need("networkInterfaceId")?,
        description: interface.text("description"),
        private_ip_address: interface.text("privateIpAddress"),
        subnet_id: interface.text("subnetId"),
        vpc_id: interface.text("vpcId"),
        availability_zone: interface.text("availabilityZone"),
        groups: groups(interface, "groupSet")?,
    })
}

pub(super) fn endpoint_service(service: Element<'_, '_>) -> Decoded<EndpointService> {
    Ok(EndpointService {
        service_name: service.need("serviceName")?,
        service_type: all(service, "serviceType", |kind| Ok(ServiceType { service_type: kind.need("serviceType")? }))?,
        availability_zones: service.texts("availabilityZoneSet"),
    })
}

pub(super) fn endpoint(endpoint: Element<'_, '_>) -> Decoded<Endpoint> {
    Ok(Endpoint {
        vpc_endpoint_id: endpoint.need("vpcEndpointId")?,
        vpc_endpoint_type: endpoint.text("vpcEndpointType"),
        vpc_id: endpoint.text("vpcId"),
        service_name: endpoint.need("serviceName")?,
        state: endpoint.text("state"),
        groups: groups(endpoint, "groupSet")?,
    })
}

pub(super) fn transit_gateway(gateway: Element<'_, '_>) -> Decoded<TransitGateway> {
    let options = |options: Element<'_, '_>| -> Decoded<TransitGatewayOptions> {
        Ok(TransitGatewayOptions {
            auto_accept_shared_attachments: options.text("autoAcceptSharedAttachments"),
            default_route_table_association: options.text("defaultRouteTableAssociation"),
            association_default_route_table_id: options.text("associationDefaultRouteTableId"),
            default_route_table_propagation: options.text("defaultRouteTablePropagation"),
            propagation_default_route_table_id: options.text("propagationDefaultRouteTableId"),
            amazon_side_asn: options.number("amazonSideAsn")?,
        })
    };
    Ok(TransitGateway {
        transit_gateway_id: gateway.need("transitGatewayId")?,
        owner_id: gateway.text("ownerId"),
        state: gateway.need("state")?,
        options: gateway.child("options").map(options).transpose()?.unwrap_or_default(),
    })
}

pub(super) fn attachment(attachment: Element<'_, '_>) -> Decoded<TransitGatewayAttachment> {
    let association = |one: Element<'_, '_>| AttachmentAssociation {
        transit_gateway_route_table_id: one.text("transitGatewayRouteTableId"),
        state: one.text("state"),
    };
    Ok(TransitGatewayAttachment {
        transit_gateway_attachment_id: attachment.need("transitGatewayAttachmentId")?,
        transit_gateway_id: attachment.need("transitGatewayId")?,
        resource_type: attachment.text("resourceType"),
        resource_id: attachment.text("resourceId"),
        state: attachment.text("state"),
        association: attachment.child("association").map(association),
        subnet_ids: Vec::new(),
    })
}

pub(super) fn transit_gateway_route(route: Element<'_, '_>) -> Decoded<TransitGatewayRoute> {
    let attachment =
        |one: Element<'_, '_>| Ok(RouteAttachment { resource_id: one.text("resourceId"), resource_type: one.text("resourceType") });
    Ok(TransitGatewayRoute {
        destination_cidr_block: route.text("destinationCidrBlock"),
        state: route.text("state"),
        kind: route.text("type"),
        transit_gateway_attachments: all(route, "transitGatewayAttachments", attachment)?,
    })
}

pub(super) fn vpn_gateway(gateway: Element<'_, '_>) -> Decoded<VpnGateway> {
    let attachment = |one: Element<'_, '_>| Ok(VpcAttachment { vpc_id: one.need("vpcId")?, state: one.text("state") });
    Ok(VpnGateway {
        vpn_gateway_id: gateway.need("vpnGatewayId")?,
        state: gateway.need("state")?,
        amazon_side_asn: gateway.number("amazonSideAsn")?,
        vpc_attachments: all(gateway, "attachments", attachment)?,
    })
}
