//! Limits of instance types, one a line: ours, compiled in, and a user's own.
//!
//! A line is `TYPE INTERFACES ADDRESSES HYPERVISOR VCPUS`, as in `m5.large 3 10 nitro 2`; see the head of `data/instance-types.txt`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::facts::InstanceTypeFacts;
use crate::max_pods::describe;

/// Sorted by type after the lines of its head, so that one type is found in a dozen looks and nothing is read at start.
const BUILT_IN: &str = include_str!("data/instance-types.txt");

/// What stands before the day in the head of a table of ours.
const AS_OF: &str = "# As of ";

/// Why a table cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// A line that is none of ours.
    #[error("line {line}: {what}; a line is TYPE INTERFACES ADDRESSES HYPERVISOR VCPUS, such as \"m5.large 3 10 nitro 2\"")]
    Line {
        /// From 1.
        line: usize,
        /// What is wrong in it.
        what: String,
    },
    /// JSON that is no answer of DescribeInstanceTypes; the source says the line.
    #[error("this is not what `aws ec2 describe-instance-types` prints")]
    Json(#[from] serde_json::Error),
    /// An answer without what is needed.
    #[error("instance type {name}: {what}")]
    Type {
        /// Which.
        name: String,
        /// What is missing.
        what: &'static str,
    },
    /// No type at all.
    #[error("there is no instance type in it")]
    Empty,
}

/// Instance types by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table(BTreeMap<String, InstanceTypeFacts>);

/// A type of our own table.
pub fn built_in(name: &str) -> Option<InstanceTypeFacts> {
    let (mut from, mut to) = (0, BUILT_IN.len());
    while from < to {
        let middle = from + (to - from) / 2;
        let start = BUILT_IN[from..middle].rfind('\n').map_or(from, |at| from + at + 1);
        let end = BUILT_IN[middle..to].find('\n').map_or(to, |at| middle + at);
        let line = &BUILT_IN[start..end];
        let here = line.split(' ').next().unwrap_or_default();
        // '#' is below every letter, so the head counts as smaller.
        match if line.starts_with('#') { "" } else { here }.cmp(name) {
            std::cmp::Ordering::Equal => return row(line).ok().map(|(_, facts)| facts),
            std::cmp::Ordering::Less => from = (end + 1).min(to),
            std::cmp::Ordering::Greater => to = start,
        }
    }
    None
}

/// The day of our own table, as `2026-07-23`.
pub fn built_in_date() -> &'static str {
    let date = BUILT_IN.split_once(AS_OF).and_then(|(_, rest)| rest.get(..10));
    date.expect("the head of the table says its day; a test reads it")
}

/// The text of our own table anew: what it has, and over it `answers` of DescribeInstanceTypes (or tables), the later ones right.
/// `date` is the day of the answers.
///
/// # Errors
/// The place among `answers` that cannot be read, from 0, and why.
pub fn regenerate(date: &str, answers: &[&str]) -> Result<String, (usize, TableError)> {
    let mut table = Table::parse(BUILT_IN).expect("a test reads our own table");
    for (at, answer) in answers.iter().enumerate() {
        table.update(Table::parse(answer).map_err(|error| (at, error))?);
    }
    let head = BUILT_IN.lines().take_while(|line| line.starts_with('#'));
    let head = head.map(|line| match line.strip_prefix(AS_OF) {
        Some(rest) => format!("{AS_OF}{date}{}", rest.get(10..).unwrap_or_default()),
        None => line.to_owned(),
    });
    Ok(table.render(&head.collect::<Vec<_>>().join("\n")))
}

impl Table {
    /// Reads lines of ours, or what `aws ec2 describe-instance-types` prints (several answers may follow each other).
    ///
    /// # Errors
    /// The first line or type that cannot be used.
    pub fn parse(text: &str) -> Result<Self, TableError> {
        let table = if text.trim_start().starts_with(['{', '[']) { describe::types(text)? } else { lines(text)? };
        if table.is_empty() { Err(TableError::Empty) } else { Ok(Self(table)) }
    }

