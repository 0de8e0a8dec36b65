//! What nodes join in tests: a real API server with controllers and scheduler, the lab's AWS under AWS's own names, and machines.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hybridge_lab::aws::authenticator::{Authenticator, PATH};
use hybridge_lab::aws::{AccessEntry, Authority, Aws, CertificateSpec, Cluster, EntryKind, KeyKind, Leaf, Profile};
use hybridge_lab::ec2::{Ec2State, FakeEc2, Instance};
use hybridge_lab::imds::{Imds, Interface, Metadata};
use hybridge_lab::netns::{Netns, Task};
use hybridge_lab::real::{Controllers, Kube, Parts, TokenWebhook, User, condition};
use hybridge_lab::tls::Identity;
use hybridge_lab::vm::node::{self, METADATA, Site, Software, TEST_IMAGE, Witness};
use hybridge_lab::vm::{BOOT, BRIDGE, Guest, Vm, VmConfig, bridge};
use jiff::SignedDuration;
use serde_json::{Value, json};

const ACCOUNT: &str = "123456789012";
const REGION: &str = "us-west-2";
const INSTANCE: &str = "i-0123456789abcdef0";
const CLUSTER: &str = "lab";
/// Of the API server and of AWS; machines have it as their router.
const NEAR: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
/// Of the machine.
const FAR: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const ANCHOR: &str = "arn:aws:rolesanywhere:us-west-2:123456789012:trust-anchor/lab";
const PROFILE: &str = "arn:aws:rolesanywhere:us-west-2:123456789012:profile/lab";
const ROLE: &str = "arn:aws:iam::123456789012:role/outside";
/// As hybridge names it for this region (`hybridge_node::containerd::sandbox_image`).
const SANDBOX: &str = "602401143452.dkr.ecr.us-west-2.amazonaws.com/eks/pause:3.5";

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(250);

/// Names of AWS that nodes call.
const NAMES: [&str; 5] = [
    "sts.us-west-2.amazonaws.com",
    "eks.us-west-2.amazonaws.com",
    "ec2.us-west-2.amazonaws.com",
    "api.ecr.us-west-2.amazonaws.com",
    "rolesanywhere.us-west-2.amazonaws.com",
];

/// The units of the release that make an instance a node at each boot.
pub(crate) const UNITS: [(&str, &str); 2] = [
    ("hybridge-node-config.service", include_str!("../../packaging/node/hybridge-node-config.service")),
    ("hybridge-node-run.service", include_str!("../../packaging/node/hybridge-node-run.service")),
];

/// `/etc/hosts` of machines.
static HOSTS: LazyLock<String> = LazyLock::new(|| format!("{NEAR} {}\n", NAMES.join(" ")));

/// Tells what took how long, and how long it is all going on.
pub(crate) struct Clock(Instant);

impl Default for Clock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock {
    /// One phase, since its start.
    pub(crate) fn tell(&self, what: &str, since: Instant) {
        println!("{:6.1} s  {what} after {:.1} s", self.0.elapsed().as_secs_f64(), since.elapsed().as_secs_f64());
    }
}

/// The cluster and AWS around it, in a namespace with a bridge for machines.
pub(crate) struct Cloud {
    // Dropped in this order.
    _controllers: Controllers,
    pub(crate) kube: Kube,
    _servers: [Task; 2],
    pub(crate) aws: Aws,
    nodes: Authority,
    identity: Identity,
    software: Software,
    parts: Parts,
    ns: Netns,
    directory: PathBuf,
}

impl Cloud {
    /// Starts all of it. What the servers log stays if the test fails.
    pub(crate) fn start() -> Self {
        let start = Instant::now();
        let directory = tempfile::Builder::new().prefix("hybridge-node-real-").tempdir().unwrap().keep();
        let (ns, parts) = (Netns::new("cloud").unwrap(), Parts::find().unwrap());
        bridge(&ns, (NEAR, 24)).unwrap();
        node::metadata_address(&ns).unwrap();
        let aws = account();
        let identity = Identity::new(&[NEAR], &NAMES).unwrap();
        let at = |port| SocketAddr::from((NEAR, port));
        let servers =
            [aws.serve_tls(&ns, at(443), &identity).unwrap(), Authenticator::new(&aws, CLUSTER).serve(&ns, at(8443), &identity).unwrap()];
        let webhook = TokenWebhook { url: format!("https://{NEAR}:8443{PATH}"), authority: identity.authority().into() };
        let kube = Kube::start_with(&ns, NEAR, &directory, Some(&webhook)).unwrap();
        let controllers = Controllers::start(&kube, &ns, &directory).unwrap();
        std::fs::write(directory.join("kubeconfig"), kube.kubeconfig(User::Admin, "default")).unwrap();
        aws.add_cluster(cluster(&kube));
        let nodes = Authority::new("nodes").unwrap();
        let profile = Profile { roles: vec![ROLE.into()], accepts_session_name: true, session_is_common_name: true, longest: 3600 };
        aws.set_up_anywhere(|setup| {
            setup.anchors.insert(ANCHOR.into(), vec![nodes.der().to_vec()]);
            setup.profiles.insert(PROFILE.into(), profile);
        });
        let software = Software::gather(&parts, Path::new(env!("CARGO_BIN_EXE_hybridge"))).unwrap();
        println!("cluster and AWS are up after {:.1} s", start.elapsed().as_secs_f64());
        Self { _controllers: controllers, kube, _servers: servers, aws, nodes, identity, software, parts, ns, directory }
    }

