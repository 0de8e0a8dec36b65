//! Puts phases together in the order of both nodeadms (node-bootstrap: EC2 marks the boot, then disks, then daemons; outside,
//! credentials come first, then the machine, then files and daemons).

use std::collections::BTreeSet;
use std::net::IpAddr;

use hybridge_report::Finding;

use super::{Edit, File, Half, Phase, Plan, Step, owned};
use crate::config::own::StepPhase;
use crate::config::{NodeConfig, Shape};
use crate::facts::Facts;
use crate::node::{Node, Plugins};
use crate::validate::Skips;
use crate::{containerd, disks, environment, hybrid, kubelet, name_resolution, steps};

/// Tells the network helpers of the AMI that interfaces from now on belong to the CNI.
pub(super) const MARKER: &str = "/run/nodeadm/init";
pub(super) const SOCI_CONFIG: &str = "/etc/soci-snapshotter-grpc/config.toml";
const SOCI_UNIT: &str = "soci-snapshotter.service";
const SOCI_PAUSE: &str = "/etc/eks/pause.tar";

/// Waits in seconds: ours are bounded. Five minutes for containerd as hybrid's nodeadm has it; EC2's waits for ever.
const CONTAINERD_WAIT: u32 = 300;
const KUBELET_WAIT: u32 = 120;
const SERVICE_WAIT: u32 = 60;

/// Who is set up and started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Daemon {
    /// containerd, before kubelet.
    Containerd,
    /// kubelet.
    Kubelet,
}

/// What the user leaves out or adds.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `--skip`; the halves among them.
    pub skips: Skips,
    /// `--daemon`; none: all of them. An empty list: not one of them (`--daemon=""`).
    pub daemons: Option<Vec<Daemon>>,
    /// `--config-cache`: written when the files are.
    pub cache: Option<File>,
}

/// The whole plan for one node.
///
/// # Errors
/// All findings of all writers.
pub fn plan(node: &Node<'_>, options: &Options) -> Result<Plan, Vec<Finding>> {
    let outside = node.config.shape == Shape::Hybrid;
    let mut findings = Vec::new();
    let mut phases: Vec<(Phase, Option<Daemon>)> = Vec::new();
    if outside {
        phases.push((credentials(node, &mut findings), None));
        let steps = take(hybrid::system::steps(node.config, node.facts), &mut findings);
        phases.push((Phase { name: "system", half: Half::Preprocess, steps }, None));
    }
    let early = steps::of_phase(node.config, StepPhase::PreNetwork);
    phases.push((Phase { name: "steps-pre-network", half: Half::Config, steps: early }, None));
    let environment = environment::files(node);
    phases.push((environment_phase(&environment), None));
    if let Some(file) = name_resolution::file(node) {
        phases.push((name_resolution_phase(file), None));
    }
    phases.push((Phase { name: "hosts", half: Half::Config, steps: take(hosts(node), &mut findings) }, None));
    let step_files = steps::files(node);
    phases.push((before_kubelet(node, &step_files, &mut findings), None));
    let containerd = take(containerd::files(node), &mut findings);
    let kubelet = take(kubelet::files(node), &mut findings);
    let files_of = |name, files: &[File]| Phase { name, half: Half::Config, steps: files.iter().cloned().map(Step::Write).collect() };
    phases.push((files_of("containerd-files", &containerd), Some(Daemon::Containerd)));
    phases.push((files_of("kubelet-files", &kubelet), Some(Daemon::Kubelet)));
    if let Some(cache) = &options.cache {
        phases.push((Phase { name: "cache", half: Half::Config, steps: vec![Step::Write(cache.clone())] }, None));
    }
    if !outside {
        phases.push((Phase { name: "marker", half: Half::Run, steps: vec![Step::Write(File::new(MARKER, ""))] }, None));
    }
    let steps = take(disks::steps(node), &mut findings);
    phases.push((Phase { name: "disks", half: Half::Run, steps }, None));
    phases.push((containerd_phase(node, &containerd, outside), Some(Daemon::Containerd)));
    phases.push((kubelet_phase(&kubelet, outside), Some(Daemon::Kubelet)));
    phases.push((after_kubelet(&step_files), None));
    if findings.is_empty() { Ok(chosen(node.name, phases, options)) } else { Err(findings) }
}

/// What a node outside needs before AWS can be asked anything: its registration or its AWS configuration. None on EC2.
///
/// Facts are gathered again after it; the whole plan holds the same steps, which do nothing then. Files of earlier configurations are
/// not removed after this plan ([`Plan::whole`] is false).
///
/// # Errors
/// What is missing on the machine.
pub fn first(config: &NodeConfig, facts: &Facts, plugins: Plugins, executable: &str) -> Result<Option<Plan>, Vec<Finding>> {
    let steps = hybrid::credentials(config, facts, plugins, executable)?;
    if steps.is_empty() {
        return Ok(None);
    }
    let name = config.hybrid.as_ref().and_then(|hybrid| hybrid.iam_roles_anywhere.as_ref()).map(|settings| settings.node_name.clone());
    let phases = vec![Phase { name: "credentials", half: Half::Preprocess, steps }];
    Ok(Some(Plan { node: name.unwrap_or_default(), phases, left_out: Vec::new(), whole: false }))
}

fn take<T: Default>(result: Result<T, Vec<Finding>>, findings: &mut Vec<Finding>) -> T {
    result.unwrap_or_else(|more| {
        findings.extend(more);
        T::default()
    })
}

fn credentials(node: &Node<'_>, findings: &mut Vec<Finding>) -> Phase {
    let steps = take(hybrid::credentials(node.config, node.facts, node.plugins, node.executable), findings);
    Phase { name: "credentials", half: Half::Preprocess, steps }
}

