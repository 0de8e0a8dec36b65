//! containerd's files: its configuration with the user's TOML in it, the base runtime spec, SOCI.

mod credentials;
mod document;
mod emit;
mod explain;
#[cfg(test)]
pub(crate) mod fixture;
mod registry;
mod runtime_spec;
mod soci;
mod template;
#[cfg(test)]
mod tests;
mod user;

use hybridge_report::Finding;
use toml::Value;

use crate::config::Shape;
use crate::node::Node;
use crate::plan::File;

pub use document::{TomlProblem, merge};
pub use explain::explain;
pub use registry::sandbox_image;
pub use user::check;

use template::Schema;
use user::UserConfig;

/// Programs whose presence decides what is written, to be looked for when facts are gathered.
pub const PROGRAMS: &[&str] = &[template::NVIDIA_RUNTIME];

const CONFIG: &str = "/etc/containerd/config.toml";
const MODULES: &str = "/etc/modules-load.d/containerd.conf";
const DROP_IN: &str = "/etc/containerd/config.d/00-nodeadm.toml";
const IMPORTS: &str = "/etc/containerd/config.d/*.toml";

/// Everything that containerd reads.
///
/// # Errors
/// The user's TOML is broken, or of a version that this containerd does not read; or it needs containerd's own migration
/// ([`to_migrate`]), and that has not been run for this text.
pub fn files(node: &Node) -> Result<Vec<File>, Vec<Finding>> {
    let user = user::read_for(&node.config.containerd.config, node.containerd).map_err(|finding| vec![finding])?;
    match node.config.shape {
        Shape::Ec2 => {
            let spec = runtime_spec::text(&node.config.containerd.base_runtime_spec);
            let config = ec2(node, user.as_ref()).map_err(|finding| vec![finding])?;
            let table = user.as_ref().map(|user| &user.table);
            let mut files = vec![File::new(runtime_spec::PATH, spec), credentials::file(CONFIG, config, table)];
            if uses_soci(node) {
                files.extend(soci::files());
            }
            Ok(files)
        }
        Shape::Hybrid => {
            let mut files = vec![File::new(CONFIG, template::hybrid(node, hybrid_schema(node, user.as_ref())))];
            if let Some(user) = user {
                files.push(credentials::file(DROP_IN, node.config.containerd.config.clone(), Some(&user.table)));
            }
            files.push(File::new(MODULES, "overlay\nbr_netfilter"));
            Ok(files)
        }
    }
}

/// Version of the main file, which the user's drop-in is merged into by containerd itself. Both are of one version: containerd 2.0.5
/// drops every setting of a main file of version 2 below a drop-in of version 3, and settings of a drop-in of version 2 over a main
/// file of version 3.
fn hybrid_schema(node: &Node, user: Option<&UserConfig>) -> Schema {
    let usual = Schema::usual(node.containerd);
    user.and_then(|user| user.schema).map_or(usual, |schema| schema.min(usual))
}

/// Whether images are pulled by SOCI: the gate is on and the machine large enough. Then kubelet asks SOCI for images too, and the
/// sandbox image is imported into its store.
pub fn uses_soci(node: &Node) -> bool {
    soci::used(node)
}

/// The text of version 2 which containerd 2.x must first bring to its own version by `containerd config migrate`. What it makes of it
/// goes into [`crate::facts::Facts::migrated`]. None if nothing is to be migrated, or if the user's TOML is refused anyway.
pub fn to_migrate(node: &Node) -> Option<String> {
    if node.config.shape == Shape::Hybrid {
        return None;
    }
    let user = user::read_for(&node.config.containerd.config, node.containerd).ok()??;
    must_migrate(node, &user).then(|| merged(node, Schema::V2, &user))
}

fn must_migrate(node: &Node, user: &UserConfig) -> bool {
    user.schema == Some(Schema::V2) && Schema::newest(node.containerd) > Schema::V2
}

fn ec2(node: &Node, user: Option<&UserConfig>) -> Result<String, Finding> {
    let usual = Schema::usual(node.containerd);
    let Some(user) = user else {
        return Ok(template::ec2(node, usual));
    };
    let migrate = must_migrate(node, user);
    let schema = user.schema.unwrap_or(usual);
    let text = merged(node, schema, user);
    if !migrate {
        return Ok(text);
    }
    match &node.facts.migrated {
        Some(migrated) if migrated.from == text => Ok(migrated.to.clone()),
        Some(_) | None => Err(not_migrated(node)),
    }
}

/// The template with the user's settings in it.
fn merged(node: &Node, schema: Schema, user: &UserConfig) -> String {
    let mut table = template_table(&template::ec2(node, schema));
    document::lay_over(&mut table, user.table.clone());
    // The number may be missing, or contradict the plugins.
    table.insert("version".to_owned(), Value::Integer(schema.number()));
    emit::document(&table)
}

fn template_table(text: &str) -> toml::Table {
    document::parse(text).expect("our own templates are TOML: the tests read each of them")
}

fn not_migrated(node: &Node) -> Finding {
    let containerd = node.containerd;
    let reason = node.facts.missing.get("migrated").map_or(String::new(), |reason| format!(": {reason}"));
    Finding::error(
        "containerd.not-migrated",
        "spec.containerd.config",
        format!("the text is of version 2, and containerd {containerd} has not brought it to its own version{reason}"),
    )
    .fix("write the settings for version 3, or see that `containerd config migrate` can be run on this machine")
}
