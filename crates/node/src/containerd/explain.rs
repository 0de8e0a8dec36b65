//! Who decided which setting of containerd.

use std::collections::BTreeMap;

use toml::{Table, Value};

use crate::config::Shape;
use crate::explain::Setting;
use crate::node::Node;
use crate::secret::Secret;

use super::credentials::is_credential;
use super::document::leaves;
use super::template::{self, Runtime, Schema};
use super::user::UserConfig;
use super::{document, hybrid_schema, must_migrate, soci, template_table, user};

const CRI: &str = "plugins.'io.containerd.grpc.v1.cri'";
const IMAGES: &str = "plugins.'io.containerd.cri.v1.images'";
const RUNTIME: &str = "plugins.'io.containerd.cri.v1.runtime'";

/// Every leaf of containerd's configuration in force, by path.
///
/// A text that has to be migrated is shown as containerd made it, or, as long as that is not known, as it goes in. TOML of the user that
/// is refused is left out: [`super::files`] says why. On a hybrid node the user's drop-in is laid over the main file, as
/// containerd 2.x does it.
pub fn explain(node: &Node) -> Vec<Setting> {
    let user = user::read_for(&node.config.containerd.config, node.containerd).ok().flatten();
    let user = user.unwrap_or(UserConfig { table: Table::new(), schema: None });
    let (schema, base) = base(node, &user);
    let usual = Schema::usual(node.containerd);
    let given = leaves(&user.table);
    let mut effective = base;
    document::lay_over(&mut effective, user.table.clone());
    effective.insert("version".to_owned(), Value::Integer(schema.number()));
    let settings = leaves(&effective).into_iter().map(|(path, value)| {
        let asked = if path == "version" { schema != usual } else { given.contains_key(&path) };
        let source = if asked { "user".to_owned() } else { source(node, &path) };
        (path, (value, source))
    });
    let settings: BTreeMap<_, _> = settings.collect();
    if must_migrate(node, &user)
        && let Some(migrated) = &node.facts.migrated
        && Some(&migrated.from) == super::to_migrate(node).as_ref()
        && let Ok(table) = document::parse(&migrated.to)
    {
        return after_migration(node, &settings, &table);
    }
    settings.into_iter().map(|(path, (value, source))| setting(path, &value, source)).collect()
}

/// Credentials of registries are not shown.
fn setting(path: String, value: &Value, source: String) -> Setting {
    let value = if is_credential(&path) { Secret::HIDDEN.into() } else { json(value) };
    Setting { path, value, source }
}

fn base(node: &Node, user: &UserConfig) -> (Schema, Table) {
    let usual = Schema::usual(node.containerd);
    match node.config.shape {
        Shape::Ec2 => {
            let schema = user.schema.unwrap_or(usual);
            (schema, template_table(&template::ec2(node, schema)))
        }
        Shape::Hybrid => {
            let schema = hybrid_schema(node, Some(user));
            (schema, template_table(&template::hybrid(node, schema)))
        }
    }
}

/// Why a setting of the template is as it is.
fn source(node: &Node, path: &str) -> String {
    let Runtime { name, .. } = template::runtime(node);
    let ec2 = node.config.shape == Shape::Ec2;
    let of_runtime = path.ends_with(".default_runtime_name") || path.contains(&format!(".runtimes.{name}."));
    let of_soci =
        path.starts_with("proxy_plugins.soci.") || path.ends_with(".snapshotter") || path.ends_with(".disable_snapshot_annotations");
    if path == "version" {
        format!("containerd {}.x", node.containerd.major)
    } else if ec2 && path.ends_with(".enable_cdi") {
        if template::cdi(node) { "kubelet ≥ 1.32" } else { "kubelet < 1.32" }.to_owned()
    } else if ec2 && name == "nvidia" && of_runtime {
        "NVIDIA runtime on the machine".to_owned()
    } else if soci::used(node) && of_soci {
        "feature gate FastImagePull".to_owned()
    } else {
        "hybridge default".to_owned()
    }
}

/// Finds each setting of the migrated text in the one that was migrated; what is not there are containerd's own defaults.
fn after_migration(node: &Node, before: &BTreeMap<String, (Value, String)>, table: &Table) -> Vec<Setting> {
    let own = format!("containerd {}", node.containerd);
    leaves(table)
        .into_iter()
        .map(|(path, value)| {
            let found = earlier(&path).into_iter().find_map(|path| before.get(&path).filter(|(was, _)| *was == value));
            let source = match found {
                _ if path == "version" => source(node, &path),
                Some((_, source)) => source.clone(),
                None => own.clone(),
            };
            setting(path, &value, source)
        })
        .collect()
}

/// Where a setting of version 3 may have stood in version 2 (containerd's docs/cri/config.md and the plugins' migrations).
fn earlier(path: &str) -> Vec<String> {
    let mut paths = vec![path.to_owned()];
    if let Some(rest) = path.strip_prefix(IMAGES) {
        let rest = if rest == ".pinned_images.sandbox" { ".sandbox_image" } else { rest };
        paths.extend([format!("{CRI}{rest}"), format!("{CRI}.containerd{rest}")]);
    }
    if let Some(rest) = path.strip_prefix(RUNTIME) {
        paths.push(format!("{CRI}{rest}"));
    }
    if let Some(rest) = path.strip_prefix("plugins.'io.containerd.server.v1.grpc'") {
        paths.push(format!("grpc{rest}"));
    }
    paths
}

/// What JSON has no word for, times and infinite numbers, becomes text.
fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::String(text) => text.as_str().into(),
        Value::Integer(number) => (*number).into(),
        Value::Float(number) if number.is_finite() => (*number).into(),
        Value::Float(number) => number.to_string().into(),
        Value::Boolean(truth) => (*truth).into(),
        Value::Datetime(time) => time.to_string().into(),
        Value::Array(items) => items.iter().map(json).collect(),
        Value::Table(table) => table.iter().map(|(key, value)| (key.clone(), json(value))).collect(),
    }
}
