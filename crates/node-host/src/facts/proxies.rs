//! Proxies that the environment and configuration files name.

use std::collections::BTreeMap;

use super::Part;
use crate::command::without_credentials;
use crate::host::Host;

const VARIABLES: [&str; 8] = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy"];
/// Services whose drop-ins of that name may set a proxy.
const SERVICES: [&str; 4] = ["kubelet", "containerd", "amazon-ssm-agent", "snap.amazon-ssm-agent.amazon-ssm-agent"];

/// Names of variables that are set, and the settings of files, without credentials.
pub(super) fn proxies(host: &Host) -> Part {
    let set = VARIABLES.iter().filter(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    let set: Vec<String> = set.map(ToString::to_string).collect();
    let mut files: Vec<String> = ["/etc/apt/apt.conf", "/etc/yum.conf", "/etc/dnf/dnf.conf"].map(String::from).into();
    files.extend(host.names("/etc/apt/apt.conf.d").iter().map(|name| format!("/etc/apt/apt.conf.d/{name}")));
    for service in SERVICES {
        let dir = format!("/etc/systemd/system/{service}.service.d");
        files.extend(host.names(&dir).iter().filter(|name| name.ends_with(".conf")).map(|name| format!("{dir}/{name}")));
    }
    let texts = files.into_iter().filter_map(|path| Some((host.text(&path).ok()??, path)));
    let found: BTreeMap<String, BTreeMap<String, String>> =
        texts.map(|(text, path)| (path, settings(&text))).filter(|(_, settings)| !settings.is_empty()).collect();
    Box::new(move |facts| {
        facts.proxies = set;
        facts.answers.proxy_files = found;
    })
}

/// Settings of a proxy in one text, by the name of the variable that says the same.
fn settings(text: &str) -> BTreeMap<String, String> {
    text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';']) && !line.starts_with("//")).flat_map(line).collect()
}

fn line(line: &str) -> Vec<(String, String)> {
    let clean = |value: &str| without_credentials(value.trim().trim_matches(['"', '\'', ';']));
    if let Some(words) = line.strip_prefix("Environment=") {
        // Several may stand on one line, each in quotes.
        let words = words.split_whitespace().filter_map(|word| word.trim_matches(['"', '\'']).split_once('='));
        return words.filter(|(name, _)| VARIABLES.contains(name)).map(|(name, value)| (name.to_owned(), clean(value))).collect();
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
            ("[Service]\nExecStart=/bin/true", vec![]),
        ] {
            let expected: BTreeMap<String, String> = expected.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
            assert_eq!(settings(text), expected, "{text}");
        }
    }
}
