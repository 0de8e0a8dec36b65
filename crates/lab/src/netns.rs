//! Network namespaces without a name: a descriptor is all that keeps one alive.
//!
//! A thread is in one network namespace at a time, and so are the sockets it makes. `/proc/sys/net` shows the namespace of the
//! thread that reads it, `/proc/net` that of the process; so read `/proc/thread-self/net`.

use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::future::Future;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use tokio_util::sync::CancellationToken;

/// How long a task may go on after it was told to stop, before it is dropped.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// A network namespace, alive as long as a clone of this or a process inside it.
#[derive(Clone)]
pub struct Netns {
    name: Arc<str>,
    fd: Arc<OwnedFd>,
}

impl Netns {
    /// A new namespace with only `lo`, which is up. `name` is for messages; the kernel does not know it.
    ///
    /// Fails without CAP_SYS_ADMIN (see [`crate::isolate`]) and where `user.max_net_namespaces` is reached.
    pub fn new(name: &str) -> io::Result<Self> {
        let make = || {
            unshare(CloneFlags::CLONE_NEWNET)?;
            raise_loopback()?;
            Self::current(name)
        };
        // On a thread of its own, because unshare moves the calling thread.
        thread::scope(|scope| join(scope.spawn(make)))
    }

    /// The namespace that the calling thread is in.
    pub fn current(name: &str) -> io::Result<Self> {
        let file = File::open("/proc/thread-self/ns/net")?;
        Ok(Self { name: name.into(), fd: Arc::new(file.into()) })
    }

    /// The namespace of an open descriptor, as `/proc/PID/ns/net` gives it.
    pub fn open(name: &str, file: File) -> Self {
        Self { name: name.into(), fd: Arc::new(file.into()) }
    }

    /// The name given to it, for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its descriptor, as `setns(2)` and `IFLA_NET_NS_FD` take it.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Runs `f` on a thread inside the namespace and waits for it. A panic of `f` goes on here.
    pub fn run<T: Send>(&self, f: impl FnOnce() -> T + Send) -> T {
        let work = || {
            self.enter();
            f()
        };
        thread::scope(|scope| join(scope.spawn(work)))
    }

    /// Starts a thread inside the namespace and runs the future there, in a tokio runtime of one thread.
    ///
    /// The future should end when the token is cancelled; 5 s later it is dropped. `task` names the thread and appears in logs.
    pub fn spawn<F, Fut>(&self, task: &str, f: F) -> Task
    where
        F: FnOnce(CancellationToken) -> Fut + Send + 'static,
        Fut: Future<Output = ()>,
    {
        let token = CancellationToken::new();
        let name = format!("{}/{task}", self.name);
        let (namespace, token_of_task, name_of_task) = (self.clone(), token.clone(), name.clone());
        let body = move || {
            namespace.enter();
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("an epoll and an event descriptor can be made");
            runtime.block_on(async {
                let overdue = async {
                    token_of_task.cancelled().await;
                    tokio::time::sleep(STOP_GRACE).await;
                };
                tokio::select! {
                    () = f(token_of_task.clone()) => {}
                    () = overdue => tracing::warn!(task = name_of_task, "task was told to stop, went on, and was dropped"),
                }
            });
        };
        let thread = thread::Builder::new().name(name.clone()).spawn(body).expect("a thread can be started");
        Task { name, token, thread: Some(thread) }
    }

    /// A command whose process starts inside the namespace.
    ///
    /// What makes it die with the lab is the PID namespace of [`crate::isolate`]. `PR_SET_PDEATHSIG` is left alone on purpose: it
    /// fires when the *thread* that spawned the child ends, and in tokio or [`Netns::run`] that happens at any time.
    #[allow(unsafe_code, reason = "Command::pre_exec is the only way to change a namespace between fork and exec")]
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        let fd = Arc::clone(&self.fd);
        let enter = move || Ok(setns(fd.as_fd(), CloneFlags::CLONE_NEWNET)?);
        // SAFETY: the closure makes one system call; it allocates nothing and takes no lock.
        unsafe { command.pre_exec(enter) };
        command
    }

    fn enter(&self) {
        setns(self.fd(), CloneFlags::CLONE_NEWNET).expect("whoever could make or open the namespace may enter it");
    }
}

impl fmt::Debug for Netns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Netns({})", self.name)
    }
}

/// A future on a thread inside a namespace; dropping this cancels its token and does not wait.
#[derive(Debug)]
pub struct Task {
    name: String,
    token: CancellationToken,
    thread: Option<thread::JoinHandle<()>>,
}

impl Task {
    /// `namespace/task`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it has ended, by itself or by a panic.
    pub fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(thread::JoinHandle::is_finished)
    }

    /// Cancels the token and waits for the end, at most 5 s. A panic of the task goes on here.
    pub fn stop(mut self) {
        self.token.cancel();
        if let Some(thread) = self.thread.take()
            && let Err(panic) = thread.join()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.token.cancel();
    }
}

fn join<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Brings up `lo` of the calling thread's namespace, which also gives it 127.0.0.1. Allocates nothing.
#[allow(unsafe_code, reason = "ioctl(2) on an interface has no safe form")]
pub(crate) fn raise_loopback() -> nix::Result<()> {
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    // SAFETY: an all-zero ifreq is a value of that type, the name is NUL-terminated, and both calls only touch this ifreq.
    unsafe {
        let mut request: libc::ifreq = std::mem::zeroed();
        for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
            *to = *from as libc::c_char;
        }
        Errno::result(libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFFLAGS as _, &raw mut request))?;
        request.ifr_ifru.ifru_flags |= libc::IFF_UP as libc::c_short;
        Errno::result(libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &raw mut request)).map(drop)
    }
}
