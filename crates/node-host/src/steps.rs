//! Scripts of the user's: each runs in a process group of its own, with an end, a log, and a stamp that says how it ended.
//!
//! A small shell around the script notes its exit code the moment it ends, and holds a lock while it runs. So a run of ours that was
//! killed meanwhile is no harm: the next one waits for the script that is still running, and takes the exit code that it left.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use hybridge_node::config::own::OnFailure;
use hybridge_node::steps::{self, DIRECTORY, Outcome, RECORD, Record, Script, Stamp, Status};
use hybridge_report::Finding;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::apply::Run;
use crate::command::without_credentials;
use crate::error::ApplyError;
use crate::host::Host;
use crate::report::{Change, Deed};

/// Most bytes of a log. What comes after them is counted and left out; the last lines are kept in memory for the error.
const LOG: usize = 64 << 10;
/// Last bytes that are kept besides.
const TAIL: usize = 4 << 10;
/// Lines of them in an error.
const LAST: usize = 10;
/// Between the polite signal and the other one.
const GRACE: Duration = Duration::from_secs(2);
/// $0: the script, $1: where its exit code goes. Its standard input is the lock, which the script does not get.
const AROUND: &str = r#""$0" </dev/null; code=$?; echo "$code" >"$1.new" && mv "$1.new" "$1"; exit "$code""#;

/// Whether a step has to run on this machine, in this boot.
///
/// # Errors
/// Its stamp cannot be read.
pub fn is_due(host: &Host, script: &Script) -> Result<bool, ApplyError> {
    Ok(steps::is_due(script, stamp(host, script)?.as_ref(), &boot(host)))
}

/// What is known of the steps that the last `init` has left; none where there was none.
///
/// # Errors
/// The record cannot be read.
pub fn recorded(host: &Host) -> Result<Option<Record>, ApplyError> {
    let text = host.text(RECORD).map_err(ApplyError::file("read", RECORD))?;
    let parsed = text.map(|text| Record::from_json(&text)).transpose();
    parsed.map_err(|source| ApplyError::State { path: RECORD.into(), source })
}

/// How these steps stand.
///
/// # Errors
/// A stamp cannot be read.
pub fn status(host: &Host, scripts: &[Script]) -> Result<Vec<Status>, ApplyError> {
    let mut stamps = BTreeMap::new();
    for script in scripts {
        stamps.extend(stamp(host, script)?.map(|stamp| (script.stem(), stamp)));
    }
    Ok(steps::status(scripts, &stamps, &boot(host)))
}

fn boot(host: &Host) -> String {
    host.line("/proc/sys/kernel/random/boot_id").unwrap_or_default()
}

fn stamp(host: &Host, script: &Script) -> Result<Option<Stamp>, ApplyError> {
    let path = format!("{}.json", script.stem());
    let text = host.text(&path).map_err(ApplyError::file("read", &path))?;
    // A stamp is written whole or not at all; one that is none of ours counts as none.
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

/// How a script ended.
struct Ended {
    result: Outcome,
    code: Option<i32>,
    last: Vec<String>,
}

impl Run<'_> {
    /// Runs a step if it is due.
    pub(crate) fn script(&mut self, script: &Script) -> Result<(), ApplyError> {
        if !is_due(self.host, script)? {
            return Ok(());
        }
        let stem = script.stem();
        let started = Instant::now();
        let lock = self.lock_step(script, &stem)?;
        let (host, code) = (self.host, format!("{stem}.code"));
        // Left by a run of ours that was killed before it could write the stamp; with one, it is what is left of the last boot.
        let known = stamp(host, script)?.is_some_and(|stamp| stamp.result == Outcome::Done);
        let ended = match left(host, &code).filter(|_| !known) {
            Some(0) => Ended { result: Outcome::Done, code: Some(0), last: Vec::new() },
            Some(_) | None => {
                let _ = fs::remove_file(host.path(&code));
                self.run_script(script, &stem, lock)?
            }
        };
        let stamp = Stamp {
            result: ended.result,
            code: ended.code,
            boot: boot(host),
            at: jiff::Timestamp::now(),
            milliseconds: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        };
        self.about_to(&format!("write {stem}.json"))?;
        self.put(&format!("{stem}.json"), &(serde_json::to_string(&stamp).expect("a stamp is plain") + "\n"), 0o600)?;
        let _ = fs::remove_file(host.path(&code));
        if ended.result == Outcome::Done {
            self.changed(Change::new(Deed::Run, format!("step {}", script.id)));
            return Ok(());
        }
        let error = failure(script, &ended);
        match script.on_failure {
            OnFailure::Stop => Err(error),
            OnFailure::Continue => {
                let fix = format!("see {stem}.log; the next run tries it again");
                self.warn(Finding::warning("apply.step", format!("step {}", script.id), error.to_string()).fix(fix));
                Ok(())
            }
        }
    }

    /// Nobody else runs this step meanwhile; one that an earlier run has left running is waited for.
    fn lock_step(&mut self, script: &Script, stem: &str) -> Result<File, ApplyError> {
        let path = format!("{stem}.lock");
        fs::create_dir_all(self.host.path(DIRECTORY)).map_err(ApplyError::file("make", DIRECTORY))?;
        let file = File::options().create(true).append(true).read(true).mode(0o600).open(self.host.path(&path));
        let file = file.map_err(ApplyError::file("write", &path))?;
        let deadline = Instant::now() + Duration::from_secs(script.timeout.into()) + GRACE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    self.waiting(&format!("step {}, which runs already", script.id));
                    thread::sleep(self.options.poll);
                }
                Err(TryLockError::WouldBlock) => return Err(ApplyError::Busy { path }),
                Err(TryLockError::Error(error)) => return Err(ApplyError::file("lock", &path)(error)),
            }
        }
    }

    fn run_script(&mut self, script: &Script, stem: &str, lock: File) -> Result<Ended, ApplyError> {
        let path = format!("{stem}.script");
        let text = script.script.reveal();
        let text = if text.starts_with("#!") { text.to_owned() } else { format!("#!/bin/sh\n{text}") };
        self.about_to(&format!("run step {}", script.id))?;
        self.put(&path, &text, 0o700)?;
        self.waiting(&format!("step {}", script.id));
        let failed = |source| ApplyError::File { doing: "run", path: path.clone(), source };
        let log = format!("{stem}.log");
        let file = File::options().create(true).write(true).truncate(true).mode(0o600).open(self.host.path(&log));
        let file = file.map_err(ApplyError::file("write", &log))?;
        let (reader, writer) = io::pipe().map_err(failed)?;
        let mut command = Command::new("/bin/sh");
        command.args(["-c", AROUND]).arg(self.host.path(&path)).arg(self.host.path(&format!("{stem}.code")));
        command.env("HYBRIDGE_STEP", &script.id).env("HYBRIDGE_PHASE", script.phase.name());
        command.stdin(Stdio::from(lock)).stdout(writer.try_clone().map_err(failed)?).stderr(writer).process_group(0);
        let mut child = command.spawn().map_err(failed)?;
        // Our own ends of pipe and lock go with it, so that the log ends with the script.
        drop(command);
        let kept = thread::spawn(move || keep(reader, file));
        let code = wait(&mut child, Duration::from_secs(script.timeout.into())).map_err(failed)?;
        let _ = fs::remove_file(self.host.path(&path));
        let last = if kept_in_time(&kept) { kept.join().unwrap_or_default() } else { Vec::new() };
        Ok(match code {
            None => Ended { result: Outcome::TimedOut, code: None, last },
            Some(Some(0)) => Ended { result: Outcome::Done, code: Some(0), last },
            Some(code) => Ended { result: Outcome::Failed, code, last },
        })
    }

    fn put(&self, path: &str, text: &str, mode: u32) -> Result<(), ApplyError> {
        let new = format!("{path}.new");
        let _ = fs::remove_file(self.host.path(&new));
        self.host.write(&new, text, mode).map_err(ApplyError::file("write", path))?;
        fs::rename(self.host.path(&new), self.host.path(path)).map_err(ApplyError::file("write", path))
    }
}

