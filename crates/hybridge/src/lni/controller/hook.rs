//! The program that frees what the LAN keeps for an interface.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use hybridge_lni::lifecycle::Action;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::time::timeout;

/// Runs it with the action as JSON on its standard input; 0 is success. It is killed when its time is over.
pub(super) async fn run(program: &Path, action: &Action, within: Duration) -> Result<(), String> {
    let text = serde_json::to_string(action).expect("our own types have text keys only");
    let mut command = Command::new(program);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| format!("cannot be started: {error}"))?;
    let talk = async {
        if let Some(mut input) = child.stdin.take() {
            // A program that does not read its input ends as it likes.
            let _unread = input.write_all(text.as_bytes()).await;
        }
        child.wait().await
    };
    match timeout(within, talk).await {
        Err(_) => Err(format!("did not end within {} s", within.as_secs_f64())),
        Ok(Err(error)) => Err(format!("cannot be waited for: {error}")),
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(format!("ended with {status}")),
    }
}
