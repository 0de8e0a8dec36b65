//! A machine on which nothing has been configured yet: `/etc`, `/run` and `/var/lib` are empty, for one thread and what it starts.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

/// Where files of the machine are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// In memory (tmpfs).
    Memory,
    /// Below this directory.
    Disk(&'a Path),
}

/// Runs `body` on such a machine. Its versions are told by files, as EKS images have them, so that no program is asked.
pub(super) fn on_fresh_machine<T: Send>(place: Place<'_>, config: &str, body: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let machine = scope.spawn(|| {
            // Only this thread sees the new mounts, and programs that it starts.
            unshare(CloneFlags::CLONE_NEWNS)?;
            mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)?;
            for directory in ["/etc", "/var/lib", "/run"] {
                cover(place, directory)?;
            }
            fs::create_dir_all("/etc/eks/image-credential-provider")?;
            for (path, text) in [
                ("/etc/eks/kubelet-version.txt", "Kubernetes v1.34.4\n"),
                ("/etc/eks/containerd-version.txt", "containerd github.com/containerd/containerd v2.0.5 fb4c30d\n"),
                ("/etc/eks/image-credential-provider/ecr-credential-provider", ""),
                ("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"),
                ("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n"),
                ("/etc/config.yaml", config),
            ] {
                fs::write(path, text)?;
            }
            body()
        });
        machine.join().map_err(|_| io::Error::other("the measuring thread panicked"))?
    })
}

fn cover(place: Place<'_>, directory: &str) -> io::Result<()> {
    match place {
        Place::Memory => mount(Some("tmpfs"), directory, Some("tmpfs"), MsFlags::empty(), Some("mode=755"))?,
        Place::Disk(below) => {
            let own = tempfile::Builder::new().prefix("machine-").tempdir_in(below)?.keep();
            mount(Some(&own), directory, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
        }
    }
    Ok(())
}

/// A bus, which nodeadm talks to systemd over; it wants the connection even where it has nothing to say.
pub(super) fn start_bus() -> io::Result<()> {
    fs::create_dir_all("/run/dbus")?;
    let address = "--address=unix:path=/run/dbus/system_bus_socket";
    Command::new("dbus-daemon")
        .args(["--session", "--nofork", "--nopidfile", address])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let start = Instant::now();
    while !Path::new("/run/dbus/system_bus_socket").exists() {
        if start.elapsed() > Duration::from_secs(5) {
            return Err(io::Error::other("dbus-daemon does not start"));
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
