//! `hybridge lni`: the LAN address of nodes on Outposts servers.

mod ami;
mod apply;
mod check;
mod controller;
mod doctor;
mod machine;
mod probe;
mod render;
mod run;
mod source;
mod status;
mod verdicts;
mod verify;

use hybridge_report::Exit;

use crate::args::lni::Lni;

/// Runs one of the commands.
pub(crate) fn run(command: &Lni) -> Exit {
    match command {
        Lni::Check(flags) => check::run(flags),
        Lni::Render(flags) => render::run(flags),
        Lni::Apply(flags) => apply::run(flags),
        Lni::Run(flags) => run::run(flags),
        Lni::Status(flags) => status::run(flags),
        Lni::Verify(flags) => verify::run(flags),
        Lni::Probe(flags) => probe::run(flags),
        Lni::Doctor(flags) => doctor::run(flags),
        Lni::Ami(flags) => ami::run(flags),
        Lni::Controller(flags) => controller::run(flags),
    }
}
