//! Groups of EC2 nodes that EKS manages, each in a stack of its own: role, launch template, group.

use std::collections::BTreeMap;

use super::cfn::{Resource, Template, Value};
use super::document::{PRINCIPALS, document, managed, principals, trust};
use super::{Purpose, StackPlan, plan};
use crate::config::ManagedNodeGroup;
use crate::difference::canonical_at;
use crate::resolve::{Cluster, ClusterSubnet};
use crate::world::World;

/// eksctl's default type of instances.
const INSTANCE_TYPE: &str = "m5.large";
/// eksctl's default number of nodes.
const NODES: u32 = 2;
/// eksctl's default size of a node's disk, in GiB.
const VOLUME: u32 = 80;

pub(super) fn stacks(cluster: &Cluster, world: &World) -> Vec<StackPlan> {
    // Stacks of groups import from the cluster's own stack, which a cluster made by others does not have.
    let groups = if cluster.foreign { &[][..] } else { &cluster.config.managed_node_groups };
    groups.iter().map(|group| stack(cluster, group, world)).collect()
}

fn stack(cluster: &Cluster, group: &ManagedNodeGroup, world: &World) -> StackPlan {
    let name = &cluster.config.metadata.name;
    let mut template = Template::new("EKS Managed Nodes (SSH access: false) [created by eksctl]");
    let role =
        if group.iam.instance_role_arn.is_empty() { node_role(cluster, &mut template) } else { Value::from(&group.iam.instance_role_arn) };
    let data = launch_template(cluster, group);
    let launch = Resource::new("AWS::EC2::LaunchTemplate")
        .set("LaunchTemplateName", Value::sub("${AWS::StackName}"))
        .set("LaunchTemplateData", data);
    let launch = template.add("LaunchTemplate", launch);
    template.add("ManagedNodeGroup", node_group(cluster, group, world, role, launch));
    let mut stack = plan(cluster, format!("eksctl-{name}-nodegroup-{}", group.name), Purpose::NodeGroup, template);
    stack.tags.extend(group_tags(group));
    stack
}

/// Where the template of a group names the launch template.
const LAUNCH: &str = "/Resources/ManagedNodeGroup/Properties/LaunchTemplate/Version";

/// The template over one that is deployed. Without a version a group goes by the launch template's default one, which is the first: as soon
/// as another one is made, its number has to be said, or nodes stay as they are.
pub(super) fn over(mut template: Template, deployed: &serde_json::Value) -> Template {
    let data = |template: &serde_json::Value| {
        let data = template.pointer("/Resources/LaunchTemplate/Properties/LaunchTemplateData");
        data.map(|data| canonical_at(data, "LaunchTemplateData"))
    };
    if (deployed.pointer(LAUNCH).is_some() || data(deployed) != data(&template.to_json()))
        && let Some(group) = template.resources.remove("ManagedNodeGroup")
    {
        let launch =
            [("Id", Value::Ref("LaunchTemplate".to_owned())), ("Version", Value::attribute("LaunchTemplate", "LatestVersionNumber"))];
        template.add("ManagedNodeGroup", group.set("LaunchTemplate", Value::object(launch)));
    }
    template
}

/// eksctl's tags of a group, and the file's.
fn group_tags(group: &ManagedNodeGroup) -> BTreeMap<String, String> {
    let mut tags = group.tags.clone();
    tags.insert("alpha.eksctl.io/nodegroup-name".to_owned(), group.name.clone());
    tags.insert("alpha.eksctl.io/nodegroup-type".to_owned(), "managed".to_owned());
    tags
}

pub(super) fn node_role(cluster: &Cluster, template: &mut Template) -> Value {
    template.mappings.insert(PRINCIPALS.to_owned(), principals());
    let mut policies = vec!["AmazonEC2ContainerRegistryPullOnly", "AmazonEKSWorkerNodePolicy"];
    // With OpenID Connect the CNI has a role of its own.
    if cluster.config.iam.with_oidc != Some(true) {
        policies.push("AmazonEKS_CNI_Policy");
    }
    policies.push("AmazonSSMManagedInstanceCore");
    let role = Resource::new("AWS::IAM::Role")
        .set("Path", "/")
        .set("AssumeRolePolicyDocument", document(vec![trust("EC2", &["sts:AssumeRole"], vec![])]))
        .set("ManagedPolicyArns", managed(&policies));
    template.add_named("NodeInstanceRole", role);
    Value::attribute("NodeInstanceRole", "Arn")
}

