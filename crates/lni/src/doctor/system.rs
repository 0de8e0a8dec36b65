//! The operating system: who sets up interfaces on it, its firewall, and what each distribution needs.

use std::collections::BTreeMap;

use hybridge_report::Finding;
use serde::{Deserialize, Serialize};

use super::Known;
use crate::resolve::Lni;
use crate::verdict::{Check, Verdict};

const UNITS: Check = Check::new("lni.units", "no unit sets up the LNI as an interface of the VPC (cause 8)");
const FIREWALL: Check = Check::new("lni.firewall", "no firewall of the system drops what ours lets in");
const RENDERER: Check = Check::new("lni.renderer", "the files that set up the LNI at boot are for what this system uses");
const CONTAINERD: Check = Check::new("lni.containerd", "containerd comes from where this system has it");
const SELINUX: Check = Check::new("lni.selinux", "SELinux is on where the system expects it");
const SSM: Check = Check::new("lni.ssm-agent", "the machine can be reached by Systems Manager");

/// What only doctors ask of the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct System {
    /// `VERSION_ID` of /etc/os-release.
    pub version: String,
    /// `enforcing`, `permissive`, `disabled`; none where the kernel has no SELinux.
    pub selinux: Option<String>,
    /// Packages that containerd may come in, of those that are installed (`containerd.io`, `containerd`); none where nobody could tell.
    pub containerd: Option<Vec<String>>,
    /// Whether Systems Manager's agent runs; none where systemd could not be asked.
    pub ssm_agent: Option<bool>,
    /// Interfaces by their zone of firewalld; empty where it does not run.
    pub zones: BTreeMap<String, String>,
}

/// Families of systems that hybridge knows to set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Amazon,
    RedHat,
    Ubuntu,
    Debian,
    Other,
}

impl Family {
    fn of(known: &Known) -> Self {
        match known.machine.os.as_str() {
            "amzn" => Self::Amazon,
            "rhel" | "rocky" | "almalinux" | "centos" | "ol" => Self::RedHat,
            "ubuntu" => Self::Ubuntu,
            "debian" => Self::Debian,
            _ => Self::Other,
        }
    }
}

pub(super) fn checks(known: &Known, lni: Option<&Lni>) -> Vec<Verdict> {
    let family = Family::of(known);
    let units_missing = known.machine.missing.get("units");
    let mut verdicts = match units_missing {
        Some(why) => [UNITS, FIREWALL, RENDERER].map(|check| check.skip(format!("units could not be listed: {why}"))).to_vec(),
        None => vec![units(known, lni), firewall(known, lni), renderer(known, family)],
    };
    verdicts.extend([containerd(known, family), selinux(known, family), ssm(known)]);
    verdicts
}

fn is_on(known: &Known, unit: &str) -> bool {
    known.machine.units.iter().any(|on| on == unit)
}

/// ec2-net-utils of Amazon Linux, udev-net-manager of the EKS AMI, nm-cloud-setup of Red Hat.
fn units(known: &Known, lni: Option<&Lni>) -> Verdict {
    let mut findings = Vec::new();
    let names: Vec<&str> =
        lni.iter().flat_map(|lni| [Some(lni.name.as_str()), lni.parent.as_ref().map(|parent| parent.name.as_str())]).flatten().collect();
    for unit in &known.machine.units {
        let Some((template, rest)) = unit.split_once('@') else {
            if unit.starts_with("nm-cloud-setup.") {
                let what = "it takes over every interface that instance metadata names, and removes rules that are not its own";
                let fix = "systemctl disable --now nm-cloud-setup.service nm-cloud-setup.timer";
                findings.push(Finding::error(UNITS.code, unit, what).fix(fix));
            }
            continue;
        };
        let instance = rest.rsplit_once('.').map_or(rest, |(instance, _)| instance);
        if names.contains(&instance) && matches!(template, "policy-routes" | "refresh-policy-routes" | "udev-net-manager") {
            let what = format!("it sets up {instance} with the address and routes that EC2 shows for it, again and again");
            let fix = format!(
                "systemctl mask --now {template}@{instance}{}; `hybridge lni render` writes files that keep it away",
                rest.strip_prefix(instance).unwrap_or_default()
            );
            findings.push(Finding::error(UNITS.code, unit, what).fix(fix));
        }
    }
    UNITS.of(format!("{} units that know interfaces are on", known.machine.units.len()), findings)
}

