//! `hybridge node init`: configuration and facts, then a plan, then the deed.

use std::fs;
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use hybridge_node::config::NodeConfig;
use hybridge_node::config::chain::{Cached, ChainError, Decision, decide};
use hybridge_node::facts::{Facts, Migrated};
use hybridge_node::hybrid::ssm;
use hybridge_node::node::Plugins;
use hybridge_node::plan::{self, Daemon, Half, Plan};
use hybridge_node::resolve::{Question, Resolved, Wanted, resolve, wanted};
use hybridge_node::validate::{Skips, validate};
use hybridge_node::{containerd, environment, fstab, hosts};
use hybridge_node_host::apply::{Watch, apply};
use hybridge_node_host::command::{Call, Output as CommandOutput, RunError, Runner};
use hybridge_node_host::diff::diff;
use hybridge_node_host::error::ApplyError;
use hybridge_node_host::facts as machine;
use hybridge_node_host::host::Host;
use hybridge_node_host::options::{Edits, Options};
use hybridge_node_host::report::{Change, Deed, Report};
use hybridge_node_host::{facts::Paths, migrate};
use hybridge_report::{Exit, Finding, Severity};
use nix::sys::memfd::{MFdFlags, memfd_create};
use serde_json::json;

use super::aws::{self, Asking};
use super::{config, max_pods, tell};
use crate::args::Output;
use crate::args::node::{Init, PlugIns, Sources};

/// How `init` ended before its deed was done.
enum Stopped {
    /// What is wrong with the input or the machine.
    Findings(Vec<Finding>),
    /// What went wrong on the way.
    Apply(ApplyError),
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
            exit_of(&error)
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
    let gathering = Gathering { skips: &skips, plugins, asking, dry_run: arguments.dry_run, options: &options };
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
        true => show(&host, &plan, &options, arguments),
        false => carry_out(&host, &plan, &options, arguments.output),
    }
}

/// Something was done unless it stopped before the first change.
fn exit_of(error: &ApplyError) -> Exit {
    match error {
        ApplyError::NotRoot | ApplyError::Busy { .. } | ApplyError::State { .. } => Exit::Input,
        _ => Exit::Partly,
    }
}

