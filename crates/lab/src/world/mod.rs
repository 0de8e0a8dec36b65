//! A running world: topology, servers, hybrid-node agents, gateways, and what can be asked of them.
//!
//! [`World::start`] builds everything inside the namespaces that [`crate::isolate`] made; dropping the world ends it all.
//! Everything here blocks; the servers and agents run on threads of their own.

mod agents;
mod cloud;
mod cluster;
mod config;
mod eks;
mod gateway;
mod install;
mod ping;

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hybridge_model::Cidr4;
use nix::sys::signal::Signal;
use serde_json::json;
use tokio::sync::watch;

use crate::journal::{Journal, Source};
use crate::netns::Task;
use crate::nft::NftError;
use crate::router::{self, Fabric};
use crate::topology::{Leg, LegKind, Topology, TopologyError, pod_cidr};
use agents::Crew;
pub use cloud::{Cloud, CloudError, builtin_tables};
pub use cluster::{Cluster, ClusterError, GATEWAY_LABEL};
pub use config::{ChartEnv, Delays, Ec2Kind, HostKind, KubeKind, WorldConfig};
pub use gateway::{Gateway, GatewayError, METRICS_PORT, NAMESPACE, PROBE_PORT, tail};
use gateway::{Launch, Variable};

pub use crate::serve::ServeError;
use install::Container;
pub use install::InstallError;
pub use ping::ping;

