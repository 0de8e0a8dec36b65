//! Commands that the documents name exist, with the flags shown; files that they link to exist.
//!
//! A command is looked for at the start of a line in a fenced block and at the start of inline code. The programs' own help is
//! what is compared with.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::command::output;
use crate::workspace::Workspace;

/// Programs of ours.
const PROGRAMS: [&str; 3] = ["hybridge-lab", "hybridge-gateway", "hybridge"];

/// Tasks of `cargo xtask` that hand their arguments to the command of the same name in the lab.
const HANDED_ON: [&str; 2] = ["demo", "bench"];

/// `FILE:LINE: what` for each. The programs must have been built with the tests' profile.
pub(crate) fn findings(workspace: &Workspace) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    let programs = workspace.target.join("debug");
    let mut helps = Helps::new(|program, arguments| output(Command::new(programs.join(program)).args(arguments).arg("--help")));
    for file in documents(&workspace.root)? {
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let place = file.strip_prefix(&workspace.root).unwrap_or(&file).display();
        let folder = file.parent().unwrap_or(&workspace.root);
        for (line, link) in links(&text) {
            if !folder.join(&link).exists() {
                findings.push(format!("{place}:{line}: there is no {link}"));
            }
        }
        for (line, command) in commands(&text) {
            if let Some(wrong) = helps.wrong(&command)? {
                findings.push(format!("{place}:{line}: `{command}`: {wrong}"));
            }
        }
    }
    Ok(findings)
}

/// Markdown at the root and below `docs`.
fn documents(root: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() && (folder != root || path.ends_with("docs")) {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Targets of links into the repository, without their anchors, with line numbers.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for rest in line.split("](").skip(1) {
            let target = rest.split([')', '#', ' ']).next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:") {
                found.push((index + 1, target.to_owned()));
            }
        }
    }
    found
}

/// Commands of ours, with line numbers.
fn commands(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        // Outside a block every second piece is inline code.
        let codes: Vec<&str> = if fenced { vec![line] } else { line.split('`').skip(1).step_by(2).collect() };
        found.extend(codes.into_iter().filter_map(command).map(|command| (index + 1, command)));
    }
    found
}

/// The command of ours that a piece of code starts with, up to what the shell takes out of it.
fn command(code: &str) -> Option<String> {
    let words = code.split_whitespace().skip_while(|word| ["$", "#", "sudo"].contains(word) || word.contains('='));
    let words: Vec<&str> = words
        .take_while(|word| !["|", ">", "&&", "#", "&", ";", "\\"].contains(word))
        .map(|word| word.rsplit_once("target/debug/").map_or(word, |(_, program)| program))
        .collect();
    let ours = match words.as_slice() {
        ["cargo", "xtask", ..] => true,
        [program, _, ..] => PROGRAMS.contains(program),
        _ => false,
    };
    ours.then(|| words.join(" "))
}

/// Asks a program for the help of a subcommand.
type Ask<'a> = dyn FnMut(&str, &[&str]) -> Result<String> + 'a;

/// What the programs say of themselves, each asked once.
struct Helps<'a> {
    ask: Box<Ask<'a>>,
    known: BTreeMap<Vec<String>, String>,
}

impl<'a> Helps<'a> {
    fn new(ask: impl FnMut(&str, &[&str]) -> Result<String> + 'a) -> Self {
        Self { ask: Box::new(ask), known: BTreeMap::new() }
    }

    /// What is wrong with a command, if anything.
    fn wrong(&mut self, command: &str) -> Result<Option<String>> {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words.as_slice() {
            ["cargo", "xtask", task, rest @ ..] if HANDED_ON.contains(task) => self.wrong_of("hybridge-lab", &[&[*task], rest].concat()),
            ["cargo", "xtask", task, rest @ ..] => Ok(wrong_task(task, rest)),
            ["hybridge", "lab", rest @ ..] => self.wrong_of("hybridge-lab", rest),
            [program, rest @ ..] => self.wrong_of(program, rest),
            [] => Ok(None),
        }
    }

