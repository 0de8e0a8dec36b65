//! Somebody who types `hybridge lni …` on the machines of a world.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::SocketAddrV4;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use super::plan::{LAN_ROUTER, far_cidr, lan_cidr};
use super::server::Server;
use crate::netns::Netns;
use crate::topology::Host;

/// Port of probes.
const PROBE: u16 = 7105;
/// Addresses that Services get.
const POOL: &str = "192.168.2.160-192.168.2.190";

/// The program, and the files that it is given.
#[derive(Clone, Debug)]
pub struct Operator {
    hybridge: PathBuf,
    directory: PathBuf,
}

/// A probe that runs until this is dropped.
#[derive(Debug)]
pub struct Probe {
    /// Where it listens.
    pub address: SocketAddrV4,
    child: Child,
}

impl Drop for Probe {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

impl Operator {
    /// Writes the profile of a server's LNI (`lni.yaml`), and the token of its probes.
    pub fn new(hybridge: &Path, directory: &Path, server: &Server) -> io::Result<Self> {
        fs::write(directory.join("lni.yaml"), profile(server))?;
        let token: u128 = rand::random();
        let mut file = fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(directory.join("token"))?;
        write!(file, "{token:032x}")?;
        Ok(Self { hybridge: hybridge.into(), directory: directory.into() })
    }

    /// `hybridge lni probe` on a machine; returns once it listens.
    pub fn probe(&self, host: &Host) -> io::Result<Probe> {
        let address = SocketAddrV4::new(host.address, PROBE);
        let mut command = self.command(&host.ns, "probe");
        command.args(["--listen", &address.to_string(), "--allow", POOL]).arg("--token-file").arg(self.directory.join("token"));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let mut said = BufReader::new(child.stderr.take().expect("it is piped"));
        let mut line = String::new();
        said.read_line(&mut line)?;
        let probe = Probe { address, child };
        if line.starts_with("listens on") { Ok(probe) } else { Err(io::Error::other(format!("the probe says: {line}"))) }
    }

    /// `hybridge lni apply` on a server.
    pub fn apply(&self, server: &Server) -> io::Result<Output> {
        self.on_server(server, "apply").output()
    }

    /// `hybridge lni verify` on a server, out of these probes, for these addresses.
    pub fn verify(&self, server: &Server, probes: &[&Probe], vips: &[SocketAddrV4], further: &[&str]) -> io::Result<Output> {
        let mut command = self.on_server(server, "verify");
        command.arg("--token-file").arg(self.directory.join("token")).args(further);
        for probe in probes {
            command.args(["--probe", &probe.address.to_string()]);
        }
        for vip in vips {
            command.args(["--vip", &vip.to_string()]);
        }
        command.output()
    }

    fn on_server(&self, server: &Server, what: &str) -> Command {
        let mut command = self.command(&server.node, what);
        command.arg("-c").arg(self.directory.join("lni.yaml")).arg("--state-dir").arg(self.directory.join("state"));
        command
    }

    fn command(&self, ns: &Netns, what: &str) -> Command {
        let mut command = ns.command(&self.hybridge);
        // There is no instance metadata here; the LNI is told by its MAC address.
        command.args(["lni", what]).env("AWS_EC2_METADATA_DISABLED", "true").stdin(Stdio::null());
        command
    }
}

fn profile(server: &Server) -> String {
    format!(
        "lni:
  match: {{ mac: \"{}\" }}
  mtu: 1500
  address: {{ mode: static, cidr: {}/24, gateway: {LAN_ROUTER} }}
  lan: {{ cidrs: [{}, {}] }}
  vips: {{ pools: [{POOL}], announcer: metallb }}
",
        server.lni_mac,
        server.plan.lni,
        lan_cidr(),
        far_cidr()
    )
}
