//! The cluster itself, and the role that it works with.

use super::cfn::{Resource, Value};
use super::cluster_stack::Draft;
use super::document::{document, managed, trust};
use super::groups::Groups;
use super::network::{Kind, subnet};
use crate::config::ClusterConfig;
use crate::resolve::Cluster;

/// Logs that a control plane can write (EKS API, `LogType`).
const LOGS: [&str; 5] = ["api", "audit", "authenticator", "controllerManager", "scheduler"];

/// Adds role and cluster.
pub(super) fn add(draft: &mut Draft<'_>, groups: &Groups) {
    let role = service_role(draft);
    let cluster = draft.cluster;
    let config = &cluster.config;
    let access = &config.access_config;
    let mode = if access.authentication_mode.is_empty() { "API_AND_CONFIG_MAP" } else { &access.authentication_mode };
    let creator = access.bootstrap_cluster_creator_admin_permissions != Some(false);
    let access = [("AuthenticationMode", Value::from(mode)), ("BootstrapClusterCreatorAdminPermissions", Value::from(creator))];
    let mut resource = Resource::new("AWS::EKS::Cluster")
        .set("Name", &config.metadata.name)
        .set("Version", &cluster.version)
        .set("RoleArn", role)
        .set("AccessConfig", Value::object(access))
        .set("BootstrapSelfManagedAddons", false)
        .set("ResourcesVpcConfig", network(draft, groups))
        .set_some("RemoteNetworkConfig", remote_networks(draft))
        .set_some("Logging", logging(draft))
        .set_some("EncryptionConfig", encryption(config));
    resource = auto_mode(draft, resource);
    let support = &config.upgrade_policy.support_type;
    let upgrade = (!support.is_empty()).then(|| Value::object([("SupportType", Value::from(support))]));
    let shift = config.zonal_shift_config.enabled == Some(true);
    let shift = (shift || had(draft, "ZonalShiftConfig")).then(|| Value::object([("Enabled", Value::from(shift))]));
    let tier = &config.control_plane_scaling_config.tier;
    let scaling = (!tier.is_empty()).then(|| Value::object([("Tier", Value::from(tier))]));
    resource =
        resource.set_some("UpgradePolicy", upgrade).set_some("ZonalShiftConfig", shift).set_some("ControlPlaneScalingConfig", scaling);
    for (key, value) in &config.metadata.tags {
        resource = resource.tag(key, value);
    }
    draft.template.add_named("ControlPlane", resource);
    draft.template.output("CertificateAuthorityData", Value::attribute("ControlPlane", "CertificateAuthorityData"));
    for (key, attribute) in [("Endpoint", "Endpoint"), ("ARN", "Arn"), ("ClusterSecurityGroupId", "ClusterSecurityGroupId")] {
        draft.template.export(key, Value::attribute("ControlPlane", attribute));
    }
}

fn service_role(draft: &mut Draft<'_>) -> Value {
    let iam = &draft.cluster.config.iam;
    let role = if iam.service_role_arn.is_empty() {
        let mut policies = vec!["AmazonEKSClusterPolicy"];
        if iam.vpc_resource_controller_policy != Some(false) {
            policies.push("AmazonEKSVPCResourceController");
        }
        // Where it was on, EKS needs them to take its nodes away, and CloudFormation changes the role before the cluster.
        if draft.cluster.auto_mode() || had(draft, "ComputeConfig") {
            let more =
                ["AmazonEKSComputePolicy", "AmazonEKSBlockStoragePolicy", "AmazonEKSLoadBalancingPolicy", "AmazonEKSNetworkingPolicy"];
            policies.extend(more);
        }
        let boundary = &iam.service_role_permissions_boundary;
        let role = Resource::new("AWS::IAM::Role")
            .set("AssumeRolePolicyDocument", document(vec![trust("EKS", &["sts:AssumeRole", "sts:TagSession"], vec![])]))
            .set("ManagedPolicyArns", managed(&policies))
            .set_some("PermissionsBoundary", (!boundary.is_empty()).then_some(boundary));
        draft.template.add_named("ServiceRole", role);
        Value::attribute("ServiceRole", "Arn")
    } else {
        Value::from(&iam.service_role_arn)
    };
    draft.template.export("ServiceRoleARN", role.clone());
    role
}

