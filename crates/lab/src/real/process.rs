//! A server of others as a process inside a namespace.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::RealError;
use crate::netns::Netns;

/// On two cores, each busy with another test, kube-apiserver needs 10 s.
const PATIENCE: Duration = Duration::from_secs(90);

/// Between two looks at a server that is starting.
const PAUSE: Duration = Duration::from_millis(20);

/// Lines of a log that an error shows.
const LINES: usize = 15;

/// A running server. Dropping kills it.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts the command, which comes from [`Netns::command`], with all output in `DIRECTORY/NAME.log`.
    pub(crate) fn start(mut command: Command, name: &str, directory: &Path) -> Result<Self, RealError> {
        let log = directory.join(format!("{name}.log"));
        let file = create(&log)?;
        let copy = file.try_clone().map_err(|source| RealError::File { path: log.clone(), source })?;
        let started = command.stdin(Stdio::null()).stdout(copy).stderr(file).spawn();
        let child = started.map_err(|source| RealError::Start { program: command.get_program().into(), source })?;
        Ok(Self { name: name.into(), child, log })
    }

    /// Its number, as this process sees it.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `ready` says so, which is asked again and again. Fails as soon as the process has ended.
    pub(crate) fn wait_until(&mut self, mut ready: impl FnMut() -> bool) -> Result<(), RealError> {
        let start = Instant::now();
        while !ready() {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return Err(RealError::Ended { program: self.name.clone(), log: self.last_lines() });
            }
            if start.elapsed() > PATIENCE {
                return Err(RealError::Late { program: self.name.clone(), after: PATIENCE, log: self.last_lines() });
            }
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Waits until something listens at an address of the namespace.
    pub(super) fn wait_for_port(&mut self, ns: &Netns, address: SocketAddr) -> Result<(), RealError> {
        self.wait_until(|| ns.run(|| TcpStream::connect_timeout(&address, PAUSE).is_ok()))
    }

    /// Kills it and waits for its end.
    pub(crate) fn kill(&mut self) {
        // Both fail only if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn last_lines(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs a program to its end and returns what it wrote; `what` says what for.
pub(crate) fn run(what: &'static str, command: &mut Command) -> Result<String, RealError> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|source| RealError::Start { program: command.get_program().into(), source })?;
    if !output.status.success() {
        return Err(RealError::Failed { what, said: String::from_utf8_lossy(&output.stderr).trim().to_owned() });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Creates a file of a server.
fn create(path: &Path) -> Result<File, RealError> {
    File::create(path).map_err(|source| RealError::File { path: path.into(), source })
}

/// Writes a file of a server.
pub(crate) fn write(path: &Path, content: &str) -> Result<(), RealError> {
    fs::write(path, content).map_err(|source| RealError::File { path: path.into(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, directory: &Path) -> Process {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Process::start(command, "server", directory).unwrap()
    }

    #[test]
    fn a_server_that_ends_early_fails_with_its_last_words() {
        let directory = tempfile::tempdir().unwrap();
        let error = shell("echo starting; echo no disk >&2; exit 1", directory.path()).wait_until(|| false).unwrap_err();
        assert_eq!(error.to_string(), "server ended while it was waited for; its log ends:\nstarting\nno disk");
    }

    #[test]
    fn dropping_kills() {
        let directory = tempfile::tempdir().unwrap();
        let process = shell("sleep 1000", directory.path());
        let proc = PathBuf::from(format!("/proc/{}", process.child.id()));
        assert!(proc.exists());
        drop(process);
        assert!(!proc.exists());
    }
}