    /// One type.
    pub fn get(&self, name: &str) -> Option<&InstanceTypeFacts> {
        self.0.get(name)
    }

    /// All types, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &InstanceTypeFacts)> {
        self.0.iter().map(|(name, facts)| (name.as_str(), facts))
    }

    /// Takes over what `other` knows; where both know a type, `other` is right, but what it does not know of it is kept.
    pub fn update(&mut self, other: Self) {
        for (name, new) in other.0 {
            let facts = self.0.entry(name).or_default();
            let vcpus = if new.vcpus == 0 { facts.vcpus } else { new.vcpus };
            let bare_metal = new.bare_metal || new.hypervisor.is_none() && facts.bare_metal;
            let hypervisor = if bare_metal { None } else { new.hypervisor.or(facts.hypervisor.take()) };
            *facts = InstanceTypeFacts { hypervisor, bare_metal, vcpus, ..new };
        }
    }

    /// The table as text that [`Table::parse`] reads, below `head`, whose lines begin with `#`.
    pub fn render(&self, head: &str) -> String {
        let mut text = String::new();
        for line in head.lines() {
            let _ = writeln!(text, "{line}");
        }
        for (name, facts) in self.iter() {
            let kind = if facts.bare_metal { "metal" } else { facts.hypervisor.as_deref().unwrap_or("-") };
            let vcpus = if facts.vcpus == 0 { "-".to_owned() } else { facts.vcpus.to_string() };
            let _ = writeln!(text, "{name} {} {} {kind} {vcpus}", facts.default_enis, facts.ipv4_per_eni);
        }
        text
    }
}

/// Lines; empty ones and those that begin with `#` say nothing.
fn lines(text: &str) -> Result<BTreeMap<String, InstanceTypeFacts>, TableError> {
    let mut table = BTreeMap::new();
    for (at, text) in text.lines().enumerate() {
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let line = at + 1;
        let (name, facts) = row(text).map_err(|what| TableError::Line { line, what })?;
        if table.insert(name.to_owned(), facts).is_some() {
            return Err(TableError::Line { line, what: format!("{name} is here a second time") });
        }
    }
    Ok(table)
}

