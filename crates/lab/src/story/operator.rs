//! Whoever runs `hybridge cluster`: at the site, with a file, against the AWS of clusters.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use serde_json::{Value, json};

use super::StoryError;
use super::account::{CLUSTER, REGION};
use crate::aws::{AccessKey, Authority, Principal};
use crate::netns::Netns;
use crate::real::process::write;
use crate::real::{Emulator, Kube, Vpc};
use crate::topology::{LegKind, Topology, pod_cidr, site_cidr};
use crate::world::World;

/// The version that the real parts are of.
const VERSION: &str = "1.34";

/// What moto takes every caller for.
const USER: &str = "moto";

/// How a command ended.
#[derive(Clone, Debug)]
pub struct Run {
    /// Exit code; 101 where a signal ended it.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// What it said.
    pub stderr: String,
}

/// What has been handed over.
#[derive(Clone, Debug)]
pub struct Handover(PathBuf);

/// Runs commands at the site.
pub(super) struct Operator {
    program: PathBuf,
    from: Netns,
    directory: PathBuf,
    environment: Vec<(&'static str, String)>,
}

/// The AWS of clusters and its VPC.
pub(super) fn emulator(world: &World) -> Result<(&Emulator, &Vpc), StoryError> {
    world.cloud.emulator().ok_or(StoryError::NotReal)
}

/// Where it is, as `AWS_ENDPOINT_URL` says it.
pub(super) fn endpoint(topology: &Topology) -> String {
    format!("http://{}", topology.ec2_api.host.address)
}

/// The operator's key, for whoever verifies signatures.
pub(super) fn key(world: &World) -> Result<AccessKey, StoryError> {
    let environment = emulator(world)?.0.environment();
    let value = |name: &str| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone()).unwrap_or_default();
    let (id, secret) = (value("AWS_ACCESS_KEY_ID"), value("AWS_SECRET_ACCESS_KEY"));
    Ok(AccessKey { id, secret, token: None, expires: None, principal: Principal::User(USER.into()) })
}

impl Operator {
    /// Has a file for a cluster in the world's VPC, and an authority whose certificates machines are to join with.
    pub(super) fn new(world: &World, program: &Path) -> Result<Self, StoryError> {
        let directory = world.directory.join("operator");
        let (emulator, vpc) = emulator(world)?;
        let mut environment = emulator.environment().to_vec();
        environment.retain(|(name, _)| *name != "AWS_ENDPOINT_URL");
        environment.push(("AWS_ENDPOINT_URL", endpoint(&world.topology)));
        environment.push(("HOME", directory.display().to_string()));
        // What takes AWS minutes takes the emulator no time.
        environment.push(("HYBRIDGE_POLL_MS", "200".to_owned()));
        let operator = Self { program: program.to_owned(), from: world.topology.site_router.clone(), directory, environment };
        let authority = Authority::new("hybrid nodes of the story")?;
        let handover = operator.handover();
        let pki = handover.0.join("pki");
        fs::create_dir_all(&pki).map_err(|source| StoryError::File { path: pki.clone(), source })?;
        write(&pki.join("ca.pem"), authority.pem())?;
        write(&pki.join("ca.key"), &authority.key_pem())?;
        write(&operator.file(), &format!("{:#}\n", config(&world.topology, vpc, authority.pem())))?;
        Ok(operator)
    }

    /// The ClusterConfig. It is written as JSON, which is YAML, too.
    fn file(&self) -> PathBuf {
        self.directory.join("cluster.yaml")
    }

    fn handover(&self) -> Handover {
        Handover(self.directory.join("handover"))
    }

    /// `hybridge cluster COMMAND -f cluster.yaml …`.
    pub(super) fn run(&self, command: &str, words: &[&str]) -> Result<Run, StoryError> {
        let mut run = self.from.command(&self.program);
        run.args(["cluster", command, "-f"]).arg(self.file()).args(words).current_dir(&self.directory);
        run.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").envs(self.environment.iter().map(|(name, value)| (name, value)));
        let output = run.output().map_err(|source| StoryError::File { path: self.program.clone(), source })?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let run = Run { code: output.status.code().unwrap_or(101), stdout: text(&output.stdout), stderr: text(&output.stderr) };
        write(&self.directory.join(format!("{command}.log")), &format!("{}{}", run.stdout, run.stderr))?;
        Ok(run)
    }

    fn done(&self, command: &'static str, words: &[&str]) -> Result<Run, StoryError> {
        let run = self.run(command, words)?;
        match run.code {
            0 => Ok(run),
            code => Err(StoryError::Command { command, code, said: format!("{}{}", run.stdout, run.stderr) }),
        }
    }

    /// Makes the cluster. Its endpoint is the real API server's.
    pub(super) fn create(&self, emulator: &Emulator, kube: &Kube) -> Result<(), StoryError> {
        let authority = base64::engine::general_purpose::STANDARD.encode(kube.authority());
        emulator.set_endpoint(CLUSTER, &format!("https://{}", kube.address()), &authority)?;
        self.done("create", &["--timeout", "5"]).map(drop)
    }

    /// Has written what the machines, the gateways and Cilium need.
    pub(super) fn hand_over(&self, nodes: &[&str]) -> Result<Handover, StoryError> {
        let handover = self.handover();
        let directory = handover.0.display().to_string();
        self.done("handover", &["--dir", &directory, "--lab-certificates", &nodes.join(",")])?;
        Ok(handover)
    }
}

impl Handover {
    /// A file of it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// What a file of it says.
    pub fn read(&self, name: &str) -> Result<String, StoryError> {
        let path = self.path(name);
        fs::read_to_string(&path).map_err(|source| StoryError::File { path, source })
    }
}

/// A cluster in the VPC that is there, whose control plane has subnets of its own and a private endpoint.
fn config(topology: &Topology, vpc: &Vpc, authority: &str) -> Value {
    let id = |name: &str| vpc.subnet(name).unwrap_or_default().to_owned();
    let private: serde_json::Map<String, Value> =
        topology.legs().map(|leg| (leg.plan.name.clone(), json!({"id": id(&leg.plan.subnet)}))).collect();
    let control_plane: Vec<String> =
        topology.legs().filter(|leg| leg.plan.kind == LegKind::Service).map(|leg| id(&leg.plan.subnet)).collect();
    json!({
        "apiVersion": "eksctl.io/v1alpha5",
        "kind": "ClusterConfig",
        "metadata": {
            "name": CLUSTER, "region": REGION, "version": VERSION,
            "annotations": {"hybridge/pod-routes": "hybridge-gateway"},
        },
        "kubernetesNetworkConfig": {"serviceIPv4CIDR": Kube::service_cidr()},
        "vpc": {
            "id": vpc.id().to_string(),
            "subnets": {"private": private},
            "controlPlaneSubnetIDs": control_plane,
            "clusterEndpoints": {"publicAccess": false, "privateAccess": true},
        },
        "addonsConfig": {"disableDefaultAddons": true},
        "remoteNetworkConfig": {
            "iam": {"provider": "ira", "caBundleCert": authority},
            "remoteNodeNetworks": [{"cidrs": [site_cidr().to_string()]}],
            "remotePodNetworks": [{"cidrs": [pod_cidr().to_string()]}],
        },
    })
}
