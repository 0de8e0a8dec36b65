//! The tables in `docs/gateway.md` say what the code says.
//!
//! `HYBRIDGE_WRITE_DOCS=1 cargo test -p hybridge-gatewayd documented` writes them anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::CommandFactory;

use crate::args::Arguments;

/// Every flag, with its variable, its default and its help.
fn flags() -> String {
    let mut table = String::new();
    for argument in Arguments::command().get_arguments() {
        let Some(long) = argument.get_long() else { continue };
        let short = argument.get_short().map(|short| format!("`-{short}`, ")).unwrap_or_default();
        let variable = match (long, argument.get_env()) {
            // Counts only as `DEBUG=true`, so clap does not read it.
            ("debug", _) => "`DEBUG`".to_owned(),
            (_, Some(name)) => format!("`{}`", name.display()),
            (_, None) => String::new(),
        };
        let defaults = argument.get_default_values().iter().map(|value| value.display().to_string()).filter(|value| !value.is_empty());
        let default = defaults.map(|value| format!("`{value}`")).collect::<Vec<_>>().join(" ");
        let default = if argument.get_action().takes_values() { default } else { String::new() };
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        writeln!(table, "| {short}`--{long}` | {variable} | {default} | {help} |").unwrap();
    }
    table
}

/// Every metric; those that say the same stand in one line.
fn metrics() -> String {
    let text = crate::metrics::tests::of_everything();
    let kinds: BTreeMap<&str, &str> = lines(&text, "# TYPE ").collect();
    let mut groups: Vec<((&str, &str), Vec<String>)> = Vec::new();
    for (name, help) in lines(&text, "# HELP ") {
        let key = (kinds[name], help);
        let labels = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('{')?.split_once('}'));
        let labels: Vec<_> =
            labels.iter().flat_map(|(labels, _)| labels.split("\",")).filter_map(|label| label.split('=').next()).collect();
        let shown = if labels.is_empty() || labels == ["le"] { format!("`{name}`") } else { format!("`{name}{{{}}}`", labels.join(",")) };
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, names)) => names.push(shown),
            None => groups.push((key, vec![shown])),
        }
    }
    let rows = groups.into_iter().map(|((kind, help), names)| format!("| {} | {kind} | {help} |\n", names.join(", ")));
    rows.collect()
}

/// Name and rest of the lines with a prefix.
fn lines<'a>(text: &'a str, prefix: &'static str) -> impl Iterator<Item = (&'a str, &'a str)> {
    text.lines().filter_map(move |line| line.strip_prefix(prefix)?.split_once(' '))
}

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/gateway.md")
}

/// The rows below a header, up to the blank line.
fn rows<'a>(page: &'a str, header: &str) -> &'a str {
    let (_, rest) = page.split_once(header).unwrap_or_else(|| panic!("docs/gateway.md has no table `{}`", header.trim()));
    &rest[..rest.find("\n\n").map_or(rest.len(), |end| end + 1)]
}

#[test]
fn the_tables_of_the_page_are_those_of_the_code() {
    let tables = [
        ("| flag | variable | default | meaning |\n|---|---|---|---|\n", flags()),
        ("| name | kind | meaning |\n|---|---|---|\n", metrics()),
    ];
    let mut text = std::fs::read_to_string(page()).unwrap();
    if std::env::var_os("HYBRIDGE_WRITE_DOCS").is_some() {
        for (header, table) in &tables {
            let old = format!("{header}{}", rows(&text, header));
            text = text.replace(&old, &format!("{header}{table}"));
        }
        std::fs::write(page(), &text).unwrap();
    }
    for (header, table) in &tables {
        assert!(table.lines().count() > 15, "{table}");
        assert_eq!(rows(&text, header), table, "write it anew with HYBRIDGE_WRITE_DOCS=1");
    }
}

#[test]
fn every_reason_of_readiness_stands_on_the_page_and_no_other() {
    let text = std::fs::read_to_string(page()).unwrap();
    let table = rows(&text, "| reason | what to do |\n|---|---|\n");
    let documented: Vec<_> = table.lines().flat_map(|line| line.split('|').nth(1).unwrap().split('`').skip(1).step_by(2)).collect();
    let source = include_str!("../../gateway/src/status.rs").split("#[cfg(test)]").next().unwrap();
    let mut known: Vec<_> = source.split("add(\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    // Findings that become reasons, and what `--check` says on top.
    known.extend(["route.foreign", "instance.source-dest-check", "route.unrecognised"]);
    for code in &known {
        assert!(documented.contains(code), "{code} is not on the page");
    }
    for code in documented {
        assert!(known.contains(&code), "{code} is on the page, but there is no such reason");
    }
}

#[test]
fn the_iam_policy_of_the_page_names_every_call_to_ec2_and_no_other() {
    let text = std::fs::read_to_string(page()).unwrap();
    let policy: Vec<&str> = text.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let policy = policy.iter().find(|block| block.contains("\"Statement\"")).expect("a policy");
    let allowed: BTreeSet<&str> = policy.split("\"ec2:").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let source = include_str!("../../aws/src/ec2/mod.rs");
    let called: BTreeSet<&str> = source.split("Call::new(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(called.len() >= 4, "{called:?}");
    assert_eq!(allowed, called);
}
