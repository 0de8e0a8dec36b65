//! Namespaces of tests and of the lab: what is inside them, and that nothing of them stays or reaches the host.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CString;
use std::fs;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use hybridge_lab::isolate::isolated;
use hybridge_lab::netns::Netns;
use nix::sys::stat::fstat;

/// Set by `isolated` in the copy of this binary that runs inside.
const ISOLATED: &str = "HYBRIDGE_ISOLATED_TEST";
/// Names a file in which the process to be killed reports what it made; also finds that process and its children.
const VICTIM: &str = "HYBRIDGE_TEST_VICTIM";
/// Set in the copy of this binary that runs as another user.
const UNPRIVILEGED: &str = "HYBRIDGE_TEST_UNPRIVILEGED";

fn inode(namespace: &Netns) -> u64 {
    fstat(namespace.fd().as_fd()).unwrap().st_ino
}

#[test]
fn a_test_is_alone_in_its_namespaces() {
    let host = inode(&Netns::current("host").unwrap());
    isolated(|| {
        assert_eq!(std::process::id(), 2);
        let links = nix::net::if_::if_nameindex().unwrap();
        assert_eq!(links.iter().count(), 1);
        // lo is up: a datagram to 127.0.0.1 arrives.
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        socket.send_to(b"x", socket.local_addr().unwrap()).unwrap();
        socket.recv(&mut [0; 8]).unwrap();
        println!("inside");
    });
    assert_eq!(inode(&Netns::current("host").unwrap()), host);
}

#[test]
fn a_failure_inside_fails_the_test_with_its_output() {
    let inside = std::env::var_os(ISOLATED).is_some();
    let result = std::panic::catch_unwind(|| {
        isolated(|| {
            println!("printed before");
            panic!("the reason")
        })
    });
    let panic = result.unwrap_err();
    if inside {
        std::panic::resume_unwind(panic);
    }
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.contains("printed before") && text.contains("the reason"), "{text}");
}

#[test]
fn sockets_belong_to_the_namespace_of_their_thread() {
    isolated(|| {
        let (a, b) = (Netns::new("a").unwrap(), Netns::new("b").unwrap());
        assert_eq!(BTreeSet::from([inode(&a), inode(&b), inode(&Netns::current("c").unwrap())]).len(), 3);
        let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 80)).unwrap();
        let first = a.run(listen);
        let second = b.run(listen);
        drop((first, second));
        assert_eq!(a.run(|| inode(&Netns::current("here").unwrap())), inode(&a));
        assert!(std::panic::catch_unwind(|| a.run(|| panic!("goes on outside"))).is_err());
    });
}

#[test]
fn a_sysctl_is_of_the_namespace_of_its_thread() {
    isolated(|| {
        let (a, b) = (Netns::new("a").unwrap(), Netns::new("b").unwrap());
        let path = "/proc/sys/net/ipv4/ip_forward";
        a.run(|| fs::write(path, "1").unwrap());
        assert_eq!(a.run(|| fs::read_to_string(path).unwrap()), "1\n");
        assert_eq!(b.run(|| fs::read_to_string(path).unwrap()), "0\n");
    });
}

#[test]
fn a_command_starts_inside() {
    isolated(|| {
        let a = Netns::new("a").unwrap();
        let output = a.command("readlink").arg("/proc/self/ns/net").output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), format!("net:[{}]", inode(&a)));
    });
}

#[test]
fn a_task_runs_inside_until_it_is_stopped_or_dropped() {
    isolated(|| {
        let a = Netns::new("a").unwrap();
        let (sender, receiver) = mpsc::channel();
        let start = |sender: mpsc::Sender<u64>| {
            a.spawn("wait", move |token| async move {
                sender.send(inode(&Netns::current("here").unwrap())).unwrap();
                token.cancelled().await;
            })
        };
        let task = start(sender.clone());
        assert_eq!(receiver.recv().unwrap(), inode(&a));
        assert_eq!((task.name(), task.is_finished()), ("a/wait", false));
        task.stop();
        drop(start(sender));
        receiver.recv().unwrap();
        // The second task's sender is the last: it is dropped when the task ends.
        assert!(matches!(receiver.recv_timeout(Duration::from_secs(5)), Err(mpsc::RecvTimeoutError::Disconnected)));

        let broken = a.spawn("broken", |_| async { panic!("a task's panic is seen by whoever stops it") });
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| broken.stop())).is_err());
    });
}