/// A packet that our chain accepts still has to pass those of others.
fn firewall(known: &Known, lni: Option<&Lni>) -> Verdict {
    let name = lni.map_or("", |lni| lni.name.as_str());
    let mut findings = Vec::new();
    let mut seen = Vec::new();
    if is_on(known, "firewalld.service") {
        match known.system.zones.get(name).map(String::as_str) {
            Some("trusted") => seen.push(format!("firewalld has {name} in the zone trusted")),
            zone => {
                let where_ = zone.map_or_else(|| "its default zone".to_owned(), |zone| format!("the zone {zone}"));
                let what = format!("firewalld has {name} in {where_}, which rejects what Services are sent, whatever our table accepts");
                let fix = format!(
                    "switch firewalld off, as the EKS AMIs do (systemctl disable --now firewalld), or leave the LNI to our table: firewall-cmd \
                     --permanent --zone=trusted --change-interface={name} && firewall-cmd --reload"
                );
                findings.push(Finding::error(FIREWALL.code, "firewalld.service", what).fix(fix));
            }
        }
    }
    for unit in ["ufw.service", "iptables.service", "nftables.service"] {
        if is_on(known, unit) {
            let what = "its rules are asked as well as ours, and a reload of it may take away those of others";
            findings
                .push(Finding::warning(FIREWALL.code, unit, what).fix("see that it accepts what comes in by the LNI, or switch it off"));
        }
    }
    if seen.is_empty() && findings.is_empty() {
        seen.push("none is on".into());
    }
    FIREWALL.of(seen.join(", "), findings)
}

fn renderer(known: &Known, family: Family) -> Verdict {
    let (unit, form) = match family {
        Family::Amazon | Family::Debian => ("systemd-networkd.service", "networkd"),
        Family::Ubuntu => ("systemd-networkd.service", "netplan"),
        Family::RedHat => ("NetworkManager.service", "network-manager"),
        Family::Other => return RENDERER.skip(format!("the system `{}` is not among those that are known", known.machine.os)),
    };
    if is_on(known, unit) {
        return RENDERER.pass(format!("{unit} is on: `hybridge lni render --for {form}`"));
    }
    let other = ["NetworkManager.service", "systemd-networkd.service"].into_iter().find(|other| is_on(known, other));
    let what = match (family, other) {
        (Family::Amazon, None) if known.system.version == "2" => {
            "Amazon Linux 2 sets up interfaces by ifcfg files, for which none are written; the agent sets up the LNI when it starts"
                .to_owned()
        }
        (_, Some(other)) => format!("{unit} is off and {other} is on"),
        (_, None) => format!("{unit} is off"),
    };
    RENDERER.warn(&known.machine.os, what, "render for what is on, or let the agent start early: it sets up all of it")
}

/// Red Hat has none of its own; `hybridge node` and eks-hybrid take Docker's.
fn containerd(known: &Known, family: Family) -> Verdict {
    let Some(packages) = &known.system.containerd else { return CONTAINERD.skip("the package manager could not be asked") };
    let told = if packages.is_empty() { "in no package".to_owned() } else { packages.join(", ") };
    let docker = packages.iter().any(|package| package == "containerd.io");
    match family {
        Family::RedHat if !docker => CONTAINERD.fail(
            &known.machine.os,
            format!("containerd is {told}; Red Hat has none, and only Docker's repository has one for it"),
            "install containerd.io from https://download.docker.com/linux/rhel (in NodeConfigs: `containerd: {source: docker}` at install)",
        ),
        Family::Amazon if docker => CONTAINERD.warn(
            &known.machine.os,
            "containerd.io of Docker is installed; Amazon Linux has its own, which EKS supports",
            "dnf install containerd",
        ),
        Family::RedHat | Family::Amazon | Family::Ubuntu | Family::Debian | Family::Other => CONTAINERD.pass(told),
    }
}

fn selinux(known: &Known, family: Family) -> Verdict {
    match (family, known.system.selinux.as_deref()) {
        (Family::RedHat, None | Some("disabled")) => SELINUX.warn(
            &known.machine.os,
            "SELinux is off; Red Hat supports machines that enforce it, and switching it on later needs every file to be labelled anew",
            "write SELINUX=permissive into /etc/selinux/config, touch /.autorelabel, reboot, look at the denials, then enforce",
        ),
        (_, Some(mode)) => SELINUX.pass(mode),
        (_, None) => SELINUX.skip("this kernel has none"),
    }
}

/// Session Manager is the way in when the LAN is what is broken.
fn ssm(known: &Known) -> Verdict {
    match known.system.ssm_agent {
        None => SSM.skip("units could not be listed"),
        Some(true) => SSM.pass("amazon-ssm-agent runs"),
        Some(false) => SSM.warn(
            "amazon-ssm-agent",
            "Systems Manager's agent does not run: there is no way in by Session Manager (Red Hat's images do not have it)",
            "install it (https://docs.aws.amazon.com/systems-manager/latest/userguide/manually-install-ssm-agent-linux.html) and give the \
             instance's role AmazonSSMManagedInstanceCore",
        ),
    }
}
