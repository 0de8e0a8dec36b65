//! What hybridge does under the names `nodeadm` and `nodeadm-internal`.

use std::process::ExitCode;

use hybridge_report::{Exit, Finding};

use super::{config, init, links};
use crate::args::nodeadm::{Command, Internal, InternalCommand, Nodeadm, NodeadmConfig};
use crate::tell;

/// Runs a command line of nodeadm.
pub(crate) fn run(arguments: &Nodeadm) -> ExitCode {
    let exit = match &arguments.command {
        Command::Init(flags) => init::run(&flags.as_init()),
        Command::Config(NodeadmConfig::Check(sources)) => config::check(&sources.as_look()),
        Command::Config(NodeadmConfig::Dump(dump)) => config::dump(&dump.as_dump()),
        Command::Version => tell::data(&format!("hybridge {}\n", hybridge_version::LONG)),
        Command::Install(_) => elsewhere("install"),
        Command::Upgrade(_) => elsewhere("upgrade"),
        Command::Uninstall(_) => elsewhere("uninstall"),
        Command::Debug(_) => elsewhere("debug"),
        Command::SyncArtifacts(_) => elsewhere("sync-artifacts"),
    };
    as_nodeadm(exit)
}

/// Runs a command line of nodeadm-internal.
pub(crate) fn internal(arguments: &Internal) -> ExitCode {
    as_nodeadm(match &arguments.command {
        InternalCommand::BootHook => links::boot_hook(),
        InternalCommand::UdevNetManager(flags) => links::udev_net_manager(flags),
    })
}

/// Whatever goes wrong, nodeadm ends with 1.
fn as_nodeadm(exit: Exit) -> ExitCode {
    if exit == Exit::Ok { ExitCode::SUCCESS } else { Exit::Input.into() }
}

fn elsewhere(command: &'static str) -> Exit {
    let what = "this version of hybridge does not do it";
    let fix = format!(
        "use `nodeadm {command}` of eks-hybrid (https://github.com/aws/eks-hybrid); `init` of hybridge works with what it installs"
    );
    tell::findings([&Finding::error("nodeadm.not-done", format!("nodeadm {command}"), what).fix(fix)]);
    Exit::Input
}
