//! A managed node group for gateways.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::super::{Known, gateway};
use super::stack::document;
use crate::resolve::Partition;
use crate::template::cfn::{Resource, Template, Value};

/// Two processors, up to 12.5 Gbit/s; what a gateway's packets need beyond that is the user's to say.
const INSTANCE_TYPE: &str = "m6i.large";

/// Switches the source/destination check of the primary interface off. Retried, because a role's rights take some seconds to count.
const START: &str = r#"MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="=hybridge="

--=hybridge=
Content-Type: text/x-shellscript; charset="us-ascii"

#!/bin/bash
# A gateway passes packets on that are not addressed to it; EC2 drops those unless it is told not to.
imds=http://169.254.169.254/latest
pass_on() {
  token=$(curl -sf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$imds/api/token") || return 1
  ask() { curl -sf -H "X-aws-ec2-metadata-token: $token" "$imds/meta-data/$1"; }
  mac=$(ask mac) && region=$(ask placement/region) || return 1
  interface=$(ask "network/interfaces/macs/$mac/interface-id") || return 1
  aws ec2 modify-network-interface-attribute --region "$region" --network-interface-id "$interface" --no-source-dest-check
}
for _ in $(seq 30); do pass_on && exit 0; sleep 5; done
exit 1

--=hybridge=--
"#;

/// Puts role, launch template and node group into the template.
pub(super) fn add(known: &Known<'_>, (vpc, group): (&str, &str), subnets: Vec<Value>, template: &mut Template) {
    role(known, vpc, template);
    // With groups of its own a launch template gets none from EKS, so the cluster's is named, too.
    let groups = Value::list([Value::from(group), Value::attribute("GatewaySecurityGroup", "GroupId")]);
    let metadata = Value::object([("HttpTokens", Value::from("required")), ("HttpPutResponseHopLimit", 1i64.into())]);
    let tags = Value::list([
        Value::object([("Key", Value::from("Name")), ("Value", Value::sub("${AWS::StackName}/GatewayNodes"))]),
        Value::object([("Key", Value::from(super::subnets::TAG)), ("Value", known.name().into())]),
    ]);
    let data = Value::object([
        ("MetadataOptions", metadata),
        ("SecurityGroupIds", groups),
        ("TagSpecifications", Value::list([Value::object([("ResourceType", Value::from("instance")), ("Tags", tags)])])),
        ("UserData", BASE64_STANDARD.encode(START).into()),
    ]);
    template.add("GatewayLaunchTemplate", Resource::new("AWS::EC2::LaunchTemplate").set("LaunchTemplateData", data));
    let replicas = i64::from(gateway::REPLICAS);
    let scaling = [("DesiredSize", replicas), ("MinSize", replicas), ("MaxSize", replicas + 1)];
    let taint = [("Key", gateway::NODE_LABEL), ("Value", "true"), ("Effect", "NO_SCHEDULE")];
    let version = Value::attribute("GatewayLaunchTemplate", "LatestVersionNumber");
    let nodes = Resource::new("AWS::EKS::Nodegroup")
        .set("AmiType", "AL2023_x86_64_STANDARD")
        .set("ClusterName", known.name())
        .set("InstanceTypes", Value::list([INSTANCE_TYPE]))
        .set("Labels", Value::object([(gateway::NODE_LABEL, Value::from("true"))]))
        .set("LaunchTemplate", Value::object([("Id", Value::reference("GatewayLaunchTemplate")), ("Version", version)]))
        .set("NodeRole", Value::attribute("GatewayNodeRole", "Arn"))
        .set("ScalingConfig", Value::object(scaling.map(|(key, number)| (key, Value::from(number)))))
        .set("Subnets", Value::List(subnets))
        .set("Taints", Value::list([Value::object(taint.map(|(key, text)| (key, Value::from(text))))]))
        // One gateway after the other.
        .set("UpdateConfig", Value::object([("MaxUnavailable", Value::from(1i64))]));
    template.add("GatewayNodes", nodes);
}

fn role(known: &Known<'_>, vpc: &str, template: &mut Template) {
    let mut managed = vec!["AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"];
    let own_role = |addon: &&crate::world::LiveAddon| addon.addon_name == "vpc-cni" && !addon.service_account_role_arn.is_empty();
    if !known.world.addons.iter().any(|addon| own_role(&addon)) {
        managed.push("AmazonEKS_CNI_Policy");
    }
    let managed = managed.into_iter().map(|name| Value::sub(format!("arn:${{AWS::Partition}}:iam::aws:policy/{name}")));
    let trust = Value::object([
        ("Effect", Value::from("Allow")),
        ("Principal", Value::object([("Service", Value::from(Partition::of_region(known.region()).ec2))])),
        ("Action", Value::list(["sts:AssumeRole"])),
    ]);
    let of_vpc = Value::sub(format!("arn:${{AWS::Partition}}:ec2:${{AWS::Region}}:${{AWS::AccountId}}:vpc/{vpc}"));
    let switch = Value::object([
        ("Effect", Value::from("Allow")),
        ("Action", Value::list(["ec2:ModifyNetworkInterfaceAttribute"])),
        ("Resource", Value::sub("arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:network-interface/*")),
        ("Condition", Value::object([("ArnEquals", Value::object([("ec2:Vpc", of_vpc)]))])),
    ]);
    let policy = Value::object([("PolicyName", Value::from("SourceDestCheck")), ("PolicyDocument", document(Value::list([switch])))]);
    let role = Resource::new("AWS::IAM::Role")
        .set("AssumeRolePolicyDocument", document(Value::list([trust])))
        .set("ManagedPolicyArns", Value::list(managed))
        .set("Policies", Value::list([policy]));
    template.add_named("GatewayNodeRole", role);
}