fn node_group(cluster: &Cluster, group: &ManagedNodeGroup, world: &World, role: Value, launch: Value) -> Resource {
    let min = group.min_size.or(group.desired_capacity).unwrap_or(NODES);
    let desired = group.desired_capacity.unwrap_or(min);
    let max = group.max_size.unwrap_or(desired.max(min));
    let scaling = [("MinSize", Value::from(min)), ("DesiredSize", Value::from(desired)), ("MaxSize", Value::from(max))];
    let mut labels = group.labels.clone();
    labels.insert("alpha.eksctl.io/cluster-name".to_owned(), cluster.config.metadata.name.clone());
    labels.insert("alpha.eksctl.io/nodegroup-name".to_owned(), group.name.clone());
    let mut tags = cluster.config.metadata.tags.clone();
    tags.extend(group_tags(group));
    let types = instance_types(group);
    let taints: Vec<Value> = group.taints.iter().map(taint).collect();
    Resource::new("AWS::EKS::Nodegroup")
        .set("ClusterName", &cluster.config.metadata.name)
        .set("NodegroupName", &group.name)
        .set("ScalingConfig", Value::object(scaling))
        .set("Subnets", subnets(cluster, group, world))
        .set("NodeRole", role)
        .set("Labels", Value::object(labels.iter().map(|(key, value)| (key, Value::from(value)))))
        .set("Tags", Value::object(tags.iter().map(|(key, value)| (key, Value::from(value)))))
        .set_some("Taints", (!taints.is_empty()).then_some(Value::List(taints)))
        .set_some("UpdateConfig", update_config(group))
        .set_some("CapacityType", group.spot.then_some("SPOT"))
        .set("AmiType", ami_type(&group.ami_family, &types))
        .set("InstanceTypes", Value::list(types))
        .set("LaunchTemplate", Value::object([("Id", launch)]))
}

/// EKS writes effects otherwise than Kubernetes.
fn taint(taint: &crate::config::Taint) -> Value {
    let effect = match taint.effect.as_str() {
        "NoSchedule" => "NO_SCHEDULE",
        "PreferNoSchedule" => "PREFER_NO_SCHEDULE",
        "NoExecute" => "NO_EXECUTE",
        other => other,
    };
    Value::object([("Key", Value::from(&taint.key)), ("Value", Value::from(&taint.value)), ("Effect", Value::from(effect))])
}

fn update_config(group: &ManagedNodeGroup) -> Option<Value> {
    let said = &group.update_config;
    let number = |key: &'static str, value: Option<u32>| value.map(|value| (key, Value::from(value)));
    let entries: Vec<_> =
        [number("MaxUnavailable", said.max_unavailable), number("MaxUnavailablePercentage", said.max_unavailable_percentage)]
            .into_iter()
            .flatten()
            .collect();
    (!entries.is_empty()).then(|| Value::object(entries))
}

fn instance_types(group: &ManagedNodeGroup) -> Vec<String> {
    if !group.instance_types.is_empty() {
        group.instance_types.clone()
    } else if !group.instance_type.is_empty() {
        vec![group.instance_type.clone()]
    } else {
        vec![INSTANCE_TYPE.to_owned()]
    }
}

