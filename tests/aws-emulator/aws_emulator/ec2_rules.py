"""What EC2 refuses and moto lets pass: uniqueness, and taking away what others need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.ec2.models import EC2Backend

from .errors import AwsError


def install() -> None:
    """Puts the rules before moto's own methods, once."""
    if getattr(EC2Backend, "_rules_installed", False):
        return
    EC2Backend._rules_installed = True
    for name, rule in _RULES.items():
        _before(name, rule)
    original = EC2Backend.delete_nat_gateway
    EC2Backend.delete_nat_gateway = lambda self, nat_gateway_id: _delete_nat(self, original, nat_gateway_id)


def _before(name: str, rule: Callable[..., None]) -> None:
    original = getattr(EC2Backend, name)

    def guarded(self: Any, *args: Any, **kwargs: Any) -> Any:
        rule(self, *args, **kwargs)
        return original(self, *args, **kwargs)

    setattr(EC2Backend, name, guarded)


def _dependency(what: str, identity: str) -> AwsError:
    return AwsError("DependencyViolation", f"The {what} '{identity}' has dependencies and cannot be deleted.")


def _attach_vpn_gateway(self: Any, vpn_gateway_id: str, vpc_id: str) -> None:
    """One gateway for a VPC, one VPC for a gateway."""
    for gateway in self.vpn_gateways.values():
        for vpc, attachment in gateway.attachments.items():
            if attachment.state != "attached" or gateway.state == "deleted":
                continue
            if vpc == vpc_id and gateway.id != vpn_gateway_id:
                raise AwsError("InvalidVpcState", f"Vpc '{vpc_id}' already has an attached vpn gateway.")
            if gateway.id == vpn_gateway_id:
                raise AwsError("VpnGatewayAttachmentLimitExceeded", f"The virtual private gateway {vpn_gateway_id} is already attached to {vpc}.")


def _attach_internet_gateway(self: Any, internet_gateway_id: str, vpc_id: str) -> None:
    for gateway in self.internet_gateways.values():
        if gateway.vpc is not None and gateway.vpc.id == vpc_id:
            raise AwsError("InvalidParameterValue", f"Network {vpc_id} already has an internet gateway attached")


def _detach_internet_gateway(self: Any, internet_gateway_id: str, vpc_id: str) -> None:
    """Public addresses keep it."""
    for nat in self.nat_gateways.values():
        if nat.state != "deleted" and nat.vpc_id == vpc_id and nat.connectivity_type != "private":
            text = f"Network {vpc_id} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway."
            raise AwsError("DependencyViolation", text)


def _create_route(self: Any, route_table_id: str, destination_cidr_block: str | None, *args: Any, **kwargs: Any) -> None:
    """What a route leads to must be there, and be attached to the VPC."""
    table = self.get_route_table(route_table_id)
    transit = kwargs.get("transit_gateway_id")
    if transit is not None:
        attached = [one for one in self.transit_gateway_attachments.values() if one.transit_gateway_id == transit]
        if transit not in self.transit_gateways or table.vpc_id not in [one.resource_id for one in attached]:
            raise AwsError("InvalidTransitGatewayID.NotFound", f"The transitGateway ID '{transit}' does not exist")
    gateway = kwargs.get("gateway_id")
    if gateway and gateway.startswith("vgw-"):
        attachment = self.get_vpn_gateway(gateway).attachments.get(table.vpc_id)
        if attachment is None or attachment.state != "attached":
            raise AwsError("InvalidGatewayID.NotFound", f"The gateway ID '{gateway}' does not exist")
    if gateway and gateway.startswith("igw-"):
        found = self.internet_gateways.get(gateway)
        if found is None or found.vpc is None or found.vpc.id != table.vpc_id:
            raise AwsError("InvalidParameterValue", f"route table {route_table_id} and network gateway {gateway} belong to different networks")
    nat = kwargs.get("nat_gateway_id")
    if nat is not None and (nat not in self.nat_gateways or self.nat_gateways[nat].state == "deleted"):
        raise AwsError("NatGatewayNotFound", f"The natGateway ID '{nat}' does not exist")
    if destination_cidr_block and any(route.destination_cidr_block == destination_cidr_block for route in table.routes):
        raise AwsError("RouteAlreadyExists", f"The route identified by {destination_cidr_block} already exists.")


