//! From arguments to a world that carries traffic.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use hybridge_lab::topology::Size;
use hybridge_lab::world::{Delays, Ec2Kind, HostKind, KubeKind, World, WorldConfig, builtin_tables};

use super::Failure;
use super::args::{Ec2Arg, HostArg, KubeArg, WorldArgs};

/// How long a world may take from its start until packets cross.
const CARRYING: Duration = Duration::from_secs(30);

/// What a world is made of, and where its files go.
pub(super) fn config(args: &WorldArgs, out: Option<PathBuf>) -> Result<WorldConfig, Failure> {
    let gateway_bin = match &args.gateway_bin {
        Some(path) => existing(path)?,
        None => own_gateway()?,
    };
    if args.ec2 == Ec2Arg::Moto && !args.ec2_latency.0.is_zero() {
        return Err(Failure::Input(anyhow!("--ec2-latency needs --ec2 builtin: moto cannot be made slow")));
    }
    let directory = directory(out)?;
    Ok(WorldConfig {
        size: Size { hybrid_nodes: args.nodes, gateway_hosts: args.gateways, second_vpc_cidr: args.second_vpc_cidr, node_pods: 0 },
        replicas: args.gateways,
        kube: match args.kube {
            KubeArg::Builtin => KubeKind::Builtin(args.vtep.into()),
            KubeArg::Real => KubeKind::Real(args.vtep.into()),
        },
        ec2: match args.ec2 {
            Ec2Arg::Builtin => Ec2Kind::Builtin,
            Ec2Arg::Moto => Ec2Kind::Moto,
        },
        host: match args.host {
            HostArg::Plain => HostKind::Plain,
            HostArg::Eks => HostKind::Eks,
        },
        gateway_args: args.gateway_arg.clone(),
        delays: delays(args)?,
        ..WorldConfig::new(gateway_bin, directory)
    })
}

/// Starts a world and waits until packets cross; says how long each took.
pub(super) fn start(config: &WorldConfig) -> Result<(World, Duration, Duration), Failure> {
    let begin = Instant::now();
    let world = World::start(config)?;
    let started = begin.elapsed();
    world.wait_carrying(CARRYING)?;
    Ok((world, started, begin.elapsed()))
}

fn delays(args: &WorldArgs) -> Result<Delays, Failure> {
    let mut delays = Delays { ec2: args.ec2_latency.0, ..Delays::default() };
    let tables = builtin_tables();
    for delay in &args.route_effect_delay {
        let Some(name) = &delay.name else {
            delays.routes.default = delay.time;
            continue;
        };
        if args.ec2 == Ec2Arg::Moto {
            return Err(Failure::Input(anyhow!("--route-effect-delay {name}=…: moto names its own tables; give one time for all")));
        }
        let table = tables.iter().find(|table| table.as_str() == name);
        let unknown = || anyhow!("--route-effect-delay: there is no route table `{name}`; there are {} and {}", tables[0], tables[1]);
        delays.routes.per_table.insert(table.ok_or_else(unknown).map_err(Failure::Input)?.clone(), delay.time);
    }
    let nodes: Vec<String> = (1..=args.nodes).map(|number| format!("hybrid-{number}")).collect();
    for delay in &args.vtep_delay {
        match &delay.name {
            None => delays.vtep = delay.time,
            Some(node) if nodes.contains(node) => drop(delays.vtep_of_node.insert(node.clone(), delay.time)),
            Some(node) => {
                let unknown = anyhow!("--vtep-delay: there is no hybrid node `{node}`; there are {}", nodes.join(", "));
                return Err(Failure::Input(unknown));
            }
        }
    }
    Ok(delays)
}

pub(super) fn existing(path: &Path) -> Result<PathBuf, Failure> {
    path.canonicalize().with_context(|| format!("cannot find {}", path.display())).map_err(Failure::Input)
}

pub(super) fn own_gateway() -> Result<PathBuf, Failure> {
    beside("hybridge-gateway", "cargo build -p hybridge-gatewayd", "--gateway-bin")
}

/// A program beside this one; what builds it, and the flag that names another one, for where it is not.
pub(super) fn beside(program: &str, build: &str, flag: &str) -> Result<PathBuf, Failure> {
    let own = std::env::current_exe().context("cannot find out where this program is")?;
    let path = own.with_file_name(program);
    if path.exists() {
        return Ok(path);
    }
    Err(Failure::Input(anyhow!("there is no {program} beside this program\n  hint: build it with `{build}`, or name another with {flag}")))
}

pub(super) fn directory(out: Option<PathBuf>) -> Result<PathBuf, Failure> {
    let Some(path) = out else {
        let made = tempfile::Builder::new().prefix("hybridge-lab-").tempdir().context("cannot make a directory for logs")?;
        return Ok(made.keep());
    };
    let cannot = || format!("--out {}", path.display());
    std::fs::create_dir_all(&path).with_context(cannot).map_err(Failure::Input)?;
    path.canonicalize().with_context(cannot).map_err(Failure::Input)
}