fn row(line: &str) -> Result<(&str, InstanceTypeFacts), String> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let &[name, enis, addresses, kind, vcpus] = fields.as_slice() else { return Err(format!("{} fields instead of 5", fields.len())) };
    let number = |text: &str, what: &str| match text.parse::<u32>() {
        Ok(number @ 1..=100_000) => Ok(number),
        Ok(_) | Err(_) => Err(format!("{text:?} is no number of {what}")),
    };
    let hypervisor = match kind {
        "nitro" | "xen" => Some(kind.to_owned()),
        "metal" | "-" => None,
        _ => return Err(format!("{kind:?} is none of nitro, xen, metal, -")),
    };
    let facts = InstanceTypeFacts {
        default_enis: number(enis, "interfaces")?,
        ipv4_per_eni: number(addresses, "addresses")?,
        hypervisor,
        bare_metal: kind == "metal",
        vcpus: if vcpus == "-" { 0 } else { number(vcpus, "vCPUs")? },
    };
    Ok((name, facts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::max_pods::standard;

    #[test]
    fn every_type_is_found_and_what_is_none_is_not() {
        let table = Table::parse(BUILT_IN).unwrap();
        assert_eq!(table.iter().count(), 1391);
        for (name, facts) in table.iter() {
            assert_eq!(built_in(name).as_ref(), Some(facts), "{name}");
            assert!(standard(facts) >= 3, "{name}");
            for wrong in [format!("{name}x"), name[..name.len() - 1].to_owned()] {
                assert_eq!(built_in(&wrong).as_ref(), table.get(&wrong), "{wrong}");
            }
        }
        for wrong in ["", "#", "a", "zzz", "~", "m5", "m5.large 3"] {
            assert_eq!(built_in(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn our_own_table_is_generated_anew() {
        let date: jiff::civil::Date = built_in_date().parse().unwrap();
        assert_eq!(regenerate(&date.to_string(), &[]).unwrap(), BUILT_IN);
        let next = regenerate("2030-01-02", &["m5.large 3 12 - -", "z99.large 3 10 nitro 2"]).unwrap();
        let old: Vec<&str> = BUILT_IN.lines().filter(|line| !next.contains(line)).collect();
        assert_eq!(old.len(), 2, "{old:?}");
        assert!(old[0].starts_with(AS_OF) && old[1] == "m5.large 3 10 nitro 2");
        assert!(next.contains("\n# As of 2030-01-02. ") && next.contains("\nm5.large 3 12 nitro 2\n") && next.contains("\nz99.large 3 "));
        assert!(matches!(regenerate("2030-01-02", &["a.b 1 1 - -", "no table"]), Err((1, TableError::Line { line: 1, .. }))));
    }

    #[test]
    fn known_types_have_the_limits_that_aws_publishes() {
        // https://docs.aws.amazon.com/ec2/latest/instancetypes/gp.html and its sisters.
        for (name, enis, addresses, kind, vcpus) in [
            ("m4.xlarge", 4, 15, "xen", 4),
            ("t3.medium", 3, 6, "nitro", 2),
            ("c6in.32xlarge", 8, 50, "nitro", 128),
            ("a1.metal", 8, 30, "metal", 16),
            ("m9g.48xlarge", 24, 64, "nitro", 192),
            ("a1.2xlarge", 4, 15, "nitro", 8),
        ] {
            let facts = built_in(name).unwrap();
            let got = if facts.bare_metal { "metal" } else { facts.hypervisor.as_deref().unwrap() };
            assert_eq!((facts.default_enis, facts.ipv4_per_eni, got, facts.vcpus), (enis, addresses, kind, vcpus), "{name}");
        }
    }

    #[test]
    fn what_is_rendered_is_read_again() {
        let table = Table::parse(BUILT_IN).unwrap();
        let text = table.render("# Limits\n# of all types");
        assert!(text.starts_with("# Limits\n# of all types\na1.2xlarge 4 15 nitro 8\n"));
        assert_eq!(Table::parse(&text).unwrap(), table);
    }

    #[test]
    fn newer_facts_win_and_unknown_ones_do_not() {
        let mut table = Table::parse("m5.large 3 10 nitro 2\na1.metal 8 30 metal 16\n").unwrap();
        table.update(Table::parse("m5.large 4 10 - -\na1.metal 8 30 - -\nz9.large 2 2 xen 1\n").unwrap());
        assert_eq!(table.render(""), "a1.metal 8 30 metal 16\nm5.large 4 10 nitro 2\nz9.large 2 2 xen 1\n");
    }

    #[test]
    fn a_wrong_line_is_named() {
        for (text, error) in [
            ("# head\n\nm5.large 3 10 nitro\n", "line 3: 4 fields instead of 5"),
            ("m5.large 0 10 nitro 2", "line 1: \"0\" is no number of interfaces"),
            ("m5.large 3 ten nitro 2", "line 1: \"ten\" is no number of addresses"),
            ("m5.large 3 10 kvm 2", "line 1: \"kvm\" is none of nitro, xen, metal, -"),
            ("m5.large 3 10 nitro 4294967296", "line 1: \"4294967296\" is no number of vCPUs"),
            ("m5.large 3 10 nitro 2\nm5.large 3 10 nitro 2", "line 2: m5.large is here a second time"),
            ("# nothing\n", "there is no instance type in it"),
        ] {
            let shown = Table::parse(text).unwrap_err().to_string();
            assert!(shown.starts_with(error), "{text}: {shown}");
        }
    }
}
