//! The steps of an update: phases of the stack, then what EKS itself must be told.

use hybridge_cluster::update::{LiveChange, LiveState, UpdatePlan, plan_update};
use hybridge_cluster::world::{Deployed, World};
use hybridge_report::Finding;
use serde_json::{Map, Value, json};

use super::super::deed::bring::{has_tags, refused, tags};
use super::super::deed::draft::Draft;
use super::super::deed::prepare::Prepared;
use super::super::deed::report::Report;
use super::super::deed::stack::Wish;
use super::super::deed::stop::Done;
use super::super::deed::{Deed, networks};

/// Minor versions of Kubernetes that an update climbs at most; EKS offers fewer at a time.
const CLIMBS: u32 = 20;

/// The plan with everything but the version first: EKS takes one kind of change at a time, and one minor version at a time.
pub(super) fn plan(prepared: &Prepared, force: bool) -> UpdatePlan {
    plan_update(&prepared.cluster, &prepared.world, force)
}

/// The hybrid stack takes the place of the cluster's own, which a cluster of others does not have.
pub(super) async fn take_hybrid_stack(deed: &Deed, prepared: &mut Prepared) -> Done<()> {
    let name = prepared.cluster.hybrid_stack_name();
    prepared.world.deployed = deployed(deed, &name).await?;
    Ok(())
}

async fn deployed(deed: &Deed, name: &str) -> Done<Option<Deployed>> {
    let Some(template_body) = deed.session.template(name).await? else { return Ok(None) };
    let stack_resources = deed.session.stack_resources(name).await?;
    Ok(Some(Deployed { template_body, stack_resources }))
}

/// A cluster of ours: its stack, one minor version after the other, then EKS itself where it differs from its stack.
pub(super) async fn own(deed: &Deed, prepared: &mut Prepared, force: bool, report: &mut Report) -> Done<()> {
    let wanted = prepared.cluster.version.clone();
    for _ in 0..CLIMBS {
        let live = prepared.world.cluster.as_ref().map_or(String::new(), |live| live.version.clone());
        let Some(next) = climb(&live, &wanted) else { break };
        // Everything else first, at the version that there is; then one version further.
        prepared.cluster.version = live;
        phases(deed, prepared, force, report).await?;
        prepared.cluster.version.clone_from(&next);
        deed.screen.line(format_args!("cluster {}: to Kubernetes {next}; the API stays reachable, nodes are not touched", deed.cluster));
        phases(deed, prepared, force, report).await?;
    }
    prepared.cluster.version = wanted;
    phases(deed, prepared, force, report).await?;
    let plan = plan(prepared, force);
    for change in bodies(&plan.live) {
        deed.configure(change.body, &change.what).await?;
        report.done.push(change.what);
    }
    if let Some(version) = plan.live.iter().find(|change| change.path == "Version" && change.state == LiveState::ByEks) {
        let version = version.wanted.as_str().unwrap_or_default().to_owned();
        deed.bring_to_version(&version).await?;
        report.done.push(format!("EKS runs Kubernetes {version}"));
    }
    Ok(())
}

/// The next minor version on the way; none: it is there.
fn climb(live: &str, wanted: &str) -> Option<String> {
    let minor = |version: &str| version.split_once('.').and_then(|(major, minor)| Some((major.to_owned(), minor.parse::<u32>().ok()?)));
    let ((major, now), (_, goal)) = (minor(live)?, minor(wanted)?);
    (now < goal).then(|| format!("{major}.{}", now + 1))
}

/// Carries out what differs between the stack and the file as it is now, and looks again.
async fn phases(deed: &Deed, prepared: &mut Prepared, force: bool, report: &mut Report) -> Done<()> {
    let plan = plan(prepared, force);
    super::told(&UpdatePlan { findings: errors(&plan), ..UpdatePlan::default() })?;
    let name = plan.stack.clone();
    let stack = deed.stack(&name).await?;
    let tags = stack.as_ref().map_or_else(|| prepared.first().plan.tags.clone(), |stack| tags(stack, &prepared.first().plan.tags));
    let count = plan.phases.len();
    for (number, phase) in plan.phases.iter().enumerate() {
        if count > 1 {
            deed.screen.line(format_args!("step {} of {count}", number + 1));
        }
        if let Some(downtime) = &phase.downtime {
            deed.screen.line(format_args!("  meanwhile: {downtime}"));
        }
        let body = phase.template.render();
        let what = match (count, phase.changes.resources.len()) {
            (1, changes) => format!("changing {changes} resources (Kubernetes {})", prepared.cluster.version),
            (_, changes) => format!("changing {changes} resources: {}", phase.reason),
        };
        let wish = Wish { name: &name, body: &body, capabilities: &phase.capabilities, tags: &tags, what: &what };
        if deed.change(&wish, &refused).await? {
            report.done.push(format!("stack {name}: {what}"));
        }
    }
    if let (0, Some(stack)) = (count, &stack)
        && !has_tags(stack, &tags)
    {
        let first = prepared.first();
        let wish = Wish { tags: &tags, what: "tags", ..first.wish() };
        if deed.change(&wish, &refused).await? {
            report.done.push(format!("changed tags of stack {name}"));
        }
    }
    if count > 0 {
        look_again(deed, &name, &mut prepared.world).await?;
    }
    Ok(())
}

