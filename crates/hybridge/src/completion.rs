//! `hybridge completion`: scripts for shells.

use std::io::{ErrorKind, Write as _};

use clap::CommandFactory as _;
use clap_complete::Shell;
use hybridge_report::Exit;

use crate::args::Arguments;

/// Prints the script for a shell.
#[expect(clippy::print_stderr, reason = "the command line's own edge")]
pub(crate) fn print(shell: Shell) -> Exit {
    match std::io::stdout().write_all(&script(shell)) {
        Ok(()) => Exit::Ok,
        // Whoever reads, as `head` does, has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Exit::Ok,
        Err(error) => {
            eprintln!("error: cannot print: {error}");
            Exit::Unexpected
        }
    }
}

fn script(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "hybridge", &mut script);
    script
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn every_shell_learns_the_commands_and_their_flags() {
        for shell in Shell::value_variants() {
            let script = String::from_utf8(script(*shell)).unwrap();
            for word in ["gateway", "status", "endpoint", "lab", "completion"] {
                assert!(script.contains(word), "{shell}: {word}");
            }
        }
    }
}
