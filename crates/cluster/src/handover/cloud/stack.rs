//! The template.

use hybridge_report::Finding;

use super::super::{Known, gateway};
use super::{nodes, subnets, unknown};
use crate::template::cfn::{Resource, Template, Value};

/// Port of the tunnels (VXLAN, as Cilium has it).
const TUNNEL: i64 = 8472;
/// Port on which gateways tell each other that they are there.
const HEARTBEAT: i64 = 8473;

/// Name of the stack.
pub fn stack_name(cluster: &str) -> String {
    format!("hybridge-{cluster}-gateway")
}

/// The template, and what to know about it.
///
/// # Errors
/// What has to be known first.
pub fn template(known: &Known<'_>) -> Result<(Template, Vec<Finding>), Finding> {
    let vpc = known.vpc_id().ok_or_else(|| unknown("the VPC"))?;
    let group = known.cluster_security_group().ok_or_else(|| unknown("the cluster's security group"))?;
    let tables: Vec<&str> = known.route_tables().into_iter().collect();
    if tables.is_empty() {
        return Err(unknown("a route table of the cluster's subnets"));
    }
    if known.cluster.pod_cidrs.is_empty() {
        let what = "is not written: the file has no remotePodNetworks, and gateways carry packets of hybrid pods";
        return Err(Finding::error("gateway.pod-networks", super::TEMPLATE, what)
            .fix("write remoteNetworkConfig.remotePodNetworks into the file, and hybridge cluster update -f FILE"));
    }
    let mut template = Template::new(format!("Gateways between the VPC of EKS cluster {} and pods on its hybrid nodes", known.name()));
    let mut findings = Vec::new();
    let subnets = subnets::add(known, vpc, &mut template, &mut findings)?;
    template.output("GatewaySubnets", Value::Join(",".to_owned(), subnets.clone()));
    security_groups(known, (vpc, group), &mut template);
    role(known, &tables, &mut template);
    if !known.cluster.auto_mode() {
        nodes::add(known, (vpc, group), subnets, &mut template);
    }
    Ok((template, findings))
}

/// What may come to gateways, and from hybrid pods to the cluster. In the VPC packets are not in the tunnel: pods there send to hybrid
/// pods through a gateway's interface, and what hybrid pods send arrives with their own addresses.
fn security_groups(known: &Known<'_>, (vpc, cluster): (&str, &str), template: &mut Template) {
    let rule = |protocol: &str, ports: Option<i64>, cidr: &hybridge_model::Cidr4, why: &str| {
        let mut rule = vec![("IpProtocol", Value::from(protocol)), ("CidrIp", cidr.to_string().into()), ("Description", why.into())];
        rule.extend(ports.into_iter().flat_map(|port| [("FromPort", port.into()), ("ToPort", port.into())]));
        Value::object(rule)
    };
    let nodes = known.cluster.node_cidrs.iter().map(|cidr| rule("udp", Some(TUNNEL), cidr, "Tunnels of hybrid nodes"));
    let vpc_cidrs = known.vpc_cidrs();
    let inside = vpc_cidrs.iter().map(|cidr| rule("-1", None, cidr, "From the VPC to hybrid pods"));
    let group = Resource::new("AWS::EC2::SecurityGroup")
        .set("GroupDescription", format!("Gateways of EKS cluster {}", known.name()))
        .set("VpcId", vpc)
        .set("SecurityGroupIngress", Value::list(nodes.chain(inside)))
        .tag(subnets::TAG, known.name());
    template.add_named("GatewaySecurityGroup", group);
    let own = Value::attribute("GatewaySecurityGroup", "GroupId");
    let heartbeat = Resource::new("AWS::EC2::SecurityGroupIngress")
        .set("GroupId", own.clone())
        .set("SourceSecurityGroupId", own.clone())
        .set("IpProtocol", "udp")
        .set("FromPort", HEARTBEAT)
        .set("ToPort", HEARTBEAT)
        .set("Description", "Gateways among themselves");
    template.add("IngressBetweenGateways", heartbeat);
    for (index, cidr) in known.cluster.pod_cidrs.iter().enumerate() {
        let ingress = Resource::new("AWS::EC2::SecurityGroupIngress")
            .set("GroupId", cluster)
            .set("CidrIp", cidr.to_string())
            .set("IpProtocol", "-1")
            .set("Description", format!("From hybrid pods ({cidr}) to control plane and cloud nodes"));
        template.add(format!("IngressHybridPods{index}"), ingress);
    }
    template.output("GatewaySecurityGroup", own);
}

/// The four calls that a gateway makes, ours and AWS's; EC2 knows no narrower Describe than all. By EKS Pod Identity.
fn role(known: &Known<'_>, tables: &[&str], template: &mut Template) {
    let statement = |actions: &[&str], resources: Value| {
        Value::object([("Effect", Value::from("Allow")), ("Action", Value::list(actions.iter().copied())), ("Resource", resources)])
    };
    let arns = tables
        .iter()
        .map(|table| Value::sub(format!("arn:${{AWS::Partition}}:ec2:${{AWS::Region}}:${{AWS::AccountId}}:route-table/{table}")));
    let statements = [
        statement(&["ec2:DescribeInstances", "ec2:DescribeRouteTables"], "*".into()),
        statement(&["ec2:CreateRoute", "ec2:ReplaceRoute"], Value::list(arns)),
    ];
    let policy = Value::object([("PolicyName", Value::from("Routes")), ("PolicyDocument", document(Value::list(statements)))]);
    let cluster = Value::sub(format!("arn:${{AWS::Partition}}:eks:${{AWS::Region}}:${{AWS::AccountId}}:cluster/{}", known.name()));
    let trust = Value::object([
        ("Effect", Value::from("Allow")),
        ("Principal", Value::object([("Service", Value::from("pods.eks.amazonaws.com"))])),
        ("Action", Value::list(["sts:AssumeRole", "sts:TagSession"])),
        (
            "Condition",
            Value::object([
                ("StringEquals", Value::object([("aws:SourceAccount", Value::reference("AWS::AccountId"))])),
                ("ArnEquals", Value::object([("aws:SourceArn", cluster)])),
            ]),
        ),
    ]);
    let role = Resource::new("AWS::IAM::Role")
        .set("AssumeRolePolicyDocument", document(Value::list([trust])))
        .set("Policies", Value::list([policy]));
    template.add_named("GatewayRole", role);
    let association = Resource::new("AWS::EKS::PodIdentityAssociation")
        .set("ClusterName", known.name())
        .set("Namespace", gateway::RELEASE)
        .set("ServiceAccount", gateway::RELEASE)
        .set("RoleArn", Value::attribute("GatewayRole", "Arn"));
    template.add("GatewayPodIdentity", association);
    // Auto Mode has the agent built in.
    let agent = "eks-pod-identity-agent";
    let there = known.world.addons.iter().any(|addon| addon.addon_name == agent)
        || known.cluster.config.addons.iter().any(|addon| addon.name == agent);
    if !there && !known.cluster.auto_mode() {
        let addon = Resource::new("AWS::EKS::Addon").set("ClusterName", known.name()).set("AddonName", agent);
        template.add("PodIdentityAgent", addon);
    }
    template.output("GatewayRoleARN", Value::attribute("GatewayRole", "Arn"));
}

/// A policy document.
pub(super) fn document(statements: Value) -> Value {
    Value::object([("Version", Value::from("2012-10-17")), ("Statement", statements)])
}
