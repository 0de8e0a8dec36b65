//! `/etc/hosts`: names that must be found where DNS does not know them.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

const BEGIN: &str = "# BEGIN hybridge";
const END: &str = "# END hybridge";

/// The text with these names in a block of ours, which stands where it stood before, or at the end. A name that has its address on a line
/// outside the block is left out; with nothing left to say there is no block. Lines of others stay as they are, byte for byte, but for a
/// newline after the last one if it has none. Done twice it changes nothing.
pub fn edit(text: &str, entries: &[(IpAddr, String)]) -> String {
    let (mut before, after) = without_block(text);
    let known: BTreeSet<(IpAddr, String)> = before.lines().chain(after.lines()).flat_map(names).collect();
    let mut said = known;
    let mut block = String::new();
    for (address, name) in entries {
        if said.insert((*address, name.to_ascii_lowercase())) {
            block += &format!("{address}\t{name}\n");
        }
    }
    if !block.is_empty() {
        if !before.is_empty() && !before.ends_with('\n') {
            before.push('\n');
        }
        before += &format!("{BEGIN}\n{block}{END}\n");
    }
    before + &after
}

/// What others wrote before our first block (the whole text if there is none) and after it. Further blocks, and marks that lost their
/// partner, are dropped; lines between those are taken for somebody else's.
fn without_block(text: &str) -> (String, String) {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut parts = [String::new(), String::new()];
    let (mut part, mut at) = (0, 0);
    while let Some(line) = lines.get(at) {
        at += 1;
        match line.trim_end() {
            BEGIN => {
                let mark = lines[at..].iter().position(|line| [BEGIN, END].contains(&line.trim_end()));
                if let Some(length) = mark.filter(|mark| lines[at + mark].trim_end() == END) {
                    at += length + 1;
                    part = 1;
                }
            }
            END => {}
            _ => parts[part].push_str(line),
        }
    }
    parts.into()
}

/// Address and names, in lower case, of one line.
fn names(line: &str) -> Vec<(IpAddr, String)> {
    let line = line.split('#').next().unwrap_or_default();
    let mut fields = line.split_whitespace();
    let Some(address) = fields.next().and_then(|address| address.parse().ok()) else {
        return Vec::new();
    };
    fields.map(|name| (address, name.to_ascii_lowercase())).collect()
}