    /// A machine that has booted, with further disks of these sizes in MiB, and what keeps its journal.
    pub(crate) fn machine(&self, name: &str, disks: &[u32], clock: &Clock) -> (Vm, Witness) {
        let start = Instant::now();
        let share = Some(self.software.folder());
        let base = VmConfig::new(name, (&self.ns, BRIDGE), (FAR, 24));
        let machine = Vm::start(&self.parts, &VmConfig { cpus: 2, gateway: Some(NEAR), disks, share, ..base }).unwrap();
        clock.tell("agent answers", start);
        machine.wait_running(BOOT).unwrap();
        clock.tell("machine runs", start);
        let witness = Witness::of(&machine, &self.directory);
        (machine, witness)
    }

    /// A machine outside.
    pub(crate) fn site(&self) -> Site<'_> {
        let (authority, hosts) = (self.identity.authority(), HOSTS.as_str());
        Site { on_ec2: false, units: &[], pods: "10.244.1.0/24", hosts, authority, sandbox_images: &[SANDBOX] }
    }

    /// Installs what images for nodes have.
    pub(crate) fn install(&self, machine: &Guest, site: &Site<'_>, clock: &Clock) {
        let start = Instant::now();
        node::install(machine, site).unwrap();
        clock.tell("kubelet, hybridge and images are installed", start);
    }

    /// A NodeConfig for an instance with local disks.
    pub(crate) fn document(&self, kubelet: Value) -> String {
        let spec = json!({
            "cluster": {
                "name": CLUSTER, "apiServerEndpoint": format!("https://{}", self.kube.address()),
                "certificateAuthority": STANDARD.encode(self.kube.authority()), "cidr": "10.96.0.0/16",
            },
            "instance": {"localStorage": {"strategy": "RAID0", "disabledMounts": ["SOCI"]}},
            "kubelet": {"config": kubelet, "flags": ["--node-labels=team=edge"]},
        });
        json!({"apiVersion": "node.eks.aws/v1alpha1", "kind": "NodeConfig", "spec": spec}).to_string()
    }

    /// The metadata service with this document in the user data, beside a script, as long as the task is held.
    pub(crate) fn metadata(&self, document: &str) -> Task {
        let user_data = format!(
            "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"PART\"\n\n--PART\nContent-Type: text/x-shellscript; charset=\"us-ascii\"\n\n\
             #!/bin/sh\necho a script of the user\n\n--PART\nContent-Type: application/node.eks.aws\n\n{document}\n\n--PART--\n"
        );
        let mac = "52:54:0a:00:00:02".to_owned();
        let instance = Metadata {
            instance_id: INSTANCE.into(),
            instance_type: "m5.large".into(),
            architecture: "x86_64".into(),
            availability_zone: "us-west-2a".into(),
            region: REGION.into(),
            account: ACCOUNT.into(),
            local_ipv4: FAR,
            local_hostname: "ip-10-0-0-2.us-west-2.compute.internal".into(),
            interfaces: vec![Interface { mac, ipv4s: vec![FAR], ..Interface::default() }],
            user_data: Some(user_data.into_bytes()),
            credentials: Some(self.aws.session("node", INSTANCE, SignedDuration::from_hours(1))),
            more: [].into(),
        };
        Imds::of_one(&instance).serve(&self.ns, (METADATA, 80).into()).unwrap()
    }

    /// A certificate for a node outside, of the authority that Roles Anywhere trusts.
    pub(crate) fn certificate(&self, name: &str) -> Leaf {
        self.nodes.issue(&CertificateSpec::new(name, KeyKind::P256)).unwrap()
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        if thread::panicking() {
            println!("logs are in {}", self.directory.display());
            return;
        }
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// An account with one instance.
fn account() -> Aws {
    let mut state = Ec2State::new("vpc-0a".parse().unwrap(), vec!["10.0.0.0/16".parse().unwrap()]);
    let instance = Instance {
        interface: "eni-0a".parse().unwrap(),
        private_ip: FAR,
        az: "us-west-2a".into(),
        source_dest_check: true,
        vxlan_open: false,
        terminated: false,
    };
    state.instances.insert(INSTANCE.parse().unwrap(), instance);
    Aws::new(REGION, ACCOUNT, FakeEc2::new(state))
}

/// A cluster that knows the roles of both kinds of nodes.
fn cluster(kube: &Kube) -> Cluster {
    let mut cluster = Cluster::new(CLUSTER, &format!("https://{}", kube.address()), kube.authority());
    cluster.remote_node_networks = vec!["10.0.0.0/24".into()];
    cluster.remote_pod_networks = vec!["10.244.0.0/16".into()];
    cluster.entries.insert(format!("arn:aws:iam::{ACCOUNT}:role/node"), AccessEntry::of_nodes(EntryKind::Ec2Linux));
    cluster.entries.insert(ROLE.into(), AccessEntry::of_nodes(EntryKind::HybridLinux));
    cluster
}

/// A NodeConfig for a machine outside. The cluster is described by EKS.
pub(crate) fn hybrid(name: &str, kubelet: Value) -> String {
    let spec = json!({
        "cluster": {"name": CLUSTER, "region": REGION},
        "hybrid": {"iamRolesAnywhere": {"nodeName": name, "trustAnchorArn": ANCHOR, "profileArn": PROFILE, "roleArn": ROLE}},
        "kubelet": {"config": kubelet, "flags": ["--node-labels=team=edge"]},
    });
    json!({"apiVersion": "node.eks.aws/v1alpha1", "kind": "NodeConfig", "spec": spec}).to_string()
}

/// A machine on its way to being a node.
pub(crate) struct Joining<'a> {
    pub(crate) world: &'a Cloud,
    pub(crate) machine: &'a Guest,
    /// Name of its Node object.
    pub(crate) name: &'a str,
    pub(crate) clock: &'a Clock,
}

