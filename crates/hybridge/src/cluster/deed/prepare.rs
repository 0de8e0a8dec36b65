//! From a file to what is wanted and what there is: the same for every command that changes something.

use hybridge_cluster::config::outposts::acknowledge;
use hybridge_cluster::course::{Standing, standing};
use hybridge_cluster::permissions::Command;
use hybridge_cluster::resolve::{Cluster, resolve};
use hybridge_cluster::template::{StackPlan, stacks};
use hybridge_cluster::world::World;
use hybridge_report::{Exit, Finding, Severity};
use jiff::Timestamp;

use super::Deed;
use super::draft::Draft;
use super::stop::{Done, Stop};
use crate::args::cluster::Change;
use crate::cluster::file::{Read, read};
use crate::cluster::gather::{Note, gather, note};
use crate::runtime::block_on;
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

    /// Whether that stack was made to its end.
    pub(in crate::cluster) fn is_made(&self) -> bool {
        let name = &self.first().plan.name;
        self.world.stacks.iter().any(|stack| stack.stack_name == *name && standing(&stack.stack_status) == Standing::Stable)
    }
}

/// Answers without which it is not known what there is: to go on would be to make things twice, or to take them for gone.
const NEEDED: [&str; 7] = [
    "DescribeCluster",
    "DescribeStacks",
    "ListStacks",
    "GetTemplate",
    "ListStackResources",
    "DescribeAvailabilityZones",
    "DescribeSubnets",
];

/// Reads the file, asks AWS, and does `work`, which belongs to the command and whose interruption tells `again`.
pub(in crate::cluster) fn by_file(
    (command, again): (Command, &str),
    Change { file, unsupported_servers, asking, stacks }: &Change,
    work: impl AsyncFnOnce(&Deed, &Read, World) -> Done<Exit>,
) -> Exit {
    let read = match read(file, Timestamp::now()) {
        Ok(read) => read,
        Err(exit) => return exit,
    };
    if let Err(finding) = acknowledge(&read.annotations.outposts_servers, *unsupported_servers) {
        return Stop::from(finding).print();
    }
    block_on(async {
        let (world, session) = match gather(&read.config, &read.annotations, asking).await {
            Ok(known) => known,
            Err(finding) => return Stop::from(finding).print(),
        };
        let deed = Deed::new(session, &read.config.metadata.name, stacks.patience.timeout, stacks.template_bucket.clone());
        let all = async {
            needed(&world)?;
            work(&deed, &read, world).await
        };
        deed.to_its_end(command, again, all).await
    })
}

/// Stops where a question has no answer without which it is not known what there is.
pub(in crate::cluster) fn needed(world: &World) -> Done<()> {
    const WITHOUT: &str = "nothing is changed without this answer";
    let missing = |(call, why): (&String, &String)| {
        let needed = call.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| NEEDED.contains(&word));
        let Note { code, what, hint } = note(why);
        let code = if code == "aws.denied" { code } else { "aws.unanswered" };
        let fix = hint.map_or_else(|| WITHOUT.to_owned(), |hint| format!("{hint}; {WITHOUT}"));
        needed.then(|| Finding::error(code, call.clone(), what).fix(fix))
    };
    let missing: Vec<_> = world.unanswered.iter().filter_map(missing).collect();
    if missing.is_empty() { Ok(()) } else { Err(Stop::input(missing)) }
}

/// Completes the file with what there is.
pub(in crate::cluster) fn prepare(read: &Read, world: World) -> Done<Prepared> {
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
