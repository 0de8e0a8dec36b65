"""What leads out of a VPC: gateways, their attachments, addresses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...errors import AwsError
from .base import Handler, Place, retag


class InternetGateway(Handler):
    """AWS::EC2::InternetGateway."""

    def create(self, place: Place, properties: dict[str, Any]) -> str:
        gateway = place.ec2.create_internet_gateway()
        retag(gateway, place, properties)
        return str(gateway.id)

    def attributes(self, place: Place, physical: str, properties: dict[str, Any]) -> dict[str, Any]:
        return {"InternetGatewayId": physical}

    def update(self, place: Place, physical: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[None] | None:
        retag(place.ec2.get_internet_gateway(physical), place, new)
        return None

    def delete(self, place: Place, physical: str, properties: dict[str, Any]) -> None:
        place.ec2.delete_internet_gateway(physical)


class GatewayAttachment(Handler):
    """AWS::EC2::VPCGatewayAttachment, of internet gateways and of virtual private ones."""

    def create(self, place: Place, properties: dict[str, Any]) -> str:
        vpc = properties["VpcId"]
        if properties.get("InternetGatewayId"):
            place.ec2.attach_internet_gateway(properties["InternetGatewayId"], vpc)
            return f"IGW|{vpc}"
        place.ec2.attach_vpn_gateway(properties["VpnGatewayId"], vpc)
        return f"VGW|{vpc}"

    def attributes(self, place: Place, physical: str, properties: dict[str, Any]) -> dict[str, Any]:
        return {"AttachmentType": physical.split("|", maxsplit=1)[0]}

    def update(self, place: Place, physical: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[None] | None:
        """Another gateway: the old one is detached first."""
        self.delete(place, physical, old)
        self.create(place, new)
        return None

    def delete(self, place: Place, physical: str, properties: dict[str, Any]) -> None:
        kind, vpc = physical.split("|")
        if kind == "IGW":
            place.ec2.detach_internet_gateway(properties["InternetGatewayId"], vpc)
            return
        place.ec2.detach_vpn_gateway(properties["VpnGatewayId"], vpc)


class ElasticIp(Handler):
    """AWS::EC2::EIP."""

    def create(self, place: Place, properties: dict[str, Any]) -> str:
        address = place.ec2.allocate_address(properties.get("Domain", "vpc"))
        address.add_tags(place.tags(properties))
        return str(address.public_ip)

    def _find(self, place: Place, physical: str) -> Any:
        found = place.ec2.address_by_ip([physical], fail_if_not_found=False)
        if not found:
            raise AwsError("InvalidAddress.NotFound", f"Address '{physical}' not found.")
        return found[0]

    def attributes(self, place: Place, physical: str, properties: dict[str, Any]) -> dict[str, Any]:
        return {"AllocationId": self._find(place, physical).allocation_id, "PublicIp": physical}

    def delete(self, place: Place, physical: str, properties: dict[str, Any]) -> None:
        place.ec2.release_address(allocation_id=self._find(place, physical).allocation_id)


class NatGateway(Handler):
    """AWS::EC2::NatGateway."""

    def create(self, place: Place, properties: dict[str, Any]) -> str:
        ec2, allocation = place.ec2, properties.get("AllocationId")
        vpc = ec2.get_subnet(properties["SubnetId"]).vpc_id
        public = properties.get("ConnectivityType", "public") == "public"
        attached = any(gateway.vpc is not None and gateway.vpc.id == vpc for gateway in ec2.internet_gateways.values())
        if public and not attached:
            raise AwsError("Gateway.NotAttached", f"Network {vpc} has no Internet gateway attached")
        for nat in ec2.nat_gateways.values():
            if nat.state != "deleted" and allocation and allocation in [one.get("allocationId") for one in nat.address_set]:
                raise AwsError("Resource.AlreadyAssociated", f"resource {allocation} is already associated")
        connectivity = properties.get("ConnectivityType", "public")
        nat = ec2.create_nat_gateway(properties["SubnetId"], allocation, place.tags(properties), connectivity)
        ec2.enis[nat.address_set[0]["networkInterfaceId"]].description = f"Interface for NAT Gateway {nat.id}"
        return str(nat.id)

    def attributes(self, place: Place, physical: str, properties: dict[str, Any]) -> dict[str, Any]:
        return {"NatGatewayId": physical}

    def delete(self, place: Place, physical: str, properties: dict[str, Any]) -> None:
        place.ec2.delete_nat_gateway(physical)


class TransitAttachment(Handler):
    """AWS::EC2::TransitGatewayAttachment and AWS::EC2::TransitGatewayVpcAttachment."""

    def create(self, place: Place, properties: dict[str, Any]) -> str:
        ec2 = place.ec2
        zones = [ec2.get_subnet(subnet).availability_zone for subnet in properties["SubnetIds"]]
        if len(set(zones)) < len(zones):
            raise AwsError("DuplicateSubnetsInSameZone", "Duplicate Subnets for same AZ")
        ec2.get_vpc(properties["VpcId"])
        one = ec2.create_transit_gateway_vpc_attachment(
            properties["TransitGatewayId"],
            properties["VpcId"],
            list(properties["SubnetIds"]),
            tags=place.tags(properties),
            options=properties.get("Options"),
        )
        return str(one.id)

    def attributes(self, place: Place, physical: str, properties: dict[str, Any]) -> dict[str, Any]:
        return {"Id": physical}

    def update(self, place: Place, physical: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[None] | None:
        place.ec2.transit_gateway_attachments[physical].subnet_ids = list(new["SubnetIds"])
        return None

    def delete(self, place: Place, physical: str, properties: dict[str, Any]) -> None:
        place.ec2.delete_transit_gateway_vpc_attachment(physical)
