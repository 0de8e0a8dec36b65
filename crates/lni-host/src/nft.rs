//! Our tables of nftables, by `nft`.

use std::process::Stdio;

use hybridge_lni::nft::delete;
use hybridge_lni::state::{NAT_TABLE, TABLE};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::error::HostError;

/// `nft` with the folders of root on the path: units and shells of users may lack them.
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin:/usr/bin:/bin")).kill_on_drop(true);
    command
}

/// Replaces our tables by this text, in one transaction.
pub(crate) async fn load(text: &str) -> Result<(), HostError> {
    run(&["-f", "-"], text).await.map(drop)
}

/// Removes our tables.
pub(crate) async fn remove() -> Result<(), HostError> {
    load(&delete()).await
}

/// Our tables as `nft` lists them, without counters; `None` where one is missing.
///
/// One call a table: nft 1.0.6 does not find the first of two that one call lists.
pub(crate) async fn listing() -> Result<Option<String>, HostError> {
    let mut text = String::new();
    for (family, table) in [("inet", TABLE), ("ip", NAT_TABLE)] {
        match run(&["-s", "list", "table", family, table], "").await {
            Ok(listed) => text.push_str(&listed),
            Err(HostError::Nft { said, .. }) if said.contains("No such file or directory") && !said.starts_with("cannot") => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Some(text))
}

async fn run(arguments: &[&str], text: &str) -> Result<String, HostError> {
    let failed = |said: String| HostError::Nft { command: format!("nft {}", arguments.join(" ")), said };
    let unstarted = |error: std::io::Error| failed(format!("cannot be started: {error}"));
    let mut child =
        command("nft").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(unstarted)?;
    let mut input = child.stdin.take().expect("it was asked for");
    // A program that ends early says why on its standard error.
    let _early = input.write_all(text.as_bytes()).await;
    drop(input);
    let output = child.wait_with_output().await.map_err(unstarted)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(failed(said.lines().take(3).collect::<Vec<_>>().join("; ")));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
