//! `hybridge node config`: check, dump, explain, schema.

use std::fs;

use hybridge_node::config::chain::{Cached, ChainError, decide};
use hybridge_node::config::{self, NodeConfig, Problem};
use hybridge_node::explain::Setting;
use hybridge_node::{containerd, kubelet, lni};
use hybridge_node_host::host::Host;
use hybridge_report::{Exit, Finding, Severity};
use serde_json::json;

use super::{init, sources};
use crate::args::Output;
use crate::args::node::{Dump, Explain, Look, Sources};
use crate::tell;

/// What the sources come to, with every problem of theirs.
pub(super) struct Known {
    /// None if something is wrong.
    pub(super) config: Option<NodeConfig>,
    /// All of them, warnings too.
    pub(super) problems: Vec<Problem>,
}

/// Reads, merges and checks.
///
/// # Errors
/// A source that cannot be read.
pub(super) fn known(sources: &Sources) -> Result<Known, Finding> {
    Ok(match sources::read(sources)? {
        Ok(resolved) => whole(resolved.config, resolved.problems),
        Err(ChainError::Problems(problems)) => Known { config: None, problems },
        Err(ChainError::NoConfig(problems)) => return Err(no_config(sources, &problems)),
        Err(error @ ChainError::Merge(_)) => {
            return Err(
                Finding::error("source.merge", sources.sources.join(", "), hybridge_report::chain(&error)).fix("mend one of the two")
            );
        }
    })
}

fn whole(config: NodeConfig, mut problems: Vec<Problem>) -> Known {
    problems.extend(config::check_whole(&config));
    let wrong = problems.iter().any(|problem| problem.severity == Severity::Error);
    Known { config: (!wrong).then_some(config), problems }
}

fn no_config(sources: &Sources, problems: &[Problem]) -> Finding {
    let there: Vec<String> = problems.iter().map(|problem| Finding::from(problem.clone()).to_string()).collect();
    let what = if there.is_empty() { "no config in chain".to_owned() } else { format!("no config in chain:\n{}", there.join("\n")) };
    Finding::error("source.no-config", sources.sources.join(", "), what)
        .fix("a NodeConfig begins with `apiVersion: node.eks.aws/v1alpha1` and `kind: NodeConfig`")
}

/// `config check`.
pub(super) fn check(look: &Look) -> Exit {
    let known = known(&look.sources);
    let (good, findings) = match &known {
        Ok(known) => (known.config.is_some(), known.problems.iter().cloned().map(Finding::from).collect()),
        Err(finding) => (false, vec![finding.clone()]),
    };
    match look.output {
        form @ (Output::Json | Output::Yaml) => {
            let problems = known.as_ref().map_or_else(|finding| json!([finding]), |known| json!(known.problems));
            let printed = tell::structured(form, &json!({ "ok": good, "problems": problems }));
            if good { printed } else { Exit::Input }
        }
        Output::Table => {
            tell::findings(&findings);
            match good {
                true => tell::data("configuration is valid\n"),
                false => Exit::Input,
            }
        }
    }
}

/// `config dump`.
pub(super) fn dump(dump: &Dump) -> Exit {
    let config = match resolved(dump) {
        Ok(config) => config,
        Err(findings) => {
            tell::findings(&findings);
            return Exit::Input;
        }
    };
    let text = serde_json::to_string_pretty(&config::dump(&config)).expect("it is JSON already") + "\n";
    match &dump.config_output {
        None => tell::data(&text),
        Some(path) => match Host::system().write(&path.display().to_string(), &text, 0o600) {
            Ok(()) => Exit::Ok,
            Err(error) => {
                tell::line(format_args!("error: cannot write {}: {error}", path.display()));
                Exit::Input
            }
        },
    }
}

fn resolved(dump: &Dump) -> Result<NodeConfig, Vec<Finding>> {
    let cached = dump.config_cache.as_deref().and_then(|path| fs::read_to_string(path).ok());
    let cached = cached.and_then(|text| Cached::from_json(&text).ok());
    let chain = sources::read(&dump.sources).map_err(|finding| vec![finding])?;
    let told = |problems: &[Problem]| problems.iter().cloned().map(Finding::from).collect::<Vec<_>>();
    let decision = decide(cached, chain.map(|resolved| resolved.config)).map_err(|error| match error {
        ChainError::Problems(problems) => told(&problems),
        ChainError::NoConfig(problems) => vec![no_config(&dump.sources, &problems)],
        error @ ChainError::Merge(_) => vec![Finding::error("source.merge", "sources", hybridge_report::chain(&error))],
    })?;
    Ok(decision.into_config())
}

/// `config schema`.
pub(super) fn schema() -> Exit {
    tell::json(&config::schema())
}

/// `config explain`.
pub(super) fn explain(explain: &Explain) -> Exit {
    let settings = init::prepare(&explain.sources, explain.facts.as_deref(), explain.plugins).map(|prepared| {
        let node = prepared.resolved.node();
        let mut settings: Vec<(&str, Setting)> = kubelet::explain(&node).into_iter().map(|setting| ("kubelet", setting)).collect();
        settings.extend(containerd::explain(&node).into_iter().map(|setting| ("containerd", setting)));
        settings.extend(lni::explain(node.config).into_iter().map(|setting| ("lni", setting)));
        settings
    });
    let mut settings = match settings {
        Ok(settings) => settings,
        Err(findings) => {
            tell::findings(&findings);
            return Exit::Input;
        }
    };
    if let Some(wanted) = &explain.setting {
        settings.retain(|(_, setting)| setting.path.to_lowercase().contains(&wanted.to_lowercase()));
        if settings.is_empty() {
            let finding = Finding::error("explain.none", "--setting", format!("no setting has {wanted:?} in its name"));
            tell::findings([&finding.fix("leave --setting out to see all of them")]);
            return Exit::Input;
        }
    }
    match explain.output {
        form @ (Output::Json | Output::Yaml) => {
            let rows: Vec<_> = settings
                .iter()
                .map(|(of, setting)| json!({"of": of, "setting": setting.path, "value": setting.value, "source": setting.source}))
                .collect();
            tell::structured(form, &rows)
        }
        Output::Table => tell::data(&table(&settings)),
    }
}

fn table(settings: &[(&str, Setting)]) -> String {
    let rows: Vec<[String; 4]> = settings
        .iter()
        .map(|(of, setting)| [(*of).to_owned(), setting.path.clone(), setting.value.to_string(), setting.source.clone()])
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let (path, value) = (width(1).min(70), width(2).min(60));
    let mut text = String::new();
    for [of, name, is, source] in &rows {
        text += &format!("{of:<10}  {name:<path$}  {is:<value$}  {source}\n");
    }
    text
}
