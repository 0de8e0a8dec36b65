//! `hybridge node init`: configuration and facts, then a plan, then the deed.

use std::fs;
use std::path::{Path, PathBuf};

use hybridge_node::config::NodeConfig;
use hybridge_node::config::chain::{Cached, ChainError, Decision, decide};
use hybridge_node::facts::Facts;
use hybridge_node::node::Plugins;
use hybridge_node::plan::{self, Daemon, Half};
use hybridge_node::resolve::{Resolved, resolve};
use hybridge_node::validate::{Skips, validate};
use hybridge_node::{environment, fstab, hosts};
use hybridge_node_host::error::ApplyError;
use hybridge_node_host::facts as machine;
use hybridge_node_host::host::Host;
use hybridge_node_host::options::{Edits, Options};
use hybridge_report::{Exit, Finding, Severity};
use serde_json::json;

use super::aws::Asking;
use super::gather::{Gathering, executable, gather, migrated};
use super::{config, deed, max_pods};
use crate::args::Output;
use crate::args::node::{Init, PlugIns, Sources};
use crate::tell;

/// How `init` ended before its deed was done.
pub(super) enum Stopped {
    /// What is wrong with the input or the machine.
    Findings(Vec<Finding>),
    /// What went wrong before anything was changed.
    Apply(ApplyError),
    /// What went wrong after something was changed.
    Partly(ApplyError),
}

impl From<Vec<Finding>> for Stopped {
    fn from(findings: Vec<Finding>) -> Self {
        Self::Findings(findings)
    }
}

impl From<Finding> for Stopped {
    fn from(finding: Finding) -> Self {
        Self::Findings(vec![finding])
    }
}

/// Configuration and facts put together.
pub(super) struct Prepared {
    /// The node to be.
    pub(super) resolved: Resolved,
}

/// Runs the command.
pub(super) fn run(arguments: &Init) -> Exit {
    match go(arguments) {
        Ok(exit) => exit,
        Err(Stopped::Findings(findings)) => {
            tell::findings(&findings);
            Exit::Input
        }
        Err(Stopped::Apply(error)) => {
            tell::findings([&error.finding()]);
            Exit::Input
        }
        Err(Stopped::Partly(error)) => {
            tell::findings([&error.finding()]);
            Exit::Partly
        }
    }
}

fn go(arguments: &Init) -> Result<Exit, Stopped> {
    let host = Host::system();
    if !arguments.dry_run && !nix::unistd::geteuid().is_root() {
        return Err(ApplyError::NotRoot.finding().into());
    }
    let mut skips = Skips::parse(&arguments.skip)?;
    let daemons = daemons(&arguments.daemon)?;
    let (config, known) = configuration(arguments, &mut skips)?;
    take_own_environment(&config);

    let options = apply_options(&skips, &config);
    let plugins = plugins(arguments.plugins);
    let types = arguments.instance_types.as_deref().map(max_pods::read).transpose()?;
    let asking = Asking { types, known, ..Asking::default() };
    let lines = arguments.output == Output::Table;
    let gathering = Gathering { skips: &skips, plugins, asking, dry_run: arguments.dry_run, lines, options: &options };
    let facts = match &arguments.facts {
        Some(path) => load(&host, &config, path, plugins)?,
        None => gather(&host, &config, &gathering)?,
    };
    if let Some(path) = &arguments.save_facts {
        save(&facts, path)?;
    }
    tell::findings(&checked(&config, &facts, &skips)?);
    let resolved = resolve(&config, &facts, plugins, &executable(&facts))?;
    let cache = arguments.config_cache.as_deref().map(|path| cache_file(path, &config, &facts));
    let plan = plan::plan(&resolved.node(), &plan::Options { skips, daemons, cache })?;
    match arguments.dry_run {
        true => deed::show(&host, &plan, &options, arguments).map_err(Stopped::Apply),
        false => deed::carry_out(&host, &plan, &options, arguments.output),
    }
}

