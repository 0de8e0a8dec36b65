//! `demo --lni`: the LNI of an Outposts server, before and after.

use std::path::PathBuf;
use std::process::Output;
use std::time::Instant;

use hybridge_lab::lni::{Announcer, Answer, BRIEF, Host, Operator, PATIENT, Policy, Port, Probe, Service, World, get};
use hybridge_lab::report::figures::length;

use super::Failure;
use super::console::Console;
use super::setup;

const PICTURE: &str = "
                      ┌────────── server ──────────┐
  VPC ── VPC router ──┤ primary          LNI       ├── LNI port ── switch ── cli  192.168.2.100
             │        │   │   192.168.2.10         │                 │
             └────────┤ secondary   pod 1   pod 2  │             LAN router ── far  192.168.50.100
                      └────────────────────────────┘

  Every box is a network namespace of this machine. The server has the rules of the VPC CNI and of kube-proxy; the VPC router drops
  what fails EC2's source/destination check, the LNI port what an LNI does not carry. Something announces the addresses of Services
  in the LAN, as MetalLB does in layer 2 mode.
";

pub(super) fn demo(out: Option<PathBuf>) -> Result<(), Failure> {
    let begin = Instant::now();
    let console = Console::new();
    let hybridge = setup::beside("hybridge", "cargo build -p hybridge", "PATH")?;
    let directory = setup::directory(out)?;
    console.data(PICTURE);
    let world = World::build(1, Port::Lni)?;
    let stage = Stage { services: Service::all_of(&world.servers[0].plan), world, console };
    let server = &stage.world.servers[0];
    server.proxy(&stage.services)?;
    let _announcer = Announcer::start(server, stage.services.iter().map(|service| *service.vip.ip()))?;
    let operator = Operator::new(&hybridge, &directory, server)?;
    let probes = [operator.probe(&stage.world.lan.cli)?, operator.probe(&stage.world.lan.far)?];

    stage.title("Before: the LNI is up, and nobody has set it up");
    let broken = stage.curls(false);
    stage.verify(&operator, &probes)?;
    stage.title("hybridge lni apply -c lni.yaml");
    stage.show(&operator.apply(server)?);
    stage.title("After");
    let works = stage.curls(true);
    let verified = stage.verify(&operator, &probes)?;
    let good = broken && works && verified;
    let sign = if good { "OK" } else { "FAILED" };
    let says = "what only the node could reach, the LAN reaches: pods of both interfaces, both policies, same subnet and routed";
    stage.console.data(&format!("\n{sign}  {says}. {}, profile in {}.\n", length(begin.elapsed()), directory.display()));
    if good { Ok(()) } else { Err(Failure::Check) }
}

struct Stage {
    world: World,
    services: Vec<Service>,
    console: Console,
}

impl Stage {
    fn title(&self, what: &str) {
        self.console.data(&format!("\n── {what}\n\n"));
    }

    /// A curl of each Service from the node and from outside; whether the node is answered, and the LAN as expected.
    fn curls(&self, expected: bool) -> bool {
        let server = &self.world.servers[0];
        let node = Host { ns: server.node.clone(), address: server.plan.primary };
        let mut good = true;
        for (service, pod) in self.services.iter().zip(["pod 1", "pod 1", "pod 2", "pod 2"]) {
            let policy = match service.policy {
                Policy::Cluster => "Cluster",
                Policy::Local => "Local",
            };
            for (from, hope) in [(&node, true), (&self.world.lan.cli, expected), (&self.world.lan.far, expected)] {
                let answer = get(&from.ns, service.vip, if hope { PATIENT } else { BRIEF });
                good &= answer.is_good() == hope;
                let told = match &answer {
                    Answer::From { client, .. } => format!("200 OK, the pod sees {client}"),
                    Answer::Refused | Answer::Silence | Answer::Other(_) => answer.to_string(),
                };
                let name = from.name();
                self.console.data(&format!("  {name:>8}$ curl http://{}   {pod}, {policy:<7}  {told}\n", service.vip.ip()));
            }
        }
        good
    }

    /// Whether all is well.
    fn verify(&self, operator: &Operator, probes: &[Probe]) -> Result<bool, Failure> {
        let vips: Vec<_> = self.services.iter().take(4).map(|service| service.vip).collect();
        let probes: Vec<_> = probes.iter().collect();
        self.title("hybridge lni verify -c lni.yaml --probe 192.168.2.100:7105 --probe 192.168.50.100:7105 --vip …");
        let output = operator.verify(&self.world.servers[0], &probes, &vips, &["--patience", "1000"])?;
        self.show(&output);
        Ok(output.status.success())
    }

    fn show(&self, output: &Output) {
        for line in String::from_utf8_lossy(&output.stdout).lines().chain(String::from_utf8_lossy(&output.stderr).lines()) {
            self.console.data(&format!("  {line}\n"));
        }
    }
}
