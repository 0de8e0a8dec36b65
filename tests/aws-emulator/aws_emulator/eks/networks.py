"""What a cluster has in its VPC: security group and network interfaces; and which networks it refuses."""

from __future__ import annotations

import random
from ipaddress import IPv4Network
from typing import Any

from moto.ec2.models import ec2_backends

from ..errors import AwsError
from ..world import ACCOUNT
from .store import Cluster, bad_parameter

# RFC 1918, and RFC 6598, which EKS takes as well.
_PRIVATE = [IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")]

# Of node networks and of pod networks, each.
_MOST_CIDRS = 15


def backend(region: str) -> Any:
    """moto's EC2."""
    return ec2_backends[ACCOUNT][region]


def subnets(region: str, ids: list[str]) -> list[Any]:
    """moto's subnets; refuses what EKS refuses."""
    found = []
    for one in ids:
        try:
            found.append(backend(region).get_subnet(one))
        except Exception:
            raise bad_parameter(f"The subnet ID '{one}' does not exist") from None
    if len({subnet.availability_zone for subnet in found}) < 2:
        raise bad_parameter("Subnets specified must be in at least two different AZs")
    if len({subnet.vpc_id for subnet in found}) > 1:
        raise bad_parameter(f"Subnets specified must belong to the same VPC: {', '.join(ids)}")
    return found


def groups(region: str, vpc: str, ids: list[str]) -> None:
    """Refuses security groups that are not there."""
    for one in ids:
        group = backend(region).get_security_group_from_id(one)
        if group is None:
            raise bad_parameter(f"The security group '{one}' does not exist")
        if group.vpc_id != vpc:
            raise bad_parameter(f"Security group(s) {one} are not in the same VPC as the subnets.")


def check_remote(region: str, vpc: str, service: str | None, remote: dict[str, Any]) -> None:
    """Refuses remote networks, in EKS's words."""
    kinds = (("node", "remoteNodeNetworks"), ("pod", "remotePodNetworks"))
    vpc_cidrs = [one["cidr_block"] for one in backend(region).get_vpc(vpc).get_cidr_block_association_set()]
    seen: list[tuple[str, IPv4Network]] = []
    if remote.get("remotePodNetworks") and not remote.get("remoteNodeNetworks"):
        raise bad_parameter("Remote pod networks cannot be specified without remote node networks")
    for kind, key in kinds:
        cidrs = [cidr for network in remote.get(key) or [] for cidr in network.get("cidrs") or []]
        if len(cidrs) > _MOST_CIDRS:
            raise bad_parameter(f"Invalid remote {kind} network: at most {_MOST_CIDRS} CIDRs are allowed")
        for cidr in cidrs:
            network = _network(kind, cidr)
            for other in vpc_cidrs:
                if network.overlaps(IPv4Network(other)):
                    raise bad_parameter(f"Invalid remote {kind} network: CIDR {cidr} overlaps with VPC CIDR {other}")
            if service and network.overlaps(IPv4Network(service)):
                raise bad_parameter(f"Invalid remote {kind} network: CIDR {cidr} overlaps with service CIDR {service}")
            for other_kind, other_network in seen:
                if network.overlaps(other_network):
                    raise bad_parameter(f"Invalid remote {kind} network: CIDR {cidr} overlaps with remote {other_kind} CIDR {other_network}")
            seen.append((kind, network))


def _network(kind: str, cidr: str) -> IPv4Network:
    try:
        network = IPv4Network(cidr)
    except ValueError:
        raise bad_parameter(f"Invalid remote {kind} network: CIDR {cidr} is not a valid IPv4 CIDR") from None
    if not any(network.subnet_of(private) for private in _PRIVATE):
        raise bad_parameter(f"Invalid remote {kind} network: CIDR {cidr} is not in an RFC-1918 range")
    return network


def make_group(cluster: Cluster, vpc: str) -> str:
    """The security group that EKS itself makes."""
    ec2 = backend(cluster.region)
    name = f"eks-cluster-sg-{cluster.name}-{random.randrange(10**9)}"
    text = "EKS created security group applied to ENI that is attached to EKS Control Plane master nodes, as well as any managed workloads."
    tags = {"Name": name, f"kubernetes.io/cluster/{cluster.name}": "owned", "aws:eks:cluster-name": cluster.name}
    group = ec2.create_security_group(name, text, vpc_id=vpc, tags=tags)
    ec2.authorize_security_group_ingress(group.id, "-1", None, None, [], source_groups=[{"GroupId": group.id}])
    return str(group.id)


def make_interfaces(cluster: Cluster) -> None:
    """New interfaces in two of the subnets, in place of what there was; their addresses are others then."""
    drop_interfaces(cluster)
    ec2 = backend(cluster.region)
    vpc = cluster.said["resourcesVpcConfig"]
    zones: dict[str, Any] = {}
    for subnet in subnets(cluster.region, vpc["subnetIds"]):
        zones.setdefault(subnet.availability_zone, subnet)
    for subnet in list(zones.values())[:2]:
        address = subnet.get_available_subnet_ip(None)
        wanted = [*vpc["securityGroupIds"], vpc["clusterSecurityGroupId"]]
        text = f"Amazon EKS {cluster.name}"
        eni = ec2.create_network_interface(subnet, address, group_ids=wanted, description=text)
        eni.status = "in-use"
        cluster.interfaces.append(eni.id)


def drop_interfaces(cluster: Cluster) -> None:
    """Takes them away, and gives their addresses back."""
    ec2 = backend(cluster.region)
    for one in cluster.interfaces:
        eni = ec2.enis.pop(one, None)
        if eni is not None:
            eni.subnet.del_subnet_ip(eni.private_ip_address)
    cluster.interfaces = []


def drop(cluster: Cluster) -> None:
    """What goes when the cluster goes."""
    drop_interfaces(cluster)
    group = cluster.said["resourcesVpcConfig"].get("clusterSecurityGroupId")
    try:
        backend(cluster.region).delete_security_group(group_id=group)
    except AwsError:
        pass  # Others use it: EKS leaves it, too.
    except Exception as error:
        if getattr(error, "code", 0) not in (400, 404):
            raise
