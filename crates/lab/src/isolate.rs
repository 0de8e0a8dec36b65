//! A process tree with namespaces of its own, of which not even SIGKILL leaves anything.
//!
//! Three processes, made from one by [`enter`] or [`isolated`]:
//!
//! ```text
//! outer ──fork──▶ init (PID 1 of a new PID namespace) ──fork──▶ the program
//! ```
//!
//! `outer` stays where the user started it: it passes on signals and ends with the program's exit code. `init` reaps orphans and
//! dies with `outer` (`PR_SET_PDEATHSIG`). The kernel kills every process of a PID namespace when its init dies, so network
//! namespaces that only descriptors hold go with them.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::mount::{MsFlags, mount};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, sigprocmask};
use nix::sys::stat::Mode;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getegid, geteuid, getpid, getppid, write};

use crate::netns::raise_loopback;

/// Set in the environment of a test that [`isolated`] runs again, to the name of the test.
const MARKER: &str = "HYBRIDGE_ISOLATED_TEST";

/// Signals that `outer` and `init` pass on to the program.
const FORWARDED: [Signal; 4] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT];

const LIMITS: &str = "raise the limits with \
     `sudo sysctl -w user.max_user_namespaces=15000 user.max_net_namespaces=15000 user.max_pid_namespaces=15000`, or use `sudo`";

/// Why no namespaces could be made.
#[derive(Debug, thiserror::Error)]
pub enum IsolateError {
    /// The kernel or its administrator forbids it.
    #[error("this user may not make network namespaces: {advice}")]
    Forbidden {
        /// The command that changes it.
        advice: String,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },
    /// Anything else.
    #[error("cannot make user, mount, PID and network namespaces")]
    Failed(#[source] io::Error),
    /// A namespace is entered by one thread, so the process may have no other.
    #[error("namespaces must be entered before the first thread is started, but this process has {0}")]
    Threads(usize),
}

impl IsolateError {
    fn new(source: io::Error) -> Self {
        match source.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => Self::Forbidden { advice: advice(geteuid().is_root(), read_sysctl), source },
            // What unshare(2) says when one of the limits user.max_*_namespaces is reached, 0 included.
            Some(libc::ENOSPC | libc::EUSERS) => Self::Forbidden { advice: LIMITS.into(), source },
            _ => Self::Failed(source),
        }
    }
}

/// Moves the rest of the program into user (unless privileged), mount, PID and network namespaces of its own.
///
/// To be called in `main` before any thread exists. Returns in the innermost of the three processes only; the one that was called
/// passes on SIGINT, SIGTERM, SIGHUP and SIGQUIT and ends with its exit code (128 + n after signal n).
pub fn enter() -> Result<(), IsolateError> {
    let threads = std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    if threads > 1 {
        return Err(IsolateError::Threads(threads));
    }
    descend(&IdMaps::of_this_user()).map_err(|errno| IsolateError::new(errno.into()))
}

/// For tests: runs `body` in a process of its own, as PID 2 of fresh namespaces in which only `lo` exists.
///
/// The test binary is started again for exactly the current test, which libtest names by the thread's name. Panics with the output
/// if the test failed there.
pub fn isolated<F: FnOnce()>(body: F) {
    if std::env::var_os(MARKER).is_some() {
        let links: Vec<String> = nix::net::if_::if_nameindex()
            .expect("every process may list its network interfaces")
            .iter()
            .map(|link| link.name().to_string_lossy().into_owned())
            .collect();
        assert_eq!(links, ["lo"], "this is no fresh network namespace");
        return body();
    }
    let name = test_name::<F>();
    let mut command = Command::new(std::env::current_exe().expect("a running test has a path"));
    command
        .args(["--exact", &name, "--include-ignored", "--nocapture", "--test-threads", "1"])
        .env(MARKER, &name)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    descend_before_exec(&mut command);
    // PR_SET_PDEATHSIG goes by thread: this one waits below until the child is gone.
    let output = match command.spawn() {
        Ok(child) => child.wait_with_output().expect("the child's output can be read"),
        Err(error) => {
            let error = IsolateError::new(error);
            panic!("{}", hybridge_report::chain(&error));
        }
    };
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    echo(&stdout);
    // Without the second condition a name that no test has would pass.
    if !output.status.success() || !stdout.contains("test result: ok. 1 passed") {
        panic!("`{name}` failed in its namespaces ({}):\n{stdout}{stderr}", output.status);
    }
}

