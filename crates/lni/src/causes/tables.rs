//! What of our tables of nftables is there, read from what `nft list ruleset` says.

use crate::resolve::Lni;
use crate::state::{NAT_TABLE, TABLE};

/// Parts of our tables, each of which can be missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tables {
    /// What comes in by the LNI is marked, and replies get the mark back, in prerouting and in output.
    pub(super) marks: bool,
    /// What leaves by the LNI has its address.
    pub(super) masquerade: bool,
}

impl Tables {
    /// Reads the text of `nft list ruleset`. Tables of others count for nothing.
    pub(super) fn read(text: &str, lni: &Lni) -> Self {
        let name = format!("\"{}\"", lni.name);
        let (marking, nat) = (table(text, &format!("inet {TABLE}")), table(text, &format!("ip {NAT_TABLE}")));
        let sets = |what: &str| marking.iter().filter(|line| line.contains(what)).count();
        let begins = marking.iter().any(|line| line.contains(&name) && line.contains("ct mark set "));
        Self {
            marks: begins && sets("meta mark set ") >= 2,
            masquerade: nat.iter().any(|line| line.contains(&name) && line.contains("masquerade")),
        }
    }
}

/// The lines of a table.
fn table<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let mut lines = text.lines().skip_while(|line| *line != format!("table {name} {{"));
    let _head = lines.next();
    lines.take_while(|line| *line != "}").collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causes::tests::lni;

    #[test]
    fn each_part_is_seen() {
        let lni = lni();
        // As nft lists it: without the lines that add and delete.
        let listed = crate::nft::ruleset(&lni);
        let without = |words: &str| listed.lines().filter(|line| !line.contains(words)).map(|line| format!("{line}\n")).collect::<String>();
        let others = listed.replace("hybridge_lni", "somebody");
        for (text, marks, masquerade) in [
            (listed.clone(), true, true),
            (without("ct mark set"), false, true),
            (without("meta mark set"), false, true),
            (without("masquerade"), true, false),
            (listed.replace("\"eth1\"", "\"eth7\""), false, false),
            (others, false, false),
            (String::new(), false, false),
        ] {
            assert_eq!(Tables::read(&text, &lni), Tables { marks, masquerade }, "{text}");
        }
    }
}
