//! What can be done to a world, and how it is undone.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use hybridge_model::Cidr4;
use nix::sys::signal::Signal;

use crate::journal::Source;
use crate::topology::pod_cidr;
use crate::world::{World, WorldError};

/// Kubernetes' default grace period of a pod between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(30);
/// How long a gateway that was started again may take to be ready, and the pair of them to carry traffic.
const READY: Duration = Duration::from_secs(30);
/// Between the end of a gateway and the start of the one that replaces it on the same node: about what scheduler, kubelet and
/// container runtime take.
const REPLACEMENT: Duration = Duration::from_secs(2);
/// Between the start of a gateway and the end of the next one: `initialDelaySeconds` of the reference chart's readiness probe.
const READINESS_DELAY: Duration = Duration::from_secs(5);
/// The gateways' tunnel device.
const GATEWAY_DEVICE: &str = "hybrid_vxlan0";

/// Something that goes wrong. Where it hits a gateway, it hits the one that carries the traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The gateway's process gets SIGTERM.
    Sigterm,
    /// Rolling restart: each gateway gets SIGTERM, ends, and starts again, one after the other.
    Restart,
    /// The gateway's process gets SIGKILL; its host goes on.
    Sigkill,
    /// The links of the gateway's host go down.
    HostLoss,
    /// The gateway's instance is terminated.
    Terminate,
    /// The CiliumNode of the first hybrid node is deleted.
    NodeDelete,
    /// The first hybrid node gets another pod network.
    PodCidrMove,
    /// The routes to the hybrid pods are deleted from every route table.
    RouteDelete,
    /// CiliumVTEPConfig is deleted.
    VtepDelete,
    /// The gateway's tunnel device is deleted.
    DeviceDelete,
    /// The API server stops answering.
    KubeDown,
    /// Every call of the EC2 API fails.
    Ec2Fail,
}

/// What ends a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The gateways: traffic must come back although the fault stays.
    Gateways,
    /// Its undoing: before that, traffic may be cut (or must not suffer at all).
    Undo,
}

/// A name that is no fault's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no fault; there are {list}", list = Fault::ALL.map(Fault::name).join(", "))]
pub struct UnknownFault(String);

impl Fault {
    /// All of them, in the order in which help shows them.
    pub const ALL: [Self; 12] = [
        Self::Sigterm,
        Self::Restart,
        Self::Sigkill,
        Self::HostLoss,
        Self::Terminate,
        Self::NodeDelete,
        Self::PodCidrMove,
        Self::RouteDelete,
        Self::VtepDelete,
        Self::DeviceDelete,
        Self::KubeDown,
        Self::Ec2Fail,
    ];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sigterm => "sigterm",
            Self::Restart => "restart",
            Self::Sigkill => "sigkill",
            Self::HostLoss => "host-loss",
            Self::Terminate => "terminate",
            Self::NodeDelete => "node-delete",
            Self::PodCidrMove => "pod-cidr-move",
            Self::RouteDelete => "route-delete",
            Self::VtepDelete => "vtep-delete",
            Self::DeviceDelete => "device-delete",
            Self::KubeDown => "kube-down",
            Self::Ec2Fail => "ec2-fail",
        }
    }

    /// What happens, in one line.
    pub const fn help(self) -> &'static str {
        match self {
            Self::Sigterm => "the gateway's process is asked to end",
            Self::Restart => "each gateway is asked to end and started again, one after the other",
            Self::Sigkill => "the gateway's process is killed, its host goes on",
            Self::HostLoss => "the links of the gateway's host go down",
            Self::Terminate => "the gateway's instance is terminated",
            Self::NodeDelete => "the CiliumNode of the first hybrid node is deleted, and made again later",
            Self::PodCidrMove => "the first hybrid node gets another pod network, and its own again later",
            Self::RouteDelete => "the routes to the hybrid pods are deleted from the VPC route tables",
            Self::VtepDelete => "CiliumVTEPConfig is deleted",
            Self::DeviceDelete => "the gateway's VXLAN device is deleted",
            Self::KubeDown => "the API server stops answering, and starts again later",
            Self::Ec2Fail => "every call of the EC2 API fails, and no longer later",
        }
    }

    /// What ends it.
    pub const fn end(self) -> End {
        match self {
            Self::NodeDelete | Self::PodCidrMove | Self::KubeDown | Self::Ec2Fail => End::Undo,
            Self::Sigterm
            | Self::Restart
            | Self::Sigkill
            | Self::HostLoss
            | Self::Terminate
            | Self::RouteDelete
            | Self::VtepDelete
            | Self::DeviceDelete => End::Gateways,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        Self::ALL.into_iter().find(|fault| fault.name() == text).ok_or_else(|| UnknownFault(text.into()))
    }
}