/// What `config explain` needs: the same up to the node itself, with nothing checked against the network.
pub(super) fn prepare(sources: &Sources, facts: Option<&Path>, plug_ins: PlugIns) -> Result<Prepared, Vec<Finding>> {
    let known = config::known(sources).map_err(|finding| vec![finding])?;
    let Some(config) = known.config else { return Err(known.problems.into_iter().map(Finding::from).collect()) };
    let stopped = |stopped| match stopped {
        Stopped::Findings(findings) => findings,
        Stopped::Apply(error) => vec![error.finding()],
    };
    let skips = Skips::checks();
    let facts = match facts {
        Some(path) => load(&Host::system(), &config, path, plugins(plug_ins)).map_err(stopped)?,
        None => {
            let options = apply_options(&skips, &config);
            let plugins = plugins(plug_ins);
            let gathering = Gathering { skips: &skips, plugins, asking: Asking::default(), dry_run: true, options: &options };
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
fn checked(config: &NodeConfig, facts: &Facts, skips: &Skips) -> Result<Vec<Finding>, Vec<Finding>> {
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
    plan::File { mode: 0o600, ..plan::File::new(path.display().to_string(), value.to_string()) }
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

/// Where hybridge is on the machine of these facts.
fn executable(facts: &Facts) -> String {
    facts.executable.clone().unwrap_or_else(this_executable)
}

/// Where hybridge is, as kubeconfig and credential providers will call it: the file itself, not a name such as nodeadm that leads to it.
fn this_executable() -> String {
    let path = std::env::current_exe().and_then(fs::canonicalize);
    path.map_or_else(|_| "/usr/local/bin/hybridge".to_owned(), |path| path.display().to_string())
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

fn finding(code: &'static str, path: &Path, error: &(dyn std::error::Error + 'static)) -> Finding {
    Finding::error(code, path.display().to_string(), hybridge_report::chain(error)).fix("--save-facts writes such a file")
}

/// Looks at the machine and asks AWS, both at once. A node outside needs its credentials first: Roles Anywhere's are tried without
/// writing anything, Systems Manager gives some to registered machines only.
fn gather(host: &Host, config: &NodeConfig, gathering: &Gathering<'_>) -> Result<Facts, Stopped> {
    tell::progress("looking at the machine");
    let wanted = wanted(config).without(gathering.skips);
    let mut facts = if config.hybrid.is_none() {
        let (wanted, asking) = (&wanted, &gathering.asking);
        let ask: machine::Source<'_> = Box::new(move || {
            let found = aws::block_on(aws::facts(config, wanted, asking, Facts::default()));
            Box::new(move |facts: &mut Facts| aws::put(found, facts))
        });
        machine::gather(host, wanted, &Paths::from_env(host), vec![ask])
    } else {
        outside(host, config, &wanted, gathering)?
    };
    facts.executable = Some(this_executable());
    migrated(host, config, gathering.plugins, &mut facts);
    Ok(facts)
}

/// How facts are gathered.
struct Gathering<'a> {
    skips: &'a Skips,
    plugins: Plugins,
    asking: Asking,
    /// Nothing may be changed.
    dry_run: bool,
    options: &'a Options,
}

fn outside(host: &Host, config: &NodeConfig, wanted: &Wanted, gathering: &Gathering<'_>) -> Result<Facts, Stopped> {
    let mut facts = machine::gather(host, wanted, &Paths::from_env(host), Vec::new());
    let mut asking = gathering.asking.clone();
    // Held until AWS has been asked.
    let mut tried = None;
    if let Some(first) = plan::first(config, &facts, gathering.plugins, &this_executable())? {
        checked(config, &facts, gathering.skips)?;
        if let Some(file) = config_file(config, &first) {
            let kept = Tried::new(&file.content).map_err(|error| finding("aws.config", Path::new(&file.path), &error))?;
            asking.config_file = Some(kept.path());
            tried = Some(kept);
        } else if !gathering.dry_run {
            apply(host, &first, &mut Told::default(), gathering.options).map_err(Stopped::Apply)?;
            facts = machine::gather(host, wanted, &Paths::from_env(host), Vec::new());
        }
    }
    tell::progress("asking AWS and the cluster");
    let facts = aws::block_on(aws::facts(config, &answerable(config, wanted, &facts), &asking, facts));
    drop(tried);
    Ok(facts)
}

/// Without the questions that need credentials, as long as the machine is not registered with Systems Manager and has none: with
/// `--dry-run`. The credentials of whoever runs us are not the node's.
fn answerable(config: &NodeConfig, wanted: &Wanted, facts: &Facts) -> Wanted {
    let mut wanted = wanted.clone();
    let by_ssm = config.hybrid.as_ref().is_some_and(|hybrid| hybrid.ssm.is_some());
    if by_ssm && !matches!(ssm::registration(facts), Ok(Some(_))) {
        wanted.questions.retain(|question| !matches!(question, Question::Caller | Question::ApiAuthentication | Question::AccessEntries));
    }
    wanted
}

/// The AWS configuration of a node with Roles Anywhere, as the plan would write it.
fn config_file<'a>(config: &NodeConfig, first: &'a Plan) -> Option<&'a plan::File> {
    let path = &config.hybrid.as_ref()?.iam_roles_anywhere.as_ref()?.aws_config_path;
    first.phases.iter().flat_map(|phase| &phase.steps).find_map(|step| match step {
        plan::Step::Write(file) if file.path == *path => Some(file),
        _ => None,
    })
}

/// An AWS configuration that is tried before it is put at its place: in memory, so that nothing is written if AWS refuses.
struct Tried {
    file: fs::File,
}

