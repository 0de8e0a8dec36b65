//! `up`, `exec` and `down`: a world for people to play with.

use std::ffi::OsString;
use std::fs::File;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use hybridge_lab::netns::Netns;
use hybridge_lab::report::figures::length;
use hybridge_lab::world::World;
use nix::sched::{CloneFlags, setns};
use nix::unistd::setsid;

use super::args::WorldArgs;
use super::console::Console;
use super::control::{Control, Request, ask};
use super::{Failure, setup};

/// How long `up --detach` waits for traffic to flow.
const STARTED: Duration = Duration::from_secs(60);

/// Keeps a world until a signal or `down`.
pub(super) fn up(args: &WorldArgs, out: Option<PathBuf>, control: Control) -> Result<(), Failure> {
    let console = Console::new();
    let config = setup::config(args, out)?;
    let (world, _, carrying) = setup::start(&config)?;
    console.data(&overview(&world, carrying));

    let (ended, end) = mpsc::channel();
    let namespaces: Vec<Netns> = world.topology.namespaces().into_iter().cloned().collect();
    let by_request = ended.clone();
    std::thread::spawn(move || {
        serve(&control, &namespaces);
        // The receiver can only be gone because the world has ended already.
        let _over = by_request.send("`hybridge-lab down`");
    });
    std::thread::spawn(move || {
        let _over = ended.send(wait_for_signal());
    });
    let reason = end.recv().context("nobody is left who could end the world")?;
    console.say(&format!("ended by {reason}"));
    drop(world);
    Ok(())
}

/// Answers until somebody asks for the end.
fn serve(control: &Control, namespaces: &[Netns]) {
    let user = File::open("/proc/self/ns/user");
    while let Ok((request, caller)) = control.next() {
        // A caller that went away before its answer came does not matter to the world.
        let _gone = match (request, &user) {
            (Request::Ready, _) => caller.answer("ready", &[]),
            (Request::Down, _) => {
                let _gone = caller.answer("down", &[]);
                return;
            }
            (Request::Enter(host), Ok(user)) => match namespaces.iter().find(|ns| ns.name() == host) {
                Some(ns) => caller.answer("enter", &[ns.fd(), user.as_fd()]),
                None => {
                    let hosts: Vec<&str> = namespaces.iter().map(Netns::name).collect();
                    caller.answer(&format!("there is no host `{host}`; there are {}", hosts.join(", ")), &[])
                }
            },
            (Request::Enter(_), Err(error)) => caller.answer(&format!("cannot open the user namespace: {error}"), &[]),
        };
    }
}

fn wait_for_signal() -> &'static str {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return "a lack of resources" };
    runtime.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
            (Ok(mut interrupt), Ok(mut terminate)) => tokio::select! {
                _ = interrupt.recv() => "Ctrl-C",
                _ = terminate.recv() => "SIGTERM",
            },
            (Err(_), _) | (_, Err(_)) => "a lack of resources",
        }
    })
}

fn overview(world: &World, carrying: Duration) -> String {
    let topology = &world.topology;
    let mut text = format!("Up; packets cross after {}.\n\n", length(carrying));
    let hosts = topology.legs().map(|leg| &leg.host).chain([&topology.cloud_pod]);
    let hybrid = topology.hybrid.iter().flat_map(|hybrid| [&hybrid.node, &hybrid.pod]);
    for host in hosts.chain(hybrid) {
        text.push_str(&format!("  {:<14} {}\n", host.name(), host.address));
    }
    text.push_str(&format!("  {:<14} -\n  {:<14} -\n", topology.vpc_router.name(), topology.site_router.name()));
    let pod = topology.hybrid[0].pod.address;
    let carrier = world.active().map_or("gateway-a", |index| world.gateways[index].name());
    text.push_str(&format!(
        "\nLook inside:   hybridge-lab exec cloud-pod -- ping {pod}\n               hybridge-lab exec {carrier} -- bash\n\
         Logs:          {}\nEnd it:        Ctrl-C, or hybridge-lab down\n",
        world.directory.display()
    ));
    text
}

/// Starts `up` in the background, and returns once it says that traffic flows.
pub(super) fn detach(name: &str) -> Result<(), Failure> {
    let console = Console::new();
    if ask(name, &Request::Ready)?.is_some() {
        return Err(Failure::input(anyhow!("a world named `{name}` is up already; end it with `hybridge-lab down --name {name}`")));
    }
    let log = tempfile::Builder::new().prefix("hybridge-lab-").suffix(".log").tempfile().context("cannot make a log file")?;
    let (log, path) = log.keep().context("cannot keep the log file")?;
    let mut command = Command::new(std::env::current_exe().context("cannot find out where this program is")?);
    command.args(std::env::args_os().skip(1).filter(|argument| argument != "--detach"));
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    leave_the_terminal(&mut command);
    let mut child = command.spawn().context("cannot start the world")?;
    let deadline = Instant::now() + STARTED;
    while !std::fs::read_to_string(&path).unwrap_or_default().contains("End it:") {
        let ended = child.try_wait()?;
        if ended.is_some() || Instant::now() > deadline {
            let said = std::fs::read_to_string(&path).unwrap_or_default();
            return Err(Failure::Unexpected(anyhow!("the world did not start:\n{said}")));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    console.data(&std::fs::read_to_string(&path).unwrap_or_default());
    Ok(())
}

#[allow(unsafe_code, reason = "Command::pre_exec is the only way to call setsid between fork and exec")]
fn leave_the_terminal(command: &mut Command) {
    // SAFETY: the closure makes one system call; it allocates nothing and takes no lock.
    unsafe { command.pre_exec(|| Ok(setsid().map(drop)?)) };
}

/// Ends a world.
pub(super) fn down(name: &str) -> Result<(), Failure> {
    let console = Console::new();
    if ask(name, &Request::Down)?.is_none() {
        console.say(&format!("no world named `{name}` is up"));
        return Ok(());
    }
    while ask(name, &Request::Ready).is_ok_and(|answer| answer.is_some()) {
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Becomes a command inside the network namespace of a host.
pub(super) fn exec(name: &str, host: &str, command: &[OsString]) -> Result<(), Failure> {
    let none = || anyhow!("no world named `{name}` is up; start one with `hybridge-lab up`");
    let (said, descriptors) = ask(name, &Request::Enter(host.into()))?.ok_or_else(none).map_err(Failure::Input)?;
    let [network, user]: [OwnedFd; 2] = descriptors.try_into().map_err(|_| Failure::Input(anyhow!(said)))?;
    let inode = |file: File| file.metadata().map(|metadata| metadata.ino());
    if inode(user.try_clone()?.into())? != inode(File::open("/proc/self/ns/user")?)? {
        setns(&user, CloneFlags::CLONE_NEWUSER).context("cannot enter the world's user namespace")?;
    }
    setns(&network, CloneFlags::CLONE_NEWNET).with_context(|| format!("cannot enter the network namespace of {host}"))?;
    let (program, arguments) = command.split_first().expect("clap asks for at least one word");
    let failed = Command::new(program).args(arguments).exec();
    Err(Failure::input(anyhow::Error::from(failed).context(format!("cannot execute {}", program.display()))))
}