/// What `config explain` needs: the same up to the node itself, with nothing checked against the network.
pub(super) fn prepare(sources: &Sources, facts: Option<&Path>, plug_ins: PlugIns) -> Result<Prepared, Vec<Finding>> {
    let known = config::known(sources).map_err(|finding| vec![finding])?;
    let Some(config) = known.config else { return Err(known.problems.into_iter().map(Finding::from).collect()) };
    let stopped = |stopped| match stopped {
        Stopped::Findings(findings) => findings,
        Stopped::Apply(error) | Stopped::Partly(error) => vec![error.finding()],
    };
    let skips = Skips::checks();
    let facts = match facts {
        Some(path) => load(&Host::system(), &config, path, plugins(plug_ins)).map_err(stopped)?,
        None => {
            let options = apply_options(&skips, &config);
            let plugins = plugins(plug_ins);
            let gathering = Gathering { skips: &skips, plugins, asking: Asking::default(), dry_run: true, lines: false, options: &options };
            gather(&Host::system(), &config, &gathering).map_err(stopped)?
        }
    };
    Ok(Prepared { resolved: resolve(&config, &facts, plugins(plug_ins), &executable(&facts))? })
}

/// What is to be done, and what a run before has found out if that still holds. The cache decides about the configuration's half: it is
/// not left out after a change, and it is where the cache alone cannot say all that the files hold.
fn configuration(arguments: &Init, skips: &mut Skips) -> Result<(NodeConfig, Option<Facts>), Stopped> {
    let (decision, known) = decision(arguments)?;
    Ok(match decision {
        Decision::Enrich(config) => (config, None),
        Decision::Force(config) => {
            skips.take_in(Half::Config);
            (config, None)
        }
        Decision::Use { config, withheld } => {
            if !withheld.is_empty() && !skips.half(Half::Config) {
                let what =
                    format!("does not hold {}, which may be secret, so the files of this node stay as they are", withheld.join(", "));
                let place = arguments.sources.sources.join(", ");
                tell::findings([&Finding::warning("cache.withheld", place, what).fix("name the source of the configuration with -c")]);
                skips.leave_out(Half::Config);
            }
            (config, known)
        }
    })
}

/// Warnings about a node to be.
///
/// # Errors
/// All findings, if one of them is an error.
pub(super) fn checked(config: &NodeConfig, facts: &Facts, skips: &Skips) -> Result<Vec<Finding>, Vec<Finding>> {
    // With the facts of another day, what was right then.
    let findings = validate(config, facts, skips, facts.at.unwrap_or_else(jiff::Timestamp::now));
    let wrong = findings.iter().any(|finding| finding.severity == Severity::Error);
    if wrong { Err(findings) } else { Ok(findings) }
}

fn decision(arguments: &Init) -> Result<(Decision, Option<Facts>), Stopped> {
    let kept = arguments.config_cache.as_deref().and_then(|path| fs::read_to_string(path).ok());
    let cached = kept.as_deref().and_then(|text| Cached::from_json(text).ok());
    let facts = kept.as_deref().and_then(facts_of_cache);
    let chain = match config::known(&arguments.sources) {
        Ok(config::Known { config: Some(config), problems }) => {
            tell::findings(&problems.into_iter().map(Finding::from).collect::<Vec<_>>());
            Ok(config)
        }
        Ok(config::Known { config: None, problems }) => {
            return Err(problems.into_iter().map(Finding::from).collect::<Vec<_>>().into());
        }
        Err(finding) if finding.code == "source.no-config" && cached.is_some() => Err(ChainError::NoConfig(Vec::new())),
        Err(finding) => return Err(finding.into()),
    };
    let decision = decide(cached, chain).map_err(|error| Finding::error("source.no-config", "sources", hybridge_report::chain(&error)))?;
    Ok((decision, facts))
}

