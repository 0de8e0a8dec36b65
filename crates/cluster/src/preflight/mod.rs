//! Checks before anything is made, and of what is there: each a function of [`Cluster`] and [`World`], with a stable code.
//!
//! A plan is looked at as if it were deployed ([`Wanted`]), so the same checks serve `create`, `update` and `doctor`. What AWS was not asked,
//! or did not answer, is told as a warning: it is never taken for well.

mod acls;
mod addresses;
mod control_plane;
mod dns;
mod gateway;
mod groups;
mod live;
mod mixed;
mod permissions;
mod private;
mod roles;
mod routes;
mod template;
#[cfg(test)]
mod tests;

pub(crate) use live::role_arns;
pub use roles::NODE_ACTIONS;

use std::borrow::Cow;

use hybridge_model::Cidr4;
use hybridge_report::{Finding, Severity};
use serde::Serialize;
use serde_json::Value;

use crate::path::network::{self, Face, Network};
use crate::path::overlay;
use crate::resolve::Cluster;
use crate::world::World;

/// What is about to be deployed.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The template of the cluster's own stack, as CloudFormation gets it.
    pub template: &'a Value,
    /// Its size as it is sent.
    pub bytes: usize,
    /// It goes by way of S3.
    pub by_s3: bool,
}

/// What checks look at.
pub(crate) struct View<'a> {
    pub(crate) cluster: &'a Cluster,
    /// With what is about to be deployed, as if it were there.
    pub(crate) world: Cow<'a, World>,
    /// Before it.
    pub(crate) before: &'a World,
    pub(crate) wanted: Option<Wanted<'a>>,
    /// Interfaces of the control plane that are, and one for each subnet that it may use.
    pub(crate) faces: Vec<Face>,
}

/// What a check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// All is well.
    Pass,
    /// Does not apply to this cluster.
    Idle,
    /// Something is worth a look.
    Warn,
    /// It could not be found out.
    Unknown,
    /// Something is wrong.
    Fail,
}

/// A check and what it came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Its stable code, which its findings carry, too.
    pub code: &'static str,
    /// What it looks at.
    pub about: &'static str,
    /// What it came to.
    pub state: State,
    /// What it found.
    pub findings: Vec<Finding>,
}

/// When a check is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// Before something is made, and of what is there.
    Always,
    /// Before something is made.
    Before,
    /// Of what is there.
    There,
}

/// A check.
struct Check {
    code: &'static str,
    about: &'static str,
    when: When,
    /// Operations of AWS whose answers it needs.
    needs: &'static [&'static str],
    run: fn(&View<'_>, &mut Told),
}

/// What a check has to say.
pub(crate) struct Told {
    code: &'static str,
    findings: Vec<Finding>,
    unknown: bool,
    idle: bool,
}

impl Told {
    pub(crate) fn new(code: &'static str) -> Self {
        Self { code, findings: Vec::new(), unknown: false, idle: false }
    }

    pub(crate) fn outcome(self, about: &'static str) -> Outcome {
        Outcome { code: self.code, about, state: self.state(), findings: self.findings }
    }

    /// Something is wrong.
    pub(crate) fn error(&mut self, place: impl Into<String>, what: impl Into<String>, fix: impl Into<String>) {
        self.push(Finding::error(self.code, place, what).fix(fix));
    }

    /// Something is worth a look.
    pub(crate) fn warning(&mut self, place: impl Into<String>, what: impl Into<String>, fix: impl Into<String>) {
        self.push(Finding::warning(self.code, place, what).fix(fix));
    }

    /// It could not be found out.
    pub(crate) fn unknown(&mut self, place: impl Into<String>, what: impl Into<String>) {
        self.unknown = true;
        self.push(Finding::warning(self.code, place, what));
    }

    /// The check does not apply.
    pub(crate) fn idle(&mut self) {
        self.idle = true;
    }

    fn push(&mut self, finding: Finding) {
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    fn state(&self) -> State {
        let any = |severity| self.findings.iter().any(|finding| finding.severity == severity);
        if any(Severity::Error) {
            State::Fail
        } else if self.unknown {
            State::Unknown
        } else if any(Severity::Warning) {
            State::Warn
        } else if self.idle {
            State::Idle
        } else {
            State::Pass
        }
    }
}

/// All checks, by topic.
fn checks() -> impl Iterator<Item = &'static Check> {
    [
        control_plane::CHECKS,
        gateway::CHECKS,
        routes::CHECKS,
        groups::CHECKS,
        acls::CHECKS,
        dns::CHECKS,
        addresses::CHECKS,
        roles::CHECKS,
        permissions::CHECKS,
        template::CHECKS,
        mixed::CHECKS,
        private::CHECKS,
        live::CHECKS,
    ]
    .into_iter()
    .flatten()
}

/// Codes of all checks with what each looks at, for `--skip` and the documents.
pub fn catalogue() -> Vec<(&'static str, &'static str)> {
    checks().map(|check| (check.code, check.about)).collect()
}

/// Codes of checks that are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skips(Vec<&'static str>);

impl Skips {
    /// Takes codes of checks.
    ///
    /// # Errors
    /// One finding for each code that no check has, with the nearest one.
    pub fn new<S: AsRef<str>>(codes: &[S]) -> Result<Self, Vec<Finding>> {
        let mut known = Vec::new();
        let mut unknown = Vec::new();
        for code in codes.iter().map(AsRef::as_ref) {
            match checks().find(|check| check.code == code) {
                Some(check) => known.push(check.code),
                None => unknown.push(no_such_check(code)),
            }
        }
        if unknown.is_empty() { Ok(Self(known)) } else { Err(unknown) }
    }

