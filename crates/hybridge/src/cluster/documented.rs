//! The tables of checks in `docs/cluster.md` say what the code says.
//!
//! `HYBRIDGE_WRITE_DOCS=1 cargo test -p hybridge documented` writes them anew.

use std::fs;
use std::path::Path;

use hybridge_cluster::{drift, path, preflight};

const CHECKS: &str = "| code | the check |\n|---|---|\n";
const HOPS: &str = "| code | the hop |\n|---|---|\n";
const COMPARISONS: &str = "| code | what is compared |\n|---|---|\n";

/// The rows below a header, up to the blank line.
fn rows<'a>(page: &'a str, header: &str) -> &'a str {
    let (_, rest) = page.split_once(header).unwrap_or_else(|| panic!("docs/cluster.md has no table `{}`", header.trim()));
    let end = if rest.starts_with('\n') { Some(0) } else { rest.find("\n\n").map(|end| end + 1) };
    &rest[..end.unwrap_or(rest.len())]
}

fn table(catalogue: &[(&str, &str)]) -> String {
    catalogue.iter().map(|(code, about)| format!("| `{code}` | {about} |\n")).collect()
}

#[test]
fn the_tables_of_checks_are_those_of_the_code() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cluster.md");
    let mut text = fs::read_to_string(&page).unwrap();
    let tables = [(CHECKS, table(&preflight::catalogue())), (HOPS, table(&path::catalogue())), (COMPARISONS, table(&drift::catalogue()))];
    if std::env::var_os("HYBRIDGE_WRITE_DOCS").is_some() {
        for (header, table) in &tables {
            let old = format!("{header}{}", rows(&text, header));
            text = text.replace(&old, &format!("{header}{table}"));
        }
        fs::write(&page, &text).unwrap();
    }
    for (header, table) in &tables {
        assert!(table.lines().count() > 7, "{table}");
        assert_eq!(rows(&text, header), table, "write it anew with HYBRIDGE_WRITE_DOCS=1");
    }
}