fn network(draft: &Draft<'_>, groups: &Groups) -> Value {
    let cluster = draft.cluster;
    let vpc = &cluster.config.vpc;
    let (public, private) = endpoints(&cluster.config);
    let named = &vpc.control_plane_subnet_ids;
    let subnets = if named.is_empty() { control_plane_subnets(cluster) } else { named.iter().map(Value::from).collect() };
    let mut network = vec![
        ("EndpointPublicAccess", Value::from(public)),
        ("EndpointPrivateAccess", Value::from(private)),
        ("SecurityGroupIds", Value::List(groups.control_plane.clone())),
        ("SubnetIds", Value::List(subnets)),
    ];
    if !vpc.public_access_cidrs.is_empty() {
        network.push(("PublicAccessCidrs", Value::list(&vpc.public_access_cidrs)));
    }
    if !vpc.control_plane_egress_mode.is_empty() {
        network.push(("ControlPlaneEgressMode", Value::from(&vpc.control_plane_egress_mode)));
    }
    Value::object(network)
}

/// Whether the Kubernetes API can be reached from the internet, and from the VPC.
///
/// A private cluster has its public endpoint off from the start. eksctl makes it with both, as it needs the API itself, and turns one
/// off in EKS at the end, so that its stack says something else than EKS for ever after; and hybrid nodes cannot join with both on.
fn endpoints(config: &ClusterConfig) -> (bool, bool) {
    if config.private_cluster.enabled {
        return (false, true);
    }
    let said = &config.vpc.cluster_endpoints;
    (said.public_access != Some(false), said.private_access == Some(true))
}

fn control_plane_subnets(cluster: &Cluster) -> Vec<Value> {
    let kind = |wanted: &crate::resolve::ClusterSubnet| {
        let public = cluster.vpc.public.iter().any(|subnet| std::ptr::eq(subnet, wanted));
        if public { Kind::Public } else { Kind::Private }
    };
    cluster.control_plane_subnets().into_iter().map(|wanted| subnet(kind(wanted), wanted)).collect()
}

/// Remote networks. EKS takes an absent list for "as before" and an empty one for "none": where there are some, going means empty.
fn remote_networks(draft: &Draft<'_>) -> Option<Value> {
    let cluster = draft.cluster;
    let list = |cidrs: &[hybridge_model::Cidr4]| {
        if cidrs.is_empty() {
            Value::List(Vec::new())
        } else {
            Value::List(vec![Value::object([("Cidrs", Value::list(cidrs.iter().map(ToString::to_string)))])])
        }
    };
    let (had_nodes, had_pods) = had_networks(draft);
    let mut networks = Vec::new();
    if !cluster.node_cidrs.is_empty() || had_nodes {
        networks.push(("RemoteNodeNetworks", list(&cluster.node_cidrs)));
    }
    if !cluster.pod_cidrs.is_empty() || had_pods {
        networks.push(("RemotePodNetworks", list(&cluster.pod_cidrs)));
    }
    (!networks.is_empty()).then(|| Value::object(networks))
}

/// Whether EKS or the deployed template has networks of nodes and of pods.
fn had_networks(draft: &Draft<'_>) -> (bool, bool) {
    let some = |networks: &[crate::world::LiveCidrs]| networks.iter().any(|network| !network.cidrs.is_empty());
    let live = draft.world.cluster.as_ref().and_then(|cluster| cluster.remote_network_config.as_ref());
    let live = live.map_or((false, false), |live| (some(&live.remote_node_networks), some(&live.remote_pod_networks)));
    let deployed = |key: &str| had(draft, &format!("RemoteNetworkConfig/{key}"));
    (live.0 || deployed("RemoteNodeNetworks"), live.1 || deployed("RemotePodNetworks"))
}

/// Whether the deployed template has a property of the cluster. EKS takes one that is absent for "as before", so what is to be off has
/// to be said from then on.
fn had(draft: &Draft<'_>, property: &str) -> bool {
    let deployed = draft.world.deployed.as_ref().map(|deployed| &deployed.template_body);
    deployed.is_some_and(|body| body.pointer(&format!("/Resources/ControlPlane/Properties/{property}")).is_some())
}

