//! Tables and lines for people.

use std::fmt::{Display, Write as _};

/// A line.
pub(crate) fn line(text: &mut String, what: impl Display) {
    writeln!(text, "{what}").expect("writing to a String cannot fail");
}

/// A titled table; nothing where there are no rows. Columns without anything in them are left out.
pub(crate) fn section<const COLUMNS: usize>(text: &mut String, title: &str, heads: &[&str; COLUMNS], rows: Vec<[String; COLUMNS]>) {
    if rows.is_empty() {
        return;
    }
    line(text, format_args!("\n{title}"));
    plain(text, heads, rows);
}

/// The same without a title.
pub(crate) fn plain<const COLUMNS: usize>(text: &mut String, heads: &[&str; COLUMNS], rows: Vec<[String; COLUMNS]>) {
    let widths = columns(heads, &rows);
    for row in std::iter::once(heads.map(str::to_owned)).chain(rows) {
        let cells = row.iter().zip(widths).filter(|(_, width)| *width > 0).map(|(cell, width)| format!("{cell:width$}"));
        line(text, cells.collect::<Vec<_>>().join("  ").trim_end());
    }
}

/// The width of each column; 0 for one without anything in it.
fn columns<const COLUMNS: usize>(heads: &[&str; COLUMNS], rows: &[[String; COLUMNS]]) -> [usize; COLUMNS] {
    std::array::from_fn(|column| {
        let widest = rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        if widest == 0 { 0 } else { widest.max(heads[column].chars().count()) }
    })
}

/// What is not known is a dash.
pub(crate) fn or_dash(value: Option<impl Display>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// In words.
pub(crate) fn yes(value: Option<bool>) -> String {
    or_dash(value.map(|value| if value { "yes" } else { "no" }))
}

/// With commas.
pub(crate) fn list(values: &[impl Display]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
