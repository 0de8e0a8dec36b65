//! Properties that only a new resource can have.

use serde_json::Value as Json;

/// Such properties of the types that we make (CloudFormation's resource schemas, `createOnlyProperties`; those that we never write are
/// left out). A test compares them with the schemas that cfn-lint brings.
pub const CREATE_ONLY: [(&str, &[&str]); 17] = [
    ("AWS::EC2::NatGateway", &["AllocationId", "SubnetId"]),
    ("AWS::EC2::Route", &["DestinationCidrBlock", "RouteTableId"]),
    ("AWS::EC2::RouteTable", &["VpcId"]),
    ("AWS::EC2::SecurityGroup", &["GroupDescription", "GroupName", "VpcId"]),
    ("AWS::EC2::SecurityGroupIngress", &["CidrIp", "FromPort", "GroupId", "IpProtocol", "SourceSecurityGroupId", "ToPort"]),
    ("AWS::EC2::Subnet", &["AvailabilityZone", "CidrBlock", "OutpostArn", "VpcId"]),
    ("AWS::EC2::SubnetRouteTableAssociation", &["RouteTableId", "SubnetId"]),
    ("AWS::EC2::TransitGatewayAttachment", &["TransitGatewayId", "VpcId"]),
    ("AWS::EC2::VPC", &["CidrBlock"]),
    ("AWS::EC2::VPCEndpoint", &["ServiceName", "VpcEndpointType", "VpcId"]),
    ("AWS::EC2::VPCGatewayAttachment", &["VpcId"]),
    ("AWS::EC2::LaunchTemplate", &["LaunchTemplateName"]),
    ("AWS::EKS::AccessEntry", &["ClusterName", "PrincipalArn", "Type"]),
    (
        "AWS::EKS::Cluster",
        &[
            "AccessConfig/BootstrapClusterCreatorAdminPermissions",
            "BootstrapSelfManagedAddons",
            "EncryptionConfig",
            "KubernetesNetworkConfig/IpFamily",
            "KubernetesNetworkConfig/ServiceIpv4Cidr",
            "Name",
            "OutpostConfig",
            "RoleArn",
        ],
    ),
    (
        "AWS::EKS::Nodegroup",
        &["AmiType", "CapacityType", "ClusterName", "DiskSize", "InstanceTypes", "NodeRole", "NodegroupName", "RemoteAccess", "Subnets"],
    ),
    ("AWS::IAM::InstanceProfile", &["InstanceProfileName", "Path"]),
    ("AWS::IAM::Role", &["Path", "RoleName"]),
];

/// Whether a change at `path` is one that only a new resource can have: at such a property, inside it, or around it.
pub fn replaces(kind: &str, path: &str, before: Option<&Json>, after: Option<&Json>) -> bool {
    let Some((_, properties)) = CREATE_ONLY.iter().find(|(name, _)| *name == kind) else { return false };
    properties.iter().any(|property| {
        let inside = path == *property || path.strip_prefix(property).is_some_and(|rest| rest.starts_with('/'));
        let around = property.strip_prefix(path).and_then(|rest| rest.strip_prefix('/'));
        let has = |value: Option<&Json>, rest: &str| value.is_some_and(|value| value.pointer(&format!("/{rest}")).is_some());
        inside || around.is_some_and(|rest| has(before, rest) || has(after, rest))
    })
}
