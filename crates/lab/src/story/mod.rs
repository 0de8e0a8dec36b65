//! The whole story: `hybridge cluster create` makes a cluster and `hybridge cluster handover` writes what it takes to use it; machines
//! outside join by `hybridge node init` with that, gateways are installed with that, and pods of both sides talk through them.
//!
//! Real are: etcd and kube-apiserver, containerd and the kubelets, the virtual machines with systemd, `hybridge` in them, the chart and
//! the gateways, and the pods of all three nodes. The cluster is made in an emulator of AWS (`tests/aws-emulator`), in the VPC that the
//! gateways write to and the VPC router obeys. The lab plays the AWS that nodes ask: it believes nobody without a signature, and judges
//! by what `create` made. It plays the authenticator of EKS, Cilium's operator (networks of Nodes, CiliumNodes), and in the machines
//! Cilium's agent (a network for containerd, CiliumVTEPConfig).
//!
//! Needs root, `cc`, `strip`, and what `cargo xtask real` makes. Everything here blocks.

mod account;
mod cilium_nodes;
mod error;
mod machine;
mod operator;
mod pods;
mod takeover;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::aws::Aws;
use crate::http::Server;
use crate::kube::VtepCrd;
use crate::netns::{Netns, Task};
use crate::real::{Kube, Node, NodeSpec, PodNetwork, User, condition};
use crate::topology::{Size, pod_cidr};
use crate::world::{Ec2Kind, KubeKind, NAMESPACE, World, WorldConfig, ping};
use account::Account;
pub use account::{ACCOUNT, CLUSTER, REGION};
pub use error::StoryError;
use machine::{Machine, Share};
use operator::Operator;
pub use operator::{Handover, Run};
pub use pods::{PORT, Pod};
pub use takeover::Takeover;

/// The hybrid nodes: names and addresses.
pub const HYBRID: [(&str, Ipv4Addr); 2] = [("hybrid-1", Ipv4Addr::new(192, 168, 10, 11)), ("hybrid-2", Ipv4Addr::new(192, 168, 10, 12))];

/// The node in the VPC.
pub const CLOUD: &str = "ip-10-0-3-10.us-west-2.compute.internal";

/// As many as the handed over values say.
const GATEWAYS: usize = 2;

/// How long a node may take from the end of `init` until it is Ready.
const READY: Duration = Duration::from_secs(180);

/// How long gateways may take until packets cross.
const CROSSING: Duration = Duration::from_secs(60);

/// The programs that take part.
#[derive(Clone, Debug)]
pub struct Programs {
    /// `hybridge-gateway`.
    pub gateway: PathBuf,
    /// `hybridge`.
    pub hybridge: PathBuf,
    /// `hybridge-lab`.
    pub lab: PathBuf,
}

/// Takes a line about what has happened.
pub type Tell<'a> = &'a (dyn Fn(&str) + Sync);

/// The story at the point where all three nodes are Ready and each has a pod. Dropping ends everything.
pub struct Story {
    // Dropped in this order.
    cloud: Node,
    machines: [Machine; 2],
    _share: Share,
    _cilium_nodes: Task,
    account: Account,
    operator: Operator,
    /// What there was in AWS before the cluster, a line each.
    pub before: Vec<String>,
    /// What was handed over.
    pub handover: Handover,
    /// Gateways, routers and the API server.
    pub world: World,
    /// The pods: that of the VPC, then those of the hybrid nodes.
    pub pods: [Pod; 3],
    /// What `hybridge node init` said last on each machine: which phase took how long.
    pub timings: [String; 2],
}

