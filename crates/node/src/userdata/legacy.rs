//! `/etc/eks/bootstrap.sh`, the way of Amazon Linux 2: what its options are in a NodeConfig.
//!
//! Options after `files/bootstrap.sh` of awslabs/amazon-eks-ami (until its removal in 2024).

use std::fmt::Write;

const SCRIPT: &str = "/etc/eks/bootstrap.sh";

/// A call of bootstrap.sh and the NodeConfig that says the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Legacy {
    /// Line of the call.
    pub line: u32,
    /// NodeConfig to write instead.
    pub config: String,
    /// What could not be said in it, or has to be filled in.
    pub notes: Vec<String>,
}

/// The first call in `script`, before which there are `before` lines of the source.
pub(super) fn find(script: &str, before: u32) -> Option<Legacy> {
    let mut lines = script.lines().zip(1u32..);
    while let Some((line, number)) = lines.next() {
        let Some(at) = line.find(SCRIPT).filter(|at| !line[..*at].contains('#')) else { continue };
        let mut call = line[at + SCRIPT.len()..].to_owned();
        while let Some(open) = call.strip_suffix('\\') {
            call = open.to_owned();
            call.push_str(lines.next().map_or("", |(line, _)| line));
        }
        let mut wanted = Wanted::default();
        wanted.read(&words(&call));
        return Some(Legacy { line: before + number, config: wanted.config(), notes: wanted.notes });
    }
    None
}

/// Words of a shell command up to its end.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => word.get_or_insert_default().extend(chars.next()),
            (None, ';' | '|' | '&' | '>' | '<') => break,
            (None, '#') if word.is_none() => break,
            (None, _) if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// What the call asks, in NodeConfig's terms.
#[derive(Default)]
struct Wanted {
    name: String,
    endpoint: String,
    ca: String,
    cidr: String,
    outpost: bool,
    id: String,
    strategy: Option<&'static str>,
    dns: String,
    max_pods: Option<String>,
    default_max_pods: bool,
    flags: Vec<String>,
    notes: Vec<String>,
}

