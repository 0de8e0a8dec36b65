//! `hybridge`: EKS on machines outside the region.

mod args;
mod completion;
mod gateway;
mod lab;
mod node;

use std::process::ExitCode;

use clap::Parser as _;
use hybridge_report::Exit;

use crate::args::{Arguments, Gateway, Part};

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse_from(node::plugin::named(std::env::args_os().collect())) {
        Ok(arguments) => arguments,
        Err(told) => {
            // Help and version are answers, everything else is a usage error. Nothing is left to do if they cannot be printed.
            let _unprinted = told.print();
            return if told.use_stderr() { Exit::Input.into() } else { Exit::Ok.into() };
        }
    };
    match arguments.part {
        Part::Gateway(Gateway::Status(status)) => gateway::status(&status).into(),
        Part::Lab { rest } => lab::execute(rest),
        Part::GetToken(asked) => node::plugin::get_token(&asked).into(),
        Part::EcrCredentialProvider(_) => node::plugin::ecr_credential_provider().into(),
        Part::Sign(asked) => node::plugin::sign(&asked).into(),
        Part::Completion { shell } => completion::print(shell).into(),
    }
}
