"""Route tables, associations, routes, propagation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...ec2_more import Ec2More
from ...errors import AwsError
from .base import Handler, Place, retag

# Property of a route that names its target, and moto's name of it.
_TARGETS = {
    "GatewayId": "gateway_id",
    "NatGatewayId": "nat_gateway_id",
    "TransitGatewayId": "transit_gateway_id",
    "NetworkInterfaceId": "interface_id",
    "InstanceId": "instance_id",
    "VpcPeeringConnectionId": "vpc_peering_connection_id",
}


class RouteTable(Handler):
    """AWS::EC2::RouteTable."""

    def create(self, place: Place, properties: dict[str, Any]) -> str:
        table = place.ec2.create_route_table(properties["VpcId"])
        retag(table, place, properties)
        return str(table.id)

    def attributes(self, place: Place, physical: str, properties: dict[str, Any]) -> dict[str, Any]:
        return {"RouteTableId": physical}

    def update(self, place: Place, physical: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[None] | None:
        retag(place.ec2.get_route_table(physical), place, new)
        return None

    def delete(self, place: Place, physical: str, properties: dict[str, Any]) -> None:
        place.ec2.delete_route_table(physical)


class Association(Handler):
    """AWS::EC2::SubnetRouteTableAssociation."""

    def create(self, place: Place, properties: dict[str, Any]) -> str:
        return str(place.ec2.associate_route_table(properties["RouteTableId"], subnet_id=properties["SubnetId"]))

    def attributes(self, place: Place, physical: str, properties: dict[str, Any]) -> dict[str, Any]:
        return {"Id": physical}

    def delete(self, place: Place, physical: str, properties: dict[str, Any]) -> None:
        place.ec2.disassociate_route_table(physical)


class Route(Handler):
    """AWS::EC2::Route."""

    def create(self, place: Place, properties: dict[str, Any]) -> str:
        table, destination = properties["RouteTableId"], properties.get("DestinationCidrBlock")
        if not destination:
            raise AwsError("MissingParameter", "The request must contain the parameter DestinationCidrBlock")
        place.ec2.create_route(table, destination, **_target(properties))
        return f"{table}|{destination}"

    def attributes(self, place: Place, physical: str, properties: dict[str, Any]) -> dict[str, Any]:
        return {"CidrBlock": physical.split("|")[1]}

    def update(self, place: Place, physical: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[None] | None:
        place.ec2.replace_route(new["RouteTableId"], new["DestinationCidrBlock"], **_target(new))
        return None

    def delete(self, place: Place, physical: str, properties: dict[str, Any]) -> None:
        place.ec2.delete_route(*physical.split("|"))


def _target(properties: dict[str, Any]) -> dict[str, str]:
    targets = {name: properties[key] for key, name in _TARGETS.items() if properties.get(key)}
    if len(targets) != 1:
        raise AwsError("InvalidParameterCombination", "A route needs exactly one target")
    return targets


class Propagation(Handler):
    """AWS::EC2::VPNGatewayRoutePropagation."""

    def create(self, place: Place, properties: dict[str, Any]) -> str:
        for table in properties["RouteTableIds"]:
            said = {"RouteTableId": table, "GatewayId": properties["VpnGatewayId"]}
            Ec2More().enable_vgw_route_propagation(place.region, said)
        return place.name(64)

    def update(self, place: Place, physical: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[None] | None:
        self.delete(place, physical, old)
        self.create(place, new)
        return None

    def delete(self, place: Place, physical: str, properties: dict[str, Any]) -> None:
        for table in properties["RouteTableIds"]:
            if table in place.ec2.route_tables:
                said = {"RouteTableId": table, "GatewayId": properties["VpnGatewayId"]}
                Ec2More().disable_vgw_route_propagation(place.region, said)
