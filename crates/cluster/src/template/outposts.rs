//! Outposts servers: their subnets in the cluster's stack, and their nodes, each group in a stack of its own as eksctl has them.

use std::collections::BTreeMap;

use super::cfn::{Resource, Template, Value};
use super::cluster_stack::Draft;
use super::node_group::node_role;
use super::user_data::user_data;
use super::{Purpose, StackPlan, alias, plan};
use crate::config::outposts::{OutpostSubnet, OutpostsServer};
use crate::resolve::Cluster;

/// aws-node leaves an interface alone that carries it, except the primary one, which it manages whatever its tags say
/// (amazon-vpc-cni-k8s, `pkg/ipamd`, `setUnmanagedENIs`). A launch template has one set of tags for all interfaces of a launch, so the
/// primary one carries it, too, and nothing comes of that.
const NO_MANAGE: &str = "node.k8s.amazonaws.com/no_manage";

/// Output of the cluster's stack with its certificate authority.
pub(super) const AUTHORITY: &str = "OutpostsCertificateAuthorityData";

/// Subnets on Outposts in a VPC that is made. They go the way of the private subnets of their zone.
pub(super) fn subnets(draft: &mut Draft<'_>) {
    let cluster = draft.cluster;
    for server in &cluster.annotations.outposts_servers {
        let OutpostSubnet::Made(cidr) = &server.subnet else { continue };
        let id = alias(&server.name);
        let private = &cluster.vpc.private;
        let Some(table) = private.iter().find(|subnet| subnet.zone == server.zone).or(private.first()) else { continue };
        let table = Value::reference(format!("PrivateRouteTable{}", alias(&table.name)));
        let subnet = Resource::new("AWS::EC2::Subnet")
            .set("AvailabilityZone", &server.zone)
            .set("CidrBlock", cidr.to_string())
            .set("EnableLniAtDeviceIndex", server.lni_device_index)
            .set("OutpostArn", &server.outpost_arn)
            .set("VpcId", draft.vpc());
        let subnet = draft.template.add_named(format!("SubnetOutpost{id}"), subnet);
        let association = Resource::new("AWS::EC2::SubnetRouteTableAssociation").set("SubnetId", subnet.clone()).set("RouteTableId", table);
        draft.template.add(format!("RouteTableAssociationOutpost{id}"), association);
        draft.template.export(&format!("SubnetOutpost{id}"), subnet);
    }
}

/// What nodes of one's own are told of the cluster. eksctl's stack has the authority as an output that nobody can import.
pub(super) fn exports(draft: &mut Draft<'_>) {
    if !draft.cluster.annotations.outposts_servers.is_empty() {
        draft.template.export(AUTHORITY, Value::attribute("ControlPlane", "CertificateAuthorityData"));
    }
}

/// Stacks of nodes. They import from the cluster's own stack, which a cluster made by others does not have.
pub(super) fn stacks(cluster: &Cluster) -> Vec<StackPlan> {
    let servers = if cluster.foreign { &[][..] } else { &cluster.annotations.outposts_servers };
    servers.iter().map(|server| stack(cluster, server)).collect()
}

fn stack(cluster: &Cluster, server: &OutpostsServer) -> StackPlan {
    let name = &cluster.config.metadata.name;
    let mut template = Template::new(format!("EKS nodes on Outposts server {} [created and managed by hybridge]", server.name));
    let role = node_role(cluster, &mut template);
    let profile = Resource::new("AWS::IAM::InstanceProfile").set("Path", "/");
    template.add("NodeInstanceProfile", profile.set("Roles", Value::List(vec![Value::reference("NodeInstanceRole")])));
    let entry = Resource::new("AWS::EKS::AccessEntry").set("ClusterName", name).set("PrincipalArn", role.clone());
    template.add("AccessEntry", entry.set("Type", "EC2_LINUX"));
    let launch = Resource::new("AWS::EC2::LaunchTemplate")
        .set("LaunchTemplateName", Value::sub("${AWS::StackName}"))
        .set("LaunchTemplateData", launch_template(cluster, server));
    let launch = template.add("LaunchTemplate", launch);
    template.add("NodeGroup", group(cluster, server, launch));
    // eksctl reads the role of nodes that are not EKS's own from this output.
    template.export("InstanceRoleARN", role);
    let mut stack = plan(cluster, format!("eksctl-{name}-nodegroup-{}", server.name), Purpose::NodeGroup, template);
    stack.tags.extend(group_tags(server));
    stack
}

fn group_tags(server: &OutpostsServer) -> [(String, String); 2] {
    [
        ("alpha.eksctl.io/nodegroup-name".to_owned(), server.name.clone()),
        ("alpha.eksctl.io/nodegroup-type".to_owned(), "unmanaged".to_owned()),
    ]
}

fn subnet(cluster: &Cluster, server: &OutpostsServer) -> Value {
    match &server.subnet {
        OutpostSubnet::Given(id) => Value::from(id),
        OutpostSubnet::Made(_) => Value::import(&cluster.stack_name(), &format!("SubnetOutpost{}", alias(&server.name))),
    }
}