impl Joining<'_> {
    /// Waits until the Node object is as wanted.
    #[track_caller]
    pub(crate) fn wait_node(&self, what: &str, patience: Duration, ready: impl Fn(&Value) -> bool) {
        let path = format!("/api/v1/nodes/{}", self.name);
        let seen = self.world.kube.wait(what, &path, patience, |object| object.is_some_and(&ready));
        seen.unwrap_or_else(|error| panic!("{}", hybridge_report::chain(&error)));
    }

    /// Waits until the node is Ready in this boot of its machine.
    #[track_caller]
    pub(crate) fn wait_ready(&self, boot: &str, patience: Duration) {
        self.wait_node("the node to be Ready", patience, |object| {
            condition(object, "Ready") && object["status"]["nodeInfo"]["bootID"] == boot
        });
    }

    /// Wants one pod on the node, if that is not wanted yet.
    ///
    /// It bears the taint of instances that no cloud controller has looked at yet: there is none here.
    pub(crate) fn deploy(&self) {
        let collection = "/apis/apps/v1/namespaces/default/deployments";
        if self.world.kube.get(&format!("{collection}/echo")).unwrap().is_some() {
            return;
        }
        let name = json!({"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}});
        let script = "trap 'exit 0' TERM; echo hello from $NODE; while :; do sleep 1 & wait; done";
        let container =
            json!({"name": "echo", "image": TEST_IMAGE, "imagePullPolicy": "Never", "env": [name], "command": ["sh", "-c", script]});
        let spec = json!({"tolerations": [{"operator": "Exists", "key": "node.cloudprovider.kubernetes.io/uninitialized"}], "terminationGracePeriodSeconds": 5, "containers": [container]});
        let template = json!({"metadata": {"labels": {"app": "echo"}}, "spec": spec});
        let spec = json!({"replicas": 1, "selector": {"matchLabels": {"app": "echo"}}, "template": template});
        let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "echo"}, "spec": spec});
        self.world.kube.create(collection, &deployment).unwrap();
    }

    /// Runs kubectl as an administrator until it prints what is expected. Kubelets' certificates are approved meanwhile.
    #[track_caller]
    pub(crate) fn wait_kubectl(&self, arguments: &[&str], expected: &str, patience: Duration) {
        let start = Instant::now();
        loop {
            self.world.kube.approve_serving_certificates().unwrap();
            let mut command = self.world.ns.command("kubectl");
            command.arg("--kubeconfig").arg(self.world.directory.join("kubeconfig")).args(["--request-timeout=10s"]).args(arguments);
            let output = command.output().unwrap();
            let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            if output.status.success() && said == expected {
                return;
            }
            if start.elapsed() > patience {
                let pods = self.world.kube.get("/api/v1/namespaces/default/pods").unwrap().unwrap_or_default();
                panic!("kubectl {arguments:?} says {said:?}, {complained:?}; pods: {pods:#}");
            }
            thread::sleep(PAUSE);
        }
    }
}
