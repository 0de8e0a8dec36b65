//! Facts for `init` and `config explain`: of the machine, of AWS, and, for a node outside, of the network with credentials of its own.

use std::fs;
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use hybridge_node::config::NodeConfig;
use hybridge_node::containerd;
use hybridge_node::facts::{Facts, Migrated};
use hybridge_node::hybrid::ssm;
use hybridge_node::node::Plugins;
use hybridge_node::plan::{self, Plan};
use hybridge_node::resolve::{Question, Wanted, resolve, wanted};
use hybridge_node::validate::Skips;
use hybridge_node_host::facts as machine;
use hybridge_node_host::host::Host;
use hybridge_node_host::options::Options;
use hybridge_node_host::{facts::Paths, migrate};

use nix::sys::memfd::{MFdFlags, memfd_create};

use super::aws::{self, Asking};
use super::deed::deed;
use super::init::{Stopped, checked, finding};
use crate::tell;

/// Where hybridge is on the machine of these facts.
pub(super) fn executable(facts: &Facts) -> String {
    facts.executable.clone().unwrap_or_else(this_executable)
}

/// Where hybridge is, as kubeconfig and credential providers will call it: the file itself, not a name such as nodeadm that leads to it.
fn this_executable() -> String {
    let path = std::env::current_exe().and_then(fs::canonicalize);
    path.map_or_else(|_| "/usr/local/bin/hybridge".to_owned(), |path| path.display().to_string())
}

/// Looks at the machine and asks AWS, both at once. A node outside needs its credentials first: Roles Anywhere's are tried without
/// writing anything, Systems Manager gives some to registered machines only.
pub(super) fn gather(host: &Host, config: &NodeConfig, gathering: &Gathering<'_>) -> Result<Facts, Stopped> {
    tell::progress("looking at the machine");
    let wanted = wanted(config).without(gathering.skips);
    let mut facts = if config.hybrid.is_none() {
        let (wanted, asking) = (&wanted, &gathering.asking);
        let ask: machine::Source<'_> = Box::new(move || {
            let found = crate::runtime::block_on(aws::facts(config, wanted, asking, Facts::default()));
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
pub(super) struct Gathering<'a> {
    pub(super) skips: &'a Skips,
    pub(super) plugins: Plugins,
    pub(super) asking: Asking,
    /// Nothing may be changed.
    pub(super) dry_run: bool,
    /// Prints a line for each change.
    pub(super) lines: bool,
    pub(super) options: &'a Options,
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
            deed(host, &first, gathering.lines, gathering.options)?;
            facts = machine::gather(host, wanted, &Paths::from_env(host), Vec::new());
        }
    }
    tell::progress("asking AWS and the cluster");
    let facts = crate::runtime::block_on(aws::facts(config, &answerable(config, wanted, &facts), &asking, facts));
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
    first
        .phases
        .iter()
        .flat_map(|phase| &phase.steps)
        .find_map(|step| if let plan::Step::Write(file) = step { Some(file).filter(|file| file.path == *path) } else { None })
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
pub(super) fn migrated(host: &Host, config: &NodeConfig, plugins: Plugins, facts: &mut Facts) {
    let Ok(resolved) = resolve(config, facts, plugins, &executable(facts)) else { return };
    let Some(from) = containerd::to_migrate(&resolved.node()) else { return };
    match migrate::migrate(host, "containerd", &from) {
        Ok(to) => facts.migrated = Some(Migrated { from, to }),
        Err(error) => aws::note(facts, "migrated", &error, None),
    }
}