/// As root this would otherwise never be tried: the namespaces of an ordinary user, inside a user namespace.
#[test]
fn an_ordinary_user_gets_namespaces_too() {
    let inside = std::env::var_os(ISOLATED).is_some();
    if inside || std::env::var_os(UNPRIVILEGED).is_some() || !nix::unistd::geteuid().is_root() {
        isolated(|| {
            let a = Netns::new("a").unwrap();
            a.run(|| fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap());
            assert_eq!(std::process::id(), 2);
        });
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let copy = folder.path().join("test");
    fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    let output = Command::new(&copy)
        .args(["--exact", "an_ordinary_user_gets_namespaces_too", "--nocapture"])
        .env(UNPRIVILEGED, "1")
        .current_dir("/")
        .uid(65534)
        .gid(65534)
        .output()
        .unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
fn sigkill_leaves_no_process_no_namespace_and_the_host_as_it_was() {
    if let Some(report) = std::env::var_os(VICTIM) {
        return isolated(|| build_and_wait(Path::new(&report)));
    }
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report");
    let before = host_state();
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "sigkill_leaves_no_process_no_namespace_and_the_host_as_it_was"])
        .env(VICTIM, &report)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let built = wait_for(|| fs::read_to_string(&report).ok().filter(|text| text.ends_with("end\n")));
    let namespaces: BTreeSet<String> = built.lines().filter(|line| *line != "end").map(str::to_owned).collect();
    assert_eq!(namespaces.len(), 3);
    let marker = format!("{VICTIM}={}", report.display());
    // Test harness, outer, init, test, and two sleeping commands.
    assert_eq!(processes(&marker, &namespaces).len(), 6);

    victim.kill().unwrap();
    victim.wait().unwrap();
    wait_for(|| processes(&marker, &namespaces).is_empty().then_some(()));
    let after = host_state();
    for (name, value) in &before {
        assert_eq!(after.get(name), Some(value), "{name} changed");
    }
    assert_eq!(after.len(), before.len());
}

/// Makes three namespaces, tied together by `ip` where it is installed, one of them with a sysctl changed and two with a process.
fn build_and_wait(report: &Path) {
    let namespaces = [Netns::new("a").unwrap(), Netns::new("b").unwrap(), Netns::current("main").unwrap()];
    namespaces[0].run(|| fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap());
    let _children: Vec<_> = namespaces[..2].iter().map(|n| n.command("sleep").arg("1000").spawn().unwrap()).collect();
    let lines: String = namespaces.iter().map(|n| format!("net:[{}]\n", inode(n))).collect();
    fs::write(report, lines + "end\n").unwrap();
    std::thread::sleep(Duration::from_secs(60));
    panic!("nobody killed this process");
}

/// Every link, IPv4 route and IPv4 sysctl of this namespace.
fn host_state() -> BTreeMap<String, String> {
    let mut state = BTreeMap::new();
    for link in &nix::net::if_::if_nameindex().unwrap() {
        state.insert(format!("link {}", CString::from(link.name()).to_string_lossy()), link.index().to_string());
    }
    state.insert("routes".into(), fs::read_to_string("/proc/net/route").unwrap());
    let mut folders = vec![Path::new("/proc/sys/net/ipv4").to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(value) = fs::read_to_string(&path) {
                state.insert(path.display().to_string(), value);
            }
        }
    }
    state
}

/// Processes that inherited the marker, are in one of the namespaces, or hold one by a descriptor.
fn processes(marker: &str, namespaces: &BTreeSet<String>) -> Vec<String> {
    let names = |path: &Path| fs::read_link(path).is_ok_and(|link| namespaces.contains(link.to_string_lossy().as_ref()));
    let concerned = |process: &Path| {
        let environment = fs::read(process.join("environ")).unwrap_or_default();
        let descriptors = fs::read_dir(process.join("fd")).into_iter().flatten();
        environment.split(|byte| *byte == 0).any(|variable| variable == marker.as_bytes())
            || names(&process.join("ns/net"))
            || descriptors.flatten().any(|descriptor| names(&descriptor.path()))
    };
    let numbered = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter(|entry| numbered(&entry.file_name().to_string_lossy()) && concerned(&entry.path()))
        .map(|entry| fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default())
        .collect()
}

fn wait_for<T>(mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited 20 s in vain");
        std::thread::sleep(Duration::from_millis(10));
    }
}
