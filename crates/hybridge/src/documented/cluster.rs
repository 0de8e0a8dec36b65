//! The findings of `docs/cluster.md` are those of the code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::{code, codes_of, crates, sources};

const SOURCES: [&str; 3] = ["document/src", "cluster/src", "hybridge/src/cluster"];

/// The table that holds what the other sections of the page do not.
const HEAD: &str = "## Findings\n\n| code | meaning |\n|---|---|\n";

/// What looks like a code and is a key, a host, a service, or a type of instances.
const OTHERS: [&str; 7] = ["amazonaws.com", "api.ecr", "com.amazonaws", "ecr.api", "ecr.dkr", "vpc.cidr", "vpc.id"];

fn is_code(text: &str) -> bool {
    let file = [".csv", ".json", ".md", ".sh", ".tfvars", ".yaml", ".yml"].iter().any(|ending| text.ends_with(ending));
    // Versions and types of instances (m5.large) have figures before the point.
    let figures = text.split('.').next().is_some_and(|first| first.contains(|c: char| c.is_ascii_digit()));
    !file && !figures && !OTHERS.contains(&text) && !text.starts_with("metadata.") && !text.starts_with("spec.")
}

/// Codes of the sources, and for each the sentence that comes after it there.
fn codes() -> BTreeMap<String, String> {
    let mut codes = BTreeMap::new();
    for path in sources(&SOURCES) {
        let text = fs::read_to_string(&path).unwrap();
        for found in codes_of(&text).filter(|text| is_code(text)) {
            codes.entry(found.to_owned()).or_insert_with(|| sentence(&text, found));
        }
    }
    codes
}

/// The first text with blanks in it after a code: what its finding says, nearly always. A start for whoever writes the table.
fn sentence(source: &str, code: &str) -> String {
    let after = source.split_once(&format!("\"{code}\"")).map_or("", |(_, after)| after);
    let text = after.split('"').skip(1).step_by(2).find(|text| text.contains(' ') && !text.contains('\n')).unwrap_or("what the code says");
    let mut out = String::new();
    let mut inside = false;
    for c in text.chars() {
        match c {
            '{' => {
                inside = true;
                out.push('…');
            }
            '}' => inside = false,
            '|' => out.push('/'),
            c if !inside => out.push(c),
            _ => {}
        }
    }
    out
}

/// Codes in the first column of every table whose head begins with `code`.
fn documented(page: &str) -> BTreeSet<&str> {
    let mut inside = false;
    let mut codes = BTreeSet::new();
    for line in page.lines() {
        inside = line.starts_with("| code |") || inside && line.starts_with('|');
        if inside {
            codes.extend(code(line.split('|').nth(1).unwrap_or_default()));
        }
    }
    codes
}

/// The table with a row for each code that is missing on the page, and without codes that are nowhere.
fn completed(page: &str, codes: &BTreeMap<String, String>) -> String {
    let known = documented(page);
    let (before, after) = page.split_once(HEAD).expect("the page has a table of findings");
    let (old, after) = after.split_at(after.find("\n\n").map_or(after.len(), |end| end + 1));
    let mut lines: Vec<String> = Vec::new();
    for line in old.lines() {
        let mut cells = line.splitn(3, '|').skip(1);
        let kept: Vec<String> =
            code(cells.next().unwrap_or_default()).filter(|code| codes.contains_key(*code)).map(|code| format!("`{code}`")).collect();
        if !kept.is_empty() {
            lines.push(format!("| {} |{}", kept.join(", "), cells.next().unwrap_or_default()));
        }
    }
    lines.extend(codes.iter().filter(|(code, _)| !known.contains(code.as_str())).map(|(code, what)| format!("| `{code}` | {what} |")));
    lines.sort();
    format!("{before}{HEAD}{}\n{after}", lines.join("\n"))
}

#[test]
fn every_code_of_the_cluster_stands_on_its_page_and_no_other() {
    let codes = codes();
    assert!(codes.len() > 150, "{codes:?}");
    let path = crates().join("../docs/cluster.md");
    let mut page = fs::read_to_string(&path).unwrap();
    if std::env::var_os("HYBRIDGE_WRITE_DOCS").is_some() {
        page = completed(&page, &codes);
        fs::write(&path, &page).unwrap();
    }
    let documented = documented(&page);
    let missing: Vec<&String> = codes.keys().filter(|code| !documented.contains(code.as_str())).collect();
    assert_eq!(missing, Vec::<&String>::new(), "codes that are not on the page; HYBRIDGE_WRITE_DOCS=1 adds rows for them");
    let gone: Vec<&&str> = documented.iter().filter(|code| !codes.contains_key(**code)).collect();
    assert_eq!(gone, Vec::<&&str>::new(), "codes on the page that are nowhere else");
}

#[test]
fn rows_are_added_for_new_codes_and_taken_away_with_old_ones() {
    let page = "## Findings\n\n| code | meaning |\n|---|---|\n| `a.b`, `old.one` | kept |\n| `old.two` | gone |\n\n## Next\n";
    let codes = BTreeMap::from([
        ("a.b".to_owned(), String::new()),
        ("b.new".to_owned(), sentence("error(\"b.new\", \"x\", \"{n} are | wrong\")", "b.new")),
    ]);
    let wanted = "## Findings\n\n| code | meaning |\n|---|---|\n| `a.b` | kept |\n| `b.new` | … are / wrong |\n\n## Next\n";
    assert_eq!(completed(page, &codes), wanted);
}