impl Story {
    /// Starts everything up to pods that run. Logs go to `directory`.
    pub fn start(programs: &Programs, directory: PathBuf, tell: Tell<'_>) -> Result<Self, StoryError> {
        let begin = Instant::now();
        let (identity, webhook) = account::webhook()?;
        let mut world = World::start(&WorldConfig {
            size: Size { hybrid_nodes: 0, node_pods: 1, ..Size::default() },
            replicas: 0,
            kube: KubeKind::Real(VtepCrd::LongestPrefix),
            ec2: Ec2Kind::Emulator,
            webhook: Some(webhook),
            ..WorldConfig::new(&programs.gateway, directory)
        })?;
        let account = Account::open(&world, &identity)?;
        kube(&world)?.make_namespace(pods::SPACE)?;
        tell(&format!("{}  AWS with a VPC, and an API server run", since(begin)));

        let before = operator::emulator(&world)?.0.left()?;
        let (operator, handover) = make_cluster(&mut world, (programs, &account), (tell, begin))?;
        let kube = kube(&world)?;
        let _cilium_nodes = cilium_nodes::follow(kube, &world.topology.api_server.host.ns);
        let share = Share::make(&world.directory, programs, &account)?;
        let (machines, cloud) = thread::scope(|scope| {
            let cloud = scope.spawn(|| start_cloud(&world, programs, tell, begin));
            let machines = machine::start(&world.topology, &share, HYBRID);
            (machines, cloud.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        let (machines, cloud) = (machines?, cloud?);
        tell(&format!("{}  two virtual machines have booted", since(begin)));
        let timings = join(&machines, (&handover, kube), (tell, begin))?;
        let pods = start_pods(&machines, kube, (tell, begin))?;
        Ok(Self { cloud, machines, _share: share, _cilium_nodes, account, operator, before, handover, world, pods, timings })
    }

    /// The API server.
    pub fn kube(&self) -> Result<&Kube, StoryError> {
        kube(&self.world)
    }

    /// The lab's AWS, which knows who has asked it what.
    pub fn aws(&self) -> &Aws {
        &self.account.aws
    }

    /// `hybridge cluster COMMAND -f cluster.yaml …`, run at the site.
    pub fn cluster(&self, command: &str, words: &[&str]) -> Result<Run, StoryError> {
        self.operator.run(command, words)
    }

    /// What there is in AWS, a line each.
    pub fn left(&self) -> Result<Vec<String>, StoryError> {
        Ok(operator::emulator(&self.world)?.0.left()?)
    }

    /// The network namespace of the pod in the VPC.
    pub fn cloud_namespace(&self) -> Result<Netns, StoryError> {
        Ok(self.cloud.pod_namespace(&self.pods[0].object, pods::CONTAINER)?)
    }

    /// Waits until packets cross from the VPC to every hybrid pod; says which gateway carries them.
    pub fn wait_crossing(&self) -> Result<usize, StoryError> {
        let [cloud, hybrid @ ..] = &self.pods;
        let from = self.cloud_namespace()?;
        let answered = |to: &Pod| ping(&from, to.address, Duration::from_millis(500)).is_ok_and(|reply| reply.is_some());
        self.world.wait(&format!("packets to cross from {}", cloud.name), CROSSING, |_| hybrid.iter().all(answered))?;
        Ok(self.world.wait_carrying(CROSSING)?)
    }

    /// Every pod asks every pod of the other side for its name, each from its own network; who asked whom, and the answer.
    pub fn talk(&self) -> Result<Vec<(String, String, String)>, StoryError> {
        let [cloud, hybrid @ ..] = &self.pods;
        let from = self.cloud_namespace()?;
        let mut said = Vec::new();
        for (pod, machine) in hybrid.iter().zip(&self.machines) {
            let answer = Server::plain(&from, SocketAddr::from((pod.address, PORT))).get("/").map_err(StoryError::Talk)?;
            said.push((cloud.name.clone(), pod.name.clone(), answer.text()));
            let ask = format!("curl --silent --show-error --max-time 20 http://{}:{PORT}/", cloud.address);
            let answer = machine.in_pod(pod.container(), &ask, Duration::from_secs(60))?;
            said.push((pod.name.clone(), cloud.name.clone(), answer));
        }
        Ok(said)
    }
}

/// Time since the beginning, for the start of a line.
pub fn since(begin: Instant) -> String {
    format!("{:6.1} s", begin.elapsed().as_secs_f64())
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn kube(world: &World) -> Result<&Kube, StoryError> {
    world.cluster.real().ok_or(StoryError::NotReal)
}

/// Makes the cluster, has written what it takes to use it, and installs the gateways with that.
fn make_cluster(
    world: &mut World,
    (programs, account): (&Programs, &Account),
    (tell, begin): (Tell<'_>, Instant),
) -> Result<(Operator, Handover), StoryError> {
    let operator = Operator::new(world, &programs.hybridge)?;
    let (emulator, _) = operator::emulator(world)?;
    operator.create(emulator, kube(world)?)?;
    account.learn(emulator)?;
    tell(&format!("{}  hybridge cluster create made the cluster: stack, trust anchor, profile, role, access entry", since(begin)));
    let handover = operator.hand_over(&HYBRID.map(|(name, _)| name))?;
    let (file, wanted) = ("cilium-values.yaml", pod_cidr().to_string());
    let said = handover.read(file)?;
    if !said.contains(&wanted) {
        return Err(StoryError::Handover { file, what: wanted, said });
    }
    tell(&format!("{}  hybridge cluster handover wrote NodeConfigs, certificates, and values for gateways and Cilium", since(begin)));
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../charts/hybridge-gateway");
    world.install_gateways((&chart, &handover.path("gateway-values.yaml")), GATEWAYS)?;
    tell(&format!("{}  two gateways run, installed by Helm with these values", since(begin)));
    Ok((operator, handover))
}

/// A node on the instance of the VPC that runs pods, with a pod of an address of its own.
fn start_cloud(world: &World, programs: &Programs, tell: Tell<'_>, begin: Instant) -> Result<Node, StoryError> {
    let host = &world.topology.cloud_node.host;
    let addresses = world.topology.size.node_pods();
    let spec = NodeSpec { name: CLOUD, address: host.address, labels: &[] };
    let network = PodNetwork { plugin: &programs.lab, addresses: &addresses };
    let node = Node::start_with(kube(world)?, &host.ns, (&spec, Some(network)), &world.directory)?;
    node.import_image(&world.directory.join("share/pod.tar"), pods::IMAGE)?;
    pods::create(kube(world)?, "talk-cloud", CLOUD)?;
    tell(&format!("{}  the node in the VPC is Ready", since(begin)));
    Ok(node)
}

/// Both machines become nodes, at the same time.
fn join(
    machines: &[Machine; 2],
    (handover, kube): (&Handover, &Kube),
    (tell, begin): (Tell<'_>, Instant),
) -> Result<[String; 2], StoryError> {
    let kubeconfig = kube.kubeconfig(User::Admin, NAMESPACE);
    let one = |machine: &Machine| -> Result<String, StoryError> {
        let name = machine.vm.name();
        machine.prepare(handover, &kubeconfig)?;
        tell(&format!("{}  {name}: prepared as an installer leaves it", since(begin)));
        machine.start_agent()?;
        let (timing, took) = machine.init()?;
        tell(&format!("{}  {name}: hybridge node init ended well after {}: {timing}", since(begin), seconds(took)));
        let ready = |node: Option<&serde_json::Value>| node.is_some_and(|node| condition(node, "Ready"));
        let waited = kube.wait("the node to be Ready", &format!("/api/v1/nodes/{name}"), READY, ready);
        waited.map_err(|source| StoryError::NotReady { node: name.into(), words: machine.words(), source })?;
        tell(&format!("{}  {name}: Ready", since(begin)));
        Ok(timing)
    };
    let [first, second] = machines;
    let (first, second) = thread::scope(|scope| {
        let second = scope.spawn(|| one(second));
        (one(first), second.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    Ok([first?, second?])
}

/// A pod on each hybrid node; waits for these and for that of the VPC.
fn start_pods(machines: &[Machine; 2], kube: &Kube, (tell, begin): (Tell<'_>, Instant)) -> Result<[Pod; 3], StoryError> {
    let names = HYBRID.map(|(node, _)| (format!("talk-{node}"), node));
    for (pod, node) in &names {
        pods::create(kube, pod, node)?;
    }
    let words = |node: &str, error: StoryError| match machines.iter().find(|machine| machine.vm.name() == node) {
        Some(machine) => StoryError::NoPod { node: node.into(), words: machine.words(), source: Box::new(error) },
        None => error,
    };
    let wait = |pod: &str, node: &str| pods::wait(kube, pod).map_err(|error| words(node, error));
    let [(one, first), (two, second)] = &names;
    let pods = [wait("talk-cloud", CLOUD)?, wait(one, first)?, wait(two, second)?];
    for pod in &pods {
        tell(&format!("{}  pod {} runs on {} with {}", since(begin), pod.name, pod.node, pod.address));
    }
    Ok(pods)
}