/// Without disks: a server has none of EBS. Its root disk is a copy of the image on an instance store.
fn launch_template(cluster: &Cluster, server: &OutpostsServer) -> Value {
    let groups = || Value::List(vec![Value::import(&cluster.stack_name(), "ClusterSecurityGroupId")]);
    let interface = |index: u32, what: &str| {
        vec![
            ("DeviceIndex", Value::from(index)),
            ("DeleteOnTermination", Value::from(true)),
            ("Description", Value::from(format!("{what} of nodes {} of {}", server.name, cluster.config.metadata.name))),
            ("Groups", groups()),
        ]
    };
    // The Auto Scaling group says where the primary one is; the LNI's group is never asked, but EC2 would give it the VPC's own.
    let mut lni = interface(server.lni_device_index, "LNI");
    lni.push(("SubnetId", subnet(cluster, server)));
    let metadata =
        [("HttpEndpoint", Value::from("enabled")), ("HttpTokens", Value::from("required")), ("HttpPutResponseHopLimit", Value::from(2u32))];
    let tags = instance_tags(cluster, server);
    let mut of_interfaces = tags.clone();
    of_interfaces.insert(NO_MANAGE.to_owned(), "true".to_owned());
    let tagged = |kind: &str, tags: &BTreeMap<String, String>| {
        let tags = tags.iter().map(|(key, value)| Value::object([("Key", Value::from(key)), ("Value", Value::from(value))]));
        Value::object([("ResourceType", Value::from(kind)), ("Tags", Value::List(tags.collect()))])
    };
    Value::object([
        ("IamInstanceProfile", Value::object([("Arn", Value::attribute("NodeInstanceProfile", "Arn"))])),
        ("ImageId", image(cluster, server)),
        ("InstanceType", Value::from(server.instance_type.name)),
        ("MetadataOptions", Value::object(metadata)),
        ("NetworkInterfaces", Value::List(vec![Value::object(interface(0, "Primary interface")), Value::object(lni)])),
        ("TagSpecifications", Value::List(vec![tagged("instance", &tags), tagged("network-interface", &of_interfaces)])),
        ("UserData", Value::object([("Fn::Base64", user_data(cluster, server))])),
    ])
}

/// EC2 looks the parameter up at each launch, so the template does not change with each image (EKS user guide, "Retrieve recommended
/// Amazon Linux AMI IDs").
fn image(cluster: &Cluster, server: &OutpostsServer) -> Value {
    let newest = || {
        let (version, architecture) = (&cluster.version, server.instance_type.architecture());
        format!("resolve:ssm:/aws/service/eks/optimized-ami/{version}/amazon-linux-2023/{architecture}/standard/recommended/image_id")
    };
    Value::from(server.ami.clone().unwrap_or_else(newest))
}

fn instance_tags(cluster: &Cluster, server: &OutpostsServer) -> BTreeMap<String, String> {
    let name = &cluster.config.metadata.name;
    let mut tags = cluster.config.metadata.tags.clone();
    tags.extend(group_tags(server));
    tags.insert("Name".to_owned(), format!("{name}-{}-Node", server.name));
    tags.insert(format!("kubernetes.io/cluster/{name}"), "owned".to_owned());
    tags
}

fn group(cluster: &Cluster, server: &OutpostsServer, launch: Value) -> Resource {
    let version = [("LaunchTemplateId", launch), ("Version", Value::attribute("LaunchTemplate", "LatestVersionNumber"))];
    let tags = instance_tags(cluster, server).into_iter().map(|(key, value)| {
        Value::object([("Key", Value::from(key)), ("Value", Value::from(value)), ("PropagateAtLaunch", Value::from(true))])
    });
    let mut group = Resource::new("AWS::AutoScaling::AutoScalingGroup")
        .set("DesiredCapacity", server.desired_capacity.to_string())
        .set("LaunchTemplate", Value::object(version))
        .set("MaxSize", server.max_size.to_string())
        .set("MinSize", server.min_size.to_string())
        .set("Tags", Value::List(tags.collect()))
        .set("VPCZoneIdentifier", Value::List(vec![subnet(cluster, server)]))
        .after("AccessEntry");
    // A server may have no room for one node more, so one goes before another comes.
    let rolling = [
        ("MaxBatchSize", Value::from(1u32)),
        ("MinInstancesInService", Value::from(server.min_size.min(server.max_size.saturating_sub(1)))),
        ("SuspendProcesses", Value::list(["HealthCheck", "ReplaceUnhealthy", "AZRebalance", "AlarmNotification", "ScheduledActions"])),
    ];
    let policy = Value::object([("AutoScalingRollingUpdate", Value::object(rolling))]);
    group.attributes.insert("UpdatePolicy".to_owned(), policy);
    group
}

#[cfg(test)]
mod tests;
