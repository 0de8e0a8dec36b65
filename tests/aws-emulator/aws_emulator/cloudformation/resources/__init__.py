"""What each resource type does when it is made, changed and deleted."""

from __future__ import annotations

from ...eks.service import Eks
from ...errors import AwsError
from ...rolesanywhere import RolesAnywhere
from ...world import World
from . import ec2_gateways, ec2_groups, ec2_network, ec2_routes, ec2_servers, iam
from .anywhere import AnywhereProfile, AnywhereTrustAnchor
from .base import Handler, Place
from .eks_resources import AccessEntry, Addon, Cluster, Nodegroup, PodIdentity

__all__ = ["Handler", "Handlers", "Place"]


class Handlers:
    """A handler for each type."""

    def __init__(self, world: World, eks: Eks, rolesanywhere: RolesAnywhere) -> None:
        self._by_type: dict[str, Handler] = {
            "AWS::EC2::VPC": ec2_network.Vpc(),
            "AWS::EC2::VPCCidrBlock": ec2_network.VpcCidrBlock(),
            "AWS::EC2::Subnet": ec2_network.Subnet(),
            "AWS::EC2::RouteTable": ec2_routes.RouteTable(),
            "AWS::EC2::SubnetRouteTableAssociation": ec2_routes.Association(),
            "AWS::EC2::Route": ec2_routes.Route(),
            "AWS::EC2::VPNGatewayRoutePropagation": ec2_routes.Propagation(),
            "AWS::EC2::InternetGateway": ec2_gateways.InternetGateway(),
            "AWS::EC2::VPCGatewayAttachment": ec2_gateways.GatewayAttachment(),
            "AWS::EC2::EIP": ec2_gateways.ElasticIp(),
            "AWS::EC2::NatGateway": ec2_gateways.NatGateway(),
            "AWS::EC2::TransitGatewayAttachment": ec2_gateways.TransitAttachment(),
            "AWS::EC2::TransitGatewayVpcAttachment": ec2_gateways.TransitAttachment(),
            "AWS::EC2::SecurityGroup": ec2_groups.SecurityGroup(),
            "AWS::EC2::SecurityGroupIngress": ec2_groups.Rule(egress=False),
            "AWS::EC2::SecurityGroupEgress": ec2_groups.Rule(egress=True),
            "AWS::EC2::VPCEndpoint": ec2_network.VpcEndpoint(),
            "AWS::EC2::LaunchTemplate": ec2_servers.LaunchTemplate(),
            "AWS::EC2::Instance": ec2_servers.Instance(),
            "AWS::AutoScaling::AutoScalingGroup": ec2_servers.AutoScalingGroup(),
            "AWS::IAM::Role": iam.Role(),
            "AWS::IAM::Policy": iam.Policy(),
            "AWS::IAM::RolePolicy": iam.RolePolicy(),
            "AWS::IAM::ManagedPolicy": iam.ManagedPolicy(),
            "AWS::IAM::InstanceProfile": iam.InstanceProfile(),
            "AWS::IAM::OIDCProvider": iam.OidcProvider(),
            "AWS::EKS::Cluster": Cluster(eks),
            "AWS::EKS::AccessEntry": AccessEntry(eks),
            "AWS::EKS::Addon": Addon(eks),
            "AWS::EKS::Nodegroup": Nodegroup(eks),
            "AWS::EKS::PodIdentityAssociation": PodIdentity(eks),
            "AWS::RolesAnywhere::TrustAnchor": AnywhereTrustAnchor(rolesanywhere),
            "AWS::RolesAnywhere::Profile": AnywhereProfile(rolesanywhere),
        }

    def of(self, kind: str) -> Handler:
        """The handler of a type."""
        handler = self._by_type.get(kind)
        if handler is None:
            raise AwsError("InternalFailure", f"the emulator makes no {kind}", 501)
        return handler
