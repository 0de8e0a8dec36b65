//! Proxies that the environment and configuration files name.

use std::collections::BTreeMap;

use super::Part;
use crate::command::without_credentials;
use crate::host::Host;

const VARIABLES: [&str; 8] = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy"];
/// Services that need a proxy.
const SERVICES: [&str; 4] = ["kubelet", "containerd", "amazon-ssm-agent", "snap.amazon-ssm-agent.amazon-ssm-agent"];
/// Where systemd reads its own configuration, units and drop-ins.
const SYSTEMD: [&str; 5] = ["/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd", "/lib/systemd"];
/// Stands for our own process among the files.
const ENVIRONMENT: &str = "environment";

/// Names of variables that are set.
pub(super) fn variables() -> Part {
    let set: Vec<String> = environment().map(|(name, _)| name).collect();
    Box::new(move |facts| facts.proxies = set)
}

/// Settings of files and of our own process, without credentials.
pub(super) fn files(host: &Host) -> Part {
    let texts = paths(host).into_iter().filter_map(|path| Some((host.text(&path).ok()??, path)));
    let own = environment().map(|(name, value)| (name, without_credentials(&value))).collect();
    let all = texts.map(|(text, path)| (path, settings(&text))).chain([(ENVIRONMENT.to_owned(), own)]);
    let found: BTreeMap<String, BTreeMap<String, String>> = all.filter(|(_, settings)| !settings.is_empty()).collect();
    Box::new(move |facts| facts.answers.proxy_files = found)
}

fn environment() -> impl Iterator<Item = (String, String)> {
    let set = VARIABLES.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)));
    set.filter(|(_, value)| !value.is_empty())
}

/// Files that may name a proxy. On most machines /lib is a link to /usr/lib; then it is not looked at twice.
fn paths(host: &Host) -> Vec<String> {
    let mut files: Vec<String> = ["/etc/apt/apt.conf", "/etc/yum.conf", "/etc/dnf/dnf.conf"].map(String::from).into();
    let below = |dir: String, end: &str| {
        let names = host.names(&dir).into_iter().filter(|name| name.ends_with(end)).collect::<Vec<_>>();
        names.into_iter().map(move |name| format!("{dir}/{name}"))
    };
    files.extend(below("/etc/apt/apt.conf.d".to_owned(), ""));
    let merged = std::fs::symlink_metadata(host.path("/lib")).is_ok_and(|meta| meta.is_symlink());
    for root in SYSTEMD.into_iter().filter(|root| !(merged && root.starts_with("/lib/"))) {
        files.push(format!("{root}/system.conf"));
        files.extend(below(format!("{root}/system.conf.d"), ".conf"));
        for service in SERVICES {
            files.push(format!("{root}/system/{service}.service"));
            files.extend(below(format!("{root}/system/{service}.service.d"), ".conf"));
        }
    }
    files
}

/// Settings of a proxy in one text, by the name of the variable that says the same.
fn settings(text: &str) -> BTreeMap<String, String> {
    text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';']) && !line.starts_with("//")).flat_map(line).collect()
}

fn line(line: &str) -> Vec<(String, String)> {
    let clean = |value: &str| without_credentials(value.trim().trim_matches(['"', '\'', ';']));
    if let Some(words) = line.strip_prefix("Environment=").or_else(|| line.strip_prefix("DefaultEnvironment=")) {
        // Several may stand on one line, each in quotes.
        let words = words.split_whitespace().filter_map(|word| word.trim_matches(['"', '\'']).split_once('='));
        return words
            .filter(|(name, _)| VARIABLES.contains(name))
            .map(|(name, value)| (name.to_owned(), clean(&value.replace("%%", "%"))))
            .collect();
    }
    let apt = [("Acquire::http::Proxy", "http_proxy"), ("Acquire::https::Proxy", "https_proxy")];
    if let Some((rest, name)) = apt.iter().find_map(|(key, name)| Some((prefix_ignoring_case(line, key)?, name))) {
        return vec![((*name).to_owned(), clean(rest))];
    }
    match line.split_once('=') {
        Some((key, value)) if key.trim() == "proxy" => vec![("http_proxy".into(), clean(value)), ("https_proxy".into(), clean(value))],
        Some(_) | None => Vec::new(),
    }
}

fn prefix_ignoring_case<'a>(line: &'a str, prefix: &str) -> Option<&'a str> {
    let head = line.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &line[prefix.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_file_is_understood_and_passwords_are_left_out() {
        let (http, https) = (("http_proxy", "http://(hidden)@p:1"), ("https_proxy", "http://p:1"));
        for (text, expected) in [
            ("Acquire::http::proxy \"http://u:secret@p:1\";\nAcquire::https::Proxy \"http://p:1\";", vec![http, https]),
            ("[main]\n#proxy=x\nproxy=http://p:1\n", vec![("http_proxy", "http://p:1"), https]),
            (
                "[Service]\nEnvironment=\"HTTP_PROXY=http://u:secret@p:1\" \"NO_PROXY=a,b\"\nEnvironment=PATH=/bin",
                vec![("HTTP_PROXY", "http://(hidden)@p:1"), ("NO_PROXY", "a,b")],
            ),
            (
                "[Manager]\nDefaultEnvironment=\"HTTP_PROXY=http://p:1/%%20\"\n#DefaultEnvironment=NO_PROXY=c\n",
                vec![("HTTP_PROXY", "http://p:1/%20")],
            ),
            ("[Service]\nExecStart=/bin/true", vec![]),
        ] {
            let expected: BTreeMap<String, String> = expected.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
            assert_eq!(settings(text), expected, "{text}");
        }
    }

    #[test]
    fn files_are_those_that_systemd_and_the_package_managers_read() {
        let dir = tempfile::tempdir().unwrap();
        let mut expected: Vec<&str> = vec![
            "/etc/apt/apt.conf.d/95proxy",
            "/etc/systemd/system.conf",
            "/etc/systemd/system.conf.d/environment.conf",
            "/run/systemd/system/kubelet.service.d/a.conf",
            "/usr/lib/systemd/system/containerd.service",
            "/usr/lib/systemd/system/amazon-ssm-agent.service.d/proxy.conf",
        ];
        let others = ["/etc/systemd/system/sshd.service.d/a.conf", "/etc/systemd/system/kubelet.service.d/a.conf.bak", "/lib64/x"];
        for path in expected.iter().chain(&others) {
            let path = dir.path().join(path.trim_start_matches('/'));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "Environment=HTTP_PROXY=http://p:1\nproxy=http://p:1\n").unwrap();
        }
        std::os::unix::fs::symlink("usr/lib", dir.path().join("lib")).unwrap();
        let mut facts = hybridge_node::facts::Facts::default();
        files(&Host::below(dir.path(), crate::command::System))(&mut facts);
        facts.answers.proxy_files.remove(ENVIRONMENT);
        expected.sort_unstable();
        assert_eq!(facts.answers.proxy_files.keys().collect::<Vec<_>>(), expected);
    }
}
