//! Commands inside a machine, by QEMU's guest agent: lines of JSON over a serial port, no network and no keys
//! (<https://qemu-project.gitlab.io/qemu/interop/qemu-ga-ref.html>).
//!
//! The port serves one client at a time, so each request has a connection of its own, and several programs can take turns.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

/// How long one attempt waits for a word of the agent. A connection made while the machine boots may be forgotten by it.
const ATTEMPT: Duration = Duration::from_secs(3);

/// Between two looks at a command that runs: the first, then twice as long each time up to the last.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(160));

/// Bytes of a file in one request. The agent parses them under emulation, and holds several copies.
const CHUNK: usize = 512 * 1024;

/// In front of the answer to `guest-sync-delimited`, and of nothing else: no UTF-8 has this byte.
const SENTINEL: u8 = 0xff;

/// What a command wrote, and how it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Standard output, at most 16 MiB.
    pub stdout: String,
    /// Standard error, at most 16 MiB.
    pub stderr: String,
    /// Exit code; 128 + n after signal n, as shells say it.
    pub code: i32,
}

/// Why the agent did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// No connection, or one that ended.
    #[error("cannot talk to its agent")]
    Io(#[from] io::Error),
    /// It does not run, or is busy.
    #[error("its agent said nothing for {} s", after.as_secs())]
    Silent {
        /// How long it was waited for.
        after: Duration,
    },
    /// It refused.
    #[error("its agent refused {request}: {said}")]
    Refused {
        /// The command of the protocol.
        request: &'static str,
        /// Its reason.
        said: String,
    },
    /// An answer of another form than documented.
    #[error("the agent's answer to {request} is not understood: {answer}")]
    NotUnderstood {
        /// The command of the protocol.
        request: &'static str,
        /// The answer.
        answer: String,
    },
    /// A command that did not end in time. It goes on.
    #[error("`{command}` did not end within {} s", after.as_secs())]
    Endless {
        /// The command.
        command: String,
        /// How long it was waited for.
        after: Duration,
    },
}

/// The agent of one machine.
#[derive(Clone, Debug)]
pub struct Agent(PathBuf);

impl Agent {
    /// The agent behind a socket of QEMU.
    pub fn new(socket: PathBuf) -> Self {
        Self(socket)
    }