    fn wrong_of(&mut self, program: &str, words: &[&str]) -> Result<Option<String>> {
        let mut subcommands = Vec::new();
        let mut help = self.help(program, &subcommands)?;
        for word in words.iter().take_while(|word| !word.starts_with('-')) {
            let offered = offered(&help);
            if offered.is_empty() {
                break;
            }
            if !offered.iter().any(|name| name == word) {
                return Ok(Some(format!("there is no `{word}`, but {}", offered.join(", "))));
            }
            subcommands.push(*word);
            help = self.help(program, &subcommands)?;
        }
        Ok(unknown_flag(&help, words))
    }

    fn help(&mut self, program: &str, subcommands: &[&str]) -> Result<String> {
        let key: Vec<String> = [program].iter().chain(subcommands).map(ToString::to_string).collect();
        if let Some(help) = self.known.get(&key) {
            return Ok(help.clone());
        }
        let help = (self.ask)(program, subcommands)?;
        self.known.insert(key, help.clone());
        Ok(help)
    }
}

fn wrong_task(task: &str, rest: &[&str]) -> Option<String> {
    match crate::TASKS.iter().find(|known| known.name == task) {
        None if task == "help" => None,
        None => Some(format!("there is no task `{task}`")),
        Some(known) => unknown_flag(known.usage, rest),
    }
}

/// The first long flag that the help does not mention. Arguments after `--` are somebody else's.
fn unknown_flag(help: &str, words: &[&str]) -> Option<String> {
    let flags = words.iter().take_while(|word| **word != "--").filter(|word| word.starts_with("--"));
    flags
        .map(|flag| flag.split('=').next().unwrap_or(flag))
        .find(|flag| !mentions(help, flag))
        .map(|flag| format!("there is no flag `{flag}`"))
}

fn mentions(help: &str, flag: &str) -> bool {
    let mut words = help.split(|character: char| !character.is_ascii_alphanumeric() && character != '-');
    flag == "--help" || words.any(|word| word == flag)
}

/// Names in the `Commands:` section, as clap prints it.
fn offered(help: &str) -> Vec<String> {
    let section = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    section
        .take_while(|line| !line.trim().is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(command: &str) -> Option<String> {
        let mut helps = Helps::new(|program, subcommands| {
            Ok(match (program, subcommands) {
                ("hybridge-lab", []) => {
                    "Usage: …\n\nCommands:\n  demo  Shows it\n          at length\n  run   Runs it\n\nOptions:\n  -h, --help\n".into()
                }
                ("hybridge-lab", _) => "Usage: …\n\nOptions:\n      --kube <KUBE>  built-in or real\n".into(),
                _ => "Options:\n      --vpc-cidr <CIDRS>\n".into(),
            })
        });
        helps.wrong(command).unwrap()
    }

    #[test]
    fn a_command_or_flag_that_does_not_exist_is_named() {
        for (command, expected) in [
            ("hybridge-lab run rolling --kube real", None),
            ("hybridge lab demo --kube=real", None),
            ("hybridge-gateway --vpc-cidr 10.0.0.0/16", None),
            ("cargo xtask demo --kube real", None),
            ("cargo xtask test --no-real", None),
            ("hybridge-lab demo -- --whatever", None),
            ("hybridge-lab runn", Some("there is no `runn`, but demo, run")),
            ("hybridge lab at", Some("there is no `at`, but demo, run")),
            ("cargo xtask demo --kub", Some("there is no flag `--kub`")),
            ("cargo xtask test --fast", Some("there is no flag `--fast`")),
            ("cargo xtask tests", Some("there is no task `tests`")),
        ] {
            assert_eq!(wrong(command).as_deref(), expected, "{command}");
        }
    }

    #[test]
    fn commands_are_found_in_blocks_and_inline_code() {
        let text = "Run `cargo xtask demo`, not `demo`.\n```sh\n$ sudo DEBUG=1 ./target/debug/hybridge-lab up --nodes 3 | tee log\nhybridge is a name\n```\n`hybridge`\n";
        let expected = [(1, "cargo xtask demo"), (3, "hybridge-lab up --nodes 3"), (4, "hybridge is a name")];
        assert_eq!(commands(text), expected.map(|(line, command)| (line, command.to_owned())));
    }

    #[test]
    fn links_into_the_repository_are_found() {
        let text = "[a](docs/a.md#part) ![b](b.svg \"B\") [c](https://example.com) [d](#here)";
        assert_eq!(links(text), [(1, "docs/a.md".to_owned()), (1, "b.svg".to_owned())]);
    }
}