fn launch_template(cluster: &Cluster, group: &ManagedNodeGroup) -> Value {
    let name = format!("{}-{}-Node", cluster.config.metadata.name, group.name);
    let mut tags = vec![("Name".to_owned(), name)];
    let mut more = cluster.config.metadata.tags.clone();
    more.extend(group_tags(group));
    tags.extend(more);
    let tags: Vec<Value> =
        tags.iter().map(|(key, value)| Value::object([("Key", Value::from(key)), ("Value", Value::from(value))])).collect();
    let tagged = |kind: &str| Value::object([("ResourceType", Value::from(kind)), ("Tags", Value::List(tags.clone()))]);
    let device = if group.ami_family.starts_with("Bottlerocket") {
        // Where Bottlerocket keeps images and pods; its system has a disk of its own.
        "/dev/xvdb"
    } else if group.ami_family.starts_with("Windows") {
        "/dev/sda1"
    } else {
        "/dev/xvda"
    };
    let size = group.volume_size.unwrap_or(VOLUME);
    let disk = [
        ("VolumeSize", Value::from(size)),
        ("VolumeType", Value::from("gp3")),
        ("Iops", Value::from(3000u32)),
        ("Throughput", Value::from(125u32)),
    ];
    let mapping = Value::object([("DeviceName", Value::from(device)), ("Ebs", Value::object(disk))]);
    let metadata = [("HttpTokens", Value::from("required")), ("HttpPutResponseHopLimit", Value::from(2u32))];
    Value::object([
        ("BlockDeviceMappings", Value::List(vec![mapping])),
        ("MetadataOptions", Value::object(metadata)),
        ("SecurityGroupIds", Value::List(vec![Value::import(&cluster.stack_name(), "ClusterSecurityGroupId")])),
        ("TagSpecifications", Value::List(["instance", "volume", "network-interface"].map(tagged).to_vec())),
    ])
}

/// Subnets by identifier where they are given; else what the cluster's stack exports, whole or one by one.
fn subnets(cluster: &Cluster, group: &ManagedNodeGroup, world: &World) -> Value {
    let (key, all) = if group.private_networking || cluster.vpc.public.is_empty() {
        ("SubnetsPrivate", &cluster.vpc.private)
    } else {
        ("SubnetsPublic", &cluster.vpc.public)
    };
    let wanted = |subnet: &&ClusterSubnet| {
        let by_name = group.subnets.iter().any(|name| *name == subnet.name || Some(name) == subnet.id.as_ref());
        let by_zone = group.availability_zones.contains(&subnet.zone);
        (group.subnets.is_empty() && group.availability_zones.is_empty()) || by_name || by_zone
    };
    let chosen: Vec<&ClusterSubnet> = all.iter().filter(wanted).collect();
    if cluster.vpc.id.is_some() {
        let mut ids: Vec<Value> = chosen.iter().filter_map(|subnet| subnet.id.as_ref()).map(Value::from).collect();
        // Subnets may be named that are not the control plane's.
        let foreign =
            group.subnets.iter().filter(|name| name.starts_with("subnet-") && !all.iter().any(|subnet| subnet.id.as_ref() == Some(name)));
        ids.extend(foreign.map(Value::from));
        return Value::List(ids);
    }
    let exported = || Value::Split(",".to_owned(), Box::new(Value::import(&cluster.stack_name(), key)));
    if chosen.len() == all.len() {
        return exported();
    }
    let order = export_order(cluster, world, key, all);
    let place = |subnet: &ClusterSubnet| order.iter().position(|name| *name == super::alias(&subnet.name)).unwrap_or_default();
    Value::List(chosen.iter().map(|subnet| Value::Select(place(subnet), Box::new(exported()))).collect())
}

/// Zones in the order in which the cluster's stack exports their subnets; eksctl's order is by chance.
fn export_order(cluster: &Cluster, world: &World, key: &str, all: &[ClusterSubnet]) -> Vec<String> {
    let kind = key.trim_start_matches("Subnets");
    let pointer = format!("/Outputs/{key}/Value/Fn::Join/1");
    let deployed =
        world.deployed.as_ref().and_then(|deployed| deployed.template_body.pointer(&pointer)).and_then(serde_json::Value::as_array);
    let deployed: Vec<String> = deployed
        .into_iter()
        .flatten()
        .filter_map(|item| item.get("Ref")?.as_str()?.strip_prefix(&format!("Subnet{kind}")).map(str::to_owned))
        .collect();
    if deployed.len() == all.len() && !cluster.foreign { deployed } else { all.iter().map(|subnet| super::alias(&subnet.name)).collect() }
}