/// Shows what the test printed, where libtest would show it (with `--nocapture`).
#[allow(clippy::print_stdout, reason = "libtest captures what a test prints, and nothing else")]
fn echo(output: &str) {
    print!("{output}");
}

/// The path of the current test, as `--exact` takes it.
///
/// libtest names the test's thread after it, except with `--test-threads 1`, where tests run on the main thread; then the type name
/// of the closure, `crate::module::test::{{closure}}`, tells.
fn test_name<F>() -> String {
    let thread = std::thread::current();
    match thread.name() {
        Some(name) if name != "main" => name.to_owned(),
        _ => {
            let path = std::any::type_name::<F>().trim_end_matches("::{{closure}}");
            path.split_once("::").map_or(path, |(_crate, test)| test).to_owned()
        }
    }
}

#[allow(unsafe_code, reason = "Command::pre_exec is the only way to change namespaces between fork and exec")]
fn descend_before_exec(command: &mut Command) {
    let maps = IdMaps::of_this_user();
    let parent = getpid();
    let prepare = move || {
        set_pdeathsig(Signal::SIGKILL)?;
        if getppid() != parent {
            return Err(Errno::ESRCH.into());
        }
        Ok(descend(&maps)?)
    };
    // SAFETY: `descend` makes system calls only: it allocates nothing and takes no lock.
    unsafe { command.pre_exec(prepare) };
}

/// Lines for `/proc/self/{uid,gid}_map` that make the user root of a new user namespace; written out before the fork, after which
/// nothing may be allocated.
struct IdMaps {
    uid: String,
    gid: String,
}

impl IdMaps {
    fn of_this_user() -> Self {
        Self { uid: format!("0 {} 1", geteuid()), gid: format!("0 {} 1", getegid()) }
    }

    fn apply(&self) -> nix::Result<()> {
        // The kernel lets an unprivileged process set its group map only after it has given up setgroups(2).
        write_file(c"/proc/self/setgroups", "deny")?;
        write_file(c"/proc/self/gid_map", &self.gid)?;
        write_file(c"/proc/self/uid_map", &self.uid)
    }
}

fn write_file(path: &CStr, text: &str) -> nix::Result<()> {
    let file = open(path, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    write(&file, text.as_bytes()).map(drop)
}

/// Makes the namespaces and forks twice; returns in the innermost process. Must be called on the only thread; allocates nothing.
fn descend(maps: &IdMaps) -> nix::Result<()> {
    let spaces = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNET;
    match unshare(spaces) {
        Err(Errno::EPERM) => {
            unshare(spaces | CloneFlags::CLONE_NEWUSER)?;
            maps.apply()?;
        }
        other => other?,
    }
    mount(None::<&CStr>, c"/", None::<&CStr>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&CStr>)?;
    raise_loopback()?;

    let mut blocked: SigSet = FORWARDED.into_iter().collect();
    blocked.add(Signal::SIGCHLD);
    let mut original = SigSet::empty();
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&blocked), Some(&mut original))?;

    let outer = pidfd_of_this_process()?;
    fork_and_attend(&blocked)?;
    set_pdeathsig(Signal::SIGKILL)?;
    if has_ended(&outer)? {
        return Err(Errno::ESRCH);
    }
    // Not allowed in a container that masks parts of /proc. Then the old one stays, which shows this process under its outer number.
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let _ = mount(Some(c"proc"), c"/proc", Some(c"proc"), flags, None::<&CStr>);
    fork_and_attend(&blocked)?;
    drop(outer);
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&original), None)
}

/// Forks; the parent never returns.
#[allow(unsafe_code, reason = "fork(2)")]
fn fork_and_attend(blocked: &SigSet) -> nix::Result<()> {
    // SAFETY: this is the only thread of the process, so the child inherits no lock that another thread holds.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => attend(child, blocked),
        ForkResult::Child => Ok(()),
    }
}

