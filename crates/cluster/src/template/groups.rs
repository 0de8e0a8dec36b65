//! Security groups of control plane and nodes.

use hybridge_model::Cidr4;

use super::cfn::{Resource, Value};
use super::cluster_stack::Draft;

/// Groups, by what they are known by.
pub(super) struct Groups {
    /// Given to EKS beside its own.
    pub(super) control_plane: Vec<Value>,
    /// Of nodes in EC2, and of endpoints.
    pub(super) nodes: Value,
}

/// Makes groups that are not given, with their rules.
pub(super) fn add(draft: &mut Draft<'_>) -> Groups {
    let given = &draft.cluster.config.vpc;
    let control_plane = if !given.security_group.is_empty() {
        vec![Value::from(&given.security_group)]
    } else if !given.control_plane_security_group_ids.is_empty() {
        given.control_plane_security_group_ids.iter().map(Value::from).collect()
    } else {
        vec![control_plane(draft)]
    };
    let nodes = if given.shared_node_security_group.is_empty() { nodes(draft) } else { Value::from(&given.shared_node_security_group) };
    if manages_rules(draft) {
        let clusters = Value::attribute("ControlPlane", "ClusterSecurityGroupId");
        let rule =
            everything(nodes.clone(), clusters.clone(), "Allow managed and unmanaged nodes to communicate with each other (all ports)");
        draft.template.add("IngressDefaultClusterToNodeSG", rule);
        let rule = everything(clusters, nodes.clone(), "Allow unmanaged nodes to communicate with control plane (all ports)");
        draft.template.add("IngressNodeToDefaultClusterSG", rule);
    }
    draft.template.export("SecurityGroup", control_plane[0].clone());
    draft.template.export("SharedNodeSecurityGroup", nodes.clone());
    Groups { control_plane, nodes }
}

fn manages_rules(draft: &Draft<'_>) -> bool {
    draft.cluster.config.vpc.manage_shared_node_security_group_rules != Some(false)
}

fn control_plane(draft: &mut Draft<'_>) -> Value {
    let group = Resource::new("AWS::EC2::SecurityGroup")
        .set("GroupDescription", "Communication between the control plane and worker nodegroups")
        .set("VpcId", draft.vpc());
    let group = draft.template.add_named("ControlPlaneSecurityGroup", group);
    for cidr in draft.cluster.remote_cidrs() {
        let index = draft.indices.rules[&cidr];
        let description = format!("Allow nodes/pods from remote network ({cidr}) to communicate to controlplane");
        draft.template.add(format!("IngressControlPlaneRemoteNetworks{index}"), https(group.clone(), cidr, &description));
    }
    let remote = draft.cluster.remote_cidrs();
    // A network in both lists would be the same rule twice, which EC2 refuses.
    for cidr in draft.extra_cidrs.clone().into_iter().filter(|cidr| !remote.contains(cidr)) {
        let index = draft.indices.extra[&cidr];
        let description = format!("Allow Extra CIDR {index} ({cidr}) to communicate to controlplane");
        draft.template.add(format!("IngressControlPlaneExtraCIDR{index}"), https(group.clone(), cidr, &description));
    }
    group
}

fn nodes(draft: &mut Draft<'_>) -> Value {
    let group = Resource::new("AWS::EC2::SecurityGroup")
        .set("GroupDescription", "Communication between all nodes in the cluster")
        .set("VpcId", draft.vpc());
    let group = draft.template.add_named("ClusterSharedNodeSecurityGroup", group);
    let rule = everything(group.clone(), group.clone(), "Allow nodes to communicate with each other (all ports)");
    draft.template.add("IngressInterNodeGroupSG", rule);
    group
}

/// 443 from a network.
pub(super) fn https(group: Value, cidr: Cidr4, description: &str) -> Resource {
    Resource::new("AWS::EC2::SecurityGroupIngress")
        .set("GroupId", group)
        .set("CidrIp", cidr.to_string())
        .set("Description", description)
        .set("IpProtocol", "tcp")
        .set("FromPort", 443u32)
        .set("ToPort", 443u32)
}

/// All ports from another group. EC2 ignores ports where the protocol is -1; that eksctl names them makes ours the same resource.
fn everything(group: Value, from: Value, description: &str) -> Resource {
    Resource::new("AWS::EC2::SecurityGroupIngress")
        .set("GroupId", group)
        .set("SourceSecurityGroupId", from)
        .set("Description", description)
        .set("IpProtocol", "-1")
        .set("FromPort", 0u32)
        .set("ToPort", 65_535u32)
}
