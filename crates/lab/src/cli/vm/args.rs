//! Arguments of `hybridge-lab vm`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::super::args::Time;

/// What `hybridge-lab vm --help` ends with.
pub(in crate::cli) const EXAMPLES: &str = "Examples:
  hybridge-lab vm up --cpus 2 --share target/real
  hybridge-lab vm exec vm -- systemctl status
  hybridge-lab vm exec vm --stdin -- sh -s
  hybridge-lab vm copy target/debug/hybridge vm:/usr/local/bin/hybridge
  hybridge-lab vm copy vm:/var/log/syslog syslog
  hybridge-lab vm console vm
  hybridge-lab vm down vm

QEMU and the image of the machine come from `cargo xtask real`. The machine reaches 10.99.0.1, a namespace of its own, and
nothing of this host or beyond. Its disk is forgotten when it goes down.";

/// What is done with machines.
#[derive(Subcommand)]
pub(in crate::cli) enum VmCommand {
    /// Starts a machine in a namespace of its own, in the background; returns once systemd has started everything
    Up(UpArgs),
    /// Runs a command in a machine and ends with its exit code
    Exec {
        /// Machine
        name: String,
        /// Passes on standard input, to its end, before the command starts
        #[arg(short = 'i', long)]
        stdin: bool,
        /// How long the command may take
        #[arg(long, default_value = "10m", value_name = "TIME")]
        timeout: Time,
        /// Command with its arguments; its output is shown when it has ended
        #[arg(last = true, required = true, value_name = "COMMAND")]
        command: Vec<String>,
    },
    /// Copies a file into a machine or out of it; one of both is NAME:PATH
    Copy {
        /// File to read
        #[arg(value_name = "[NAME:]PATH")]
        from: String,
        /// File to write
        #[arg(value_name = "[NAME:]PATH")]
        to: String,
    },
    /// Shows what a machine has written to its console: kernel and systemd
    Console {
        /// Machine
        name: String,
    },
    /// Lists the machines that are up
    List,
    /// Ends a machine
    Down {
        /// Machine
        name: String,
    },
}

/// Which machine to start.
#[derive(Args)]
pub(in crate::cli) struct UpArgs {
    /// Its name, also as a host
    #[arg(long, default_value = "vm", value_name = "NAME")]
    pub(super) name: String,
    /// Memory in MiB
    #[arg(long, default_value_t = 1024, value_name = "MIB", value_parser = clap::value_parser!(u32).range(256..=65536))]
    pub(super) memory: u32,
    /// Processors
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=16))]
    pub(super) cpus: u8,
    /// A further NVMe disk of so many MiB, as EC2's local disks; may be given several times
    #[arg(long = "disk", value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub(super) disks: Vec<u32>,
    /// A folder of this host that the machine has at /mnt/lab
    #[arg(long, value_name = "DIR")]
    pub(super) share: Option<PathBuf>,
    /// Stays in the foreground until Ctrl-C or `vm down`
    #[arg(long)]
    pub(in crate::cli) foreground: bool,
}

impl UpArgs {
    /// The command line of the same machine in the foreground.
    pub(super) fn in_foreground(&self) -> impl Iterator<Item = OsString> {
        std::env::args_os().skip(1).chain(["--foreground".into()])
    }
}