/// Why a world could not be built, or did not do what was waited for.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// Hosts and wires.
    #[error("cannot build the lab's network")]
    Topology(#[from] TopologyError),
    /// The AWS side.
    #[error("cannot prepare or change the lab's AWS")]
    Cloud(#[from] CloudError),
    /// The Kubernetes API.
    #[error("cannot prepare or change the lab's cluster")]
    Cluster(#[from] ClusterError),
    /// The rules of an EKS node.
    #[error("cannot make the gateway hosts like EKS nodes")]
    Eks(#[from] NftError),
    /// A chart.
    #[error("cannot install the chart")]
    Install(#[from] InstallError),
    /// A gateway process.
    #[error("cannot run a gateway")]
    Gateway(#[from] GatewayError),
    /// A file of the run.
    #[error("cannot write {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What happened.
        #[source]
        source: std::io::Error,
    },
    /// Something did not come about.
    #[error("waited {within:?} for {what}{}", context(detail))]
    Timeout {
        /// What was waited for.
        what: String,
        /// How long.
        within: Duration,
        /// What there is to see instead.
        detail: String,
    },
}

fn context(detail: &str) -> String {
    if detail.is_empty() { String::new() } else { format!(", but:\n{detail}") }
}

/// A running world.
pub struct World {
    /// The gateways, in the order of their hosts. The first of the fields, so that they end before what they use.
    pub gateways: Vec<Gateway>,
    /// The hosts.
    pub topology: Topology,
    /// The AWS side.
    pub cloud: Cloud,
    /// The Kubernetes side.
    pub cluster: Cluster,
    /// What happened so far.
    pub journal: Journal,
    /// Where logs are.
    pub directory: PathBuf,
    launch: Launch,
    delays: Delays,
    /// Gateways whose links are down.
    lost: BTreeSet<usize>,
    crew: Crew,
    /// The agents, in the order of the hybrid nodes.
    agents: Vec<Task>,
    _router: Task,
}

impl World {
    /// Builds and starts everything; returns when the gateway processes have been started, not when they are ready.
    pub fn start(config: &WorldConfig) -> Result<Self, WorldError> {
        let topology = Topology::build(config.size)?;
        let journal = Journal::default();
        let cloud = Cloud::start(&topology, config.ec2, &config.directory)?;
        cloud.ec2.set_latency(config.delays.ec2);
        let router = start_router(&topology, &cloud, config, &journal)?;
        let mut cluster = match config.kube {
            KubeKind::Builtin(crd) => Cluster::start_builtin(&topology, crd)?,
            KubeKind::Real(crd) => Cluster::start_real(&topology, crd, config)?,
        };
        let host = |(index, leg): (usize, &Leg)| Gateway::new(index, leg.clone(), cloud.ids(leg.host.address), &config.directory);
        let gateways: Vec<Gateway> = topology.gateways.iter().enumerate().map(host).collect();
        cluster.populate(&topology, &gateways)?;
        let crew = Crew::new(&topology, &cluster, &journal, &config.directory)?;
        let agents = topology.hybrid.iter().map(|hybrid| crew.start(hybrid, config.delays.vtep_of(hybrid.node.name()))).collect();
        if config.host == HostKind::Eks {
            topology.compute_checksums()?;
            for leg in &topology.gateways {
                eks::make_eks_node(&leg.host.ns, leg.host.address, &config.size.vpc_cidrs())?;
            }
        }
        let launch = launch(config, &topology, &mut cluster, &cloud)?;
        let (directory, delays) = (config.directory.clone(), config.delays.clone());
        let lost = BTreeSet::new();
        let mut world =
            Self { gateways, topology, cloud, cluster, journal, directory, launch, delays, lost, crew, agents, _router: router };
        for index in 0..usize::from(config.replicas).min(world.gateways.len()) {
            world.start_gateway(index)?;
        }
        Ok(world)
    }

    /// Starts the process of a gateway, which must not be running.
    pub fn start_gateway(&mut self, index: usize) -> Result<(), WorldError> {
        let gateway = &mut self.gateways[index];
        gateway.start(&self.launch)?;
        self.journal.record(Instant::now(), Source::Start, gateway.name(), format!("{} starts", gateway.name()));
        Ok(())
    }

    /// Installs a chart with the values of a file, and starts so many gateways as its Deployment says it. None may run yet.
    pub fn install_gateways(&mut self, (chart, values): (&Path, &Path), replicas: usize) -> Result<(), WorldError> {
        let container = install_chart(&mut self.cluster, (&self.topology, &self.cloud), (chart, values), &self.directory)?;
        self.launch = launch_of(container, &self.launch.program, &[], &self.cluster);
        (0..replicas.min(self.gateways.len())).try_for_each(|index| self.start_gateway(index))
    }

    /// Index of the gateway to which every route table sends the pods of every hybrid node; `None` where they differ.
    pub fn routes_to(&self) -> Option<usize> {
        let target = self.cloud.route_target(pod_cidr())?;
        self.gateways.iter().position(|gateway| gateway.interface == target)
    }

    /// Index of the gateway to which CiliumVTEPConfig sends hybrid pods; `None` where there is none or they differ.
    pub fn vtep_to(&self) -> Option<usize> {
        let object = self.cluster.vtep().ok()??;
        let mut tunnels = object["spec"]["endpoints"].as_array()?.iter().map(|e| e["tunnelEndpoint"].as_str()?.parse::<Ipv4Addr>().ok());
        let first = tunnels.next()??;
        tunnels.all(|other| other == Some(first)).then_some(())?;
        self.gateways.iter().position(|gateway| gateway.address() == first)
    }

    /// Index of the gateway that carries the traffic: routes and CiliumVTEPConfig agree on it.
    pub fn active(&self) -> Option<usize> {
        self.routes_to().filter(|index| self.vtep_to() == Some(*index))
    }

    /// Whether an echo request crosses within 200 ms between the cloud pod and every hybrid pod, asked from both sides.
    pub fn all_pods_connected(&self) -> bool {
        let cloud = &self.topology.cloud_pod;
        let answered = |from, to| ping(from, to, Duration::from_millis(200)).is_ok_and(|reply| reply.is_some());
        self.topology.hybrid.iter().all(|h| answered(&cloud.ns, h.pod.address) && answered(&h.pod.ns, cloud.address))
    }

    /// Waits until a gateway says it is ready.
    pub fn wait_ready(&self, index: usize, within: Duration) -> Result<(), WorldError> {
        let gateway = &self.gateways[index];
        self.wait(&format!("{} to be ready", gateway.name()), within, |_| gateway.is_ready())
    }

    /// Waits until routes and CiliumVTEPConfig lead to one gateway and packets cross both ways; says which gateway.
    pub fn wait_carrying(&self, within: Duration) -> Result<usize, WorldError> {
        let deadline = Instant::now() + within;
        loop {
            let left = || deadline.saturating_duration_since(Instant::now());
            self.wait("routes and CiliumVTEPConfig to lead to one gateway", left(), |world| world.active().is_some())?;
            self.wait("packets to cross both ways", left(), Self::all_pods_connected)?;
            // Leadership may have moved on while packets crossed.
            if let Some(index) = self.active() {
                return Ok(index);
            }
        }
    }

    /// Waits until the traffic is carried by a gateway whose process runs and whose host is there.
    pub fn wait_settled(&mut self, within: Duration) -> Result<usize, WorldError> {
        let deadline = Instant::now() + within;
        loop {
            let index = self.wait_carrying(deadline.saturating_duration_since(Instant::now()))?;
            if self.gateways[index].pid().is_some() && !self.lost.contains(&index) {
                return Ok(index);
            }
            if Instant::now() > deadline {
                return Err(self.timeout("a gateway that is alive to take over", within));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Takes the links of a gateway's host down.
    pub fn cut(&mut self, index: usize) -> Result<(), WorldError> {
        self.topology.cut(&self.gateways[index].leg)?;
        self.lost.insert(index);
        Ok(())
    }

    /// Brings them up again.
    pub fn mend(&mut self, index: usize) -> Result<(), WorldError> {
        self.topology.mend(&self.gateways[index].leg)?;
        self.lost.remove(&index);
        Ok(())
    }

    /// Terminates the instance of a gateway: links and process end, routes to it become blackholes, and the Node goes, as the
    /// cloud controller would see to.
    pub fn terminate(&mut self, index: usize) -> Result<(), WorldError> {
        self.cut(index)?;
        let gateway = &mut self.gateways[index];
        if gateway.pid().is_some() {
            gateway.signal(Signal::SIGKILL)?;
        }
        self.cloud.terminate(&gateway.instance)?;
        Ok(self.cluster.delete_node(&gateway.node)?)
    }

    /// Gives the pods of a hybrid node another network: its CiliumNode, its pod and its agent. The pod keeps the address it
    /// had, which nobody routes to any more.
    pub fn move_pods(&mut self, index: usize, pod_cidr: Cidr4) -> Result<(), WorldError> {
        let name = self.topology.hybrid[index].node.name().to_owned();
        let address = self.topology.readdress_pod(&self.topology.hybrid[index], pod_cidr)?;
        let hybrid = &mut self.topology.hybrid[index];
        (hybrid.pod_cidr, hybrid.pod.address) = (pod_cidr, address);
        self.agents[index] = self.crew.start(&self.topology.hybrid[index], self.delays.vtep_of(&name));
        Ok(self.cluster.set_pod_cidrs(&name, &[pod_cidr])?)
    }

    /// Makes the API server unreachable, or reachable again.
    pub fn set_kube_down(&self, down: bool) -> Result<(), WorldError> {
        match (&self.cluster.fake, down) {
            (Some(fake), down) => fake.set_down(down),
            (None, true) => self.topology.cut(&self.topology.api_server)?,
            (None, false) => self.topology.mend(&self.topology.api_server)?,
        }
        Ok(())
    }

    /// The error for a world in which no gateway carries the traffic.
    pub(crate) fn idle(&self) -> WorldError {
        self.timeout("one gateway to carry the traffic", Duration::ZERO)
    }

    /// Waits until `done` says so, asking every 5 ms.
    pub fn wait(&self, what: &str, within: Duration, done: impl Fn(&Self) -> bool) -> Result<(), WorldError> {
        let deadline = Instant::now() + within;
        while !done(self) {
            if Instant::now() > deadline {
                return Err(self.timeout(what, within));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// A timeout with what the gateways last said.
    fn timeout(&self, what: &str, within: Duration) -> WorldError {
        let said = |gateway: &Gateway| {
            let text = tail(&gateway.log, 10);
            (!text.is_empty()).then(|| format!("{} said last:\n{text}\n", gateway.name()))
        };
        WorldError::Timeout { what: what.into(), within, detail: self.gateways.iter().filter_map(said).collect() }
    }
}

fn start_router(topology: &Topology, cloud: &Cloud, config: &WorldConfig, journal: &Journal) -> Result<Task, WorldError> {
    let instances = topology.legs().filter(|leg| leg.plan.kind != LegKind::Service).map(|leg| leg.plan.clone()).collect();
    let fabric = Fabric { instances, site: topology.site() };
    let (states, delays, journal) = (cloud.ec2.watch(), config.delays.routes.clone(), journal.clone());
    let (settled, first) = watch::channel(false);
    let task = topology
        .vpc_router
        .spawn("fabric", move |stop| async move { router::obey(fabric, delays, states, (journal, settled), stop).await });
    let within = Duration::from_secs(5);
    let deadline = Instant::now() + within;
    while !*first.borrow() {
        if Instant::now() > deadline {
            return Err(WorldError::Timeout { what: "the VPC router to obey EC2".into(), within, detail: String::new() });
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(task)
}

/// Program, arguments and environment of every gateway: what its chart sets, and the lab's own EC2.
fn launch(config: &WorldConfig, topology: &Topology, cluster: &mut Cluster, cloud: &Cloud) -> Result<Launch, WorldError> {
    let list = |cidrs: &[Cidr4]| cidrs.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let tables = cloud.tables().iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let (vpc, pods) = (list(&config.size.vpc_cidrs()), list(&[pod_cidr()]));
    let container = if let ChartEnv::Chart { path, values } = &config.env {
        let mut values = values.clone();
        (values["vpcCIDR"], values["podCIDRs"], values["routeTableIDs"]) = (vpc.into(), pods.into(), tables.into());
        let file = config.directory.join("chart-values.json");
        std::fs::write(&file, values.to_string()).map_err(|source| WorldError::File { path: file.clone(), source })?;
        install_chart(cluster, (topology, cloud), (path, &file), &config.directory)?
    } else {
        let set = [("VPC_CIDR", vpc.as_str()), ("POD_CIDRS", &pods), ("ROUTE_TABLE_IDS", &tables)];
        let downward = [("NODE_IP", Variable::HostIp), ("NODE_NAME", Variable::NodeName), ("POD_NAMESPACE", Variable::Namespace)];
        // The reference's chart sets the first of these alone.
        let count = if config.env == ChartEnv::Reference { 1 } else { downward.len() };
        let downward = downward.into_iter().take(count).map(|(name, value)| (name.to_owned(), value));
        Container { arguments: Vec::new(), environment: set.into_iter().chain(aws(cloud)).map(text).chain(downward).collect() }
    };
    Ok(launch_of(container, &config.gateway_bin, &config.gateway_args, cluster))
}

/// What gateways are told of AWS.
fn aws(cloud: &Cloud) -> [(&'static str, &str); 3] {
    [("AWS_ENDPOINT_URL", cloud.endpoint.as_str()), ("AWS_ACCESS_KEY_ID", "lab"), ("AWS_SECRET_ACCESS_KEY", "lab")]
}

fn text((name, value): (&str, &str)) -> (String, Variable) {
    (name.to_owned(), Variable::Text(value.to_owned()))
}

/// Has Helm install a chart, with values from a file and where AWS and the API server are in this world.
fn install_chart(
    cluster: &mut Cluster,
    (topology, cloud): (&Topology, &Cloud),
    (chart, values): (&Path, &Path),
    directory: &Path,
) -> Result<Container, InstallError> {
    // Pods reach the API server itself: there is no kube-proxy behind its service address.
    let api = topology.api_server.host.address.to_string();
    let port = cluster::API_PORT.to_string();
    let further = [("KUBERNETES_SERVICE_HOST", api.as_str()), ("KUBERNETES_SERVICE_PORT", &port)];
    let variables: Vec<_> = aws(cloud).into_iter().chain(further).map(|(name, value)| json!({"name": name, "value": value})).collect();
    install::install(cluster, &topology.api_server.host.ns, (chart, values, &json!({ "extraEnv": variables })), directory)
}

fn launch_of(container: Container, program: &Path, further: &[String], cluster: &Cluster) -> Launch {
    let Container { mut arguments, mut environment } = container;
    arguments.extend(further.iter().cloned());
    environment.push(text(("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")));
    Launch { program: program.to_owned(), arguments, environment, kubeconfigs: cluster.gateway_kubeconfigs.clone() }
}