/// The cache holds the configuration as [`Cached`] writes it, and beside it what was found out.
fn cache_file(path: &Path, config: &NodeConfig, facts: &Facts) -> plan::File {
    let mut value: serde_json::Value = serde_json::from_str(&Cached::of(config).to_json()).expect("it has just been written");
    value["facts"] = json!({"instance": facts.instance, "instanceType": facts.instance_type, "cluster": facts.cluster});
    plan::File { mode: 0o600, secret: true, ..plan::File::new(path.display().to_string(), value.to_string()) }
}

fn facts_of_cache(text: &str) -> Option<Facts> {
    let mut value: serde_json::Value = serde_json::from_str(text).ok()?;
    serde_json::from_value(value.get_mut("facts")?.take()).ok()
}

/// Calls to AWS honour the proxy that the node's services will have; as nodeadm, which copies `instance.environment.default`.
fn take_own_environment(config: &NodeConfig) {
    for (name, value) in environment::own(config) {
        set_variable(&name, &value);
    }
}

#[expect(unsafe_code, reason = "the environment of a running program can be changed in no other way")]
fn set_variable(name: &str, value: &str) {
    // SAFETY: the only thread that reads the environment is this one: no other has been started, but for those that looked up the name
    // of the metadata service, and they are done.
    unsafe { std::env::set_var(name, value) };
}

/// None: all of them. nodeadm is told by `--daemon=""` to set up everything but daemons.
fn daemons(names: &[String]) -> Result<Option<Vec<Daemon>>, Finding> {
    let chosen = names
        .iter()
        .filter(|name| !name.is_empty())
        .map(|name| match name.trim_end_matches(".service") {
            "containerd" => Ok(Daemon::Containerd),
            "kubelet" => Ok(Daemon::Kubelet),
            _ => Err(Finding::error("daemon.unknown", "--daemon", format!("{name:?} is none of ours")).fix("write containerd or kubelet")),
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok((!names.is_empty()).then_some(chosen))
}

fn plugins(flag: PlugIns) -> Plugins {
    match flag {
        PlugIns::Builtin => Plugins::Builtin,
        PlugIns::External => Plugins::External,
    }
}

fn apply_options(skips: &Skips, config: &NodeConfig) -> Options {
    let outside = config.hybrid.as_ref().and_then(|hybrid| hybrid.iam_roles_anywhere.as_ref());
    let aws_config = outside.map(|settings| PathBuf::from(&settings.aws_config_path));
    Options {
        skip: [Half::Preprocess, Half::Config, Half::Run].into_iter().filter(|half| skips.half(*half)).collect(),
        registry: Box::new(move |image| super::questions::registry_login(image, aws_config.clone())),
        ..Options::new(Edits { hosts: hosts::edit, without_swap: fstab::without_swap })
    }
}

/// What containerd made of the user's TOML is not among saved facts: the containerd of this machine is asked, if there is one.
fn load(host: &Host, config: &NodeConfig, path: &Path, plugins: Plugins) -> Result<Facts, Stopped> {
    let mut facts = machine::load(path).map_err(|error| finding("facts.load", path, &error))?;
    migrated(host, config, plugins, &mut facts);
    Ok(facts)
}

fn save(facts: &Facts, path: &Path) -> Result<(), Stopped> {
    machine::save(facts, path).map_err(|error| finding("facts.save", path, &error))?;
    if facts.migrated.is_some() {
        let what = "without what containerd made of spec.containerd.config, as that may hold passwords of registries";
        let finding = Finding::warning("facts.left-out", path.display().to_string(), what);
        tell::findings([&finding.fix("with --facts the containerd of the machine that plans is asked again")]);
    }
    Ok(())
}

pub(super) fn finding(code: &'static str, path: &Path, error: &(dyn std::error::Error + 'static)) -> Finding {
    Finding::error(code, path.display().to_string(), hybridge_report::chain(error)).fix("--save-facts writes such a file")
}
