//! A world in which one gateway is started again and again, each time as if none had ever run.

use std::fs;
use std::time::{Duration, Instant};

use hybridge_gateway::routes::History;
use nix::sys::signal::Signal;

use super::inprocess::remove_data_path;
use super::{Apis, BenchError, Subject};
use crate::kube::VtepCrd;
use crate::topology::pod_cidr;
use crate::world::{Ec2Kind, KubeKind, NAMESPACE, World, WorldConfig, WorldError};

/// How long anything of a world may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// After clearing up, before the next start: watches and polls come to rest.
const CALM: Duration = Duration::from_millis(500);
/// The default name of the gateways' Lease.
const LEASE: &str = "hybrid-gateway-leader";
/// The gateway that is measured.
const GATEWAY: usize = 0;

/// The world of the picture, before any gateway.
pub(super) struct Stage {
    pub(super) world: World,
}

impl Stage {
    pub(super) fn build(subject: &Subject<'_>, apis: Apis) -> Result<Self, BenchError> {
        let mut config = config(subject)?;
        config.replicas = 0;
        if apis == Apis::Real {
            (config.kube, config.ec2) = (KubeKind::Real(VtepCrd::LongestPrefix), Ec2Kind::Moto);
        }
        let stage = Self { world: World::start(&config)? };
        std::thread::sleep(CALM);
        Ok(stage)
    }

    /// Starts the gateway; says since when it runs.
    pub(super) fn start(&mut self) -> Result<Instant, BenchError> {
        let begin = Instant::now();
        self.world.start_gateway(GATEWAY)?;
        Ok(begin)
    }

    /// The gateway's process.
    pub(super) fn pid(&mut self) -> Result<u32, BenchError> {
        let gateway = &mut self.world.gateways[GATEWAY];
        let ended = std::io::Error::other("it has ended");
        gateway.pid().ok_or(ended).map_err(BenchError::machine(format!(
            "look at {}; {} may say more",
            gateway.name(),
            gateway.log.display()
        )))
    }

    /// Kills the gateway and takes away everything that it has made.
    pub(super) fn clear(&mut self) -> Result<(), BenchError> {
        let world = &mut self.world;
        world.wait("the gateway's routes and CiliumVTEPConfig", PATIENCE, |world| world.active() == Some(GATEWAY))?;
        world.gateways[GATEWAY].signal(Signal::SIGKILL).map_err(WorldError::from)?;
        world.gateways[GATEWAY].wait(PATIENCE).map_err(WorldError::from)?;
        let lease = format!("/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/{LEASE}");
        let history = format!("/api/v1/namespaces/{NAMESPACE}/configmaps/{}", History::CONFIG_MAP);
        for path in [lease, history] {
            world.cluster.delete(&path).map_err(WorldError::from)?;
        }
        world.cluster.delete_vtep().map_err(WorldError::from)?;
        world.cloud.delete_route(pod_cidr()).map_err(WorldError::from)?;
        remove_data_path(&world.gateways[GATEWAY].leg.host.ns)?;
        world.wait("the routes to go", PATIENCE, |world| world.routes_to().is_none())?;
        std::thread::sleep(CALM);
        Ok(())
    }
}

/// The world of the picture with the program that is measured.
pub(super) fn config(subject: &Subject<'_>) -> Result<WorldConfig, BenchError> {
    let directory = &subject.directory;
    fs::create_dir_all(directory).map_err(BenchError::machine(format!("make {}", directory.display())))?;
    Ok(WorldConfig::new(subject.program, directory))
}