/// A fault that was done, with what its undoing needs.
#[derive(Clone, Copy, Debug)]
pub struct Done {
    fault: Fault,
    /// Index of the gateway that was hit.
    gateway: usize,
    /// The pod network that the first hybrid node had.
    pod_cidr: Cidr4,
}

/// Does a fault to the world; for [`Fault::Restart`] this takes as long as the restart.
///
/// # Errors
/// The world could not be changed, or no gateway carries the traffic.
pub fn inject(world: &mut World, fault: Fault) -> Result<Done, WorldError> {
    let gateway = world.active().ok_or_else(|| world.idle())?;
    let done = Done { fault, gateway, pod_cidr: world.topology.hybrid[0].pod_cidr };
    if let Some((host, what)) = announcement(world, fault, gateway) {
        note(world, &host, what);
    }
    match fault {
        Fault::Sigterm => world.gateways[gateway].signal(Signal::SIGTERM)?,
        Fault::Restart => restart_all(world, gateway)?,
        Fault::Sigkill => world.gateways[gateway].signal(Signal::SIGKILL)?,
        Fault::HostLoss => world.cut(gateway)?,
        Fault::Terminate => world.terminate(gateway)?,
        Fault::NodeDelete => world.cluster.delete_cilium_node(world.topology.hybrid[0].node.name())?,
        Fault::PodCidrMove => world.move_pods(0, spare_pod_cidr())?,
        Fault::RouteDelete => world.cloud.delete_route(pod_cidr())?,
        Fault::VtepDelete => world.cluster.delete_vtep()?,
        Fault::DeviceDelete => world.topology.delete_device(&world.gateways[gateway].leg.host.ns, GATEWAY_DEVICE)?,
        Fault::KubeDown => world.set_kube_down(true)?,
        Fault::Ec2Fail => world.cloud.set_failing(&world.topology, true)?,
    }
    Ok(done)
}

/// Whom a fault is about to hit, and how the journal calls it. A restart notes its own steps.
fn announcement(world: &World, fault: Fault, gateway: usize) -> Option<(String, String)> {
    let name = world.gateways[gateway].name();
    let node = world.topology.hybrid[0].node.name();
    let (host, what) = match fault {
        Fault::Restart => return None,
        Fault::Sigterm => (name, format!("SIGTERM {name}")),
        Fault::Sigkill => (name, format!("SIGKILL {name}")),
        Fault::HostLoss => (name, format!("links of {name} down")),
        Fault::Terminate => (name, format!("{name} terminated")),
        Fault::DeviceDelete => (name, format!("{GATEWAY_DEVICE} of {name} deleted")),
        Fault::NodeDelete => (node, format!("CiliumNode {node} deleted")),
        Fault::PodCidrMove => (node, format!("pods of {node} move to {}", spare_pod_cidr())),
        Fault::RouteDelete => ("ec2-api", format!("routes to {} deleted", pod_cidr())),
        Fault::VtepDelete => ("api-server", "CiliumVTEPConfig deleted".into()),
        Fault::KubeDown => ("api-server", "API server down".into()),
        Fault::Ec2Fail => ("ec2-api", "EC2 fails".into()),
    };
    Some((host.into(), what))
}

/// A pod network that no hybrid node of the lab has at first.
fn spare_pod_cidr() -> Cidr4 {
    pod_cidr().split(24).nth(250).expect("a /16 has 256 networks of 24 bits")
}

