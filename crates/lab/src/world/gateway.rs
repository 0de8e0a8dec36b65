//! Gateway processes: any program that takes the reference's settings, started the way a pod of its chart would be.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use hybridge_model::{InstanceId, InterfaceId};
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::http::{HttpError, Reply, Server};
use crate::topology::Leg;

/// Port of `/healthz` and `/readyz`.
pub const PROBE_PORT: u16 = 8088;
/// Port of `/metrics`.
pub const METRICS_PORT: u16 = 10080;
/// The Kubernetes namespace that gateways run in.
pub const NAMESPACE: &str = "eks-hybrid-nodes-gateway";

/// Why a gateway could not be started, signalled or waited for.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The program is not there or cannot be executed.
    #[error("cannot start {}", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// What happened.
        #[source]
        source: io::Error,
    },
    /// Files that a pod has could not be laid out.
    #[error("cannot write {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What happened.
        #[source]
        source: io::Error,
    },
    /// It does not run.
    #[error("{0} is not running")]
    NotRunning(String),
    /// It did not end.
    #[error("{name} did not end within {within:?}")]
    NoEnd {
        /// The gateway.
        name: String,
        /// How long it was waited for.
        within: Duration,
    },
}

/// How gateways are started: the same for each.
#[derive(Clone, Debug)]
pub(super) struct Launch {
    pub(super) program: PathBuf,
    /// `$(NAME)` in them stands for a variable, as in a container.
    pub(super) arguments: Vec<String>,
    pub(super) environment: Vec<(String, Variable)>,
    /// For each gateway; the last one serves those beyond, too.
    pub(super) kubeconfigs: Vec<Vec<u8>>,
}

/// What a variable of a container is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Variable {
    /// The same for each gateway.
    Text(String),
    /// `status.hostIP` of the downward API.
    HostIp,
    /// `spec.nodeName`.
    NodeName,
    /// `metadata.namespace`.
    Namespace,
}

/// A host of a gateway, with the gateway's process while it runs.
pub struct Gateway {
    /// Its host.
    pub leg: Leg,
    /// Its name as a Kubernetes node.
    pub node: String,
    /// Its instance.
    pub instance: InstanceId,
    /// Its primary interface.
    pub interface: InterfaceId,
    /// Its output, of every start.
    pub log: PathBuf,
    index: usize,
    child: Option<Child>,
}

impl Gateway {
    pub(super) fn new(index: usize, leg: Leg, (instance, interface): (InstanceId, InterfaceId), directory: &Path) -> Self {
        let node = node_name(leg.host.address);
        let log = directory.join(format!("{}.log", leg.host.name()));
        Self { leg, node, instance, interface, log, index, child: None }
    }

    /// Its name in the lab.
    pub fn name(&self) -> &str {
        self.leg.host.name()
    }

    /// Its address, which is also its tunnel endpoint.
    pub fn address(&self) -> Ipv4Addr {
        self.leg.host.address
    }

    /// Its process, while it runs.
    pub fn pid(&mut self) -> Option<u32> {
        self.reap();
        self.child.as_ref().map(Child::id)
    }

    /// Asks one of its own ports from its own host, as a kubelet would.
    pub fn get(&self, port: u16, path: &str) -> Result<Reply, HttpError> {
        Server::plain(&self.leg.host.ns, (Ipv4Addr::LOCALHOST, port).into()).get(path)
    }

    /// Whether `/readyz` says 200.
    pub fn is_ready(&self) -> bool {
        self.get(PROBE_PORT, "/readyz").is_ok_and(|reply| reply.status == 200)
    }

    pub(super) fn start(&mut self, launch: &Launch) -> Result<(), GatewayError> {
        let directory = self.log.with_extension("run");
        let kubeconfig = launch.kubeconfigs.get(self.index).or(launch.kubeconfigs.last()).expect("the cluster has at least one user");
        lay_out_pod(&directory, kubeconfig)?;
        let file = |source| GatewayError::File { path: self.log.clone(), source };
        let log = OpenOptions::new().create(true).append(true).open(&self.log).map_err(file)?;
        let mut command = self.leg.host.ns.command(&launch.program);
        let environment: Vec<_> = launch.environment.iter().map(|(name, value)| (name, self.resolve(value))).collect();
        let expand =
            |argument: &String| environment.iter().fold(argument.clone(), |text, (name, value)| text.replace(&format!("$({name})"), value));
        command.args(launch.arguments.iter().map(expand)).env_clear().envs(environment.iter().cloned());
        command.env("KUBECONFIG", "/run/kubeconfig");
        command.stdin(Stdio::null()).stdout(log.try_clone().map_err(file)?).stderr(log);
        contain(&mut command, &directory, &self.node);
        let child = command.spawn().map_err(|source| GatewayError::Start { program: launch.program.clone(), source })?;
        tracing::info!(gateway = self.name(), pid = child.id(), "gateway started");
        self.child = Some(child);
        Ok(())
    }