/// Disks and scripts of the user's, before anything of the daemons is written: a script may need the disks, and may prepare what the
/// daemons find.
fn before_kubelet(node: &Node<'_>, files: &[File], findings: &mut Vec<Finding>) -> Phase {
    let mut steps: Vec<Step> = files.iter().cloned().map(Step::Write).collect();
    steps.extend(take(disks::chosen::steps(node), findings));
    steps.extend(steps::of_phase(node.config, StepPhase::PreKubelet));
    Phase { name: "steps-pre-kubelet", half: Half::Config, steps }
}

/// The units of steps; scripts of the last phase are run by theirs, once the cluster has the Node.
fn after_kubelet(files: &[File]) -> Phase {
    Phase { name: "steps-post-join", half: Half::Run, steps: steps::services(files) }
}

/// systemd's manager itself has to read the environment again, hence the reload in this half.
fn environment_phase(files: &[File]) -> Phase {
    let reload = (!files.is_empty()).then_some(Step::DaemonReload);
    Phase { name: "environment", half: Half::Config, steps: files.iter().cloned().map(Step::Write).chain(reload).collect() }
}

fn name_resolution_phase(file: File) -> Phase {
    let files = vec![file.path.clone()];
    let service = Step::Service { unit: "systemd-resolved.service".to_owned(), enable: false, files, wait: SERVICE_WAIT };
    Phase { name: "name-resolution", half: Half::Config, steps: vec![Step::Write(file), service] }
}

/// The API server of a local cluster on an Outpost, so that the node finds it while the Outpost has no link to its region.
fn hosts(node: &Node<'_>) -> Result<Vec<Step>, Vec<Finding>> {
    let host = node.cluster.host.as_str();
    if node.cluster.outpost_id.is_none() || host.parse::<IpAddr>().is_ok() {
        return Ok(Vec::new());
    }
    let addresses = node.facts.resolved.get(host).map(Vec::as_slice).unwrap_or_default();
    if addresses.is_empty() {
        let why = node.facts.missing.get(host).map(|why| format!(" ({why})")).unwrap_or_default();
        let what = format!("has no address{why}; a local cluster's API server is written to /etc/hosts");
        let finding = Finding::error("outpost.host", host, what);
        return Err(vec![finding.fix("check the DNS of the subnet: the name is that of the cluster's private hosted zone")]);
    }
    // DNS turns its answers round; the file shall stay the same.
    let sorted: BTreeSet<IpAddr> = addresses.iter().copied().collect();
    let entries = sorted.into_iter().map(|address| (address, host.to_owned())).collect();
    Ok(vec![Step::Edit { path: "/etc/hosts".to_owned(), edit: Edit::Hosts { entries } }])
}

fn containerd_phase(node: &Node<'_>, files: &[File], outside: bool) -> Phase {
    let soci = files.iter().any(|file| file.path == SOCI_CONFIG);
    let mut steps = vec![Step::DaemonReload];
    if outside {
        steps.push(Step::Modules { names: vec!["overlay".to_owned(), "br_netfilter".to_owned()] });
    }
    if soci {
        let files = vec![SOCI_CONFIG.to_owned()];
        steps.push(Step::Service { unit: SOCI_UNIT.to_owned(), enable: false, files, wait: SERVICE_WAIT });
    }
    steps.push(Step::Service {
        unit: "containerd.service".to_owned(),
        enable: outside,
        files: depends("containerd", files, owned::CONTAINERD),
        wait: CONTAINERD_WAIT,
    });
    if soci {
        steps.push(Step::ImportImage { archive: SOCI_PAUSE.to_owned(), snapshotter: "soci".to_owned() });
    }
    if outside {
        steps.push(Step::PullImage { image: containerd::sandbox_image(node) });
    }
    Phase { name: "containerd", half: Half::Run, steps }
}

fn kubelet_phase(files: &[File], outside: bool) -> Phase {
    let service = Step::Service {
        unit: "kubelet.service".to_owned(),
        enable: outside,
        files: depends("kubelet", files, owned::KUBELET),
        wait: KUBELET_WAIT,
    };
    Phase { name: "kubelet", half: Half::Run, steps: vec![Step::DaemonReload, service] }
}

/// What a daemon has to be restarted for: its files, the environment, and drop-ins of ours that an earlier configuration may have left
/// and that are removed then.
fn depends(service: &str, files: &[File], possible: &[&str]) -> Vec<String> {
    let mut paths: Vec<String> = files.iter().map(|file| file.path.clone()).collect();
    paths.extend(possible.iter().map(|path| (*path).to_owned()));
    paths.push(owned::DEFAULT_ENVIRONMENT.to_owned());
    paths.push(owned::service_environment(service));
    paths.sort();
    paths.dedup();
    paths
}

/// The phases that the user has not left out, without empty ones.
fn chosen(name: &str, phases: Vec<(Phase, Option<Daemon>)>, options: &Options) -> Plan {
    let wanted = |half: Half, daemon: Option<Daemon>| {
        let chosen = |daemon| options.daemons.as_ref().is_none_or(|chosen| chosen.contains(&daemon));
        daemon.is_none_or(chosen) && !options.skips.half(half)
    };
    let (kept, left): (Vec<_>, Vec<_>) = phases.into_iter().partition(|(phase, daemon)| wanted(phase.half, *daemon));
    let mut left_out: Vec<String> = left.iter().flat_map(|(phase, _)| owned::paths(phase)).collect();
    left_out.sort();
    let phases = kept.into_iter().map(|(phase, _)| phase).filter(|phase| !phase.steps.is_empty()).collect();
    // Without the files of this configuration those of the last one are still in use.
    Plan { node: name.to_owned(), phases, left_out, whole: !options.skips.half(Half::Config) }
}

#[cfg(test)]
mod tests;
