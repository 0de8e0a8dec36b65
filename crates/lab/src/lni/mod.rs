//! Outposts servers with a local network interface (LNI), and a LAN that looks at them from outside.
//!
//! ```text
//!                       ┌────────── server ──────────┐
//!  host ── VPC router ──┤ primary          LNI       ├── LNI port ── switch ── cli
//!              │        │   │                        │                 │
//!              └────────┤ secondary  pod 1   pod 2   │             LAN router ── far (named by the profile)
//!                       └────────────────────────────┘                 └──────── remote (named by nobody)
//! ```
//!
//! Pod 1 has an address of the primary interface, pod 2 one of the secondary interface, with the VPC CNI's rules. The VPC router drops
//! what fails EC2's source/destination check; the LNI port what an LNI does not carry. Names of interfaces differ from world to world.

mod announcer;
mod cni;
pub mod hostile;
mod lan;
mod operator;
mod plan;
mod request;
mod rules;
mod server;
mod vpc;

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;

pub use announcer::Announcer;
pub use lan::{Lan, Mac, Port};
pub use operator::{Operator, Probe};
pub use plan::{LAN_ROUTER, MAX_SERVERS, Names, PORT, Policy, ServerPlan, Service, far_cidr, lan_cidr, vpc_cidr};
pub use request::{Answer, BRIEF, PATIENT, get};
pub use server::Server;
pub use vpc::Vpc;

use crate::netns::{Netns, Task};
use crate::nft::NftError;
pub use crate::topology::Host;
use crate::topology::WireError;

/// Why a world could not be built or changed.
#[derive(Debug, thiserror::Error)]
pub enum LniError {
    /// A namespace could not be made.
    #[error("cannot make network namespace `{name}`")]
    Namespace {
        /// Its name in the lab.
        name: String,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// Something that should listen cannot.
    #[error("`{name}` cannot listen")]
    Listen {
        /// What should listen.
        name: String,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// Wires, addresses, routes, rules.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// Rules of netfilter.
    #[error(transparent)]
    Nft(#[from] NftError),
}

/// Servers, their VPC and their LAN.
#[derive(Debug)]
pub struct World {
    /// The VPC.
    pub vpc: Vpc,
    /// A machine of the VPC.
    pub vpc_host: Host,
    /// The LAN.
    pub lan: Lan,
    /// The servers.
    pub servers: Vec<Server>,
    _answering: Vec<Task>,
}

impl World {
    /// Builds a world with up to [`MAX_SERVERS`] servers. Their LNIs are up and have no address.
    pub fn build(servers: u8, port: Port) -> Result<Self, LniError> {
        let mut vpc = Vpc::new()?;
        let vpc_host = vpc.host("vpc-host", plan::VPC_HOST)?;
        let lan = Lan::new()?;
        let servers = (0..servers).map(|number| Server::new(number, &mut vpc, &lan, port)).collect::<Result<Vec<_>, _>>()?;
        vpc.check_sources()?;
        let mut answering = Vec::new();
        for host in [&vpc_host, &lan.cli, &lan.far, &lan.remote] {
            answering.push(request::serve(&host.ns, PORT, host.name())?);
        }
        Ok(Self { vpc, vpc_host, lan, servers, _answering: answering })
    }
}

/// What the kernel of a machine believes: address of its neighbours → their MAC address, of those that answered.
pub fn neighbours(ns: &Netns) -> io::Result<BTreeMap<Ipv4Addr, String>> {
    const COMPLETE: u32 = 2;
    let text = ns.run(|| std::fs::read_to_string("/proc/thread-self/net/arp"))?;
    let entry = |line: &str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let flags = u32::from_str_radix(fields.get(2)?.trim_start_matches("0x"), 16).ok()?;
        (flags & COMPLETE != 0).then_some((fields[0].parse().ok()?, (*fields.get(3)?).to_owned()))
    };
    Ok(text.lines().skip(1).filter_map(entry).collect())
}

/// A counter of the kernel's TCP/IP, as `/proc/net/netstat` has it: `TcpExt`, `IPReversePathFilter`.
pub fn kernel_counter(ns: &Netns, group: &str, name: &str) -> io::Result<u64> {
    let text = ns.run(|| std::fs::read_to_string("/proc/thread-self/net/netstat"))?;
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(group)?.strip_prefix(':'));
    let (names, values) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let found = names.split_whitespace().zip(values.split_whitespace()).find(|(known, _)| *known == name);
    Ok(found.and_then(|(_, value)| value.parse().ok()).unwrap_or(0))
}

fn namespace(name: &str) -> Result<Netns, LniError> {
    Netns::new(name).map_err(|source| LniError::Namespace { name: name.into(), source })
}
