//! What is in the way of a deletion, and what it leaves behind.

use std::collections::BTreeSet;

use hybridge_cluster::course::leaving::Leaving;
use hybridge_cluster::world::{Interface, World};
use hybridge_report::Finding;

use super::super::deed::Deed;
use super::super::deed::logs::group;
use super::super::deed::stop::Done;

/// What is known before the deletion and cannot be found out after it.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The VPC, if it goes with the cluster's stack.
    vpc: Option<String>,
    /// Interfaces that something else than the cluster's stacks has in there.
    strangers: Vec<Interface>,
    /// Names of roles that stacks made.
    roles: BTreeSet<String>,
}

/// How interfaces of load balancers are called (`ELB app/…`, `ELB net/…`, `ELB name`).
const BALANCER: &str = "ELB ";

impl Known {
    /// Looks before anything goes.
    pub(super) async fn before(deed: &Deed, world: &World, own: bool) -> Done<Self> {
        let resources: Vec<_> = world.deployed.iter().flat_map(|deployed| &deployed.stack_resources).collect();
        let of = |kind: &str| {
            resources
                .iter()
                .filter(move |resource| resource.resource_type == kind)
                .map(|resource| resource.physical_resource_id.clone())
                .collect::<BTreeSet<_>>()
        };
        let roles = of("AWS::IAM::Role");
        let vpc = if own { of("AWS::EC2::VPC").into_iter().next().filter(|id| !id.is_empty()) } else { None };
        let strangers = match &vpc {
            Some(vpc) => {
                deed.session.interfaces(vpc).await?.into_iter().filter(|interface| interface.description.starts_with(BALANCER)).collect()
            }
            None => Vec::new(),
        };
        Ok(Self { vpc, strangers, roles })
    }

    /// Load balancers of Services keep their subnets from going, for half an hour, until CloudFormation gives up.
    pub(super) fn in_the_way(&self) -> Done<()> {
        let names: BTreeSet<&str> = self.strangers.iter().map(|interface| interface.description.trim_start_matches(BALANCER)).collect();
        if names.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = names.into_iter().collect();
        let what = format!("load balancers are in the VPC that goes with the cluster: {}", names.join(", "));
        let fix = "delete their Services and Ingresses first (kubectl get services,ingresses --all-namespaces), or the balancers; --force tries all the same";
        Err(Finding::error("balancers.present", self.vpc.clone().unwrap_or_default(), what).fix(fix).into())
    }
}

/// What is still there, with the command that takes it away. What cannot be asked is told as such.
pub(super) async fn tell(deed: &Deed, known: &Known) -> Vec<Finding> {
    let region = deed.session.region();
    let mut left = Vec::new();
    let name = group(&deed.cluster);
    match deed.session.log_group(&name).await {
        Ok(Some(_)) => left.push(
            Finding::warning("left.logs", name.clone(), "the control plane's logs are kept")
                .fix(format!("aws logs delete-log-group --log-group-name {name} --region {region}")),
        ),
        Ok(None) => {}
        Err(error) => left.push(Finding::warning("left.unknown", name, format!("cannot tell whether it is left: {error}"))),
    }
    for role in &known.roles {
        match deed.session.role(role).await {
            Ok(Some(_)) => left.push(
                Finding::warning("left.role", role.clone(), "the role is still there")
                    .fix(format!("aws iam delete-role --role-name {role}")),
            ),
            Ok(None) => {}
            Err(error) => left.push(Finding::warning("left.unknown", role.clone(), format!("cannot tell whether it is left: {error}"))),
        }
    }
    if let Some(vpc) = &known.vpc {
        match deed.session.interfaces(vpc).await {
            Ok(interfaces) => left.extend(interfaces.iter().map(|interface| {
                let id = &interface.network_interface_id;
                Finding::warning("left.interface", id.clone(), format!("an interface is left in {vpc}: {}", interface.description))
                    .fix(format!("aws ec2 delete-network-interface --network-interface-id {id} --region {region}"))
            })),
            // The VPC is gone, and so is everything in it.
            Err(error) if error.code().is_some_and(|code| code.ends_with("NotFound")) => {}
            Err(error) => left.push(Finding::warning("left.unknown", vpc.clone(), format!("cannot tell what is left in it: {error}"))),
        }
    }
    left
}

/// A stack that is not deleted, as its name is neither eksctl's nor ours.
pub(super) fn stranger(name: &str) -> Finding {
    Finding::warning("left.stack", format!("stack {name}"), "it names the cluster in its tags, and was made by somebody else")
        .fix(format!("aws cloudformation delete-stack --stack-name {name}"))
}

/// Of many alike, so many are told one by one.
const TOLD: usize = 50;

/// Machines and activations that carry a role of the cluster's nodes and are not ours: the role may serve others.
pub(super) fn of_others(leaving: &Leaving) -> Vec<Finding> {
    let activations = leaving.other_activations.iter().map(|one| {
        let what = format!("others made it for the role {}, which the cluster's nodes have, too; it stays", one.iam_role);
        Finding::warning("left.activation", format!("activation {}", one.activation_id), what)
            .fix(format!("if nobody needs it: aws ssm delete-activation --activation-id {}", one.activation_id))
    });
    let machines = leaving.other_machines.iter().map(|one| {
        let what = format!("it has the role {} and came with no activation of ours; it stays", one.iam_role);
        Finding::warning("left.machine", format!("machine {}", one.instance_id), what)
            .fix(format!("if nobody needs it: aws ssm deregister-managed-instance --instance-id {}", one.instance_id))
    });
    let (mut found, count) = (activations.chain(machines), leaving.other_activations.len() + leaving.other_machines.len());
    let mut told: Vec<Finding> = found.by_ref().take(TOLD).collect();
    if count > TOLD {
        let what = format!("{} further machines and activations have a role of the cluster's nodes and stay", count - TOLD);
        told.push(Finding::warning("left.machine", "Systems Manager", what).fix("see them: aws ssm describe-instance-information"));
    }
    told
}
