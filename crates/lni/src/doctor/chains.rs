//! Our tables of nftables, and in which order packets pass ours and those of others.

use hybridge_report::Finding;
use serde::{Deserialize, Serialize};

use super::View;
use crate::state::{NAT_TABLE, TABLE};
use crate::verdict::{Check, Verdict};

const TABLES: Check = Check::new("lni.nftables", "our tables of nftables are whole");
const ORDER: Check = Check::new("lni.nftables-order", "our chains come before those of the CNI and of kube-proxy");

/// All of these.
pub(super) const CHECKS: [Check; 2] = [TABLES, ORDER];

/// A chain that packets pass by themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// `ip`, `inet`, …
    pub family: String,
    /// Its table.
    pub table: String,
    /// Its name.
    pub name: String,
    /// `filter`, `nat`, `route`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `prerouting`, `postrouting`, …
    pub hook: String,
    /// Lower comes first.
    #[serde(rename = "prio")]
    pub priority: i32,
}

/// Reads what `nft -j list chains` prints. Chains without a hook are left out: only others lead to them.
///
/// # Errors
/// It is no JSON.
pub fn chains(text: &str) -> serde_json::Result<Vec<Chain>> {
    #[derive(Deserialize)]
    struct Listing {
        nftables: Vec<Object>,
    }
    #[derive(Deserialize)]
    struct Object {
        #[serde(default)]
        chain: Option<serde_json::Value>,
    }
    let listing: Listing = serde_json::from_str(text)?;
    Ok(listing.nftables.into_iter().filter_map(|object| serde_json::from_value(object.chain?).ok()).collect())
}

pub(super) fn checks(view: &View<'_>) -> Vec<Verdict> {
    vec![tables(view), order(view)]
}

/// What each part of our tables does, with words that its lines have (`nft` writes our words differently) and what fails without it.
const PARTS: [(&str, &str, &str); 5] = [
    ("lni_pre", "ct mark set", "replies are not told apart, and leave by the VPC"),
    ("lni_out", "meta mark set", "replies of the node itself leave by the VPC"),
    ("lni_in", "drop", "the LAN reaches every port of the node: no security group applies to an LNI"),
    ("lni_fwd", "drop", "a LAN host with a route reaches every pod: no security group applies to an LNI"),
    ("post", "masquerade", "what pods begin leaves with an address of the VPC"),
];

fn tables(view: &View<'_>) -> Verdict {
    let fix = "`hybridge lni apply` loads them, `hybridge lni run` keeps them";
    if view.known.ruleset.is_empty() {
        let what = format!("inet {TABLE} or ip {NAT_TABLE} is missing, or could not be listed");
        return TABLES.fail(&view.lni.name, what, format!("{fix}; listing them takes root"));
    }
    let name = format!("\"{}\"", view.lni.name);
    let broken = PARTS.iter().filter(|(chain, words, _)| {
        let lines = lines(&view.known.ruleset, chain);
        // The chain for the node's own packets names no interface.
        !lines.iter().any(|line| line.contains(words) && (*chain == "lni_out" || line.contains(&name)))
    });
    let finding = |(chain, _, why): &(&str, &str, &str)| {
        Finding::error(TABLES.code, &view.lni.name, format!("the chain {chain} does not have what it should for {name}: {why}")).fix(fix)
    };
    TABLES.of(format!("inet {TABLE}, ip {NAT_TABLE}"), broken.map(finding).collect())
}

/// The lines of a chain in a listing.
fn lines<'a>(ruleset: &'a str, chain: &str) -> Vec<&'a str> {
    let mut lines = ruleset.lines().map(str::trim).skip_while(|line| *line != format!("chain {chain} {{"));
    let _head = lines.next();
    lines.take_while(|line| *line != "}").collect()
}

/// Only the first chain of NAT that changes a connection counts, and marks must be there before others look at them.
fn order(view: &View<'_>) -> Verdict {
    let Some(chains) = &view.known.chains else { return ORDER.skip("`nft -j list chains` could not be read: that takes root") };
    let mut findings = Vec::new();
    let mut compared = 0;
    for (table, name) in [(TABLE, "lni_pre"), (NAT_TABLE, "post")] {
        let Some(ours) = chains.iter().find(|chain| chain.table == table && chain.name == name) else { continue };
        let same = |chain: &&Chain| {
            let ip = matches!(chain.family.as_str(), "ip" | "inet");
            let others = chain.table != TABLE && chain.table != NAT_TABLE;
            ip && others && chain.hook == ours.hook && chain.kind == ours.kind && (chain.kind == "nat" || sets_marks(chain))
        };
        for other in chains.iter().filter(same) {
            compared += 1;
            if other.priority <= ours.priority {
                let what = format!(
                    "{} {} {} ({}, priority {}) comes before our {name} (priority {})",
                    other.family, other.table, other.name, other.hook, other.priority, ours.priority
                );
                let fix = "give that chain a larger priority number; what it does to packets of the LNI is done before ours is asked";
                findings.push(Finding::error(ORDER.code, &view.lni.name, what).fix(fix));
            }
        }
    }
    if !chains.iter().any(|chain| chain.table == NAT_TABLE) {
        return ORDER.skip("our tables are not there");
    }
    ORDER.of(format!("{compared} chains of others at the same places come later"), findings)
}

/// Chains at the place of iptables' `mangle` (-150): where the VPC CNI restores its mark.
fn sets_marks(chain: &Chain) -> bool {
    (-200..0).contains(&chain.priority) && chain.table == "mangle"
}
