//! `vm`: machines of their own for people to play with.
//!
//! The process that `vm up` leaves behind holds a machine and its namespaces. Others reach it by its [`Control`] socket, which
//! says where the machine's files are, and command the machine themselves.

mod args;

use std::io::{self, Read as _, Write as _};
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use hybridge_lab::netns::Netns;
use hybridge_lab::real::Parts;
use hybridge_lab::report::figures::length;
use hybridge_lab::vm::{self, BOOT, Guest, Vm, VmConfig};

use super::console::Console;
use super::control::{Control, Request, ask};
use super::{Failure, isolated, setup, up};
use args::UpArgs;
pub(super) use args::{EXAMPLES, VmCommand};

/// In front of the names of machines, to tell them from worlds.
const KIND: &str = "vm/";

/// Address of the namespace on the machine's wire.
const NEAR: (Ipv4Addr, u8) = (Ipv4Addr::new(10, 99, 0, 1), 24);

/// Address of the machine.
const MACHINE: (Ipv4Addr, u8) = (Ipv4Addr::new(10, 99, 0, 2), 24);

/// How long `vm up` waits, beside the start itself, for other machines to end.
const STARTED: Duration = Duration::from_secs(900);

/// Runs one of the commands.
pub(super) fn run(command: VmCommand) -> Result<(), Failure> {
    match command {
        VmCommand::Up(args) if args.foreground => {
            let control = Control::claim(&format!("{KIND}{}", args.name));
            let taken = || format!("is a machine named `{0}` up already? End it with `hybridge-lab vm down {0}`", args.name);
            let control = control.with_context(taken).map_err(Failure::Input)?;
            isolated(|| hold(&args, control))
        }
        VmCommand::Up(args) => detach(&args),
        VmCommand::Exec { name, stdin, timeout, command } => exec(&name, stdin, timeout.0, &command),
        VmCommand::Copy { from, to } => copy(&from, &to),
        VmCommand::Console { name } => {
            Console::new().data(&find(&name)?.console());
            Ok(())
        }
        VmCommand::List => list(),
        VmCommand::Down { name } => down(&name),
    }
}

/// Keeps a machine until a signal or `vm down`.
fn hold(args: &UpArgs, control: Control) -> Result<(), Failure> {
    let console = Console::new();
    let share = args.share.as_deref().map(setup::existing).transpose()?;
    let ns = Netns::new("vm").context("cannot make a network namespace")?;
    vm::bridge(&ns, NEAR)?;
    let config = VmConfig {
        memory: args.memory,
        cpus: args.cpus,
        gateway: Some(NEAR.0),
        disks: &args.disks,
        share: share.as_deref(),
        ..VmConfig::new(&args.name, (&ns, vm::BRIDGE), MACHINE)
    };
    let start = Instant::now();
    let machine = Vm::start(&Parts::find().map_err(Failure::input)?, &config).map_err(Failure::input)?;
    machine.wait_running(BOOT)?;
    console.data(&overview(&machine, start.elapsed()));

    let (ended, end) = mpsc::channel();
    let (by_request, directory) = (ended.clone(), machine.directory().display().to_string());
    // The name stays taken until nothing is left of the machine; that is what `vm down` waits for.
    let control = Arc::new(control);
    let of_thread = Arc::clone(&control);
    std::thread::spawn(move || {
        serve(&of_thread, &directory);
        // The receiver can only be gone because the machine has ended already.
        let _over = by_request.send("`hybridge-lab vm down`");
    });
    std::thread::spawn(move || {
        let _over = ended.send(up::wait_for_signal());
    });
    let reason = end.recv().context("nobody is left who could end the machine")?;
    console.say(&format!("ended by {reason}"));
    drop(machine);
    drop(control);
    Ok(())
}

/// Says where the machine's files are until somebody asks for the end.
fn serve(control: &Control, directory: &str) {
    while let Ok((request, caller)) = control.next() {
        // A caller that went away before its answer came does not matter to the machine.
        let _gone = match request {
            Request::Ready | Request::Enter(_) => caller.answer(directory, &[]),
            Request::Down => {
                let _gone = caller.answer("down", &[]);
                return;
            }
        };
    }
}

fn overview(machine: &Vm, took: Duration) -> String {
    let name = machine.name();
    format!(
        "Machine `{name}` runs after {}; its address is {}, this side's {}.\n\n\
         Try:       hybridge-lab vm exec {name} -- systemctl status\n\
         Files:     {}\n{}    hybridge-lab vm down {name}\n",
        length(took),
        MACHINE.0,
        NEAR.0,
        machine.directory().display(),
        up::END,
    )
}

