//! What is installed.

use std::collections::BTreeSet;

use hybridge_node::facts::{Firewall, FirewallKind};
use hybridge_node::version::Version;

use hybridge_node::resolve::Wanted;

use super::Part;
use crate::command::Call;
use crate::firewall::{allowed, words};
use crate::host::Host;

/// Says where others' credential provider for ECR is, as with EC2's nodeadm.
const ECR_PROVIDER: &str = "ECR_CREDENTIAL_PROVIDER_BIN_PATH";

/// Version of kubelet or containerd: the image's note of it (`/etc/eks/kubelet-version.txt`), which costs nothing, else the program's
/// own word.
pub(super) fn version(host: &Host, name: &'static str) -> Part {
    let found = noted(host, name).map_or_else(|| asked(host, name), Ok);
    Box::new(move |facts| match (found, name) {
        (Ok(version), "kubelet") => facts.kubelet = Some(version),
        (Ok(version), _) => facts.containerd = Some(version),
        (Err(why), _) => drop(facts.missing.insert(name.into(), why)),
    })
}

fn noted(host: &Host, name: &str) -> Option<Version> {
    host.line(&format!("/etc/eks/{name}-version.txt"))?.parse().ok()
}

fn asked(host: &Host, name: &str) -> Result<Version, String> {
    let program = host.program(name).ok_or_else(|| format!("{name} is not on PATH"))?;
    let output = host.ask(&Call::question(&program, ["--version"])).map_err(|error| hybridge_report::chain(&error))?;
    if !output.good() {
        return Err(format!("`{program} --version` failed: {}", output.last_words()));
    }
    output.stdout.parse().map_err(|error: hybridge_node::version::NoVersion| error.to_string())
}

/// Programs that are wanted and there, others' credential provider among them: of that one, nodeadm asks no more than a file.
pub(super) fn programs(host: &Host, wanted: &Wanted) -> Part {
    let provider = std::env::var(ECR_PROVIDER).ok().filter(|path| !path.is_empty());
    let paths: BTreeSet<&str> = wanted.programs.iter().copied().chain(provider.as_deref()).collect();
    let programs =
        paths.into_iter().filter(|path| host.executable(path) || path.ends_with("/ecr-credential-provider") && host.path(path).is_file());
    let programs: Vec<String> = programs.map(String::from).collect();
    Box::new(move |facts| (facts.programs, facts.ecr_provider) = (programs, provider))
}

/// The firewall that runs.
pub(super) fn firewall(host: &Host) -> Part {
    let found = firewalld(host).transpose().or_else(|| ufw(host).transpose()).transpose();
    Box::new(move |facts| match found {
        Ok(firewall) => facts.firewall = firewall,
        Err(why) => drop(facts.missing.insert("firewall".into(), why)),
    })
}

fn firewalld(host: &Host) -> Result<Option<Firewall>, String> {
    let Some(program) = host.program("firewall-cmd") else { return Ok(None) };
    // "not running" comes with exit code 252.
    let state = host.ask(&Call::question(&program, ["--state"])).map_err(|error| hybridge_report::chain(&error))?;
    if !state.good() {
        return Ok(None);
    }
    let open = host.answer(&Call::question(&program, ["--list-ports"])).ok_or("`firewall-cmd --list-ports` failed")?;
    Ok(Some(Firewall { kind: FirewallKind::Firewalld, open: words(&open) }))
}

fn ufw(host: &Host) -> Result<Option<Firewall>, String> {
    let Some(program) = host.program("ufw") else { return Ok(None) };
    let status = host.ask(&Call::question(&program, ["status"])).map_err(|error| hybridge_report::chain(&error))?;
    if !status.good() {
        return Err(format!("`ufw status` failed: {}", status.last_words()));
    }
    let active = status.stdout.lines().any(|line| line.trim() == "Status: active");
    Ok(active.then(|| Firewall { kind: FirewallKind::Ufw, open: allowed(&status.stdout) }))
}

/// The serving certificate of a kubelet's earlier life: only the certificate of a file that holds the key too.
pub(super) fn kubelet_certificate(host: &Host) -> Part {
    let pem = host.text("/var/lib/kubelet/pki/kubelet-server-current.pem").ok().flatten();
    let certificate = pem.as_deref().and_then(super::identity::first_certificate);
    Box::new(move |facts| facts.answers.kubelet_certificate = certificate)
}

/// Whether a kubelet runs already.
pub(super) fn kubelet_active(host: &Host) -> Part {
    let active = host.ask(&Call::question("systemctl", ["is-active", "kubelet.service"])).map(|output| output.stdout.trim() == "active");
    Box::new(move |facts| match active {
        Ok(active) => facts.answers.kubelet_active = Some(active),
        Err(error) => drop(facts.missing.insert("kubelet.service".into(), hybridge_report::chain(&error))),
    })
}
