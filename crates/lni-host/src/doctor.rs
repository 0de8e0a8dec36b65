//! What only doctors ask of the machine.

use std::collections::BTreeMap;
use std::fs;

use hybridge_lni::desired;
use hybridge_lni::doctor::{Answered, Chain, Known, System, chains};
use hybridge_lni::facts::Facts;
use hybridge_lni::lease::Lease;
use hybridge_lni::profile::Profile;
use hybridge_lni::resolve::locate;
use jiff::Timestamp;

use crate::duplicate::owner;
use crate::nft;

/// Everything about this machine; what the API server tells is for the caller to add.
pub async fn gather(profile: &Profile, machine: Facts, lease: Option<Lease>) -> Known {
    let (system, listing, chains, duplicate) =
        tokio::join!(system(&machine), nft::listing(), hooked(), duplicate(profile, &machine, lease.as_ref()));
    let ruleset = listing.ok().flatten().unwrap_or_default();
    Known { time: Some(Timestamp::now()), machine, system, ruleset, chains, lease, duplicate, cluster: None }
}

/// What a program prints; none where it is not there or fails.
async fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = nft::command(program).args(arguments).output().await.ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

async fn hooked() -> Option<Vec<Chain>> {
    chains(&said("nft", &["-j", "list", "chains"]).await?).ok()
}

async fn duplicate(profile: &Profile, machine: &Facts, lease: Option<&Lease>) -> Option<Answered> {
    let lni = locate(profile, machine).ok()?;
    let address = desired::address(profile, lease)?.address;
    if !machine.routing.carrier.contains(&lni.link) {
        return None;
    }
    let other = owner(lni.link, lni.mac, address).await.ok()?;
    Some(other.map_or(Answered::Nobody, Answered::By))
}

async fn system(machine: &Facts) -> System {
    let (containerd, ssm_agent, zones) = tokio::join!(containerd(), ssm_agent(), zones(machine));
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let version = release.lines().find_map(|line| line.strip_prefix("VERSION_ID=")).unwrap_or_default().trim_matches('"').to_owned();
    System { version, selinux: selinux(), containerd, ssm_agent, zones }
}

/// `enforce` is there where SELinux is on; else its configuration tells that the system knows it.
fn selinux() -> Option<String> {
    match fs::read_to_string("/sys/fs/selinux/enforce") {
        Ok(text) => Some(if text.trim() == "1" { "enforcing" } else { "permissive" }.to_owned()),
        Err(_) => fs::metadata("/etc/selinux/config").is_ok().then(|| "disabled".to_owned()),
    }
}

/// Of rpm or dpkg, whichever answers.
async fn containerd() -> Option<Vec<String>> {
    let text = match said("rpm", &["-qa", "--qf", "%{NAME}\n", "containerd*"]).await {
        Some(text) if !text.trim().is_empty() => text,
        _ => said("dpkg-query", &["-W", "-f", "${Package} ${Status}\n", "containerd*"]).await?,
    };
    let installed = text.lines().filter(|line| !line.contains(' ') || line.ends_with(" installed"));
    Some(installed.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}

async fn ssm_agent() -> Option<bool> {
    let names = ["amazon-ssm-agent.service", "snap.amazon-ssm-agent.amazon-ssm-agent.service"];
    let arguments = ["list-units", "--plain", "--no-legend", "--no-pager", "--state=active"];
    let text = said("systemctl", &[&arguments[..], &names[..]].concat()).await?;
    Some(text.lines().any(|line| names.iter().any(|name| line.starts_with(name))))
}

/// Asked only where firewalld runs.
async fn zones(machine: &Facts) -> BTreeMap<String, String> {
    if !machine.units.contains("firewalld.service") {
        return BTreeMap::new();
    }
    let text = said("firewall-cmd", &["--get-active-zones"]).await.unwrap_or_default();
    zones_of(&text)
}

/// A line with a zone, and below it, indented, `interfaces: eth0 eth1`.
fn zones_of(text: &str) -> BTreeMap<String, String> {
    let mut zone = "";
    let mut found = BTreeMap::new();
    for line in text.lines() {
        match line.trim_start().strip_prefix("interfaces:") {
            Some(names) => found.extend(names.split_whitespace().map(|name| (name.to_owned(), zone.to_owned()))),
            None if !line.starts_with(char::is_whitespace) => zone = line.split_whitespace().next().unwrap_or_default(),
            None => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_are_told_with_their_zones() {
        let found = zones_of("docker\n  interfaces: docker0\npublic (default)\n  interfaces: eth0 eth1\ntrusted\n  sources: 10.0.0.0/8\n");
        let told: Vec<_> = found.iter().map(|(name, zone)| format!("{name} {zone}")).collect();
        assert_eq!(told, ["docker0 docker", "eth0 public", "eth1 public"]);
    }
}