impl Wanted {
    fn read(&mut self, words: &[String]) {
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let Some(option) = word.strip_prefix("--") else {
                if self.name.is_empty() {
                    self.name.clone_from(word);
                } else {
                    self.notes.push("there is more than one word without an option; the first was taken for the cluster's name".to_owned());
                }
                continue;
            };
            let (option, value) = match option.split_once('=') {
                Some((option, value)) => (option, value.to_owned()),
                None => (option, words.next().cloned().unwrap_or_default()),
            };
            self.option(option, value);
        }
        self.complete();
    }

    fn option(&mut self, option: &str, value: String) {
        match option {
            "apiserver-endpoint" => self.endpoint = value,
            "b64-cluster-ca" => self.ca = value,
            "dns-cluster-ip" => self.dns = value,
            "service-ipv6-cidr" => self.cidr = value,
            "cluster-id" => self.id = value,
            "enable-local-outpost" => self.outpost = value == "true",
            "use-max-pods" => self.default_max_pods = value == "false",
            "kubelet-extra-args" => self.kubelet(&value),
            "local-disks" => match value.as_str() {
                "raid0" => self.strategy = Some("RAID0"),
                "raid10" => self.strategy = Some("RAID10"),
                "mount" => self.strategy = Some("Mount"),
                _ => {
                    self.notes.push("--local-disks: raid0, raid10 and mount have a counterpart, instance.localStorage.strategy".to_owned())
                }
            },
            "ip-family" if value == "ipv6" => {
                self.notes.push(
                    "--ip-family ipv6: the family follows from cluster.cidr, which must be the cluster's IPv6 service range".to_owned(),
                );
            }
            "ip-family" | "mount-bpf-fs" => {}
            "container-runtime" if value == "containerd" => {}
            _ => self.notes.push(untranslated(option)),
        }
    }

    fn kubelet(&mut self, value: &str) {
        let mut words = words(value).into_iter().peekable();
        while let Some(word) = words.next() {
            // kubelet takes `--flag value` as well; a NodeConfig has one text a flag.
            let flag = match words.next_if(|next| !word.contains('=') && !next.starts_with('-')) {
                Some(value) => format!("{word}={value}"),
                None => word,
            };
            match flag.strip_prefix("--max-pods=") {
                Some(pods) => self.max_pods = Some(pods.to_owned()),
                None => self.flags.push(flag),
            }
        }
    }

    fn complete(&mut self) {
        let describe = "aws eks describe-cluster --name";
        for (field, placeholder, path) in [
            (&mut self.name, "CLUSTER_NAME", ""),
            (&mut self.endpoint, "API_SERVER_ENDPOINT", "endpoint"),
            (&mut self.ca, "CERTIFICATE_AUTHORITY", "certificateAuthority.data"),
            (&mut self.cidr, "SERVICE_CIDR", "kubernetesNetworkConfig.serviceIpv4Cidr"),
        ] {
            if field.is_empty() {
                placeholder.clone_into(field);
                self.notes.push(match path {
                    "" => format!("put the cluster's name for {placeholder}"),
                    path => format!("put for {placeholder} what `{describe} NAME --query cluster.{path}` says"),
                });
            } else if field.contains('$') {
                self.notes.push("there are shell variables in it; a NodeConfig needs their values".to_owned());
            }
        }
        self.notes.dedup();
    }

    fn config(&self) -> String {
        let mut out = format!(
            "apiVersion: {}\nkind: {}\nspec:\n  cluster:\n    name: {}\n    apiServerEndpoint: {}\n    certificateAuthority: {}\n    cidr: {}\n",
            crate::config::API_VERSION,
            crate::config::KIND,
            quoted(&self.name),
            quoted(&self.endpoint),
            quoted(&self.ca),
            quoted(&self.cidr)
        );
        if self.outpost {
            out.push_str("    enableOutpost: true\n");
        }
        if !self.id.is_empty() {
            line(&mut out, format_args!("    id: {}", quoted(&self.id)));
        }
        if let Some(strategy) = self.strategy {
            line(&mut out, format_args!("  instance:\n    localStorage:\n      strategy: {strategy}"));
        }
        let max_pods = self.max_pods.as_deref().or(self.default_max_pods.then_some("110"));
        if max_pods.is_none() && self.dns.is_empty() && self.flags.is_empty() {
            return out;
        }
        out.push_str("  kubelet:\n");
        if max_pods.is_some() || !self.dns.is_empty() {
            out.push_str("    config:\n");
        }
        if !self.dns.is_empty() {
            line(&mut out, format_args!("      clusterDNS: [{}]", quoted(&self.dns)));
        }
        if let Some(max_pods) = max_pods {
            let number = max_pods.parse::<u32>().is_ok();
            line(&mut out, format_args!("      maxPods: {}", if number { max_pods.to_owned() } else { quoted(max_pods) }));
        }
        if !self.flags.is_empty() {
            out.push_str("    flags:\n");
            self.flags.iter().for_each(|flag| line(&mut out, format_args!("    - {}", quoted(flag))));
        }
        out
    }
}

fn untranslated(option: &str) -> String {
    match option {
        "containerd-config-file" => {
            "--containerd-config-file: put the text of that file, or only what differs, in containerd.config".to_owned()
        }
        "pause-container-account" | "pause-container-version" => {
            format!("--{option}: the image comes with the node; another is set by sandbox_image in containerd.config")
        }
        "container-runtime" | "enable-docker-bridge" | "docker-config-json" => {
            format!("--{option}: there is no Docker; containerd is the only runtime")
        }
        "aws-api-retry-attempts" => "--aws-api-retry-attempts: has no counterpart; AWS is asked again within a time limit".to_owned(),
        _ => {
            let name: String = option.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(40).collect();
            format!("--{name}: not an option of bootstrap.sh that is known here")
        }
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("a String takes any text");
}

/// As YAML writes it: plain where that is safe.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./+=:,".contains(c);
    let word =
        text.chars().all(plain) && text.starts_with(|c: char| c.is_ascii_alphanumeric() || text.starts_with("--")) && !text.ends_with(':');
    if word && text.parse::<f64>().is_err() && !crate::config::is_yaml_word(text) {
        text.to_owned()
    } else {
        serde_json::Value::from(text).to_string()
    }
}
