//! `isolate::enter`, which needs a `main` without threads: this program is its own test harness.
//!
//! Started without a role it starts itself in each of the roles below and checks what comes of it.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by a panic")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use hybridge_lab::isolate;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::Pid;

const ROLE: &str = "HYBRIDGE_TEST_ROLE";

fn main() -> ExitCode {
    let Ok(role) = std::env::var(ROLE) else {
        exit_code_is_passed_on();
        signals_are_passed_on();
        a_program_killed_by_a_signal_ends_with_128_and_its_number();
        orphans_are_reaped();
        sigkill_ends_everything();
        println!("enter: 5 checks passed");
        return ExitCode::SUCCESS;
    };
    isolate::enter().unwrap();
    assert_eq!(std::process::id(), 2);
    match role.as_str() {
        "seven" => return ExitCode::from(7),
        "term" => {
            let signals = SigSet::from_iter([Signal::SIGTERM]);
            signals.thread_block().unwrap();
            println!("ready");
            assert_eq!(signals.wait().unwrap(), Signal::SIGTERM);
            return ExitCode::from(9);
        }
        "suicide" => kill(Pid::this(), Signal::SIGKILL).unwrap(),
        "orphans" => {
            Command::new("sh").args(["-c", "sleep 0.05 & sleep 0.06 &"]).status().unwrap();
            std::thread::sleep(Duration::from_millis(300));
            let left = std::fs::read_dir("/proc").unwrap().flatten().filter(|e| e.file_name().to_string_lossy().parse::<u32>().is_ok());
            // Only init and this program.
            return ExitCode::from(u8::try_from(left.count()).unwrap());
        }
        "sleep" => {
            let mut child = Command::new("sleep").arg("60").spawn().unwrap();
            println!("ready");
            child.wait().unwrap();
        }
        other => panic!("no role {other}"),
    }
    ExitCode::FAILURE
}

fn start(role: &str) -> Child {
    Command::new(std::env::current_exe().unwrap()).env(ROLE, role).stdout(Stdio::piped()).spawn().unwrap()
}

/// Starts the role and waits until it says that it is ready; the reader sees the end of output when every process is gone.
fn start_ready(role: &str) -> (Child, impl BufRead) {
    let mut child = start(role);
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    (child, output)
}

fn exit_code_is_passed_on() {
    assert_eq!(start("seven").wait().unwrap().code(), Some(7));
}

fn signals_are_passed_on() {
    let (mut child, _output) = start_ready("term");
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(9));
}

fn a_program_killed_by_a_signal_ends_with_128_and_its_number() {
    assert_eq!(start("suicide").wait().unwrap().code(), Some(128 + 9));
}

fn orphans_are_reaped() {
    assert_eq!(start("orphans").wait().unwrap().code(), Some(2));
}

fn sigkill_ends_everything() {
    let (mut child, mut output) = start_ready("sleep");
    child.kill().unwrap();
    child.wait().unwrap();
    // Each process of the tree holds the pipe, so its end means that none is left; a process that stays would hold it for 60 s.
    let started = std::time::Instant::now();
    output.read_line(&mut String::new()).unwrap();
    assert!(started.elapsed() < Duration::from_secs(10));
}