/// Passes on signals to `child` and reaps, until `child` ends; then ends with its exit code.
#[allow(unsafe_code, reason = "close_range(2), sigwaitinfo(2) and _exit(2) have no safe form")]
fn attend(child: Pid, signals: &SigSet) -> ! {
    // SAFETY: nothing in this process uses a descriptor from here on. They must be closed: the spawner reads one until its end.
    unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) };
    loop {
        // SAFETY: both pointers are valid; an all-zero siginfo_t is a value of that type.
        let (number, info) = unsafe {
            let mut info: libc::siginfo_t = std::mem::zeroed();
            (libc::sigwaitinfo(signals.as_ref(), &raw mut info), info)
        };
        let Ok(signal) = Signal::try_from(number) else { continue };
        if signal == Signal::SIGCHLD {
            if let Some(code) = reap(child) {
                // SAFETY: ends the process without running the handlers of the program that was forked.
                unsafe { libc::_exit(code) }
            }
        } else if info.si_code != libc::SI_KERNEL {
            // What comes from the terminal has reached the whole process group already.
            let _ = kill(child, signal);
        }
    }
}

/// Collects every ended child; the exit code of `child` once it is among them.
fn reap(child: Pid) -> Option<i32> {
    let mut code = None;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, status)) if pid == child => code = Some(status),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == child => code = Some(128 + signal as i32),
            Ok(WaitStatus::StillAlive) | Err(_) => return code,
            Ok(_) => {}
        }
    }
}

#[allow(unsafe_code, reason = "pidfd_open(2) has no safe form")]
fn pidfd_of_this_process() -> nix::Result<OwnedFd> {
    // SAFETY: the call takes two integers; its result is a new descriptor that nobody else owns.
    unsafe {
        let number = Errno::result(libc::syscall(libc::SYS_pidfd_open, getpid().as_raw(), 0))?;
        Ok(OwnedFd::from_raw_fd(number as i32))
    }
}

/// Whether the process of this pidfd has ended.
fn has_ended(process: &OwnedFd) -> nix::Result<bool> {
    let mut fds = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
    Ok(poll(&mut fds, PollTimeout::ZERO)? > 0)
}

fn read_sysctl(path: &str) -> Option<String> {
    let text = std::fs::read_to_string(format!("/proc/sys/{path}")).ok()?;
    Some(text.trim().to_owned())
}

/// What to do where namespaces are forbidden, from the switches that distributions have for it.
fn advice(root: bool, sysctl: impl Fn(&str) -> Option<String>) -> String {
    let is = |path, value: &str| sysctl(path).as_deref() == Some(value);
    if root {
        "root lacks CAP_SYS_ADMIN here, so in a container start it with `--privileged`".into()
    } else if is("kernel/apparmor_restrict_unprivileged_userns", "1") {
        "allow it with `sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`, or use `sudo`".into()
    } else if is("kernel/unprivileged_userns_clone", "0") {
        "allow it with `sudo sysctl -w kernel.unprivileged_userns_clone=1`, or use `sudo`".into()
    } else if is("user/max_user_namespaces", "0") {
        LIMITS.into()
    } else {
        "run the same command with `sudo`".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_names_the_switch_that_is_off() {
        type Switches = &'static [(&'static str, &'static str)];
        let cases: [(bool, Switches, &str); 6] = [
            (false, &[("kernel/apparmor_restrict_unprivileged_userns", "1")], "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"),
            (false, &[("kernel/unprivileged_userns_clone", "0")], "sysctl -w kernel.unprivileged_userns_clone=1"),
            (false, &[("user/max_user_namespaces", "0")], "sysctl -w user.max_user_namespaces=15000 "),
            (false, &[("kernel/unprivileged_userns_clone", "1"), ("user/max_user_namespaces", "9")], "with `sudo`"),
            (false, &[], "with `sudo`"),
            (true, &[("user/max_user_namespaces", "0")], "`--privileged`"),
        ];
        for (root, switches, expected) in cases {
            let text = advice(root, |path| switches.iter().find(|(name, _)| *name == path).map(|(_, value)| (*value).to_owned()));
            assert!(text.contains(expected), "{root} {switches:?}: {text}");
        }
    }

    #[test]
    fn entering_with_threads_is_refused() {
        assert!(matches!(enter(), Err(IsolateError::Threads(n)) if n > 1));
    }
}