fn errors(plan: &UpdatePlan) -> Vec<Finding> {
    plan.findings.iter().filter(|finding| finding.severity == hybridge_report::Severity::Error).cloned().collect()
}

async fn look_again(deed: &Deed, stack: &str, world: &mut World) -> Done<()> {
    world.deployed = deployed(deed, stack).await?;
    world.cluster = Some(deed.live().await?);
    Ok(())
}

/// A call of UpdateClusterConfig.
struct Body {
    body: Value,
    what: String,
}

/// What EKS itself must be told, one kind of change a call.
fn bodies(live: &[LiveChange]) -> Vec<Body> {
    let by_eks: Vec<_> = live.iter().filter(|change| change.state == LiveState::ByEks).collect();
    let of = |part: &str| -> Map<String, Value> {
        let inside = by_eks.iter().filter_map(|change| Some((change.path.strip_prefix(part)?, &change.wanted)));
        inside.map(|(name, wanted)| (camel(name), lowered(wanted))).collect()
    };
    let remote = of("RemoteNetworkConfig/");
    let network = of("ResourcesVpcConfig/");
    let access = of("AccessConfig/");
    let parts = [("remoteNetworkConfig", remote), ("resourcesVpcConfig", network), ("accessConfig", access)];
    let told = parts.into_iter().filter(|(_, fields)| !fields.is_empty());
    told.map(|(part, fields)| Body { what: format!("EKS is told {part}, which differed from its stack"), body: json!({ part: fields }) })
        .collect()
}

/// CloudFormation's names begin with a capital, those of EKS's API do not.
fn camel(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_lowercase().to_string() + letters.as_str())
}

fn lowered(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(lowered).collect(),
        Value::Object(map) => Value::Object(map.iter().map(|(key, value)| (camel(key), lowered(value))).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// A cluster of others: our stack beside it, and EKS told of the networks. Its own things stay as they are.
pub(super) async fn beside(deed: &Deed, prepared: &mut Prepared, force: bool, report: &mut Report) -> Done<()> {
    let live = deed.live().await?;
    let name = prepared.first().plan.name.clone();
    let there = deed.stack(&name).await?;
    if !prepared.cluster.is_hybrid() {
        if there.is_none() {
            // Remote networks that EKS has now are none of ours.
            return Ok(());
        }
        report.done.extend(networks::withdraw(deed, &live, &prepared.world).await?);
        if deed.remove(&name).await? {
            report.done.push(format!("deleted stack {name}"));
        }
        return Ok(());
    }
    if there.is_some_and(|stack| !stack.stack_status.starts_with("REVIEW") && !stack.stack_status.starts_with("ROLLBACK")) {
        phases(deed, prepared, force, report).await?;
    } else {
        let mut plan = prepared.first().plan.clone();
        plan.tags.extend(networks::before(&live).map(|before| (networks::BEFORE.to_owned(), before)));
        let made = deed.make_protected(&Draft::new(plan)).await?;
        report.done.extend(made.new.then(|| format!("made stack {name} (hybrid nodes)")));
    }
    report.done.extend(networks::announce(deed, &prepared.cluster, &live).await?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_climbed_one_by_one_and_never_down() {
        for (live, wanted, next) in [
            ("1.32", "1.34", Some("1.33")),
            ("1.33", "1.34", Some("1.34")),
            ("1.34", "1.34", None),
            ("1.35", "1.34", None),
            ("", "1.34", None),
        ] {
            assert_eq!(climb(live, wanted).as_deref(), next, "{live} {wanted}");
        }
    }

    #[test]
    fn eks_is_told_one_kind_of_change_a_call_in_its_own_names() {
        let change = |path, wanted: Value, state| LiveChange { path, stack: Value::Null, eks: Value::Null, wanted, state };
        let live = [
            change("ResourcesVpcConfig/EndpointPublicAccess", json!(false), LiveState::ByEks),
            change("ResourcesVpcConfig/EndpointPrivateAccess", json!(true), LiveState::ByEks),
            change("RemoteNetworkConfig/RemoteNodeNetworks", json!([{"Cidrs": ["10.0.0.0/8"]}]), LiveState::ByEks),
            change("AccessConfig/AuthenticationMode", json!("API"), LiveState::ByStack),
        ];
        let bodies: Vec<_> = bodies(&live).into_iter().map(|body| body.body).collect();
        assert_eq!(
            bodies,
            [
                json!({"remoteNetworkConfig": {"remoteNodeNetworks": [{"cidrs": ["10.0.0.0/8"]}]}}),
                json!({"resourcesVpcConfig": {"endpointPublicAccess": false, "endpointPrivateAccess": true}}),
            ]
        );
    }
}
