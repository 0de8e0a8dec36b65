//! Documents that somebody has changed, in ways that matter to readers of YAML: for laws of whatever takes a document.
//!
//! In a test file: `#[path = "…/crates/document/tests/mutations/mod.rs"] mod mutations;`, in which `proptest` is known.

#![allow(unreachable_pub, reason = "it is a part of each test")]

use proptest::prelude::*;

/// One change of a text: characters taken out, put in, or lines moved.
#[derive(Clone, Debug)]
pub enum Change {
    Cut(prop::sample::Index, usize),
    Insert(prop::sample::Index, &'static str),
    DropLine(prop::sample::Index),
    Shift(prop::sample::Index),
    Double(prop::sample::Index, prop::sample::Index),
    Swap(prop::sample::Index, prop::sample::Index),
}

/// What is put in: signs of YAML, and values of other types than most.
const TOKENS: [&str; 29] = [
    ":",
    " ",
    "\n",
    "-",
    "[",
    "]",
    "{",
    "}",
    "'",
    "\"",
    "&a ",
    "*a",
    "|",
    ">",
    "!",
    "#",
    "<<: ",
    "\t",
    "? ",
    "---\n",
    "@",
    "%",
    "null",
    "~",
    "0",
    "/",
    "é",
    "[]",
    "999999999999",
];

pub fn any_change() -> impl Strategy<Value = Change> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        (index(), 1usize..12).prop_map(|(at, length)| Change::Cut(at, length)),
        (index(), prop::sample::select(&TOKENS[..])).prop_map(|(at, text)| Change::Insert(at, text)),
        index().prop_map(Change::DropLine),
        index().prop_map(Change::Shift),
        (index(), index()).prop_map(|(one, two)| Change::Double(one, two)),
        (index(), index()).prop_map(|(one, two)| Change::Swap(one, two)),
    ]
}

pub fn changed(text: &str, changes: &[Change]) -> String {
    changes.iter().fold(text.to_owned(), |text, change| match change {
        Change::Cut(at, length) => {
            let mut chars: Vec<char> = text.chars().collect();
            let start = at.index(chars.len() + 1);
            chars.drain(start..(start + length).min(chars.len()));
            chars.into_iter().collect()
        }
        Change::Insert(at, new) => {
            let mut chars: Vec<char> = text.chars().collect();
            let start = at.index(chars.len() + 1);
            chars.splice(start..start, new.chars());
            chars.into_iter().collect()
        }
        Change::DropLine(_) | Change::Shift(_) | Change::Double(..) | Change::Swap(..) => moved(&text, change),
    })
}

/// The text after a change of its lines.
fn moved(text: &str, change: &Change) -> String {
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let at = |index: &prop::sample::Index| index.index(lines.len());
    match change {
        Change::DropLine(one) => {
            let one = at(one);
            lines.remove(one);
        }
        Change::Shift(one) => {
            let one = at(one);
            lines[one].insert_str(0, "  ");
        }
        Change::Double(one, two) => {
            let (one, two) = (at(one), at(two));
            lines.insert(two, lines[one].clone());
        }
        Change::Swap(one, two) => {
            let (one, two) = (at(one), at(two));
            lines.swap(one, two);
        }
        Change::Cut(..) | Change::Insert(..) => {}
    }
    lines.join("\n")
}
