//! From a file to what is wanted and what there is: the same for every command that changes something.

use hybridge_aws::{Session, Wishes};
use hybridge_cluster::resolve::{Cluster, resolve};
use hybridge_cluster::template::{StackPlan, stacks};
use hybridge_cluster::world::World;
use hybridge_report::{Finding, Severity};

use super::draft::Draft;
use super::stop::{Done, Stop};
use crate::cluster::file::Read;
use crate::tell;

/// What a command works on.
pub(in crate::cluster) struct Prepared {
    pub(in crate::cluster) cluster: Cluster,
    pub(in crate::cluster) world: World,
    /// Stacks, the cluster's own, or the hybrid one, first.
    pub(in crate::cluster) drafts: Vec<Draft>,
}

impl Prepared {
    /// The cluster's own stack, or the hybrid one.
    pub(in crate::cluster) fn first(&self) -> &Draft {
        &self.drafts[0]
    }
}

/// AWS in a region, as a profile says.
pub(in crate::cluster) async fn open(region: Option<String>, profile: Option<&str>) -> Done<Session> {
    Ok(Session::open(&Wishes { region, profile: profile.map(str::to_owned), config_file: None }).await?)
}

/// Asks AWS what there is and completes the file with it.
pub(in crate::cluster) async fn prepare(session: &Session, read: &Read) -> Done<Prepared> {
    let world = gather(session, read).await?;
    let cluster = resolve(&read.config, &read.annotations, &world).map_err(Stop::input)?;
    tell::findings(&cluster.warnings);
    let plans = stacks(&cluster, &world);
    for plan in &plans {
        tell::findings(&plan.findings);
    }
    let wrong: Vec<Finding> =
        plans.iter().flat_map(|plan| &plan.findings).filter(|finding| finding.severity == Severity::Error).cloned().collect();
    if !wrong.is_empty() {
        // They are printed already.
        return Err(Stop::input(Vec::new()));
    }
    let drafts = plans.into_iter().map(drafted).collect::<Done<_>>()?;
    Ok(Prepared { cluster, world, drafts })
}

/// A template with a name that leads nowhere would fail at CloudFormation; this one is a fault of ours.
pub(in crate::cluster) fn drafted(plan: StackPlan) -> Done<Draft> {
    let faults: Vec<_> = plan.template.check().iter().map(ToString::to_string).collect();
    if faults.is_empty() {
        return Ok(Draft::new(plan));
    }
    let finding = Finding::error("template.names", format!("stack {}", plan.name), format!("its template is wrong: {}", faults.join("; ")));
    Err(Stop { findings: vec![finding.fix("tell the makers of hybridge")], exit: hybridge_report::Exit::Unexpected })
}

async fn gather(session: &Session, read: &Read) -> Done<World> {
    let name = &read.config.metadata.name;
    let stack = hybridge_cluster::resolve::stack_name(name);
    let mut world = World { cluster: session.live_cluster(name).await?, ..World::default() };
    world.stacks = session.stacks(Some(&stack)).await?;
    if let Some(template_body) = session.template(&stack).await? {
        let stack_resources = session.stack_resources(&stack).await?;
        world.deployed = Some(hybridge_cluster::world::Deployed { template_body, stack_resources });
    }
    Ok(world)
}
