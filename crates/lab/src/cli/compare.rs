//! `hybridge-lab compare`: several reports in one picture.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use hybridge_lab::report::{Run, json, svg};

use super::Failure;

/// Reads the reports, which may each have a title before `=`, and writes their picture to `out`.
pub(super) fn compare(reports: &[String], out: &Path) -> Result<(), Failure> {
    let runs = reports.iter().map(|report| read(report)).collect::<anyhow::Result<Vec<_>>>().map_err(Failure::Input)?;
    fs::write(out, svg::compare(&runs)).with_context(|| format!("cannot write `{}`", out.display())).map_err(Failure::Input)
}

fn read(report: &str) -> anyhow::Result<Run> {
    let (title, path) = match report.split_once('=') {
        Some((title, path)) => (Some(title), path),
        None => (None, report),
    };
    let text = fs::read_to_string(path).with_context(|| format!("cannot read `{path}`"))?;
    let run = json::parse(&text).with_context(|| format!("`{path}` is no report of `hybridge-lab run --out`"))?;
    Ok(Run { title: title.map_or(run.title, str::to_owned), ..run })
}
