//! Calls of our own: which command makes them.

use super::Command::{self, Create, Delete, Doctor, Drift, Get, Handover, Plan, Update};

/// Calls that go together.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// Actions of IAM, with blanks between them.
    actions: &'static str,
    /// Who makes them.
    pub commands: &'static [Command],
}

const ALL: &[Command] = &Command::ALL;
/// What a plan is made from.
const LOOK: &[Command] = &[Plan, Create, Update, Doctor, Drift, Handover];
/// Those that change something.
const DO: &[Command] = &[Create, Update, Delete];

const fn call(actions: &'static str, commands: &'static [Command]) -> Call {
    Call { actions, commands }
}

/// All of them.
pub const CALLS: &[Call] = &[
    call("sts:GetCallerIdentity", ALL),
    call(
        "eks:DescribeCluster eks:ListAccessEntries eks:DescribeAccessEntry eks:ListAssociatedAccessPolicies eks:ListAddons eks:DescribeAddon",
        ALL,
    ),
    call("eks:ListClusters", &[Get, Create]),
    call("eks:DescribeClusterVersions", LOOK),
    call("eks:ListNodegroups eks:DescribeNodegroup eks:ListPodIdentityAssociations", ALL),
    call(
        "eks:DescribeAddonVersions eks:CreateAddon eks:UpdateAddon eks:CreatePodIdentityAssociation eks:DescribePodIdentityAssociation eks:UpdatePodIdentityAssociation eks:TagResource",
        &[Create, Update],
    ),
    call("eks:UpdateClusterConfig eks:UpdateClusterVersion", &[Create, Update]),
    call("eks:DescribeUpdate eks:DeleteAddon", DO),
    call("cloudformation:DescribeStacks cloudformation:ListStacks cloudformation:GetTemplate cloudformation:ListStackResources", ALL),
    call(
        "cloudformation:ListChangeSets cloudformation:CreateChangeSet cloudformation:DescribeChangeSet cloudformation:ExecuteChangeSet cloudformation:DeleteChangeSet cloudformation:TagResource",
        &[Create, Update],
    ),
    call("cloudformation:DescribeStackEvents cloudformation:DeleteStack cloudformation:UpdateTerminationProtection", DO),
    call("logs:DescribeLogGroups logs:CreateLogGroup logs:PutRetentionPolicy", &[Create, Update]),
    call("s3:PutObject s3:GetObject s3:DeleteObject", &[Create, Update]),
    call("ec2:ModifySubnetAttribute", &[Create, Update]),
    call("ec2:DescribeAvailabilityZones ec2:DescribeVpcEndpointServices", LOOK),
    call(
        "ec2:DescribeVpcs ec2:DescribeVpcAttribute ec2:DescribeSubnets ec2:DescribeRouteTables ec2:DescribeSecurityGroups ec2:DescribeNetworkAcls ec2:DescribeNetworkInterfaces ec2:DescribeVpcEndpoints",
        LOOK,
    ),
    call(
        "ec2:DescribeTransitGateways ec2:DescribeTransitGatewayAttachments ec2:DescribeTransitGatewayVpcAttachments ec2:SearchTransitGatewayRoutes ec2:DescribeVpnGateways",
        LOOK,
    ),
    call("route53resolver:ListResolverEndpoints route53resolver:ListResolverEndpointIpAddresses", LOOK),
    call("iam:GetRole iam:ListAttachedRolePolicies iam:SimulatePrincipalPolicy", LOOK),
    call("iam:GetOpenIDConnectProvider iam:CreateOpenIDConnectProvider iam:TagOpenIDConnectProvider", &[Create, Update]),
    call("iam:GetOpenIDConnectProvider iam:DeleteOpenIDConnectProvider", &[Delete]),
    call("iam:PassRole", &[Create, Update, Handover]),
    call("rolesanywhere:GetProfile rolesanywhere:GetTrustAnchor", LOOK),
    call("ssm:DescribeActivations ssm:DescribeInstanceInformation", ALL),
    call("ssm:CreateActivation ssm:DeleteActivation ssm:AddTagsToResource", &[Handover]),
    call("ssm:DeleteActivation ssm:DeregisterManagedInstance", &[Delete]),
];

impl Call {
    /// The actions of IAM.
    pub fn actions(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.actions.split_ascii_whitespace()
    }
}
