//! The LAN: a switch, its router, machines on both sides of it, and the port that an LNI is plugged into.

use std::fmt;
use std::net::Ipv4Addr;

use hybridge_model::Cidr4;

use super::plan::{CLI, FAR, FAR_ROUTER, LAN_ROUTER, REMOTE, REMOTE_ROUTER};
use super::{Host, LniError, namespace};
use crate::netns::Netns;
use crate::nft;
use crate::topology::WAN_MTU;
use crate::topology::wire::{self, Interface, Path};

/// What a server is plugged into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// The LNI port of an Outposts server, after AWS's documentation: only the interface's own MAC address, of broadcasts only ARP and
    /// DHCP, no multicast.
    Lni,
    /// An ordinary port of a switch.
    Switch,
}

/// The LAN.
#[derive(Debug)]
pub struct Lan {
    /// Holds the switch.
    pub switch: Netns,
    /// Routes between the LAN, what is behind it, and a network that no profile names.
    pub router: Netns,
    /// A machine of the LAN.
    pub cli: Host,
    /// A machine behind the router.
    pub far: Host,
    /// A machine behind the router, in a network that no profile names.
    pub remote: Host,
}

/// The bridge.
const SWITCH: &str = "switch";
/// Interface of each machine of the LAN.
const NIC: &str = "nic";

impl Lan {
    pub(super) fn new() -> Result<Self, LniError> {
        let switch = namespace("lan")?;
        wire::bridge(&switch, SWITCH)?;
        let router = namespace("lan-router")?;
        wire::sysctls(&router, &[("net/ipv4/ip_forward", "1")])?;
        plug(&switch, "uplink", (&router, "lan"))?;
        wire::configure(&Interface { ns: &router, name: "lan", addresses: vec![(LAN_ROUTER, 24)], paths: Vec::new() })?;
        let cli = namespace("cli")?;
        plug(&switch, "cli", (&cli, NIC))?;
        wire::configure(&Interface { ns: &cli, name: NIC, addresses: vec![(CLI, 24)], paths: vec![Path::default_via(LAN_ROUTER)] })?;
        let mut behind = Vec::new();
        for (name, address, gateway) in [("far", FAR, FAR_ROUTER), ("remote", REMOTE, REMOTE_ROUTER)] {
            let ns = namespace(name)?;
            wire::connect((&router, name), (&ns, NIC), WAN_MTU)?;
            wire::configure(&Interface { ns: &router, name, addresses: vec![(gateway, 24)], paths: Vec::new() })?;
            wire::configure(&Interface { ns: &ns, name: NIC, addresses: vec![(address, 24)], paths: vec![Path::default_via(gateway)] })?;
            behind.push(Host { ns, address });
        }
        let (remote, far) = (behind.pop().expect("two were made"), behind.pop().expect("two were made"));
        Ok(Self { switch, router, cli: Host { ns: cli, address: CLI }, far, remote })
    }

    /// Tells the machine of the LAN to reach an address by way of another one: what one route on a host of a LAN does.
    pub fn lead_back(&self, address: Ipv4Addr, via: Ipv4Addr) -> Result<(), LniError> {
        self.cli_path(Path::via(Cidr4::host(address), via))
    }

    /// Tells the machine of the LAN that an address is in the LAN, so that it asks for it by ARP.
    pub fn search(&self, address: Ipv4Addr) -> Result<(), LniError> {
        self.cli_path(Path::direct(Cidr4::host(address)))
    }

    /// Has the machine of the LAN forget who its neighbours are, as it does by itself after a while.
    pub fn forget(&self) -> Result<(), LniError> {
        wire::set_up(&self.cli.ns, NIC, false)?;
        self.cli_path(Path::default_via(LAN_ROUTER))
    }

    fn cli_path(&self, path: Path) -> Result<(), LniError> {
        Ok(wire::configure(&Interface { ns: &self.cli.ns, name: NIC, addresses: Vec::new(), paths: vec![path] })?)
    }

    /// Plugs in the interface `name` of a server, as its number `number`; both ends are up.
    pub(super) fn plug_server(&self, number: u8, server: (&Netns, &str), port: Port) -> Result<Mac, LniError> {
        let plugged = format!("port{number}");
        plug(&self.switch, &plugged, server)?;
        wire::configure(&Interface { ns: server.0, name: server.1, addresses: Vec::new(), paths: Vec::new() })?;
        let mac = Mac(wire::mac(server.0, server.1)?);
        if port == Port::Lni {
            nft::load(&self.switch, &filter(number, &plugged, mac))?;
        }
        Ok(mac)
    }
}

/// An Ethernet address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mac(pub [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

fn plug(switch: &Netns, port: &str, machine: (&Netns, &str)) -> Result<(), LniError> {
    wire::connect((switch, port), machine, WAN_MTU)?;
    Ok(wire::enslave(switch, SWITCH, port)?)
}

/// What an LNI port lets through, both ways.
fn filter(number: u8, port: &str, mac: Mac) -> String {
    format!(
        "table bridge lni_port{number} {{
  chain group {{
    ether type arp accept
    udp dport {{ 67, 68 }} meta pkttype broadcast accept
    counter drop
  }}
  chain from_server {{
    type filter hook prerouting priority filter; policy accept;
    iifname \"{port}\" ether saddr != {mac} counter drop
    iifname \"{port}\" meta pkttype {{ broadcast, multicast }} goto group
  }}
  chain to_server {{
    type filter hook postrouting priority filter; policy accept;
    oifname \"{port}\" meta pkttype {{ broadcast, multicast }} goto group
    oifname \"{port}\" ether daddr != {mac} counter drop
  }}
}}
"
    )
}
