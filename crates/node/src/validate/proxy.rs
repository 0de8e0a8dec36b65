//! Proxies: whoever talks to AWS must know of the same one.

use std::collections::{BTreeMap, BTreeSet};

use hybridge_report::Finding;

use super::Subject;
use crate::hybrid::ssm;

type Variables = BTreeMap<String, String>;

const NAMES: [&str; 3] = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];
/// systemd's directories: units stand in `system` below them, settings for all units in `system.conf` and `system.conf.d`.
const SYSTEMD: [&str; 5] = ["/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd", "/lib/systemd"];
/// Our own process's variables among the files.
const ENVIRONMENT: &str = "environment";

pub(super) fn consistent(subject: &Subject<'_>) -> Vec<Finding> {
    let files = &subject.facts.answers.proxy_files;
    let wanted = wanted(subject);
    if !wanted.iter().any(|name| name != "NO_PROXY") {
        return Vec::new();
    }
    let mut findings: Vec<Finding> = files.iter().flat_map(|(place, variables)| cases(place, variables)).collect();
    for service in services(subject) {
        findings.extend(service_finding(subject, service, &wanted));
    }
    findings.extend(package_manager(files));
    findings
}

/// Lower and upper case of a variable: programs differ in which one they read.
fn cases(place: &str, variables: &Variables) -> Vec<Finding> {
    NAMES
        .into_iter()
        .filter(|name| {
            let lower = variables.get(&name.to_ascii_lowercase());
            lower.is_some() && variables.get(*name).is_some() && lower != variables.get(*name)
        })
        .map(|name| {
            Finding::error("proxy.case", place, format!("{name} and {} have different values", name.to_ascii_lowercase()))
                .fix("give both the same value: some programs read the one, some the other")
        })
        .collect()
}

fn services(subject: &Subject<'_>) -> Vec<&'static str> {
    let mut services = vec!["kubelet.service", "containerd.service"];
    if subject.config.hybrid.as_ref().is_some_and(|hybrid| hybrid.ssm.is_some()) {
        services.push(ssm::agent(subject.facts).map_or(ssm::UNITS[0], |(_, unit)| unit));
    }
    services
}

/// Files that give variables to a service, with what they say.
fn files_of<'a>(subject: &Subject<'a>, service: &str) -> Vec<(&'a String, &'a Variables)> {
    let of = |path: &str| {
        SYSTEMD.into_iter().filter_map(|root| path.strip_prefix(root)).any(|rest| {
            let own = rest.strip_prefix("/system/").and_then(|rest| rest.strip_prefix(service));
            own.is_some_and(|rest| rest.is_empty() || rest.starts_with(".d/"))
                || rest == "/system.conf"
                || rest.starts_with("/system.conf.d/")
        })
    };
    subject.facts.answers.proxy_files.iter().filter(|(path, _)| of(path)).collect()
}

fn service_finding(subject: &Subject<'_>, service: &'static str, wanted: &BTreeSet<String>) -> Option<Finding> {
    let files = files_of(subject, service);
    let documented =
        ["default", service.trim_end_matches(".service")].into_iter().filter_map(|name| subject.config.instance.environment.get(name));
    let has: BTreeSet<String> =
        documented.chain(files.iter().map(|(_, values)| *values)).flat_map(BTreeMap::keys).map(|name| name.to_ascii_uppercase()).collect();
    let missing: Vec<&str> = wanted.difference(&has).map(String::as_str).collect();
    if !missing.is_empty() {
        let drop_in = format!("/etc/systemd/system/{service}.d/http-proxy.conf");
        return Some(
            Finding::error("proxy.service", service, format!("does not get {}, which this shell has", missing.join(", ")))
                .fix(format!("write it as Environment=\"NAME=VALUE\" under [Service] in {drop_in}, then systemctl daemon-reload")),
        );
    }
    // Values of the document are not compared: they may hold a password, which the facts leave out.
    let environment = upper(subject.facts.answers.proxy_files.get(ENVIRONMENT)?);
    files.into_iter().find_map(|(place, values)| {
        let differs = |(name, value): &(String, String)| environment.get(name).is_some_and(|other| other != value);
        let (name, _) = upper(values).into_iter().find(differs)?;
        let finding = Finding::error("proxy.differs", place.as_str(), format!("{name} differs from that of this shell"));
        Some(finding.fix("give it the same value in both, then systemctl daemon-reload"))
    })
}

/// Variables of this shell that services need too. Nobody in a node reads ALL_PROXY.
fn wanted(subject: &Subject<'_>) -> BTreeSet<String> {
    subject.facts.proxies.iter().map(|name| name.to_ascii_uppercase()).filter(|name| NAMES.contains(&name.as_str())).collect()
}

fn upper(variables: &Variables) -> Variables {
    variables.iter().map(|(name, value)| (name.to_ascii_uppercase(), value.clone())).collect()
}

/// Packages are not fetched by `init`, hence only a warning.
fn package_manager(files: &BTreeMap<String, Variables>) -> Option<Finding> {
    let is_one = |path: &String| ["/etc/apt/", "/etc/dnf/", "/etc/yum"].into_iter().any(|root| path.starts_with(root));
    (!files.keys().any(is_one)).then(|| {
        Finding::warning("proxy.packages", "package manager", "its configuration names no proxy, so installing and upgrading may fail")
            .fix("write Acquire::https::Proxy in /etc/apt/apt.conf.d/, or proxy= in /etc/dnf/dnf.conf")
    })
}
