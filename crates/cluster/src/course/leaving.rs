//! What goes with a cluster, and in which order.

use crate::difference::{Action, Difference};
use crate::handover::activation::is_ours;
use crate::world::{Activation, KubeNode, ManagedInstance, Stack, World};

use super::tagged_cluster;

/// What a stack is, by its name (eksctl's names, and ours); the order is the one in which they go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Nodes in EC2, of whichever kind.
    Nodes,
    /// Roles of service accounts and of add-ons.
    Roles,
    /// An access entry.
    Entry,
    /// Something else that eksctl made for the cluster: Fargate, Karpenter, capabilities.
    Other,
    /// The gateway's half in the VPC.
    Gateway,
    /// What hybrid nodes need, beside a cluster that others made.
    Hybrid,
    /// The cluster itself.
    Cluster,
}

/// What a stack is to a cluster. None: it is none of its stacks.
pub fn kind(stack: &Stack, cluster: &str) -> Option<Kind> {
    if tagged_cluster(&stack.tags) != Some(cluster) {
        return None;
    }
    let of = |maker: &str| stack.stack_name.strip_prefix(&format!("{maker}-{cluster}-")).map(str::to_owned);
    if let Some(part) = of("eksctl") {
        let begins = |texts: &[&str]| texts.iter().any(|text| part.starts_with(text));
        return Some(match part.as_str() {
            "cluster" => Kind::Cluster,
            _ if begins(&["nodegroup-"]) => Kind::Nodes,
            _ if begins(&["addon-", "podidentityrole-"]) => Kind::Roles,
            _ if begins(&["accessentry-"]) => Kind::Entry,
            _ => Kind::Other,
        });
    }
    match of("hybridge")?.as_str() {
        "hybrid" => Some(Kind::Hybrid),
        _ => Some(Kind::Gateway),
    }
}

/// What goes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Leaving {
    /// Names of stacks, in groups that can go at once, in their order.
    pub stacks: Vec<(Kind, Vec<String>)>,
    /// Stacks that name the cluster in a tag, and whose names are not eksctl's or ours: they stay.
    pub strangers: Vec<String>,
    /// Machines of Systems Manager that are deregistered.
    pub machines: Vec<ManagedInstance>,
    /// Activations that are deleted.
    pub activations: Vec<Activation>,
    /// Machines that carry a role of the cluster's nodes and came in otherwise: they stay.
    pub other_machines: Vec<ManagedInstance>,
    /// Activations with such a role that others made: they stay.
    pub other_activations: Vec<Activation>,
    /// Hybrid nodes that are still there; none: Kubernetes could not be asked.
    pub nodes: Option<Vec<KubeNode>>,
}

impl Leaving {
    /// What goes with a cluster, as far as it was made by eksctl or by us.
    pub fn of(cluster: &str, world: &World) -> Self {
        let mut leaving = Self { nodes: hybrid_nodes(world), ..Self::default() };
        let mut kinds: Vec<(Kind, String)> = Vec::new();
        for stack in &world.stacks {
            match kind(stack, cluster) {
                Some(kind) => kinds.push((kind, stack.stack_name.clone())),
                None if tagged_cluster(&stack.tags) == Some(cluster) => leaving.strangers.push(stack.stack_name.clone()),
                None => {}
            }
        }
        kinds.sort();
        for (kind, name) in kinds {
            match leaving.stacks.last_mut() {
                Some((last, names)) if *last == kind => names.push(name),
                Some(_) | None => leaving.stacks.push((kind, vec![name])),
            }
        }
        let arn = world.cluster.as_ref().map_or("", |live| live.arn.as_str());
        let made_role = made_role(world, cluster);
        let of_made_role = |role: &str| made_role.as_deref().is_some_and(|made| role.rsplit('/').next() == Some(made));
        (leaving.activations, leaving.other_activations) =
            world.activations.iter().cloned().partition(|activation| is_ours(&activation.tags, arn) || of_made_role(&activation.iam_role));
        // An activation may be gone long before its machines, which keep its tags.
        let came = |machine: &ManagedInstance| {
            of_made_role(&machine.iam_role)
                || is_ours(&machine.tags, arn)
                || leaving.activations.iter().any(|activation| activation.activation_id == machine.activation_id)
        };
        let machines = world.managed_instances.iter().filter(|machine| machine.instance_id.starts_with("mi-"));
        (leaving.machines, leaving.other_machines) = machines.cloned().partition(came);
        leaving
    }

    /// What goes when a change of the stack takes away the role of hybrid nodes that it made: activations that hand this role out, and
    /// machines that have it.
    pub fn with_role(cluster: &str, world: &World, changes: &Difference) -> Self {
        let removes = |id: &str| changes.resources.iter().any(|change| change.id == id && change.action == Action::Remove);
        let role = made_role(world, cluster).filter(|_| MADE.iter().any(|id| removes(id)));
        let has = |arn: &str| role.as_deref().is_some_and(|role| arn.rsplit('/').next() == Some(role));
        let machines = world.managed_instances.iter().filter(|machine| machine.instance_id.starts_with("mi-") && has(&machine.iam_role));
        let activations = world.activations.iter().filter(|activation| has(&activation.iam_role));
        Self { machines: machines.cloned().collect(), activations: activations.cloned().collect(), ..Self::default() }
    }

    /// Whether there is a stack of this kind.
    pub fn has(&self, kind: Kind) -> bool {
        self.stacks.iter().any(|(other, _)| *other == kind)
    }

    /// Whether nothing is left that could go.
    pub fn is_nothing(&self) -> bool {
        self.stacks.is_empty() && self.machines.is_empty() && self.activations.is_empty()
    }
}

