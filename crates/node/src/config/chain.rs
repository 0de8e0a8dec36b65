//! From what the sources gave to the configuration that is used: nodeadm's rules for a chain of sources and for its cache.

use hybridge_report::Severity;
use serde_json::{Map, Value, json};

use super::{Found, Languages, MergeError, NodeConfig, Parsed, Problem, Shape, check_whole, complete, dump, hide, merge};

/// What one source of the chain gave.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// It was there, and this is what was read.
    Read(Box<Parsed>),
    /// A directory without a file that ends in .yaml, .yml or .json.
    EmptyDirectory,
}

/// What the sources gave together.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// All documents merged, with their defaults.
    pub config: NodeConfig,
    /// Warnings of all sources, and what was passed over.
    pub problems: Vec<Problem>,
}

/// Why there is no configuration.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ChainError {
    /// No source has a NodeConfig; what the sources have instead, as warnings.
    #[error("no config in chain")]
    NoConfig(Vec<Problem>),
    /// A source has one that is wrong. All problems of all sources.
    #[error("{} problems in the configuration", errors(.0))]
    Problems(Vec<Problem>),
    /// Two sources do not go together.
    #[error("the sources do not go together")]
    Merge(#[source] MergeError),
}

fn errors(problems: &[Problem]) -> usize {
    problems.iter().filter(|problem| problem.severity == Severity::Error).count()
}

/// Merges the sources in order. An empty directory, a multipart without a NodeConfig and user data that is something else altogether (it
/// may be meant for cloud-init) are passed over with a warning, as long as another source has a configuration. `user_data` tells which
/// sources may hold something else: files may not.
///
/// # Errors
/// There is none, or not all of them are right; then what is missing in the whole ([`check_whole`]) is told along. Where they are right,
/// that is the caller's to ask.
pub fn resolve(sources: Vec<(Source, UserData)>, languages: Languages<'_>) -> Result<Resolved, ChainError> {
    let mut problems = Vec::new();
    // Drafts are merged, so that what is missing in the whole is told together with what is wrong in its parts.
    let mut merged: Option<NodeConfig> = None;
    let (mut failed, mut unread) = (false, false);
    for (source, user_data) in sources {
        let Source::Read(parsed) = source else { continue };
        let parsed = *parsed;
        let tolerated = parsed.found != Found::NodeConfig && user_data == UserData::Yes;
        failed |= parsed.config.is_none() && !tolerated;
        unread |= parsed.draft.is_none() && !tolerated;
        problems.extend(parsed.problems.into_iter().map(|problem| match tolerated {
            true => Problem { severity: Severity::Warning, ..problem },
            false => problem,
        }));
        match (parsed.draft.filter(|_| !tolerated), &mut merged) {
            (None, _) => {}
            (Some(config), None) => merged = Some(config),
            (Some(config), Some(base)) => merge(base, config, languages).map_err(ChainError::Merge)?,
        }
    }
    if failed {
        let whole = merged.filter(|_| !unread).map(|config| check_whole(&config)).unwrap_or_default();
        // A flag that is refused is told with its place already.
        let new: Vec<Problem> =
            whole.into_iter().filter(|problem| problems.iter().all(|told: &Problem| told.code != problem.code)).collect();
        problems.extend(new);
        return Err(ChainError::Problems(problems));
    }
    let mut config = merged.ok_or_else(|| ChainError::NoConfig(problems.clone()))?;
    complete(&mut config);
    Ok(Resolved { config, problems })
}

/// Whether a source is the instance's user data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserData {
    /// It is, and may hold what others wrote for others.
    Yes,
    /// It is a file or a directory that was named for this.
    No,
}

/// A configuration as a run before left it. The activation code is not in it, nor are variables with credentials.
#[derive(Clone, Debug, PartialEq)]
pub struct Cached {
    /// The configuration without its secrets.
    pub config: NodeConfig,
    /// What was left out, as paths (`spec.instance.environment.default.HTTPS_PROXY`).
    pub withheld: Vec<String>,
}

/// The cache file cannot be used; it is as if there were none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cached configuration is not one of ours")]
pub struct NotCached;

