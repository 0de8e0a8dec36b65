//! `hybridge node max-pods`: the VPC CNI's arithmetic without a machine.

use crate::tell;
use std::fs;
use std::path::Path;

use hybridge_aws::{Imds, Metadata};
use hybridge_node::facts::InstanceTypeFacts;
use hybridge_node::max_pods::calculate::{Calculation, Options, Prefixes, calculate};
use hybridge_node::max_pods::table::{self, Table};
use hybridge_node::version::Version;
use hybridge_report::{Exit, Finding};
use serde::Serialize;

use crate::args::Output;
use crate::args::node::MaxPods;

/// A type with its number.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    instance_type: String,
    #[serde(flatten)]
    calculation: Calculation,
}

/// Runs the command.
pub(super) fn run(arguments: &MaxPods) -> Exit {
    let rows = match rows(arguments) {
        Ok(rows) => rows,
        Err(findings) => {
            tell::findings(&findings);
            return Exit::Input;
        }
    };
    for row in &rows {
        if let Some(warning) = without_prefixes(row) {
            tell::findings([&warning]);
        }
    }
    match (arguments.output, rows.as_slice()) {
        (form @ (Output::Json | Output::Yaml), rows) => tell::structured(form, &rows),
        (Output::Table, [row]) => tell::data(&format!("{}\n", number(arguments, row))),
        (Output::Table, rows) => {
            let width = rows.iter().map(|row| row.instance_type.len()).max().unwrap_or_default();
            tell::data(&rows.iter().map(|row| format!("{:<width$}  {}\n", row.instance_type, number(arguments, row))).collect::<String>())
        }
    }
}

fn number(arguments: &MaxPods, row: &Row) -> u32 {
    if arguments.no_limit { row.calculation.by_network } else { row.calculation.max_pods }
}

fn rows(arguments: &MaxPods) -> Result<Vec<Row>, Vec<Finding>> {
    let cni = arguments.cni_version.parse::<Version>().map_err(|error| {
        vec![Finding::error("max-pods.cni-version", "--cni-version", error.to_string()).fix("write one such as 1.19.0")]
    })?;
    let own = arguments.instance_types.as_deref().map(read).transpose().map_err(|finding| vec![finding])?;
    let types = match arguments.instance_type_from_imds {
        true => vec![this_instance().map_err(|finding| vec![finding])?],
        false => arguments.instance_type.clone(),
    };
    let options = Options {
        cni: Some(cni),
        custom_networking: arguments.cni_custom_networking_enabled,
        prefix_delegation: arguments.cni_prefix_delegation_enabled,
        max_enis: arguments.cni_max_enis,
        lnis: arguments.lnis,
    };
    let (mut rows, mut findings) = (Vec::new(), Vec::new());
    for instance_type in types {
        match known(own.as_ref(), &instance_type) {
            Some(limits) => rows.push(Row { calculation: calculate(&options, &limits), instance_type }),
            None => findings.push(unknown(&instance_type)),
        }
    }
    if findings.is_empty() { Ok(rows) } else { Err(findings) }
}

/// What is known of a type: the user's file before our own table.
pub(super) fn known(own: Option<&Table>, instance_type: &str) -> Option<InstanceTypeFacts> {
    own.and_then(|table| table.get(instance_type).cloned()).or_else(|| table::built_in(instance_type))
}

fn unknown(instance_type: &str) -> Finding {
    let what = format!("is in no table of ours (of {})", table::built_in_date());
    Finding::error("max-pods.unknown-type", instance_type, what).fix(format!(
        "mind the spelling, or ask EC2 (`aws ec2 describe-instance-types --instance-types {instance_type} > types.json`) and add \
         --instance-types types.json"
    ))
}

/// Reads a table of instance types.
///
/// # Errors
/// It cannot be read or understood.
pub(super) fn read(path: &Path) -> Result<Table, Finding> {
    let place = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|error| {
        Finding::error("instance-types.unreadable", &place, format!("cannot be read: {error}")).fix("name a file with --instance-types")
    })?;
    Table::parse(&text).map_err(|error| {
        let what = hybridge_report::chain(&error);
        Finding::error("instance-types.form", place, what).fix("take what `aws ec2 describe-instance-types` prints")
    })
}

fn this_instance() -> Result<String, Finding> {
    let instance = crate::runtime::block_on(async { Imds::open(&Metadata::from_env()).await?.instance().await });
    instance.map(|instance| instance.instance_type).map_err(|error| {
        Finding::error("imds.unreachable", "--instance-type-from-imds", hybridge_report::chain(&error)).fix(error.fix_on_node())
    })
}

fn without_prefixes(row: &Row) -> Option<Finding> {
    let why = match row.calculation.prefixes {
        Prefixes::NotAsked | Prefixes::Used => return None,
        Prefixes::CniTooOld => "this version of the VPC CNI has no prefix delegation; 1.9.0 is the first that has",
        Prefixes::NotNitro => "only Nitro instances have prefix delegation",
    };
    Some(Finding::warning("max-pods.no-prefixes", &row.instance_type, why).fix("counted without it"))
}