    /// Whether a check is left out.
    pub fn has(&self, code: &str) -> bool {
        self.0.contains(&code)
    }
}

fn no_such_check(code: &str) -> Finding {
    let near = |check: &&Check| (strsim::jaro_winkler(code, check.code) * 1000.0) as u32;
    let nearest = checks().max_by_key(near).map_or("", |check| check.code);
    Finding::error("skip.unknown", "--skip", format!("no check is called `{code}`")).fix(format!("perhaps `{nearest}`"))
}

/// Everything that is wrong before something is made: all checks that need no node.
pub fn check(cluster: &Cluster, world: &World, wanted: Option<Wanted<'_>>) -> Vec<Finding> {
    outcomes(cluster, world, wanted, &Skips::default()).into_iter().flat_map(|outcome| outcome.findings).collect()
}

/// As [`check`], with the checks that found nothing, and without those that are left out.
pub fn outcomes(cluster: &Cluster, world: &World, wanted: Option<Wanted<'_>>, skip: &Skips) -> Vec<Outcome> {
    run(&View::new(cluster, world, wanted), |check| check.when != When::There && !skip.has(check.code))
}

/// What is to be said of a cluster that is there, and of its nodes.
pub fn examine(cluster: &Cluster, world: &World) -> Vec<Outcome> {
    run(&View::new(cluster, world, None), |check| check.when != When::Before)
}

fn run(view: &View<'_>, chosen: impl Fn(&Check) -> bool) -> Vec<Outcome> {
    checks()
        .filter(|check| chosen(check))
        .map(|check| {
            let mut told = Told::new(check.code);
            (check.run)(view, &mut told);
            for (operation, why) in check.needs.iter().filter_map(|operation| unanswered(view.before, operation)) {
                if !told.idle {
                    told.unknown(operation, format!("cannot tell whether {}: {why}", check.about));
                }
            }
            told.outcome(check.about)
        })
        .collect()
}

/// Why an operation has no answer; none: it has one, or was not asked.
pub(crate) fn unanswered<'a>(world: &'a World, operation: &str) -> Option<(&'a str, &'a str)> {
    let ours = |key: &str| key.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == operation);
    world.unanswered.iter().find(|(key, _)| ours(key)).map(|(key, why)| (key.as_str(), why.as_str()))
}

impl<'a> View<'a> {
    fn new(cluster: &'a Cluster, world: &'a World, wanted: Option<Wanted<'a>>) -> Self {
        let after = match wanted {
            Some(wanted) => Cow::Owned(overlay::overlaid(world, wanted.template)),
            None => Cow::Borrowed(world),
        };
        let mut faces = faces(cluster, &after);
        if wanted.is_some() && after.cluster.is_some() {
            // EKS takes its interfaces out of subnets that it is no longer given.
            let given = network::control_plane_subnets(cluster, &after);
            faces.retain(|face| given.is_empty() || given.contains(&face.subnet));
        }
        Self { cluster, world: after, before: world, wanted, faces }
    }

    /// The VPC.
    pub(crate) fn vpc(&self) -> String {
        let of_face = self.faces.iter().find_map(|face| self.network().subnet(&face.subnet)).map(|subnet| subnet.vpc_id.clone());
        let live = self.world.cluster.as_ref().map(|live| live.resources_vpc_config.vpc_id.clone()).filter(|id| !id.is_empty());
        self.cluster.vpc.id.clone().or(of_face).or(live).unwrap_or_default()
    }

    /// Whether AWS was asked at all: an answer without transit gateways says that there are none, and no answer says nothing.
    pub(crate) fn asked(&self) -> bool {
        self.before.caller.is_some()
    }

    pub(crate) fn network(&self) -> Network<'_> {
        Network::of(&self.world)
    }

    /// Networks of nodes, then of pods.
    pub(crate) fn remote(&self) -> impl Iterator<Item = Cidr4> + '_ {
        self.cluster.node_cidrs.iter().chain(&self.cluster.pod_cidrs).copied()
    }

    /// Remote networks whose routes the VPC's tables need from the beginning.
    pub(crate) fn routed(&self) -> impl Iterator<Item = Cidr4> + '_ {
        let pods: &[Cidr4] = if self.cluster.annotations.pod_routes_by_gateway { &[] } else { &self.cluster.pod_cidrs };
        self.cluster.node_cidrs.iter().chain(pods).copied()
    }

    /// Whether nothing can be said of hybrid nodes.
    pub(crate) fn without_remote(&self) -> bool {
        self.cluster.node_cidrs.is_empty() && self.cluster.pod_cidrs.is_empty()
    }

    /// Subnets of interfaces, each once.
    pub(crate) fn face_subnets(&self) -> Vec<&str> {
        let mut subnets: Vec<&str> = self.faces.iter().map(|face| face.subnet.as_str()).collect();
        subnets.sort_unstable();
        subnets.dedup();
        subnets
    }
}

/// Interfaces that are, and those that may come: EKS makes new ones at each upgrade, in any of its subnets.
fn faces(cluster: &Cluster, world: &World) -> Vec<Face> {
    let mut faces = network::faces(cluster, world);
    for face in network::faces_to_be(cluster, world) {
        if !faces.iter().any(|there| there.subnet == face.subnet) {
            faces.push(face);
        }
    }
    faces
}