/// What to do with a cache.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Nothing has changed since: what was found out then holds, and the configuration phase may be skipped.
    Use {
        /// The sources' configuration, or the cache's where there are no sources.
        config: NodeConfig,
        /// What the cache's lacks, as paths: files that depend on it must be left as they are. Empty where the sources gave it.
        withheld: Vec<String>,
    },
    /// There was no cache: find out about the machine and write one.
    Enrich(NodeConfig),
    /// The configuration has changed since: as [`Decision::Enrich`], and the configuration phase runs even if it is to be skipped.
    Force(NodeConfig),
}

impl Decision {
    /// The configuration that is used.
    pub fn into_config(self) -> NodeConfig {
        match self {
            Self::Use { config, .. } | Self::Enrich(config) | Self::Force(config) => config,
        }
    }
}

impl Cached {
    /// What of `config` is kept.
    pub fn of(config: &NodeConfig) -> Self {
        let mut config = config.clone();
        let mut withheld = Vec::new();
        for (service, variables) in &mut config.instance.environment {
            variables.retain(|name, value| {
                let secret = hide::is_secret(name, value);
                if secret {
                    withheld.push(format!("spec.instance.environment.{service}.{name}"));
                }
                !secret
            });
        }
        if hide::toml(&config.containerd.config) != config.containerd.config {
            config.containerd.config.clear();
            withheld.push("spec.containerd.config".to_owned());
        }
        for step in &mut config.instance.steps {
            if hide::toml(&step.script) != step.script {
                step.script.clear();
                withheld.push(format!("spec.instance.steps.{}.script", step.id));
            }
        }
        if let Some(ssm) = config.hybrid.as_mut().and_then(|hybrid| hybrid.ssm.as_mut())
            && ssm.activation_code.take().is_some()
        {
            withheld.push(ACTIVATION_CODE.to_owned());
        }
        Self { config, withheld }
    }

    /// The file's text: JSON with `spec`, `shape` and `withheld`.
    pub fn to_json(&self) -> String {
        json!({ "spec": dump::spec(&self.config), "shape": self.config.shape, "withheld": self.withheld }).to_string()
    }

    /// Reads what [`Cached::to_json`] wrote. A cache of nodeadm's (`spec`, `status`) is read, too.
    ///
    /// # Errors
    /// It is no such text.
    pub fn from_json(text: &str) -> Result<Self, NotCached> {
        let mut object: Map<String, Value> = serde_json::from_str(text).map_err(|_| NotCached)?;
        let spec = object.remove("spec").ok_or(NotCached)?;
        let mut config: NodeConfig = serde_json::from_value(spec).map_err(|_| NotCached)?;
        config.shape = match object.remove("shape") {
            Some(shape) => serde_json::from_value(shape).map_err(|_| NotCached)?,
            None => Shape::Ec2,
        };
        let withheld = object.remove("withheld").map(serde_json::from_value).transpose().map_err(|_| NotCached)?;
        Ok(Self { config, withheld: withheld.unwrap_or_default() })
    }
}

const ACTIVATION_CODE: &str = "spec.hybrid.ssm.activationCode";