/// Undoes a fault as far as it can be undone: a terminated instance stays terminated, and what gateways repaired stays.
///
/// # Errors
/// The world could not be changed.
pub fn undo(world: &mut World, done: &Done) -> Result<(), WorldError> {
    let Done { fault, gateway, pod_cidr } = *done;
    let node = world.topology.hybrid[0].node.name().to_owned();
    match fault {
        Fault::Sigterm | Fault::Sigkill => {
            world.gateways[gateway].wait(GRACE)?;
            world.start_gateway(gateway)?;
        }
        Fault::HostLoss => {
            let name = world.gateways[gateway].name().to_owned();
            note(world, &name, format!("links of {name} up"));
            world.mend(gateway)?;
        }
        Fault::NodeDelete => {
            note(world, &node, format!("CiliumNode {node} made again"));
            world.cluster.create_cilium_node(&world.topology.hybrid[0])?;
        }
        Fault::PodCidrMove => {
            note(world, &node, format!("pods of {node} move back to {pod_cidr}"));
            world.move_pods(0, pod_cidr)?;
        }
        Fault::KubeDown => {
            note(world, "api-server", "API server up".into());
            world.set_kube_down(false)?;
        }
        Fault::Ec2Fail => {
            note(world, "ec2-api", "EC2 works again".into());
            world.cloud.set_failing(&world.topology, false)?;
        }
        Fault::Restart | Fault::Terminate | Fault::RouteDelete | Fault::VtepDelete | Fault::DeviceDelete => {}
    }
    Ok(())
}

/// Waits until the traffic is carried as it should be after a fault that the gateways end, or after its undoing: a gateway that
/// hit the fault must have handed the traffic over.
///
/// # Errors
/// It did not come to that in time.
pub fn wait_recovered(world: &mut World, done: &Done, within: Duration) -> Result<(), WorldError> {
    let start = Instant::now();
    match done.fault {
        Fault::Sigterm | Fault::Sigkill | Fault::HostLoss | Fault::Terminate => {
            let victim = world.gateways[done.gateway].name().to_owned();
            let moved = |world: &World| world.active().is_some_and(|index| index != done.gateway);
            world.wait(&format!("another gateway to take over from {victim}"), within, moved)?;
        }
        Fault::Restart
        | Fault::NodeDelete
        | Fault::PodCidrMove
        | Fault::RouteDelete
        | Fault::VtepDelete
        | Fault::DeviceDelete
        | Fault::KubeDown
        | Fault::Ec2Fail => {}
    }
    world.wait_settled(within.saturating_sub(start.elapsed())).map(drop)
}

/// Restarts every running gateway, the one that carries the traffic first, as a Deployment with one unavailable replica does.
fn restart_all(world: &mut World, active: usize) -> Result<(), WorldError> {
    let others = (0..world.gateways.len()).filter(|index| *index != active);
    let order: Vec<usize> = [active].into_iter().chain(others).collect();
    for index in order {
        if world.gateways[index].pid().is_none() {
            continue;
        }
        let name = world.gateways[index].name().to_owned();
        note(world, &name, format!("SIGTERM {name}"));
        world.gateways[index].signal(Signal::SIGTERM)?;
        if world.gateways[index].wait(GRACE).is_err() {
            note(world, &name, format!("SIGKILL {name}"));
            world.gateways[index].signal(Signal::SIGKILL)?;
            world.gateways[index].wait(GRACE)?;
        }
        std::thread::sleep(REPLACEMENT);
        world.start_gateway(index)?;
        let started = Instant::now();
        world.wait_ready(index, READY)?;
        world.wait_settled(READY)?;
        std::thread::sleep(READINESS_DELAY.saturating_sub(started.elapsed()));
    }
    Ok(())
}

fn note(world: &World, host: &str, what: String) {
    tracing::info!(host, what, "fault");
    world.journal.record(Instant::now(), Source::Fault, host, what);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_faults_agree() {
        for fault in Fault::ALL {
            assert_eq!(fault.to_string().parse::<Fault>(), Ok(fault));
            assert!(!fault.help().is_empty());
        }
        let message = "host-los".parse::<Fault>().unwrap_err().to_string();
        assert!(message.starts_with("`host-los` is no fault; there are sigterm, restart"), "{message}");
    }
}
