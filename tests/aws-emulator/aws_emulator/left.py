"""Everything that exists beyond what moto has by itself, one line each, so that a test can compare before and after."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from moto.autoscaling.models import autoscaling_backends
from moto.ec2.models import ec2_backends
from moto.iam.models import iam_backends
from moto.s3.models import s3_backends
from moto.ssm.models import ssm_backends

from .world import ACCOUNT

if TYPE_CHECKING:
    from .app import App


def everything(app: App) -> list[str]:
    """Sorted lines: kind, region, identifier, and what there is to say."""
    lines: list[str] = []
    for region, backend in ec2_backends[ACCOUNT].items():
        lines += [f"{region} {line}" for line in _ec2(backend)]
    for region, backend in autoscaling_backends[ACCOUNT].items():
        lines += [f"{region} auto-scaling-group {name}" for name in getattr(backend, "kept_by_stacks", {})]
    lines += _iam()
    for name, bucket in s3_backends[ACCOUNT]["aws"].buckets.items():
        lines += [f"s3 bucket {name}", *(f"s3 object {name}/{key}" for key in bucket.keys)]
    for region, backend in ssm_backends[ACCOUNT].items():
        names = [name for name in backend._parameters if not name.startswith("/aws/")]
        lines += [f"{region} parameter {name}" for name in names]
    for part in (app.eks, app.cloudformation, app.rolesanywhere, app.ssm):
        lines += part.left()
    return sorted(lines)


def _ec2(backend: Any) -> Iterator[str]:
    own = {vpc.id for vpc in backend.vpcs.values() if not vpc.is_default}
    for vpc in own:
        yield f"vpc {vpc}"
    for subnets in backend.subnets.values():
        yield from (f"subnet {subnet.id}" for subnet in subnets.values() if subnet.vpc_id in own)
    for table in backend.route_tables.values():
        if table.vpc_id not in own:
            continue
        yield f"route-table {table.id}"
        for route in table._routes.values():
            target = next((getattr(thing, "id", None) for thing in _targets(route) if thing is not None), "local")
            destination = route.destination_cidr_block or getattr(route.destination_prefix_list, "id", None)
            yield f"route {table.id} {destination} {target}"
        yield from (f"association {table.id} {subnet}" for subnet in table._associations.values())
    for vpc, groups in backend.groups.items():
        for group in groups.values() if vpc in own else ():
            yield f"security-group {group.id} {group.name}"
            for way, rules in (("in", group.ingress_rules), ("out", group.egress_rules)):
                for rule in rules:
                    peer = rule.ip_range.get("CidrIp") or rule.source_group.get("GroupId") or rule.prefix_list_id
                    yield f"rule {group.id} {way} {rule.ip_protocol} {rule.from_port}-{rule.to_port} {peer}"
    yield from _ec2_gateways(backend)
    yield from (f"interface {eni.id} {eni.description}" for eni in backend.enis.values())
    yield from (f"address {address.allocation_id}" for address in backend.addresses)
    ends = [end for end in backend.vpc_end_points.values() if end.state != "deleted"]
    yield from (f"vpc-endpoint {end.id} {end.service_name}" for end in ends)
    yield from (f"launch-template {template.id} {template.name}" for template in backend.launch_templates.values())
    for reservation in backend.reservations.values():
        yield from (f"instance {one.id}" for one in reservation.instances if one.state != "terminated")


def _ec2_gateways(backend: Any) -> Iterator[str]:
    for gateway in backend.internet_gateways.values():
        yield f"internet-gateway {gateway.id} {gateway.vpc.id if gateway.vpc else 'detached'}"
    for gateway in backend.vpn_gateways.values():
        if gateway.state != "deleted":
            vpcs = [vpc for vpc, attachment in gateway.attachments.items() if attachment.state == "attached"]
            yield f"vpn-gateway {gateway.id} {' '.join(vpcs) or 'detached'}"
    yield from (f"nat-gateway {nat.id}" for nat in backend.nat_gateways.values() if nat.state != "deleted")
    yield from (f"transit-gateway {one.id}" for one in backend.transit_gateways.values() if one.state != "deleted")
    for one in backend.transit_gateway_attachments.values():
        yield f"transit-gateway-attachment {one.id} {one.transit_gateway_id} {one.resource_id}"


def _targets(route: Any) -> tuple[Any, ...]:
    return (route.gateway, route.nat_gateway, route.transit_gateway, route.interface, route.vpc_pcx, route.instance)


def _iam() -> Iterator[str]:
    backend = iam_backends[ACCOUNT]["aws"]
    yield from (f"role {role.name}" for role in backend.roles.values())
    yield from (f"policy {arn}" for arn in backend.managed_policies if ":aws:policy/" not in arn)
    yield from (f"instance-profile {profile.name}" for profile in backend.instance_profiles.values())
    yield from (f"oidc-provider {arn}" for arn in backend.open_id_providers)
