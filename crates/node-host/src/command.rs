//! Other programs: called with a time limit, and shown without what must stay hidden.

use std::fmt;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use hybridge_node::secret::Secret;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// How long a program may take that only looks something up. A disk that is read for the first time from a snapshot, or a machine
/// that has just started a node, takes ten seconds for 80 MB of kubelet.
pub const QUESTION: Duration = Duration::from_secs(60);
/// How long a program may take that changes something: copying images to a disk is the slowest of them.
pub const CHANGE: Duration = Duration::from_secs(300);

/// One call of a program.
#[derive(Clone, PartialEq)]
pub struct Call {
    /// Name, looked up on `PATH`, or path.
    pub program: String,
    /// Arguments.
    pub args: Vec<String>,
    /// Variables of the environment besides our own; their values are not shown.
    pub env: Vec<(String, String)>,
    /// After this the program and its children are killed.
    pub limit: Duration,
    /// Texts among the arguments, and in what the program prints, that must not be shown.
    pub hidden: Vec<String>,
}

impl Call {
    /// Something that is looked up.
    pub fn question<const N: usize>(program: &str, args: [&str; N]) -> Self {
        Self { program: program.into(), args: args.map(String::from).into(), env: Vec::new(), limit: QUESTION, hidden: Vec::new() }
    }

    /// Something that is done.
    pub fn change<const N: usize>(program: &str, args: [&str; N]) -> Self {
        Self { limit: CHANGE, ..Self::question(program, args) }
    }

    /// The same with more arguments.
    pub fn and<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// `text` without what must not be shown: the hidden texts, and user and password in front of a host.
    pub fn scrub(&self, text: &str) -> String {
        let text =
            self.hidden.iter().filter(|word| !word.is_empty()).fold(text.to_owned(), |text, word| text.replace(word, Secret::HIDDEN));
        without_credentials(&text)
    }
}

/// The command line, without what must stay hidden.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.program)?;
        self.args.iter().try_for_each(|arg| write!(f, " {}", self.scrub(arg)))
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

/// `http://user:password@proxy` becomes `http://(hidden)@proxy`, wherever it stands.
pub fn without_credentials(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after.find(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'')).unwrap_or(after.len());
        match after[..end].rfind('@') {
            Some(sign) => {
                out.push_str(Secret::HIDDEN);
                rest = &after[sign..];
            }
            None => rest = after,
        }
    }
    out.push_str(rest);
    out
}

/// What a program left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Output {
    /// Whether the program says that all went well.
    pub fn good(&self) -> bool {
        self.code == Some(0)
    }

    /// Its last words: the end of standard error, or of standard output if it said nothing there.
    pub fn last_words(&self) -> String {
        let text = if self.stderr.trim().is_empty() { &self.stdout } else { &self.stderr };
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        lines[lines.len().saturating_sub(5)..].join("; ")
    }
}

/// A program that could not be run to its end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It is not installed.
    #[error("{0} is not installed, or not on PATH")]
    NotFound(String),
    /// It could not be started.
    #[error("{program} cannot be started")]
    Start {
        /// Which.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It took too long and was killed.
    #[error("`{call}` did not end within {} s and was killed", limit.as_secs_f32())]
    TooLong {
        /// Command line.
        call: String,
        /// What it was given.
        limit: Duration,
    },
}

/// Who runs programs: the machine, or a recorder in tests.
pub trait Runner: Send + Sync {
    /// Runs a program to its end.
    ///
    /// # Errors
    ///
    /// Where it could not be started or took too long; an exit code other than 0 is no error here.
    fn run(&self, call: &Call) -> Result<Output, RunError>;
}

/// Runs programs on this machine, in English, without input, in a process group of their own.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Runner for System {
    fn run(&self, call: &Call) -> Result<Output, RunError> {
        let mut child = Command::new(&call.program)
            .args(&call.args)
            .envs(call.env.iter().map(|(key, value)| (key, value)))
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|source| match source {
                source if source.kind() == io::ErrorKind::NotFound => RunError::NotFound(call.program.clone()),
                source => RunError::Start { program: call.program.clone(), source },
            })?;
        let (stdout, stderr) = (drain(child.stdout.take()), drain(child.stderr.take()));
        let started = Instant::now();
        let Some(status) =
            wait(&mut child, started + call.limit).map_err(|source| RunError::Start { program: call.program.clone(), source })?
        else {
            return Err(RunError::TooLong { call: call.to_string(), limit: call.limit });
        };
        Ok(Output { code: status.code(), stdout: rest(&stdout), stderr: rest(&stderr) })
    }
}

/// Waits until the child ends; kills its group at the deadline.
fn wait(child: &mut Child, deadline: Instant) -> io::Result<Option<ExitStatus>> {
    let mut pause = Duration::from_micros(500);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            let group = i32::try_from(child.id()).map_err(io::Error::other)?;
            // It may have ended by itself meanwhile.
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What came before a read error is still what the program said.
            let _ = pipe.read_to_end(&mut bytes);
        }
        let _ = tell.send(bytes);
    });
    told
}

/// What was printed. A daemon that inherited the pipe may hold it open for ever; what it prints is not waited for.
fn rest(told: &Receiver<Vec<u8>>) -> String {
    let bytes = told.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_is_shown_nowhere() {
        let call = Call { hidden: vec!["c0de".into()], ..Call::change("agent", ["-code", "c0de", "-proxy", "http://u:p@w@proxy:3128/x"]) };
        assert_eq!(call.to_string(), "agent -code (hidden) -proxy http://(hidden)@proxy:3128/x");
        assert_eq!(format!("{call:?}"), "\"agent -code (hidden) -proxy http://(hidden)@proxy:3128/x\"");
        assert_eq!(call.scrub("bad code c0de at https://a/@b"), "bad code (hidden) at https://a/@b");
    }

    #[test]
    fn a_program_is_run_and_its_exit_code_told() {
        let output = System.run(&Call::question("sh", ["-c", "echo out; echo err >&2; exit 3"])).unwrap();
        assert_eq!((output.code, output.stdout.as_str(), output.stderr.as_str()), (Some(3), "out\n", "err\n"));
        assert_eq!(output.last_words(), "err");
        let missing = System.run(&Call::question("no-such-program-here", [])).unwrap_err();
        assert_eq!(missing.to_string(), "no-such-program-here is not installed, or not on PATH");
    }

    #[test]
    fn a_program_that_hangs_is_killed_with_its_children() {
        let started = Instant::now();
        let call = Call { limit: Duration::from_millis(100), ..Call::question("sh", ["-c", "sleep 60 & sleep 60"]) };
        assert_eq!(System.run(&call).unwrap_err().to_string(), "`sh -c sleep 60 & sleep 60` did not end within 0.1 s and was killed");
        assert!(started.elapsed() < Duration::from_secs(10));
    }
}