    fn resolve(&self, variable: &Variable) -> String {
        match variable {
            Variable::Text(text) => text.clone(),
            Variable::HostIp => self.address().to_string(),
            Variable::NodeName => self.node.clone(),
            Variable::Namespace => NAMESPACE.to_owned(),
        }
    }

    /// Sends a signal to its process.
    pub fn signal(&mut self, signal: Signal) -> Result<(), GatewayError> {
        let pid = self.pid().ok_or_else(|| GatewayError::NotRunning(self.name().into()))?;
        let pid = Pid::from_raw(i32::try_from(pid).expect("process identifiers are positive 32-bit numbers"));
        // It can only have ended since; then there is nothing left to signal.
        let _ended = kill(pid, signal);
        Ok(())
    }

    /// Waits for the process to end.
    pub fn wait(&mut self, within: Duration) -> Result<Option<ExitStatus>, GatewayError> {
        let deadline = Instant::now() + within;
        loop {
            let Some(child) = &mut self.child else { return Ok(None) };
            if let Ok(Some(status)) = child.try_wait() {
                self.child = None;
                return Ok(Some(status));
            }
            if Instant::now() > deadline {
                return Err(GatewayError::NoEnd { name: self.name().into(), within });
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn reap(&mut self) {
        if let Some(child) = &mut self.child
            && let Ok(Some(status)) = child.try_wait()
        {
            tracing::info!(gateway = self.leg.host.name(), %status, "gateway ended");
            self.child = None;
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Both fail only if it has ended already.
            let _ended = child.kill();
            let _reaped = child.wait();
        }
    }
}

/// EC2's name for a host, which EKS takes as node name.
fn node_name(address: Ipv4Addr) -> String {
    format!("ip-{}.us-west-2.compute.internal", address.to_string().replace('.', "-"))
}

/// Writes what a pod finds below /run: its service account, and the kubeconfig.
fn lay_out_pod(directory: &Path, kubeconfig: &[u8]) -> Result<(), GatewayError> {
    let account = directory.join("secrets/kubernetes.io/serviceaccount");
    fs::create_dir_all(&account).map_err(|source| GatewayError::File { path: account.clone(), source })?;
    for (path, content) in [(account.join("namespace"), NAMESPACE.as_bytes()), (directory.join("kubeconfig"), kubeconfig)] {
        fs::write(&path, content).map_err(|source| GatewayError::File { path, source })?;
    }
    Ok(())
}

/// Gives the process what of a container a gateway can notice: its node's host name, and its own /run.
#[allow(unsafe_code, reason = "Command::pre_exec is the only way to change namespaces between fork and exec")]
fn contain(command: &mut Command, run: &Path, host_name: &str) {
    let run = CString::new(run.as_os_str().as_encoded_bytes()).expect("paths hold no NUL");
    let host_name = host_name.to_owned();
    let enter = move || {
        unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS)?;
        // SAFETY: the pointer and the length are those of one string, which the call only reads.
        Errno::result(unsafe { libc::sethostname(host_name.as_ptr().cast(), host_name.len()) })?;
        Ok(mount(Some(run.as_c_str()), c"/run", None::<&str>, MsFlags::MS_BIND, None::<&str>)?)
    };
    // A group of its own, so that Ctrl-C in the lab's terminal is not one fault more.
    command.process_group(0);
    // SAFETY: the closure makes three system calls on values prepared above; it allocates nothing and takes no lock.
    unsafe { command.pre_exec(enter) };
}

/// The last lines of a log, for a message about a gateway that misbehaves.
pub fn tail(log: &Path, lines: usize) -> String {
    let text = File::open(log).and_then(io::read_to_string).unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