fn hybrid_nodes(world: &World) -> Option<Vec<KubeNode>> {
    Some(world.nodes.as_ref()?.iter().filter(|node| node.hybrid).cloned().collect())
}

/// Names in the template of roles that are made for hybrid nodes.
const MADE: [&str; 2] = ["HybridNodesSSMRole", "HybridNodesIRARole"];

/// Name of the hybrid nodes' role that the cluster's stack made. A role that was given may serve other clusters, too, so what carries it
/// is not all this cluster's.
fn made_role(world: &World, cluster: &str) -> Option<String> {
    let resources = world.deployed.iter().flat_map(|deployed| &deployed.stack_resources);
    let of_stack = resources.into_iter().find(|resource| MADE.contains(&resource.logical_resource_id.as_str()));
    if let Some(resource) = of_stack.filter(|resource| !resource.physical_resource_id.is_empty()) {
        return Some(resource.physical_resource_id.clone());
    }
    // Names that CloudFormation gives begin with the stack's: a role of another name was given.
    let outputs = world.stacks.iter().filter(|stack| kind(stack, cluster) == Some(Kind::Hybrid)).flat_map(|stack| {
        let arn = stack.outputs.iter().find(|output| output.output_key == "RemoteNodesRoleARN")?;
        let name = arn.output_value.rsplit('/').next()?;
        name.starts_with(&stack.stack_name).then(|| name.to_owned())
    });
    outputs.into_iter().next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::course::CLUSTER_TAGS;
    use crate::world::{Deployed, LiveCluster, StackResource, Tag};

    fn stack(name: &str, cluster: &str) -> Stack {
        let tags = vec![Tag { key: CLUSTER_TAGS[0].into(), value: cluster.into() }];
        Stack { stack_name: name.into(), tags, ..Stack::default() }
    }

    fn machine(id: &str, role: &str, activation: &str) -> ManagedInstance {
        ManagedInstance { instance_id: id.into(), iam_role: role.into(), activation_id: activation.into(), ..ManagedInstance::default() }
    }

    #[test]
    fn stacks_go_in_the_order_in_which_they_depend_on_each_other_and_others_stay() {
        let names = [
            "eksctl-shop-cluster",
            "eksctl-shop-accessentry-A",
            "eksctl-shop-nodegroup-b",
            "hybridge-shop-gateway",
            "eksctl-shop-nodegroup-a",
            "eksctl-shop-podidentityrole-x",
            "eksctl-shop-addon-iamserviceaccount-x",
            "eksctl-shop-fargate",
            "my-own",
        ];
        let mut stacks: Vec<Stack> = names.map(|name| stack(name, "shop")).into();
        stacks.push(stack("eksctl-shop-2-cluster", "shop-2"));
        let leaving = Leaving::of("shop", &World { stacks, ..World::default() });
        let order: Vec<_> = leaving.stacks.iter().map(|(kind, names)| (*kind, names.len())).collect();
        let expected = [(Kind::Nodes, 2), (Kind::Roles, 2), (Kind::Entry, 1), (Kind::Other, 1), (Kind::Gateway, 1), (Kind::Cluster, 1)];
        assert_eq!(order, expected);
        assert_eq!(leaving.strangers, ["my-own"]);
        assert_eq!(leaving.nodes, None);
    }

    #[test]
    fn machines_go_by_the_role_that_the_stack_made_or_by_an_activation_of_ours() {
        let arn = "arn:aws:eks:eu-central-1:111122223333:cluster/shop";
        let tags: Vec<Tag> = crate::handover::activation::tags("shop", arn).into_iter().map(|(key, value)| Tag { key, value }).collect();
        let ours = Activation { activation_id: "a-ours".into(), iam_role: "shared".into(), tags: tags.clone(), ..Activation::default() };
        let theirs = Activation { activation_id: "a-theirs".into(), iam_role: "shared".into(), ..Activation::default() };
        let made = StackResource {
            logical_resource_id: "HybridNodesSSMRole".into(),
            physical_resource_id: "eksctl-shop-cluster-HybridNodesSSMRole-1".into(),
            ..StackResource::default()
        };
        let world = World {
            cluster: Some(LiveCluster { arn: arn.into(), ..LiveCluster::default() }),
            deployed: Some(Deployed { stack_resources: vec![made], ..Deployed::default() }),
            managed_instances: vec![
                machine("mi-1", "eksctl-shop-cluster-HybridNodesSSMRole-1", "a-gone"),
                machine("mi-2", "shared", "a-ours"),
                machine("mi-3", "shared", "a-theirs"),
                machine("i-4", "eksctl-shop-cluster-HybridNodesSSMRole-1", ""),
                ManagedInstance { tags: tags.clone(), ..machine("mi-5", "shared", "a-gone") },
                ManagedInstance { tags: tags[..1].into(), ..machine("mi-6", "shared", "") },
            ],
            activations: vec![ours, theirs],
            ..World::default()
        };
        let leaving = Leaving::of("shop", &world);
        let machines = |list: &[ManagedInstance]| list.iter().map(|machine| machine.instance_id.clone()).collect::<Vec<_>>();
        assert_eq!(machines(&leaving.machines), ["mi-1", "mi-2", "mi-5"]);
        assert_eq!(machines(&leaving.other_machines), ["mi-3", "mi-6"]);
        let activations = |list: &[Activation]| list.iter().map(|one| one.activation_id.clone()).collect::<Vec<_>>();
        assert_eq!(
            (activations(&leaving.activations), activations(&leaving.other_activations)),
            (vec!["a-ours".into()], vec!["a-theirs".into()])
        );
    }
}