/// The host in a URL, without port, user and brackets, in lower case. None if there is none.
pub fn endpoint_host(url: &str) -> Option<String> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if let Some(bracketed) = host.strip_prefix('[') {
        let (address, port) = bracketed.split_once(']')?;
        let port_follows = port.is_empty() || port.starts_with(':');
        return (port_follows && address.parse::<Ipv6Addr>().is_ok()).then(|| address.to_ascii_lowercase());
    }
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    (!host.is_empty() && !host.contains(char::is_whitespace)).then(|| host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entries(pairs: &[(&str, &str)]) -> Vec<(IpAddr, String)> {
        pairs.iter().map(|(address, name)| (address.parse().unwrap(), (*name).to_owned())).collect()
    }

    #[test]
    fn the_block_is_ours_and_the_rest_is_not() {
        let block = "# BEGIN hybridge\n10.0.0.1\tapi.example\n# END hybridge\n";
        let one: &[(&str, &str)] = &[("10.0.0.1", "api.example")];
        for (text, pairs, expected) in [
            (String::new(), one, block.to_owned()),
            ("127.0.0.1 localhost\n".to_owned(), one, format!("127.0.0.1 localhost\n{block}")),
            ("127.0.0.1 localhost".to_owned(), one, format!("127.0.0.1 localhost\n{block}")),
            (format!("a\n{block}b\r\n"), one, format!("a\n{block}b\r\n")),
            (format!("a\n{block}b"), &[("10.0.0.2", "x")], "a\n# BEGIN hybridge\n10.0.0.2\tx\n# END hybridge\nb".to_owned()),
            (format!("a\n{block}b\n"), &[], "a\nb\n".to_owned()),
            (format!("{block}a\n{block}"), one, format!("{block}a\n")),
            (format!("a\n# BEGIN hybridge\nb\n{block}c\n"), one, format!("a\nb\n{block}c\n")),
            ("a\n# END hybridge\nb\n".to_owned(), one, format!("a\nb\n{block}")),
            ("10.0.0.1 other API.example # by hand\n".to_owned(), one, "10.0.0.1 other API.example # by hand\n".to_owned()),
            ("# 10.0.0.1 api.example\n".to_owned(), one, format!("# 10.0.0.1 api.example\n{block}")),
            ("10.0.0.9 api.example\n".to_owned(), one, format!("10.0.0.9 api.example\n{block}")),
            (String::new(), &[("10.0.0.1", "api.example"), ("10.0.0.1", "API.EXAMPLE")], block.to_owned()),
            (String::new(), &[("::1", "x")], "# BEGIN hybridge\n::1\tx\n# END hybridge\n".to_owned()),
        ] {
            assert_eq!(edit(&text, &entries(pairs)), expected, "{text:?}");
        }
    }

    #[test]
    fn a_host_is_found_with_and_without_port() {
        for (url, host) in [
            ("https://ABC.gr7.us-west-2.eks.amazonaws.com", Some("abc.gr7.us-west-2.eks.amazonaws.com")),
            ("https://example.com:443", Some("example.com")),
            ("https://user:pass@example.com:6443/path?x=@y", Some("example.com")),
            ("https://[fd00::1]:443/", Some("fd00::1")),
            ("https://[fd00::1]", Some("fd00::1")),
            ("10.0.0.1:443", Some("10.0.0.1")),
            ("example.com", Some("example.com")),
            ("https://", None),
            ("https://:443", None),
            ("https://[fd00::1", None),
            ("https://[x]:1", None),
            ("https://a b", None),
            ("", None),
        ] {
            assert_eq!(endpoint_host(url).as_deref(), host, "{url}");
        }
    }

    fn line() -> impl Strategy<Value = String> {
        prop_oneof![Just(BEGIN.to_owned()), Just(END.to_owned()), "10\\.0\\.0\\.[1-3] [a-c]( # [a-z]*)?", "[ #a-z0-9.\t\r]{0,12}",]
    }

    fn text() -> impl Strategy<Value = String> {
        (prop::collection::vec(line(), 0..8), any::<bool>()).prop_map(|(lines, end)| lines.join("\n") + if end { "\n" } else { "" })
    }

    fn some_entries() -> impl Strategy<Value = Vec<(IpAddr, String)>> {
        prop::collection::vec(((1u8..4).prop_map(|last| IpAddr::from([10, 0, 0, last])), "[a-c]"), 0..4)
    }

    proptest! {
        #[test]
        fn editing_twice_is_editing_once(text in text(), entries in some_entries()) {
            let once = edit(&text, &entries);
            prop_assert_eq!(edit(&once, &entries), once);
        }

        #[test]
        fn lines_of_others_stay_in_their_order(text in text(), entries in some_entries()) {
            let others = |text: &str| {
                let (before, after) = without_block(text);
                format!("{before}\n{after}").split('\n').filter(|line| !line.is_empty()).map(str::to_owned).collect::<Vec<_>>()
            };
            prop_assert_eq!(others(&edit(&text, &entries)), others(&text));
        }

        #[test]
        fn every_name_has_its_address_once(text in text(), entries in some_entries()) {
            let edited = edit(&text, &entries);
            let (before, after) = without_block(&edited);
            let outside: Vec<_> = before.lines().chain(after.lines()).flat_map(names).collect();
            let all: Vec<_> = edited.lines().flat_map(names).collect();
            for entry in &entries {
                let found = all.iter().filter(|found| *found == entry).count();
                let foreign = outside.iter().filter(|found| *found == entry).count();
                prop_assert_eq!(found, foreign.max(1));
            }
        }
    }
}