fn detach(args: &UpArgs) -> Result<(), Failure> {
    let name = &args.name;
    if ask(&format!("{KIND}{name}"), &Request::Ready)?.is_some() {
        return Err(Failure::input(anyhow!("a machine named `{name}` is up already; end it with `hybridge-lab vm down {name}`")));
    }
    let mut command = Command::new(std::env::current_exe().context("cannot find out where this program is")?);
    command.args(args.in_foreground());
    up::in_background(command, STARTED)
}

fn exec(name: &str, stdin: bool, timeout: Duration, command: &[String]) -> Result<(), Failure> {
    let machine = find(name)?;
    let mut input = Vec::new();
    if stdin {
        io::stdin().read_to_end(&mut input).context("cannot read standard input")?;
    }
    let (program, arguments) = command.split_first().expect("clap asks for at least one word");
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = machine.run_within(timeout, program, &arguments, &input).map_err(Failure::input)?;
    Console::new().data(&output.stdout);
    // A reader that has gone away has what it wanted.
    let _gone = io::stderr().write_all(output.stderr.as_bytes());
    match u8::try_from(output.code) {
        Ok(0) => Ok(()),
        Ok(code) => Err(Failure::Code(code)),
        Err(_) => Err(Failure::Code(u8::MAX)),
    }
}

fn copy(from: &str, to: &str) -> Result<(), Failure> {
    match (inside(from), inside(to)) {
        (None, Some((name, path))) => {
            let file = setup::existing(Path::new(from))?;
            Ok(find(name)?.copy_in(&file, path)?)
        }
        (Some((name, path)), None) => {
            let machine = find(name)?;
            let content = machine.read(path).map_err(Failure::input)?;
            let mode = machine.sh(&format!("stat -L -c %a '{path}'"))?;
            let cannot = || format!("cannot write {to}");
            std::fs::write(to, content).with_context(cannot).map_err(Failure::Input)?;
            let mode = u32::from_str_radix(mode.trim(), 8).context("stat says no permissions")?;
            Ok(std::fs::set_permissions(to, std::fs::Permissions::from_mode(mode)).with_context(cannot)?)
        }
        (None, None) | (Some(_), Some(_)) => {
            Err(Failure::Input(anyhow!("one of `{from}` and `{to}` has to be NAME:PATH, with the name of a machine")))
        }
    }
}

/// Machine and path of `NAME:PATH`; a slash in front of the colon makes it a path of this host.
fn inside(text: &str) -> Option<(&str, &str)> {
    text.split_once(':').filter(|(name, _)| !name.contains('/'))
}

fn list() -> Result<(), Failure> {
    let sockets = std::fs::read_to_string("/proc/net/unix").context("cannot list sockets")?;
    let mut names: Vec<&str> = sockets.lines().filter_map(|line| line.rsplit_once(" @hybridge-lab/vm/")).map(|(_, name)| name).collect();
    names.sort_unstable();
    names.dedup();
    let mut text = String::new();
    for name in names {
        // One that is of another user, or that has just ended, is not listed.
        if let Ok(Some((directory, _))) = ask(&format!("{KIND}{name}"), &Request::Ready) {
            text.push_str(&format!("{name:<20} {directory}\n"));
        }
    }
    Console::new().data(if text.is_empty() { "no machine is up\n" } else { &text });
    Ok(())
}

fn down(name: &str) -> Result<(), Failure> {
    let full = format!("{KIND}{name}");
    if ask(&full, &Request::Down)?.is_none() {
        Console::new().say(&format!("no machine named `{name}` is up"));
        return Ok(());
    }
    while ask(&full, &Request::Ready).is_ok_and(|answer| answer.is_some()) {
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn find(name: &str) -> Result<Guest, Failure> {
    let none = || anyhow!("no machine named `{name}` is up; `hybridge-lab vm list` shows those that are, `hybridge-lab vm up` starts one");
    let (directory, _) = ask(&format!("{KIND}{name}"), &Request::Ready)?.ok_or_else(none).map_err(Failure::Input)?;
    Ok(Guest::at(name, PathBuf::from(directory)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_inside_a_machine_has_its_name_in_front() {
        assert_eq!(inside("vm:/etc/fstab"), Some(("vm", "/etc/fstab")));
        assert_eq!(inside("./vm:/etc/fstab"), None);
        assert_eq!(inside("fstab"), None);
    }
}
