"""VPC, subnets, VPC endpoints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...ec2_outposts import enable_lni
from ...errors import AwsError
from .base import Handler, Place, retag, true


class Vpc(Handler):
    """AWS::EC2::VPC."""

    def create(self, place: Place, properties: dict[str, Any]) -> str:
        vpc = place.ec2.create_vpc(properties["CidrBlock"], properties.get("InstanceTenancy", "default"))
        retag(vpc, place, properties)
        vpc.enable_dns_support = true(properties.get("EnableDnsSupport", True))
        vpc.enable_dns_hostnames = true(properties.get("EnableDnsHostnames", False))
        return str(vpc.id)

    def attributes(self, place: Place, physical: str, properties: dict[str, Any]) -> dict[str, Any]:
        ec2 = place.ec2
        vpc = ec2.get_vpc(physical)
        acl = next((acl.id for acl in ec2.network_acls.values() if acl.vpc_id == physical and acl.default), "")
        return {
            "VpcId": physical,
            "CidrBlock": vpc.cidr_block,
            "DefaultSecurityGroup": ec2.get_default_security_group(physical).id,
            "DefaultNetworkAcl": acl,
            "CidrBlockAssociations": [one["association_id"] for one in vpc.get_cidr_block_association_set()],
        }

    def update(self, place: Place, physical: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[None] | None:
        vpc = place.ec2.get_vpc(physical)
        vpc.enable_dns_support = true(new.get("EnableDnsSupport", True))
        vpc.enable_dns_hostnames = true(new.get("EnableDnsHostnames", False))
        retag(vpc, place, new)
        return None

    def delete(self, place: Place, physical: str, properties: dict[str, Any]) -> None:
        place.ec2.delete_vpc(physical)


class VpcCidrBlock(Handler):
    """AWS::EC2::VPCCidrBlock."""

    def create(self, place: Place, properties: dict[str, Any]) -> str:
        association = place.ec2.associate_vpc_cidr_block(properties["VpcId"], properties["CidrBlock"], False)
        return str(association["association_id"])

    def delete(self, place: Place, physical: str, properties: dict[str, Any]) -> None:
        place.ec2.disassociate_vpc_cidr_block(physical)


class Subnet(Handler):
    """AWS::EC2::Subnet."""

    def create(self, place: Place, properties: dict[str, Any]) -> str:
        zone = properties.get("AvailabilityZone") or f"{place.region}a"
        subnet = place.ec2.create_subnet(properties["VpcId"], properties["CidrBlock"], availability_zone=zone)
        subnet.map_public_ip_on_launch = true(properties.get("MapPublicIpOnLaunch", False))
        subnet.outpost_arn = properties.get("OutpostArn")
        enable_lni(subnet, int(properties.get("EnableLniAtDeviceIndex", 0)))
        retag(subnet, place, properties)
        return str(subnet.id)

    def attributes(self, place: Place, physical: str, properties: dict[str, Any]) -> dict[str, Any]:
        subnet = place.ec2.get_subnet(physical)
        return {"SubnetId": physical, "AvailabilityZone": subnet.availability_zone, "VpcId": subnet.vpc_id, "CidrBlock": subnet.cidr_block}

    def update(self, place: Place, physical: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[None] | None:
        subnet = place.ec2.get_subnet(physical)
        subnet.map_public_ip_on_launch = true(new.get("MapPublicIpOnLaunch", False))
        enable_lni(subnet, int(new.get("EnableLniAtDeviceIndex", 0)))
        retag(subnet, place, new)
        return None

    def delete(self, place: Place, physical: str, properties: dict[str, Any]) -> None:
        place.ec2.delete_subnet(physical)


class VpcEndpoint(Handler):
    """AWS::EC2::VPCEndpoint."""

    def create(self, place: Place, properties: dict[str, Any]) -> str:
        ec2, service = place.ec2, properties["ServiceName"]
        kind = properties.get("VpcEndpointType", "Gateway")
        vpc = ec2.get_vpc(properties["VpcId"])
        private = true(properties.get("PrivateDnsEnabled", False))
        if private and not (vpc.enable_dns_support and vpc.enable_dns_hostnames):
            text = "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true"
            raise AwsError("InvalidParameter", text)
        for end in ec2.vpc_end_points.values():
            same = end.state != "deleted" and end.vpc_id == vpc.id and end.service_name == service
            if same and private and end.private_dns_enabled:
                text = f"private-dns-enabled cannot be set because there is already a conflicting DNS domain for {service} in the VPC {vpc.id}"
                raise AwsError("InvalidParameter", text)
        for group in properties.get("SecurityGroupIds") or []:
            if ec2.get_security_group_from_id(group) is None:
                raise AwsError("InvalidGroup.NotFound", f"The security group '{group}' does not exist")
        end = ec2.create_vpc_endpoint(
            vpc_id=vpc.id,
            service_name=service,
            endpoint_type=kind,
            policy_document=properties.get("PolicyDocument"),
            route_table_ids=properties.get("RouteTableIds") or [],
            subnet_ids=properties.get("SubnetIds") or [],
            security_group_ids=properties.get("SecurityGroupIds") or [],
            tags=place.tags(properties),
            private_dns_enabled=private,
        )
        groups = [ec2.get_security_group_from_id(group) for group in properties.get("SecurityGroupIds") or []]
        for identity in end.network_interface_ids or []:
            ec2.enis[identity]._group_set.extend(groups)
            ec2.enis[identity].description = f"VPC Endpoint Interface {end.id}"
        return str(end.id)

    def attributes(self, place: Place, physical: str, properties: dict[str, Any]) -> dict[str, Any]:
        end = place.ec2.vpc_end_points[physical]
        names = [f"{one.get('hosted_zone_id', 'Z')}:{one['dns_name']}" for one in end.dns_entries or []]
        return {"Id": physical, "DnsEntries": names, "NetworkInterfaceIds": end.network_interface_ids or [], "CreationTimestamp": ""}

    def update(self, place: Place, physical: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[None] | None:
        def both(key: str) -> tuple[list[str], list[str]]:
            before, after = old.get(key) or [], new.get(key) or []
            return [one for one in after if one not in before], [one for one in before if one not in after]

        subnets, tables, groups = both("SubnetIds"), both("RouteTableIds"), both("SecurityGroupIds")
        place.ec2.modify_vpc_endpoint(physical, new.get("PolicyDocument"), *subnets, tables[1], tables[0], *groups)
        return None

    def delete(self, place: Place, physical: str, properties: dict[str, Any]) -> None:
        end = place.ec2.vpc_end_points[physical]
        if end.vpc_endpoint_type.lower() == "interface":
            place.ec2.delete_vpc_endpoints([physical])
            return
        for table in end.route_table_ids or []:
            routes = place.ec2.route_tables[table]._routes if table in place.ec2.route_tables else {}
            for key in [key for key, route in routes.items() if getattr(route.gateway, "id", None) == physical]:
                del routes[key]
        end.state = "deleted"