def _associate_route_table(self: Any, route_table_id: str, gateway_id: str | None = None, subnet_id: str | None = None) -> None:
    for table in self.route_tables.values():
        if subnet_id is not None and subnet_id in table._associations.values():
            text = f"the specified association for route table {route_table_id} conflicts with an existing association"
            raise AwsError("Resource.AlreadyAssociated", text)


def _delete_subnet(self: Any, subnet_id: str) -> None:
    if any(eni.subnet.id == subnet_id for eni in self.enis.values()):
        raise _dependency("subnet", subnet_id)
    for attachment in self.transit_gateway_attachments.values():
        if subnet_id in (getattr(attachment, "subnet_ids", None) or []):
            raise _dependency("subnet", subnet_id)


def _delete_security_group(self: Any, name: str | None = None, group_id: str | None = None) -> None:
    for eni in self.enis.values():
        if group_id in [group.id for group in eni.group_set]:
            raise AwsError("DependencyViolation", f"resource {group_id} has a dependent object")
    for groups in self.groups.values():
        for group in groups.values():
            rules = [*group.ingress_rules, *group.egress_rules] if group.id != group_id else []
            if any(rule.source_group.get("GroupId") == group_id for rule in rules):
                raise AwsError("DependencyViolation", f"resource {group_id} has a dependent object")


def _delete_vpc(self: Any, vpc_id: str) -> None:
    gateways = [gateway for gateway in self.internet_gateways.values() if gateway.vpc is not None and gateway.vpc.id == vpc_id]
    groups = [group for group in self.groups.get(vpc_id, {}).values() if group.name != "default"]
    ends = [end for end in self.vpc_end_points.values() if end.vpc_id == vpc_id and end.state != "deleted"]
    attachments = [one for one in self.transit_gateway_attachments.values() if one.resource_id == vpc_id]
    if gateways or groups or ends or attachments:
        raise _dependency("vpc", vpc_id)


def _delete_transit_gateway_vpc_attachment(self: Any, transit_gateway_attachment_id: str) -> None:
    if transit_gateway_attachment_id not in self.transit_gateway_attachments:
        text = f"Transit Gateway Attachment {transit_gateway_attachment_id} was deleted or does not exist."
        raise AwsError("InvalidTransitGatewayAttachmentID.NotFound", text)
    # Routes that lead there become black holes, and the association ends.
    for table in self.transit_gateways_route_tables.values():
        table.route_table_associations.pop(transit_gateway_attachment_id, None)


def _release_address(self: Any, address: str | None = None, allocation_id: str | None = None) -> None:
    for nat in self.nat_gateways.values():
        if nat.state != "deleted" and allocation_id in [one.get("allocationId") for one in nat.address_set]:
            raise AwsError("InvalidIPAddress.InUse", f"Address with allocation id [{allocation_id}] is in use")


def _delete_nat(self: Any, original: Callable[..., Any], nat_gateway_id: str) -> Any:
    """Its interface goes with it."""
    if nat_gateway_id not in self.nat_gateways:
        raise AwsError("NatGatewayNotFound", f"The Nat Gateway {nat_gateway_id} was not found")
    gateway = original(self, nat_gateway_id)
    for address in gateway.address_set:
        self.enis.pop(address.get("networkInterfaceId"), None)
    return gateway


_RULES: dict[str, Callable[..., None]] = {
    "attach_vpn_gateway": _attach_vpn_gateway,
    "attach_internet_gateway": _attach_internet_gateway,
    "detach_internet_gateway": _detach_internet_gateway,
    "create_route": _create_route,
    "associate_route_table": _associate_route_table,
    "delete_subnet": _delete_subnet,
    "delete_security_group": _delete_security_group,
    "delete_vpc": _delete_vpc,
    "delete_transit_gateway_vpc_attachment": _delete_transit_gateway_vpc_attachment,
    "release_address": _release_address,
}
