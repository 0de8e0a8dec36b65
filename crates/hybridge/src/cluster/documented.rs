//! The tables of checks in `docs/cluster.md` say what the code says.
//!
//! `HYBRIDGE_WRITE_DOCS=1 cargo test -p hybridge documented` writes them anew.

use std::path::Path;

use hybridge_cluster::{drift, path, preflight};

use crate::documented::hold;

const CHECKS: &str = "| code | the check |\n|---|---|\n";
const HOPS: &str = "| code | the hop |\n|---|---|\n";
const COMPARISONS: &str = "| code | what is compared |\n|---|---|\n";

fn table(catalogue: &[(&str, &str)]) -> String {
    catalogue.iter().map(|(code, about)| format!("| `{code}` | {about} |\n")).collect()
}

#[test]
fn the_tables_of_checks_are_those_of_the_code() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cluster.md");
    let tables = [(CHECKS, table(&preflight::catalogue())), (HOPS, table(&path::catalogue())), (COMPARISONS, table(&drift::catalogue()))];
    hold(&page, &tables, 7);
}
