//! `hybridge cluster get`: the clusters of a region, or one of them with all that belongs to it.

mod all;
mod one;
mod table;

use hybridge_aws::Session;
use hybridge_cluster::config::{Annotations, ClusterConfig, Metadata};
use hybridge_report::{Exit, Finding};
use jiff::Timestamp;

use super::file::read;
use super::gather::{caller, open};
use crate::args::Output;
use crate::args::cluster::{File, Get};
use crate::runtime::block_on;
use crate::tell;

pub(super) fn run(asked: &Get) -> Exit {
    let (config, annotations) = match wanted(asked) {
        Ok(wanted) => wanted,
        Err(exit) => return exit,
    };
    let shown = block_on(async {
        let session = open(&config.metadata.region, &asked.which.asking).await?;
        let caller = caller(&session, &asked.which.asking).await?;
        if config.metadata.name.is_empty() {
            tell::progress(format_args!("asking for the clusters of {}", session.region()));
            let found = all::ask(&session).await?;
            return Ok(Shown { text: table::all(&found), value: json(&found) });
        }
        tell::progress(format_args!("asking for cluster {} in {}", config.metadata.name, session.region()));
        let asked = super::gather::Asked { session: &session, config: &config, annotations: &annotations, caller: &caller };
        let found = one::ask(asked).await?;
        Ok(Shown { text: table::one(&found), value: json(&found) })
    });
    match (shown, asked.output) {
        (Ok(shown), Output::Table) => tell::data(&shown.text),
        (Ok(shown), form @ (Output::Json | Output::Yaml)) => tell::structured(form, &shown.value),
        (Err(finding), Output::Table | Output::Json | Output::Yaml) => {
            tell::findings([&finding]);
            Exit::Input
        }
    }
}

/// Both forms of what was found.
struct Shown {
    text: String,
    value: serde_json::Value,
}

fn json(found: &impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(found).expect("our own types have text keys only")
}

/// The cluster that is meant; one without a name stands for all.
fn wanted(asked: &Get) -> Result<(ClusterConfig, Annotations), Exit> {
    let which = &asked.which;
    if let Some(file) = &which.file {
        let read = read(&File { file: file.clone(), allow_unsupported: Vec::new() }, Timestamp::now())?;
        return Ok((read.config, read.annotations));
    }
    let (name, region) = (which.name.clone().unwrap_or_default(), which.region.clone().unwrap_or_default());
    let metadata = Metadata { name, region, ..Metadata::default() };
    Ok((ClusterConfig { metadata, ..ClusterConfig::default() }, Annotations::default()))
}

/// There is no such cluster; tells which there are, where that can be known.
async fn missing(session: &Session, name: &str, stack: Option<&str>) -> Finding {
    let what = match stack {
        Some(status) => format!("EKS has no cluster of this name in {}; its stack is {status}", session.region()),
        None => format!("EKS has no cluster of this name in {}", session.region()),
    };
    let finding = Finding::error("cluster.missing", format!("cluster {name}"), what);
    match session.clusters().await {
        Ok(names) if names.is_empty() => finding.fix("there is none at all; is it another region or another account?"),
        Ok(names) if names.len() <= 20 => finding.fix(format!("there are: {}", names.join(", "))),
        Ok(_) | Err(_) => finding.fix("`hybridge cluster get` without a name lists those that there are"),
    }
}