fn logging(draft: &Draft<'_>) -> Option<Value> {
    let types = log_types(&draft.cluster.config);
    let types = types.iter().map(|name| Value::object([("Type", Value::from(*name))])).collect::<Vec<_>>();
    let wanted = !types.is_empty() || had(draft, "Logging");
    let enabled = Value::object([("EnabledTypes", Value::List(types))]);
    wanted.then(|| Value::object([("ClusterLogging", enabled)]))
}

/// Logs that are wanted, each by name.
pub(super) fn log_types(config: &ClusterConfig) -> Vec<&str> {
    let said = &config.cloud_watch.cluster_logging.enable_types;
    if said.iter().any(|name| name == "*" || name == "all") { LOGS.to_vec() } else { said.iter().map(String::as_str).collect() }
}

fn encryption(config: &ClusterConfig) -> Option<Value> {
    let key = config.secrets_encryption.as_ref().map(|encryption| &encryption.key_arn).filter(|arn| !arn.is_empty())?;
    let provider = Value::object([("KeyArn", Value::from(key))]);
    Some(Value::List(vec![Value::object([("Provider", provider), ("Resources", Value::list(["secrets"]))])]))
}

/// What Auto Mode adds to the cluster, and Kubernetes' own networks, which it shares a property with.
fn auto_mode(draft: &mut Draft<'_>, mut resource: Resource) -> Resource {
    let on = draft.cluster.auto_mode();
    let mut kubernetes = Vec::new();
    // EKS takes all three on, or all three off.
    if on || had(draft, "ComputeConfig") {
        let switch = || Value::object([("Enabled", Value::from(on))]);
        let compute = if on { compute(draft) } else { switch() };
        resource = resource.set("ComputeConfig", compute).set("StorageConfig", Value::object([("BlockStorage", switch())]));
        kubernetes.push(("ElasticLoadBalancing", switch()));
    }
    let said = &draft.cluster.config.kubernetes_network_config;
    if let Some(services) = draft.cluster.service_cidr {
        kubernetes.push(("ServiceIpv4Cidr", Value::from(services.to_string())));
    }
    if draft.cluster.service_cidr.is_some() || !said.ip_family.is_empty() {
        kubernetes.push(("IpFamily", Value::from("ipv4")));
    }
    resource.set("KubernetesNetworkConfig", Value::object(kubernetes))
}

fn compute(draft: &mut Draft<'_>) -> Value {
    let config = &draft.cluster.config.auto_mode_config;
    let default = || vec!["general-purpose".to_owned(), "system".to_owned()];
    let pools = config.node_pools.clone().unwrap_or_else(default);
    let mut compute = vec![("Enabled", Value::from(true))];
    if !config.node_role_arn.is_empty() {
        compute.push(("NodeRoleArn", Value::from(&config.node_role_arn)));
    } else if !pools.is_empty() {
        compute.push(("NodeRoleArn", auto_mode_role(draft)));
    }
    if !pools.is_empty() {
        compute.push(("NodePools", Value::list(pools)));
    }
    Value::object(compute)
}

fn auto_mode_role(draft: &mut Draft<'_>) -> Value {
    let boundary = &draft.cluster.config.auto_mode_config.permissions_boundary_arn;
    let mut policies = vec!["AmazonEC2ContainerRegistryPullOnly", "AmazonEKSWorkerNodeMinimalPolicy"];
    if draft.cluster.partition == "aws" {
        policies.push("AmazonElasticContainerRegistryPublicReadOnly");
    }
    let role = Resource::new("AWS::IAM::Role")
        .set("AssumeRolePolicyDocument", document(vec![trust("EC2", &["sts:AssumeRole"], vec![])]))
        .set("ManagedPolicyArns", managed(&policies))
        .set_some("PermissionsBoundary", (!boundary.is_empty()).then_some(boundary));
    draft.template.add("AutoModeNodeRole", role);
    let arn = Value::attribute("AutoModeNodeRole", "Arn");
    // eksctl's name of this export differs from all others.
    let export = Some(Value::sub("${AWS::StackName}-NodeRoleArn"));
    draft.template.outputs.insert("AutoModeNodeRoleARN".to_owned(), super::cfn::Output { value: arn.clone(), export });
    arn
}