/// The exit code that a script has left.
fn left(host: &Host, code: &str) -> Option<i32> {
    host.line(code)?.parse().ok()
}

/// Waits for the script; at its end the whole group is ended. None: it did not end in time.
fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<Option<i32>>> {
    let group = Pid::from_raw(i32::try_from(child.id()).map_err(io::Error::other)?);
    if let Some(code) = within(child, limit)? {
        return Ok(Some(code));
    }
    // It may have ended by itself meanwhile.
    let _ = killpg(group, Signal::SIGTERM);
    let _ = within(child, GRACE)?;
    let _ = killpg(group, Signal::SIGKILL);
    child.wait()?;
    Ok(None)
}

fn within(child: &mut Child, limit: Duration) -> io::Result<Option<Option<i32>>> {
    let deadline = Instant::now() + limit;
    let mut pause = Duration::from_micros(500);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status.code()));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// A daemon that inherited the pipe may hold it open for ever; what it prints is not waited for.
fn kept_in_time(kept: &thread::JoinHandle<Vec<String>>) -> bool {
    let deadline = Instant::now() + Duration::from_secs(1);
    while !kept.is_finished() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(1));
    }
    kept.is_finished()
}

/// Writes what a script prints to its log, as far as it may grow, and gives its last lines. All is read, so that the script never waits.
fn keep(mut from: impl Read, mut log: File) -> Vec<String> {
    let (mut left, mut tail, mut buffer) = (LOG, Vec::new(), [0; 4096]);
    let mut lost = 0_u64;
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        let kept = count.min(left);
        // A full disk costs the log, not the step.
        let _ = log.write_all(&buffer[..kept]);
        left -= kept;
        lost += u64::try_from(count - kept).unwrap_or_default();
        tail.extend_from_slice(&buffer[..count]);
        let old = tail.len().saturating_sub(TAIL);
        tail.drain(..old);
    }
    if lost > 0 {
        let _ = writeln!(log, "\n[{lost} bytes more, of which the last:]");
        let _ = log.write_all(&tail);
    }
    let text = String::from_utf8_lossy(&tail);
    let lines: Vec<String> = text.lines().filter(|line| !line.trim().is_empty()).map(without_credentials).collect();
    lines[lines.len().saturating_sub(LAST)..].to_vec()
}

fn failure(script: &Script, ended: &Ended) -> ApplyError {
    let why = match (ended.result, ended.code) {
        (Outcome::TimedOut, _) => format!("did not end within {} s and was killed", script.timeout),
        (Outcome::Failed | Outcome::Done, Some(code)) => format!("ended with exit code {code}"),
        (Outcome::Failed | Outcome::Done, None) => "was killed".to_owned(),
    };
    ApplyError::Script { id: script.id.clone(), phase: script.phase.name(), why, log: ended.last.clone() }
}
