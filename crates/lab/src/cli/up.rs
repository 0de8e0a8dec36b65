//! `up`, `exec` and `down`: a world for people to play with.

use std::ffi::OsString;
use std::fs::File;
use std::net::Ipv4Addr;
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
use hybridge_lab::world::{World, ping};
use nix::sched::{CloneFlags, setns};
use nix::unistd::setsid;

use super::args::WorldArgs;
use super::console::Console;
use super::control::{Control, Request, ask};
use super::{Failure, setup};

/// How long `up --detach` waits for traffic to flow.
const STARTED: Duration = Duration::from_secs(60);

/// The last line that a program in the background says begins so, once all is up.
pub(super) const END: &str = "End it:";

/// Takes the name of a world.
pub(super) fn claim(name: &str) -> Result<Control, Failure> {
    let taken = || format!("is a world named `{name}` up already? End it with `hybridge-lab down --name {name}`");
    Control::claim(name).with_context(taken).map_err(Failure::Input)
}

/// Keeps a world until a signal or `down`.
pub(super) fn up(args: &WorldArgs, out: Option<PathBuf>, control: Control) -> Result<(), Failure> {
    let console = Console::new();
    let config = setup::config(args, out)?;
    let (world, _, carrying) = setup::start(&config)?;
    console.data(&overview(&world, carrying));

    let (ended, end) = mpsc::channel();
    let hosts = hosts(&world);
    let by_request = ended.clone();
    std::thread::spawn(move || {
        serve(&control, &hosts);
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
fn serve(control: &Control, hosts: &[(Netns, Option<Ipv4Addr>)]) {
    let user = File::open("/proc/self/ns/user");
    while let Ok((request, caller)) = control.next() {
        // A caller that went away before its answer came does not matter to the world.
        let _gone = match (request, &user) {
            (Request::Ready, _) => caller.answer("ready", &[]),
            (Request::Down, _) => {
                let _gone = caller.answer("down", &[]);
                return;
            }
            (Request::Enter(host), Ok(user)) => match hosts.iter().find(|(ns, _)| ns.name() == host) {
                Some((ns, Some(address))) => caller.answer(&address.to_string(), &[ns.fd(), user.as_fd()]),
                Some((ns, None)) => caller.answer("no address", &[ns.fd(), user.as_fd()]),
                None => {
                    let names: Vec<&str> = hosts.iter().map(|(ns, _)| ns.name()).collect();
                    caller.answer(&format!("there is no host `{host}`; there are {}", names.join(", ")), &[])
                }
            },
            (Request::Enter(_), Err(error)) => caller.answer(&format!("cannot open the user namespace: {error}"), &[]),
        };
    }
}

pub(super) fn wait_for_signal() -> &'static str {
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

/// Every namespace, and the address where it is one host's.
fn hosts(world: &World) -> Vec<(Netns, Option<Ipv4Addr>)> {
    let topology = &world.topology;
    let hosts = [&topology.cloud_pod].into_iter().chain(topology.legs().map(|leg| &leg.host));
    let hybrid = topology.hybrid.iter().flat_map(|hybrid| [&hybrid.node, &hybrid.pod]);
    let hosts = hosts.chain(hybrid).map(|host| (host.ns.clone(), Some(host.address)));
    hosts.chain([(topology.vpc_router.clone(), None), (topology.site_router.clone(), None)]).collect()
}

fn overview(world: &World, carrying: Duration) -> String {
    let mut text = format!("Up; packets cross after {}.\n\n", length(carrying));
    for (ns, address) in hosts(world) {
        text.push_str(&format!("  {:<14} {}\n", ns.name(), address.map_or("-".into(), |address| address.to_string())));
    }
    let carrier = world.active().map_or("gateway-a", |index| world.gateways[index].name());
    text.push_str(&format!(
        "\nTry:       hybridge-lab ping cloud-pod hybrid-1-pod\n           hybridge-lab exec {carrier} -- ip route\n\
         Logs:      {}\n{END}    Ctrl-C, or hybridge-lab down\n",
        world.directory.display()
    ));
    text
}

/// Starts `up` in the background, and returns once it says that traffic flows.
pub(super) fn detach(name: &str) -> Result<(), Failure> {
    if ask(name, &Request::Ready)?.is_some() {
        return Err(Failure::input(anyhow!("a world named `{name}` is up already; end it with `hybridge-lab down --name {name}`")));
    }
    let mut command = Command::new(std::env::current_exe().context("cannot find out where this program is")?);
    command.args(std::env::args_os().skip(1).filter(|argument| argument != "--detach"));
    in_background(command, STARTED)
}

/// Starts this program in the background, and returns once it says how to [`END`] it.
pub(super) fn in_background(mut command: Command, patience: Duration) -> Result<(), Failure> {
    let console = Console::new();
    let log = tempfile::Builder::new().prefix("hybridge-lab-").suffix(".log").tempfile().context("cannot make a log file")?;
    let (log, path) = log.keep().context("cannot keep the log file")?;
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    leave_the_terminal(&mut command);
    let mut child = command.spawn().context("cannot start it")?;
    let deadline = Instant::now() + patience;
    let said = || std::fs::read_to_string(&path).unwrap_or_default();
    while !said().contains(END) {
        let ended = child.try_wait()?;
        if ended.is_some() || Instant::now() > deadline {
            return Err(Failure::Unexpected(anyhow!("it did not start:\n{}", said())));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    console.data(&said());
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
    let (_, network) = enter(name, host)?;
    setns(&network, CloneFlags::CLONE_NEWNET).with_context(|| format!("cannot enter the network namespace of {host}"))?;
    let (program, arguments) = command.split_first().expect("clap asks for at least one word");
    let failed = Command::new(program).args(arguments).exec();
    Err(Failure::input(anyhow::Error::from(failed).context(format!("cannot execute {}", program.display()))))
}

/// Four echo requests, one a second; fails unless each is answered.
pub(super) fn ping_between(name: &str, from: &str, to: &str) -> Result<(), Failure> {
    let console = Console::new();
    let address = match to.parse::<Ipv4Addr>() {
        Ok(address) => address,
        Err(_) => enter(name, to)?.0.parse().map_err(|_| Failure::input(anyhow!("{to} has no address of its own")))?,
    };
    let (_, network) = enter(name, from)?;
    setns(&network, CloneFlags::CLONE_NEWNET).with_context(|| format!("cannot enter the network namespace of {from}"))?;
    let ns = Netns::current(from)?;
    let mut lost = 0;
    for number in 1..=4 {
        let reply = ping(&ns, address, Duration::from_secs(1))?;
        lost += u32::from(reply.is_none());
        console.data(&format!("{number}: {from} → {to} ({address}): {}\n", reply.map_or("no reply".into(), length)));
        if number < 4 {
            std::thread::sleep(Duration::from_secs(1).saturating_sub(reply.unwrap_or(Duration::from_secs(1))));
        }
    }
    if lost == 0 { Ok(()) } else { Err(Failure::Check) }
}

/// Enters the user namespace of a world, where it has one of its own; gives back the address and the network namespace of a host.
fn enter(name: &str, host: &str) -> Result<(String, OwnedFd), Failure> {
    let none = || anyhow!("no world named `{name}` is up; start one with `hybridge-lab up`");
    let (said, descriptors) = ask(name, &Request::Enter(host.into()))?.ok_or_else(none).map_err(Failure::Input)?;
    let [network, user]: [OwnedFd; 2] = descriptors.try_into().map_err(|_| Failure::Input(anyhow!(said.clone())))?;
    let inode = |file: File| file.metadata().map(|metadata| metadata.ino());
    if inode(user.try_clone()?.into())? != inode(File::open("/proc/self/ns/user")?)? {
        setns(&user, CloneFlags::CLONE_NEWUSER).context("cannot enter the world's user namespace")?;
    }
    Ok((said, network))
}
