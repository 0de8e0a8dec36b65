//! TOML texts, read and laid over each other.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::emit;

/// Where a text is no TOML, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {what}")]
pub struct TomlProblem {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong there.
    pub what: String,
}

/// Lays `over` on `base`: tables are merged key by key, everything else, arrays too, is replaced. An empty table clears nothing.
///
/// This is done here and not by containerd's `imports`, which replace more than their writer expects. Comments are lost.
///
/// # Errors
/// One of the two is not TOML.
pub fn merge(base: &str, over: &str) -> Result<String, TomlProblem> {
    let mut table = parse(base)?;
    lay_over(&mut table, parse(over)?);
    // Each of both may be nested as deep as the parser goes; what is written must be read again, by containerd too.
    if table.values().any(|value| is_deeper(value, DEEPEST)) {
        return Err(TomlProblem { line: 1, column: 1, what: format!("it is nested more than {DEEPEST} levels deep") });
    }
    Ok(emit::document(&table))
}

/// Levels of tables and lists; containerd's own configuration has seven.
const DEEPEST: usize = 30;

fn is_deeper(value: &Value, levels: usize) -> bool {
    match value {
        Value::Table(table) => levels == 0 || table.values().any(|value| is_deeper(value, levels - 1)),
        Value::Array(array) => levels == 0 || array.iter().any(|value| is_deeper(value, levels - 1)),
        Value::String(_) | Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => false,
    }
}

pub(super) fn parse(text: &str) -> Result<Table, TomlProblem> {
    text.parse::<Table>().map_err(|error| {
        let (line, column) = position(text, error.span().map_or(0, |span| span.start));
        // Messages of the parser may have a second line with what was expected.
        TomlProblem { line, column, what: error.message().replace('\n', "; ") }
    })
}

/// Line and column, from 1, of a byte of the text.
pub(super) fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..byte.min(text.len())];
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    // Bytes that continue a character do not count.
    let column = before[line_start..].iter().filter(|byte| **byte & 0xc0 != 0x80).count() + 1;
    (line, column)
}

pub(super) fn lay_over(to: &mut Table, over: Table) {
    for (key, value) in over {
        match (to.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => lay_over(below, above),
            (Some(below), above) => *below = above,
            (None, above) => {
                to.insert(key, above);
            }
        }
    }
}

/// Dotted path → value of everything that is no table, and of empty tables.
pub(super) fn leaves(table: &Table) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    collect(table, "", &mut found);
    found
}

fn collect(table: &Table, path: &str, into: &mut BTreeMap<String, Value>) {
    for (key, value) in table {
        let path = emit::join(path, key);
        match value.as_table() {
            Some(table) if !table.is_empty() => collect(table, &path, into),
            Some(_) | None => {
                into.insert(path, value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::emit::tests::table;
    use super::*;

    #[test]
    fn tables_are_merged_and_everything_else_replaced() {
        for (base, over, merged) in [
            ("a = 1", "b = 2", "a = 1\nb = 2\n"),
            ("a = 1", "a = 'x'", "a = 'x'\n"),
            ("a = [1, 2]", "a = [3]", "a = [3]\n"),
            ("a = [1, 2]", "a = []", "a = []\n"),
            ("a = true\nb = 1\nc = 'x'", "a = false\nb = 0\nc = ''", "a = false\nb = 0\nc = ''\n"),
            ("[t]\na = 1", "[t]\nb = 2", "[t]\na = 1\nb = 2\n"),
            ("[t]\na = 1", "[t]", "[t]\na = 1\n"),
            ("[t]\na = 1", "t = 1", "t = 1\n"),
            ("t = 1", "[t]\na = 1", "[t]\na = 1\n"),
            ("[[t]]\na = 1\n[[t]]\na = 2", "[[t]]\na = 3", "[[t]]\na = 3\n"),
            ("[plugins.\"a.b\".c]\nx = 1", "[plugins.'a.b'.c]\ny = 2", "[plugins]\n[plugins.'a.b']\n[plugins.'a.b'.c]\nx = 1\ny = 2\n"),
        ] {
            assert_eq!(merge(base, over).as_deref(), Ok(merged), "{base} with {over}");
        }
    }

    #[test]
    fn broken_text_is_refused_with_its_place() {
        for (text, line, column) in [("a = 1\nb = = 2\n", 2, 5), ("a = 'ü' x\n", 1, 9), ("[t]\na = 1\na = 2\n", 3, 1), ("\n\n[t\n", 3, 3)]
        {
            let problem = merge("", text).unwrap_err();
            assert_eq!((problem.line, problem.column), (line, column), "{text:?}: {problem}");
            assert!(!problem.what.contains('\n') && !problem.what.is_empty());
        }
    }

    proptest! {
        #[test]
        fn nothing_laid_over_a_text_or_under_it_changes_nothing(table in table()) {
            let text = emit::document(&table);
            prop_assert_eq!(merge(&text, "").unwrap(), text.clone());
            prop_assert_eq!(merge("", &text).unwrap(), text);
        }

        #[test]
        fn merging_twice_is_merging_once(a in table(), b in table()) {
            let (a, b) = (emit::document(&a), emit::document(&b));
            let once = merge(&a, &b).unwrap();
            prop_assert_eq!(merge(&once, &b).unwrap(), once);
        }

        #[test]
        fn what_is_laid_over_is_in_force(a in table(), b in table()) {
            let merged = parse(&merge(&emit::document(&a), &emit::document(&b)).unwrap()).unwrap();
            prop_assert!(holds(&merged, &b));
        }
    }

    /// Whether every value of `part` stands in `whole`.
    fn holds(whole: &Table, part: &Table) -> bool {
        part.iter().all(|(key, value)| match (whole.get(key), value) {
            (Some(Value::Table(whole)), Value::Table(part)) => holds(whole, part),
            (found, value) => found == Some(value),
        })
    }
}
