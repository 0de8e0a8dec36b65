//! `hybridge`: EKS on machines outside the region.

mod args;
mod cluster;
mod completion;
#[cfg(test)]
mod documented;
mod gateway;
mod lab;
mod lni;
mod node;
mod runtime;
mod table;
mod tell;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use hybridge_report::Exit;

use crate::args::nodeadm::{Internal, Nodeadm};
use crate::args::{Arguments, Gateway, Part};

/// The program goes by several names (links to it), under which it takes the command lines of the programs that it stands for.
fn main() -> ExitCode {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    match arguments.first().and_then(|path| Path::new(path).file_name()).and_then(|name| name.to_str()) {
        Some("nodeadm") => {
            return parsed::<Nodeadm>(arguments, NODEADM_USAGE).map_or_else(|code| code, |parsed| node::nodeadm::run(&parsed));
        }
        Some("nodeadm-internal") => {
            return parsed::<Internal>(arguments, NODEADM_USAGE).map_or_else(|code| code, |parsed| node::nodeadm::internal(&parsed));
        }
        // As the kubelet starts what its CredentialProviderConfig names.
        Some(name @ "ecr-credential-provider") => arguments.insert(1, name.into()),
        Some(_) | None => {}
    }
    parsed::<Arguments>(arguments, Exit::Input as u8).map_or_else(|code| code, run)
}

/// How both nodeadms end after a command line that they do not understand.
const NODEADM_USAGE: u8 = 2;

/// Reads a command line; help and version are answers, everything else is a usage error.
fn parsed<T: Parser>(arguments: Vec<OsString>, usage: u8) -> Result<T, ExitCode> {
    T::try_parse_from(arguments).map_err(|told| {
        // Nothing is left to do if they cannot be printed.
        let _unprinted = told.print();
        if told.use_stderr() { usage.into() } else { ExitCode::SUCCESS }
    })
}

fn run(arguments: Arguments) -> ExitCode {
    match arguments.part {
        Part::Gateway(Gateway::Status(status)) => gateway::status(&status).into(),
        Part::Cluster(command) => cluster::run(&command).into(),
        Part::Node(command) => node::run(&command).into(),
        Part::Lni(command) => lni::run(&command).into(),
        Part::Lab { rest } => lab::execute(rest),
        Part::GetToken(asked) => node::plugin::get_token(&asked).into(),
        Part::EcrCredentialProvider(_) => node::plugin::ecr_credential_provider().into(),
        Part::Sign(asked) => node::plugin::sign(&asked).into(),
        Part::Completion { shell } => completion::print(shell).into(),
    }
}
