"""What moto's EC2 lacks, or answers in another way than EC2."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any

from moto.ec2.models import ec2_backends

from .errors import AwsError
from .world import ACCOUNT


class Ec2More:
    """Our part of the service."""

    whole = False

    def search_transit_gateway_routes(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """SearchTransitGatewayRoutes, with what attachments propagate."""
        backend = ec2_backends[ACCOUNT][region]
        identity = params["TransitGatewayRouteTableId"]
        table = backend.transit_gateways_route_tables.get(identity)
        if table is None or table.state == "deleted":
            raise AwsError("InvalidRouteTableID.NotFound", f"Transit Gateway Route Table {identity} was deleted or does not exist.")
        routes = [_static(backend, cidr, route) for cidr, route in table.routes.items()]
        routes += _propagated(backend, table)
        conditions = {one["Name"]: one.get("Values") or [] for one in params["Filters"]}
        found = [route for route in routes if all(_fits(route, name, values) for name, values in conditions.items())]
        most = params.get("MaxResults") or 1000
        return {"Routes": found[:most], "AdditionalRoutesAvailable": len(found) > most}

    def enable_vgw_route_propagation(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """EnableVgwRoutePropagation."""
        backend, table = _table(region, params["RouteTableId"])
        gateway = backend.get_vpn_gateway(params["GatewayId"])
        attachment = gateway.attachments.get(table.vpc_id)
        if attachment is None or attachment.state != "attached":
            text = f"The gateway {gateway.id} is not attached to the VPC of the route table {table.id}"
            raise AwsError("Gateway.NotAttached", text)
        if gateway.id not in _propagating(table):
            table.propagating_vgws = [*getattr(table, "propagating_vgws", []), {"GatewayId": gateway.id}]
        return {}

    def disable_vgw_route_propagation(self, region: str, params: dict[str, Any]) -> dict[str, Any]:
        """DisableVgwRoutePropagation."""
        _, table = _table(region, params["RouteTableId"])
        table.propagating_vgws = [one for one in getattr(table, "propagating_vgws", []) if one["GatewayId"] != params["GatewayId"]]
        return {}


def _table(region: str, identity: str) -> tuple[Any, Any]:
    backend = ec2_backends[ACCOUNT][region]
    return backend, backend.get_route_table(identity)


def _propagating(table: Any) -> list[str]:
    return [one["GatewayId"] for one in getattr(table, "propagating_vgws", [])]


def _static(backend: Any, cidr: str, route: dict[str, Any]) -> dict[str, Any]:
    attachments = []
    said = route.get("transitGatewayAttachments")
    if said:
        alive = backend.transit_gateway_attachments.get(said["transitGatewayAttachmentId"])
        if alive is None:
            route["state"] = "blackhole"
        attachments = [_attachment(said["transitGatewayAttachmentId"], said["resourceId"], said["resourceType"])]
    return {"DestinationCidrBlock": cidr, "TransitGatewayAttachments": attachments, "Type": "static", "State": route["state"]}


def _propagated(backend: Any, table: Any) -> list[dict[str, Any]]:
    found = []
    for one in backend.transit_gateway_attachments.values():
        default = one.transit_gateway_id == table.transit_gateway_id and table.default_propagation_route_table
        explicit = any(said.transit_gateway_attachment_id == one.id for said in table.route_table_propagation)
        if one.resource_type != "vpc" or not (default or explicit) or one.resource_id not in backend.vpcs:
            continue
        for said in backend.vpcs[one.resource_id].get_cidr_block_association_set():
            via = [_attachment(one.id, one.resource_id, "vpc")]
            cidr = said["cidr_block"]
            found.append({"DestinationCidrBlock": cidr, "TransitGatewayAttachments": via, "Type": "propagated", "State": "active"})
    return found


def _attachment(identity: str, resource: str, kind: str) -> dict[str, str]:
    return {"TransitGatewayAttachmentId": identity, "ResourceId": resource, "ResourceType": kind}


def _fits(route: dict[str, Any], name: str, values: list[str]) -> bool:
    plain = {"type": "Type", "state": "State"}
    if name in plain:
        return route[plain[name]] in values
    if name.startswith("attachment."):
        members = {
            "transit-gateway-attachment-id": "TransitGatewayAttachmentId",
            "resource-id": "ResourceId",
            "resource-type": "ResourceType",
        }
        member = members[name.removeprefix("attachment.")]
        return any(one[member] in values for one in route["TransitGatewayAttachments"])
    own = IPv4Network(route["DestinationCidrBlock"])
    wanted = [IPv4Network(value) for value in values]
    if name == "route-search.exact-match":
        return own in wanted
    if name == "route-search.subnet-of-match":
        return any(own.subnet_of(one) for one in wanted)
    if name in ("route-search.supernet-of-match", "route-search.longest-prefix-match"):
        return any(own.supernet_of(one) for one in wanted)
    raise AwsError("InvalidParameterValue", f"The filter '{name}' is invalid")