/// Type of image for a family and the first type of instance that has something special (EKS API, `AMITypes`).
fn ami_type(family: &str, types: &[String]) -> &'static str {
    let arm = types.first().is_some_and(|name| is_arm(name));
    let nvidia = types.iter().any(|name| is_nvidia(name));
    let neuron = types.iter().any(|name| name.starts_with("inf") || name.starts_with("trn"));
    match (family, arm, nvidia, neuron) {
        ("Bottlerocket", true, true, _) => "BOTTLEROCKET_ARM_64_NVIDIA",
        ("Bottlerocket", true, false, _) => "BOTTLEROCKET_ARM_64",
        ("Bottlerocket", false, true, _) => "BOTTLEROCKET_x86_64_NVIDIA",
        ("Bottlerocket", false, false, _) => "BOTTLEROCKET_x86_64",
        ("BottlerocketFips", true, ..) => "BOTTLEROCKET_ARM_64_FIPS",
        ("BottlerocketFips", false, ..) => "BOTTLEROCKET_x86_64_FIPS",
        ("WindowsServer2019FullContainer", ..) => "WINDOWS_FULL_2019_x86_64",
        ("WindowsServer2019CoreContainer", ..) => "WINDOWS_CORE_2019_x86_64",
        ("WindowsServer2022FullContainer", ..) => "WINDOWS_FULL_2022_x86_64",
        ("WindowsServer2022CoreContainer", ..) => "WINDOWS_CORE_2022_x86_64",
        ("AmazonLinux2", true, ..) => "AL2_ARM_64",
        ("AmazonLinux2", false, true, _) | ("AmazonLinux2", false, _, true) => "AL2_x86_64_GPU",
        ("AmazonLinux2", false, ..) => "AL2_x86_64",
        (_, true, true, _) => "AL2023_ARM_64_NVIDIA",
        (_, true, false, _) => "AL2023_ARM_64_STANDARD",
        (_, false, true, _) => "AL2023_x86_64_NVIDIA",
        (_, false, false, true) => "AL2023_x86_64_NEURON",
        (_, false, false, false) => "AL2023_x86_64_STANDARD",
    }
}

/// Letters after a type's generation begin with `g` for Graviton (EC2 user guide, "Instance type naming conventions"); a1 came before.
fn is_arm(name: &str) -> bool {
    let family = name.split('.').next().unwrap_or_default();
    let series = family.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
    family == "a1" || (series.len() < family.len() && series.trim_start_matches(|digit: char| digit.is_ascii_digit()).starts_with('g'))
}

/// Families p and g are of graphics processors; g4ad is AMD's.
fn is_nvidia(name: &str) -> bool {
    let family = name.split('.').next().unwrap_or_default();
    let letters: String = family.chars().take_while(char::is_ascii_alphabetic).collect();
    ["p", "g", "gr"].contains(&letters.as_str()) && family != "g4ad"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_fit_families_and_processors() {
        let cases = [
            ("", "m5.large", "AL2023_x86_64_STANDARD"),
            ("AmazonLinux2023", "m7g.large", "AL2023_ARM_64_STANDARD"),
            ("", "im4gn.large", "AL2023_ARM_64_STANDARD"),
            ("", "a1.large", "AL2023_ARM_64_STANDARD"),
            ("", "m7i-flex.large", "AL2023_x86_64_STANDARD"),
            ("", "u-6tb1.56xlarge", "AL2023_x86_64_STANDARD"),
            ("", "g5.xlarge", "AL2023_x86_64_NVIDIA"),
            ("", "g5g.xlarge", "AL2023_ARM_64_NVIDIA"),
            ("", "g4ad.xlarge", "AL2023_x86_64_STANDARD"),
            ("", "trn1.2xlarge", "AL2023_x86_64_NEURON"),
            ("Bottlerocket", "c6gn.large", "BOTTLEROCKET_ARM_64"),
            ("AmazonLinux2", "p4d.24xlarge", "AL2_x86_64_GPU"),
            ("WindowsServer2022CoreContainer", "m5.large", "WINDOWS_CORE_2022_x86_64"),
        ];
        for (family, instance, expected) in cases {
            assert_eq!(ami_type(family, &[instance.to_owned()]), expected, "{family} {instance}");
        }
    }
}
