//! `demo`: everything in a minute.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use hybridge_lab::fault::Fault;
use hybridge_lab::probe::Load;
use hybridge_lab::report::figures::length;
use hybridge_lab::report::{Verdict, timeline};
use hybridge_lab::scenario::{Conclusion, Scenario};
use hybridge_lab::story::{Programs, Story, since};
use hybridge_lab::world::{World, ping};

use super::Failure;
use super::args::WorldArgs;
use super::console::Console;
use super::{run, setup};

const PICTURE: &str = "
  cloud pod ── cloud node ─┐                               ┌─ hybrid-1 ── pod
  10.0.3.20    10.0.3.10   │                               │  192.168.10.11  10.250.1.10
               gateway A ──┼─ VPC router ─ WAN ─ site router ┤
               10.0.1.10   │     │                         │
               gateway B ──┘  API server, EC2 API          └─ hybrid-2 … ── pod
               10.0.2.10      10.0.100.10  10.0.101.10        192.168.10.12  10.250.2.10

  Every box is a network namespace of this machine. The VPC router obeys the EC2 API, the hybrid
  nodes obey CiliumVTEPConfig. From cloud pod to pod: VPC route → a gateway → VXLAN → hybrid node.
";

pub(super) fn demo(args: &WorldArgs, out: Option<PathBuf>) -> Result<(), Failure> {
    let console = Console::new();
    let config = setup::config(args, out)?;
    console.data(PICTURE);
    console.data("\n");
    let (mut world, started, carrying) = setup::start(&config)?;
    console.data(&format!("Started in {}; packets cross after {}.\n", length(started), length(carrying)));
    ping_both_ways(&world, &console)?;

    let mut conclusions = Vec::new();
    for (title, what, fault) in [
        ("Rolling restart", "each gateway is asked to end and started again", Fault::Restart),
        ("Host loss", "the links of the gateway that carries the traffic go down", Fault::HostLoss),
    ] {
        console.data(&format!("\n{title}: {what}, under 1,000 packets a second each way.\n{}\n", run::COUNTERS));
        let load = Load { streams: 4, ..Load::default() };
        let scenario = Scenario { load, patience: Duration::from_secs(15), ..Scenario::new(title, vec![fault]) };
        let conclusion = run::observed(&mut world, &scenario, &console)?;
        let stuck = conclusion.stuck.is_some();
        conclusions.push(conclusion);
        if stuck {
            break;
        }
    }
    conclude(&world, &conclusions, &console)
}

fn conclude(world: &World, conclusions: &[Conclusion], console: &Console) -> Result<(), Failure> {
    let runs: Vec<_> = conclusions.iter().map(|conclusion| conclusion.run.clone()).collect();
    run::save(&world.directory, &runs)?;
    for run in &runs {
        console.data(&format!("\n{}\n{}", run.title, timeline::render(run)));
    }
    let directory = world.directory.display();
    console.data(&format!("\nPicture: {directory}/timeline.svg, reports and logs beside it.\n\n"));
    let verdicts: Vec<String> = runs.iter().map(|run| format!("{}: {}.", run.title, Verdict::of(run))).collect();
    let good = run::verdict(conclusions, console);
    let sign = if good.is_ok() { "OK" } else { "FAILED" };
    console.data(&format!("{sign}  {}\n", verdicts.join(" ")));
    good
}

fn ping_both_ways(world: &World, console: &Console) -> Result<(), Failure> {
    let cloud = &world.topology.cloud_pod;
    for hybrid in &world.topology.hybrid {
        for (from, to) in [(cloud, &hybrid.pod), (&hybrid.pod, cloud)] {
            let reply = ping(&from.ns, to.address, Duration::from_secs(1))?;
            let text = reply.map_or("no reply".into(), length);
            console.data(&format!("  ping {:>13} → {:<13} {text}\n", from.name(), to.name()));
        }
    }
    Ok(())
}

const STORY: &str = "
  pod ── cloud node ─┐                                ┌─ hybrid-1, a virtual machine ── pod
         gateway A ──┼─ VPC router ─ WAN ─ site router ┤
         gateway B ──┘     │                          └─ hybrid-2, a virtual machine ── pod
                      API server, AWS

  etcd, kube-apiserver, containerd, kubelets, systemd and the kernels of the machines are real ones.
  hybridge cluster makes the cluster in an emulator of AWS; what it hands over is what nodes and gateways are started with.
";

/// `demo --full`: the whole story.
pub(super) fn full(out: Option<PathBuf>) -> Result<(), Failure> {
    let console = Console::new();
    let gateway = setup::own_gateway()?;
    let programs = Programs { hybridge: setup::existing(&gateway.with_file_name("hybridge"))?, lab: std::env::current_exe()?, gateway };
    let directory = setup::directory(out)?;
    console.data(STORY);
    console.data("\n");
    let begin = Instant::now();
    let line = |text: &str| console.data(&format!("{text}\n"));
    let mut story = Story::start(&programs, directory.clone(), &line)?;
    let carries = story.wait_crossing()?;
    line(&format!("{}  packets cross through {}", since(begin), story.world.gateways[carries].name()));
    let mut good = true;
    for (from, to, answer) in story.talk()? {
        good &= answer == to;
        line(&format!("{}  {from} asks {to} who it is: {answer}", since(begin)));
    }
    let takeover = story.take_over()?;
    line(&format!("{}  {} was asked to end; {} took over in {}", since(begin), takeover.from, takeover.to, length(takeover.within)));
    let (asked, answered) = (takeover.of_cloud.0 + takeover.of_hybrid.0, takeover.of_cloud.1 + takeover.of_hybrid.1);
    good &= takeover.lost() == 0;
    let sign = if good { "OK" } else { "FAILED" };
    drop(story);
    line(&format!(
        "\n{sign}  A cluster was created and handed over; two machines joined by hybridge node init; pods of both sides talk; a gateway ended and {} of {} pings were answered. {}, logs in {}.",
        answered,
        asked,
        length(begin.elapsed()),
        directory.display()
    ));
    if good { Ok(()) } else { Err(Failure::Check) }
}
