//! Man pages and completions, from the command lines themselves.
//!
//! The sources of both command lines are compiled in here, so that the products carry neither a generator nor a hidden command.

use anyhow::{Context as _, Result};
use clap::{Command, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::Man;
use hybridge_packaging::tree::{DATA, Tree};

#[path = "../../gatewayd/src/args.rs"]
#[expect(dead_code, reason = "only its types are needed here")]
mod gateway;

#[path = "../../hybridge/src/args.rs"]
#[allow(dead_code, reason = "only its types are needed here")]
mod hybridge;

/// All of them, by their place below the prefix.
pub(crate) fn documents() -> Result<Tree> {
    let mut tree = Tree::default();
    // A daemon's page is in section 8; `hybridge gateway`, a command of hybridge, has a page of the same name in section 1.
    for (command, section) in [(gateway::Arguments::command(), "8"), (hybridge::Arguments::command(), "1")] {
        let name = command.get_name().to_owned();
        for (shell, path) in [
            (Shell::Bash, format!("share/bash-completion/completions/{name}")),
            (Shell::Zsh, format!("share/zsh/site-functions/_{name}")),
            (Shell::Fish, format!("share/fish/vendor_completions.d/{name}.fish")),
        ] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command.clone(), &name, &mut script);
            tree.add(path, DATA, script);
        }
        let mut command = command.disable_help_subcommand(true);
        command.build();
        pages(&command, section, &mut tree)?;
    }
    Ok(tree)
}

/// The page of a command and those of the commands below it.
fn pages(command: &Command, section: &str, tree: &mut Tree) -> Result<()> {
    let man = Man::new(command.clone()).section(section);
    let name = man.get_filename();
    let mut page = Vec::new();
    man.render(&mut page).with_context(|| format!("cannot write the man page {name}"))?;
    tree.add(format!("share/man/man{section}/{name}"), DATA, page);
    command.get_subcommands().filter(|below| !below.is_hide_set()).try_for_each(|below| pages(below, section, tree))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_and_both_programs_have_completions_for_three_shells() {
        let tree = documents().unwrap();
        let paths: Vec<_> = tree.paths().collect();
        for path in [
            "share/bash-completion/completions/hybridge",
            "share/bash-completion/completions/hybridge-gateway",
            "share/fish/vendor_completions.d/hybridge-gateway.fish",
            "share/fish/vendor_completions.d/hybridge.fish",
            "share/man/man1/hybridge-gateway-status.1",
            "share/man/man1/hybridge-gateway.1",
            "share/man/man1/hybridge-lab.1",
            "share/man/man1/hybridge.1",
            "share/man/man8/hybridge-gateway.8",
            "share/zsh/site-functions/_hybridge",
            "share/zsh/site-functions/_hybridge-gateway",
        ] {
            assert!(paths.contains(&path), "{path} is missing from {paths:?}");
        }
        let page = |path| String::from_utf8(tree.bytes(path).unwrap().to_vec()).unwrap();
        for command in [gateway::Arguments::command()] {
            for variable in command.get_arguments().filter_map(|argument| argument.get_env()) {
                let (page, variable) = (page("share/man/man8/hybridge-gateway.8"), variable.display().to_string());
                assert!(page.contains(&variable), "{variable} is not in the man page:\n{page}");
            }
            for flag in command.get_arguments().filter_map(|argument| argument.get_long()) {
                let (page, written) = (page("share/man/man8/hybridge-gateway.8"), flag.replace('-', "\\-"));
                assert!(page.contains(&written), "--{flag} is not in the man page:\n{page}");
                let script = tree.bytes("share/bash-completion/completions/hybridge-gateway").unwrap();
                assert!(String::from_utf8_lossy(script).contains(&format!("--{flag}")), "--{flag} is not completed");
            }
        }
    }
}
