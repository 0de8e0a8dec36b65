//! The user's own TOML (`spec.containerd.config`): what version it is of, and whether the installed containerd can read it.

use hybridge_report::Finding;
use serde::Deserialize;
use toml::{Spanned, Table, Value};

use crate::version::Version;

use super::document::{TomlProblem, parse, position};
use super::template::Schema;

const PLACE: &str = "spec.containerd.config";
/// CRI up to version 2; what version 3 left under this name are settings of streaming.
const CRI_V2: &str = "io.containerd.grpc.v1.cri";
/// CRI since version 3.
const CRI_V3: [&str; 2] = ["io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime"];
/// Of the plugin's `ServerConfig`, containerd 2.0 and later.
const STREAMING: [&str; 6] = [
    "disable_tcp_service",
    "enable_tls_streaming",
    "stream_idle_timeout",
    "stream_server_address",
    "stream_server_port",
    "x509_key_pair_streaming",
];

/// The text, read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct UserConfig {
    /// All of it.
    pub(super) table: Table,
    /// None: it says nothing that depends on the version.
    pub(super) schema: Option<Schema>,
}

/// What can be said of the text without knowing the machine: whether it is TOML, of a version that there is, not of two at once.
pub fn check(text: &str) -> Vec<Finding> {
    read(text).err().into_iter().collect()
}

/// As [`check`], and whether this containerd reads it. None: there is no text.
pub(super) fn read_for(text: &str, containerd: Version) -> Result<Option<UserConfig>, Finding> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let user = read(text)?;
    match user.schema {
        Some(schema) if schema > Schema::newest(containerd) => Err(too_new(text, schema, containerd)),
        Some(_) | None => Ok(Some(user)),
    }
}

fn read(text: &str) -> Result<UserConfig, Finding> {
    let table = parse(text).map_err(|problem| {
        let TomlProblem { line, column, what } = problem;
        Finding::error("containerd.toml", format!("{PLACE}, line {line}, column {column}"), format!("this is not TOML: {what}"))
            .fix("strings need quotes, and each table and key may stand there once only: https://toml.io")
    })?;
    let schema = schema(text, &table)?;
    Ok(UserConfig { table, schema })
}

fn schema(text: &str, table: &Table) -> Result<Option<Schema>, Finding> {
    let plugins = table.get("plugins").and_then(Value::as_table);
    let named = |name: &str| plugins.and_then(|plugins| plugins.get(name));
    let names_v3 = CRI_V3.iter().any(|name| named(name).is_some());
    let version = match (version(text, table)?, plugins) {
        // nodeadm goes by the plugins, not by the number, and people's texts work with it.
        (Some(number), _) if names_v3 => number.max(Schema::V3),
        (Some(number), _) => number,
        (None, Some(_)) if names_v3 => Schema::V3,
        (None, Some(_)) => Schema::V2,
        // Without plugins a text reads the same in versions 2 and 3.
        (None, None) => return Ok(None),
    };
    if version >= Schema::V3 {
        let lost = named(CRI_V2).and_then(Value::as_table).and_then(|cri| cri.keys().find(|key| !STREAMING.contains(&key.as_str())));
        if let Some(key) = lost {
            return Err(mixed(text, key));
        }
    }
    Ok(Some(version))
}

/// The number in the text.
fn version(text: &str, table: &Table) -> Result<Option<Schema>, Finding> {
    let what = match table.get("version") {
        None => return Ok(None),
        Some(Value::Integer(2)) => return Ok(Some(Schema::V2)),
        Some(Value::Integer(3)) => return Ok(Some(Schema::V3)),
        Some(Value::Integer(4)) => return Ok(Some(Schema::V4)),
        Some(Value::Integer(1)) => "containerd's configuration of version 1 is not supported, and not read by containerd 2.x".to_owned(),
        Some(Value::Integer(number)) => format!("there is no version {number} of containerd's configuration"),
        Some(other) => format!("the version is a {} and must be a number", other.type_str()),
    };
    Err(Finding::error("containerd.version", format!("{PLACE}, line {}", version_line(text)), what)
        .fix("write `version = 2` (containerd 1.x, or to be migrated), `version = 3` (2.x) or `version = 4` (2.3 and later)"))
}