impl Tried {
    fn new(content: &str) -> std::io::Result<Self> {
        let mut file = fs::File::from(memfd_create("aws-config", MFdFlags::MFD_CLOEXEC)?);
        file.write_all(content.as_bytes())?;
        Ok(Self { file })
    }

    /// As long as this process has the file open.
    fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.file.as_raw_fd()).into()
    }
}

/// Lets containerd itself translate what the user wrote for an older containerd, where that is needed.
fn migrated(host: &Host, config: &NodeConfig, plugins: Plugins, facts: &mut Facts) {
    let Ok(resolved) = resolve(config, facts, plugins, &executable(facts)) else { return };
    let Some(from) = containerd::to_migrate(&resolved.node()) else { return };
    match migrate::migrate(host, "containerd", &from) {
        Ok(to) => facts.migrated = Some(Migrated { from, to }),
        Err(error) => aws::note(facts, "migrated", &error, None),
    }
}

/// `--dry-run`.
fn show(host: &Host, plan: &Plan, options: &Options, arguments: &Init) -> Result<Exit, Stopped> {
    if arguments.output == Output::Json {
        // With the facts of another machine there is nothing here to compare with.
        let changes = match arguments.facts {
            Some(_) => None,
            None => Some(diff(host, plan, options).map_err(Stopped::Apply)?),
        };
        return Ok(tell::json(&json!({ "plan": plan, "changes": changes })));
    }
    if arguments.facts.is_some() {
        let empty = Host::below("/nonexistent", Nobody);
        let changes = diff(&empty, plan, options).map_err(Stopped::Apply)?;
        return Ok(tell::data(&text(plan, &changes)));
    }
    Ok(tell::data(&text(plan, &diff(host, plan, options).map_err(Stopped::Apply)?)))
}

/// A machine on which nothing runs: whoever is asked answers nothing, so everything has to be done.
struct Nobody;

impl Runner for Nobody {
    fn run(&self, _call: &Call) -> Result<CommandOutput, RunError> {
        Ok(CommandOutput { code: Some(0), ..CommandOutput::default() })
    }
}

fn text(plan: &Plan, changes: &[Change]) -> String {
    let would: Vec<&Change> = changes.iter().filter(|change| change.deed != Deed::Unchanged).collect();
    let mut text: String = would.iter().map(|change| format!("{change}\n")).collect();
    text += &match (would.len(), changes.len() - would.len()) {
        (0, same) => format!("node {}: nothing to do, {same} as they should be\n", plan.node),
        (count, same) => format!("node {}: {count} to do, {same} as they should be\n", plan.node),
    };
    text
}

fn carry_out(host: &Host, plan: &Plan, options: &Options, output: Output) -> Result<Exit, Stopped> {
    let report = apply(host, plan, &mut Told { lines: output == Output::Table }, options).map_err(Stopped::Apply)?;
    tell::findings(&report.warnings);
    if output == Output::Json {
        return Ok(tell::json(&json!({ "node": plan.node, "changes": report.changes(), "report": report })));
    }
    tell::line(timing(plan, &report));
    Ok(Exit::Ok)
}

fn timing(plan: &Plan, report: &Report) -> String {
    let all: f64 = report.phases.iter().map(|phase| phase.milliseconds).sum();
    let phases: Vec<String> = report
        .phases
        .iter()
        .filter(|phase| phase.milliseconds >= 0.05)
        .map(|phase| format!("{} {:.1}", phase.name, phase.milliseconds))
        .collect();
    format!("node {}: {} changed in {all:.1} ms ({})", plan.node, report.changes(), phases.join(", "))
}

/// One line for each change, and what is waited for where somebody watches.
#[derive(Debug, Default)]
struct Told {
    lines: bool,
}

impl Watch for Told {
    fn changed(&mut self, change: &Change) {
        if self.lines {
            tell::line(change);
        }
    }

    fn waiting(&mut self, what: &str) {
        tell::progress(what);
    }
}
