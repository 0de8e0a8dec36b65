//! `hybridge-lab`: a world of network namespaces on this machine, in which gateways carry real packets.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
