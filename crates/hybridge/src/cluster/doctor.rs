//! `hybridge cluster doctor`.

use std::fmt::Write as _;

use hybridge_cluster::path::{self, Path, Verdict};
use hybridge_cluster::preflight::{self, Outcome};
use hybridge_cluster::world::World;
use hybridge_report::{Exit, Finding, Severity};
use serde::Serialize;

use super::known::known;
use super::outcomes;
use crate::args::Output;
use crate::args::cluster::Doctor;
use crate::tell;

/// JSON form.
#[derive(Serialize)]
struct Report<'a> {
    /// Nothing is wrong.
    healthy: bool,
    checks: &'a [Outcome],
    nodes: Vec<Machine>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    paths: &'a Vec<Path>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    path_findings: &'a Vec<Finding>,
}

/// A hybrid node, as Systems Manager and Kubernetes know it.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Machine {
    name: String,
    address: String,
    /// Host name.
    host: String,
    /// Of Systems Manager; empty: it does not know the machine.
    ping_status: String,
    /// Of Kubernetes; none: it was not asked, or does not know the node.
    ready: Option<bool>,
}

pub(super) fn run(asked: &Doctor) -> Exit {
    let known = match known(&asked.look) {
        Ok(known) => known,
        Err(exit) => return exit,
    };
    let (cluster, world) = (&known.cluster, &known.world);
    let checks = known.placed(preflight::examine(cluster, world));
    let paths = asked.path.map(|address| path::follow(cluster, world, address)).unwrap_or_default();
    let path_findings = path::findings(&paths);
    let healthy = !outcomes::failed(&checks) && path_findings.iter().all(|finding| finding.severity != Severity::Error);
    let nodes = machines(world);
    let said = match asked.look.output {
        form @ (Output::Json | Output::Yaml) => {
            tell::structured(form, &Report { healthy, checks: &checks, nodes, paths: &paths, path_findings: &path_findings })
        }
        Output::Table => {
            let said = tell::data(&(outcomes::table(&checks) + &nodes_table(&nodes) + &ways(&paths)));
            tell::findings(checks.iter().flat_map(|check| &check.findings).chain(&path_findings));
            said
        }
    };
    match said {
        Exit::Ok if !healthy => Exit::Input,
        said @ (Exit::Ok | Exit::Input | Exit::Unexpected | Exit::Partly) => said,
    }
}

fn machines(world: &World) -> Vec<Machine> {
    let ready = |name: &str| world.nodes.iter().flatten().find(|node| node.name == name).map(|node| node.ready);
    let of_ssm = world.managed_instances.iter().map(|machine| Machine {
        name: machine.instance_id.clone(),
        address: machine.ip_address.clone(),
        host: machine.computer_name.clone(),
        ping_status: machine.ping_status.clone(),
        ready: ready(&machine.instance_id),
    });
    let mut machines: Vec<Machine> = of_ssm.collect();
    for node in world.nodes.iter().flatten().filter(|node| node.hybrid) {
        if !machines.iter().any(|machine| machine.name == node.name) {
            machines.push(Machine {
                name: node.name.clone(),
                address: node.address.clone(),
                host: String::new(),
                ping_status: String::new(),
                ready: Some(node.ready),
            });
        }
    }
    machines.sort_by(|a, b| a.name.cmp(&b.name));
    machines
}

fn nodes_table(machines: &[Machine]) -> String {
    if machines.is_empty() {
        return "\nno hybrid nodes\n".to_owned();
    }
    let mut text = "\n".to_owned();
    let width =
        |field: fn(&Machine) -> &str, head: &str| machines.iter().map(|it| field(it).len()).chain([head.len()]).max().unwrap_or_default();
    let (name, address, host) = (width(|it| &it.name, "NODE"), width(|it| &it.address, "ADDRESS"), width(|it| &it.host, "HOST"));
    let _ = writeln!(text, "{:<name$}  {:<address$}  {:<host$}  {:<15}  KUBERNETES", "NODE", "ADDRESS", "HOST", "SYSTEMS MANAGER");
    for machine in machines {
        let ready = match machine.ready {
            Some(true) => "Ready",
            Some(false) => "NotReady",
            None => "-",
        };
        let or_none = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
        let (ping, its_host) = (or_none(&machine.ping_status), or_none(&machine.host));
        let _ = writeln!(text, "{:<name$}  {:<address$}  {its_host:<host$}  {ping:<15}  {ready}", machine.name, machine.address);
    }
    text
}

/// The ways, a line a hop.
fn ways(paths: &[Path]) -> String {
    let mut text = String::new();
    for path in paths {
        let _ = writeln!(text, "\n{}", path.title());
        for hop in &path.hops {
            let verdict = match hop.verdict {
                Verdict::Pass => "pass",
                Verdict::Broken => "broken",
                Verdict::Unknown => "unknown",
            };
            let answer = if hop.answer { "answers: " } else { "" };
            let _ = writeln!(text, "  {verdict:<7}  {answer}{}", hop.sentence);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use hybridge_cluster::world::{KubeNode, ManagedInstance};

    use super::*;

    #[test]
    fn nodes_are_those_of_systems_manager_and_of_kubernetes() {
        let machine = ManagedInstance {
            instance_id: "mi-1".into(),
            ping_status: "Online".into(),
            ip_address: "10.80.146.7".into(),
            computer_name: "press-7".into(),
            ..ManagedInstance::default()
        };
        let node =
            |name: &str, hybrid, ready| KubeNode { name: name.into(), hybrid, ready, address: "10.80.146.9".into(), pod_cidrs: Vec::new() };
        let nodes = Some(vec![node("mi-1", true, true), node("press-9", true, false), node("ip-10-0-1-9", false, true)]);
        let world = World { managed_instances: vec![machine], nodes, ..World::default() };
        let table = nodes_table(&machines(&world));
        assert_eq!(
            table,
            "\nNODE     ADDRESS      HOST     SYSTEMS MANAGER  KUBERNETES\n\
             mi-1     10.80.146.7  press-7  Online           Ready\n\
             press-9  10.80.146.9  -        -                NotReady\n"
        );
        assert_eq!(nodes_table(&[]), "\nno hybrid nodes\n");
    }
}
