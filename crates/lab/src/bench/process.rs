//! One run of a program: how long it takes, and how much memory it has at most.

use std::fs;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

/// Seconds from before the process is made until it has ended. It must end well.
pub(super) fn elapsed(command: &mut Command) -> io::Result<f64> {
    let start = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let status = child.wait()?;
    let elapsed = start.elapsed().as_secs_f64();
    if status.success() { Ok(elapsed) } else { Err(io::Error::other(format!("it ended with {status}"))) }
}

/// Bytes that were resident at most: what the kernel has noted (`VmHWM`) when the process is about to end.
///
/// `getrusage` would do, if it did not count the memory of the process that forked, too.
pub(super) fn peak(command: &mut Command) -> io::Result<f64> {
    let child = traced(command).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a PID"));
    // It has stopped before its first instruction.
    waitpid(pid, None)?;
    ptrace::setoptions(pid, Options::PTRACE_O_TRACEEXIT)?;
    ptrace::cont(pid, None)?;
    let mut peak = None;
    loop {
        match waitpid(pid, None)? {
            WaitStatus::PtraceEvent(..) => {
                peak = peak.or(high_water_mark(pid)?);
                ptrace::cont(pid, None)?;
            }
            WaitStatus::Stopped(_, signal) => ptrace::cont(pid, Some(signal).filter(|signal| *signal != Signal::SIGTRAP))?,
            WaitStatus::Exited(_, 0) => break,
            ended @ (WaitStatus::Exited(..) | WaitStatus::Signaled(..)) => return Err(io::Error::other(format!("it ended: {ended:?}"))),
            WaitStatus::PtraceSyscall(_) | WaitStatus::Continued(_) | WaitStatus::StillAlive => {}
        }
    }
    peak.ok_or_else(|| io::Error::other("the kernel does not tell its memory"))
}

#[allow(unsafe_code, reason = "Command::pre_exec is the only way to be traced from the first instruction on")]
fn traced(command: &mut Command) -> &mut Command {
    // SAFETY: one system call, which allocates nothing and takes no lock.
    unsafe { command.pre_exec(|| Ok(ptrace::traceme()?)) }
}

fn high_water_mark(pid: Pid) -> io::Result<Option<f64>> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    Ok(line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()).map(|kilobytes| kilobytes * 1024.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_and_memory_are_those_of_the_program() {
        let sleep = elapsed(Command::new("sleep").arg("0.05")).unwrap();
        assert!((0.05..5.0).contains(&sleep), "{sleep}");
        let small = peak(Command::new("cat").arg("/dev/null")).unwrap();
        // 64 MiB of zeros in one block.
        let large = peak(Command::new("dd").args(["if=/dev/zero", "of=/dev/null", "bs=64M", "count=1"])).unwrap();
        assert!(small < 16e6 && (64e6..100e6).contains(&large), "{small} {large}");
        assert!(elapsed(&mut Command::new("false")).is_err() && peak(&mut Command::new("false")).is_err());
    }
}
