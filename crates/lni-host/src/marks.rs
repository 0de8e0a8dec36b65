//! Which bits of packet marks live rules use, from what `nft list ruleset` and `iptables-save` print.
//!
//! Both are read line by line: the rules of a large cluster are megabytes.

use std::collections::BTreeMap;
use std::process::Stdio;

use hybridge_lni::state::{NAT_TABLE, TABLE};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::nft::command;

/// Bits in use → who uses them (`ip nat KUBE-SERVICES`), or why it cannot be told.
pub(crate) async fn in_use() -> Result<BTreeMap<String, u32>, String> {
    let (nft, iptables) = tokio::join!(
        read("nft", &["-s", "list", "ruleset"], Reader { words: nft_bits, ..Reader::new() }),
        read("iptables-save", &[], Reader { words: iptables_bits, ..Reader::new() }),
    );
    let mut marks = nft?;
    // Many machines have no iptables; where its rules are nftables in truth, both say the same.
    for (who, bits) in iptables.unwrap_or_default() {
        *marks.entry(who).or_default() |= bits;
    }
    Ok(marks)
}

async fn read(program: &str, arguments: &[&str], mut reader: Reader) -> Result<BTreeMap<String, u32>, String> {
    let failed = |error: std::io::Error| format!("`{program}`: {error}");
    let mut child = command(program).args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().map_err(failed)?;
    let mut lines = BufReader::new(child.stdout.take().expect("it was asked for")).lines();
    while let Some(line) = lines.next_line().await.map_err(failed)? {
        reader.line(&line);
    }
    match child.wait().await {
        Ok(status) if status.success() => Ok(reader.marks),
        Ok(status) => Err(format!("`{program}`: {status}")),
        Err(error) => Err(failed(error)),
    }
}

/// Takes the lines of one program.
struct Reader {
    words: fn(&str) -> u32,
    /// `ip nat`.
    table: String,
    chain: String,
    marks: BTreeMap<String, u32>,
}

impl Reader {
    fn new() -> Self {
        Self { words: nft_bits, table: String::new(), chain: String::new(), marks: BTreeMap::new() }
    }

    fn line(&mut self, line: &str) {
        let line = line.trim();
        let words: Vec<&str> = line.split_whitespace().take(4).collect();
        match words.as_slice() {
            ["table", family, name, ..] => self.table = format!("{family} {name}"),
            ["chain", name, ..] => self.chain = (*name).to_owned(),
            [table] if table.starts_with('*') => self.table = format!("ip {}", &table[1..]),
            ["-A", chain, ..] => self.chain = (*chain).to_owned(),
            _ => {}
        }
        let ours = self.table.ends_with(&format!(" {TABLE}")) || self.table.ends_with(&format!(" {NAT_TABLE}"));
        let bits = (self.words)(line);
        if bits != 0 && !ours {
            *self.marks.entry(format!("{} {}", self.table, self.chain)).or_default() |= bits;
        }
    }
}

/// Numbers behind `mark` in a rule of nftables.
fn nft_bits(line: &str) -> u32 {
    let mut bits = 0;
    let mut near = false;
    for word in line.split_whitespace() {
        let word = word.trim_matches(|letter| matches!(letter, '{' | '}' | ',' | '(' | ')'));
        near = match word {
            "mark" => true,
            "set" | "&" | "|" | "^" | "and" | "or" | "xor" | "==" | "!=" | "!" | "ct" | "meta" | "" => near,
            number => match (near, self::number(number)) {
                (true, Some(value)) => {
                    bits |= concerned(value);
                    true
                }
                (_, _) => false,
            },
        };
    }
    bits
}

/// Numbers of the options about marks in a rule of iptables.
fn iptables_bits(line: &str) -> u32 {
    const OPTIONS: [&str; 9] =
        ["--mark", "--set-mark", "--set-xmark", "--or-mark", "--and-mark", "--xor-mark", "--nfmask", "--ctmask", "--mask"];
    let words: Vec<&str> = line.split_whitespace().collect();
    let value = |pair: &[&str]| {
        let [option, value] = pair else { return None };
        if !OPTIONS.contains(option) {
            return None;
        }
        match value.split_once('/') {
            Some((_, mask)) if number(mask)? != u32::MAX => number(mask),
            Some((value, _)) => number(value),
            None => number(value),
        }
    };
    words.windows(2).filter_map(value).map(concerned).fold(0, |bits, value| bits | value)
}

/// A mask that keeps most bits is there for the few that it takes away.
fn concerned(value: u32) -> u32 {
    if value.count_ones() > 16 { !value } else { value }
}

fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(words: fn(&str) -> u32, text: &str) -> Vec<(String, u32)> {
        let mut reader = Reader { words, ..Reader::new() };
        text.lines().for_each(|line| reader.line(line));
        reader.marks.into_iter().collect()
    }

    #[test]
    fn rules_of_nftables() {
        let text = "table ip nat {
            chain KUBE-MARK-MASQ {
                counter packets 0 bytes 0 meta mark set mark or 0x4000
            }
            chain KUBE-POSTROUTING {
                meta mark & 0x00004000 != 0x00004000 counter packets 9 bytes 540 return
                meta mark set meta mark & 0xffffbfff
                fully-random masquerade
            }
        }
        table inet hybridge_lni {
            chain lni_pre {
                iifname \"eth1\" ct direction original ct mark set ct mark | 0x00002000
            }
        }
        table inet other {
            chain pre {
                tcp dport 80 ct mark { 0x1, 0x200 } accept
                tcp dport 4096 accept
            }
        }";
        let expected = [("inet other pre", 0x201), ("ip nat KUBE-MARK-MASQ", 0x4000), ("ip nat KUBE-POSTROUTING", 0x4000)];
        assert_eq!(told(nft_bits, text), expected.map(|(who, bits)| (who.to_owned(), bits)));
    }

    #[test]
    fn rules_of_iptables() {
        let text = "*mangle
:PREROUTING ACCEPT [0:0]
-A PREROUTING -i eth0 -m comment --comment \"AWS, primary ENI\" -m addrtype --dst-type LOCAL -j CONNMARK --set-xmark 0x80/0x80
-A PREROUTING -i eni+ -j CONNMARK --restore-mark --nfmask 0x80 --ctmask 0x80
COMMIT
*nat
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A OTHER -j MARK --set-xmark 0x10/0xffffffff
COMMIT";
        let expected = [
            ("ip mangle PREROUTING", 0x80),
            ("ip nat KUBE-MARK-MASQ", 0x4000),
            ("ip nat KUBE-POSTROUTING", 0x4000),
            ("ip nat OTHER", 0x10),
        ];
        assert_eq!(told(iptables_bits, text), expected.map(|(who, bits)| (who.to_owned(), bits)));
    }
}