    /// Runs a program with the input, and waits until it ends.
    pub fn run(&self, program: &str, arguments: &[&str], input: &[u8], patience: Duration) -> Result<Output, AgentError> {
        let start = Instant::now();
        let mut wanted = json!({"path": program, "arg": arguments, "capture-output": true});
        if !input.is_empty() {
            wanted["input-data"] = BASE64.encode(input).into();
        }
        let started = self.ask("guest-exec", &wanted, patience)?;
        let pid = started["pid"].as_i64().ok_or_else(|| not_understood("guest-exec", &started))?;
        let mut pause = PAUSES.0;
        loop {
            let status = self.ask("guest-exec-status", &json!({"pid": pid}), patience)?;
            if status["exited"] == true {
                return output(&status);
            }
            if start.elapsed() > patience {
                let command = [program].iter().chain(arguments).copied().collect::<Vec<_>>().join(" ");
                return Err(AgentError::Endless { command, after: patience });
            }
            thread::sleep(pause);
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Writes a whole file; who may read it is what the agent's umask says.
    pub fn write(&self, path: &str, content: &[u8], patience: Duration) -> Result<(), AgentError> {
        let handle = self.ask("guest-file-open", &json!({"path": path, "mode": "w"}), patience)?;
        let written = content.chunks(CHUNK).try_for_each(|chunk| {
            let wanted = json!({"handle": handle, "buf-b64": BASE64.encode(chunk)});
            let answer = self.ask("guest-file-write", &wanted, patience)?;
            if answer["count"] == chunk.len() { Ok(()) } else { Err(not_understood("guest-file-write", &answer)) }
        });
        self.ask("guest-file-close", &json!({"handle": handle}), patience)?;
        written
    }

    /// Reads a whole file.
    pub fn read(&self, path: &str, patience: Duration) -> Result<Vec<u8>, AgentError> {
        let handle = self.ask("guest-file-open", &json!({"path": path, "mode": "r"}), patience)?;
        let content = self.read_open(&handle, patience);
        self.ask("guest-file-close", &json!({"handle": handle}), patience)?;
        content
    }

    fn read_open(&self, handle: &Value, patience: Duration) -> Result<Vec<u8>, AgentError> {
        let mut content = Vec::new();
        loop {
            let answer = self.ask("guest-file-read", &json!({"handle": handle, "count": CHUNK}), patience)?;
            let bytes = decode("guest-file-read", &answer, "buf-b64")?;
            content.extend_from_slice(&bytes);
            if answer["eof"] == true || bytes.is_empty() {
                return Ok(content);
            }
        }
    }

    /// Makes one request, once the agent is there.
    fn ask(&self, request: &'static str, arguments: &Value, patience: Duration) -> Result<Value, AgentError> {
        let (mut stream, mut reader) = self.connect(patience)?;
        stream.set_read_timeout(Some(patience)).map_err(AgentError::Io)?;
        writeln!(stream, "{}", json!({"execute": request, "arguments": arguments}))?;
        let mut line = String::new();
        match reader.read_line(&mut line) {
            Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            Ok(_) => {}
            Err(error) if is_timeout(&error) => return Err(AgentError::Silent { after: patience }),
            Err(error) => return Err(error.into()),
        }
        let mut answer: Value = serde_json::from_str(&line).map_err(|_| not_understood(request, &Value::String(line)))?;
        if let Some(said) = answer.pointer("/error/desc").and_then(Value::as_str) {
            return Err(AgentError::Refused { request, said: said.into() });
        }
        Ok(answer["return"].take())
    }

    /// A connection over which the agent has answered.
    fn connect(&self, patience: Duration) -> Result<(UnixStream, BufReader<UnixStream>), AgentError> {
        let start = Instant::now();
        loop {
            let stream = UnixStream::connect(&self.0)?;
            let mut reader = BufReader::new(stream.try_clone()?);
            match synchronise(&stream, &mut reader, ATTEMPT.min(patience)) {
                Ok(()) => return Ok((stream, reader)),
                Err(error) if !is_timeout(&error) => return Err(error.into()),
                Err(_) if start.elapsed() > patience => return Err(AgentError::Silent { after: patience }),
                Err(_) => {}
            }
        }
    }
}

/// Makes the agent forget half requests, and reads past the answers to those of others.
fn synchronise(mut stream: &UnixStream, reader: &mut BufReader<UnixStream>, patience: Duration) -> io::Result<()> {
    let number: u32 = rand::random();
    stream.set_read_timeout(Some(patience))?;
    let mut request = vec![SENTINEL];
    request.extend(json!({"execute": "guest-sync-delimited", "arguments": {"id": number}}).to_string().bytes());
    request.push(b'\n');
    stream.write_all(&request)?;
    loop {
        let (mut skipped, mut line) = (Vec::new(), String::new());
        if reader.read_until(SENTINEL, &mut skipped)? == 0 || reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if serde_json::from_str::<Value>(&line).is_ok_and(|answer| answer["return"] == number) {
            return Ok(());
        }
    }
}

/// What a socket with a time limit says when the time is over.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn output(status: &Value) -> Result<Output, AgentError> {
    let text = |key: &str| match status.get(key) {
        None => Ok(String::new()),
        Some(_) => decode("guest-exec-status", status, key).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
    };
    let number = |key: &str| status[key].as_i64().and_then(|number| i32::try_from(number).ok());
    let code = number("exitcode").or_else(|| number("signal").map(|signal| 128 + signal));
    let code = code.ok_or_else(|| not_understood("guest-exec-status", status))?;
    Ok(Output { stdout: text("out-data")?, stderr: text("err-data")?, code })
}

fn decode(request: &'static str, answer: &Value, key: &str) -> Result<Vec<u8>, AgentError> {
    let bytes = answer[key].as_str().and_then(|text| BASE64.decode(text).ok());
    bytes.ok_or_else(|| not_understood(request, answer))
}

fn not_understood(request: &'static str, answer: &Value) -> AgentError {
    AgentError::NotUnderstood { request, answer: answer.to_string() }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    /// An agent that answers each connection with the next of these, after an answer that somebody else has left behind.
    fn agent(answers: &'static [&'static str]) -> (tempfile::TempDir, Agent) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.sock");
        let listener = UnixListener::bind(&path).unwrap();
        thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut line = Vec::new();
                reader.read_until(b'\n', &mut line).unwrap();
                assert_eq!(line.remove(0), SENTINEL);
                let id = serde_json::from_slice::<Value>(&line).unwrap()["arguments"]["id"].clone();
                stream.write_all(b"{\"return\": \"of another\"}\n\xff{\"return\": 0.5}\n\xff").unwrap();
                writeln!(stream, "{}", json!({"return": id})).unwrap();
                reader.read_until(b'\n', &mut line).unwrap();
                writeln!(stream, "{answer}").unwrap();
            }
        });
        (folder, Agent::new(path))
    }

    const SOON: Duration = Duration::from_secs(5);

    #[test]
    fn a_command_is_waited_for_and_its_output_decoded() {
        let (_folder, agent) = agent(&[
            r#"{"return": {"pid": 7}}"#,
            r#"{"return": {"exited": false}}"#,
            r#"{"return": {"exited": true, "exitcode": 3, "out-data": "b3V0", "err-data": "ZXJy"}}"#,
        ]);
        let output = agent.run("sh", &[], b"in", SOON).unwrap();
        assert_eq!(output, Output { stdout: "out".into(), stderr: "err".into(), code: 3 });
    }

    #[test]
    fn the_end_by_a_signal_is_a_code_as_in_shells() {
        let (_folder, agent) = agent(&[r#"{"return": {"pid": 7}}"#, r#"{"return": {"exited": true, "signal": 9}}"#]);
        assert_eq!(agent.run("sh", &[], b"", SOON).unwrap(), Output { code: 137, ..Output::default() });
    }

    #[test]
    fn a_refusal_says_why() {
        let (_folder, agent) = agent(&[r#"{"error": {"class": "GenericError", "desc": "No such file"}}"#]);
        let error = agent.read("/nowhere", SOON).unwrap_err();
        assert_eq!(error.to_string(), "its agent refused guest-file-open: No such file");
    }

    #[test]
    fn an_agent_that_does_not_run_yet_is_silent() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.sock");
        let _listener = UnixListener::bind(&path).unwrap();
        let error = Agent::new(path).read("/etc/fstab", Duration::from_millis(20)).unwrap_err();
        assert!(matches!(error, AgentError::Silent { .. }), "{error}");
    }
}