/// Which configuration is used, and how much is to be done for it.
///
/// Without any source the cache is used as it is. The activation code plays no part: a machine registers once. Where another secret was
/// left out of the cache nobody can tell whether it has changed, so the configuration phase runs.
///
/// # Errors
/// The chain's; also where neither chain nor cache has a configuration.
pub fn decide(cached: Option<Cached>, chain: Result<NodeConfig, ChainError>) -> Result<Decision, ChainError> {
    match (cached, chain) {
        (Some(cached), Err(ChainError::NoConfig(_))) => Ok(Decision::Use { config: cached.config, withheld: cached.withheld }),
        (_, Err(error)) => Err(error),
        (None, Ok(config)) => Ok(Decision::Enrich(config)),
        (Some(cached), Ok(config)) => {
            let told = cached.withheld.iter().all(|path| path == ACTIVATION_CODE);
            let same = Cached::of(&config) == cached;
            Ok(if same && told { Decision::Use { config, withheld: Vec::new() } } else { Decision::Force(config) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::super::tests::languages;
    use super::*;

    const HEAD: &str = "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n";

    fn read(text: &str) -> Source {
        Source::Read(Box::new(parse("source", text.as_bytes(), None, languages())))
    }

    fn config(spec: &str) -> NodeConfig {
        parse("source", format!("{HEAD}{spec}").as_bytes(), None, languages()).config.unwrap()
    }

    #[test]
    fn what_may_be_passed_over_is_passed_over_only_where_another_source_has_a_configuration() {
        let multipart = "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n--b--\n";
        let good = format!("{HEAD}  cluster: {{name: one}}\n");
        let bad = format!("{HEAD}  cluster: {{nam: one}}\n");
        for (name, text, user_data, alone, along) in [
            ("no part", multipart, UserData::Yes, "no config in chain", "one"),
            ("nothing", "", UserData::Yes, "no config in chain", "one"),
            ("a script", "#!/bin/bash\necho hello\n", UserData::Yes, "no config in chain", "one"),
            ("no YAML", "a: b: c:\n\t-", UserData::Yes, "no config in chain", "one"),
            (
                "something else in a file",
                "#!/bin/bash\n",
                UserData::No,
                "1 problems in the configuration",
                "1 problems in the configuration",
            ),
            ("a wrong NodeConfig", &bad, UserData::Yes, "5 problems in the configuration", "4 problems in the configuration"),
        ] {
            let result = |sources| match resolve(sources, languages()) {
                Ok(resolved) => resolved.config.cluster.name,
                Err(error) => error.to_string(),
            };
            assert_eq!(result(vec![(read(text), user_data)]), alone, "{name}, alone");
            assert_eq!(result(vec![(read(text), user_data), (read(&good), UserData::No)]), along, "{name}, with another");
        }
        let empty = || (Source::EmptyDirectory, UserData::No);
        assert_eq!(resolve(vec![empty()], languages()), Err(ChainError::NoConfig(Vec::new())));
        assert_eq!(resolve(vec![empty(), (read(&good), UserData::No)], languages()).unwrap().config.cluster.name, "one");
        assert_eq!(resolve(Vec::new(), languages()), Err(ChainError::NoConfig(Vec::new())));
    }

    #[test]
    fn later_sources_are_merged_over_earlier_ones() {
        // The facts of nodeadm's chain_test.go, "Precedence".
        let first = "  kubelet: {config: {port: 1010, maxPods: 120}, flags: [--v=2, \"--node-labels=foo=bar,nodegroup=test\"]}\n";
        let second =
            "  kubelet: {config: {maxPods: 150, podsPerCore: 20, systemReserved: {cpu: 150m}}, flags: [--v=5, --node-labels=foo=baz]}\n";
        let sources = [first, second].map(|spec| (read(&format!("{HEAD}{spec}")), UserData::No));
        let kubelet = resolve(sources.into(), languages()).unwrap().config.kubelet;
        assert_eq!(
            Value::Object(kubelet.config),
            json!({"port": 1010, "maxPods": 150, "podsPerCore": 20, "systemReserved": {"cpu": "150m"}})
        );
        assert_eq!(kubelet.flags, ["--v=2", "--node-labels=foo=bar,nodegroup=test", "--v=5", "--node-labels=foo=baz"]);
    }

    #[test]
    fn defaults_are_filled_in_after_the_last_merge() {
        let own = "  hybrid: {iamRolesAnywhere: {nodeName: one, certificatePath: /own.pem}}\n";
        let other = "  hybrid: {iamRolesAnywhere: {nodeName: two}}\n";
        let sources = [own, other].map(|spec| (read(&format!("{HEAD}{spec}")), UserData::No));
        let anywhere = resolve(sources.into(), languages()).unwrap().config.hybrid.unwrap().iam_roles_anywhere.unwrap();
        assert_eq!(anywhere.node_name, "two");
        assert_eq!(anywhere.certificate_path, "/own.pem");
        assert_eq!(anywhere.private_key_path, "/etc/iam/pki/server.key");
    }

    #[test]
    fn a_cache_is_used_until_the_configuration_changes() {
        let one = config("  cluster: {name: one}\n");
        let two = config("  cluster: {name: two}\n");
        let cached = || Some(Cached::from_json(&Cached::of(&one).to_json()).unwrap());
        let none = || Err(ChainError::NoConfig(Vec::new()));
        assert_eq!(decide(cached(), Ok(one.clone())), Ok(Decision::Use { config: one.clone(), withheld: Vec::new() }));
        assert_eq!(decide(cached(), none()), Ok(Decision::Use { config: one.clone(), withheld: Vec::new() }));
        assert_eq!(decide(cached(), Ok(two.clone())), Ok(Decision::Force(two)));
        assert_eq!(decide(None, Ok(one.clone())), Ok(Decision::Enrich(one.clone())));
        assert_eq!(decide(None, none()), Err(ChainError::NoConfig(Vec::new())));
        let problems = ChainError::Problems(Vec::new());
        assert_eq!(decide(cached(), Err(problems.clone())), Err(problems), "a wrong document must not be hidden by a cache");
        let other = NodeConfig { shape: Shape::Hybrid, ..one.clone() };
        assert_eq!(decide(cached(), Ok(other.clone())), Ok(Decision::Force(other)));
        for text in ["", "[]", "{}", "{\"spec\": 1}", "{\"spec\": {}, \"shape\": \"third\"}"] {
            assert_eq!(Cached::from_json(text), Err(NotCached), "{text}");
        }
    }

    #[test]
    fn a_cache_has_the_spec_that_nodeadms_has() {
        // Upstream's case config-cache, its first expectation.
        let cluster = "{name: my-cluster, apiServerEndpoint: 'https://example.com', certificateAuthority: Y2VydGlmaWNhdGVBdXRob3JpdHk=, cidr: 10.100.0.0/16}";
        let text = Cached::of(&config(&format!("  cluster: {cluster}\n"))).to_json();
        assert_eq!(
            serde_json::from_str::<Value>(&text).unwrap()["spec"],
            json!({
                "cluster": {
                    "apiServerEndpoint": "https://example.com", "certificateAuthority": "Y2VydGlmaWNhdGVBdXRob3JpdHk=",
                    "cidr": "10.100.0.0/16", "name": "my-cluster",
                },
                "containerd": {}, "instance": {"localStorage": {}, "network": {}}, "kubelet": {},
            })
        );
    }

    #[test]
    fn secrets_are_not_cached_and_decide_nothing_wrong() {
        let code = "s3cret-activation-code-0001";
        let ssm = |code: &str| {
            config(&format!("  hybrid: {{ssm: {{activationCode: {code}, activationId: 57be8cce-1137-32d4-ce32-ba044ea5df48}}}}\n"))
        };
        let cached = Cached::of(&ssm(code));
        assert!(!cached.to_json().contains(code) && !cached.to_json().contains("(hidden)"));
        let cached = Cached::from_json(&cached.to_json()).unwrap();
        // The chain's own configuration is used, which has the code.
        assert_eq!(decide(Some(cached), Ok(ssm(code))), Ok(Decision::Use { config: ssm(code), withheld: Vec::new() }));

        let proxy = |password: &str| {
            config(&format!("  instance: {{environment: {{default: {{HTTPS_PROXY: \"http://me:{password}@proxy:8080\", A: b}}}}}}\n"))
        };
        let cached = Cached::of(&proxy("hunter2"));
        assert!(!cached.to_json().contains("hunter2"));
        assert_eq!(cached.withheld, ["spec.instance.environment.default.HTTPS_PROXY"]);
        assert_eq!(decide(Some(cached.clone()), Ok(proxy("other"))), Ok(Decision::Force(proxy("other"))));
        // Without sources the variable is gone, and said to be.
        let Ok(Decision::Use { config, withheld }) = decide(Some(cached), Err(ChainError::NoConfig(Vec::new()))) else { panic!() };
        assert_eq!(config.instance.environment["default"].keys().collect::<Vec<_>>(), ["A"]);
        assert_eq!(withheld, ["spec.instance.environment.default.HTTPS_PROXY"]);
    }
}
