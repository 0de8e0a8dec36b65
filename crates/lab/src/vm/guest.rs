//! What can be done inside a machine, by whoever knows its folder.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::qemu::Home;
use super::{Agent, AgentError, BOOT, Output, VmError};

/// How long a command may take.
const COMMAND: Duration = Duration::from_secs(120);

/// Between two looks at a machine that boots.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a request may be without an answer while a machine restarts: one that it had taken before is never answered.
const REQUEST: Duration = Duration::from_secs(10);

/// Lines of the console that an error shows.
const LINES: usize = 15;

/// The inside of a machine that runs.
#[derive(Clone, Debug)]
pub struct Guest {
    name: String,
    agent: Agent,
    home: Home,
}

impl Guest {
    /// The machine of this name whose files are in `directory`, as [`Guest::directory`] says it.
    pub fn at(name: &str, directory: PathBuf) -> Self {
        let home = Home(directory);
        Self { name: name.into(), agent: Agent::new(home.agent()), home }
    }

    /// Its host name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its folder on the host: `console.log`, `qemu.log`, `agent.sock`.
    pub fn directory(&self) -> &Path {
        &self.home.0
    }

    /// What it has written to its console until now.
    pub fn console(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.home.console()).unwrap_or_default()).into_owned()
    }

    /// Runs a program of the machine to its end.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Result<Output, VmError> {
        self.run_with_input(program, arguments, b"")
    }

    /// Runs a program of the machine that reads this on its standard input.
    pub fn run_with_input(&self, program: &str, arguments: &[&str], input: &[u8]) -> Result<Output, VmError> {
        self.run_within(COMMAND, program, arguments, input)
    }

    /// As [`Guest::run_with_input`], for what takes longer than two minutes.
    pub fn run_within(&self, patience: Duration, program: &str, arguments: &[&str], input: &[u8]) -> Result<Output, VmError> {
        self.agent.run(program, arguments, input, patience).map_err(|error| self.failed(&format!("run {program}"), error))
    }

    /// Runs a shell script that has to succeed, and returns what it wrote to its standard output.
    pub fn sh(&self, script: &str) -> Result<String, VmError> {
        let output = self.run("/bin/sh", &["-c", script])?;
        if output.code == 0 {
            return Ok(output.stdout);
        }
        Err(VmError::Script { name: self.name.clone(), script: script.into(), output })
    }

    /// Writes a file with these permissions, as 0o644, and makes the folders that it lies in.
    pub fn write(&self, path: &str, content: &[u8], mode: u32) -> Result<(), VmError> {
        if let Some(folder) = Path::new(path).parent().and_then(Path::to_str) {
            self.sh(&format!("mkdir -p '{folder}'"))?;
        }
        self.agent.write(path, content, COMMAND).map_err(|error| self.failed(&format!("write {path}"), error))?;
        self.sh(&format!("chmod {mode:o} '{path}'")).map(drop)
    }

    /// Reads a file.
    pub fn read(&self, path: &str) -> Result<Vec<u8>, VmError> {
        self.agent.read(path, COMMAND).map_err(|error| self.failed(&format!("read {path}"), error))
    }

    /// Copies a file of the host with its permissions. Large ones come quicker through a shared folder.
    pub fn copy_in(&self, from: &Path, to: &str) -> Result<(), VmError> {
        let failed = |source| VmError::File { path: from.into(), source };
        let mode = fs::metadata(from).map_err(failed)?.permissions().mode() & 0o7777;
        self.write(to, &fs::read(from).map_err(failed)?, mode)
    }

    /// Waits until systemd has started everything. Units that failed are an error that shows their last words.
    pub fn wait_running(&self, patience: Duration) -> Result<(), VmError> {
        let start = Instant::now();
        loop {
            let state = self.run("systemctl", &["is-system-running"])?.stdout;
            let (state, late) = (state.trim(), start.elapsed() > patience);
            let why = match state {
                "running" => return Ok(()),
                "degraded" => {
                    "for unit in $(systemctl --failed --plain --no-legend | cut -d ' ' -f 1); do \
                     systemctl status --no-pager --full --lines 5 $unit; done; true"
                }
                _ if late => "systemctl list-jobs --no-pager",
                _ => {
                    thread::sleep(PAUSE);
                    continue;
                }
            };
            let (name, state, after) = (self.name.clone(), state.to_owned(), start.elapsed());
            return Err(VmError::NotRunning { name, state, after, why: self.sh(why)? });
        }
    }

    /// Shuts it down in order, and waits until its agent answers again, with another boot of the same disk.
    pub fn reboot(&self) -> Result<(), VmError> {
        let before = self.boot_id()?;
        self.sh("systemctl reboot --no-block")?;
        let start = Instant::now();
        loop {
            // It may end at any time between two words of the agent, and that starts at some time later.
            if self.boot_id_within(REQUEST).is_ok_and(|id| id != before) {
                return Ok(());
            }
            if start.elapsed() > BOOT {
                return Err(VmError::NoReboot { name: self.name.clone(), after: BOOT, console: self.last_lines() });
            }
            thread::sleep(PAUSE);
        }
    }

    /// Which boot it is: another one after each.
    pub fn boot_id(&self) -> Result<String, VmError> {
        self.boot_id_within(BOOT)
    }

    fn boot_id_within(&self, patience: Duration) -> Result<String, VmError> {
        let id = self.agent.read("/proc/sys/kernel/random/boot_id", patience);
        let id = id.map_err(|error| self.failed("read which boot it is", error))?;
        Ok(String::from_utf8_lossy(&id).trim().to_owned())
    }

    fn failed(&self, what: &str, source: AgentError) -> VmError {
        VmError::Agent { name: self.name.clone(), what: what.into(), source, console: self.last_lines() }
    }

    fn last_lines(&self) -> String {
        let text = self.console();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }
}
