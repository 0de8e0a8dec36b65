//! Rules of nftables in a namespace, loaded by the program `nft`.

use std::io::{ErrorKind, Write as _};
use std::process::Stdio;

use serde_json::Value;

use crate::netns::Netns;

/// Why rules could not be loaded or read.
#[derive(Debug, thiserror::Error)]
pub enum NftError {
    /// The `nft` program is not there.
    #[error("the firewall of an EKS node needs the program nft; install it with `apt-get install nftables`")]
    NoNft(#[source] std::io::Error),
    /// It could not be talked to.
    #[error("cannot run nft in namespace `{namespace}`")]
    Run {
        /// The namespace.
        namespace: String,
        /// What happened.
        #[source]
        source: std::io::Error,
    },
    /// It refused the rules.
    #[error("nft refuses the rules for namespace `{namespace}`: {said}")]
    Refused {
        /// The namespace.
        namespace: String,
        /// Its first line.
        said: String,
    },
}

/// Loads rules, all or none.
pub fn load(ns: &Netns, rules: &str) -> Result<(), NftError> {
    nft(ns, &["-f", "-"], rules).map(drop)
}

/// Sum of what the named counters of a table have counted, in packets: `table ip NAME { counter NAME {} }`.
pub fn counted(ns: &Netns, table: &str) -> Result<u64, NftError> {
    let text = nft(ns, &["-j", "list", "counters", "table", "ip", table], "")?;
    let listed: Value = serde_json::from_str(&text)
        .map_err(|error| NftError::Refused { namespace: ns.name().into(), said: format!("what it lists is no JSON: {error}") })?;
    let counters = listed["nftables"].as_array().into_iter().flatten();
    Ok(counters.filter_map(|object| object["counter"]["packets"].as_u64()).sum())
}

/// The names of all tables, with their family: `inet hybridge_lni`.
pub fn tables(ns: &Netns) -> Result<Vec<String>, NftError> {
    let text = nft(ns, &["list", "tables"], "")?;
    Ok(text.lines().filter_map(|line| line.strip_prefix("table ")).map(str::to_owned).collect())
}

fn nft(ns: &Netns, arguments: &[&str], input: &str) -> Result<String, NftError> {
    let run = |source| NftError::Run { namespace: ns.name().into(), source };
    let no_start = |source: std::io::Error| if source.kind() == ErrorKind::NotFound { NftError::NoNft(source) } else { run(source) };
    let mut nft = ns.command("nft");
    nft.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = nft.spawn().map_err(no_start)?;
    let mut pipe = child.stdin.take().expect("its input is piped");
    // Where it ends before it has read everything, its own words tell why.
    match pipe.write_all(input.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => return Err(run(error)),
        _ => drop(pipe),
    }
    let output = child.wait_with_output().map_err(run)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or_default().to_owned();
    Err(NftError::Refused { namespace: ns.name().into(), said })
}