fn too_new(text: &str, schema: Schema, containerd: Version) -> Finding {
    let (number, newest) = (schema.number(), Schema::newest(containerd).number());
    let what = format!("this is of version {number}, and containerd {containerd}, which is installed, reads up to version {newest}");
    let fix = match schema {
        Schema::V2 | Schema::V3 => format!(
            "write it for version {newest}: `version = {newest}`, and settings of CRI under plugins.\"{CRI_V2}\"; or install containerd 2.x"
        ),
        Schema::V4 => {
            format!("write it for version {newest}: `version = {newest}`, and the socket under [grpc]; or install containerd 2.3")
        }
    };
    Finding::error("containerd.version-unsupported", format!("{PLACE}, line {}", version_line(text)), what).fix(fix)
}

fn mixed(text: &str, key: &str) -> Finding {
    let what = format!("the text is of version 3 or later, in which containerd ignores {key:?} under plugins.\"{CRI_V2}\"");
    Finding::error("containerd.version-mixed", format!("{PLACE}, line {}", version_line(text)), what).fix(format!(
        "write `version = 2` and settings of version 2 only, or move it to plugins.'{}' or plugins.'{}'",
        CRI_V3[0], CRI_V3[1]
    ))
}

/// Line of `version`, or 1 if there is none.
fn version_line(text: &str) -> usize {
    #[derive(Deserialize)]
    struct Head {
        version: Option<Spanned<Value>>,
    }
    let head = toml::from_str::<Head>(text).ok();
    head.and_then(|head| head.version).map_or(1, |version| position(text, version.span().start).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const V2: &str = "[plugins.'io.containerd.grpc.v1.cri'.containerd]\nsnapshotter = 'native'\n";
    const V3: &str = "[plugins.'io.containerd.cri.v1.images']\nsnapshotter = 'native'\n";
    const STREAM: &str = "[plugins.'io.containerd.grpc.v1.cri']\nstream_server_port = '1'\n";
    const DEBUG: &str = "[debug]\nlevel = 'debug'\n";

    /// Version read from the text, or the finding's code with its line.
    fn told(text: &str, containerd: &str) -> String {
        match read_for(text, containerd.parse().unwrap()) {
            Ok(None) => "nothing".to_owned(),
            Ok(Some(user)) => user.schema.map_or("any".to_owned(), |schema| schema.number().to_string()),
            Err(finding) => format!("{} {}", finding.code, finding.place),
        }
    }

    #[test]
    fn the_version_is_told_by_number_and_plugins() {
        for (text, one, two, two_three) in [
            (String::new(), "nothing", "nothing", "nothing"),
            (" \n".to_owned(), "nothing", "nothing", "nothing"),
            (DEBUG.to_owned(), "any", "any", "any"),
            (V2.to_owned(), "2", "2", "2"),
            (format!("version = 2\n{V2}"), "2", "2", "2"),
            (format!("version = 2\n{DEBUG}"), "2", "2", "2"),
            (V3.to_owned(), "containerd.version-unsupported 1", "3", "3"),
            (format!("# mine\nversion = 3\n{V3}"), "containerd.version-unsupported 2", "3", "3"),
            (format!("version = 2\n{V3}"), "containerd.version-unsupported 1", "3", "3"),
            (format!("version = 3\n{STREAM}"), "containerd.version-unsupported 1", "3", "3"),
            (format!("\nversion = 4\n{V3}"), "containerd.version-unsupported 2", "containerd.version-unsupported 2", "4"),
            (format!("version = 3\n{V2}"), "containerd.version-mixed 1", "containerd.version-mixed 1", "containerd.version-mixed 1"),
            (format!("{V2}{V3}"), "containerd.version-mixed 1", "containerd.version-mixed 1", "containerd.version-mixed 1"),
            (format!("{STREAM}{V3}"), "containerd.version-unsupported 1", "3", "3"),
            ("version = 1".to_owned(), "containerd.version 1", "containerd.version 1", "containerd.version 1"),
            ("\n\nversion = 'x'".to_owned(), "containerd.version 3", "containerd.version 3", "containerd.version 3"),
            ("version = 9".to_owned(), "containerd.version 1", "containerd.version 1", "containerd.version 1"),
        ] {
            for (containerd, expected) in [("1.7.30", one), ("2.0.5", two), ("2.2.4", two), ("2.3.0", two_three), ("2.4.2", two_three)] {
                let expected = expected.replacen(' ', &format!(" {PLACE}, line "), 1);
                assert_eq!(told(&text, containerd), expected, "{text:?} on {containerd}");
            }
        }
    }

    #[test]
    fn broken_text_is_found_without_a_machine() {
        let findings = check("version = 2\n[grpc\n");
        assert_eq!(findings.len(), 1);
        assert_eq!((findings[0].code, findings[0].place.as_str()), ("containerd.toml", "spec.containerd.config, line 2, column 6"));
        assert_eq!(check(&format!("version = 3\n{V3}")), []);
    }
}
