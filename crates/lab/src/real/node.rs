//! A node that runs pods: containerd, its shims and a kubelet on a host of the lab.
//!
//! All of them, and the containers, live in a PID and a mount namespace of the node's own. So dropping the handle kills even what
//! has daemonised, and no mount is left. Pods need `hostNetwork`; images come by [`Node::import_image`], as there is no registry.
//! Needs runc, a C compiler, `tar` and util-linux on the machine, and root: see [`RealError::Cgroup`].

mod cgroup;
mod config;
#[cfg(test)]
pub(super) mod with_real_parts;

use std::fmt::Display;
use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::process::{Process, run, write};
use super::{Kube, Parts, RealError, condition, image};
use crate::cni;
use crate::netns::Netns;
use cgroup::Cgroup;

/// containerd's namespace for what the kubelet runs.
const CONTAINERS: &str = "k8s.io";

/// Between two looks at the Node object, each over TLS.
const PAUSE: Duration = Duration::from_millis(100);

/// How long killed processes may take to be gone.
const LAST_BREATH: Duration = Duration::from_secs(10);

/// Which node to be.
#[derive(Clone, Copy, Debug)]
pub struct NodeSpec<'a> {
    /// Name of the Node object, which the API server must not have yet.
    pub name: &'a str,
    /// Its InternalIP, which the host must have on an interface other than `lo`.
    pub address: Ipv4Addr,
    /// Labels beyond those that every kubelet sets. Kubelets may not set most of `kubernetes.io`.
    pub labels: &'a [(&'a str, &'a str)],
}

/// The network of a node's pods that are not on the host's.
#[derive(Clone, Copy, Debug)]
pub struct PodNetwork<'a> {
    /// The program that is the plug-in [`crate::cni`]: hybridge-lab.
    pub plugin: &'a Path,
    /// Addresses that are routed to the node.
    pub addresses: &'a [Ipv4Addr],
}

/// A running node. Dropping kills all of it, at once; its Node object and its pods stay in the API server.
#[derive(Debug)]
pub struct Node {
    holder: Process,
    kubelet: Process,
    _containerd: Process,
    _cgroup: Cgroup,
    host: Host,
}

/// The namespaces of a node, while its holder lives.
#[derive(Debug)]
struct Host {
    parts: Parts,
    ns: Netns,
    holder: u32,
    /// The PID namespace, as `readlink` shows it.
    processes: Option<PathBuf>,
    directory: PathBuf,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.holder.kill();
        // They are killed, but each has memory to give back first; meanwhile they may still write to the node's folder.
        let start = Instant::now();
        while self.host.has_processes() && start.elapsed() < LAST_BREATH {
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Node {
    /// Starts a node on a host that has a route to the API server, and waits until it is Ready.
    ///
    /// State and logs (`containerd.log`, `kubelet.log`) go to `DIRECTORY/NAME`.
    pub fn start(kube: &Kube, ns: &Netns, spec: &NodeSpec<'_>, directory: &Path) -> Result<Self, RealError> {
        Self::start_with(kube, ns, (spec, None), directory)
    }

    /// The same, with a network for pods that are not on the host's.
    pub fn start_with(
        kube: &Kube,
        ns: &Netns,
        (spec, pods): (&NodeSpec<'_>, Option<PodNetwork<'_>>),
        directory: &Path,
    ) -> Result<Self, RealError> {
        let parts = Parts::find()?;
        let directory = directory.join(spec.name);
        fs::create_dir_all(directory.join("cni/bin")).map_err(|source| RealError::File { path: directory.clone(), source })?;
        match pods {
            None => write(&directory.join("cni/10-none.conflist"), config::CNI)?,
            Some(PodNetwork { plugin, addresses }) => {
                let link = directory.join("cni/bin").join(cni::NAME);
                symlink(plugin, &link).map_err(|source| RealError::File { path: link, source })?;
                write(&directory.join("cni/10-vpc.conflist"), &cni::network(addresses).to_string())?;
            }
        }
        write(&directory.join("containerd.toml"), &config::containerd(&directory))?;
        write(&directory.join("kubeconfig"), &kube.kubeconfig_for_node(spec.name)?)?;
        let cgroup = Cgroup::new()?;
        write(&directory.join("kubelet.json"), &config::kubelet(&directory, &cgroup.name()).to_string())?;

        let holder = start_holder(ns, &directory)?;
        cgroup.occupy(holder.pid())?;
        let processes = namespace(holder.pid(), "pid_for_children");
        let host = Host { parts, ns: ns.clone(), holder: holder.pid(), processes, directory };
        let containerd = host.start_containerd()?;
        host.import_pause()?;
        let kubelet = host.start_kubelet(spec)?;
        let mut node = Self { holder, kubelet, _containerd: containerd, _cgroup: cgroup, host };
        let path = format!("/api/v1/nodes/{}", spec.name);
        node.kubelet.wait_until(|| {
            thread::sleep(PAUSE);
            kube.get(&path).is_ok_and(|object| object.is_some_and(|object| condition(&object, "Ready")))
        })?;
        Ok(node)
    }

    /// Gives it the image `name` from an archive: a tar file, not compressed, in OCI layout or as `docker save` writes it. Of several
    /// platforms it unpacks its own. An OCI layout says the whole name in the annotation `io.containerd.image.name`.
    ///
    /// Pods that use it say `imagePullPolicy: Never` or `IfNotPresent`. Fails if the archive has no image of this name.
    pub fn import_image(&self, archive: &Path, name: &str) -> Result<(), RealError> {
        self.host.import(archive, name)
    }

    /// `/proc/PID/status` of the first process of a container of a pod, which is given as the API server has it.
    ///
    /// Shows what the security context came to: CapEff, NoNewPrivs, Seccomp, Uid.
    pub fn process_status(&self, pod: &Value, container: &str) -> Result<String, RealError> {
        let path = self.process(pod, container)?.join("status");
        fs::read_to_string(&path).map_err(|source| RealError::Read { path, source })
    }

    /// The network namespace of a pod that has a running container.
    pub fn pod_namespace(&self, pod: &Value, container: &str) -> Result<Netns, RealError> {
        let path = self.process(pod, container)?.join("ns/net");
        let file = fs::File::open(&path).map_err(|source| RealError::Read { path, source })?;
        Ok(Netns::open(container, file))
    }

    /// `/proc/PID` of the first process of a container of a pod.
    fn process(&self, pod: &Value, container: &str) -> Result<PathBuf, RealError> {
        let missing = |wanted: &str| RealError::NotUnderstood { request: "the state of a pod".into(), wanted: wanted.into() };
        let all = pod.pointer("/status/containerStatuses").and_then(Value::as_array).ok_or_else(|| missing("containers"))?;
        let status = all.iter().find(|status| status["name"] == container).ok_or_else(|| missing(container))?;
        let id = status["containerID"].as_str().and_then(|id| id.strip_prefix("containerd://")).ok_or_else(|| missing("containerID"))?;
        let tasks = run("list containers", self.host.ctr()?.args(["tasks", "list"]))?;
        let pid = tasks.lines().find(|line| line.starts_with(id)).and_then(|line| line.split_whitespace().nth(1));
        Ok(self.host.root().join("proc").join(pid.ok_or_else(|| missing("process"))?))
    }

    /// What a container of a pod has written, to both outputs, since it was last started.
    pub fn logs(&self, pod: &Value, container: &str) -> Result<String, RealError> {
        let text = |path: &str| pod.pointer(path).and_then(Value::as_str).unwrap_or_default();
        let pod = format!("{}_{}_{}", text("/metadata/namespace"), text("/metadata/name"), text("/metadata/uid"));
        let folder = self.host.directory.join("logs").join(pod).join(container);
        let entries = fs::read_dir(&folder).map_err(|source| RealError::Read { path: folder.clone(), source })?;
        // One file for each start: 0.log, 1.log.
        let number = |path: &PathBuf| path.file_stem().and_then(|stem| stem.to_str()?.parse::<u32>().ok());
        let Some(path) = entries.flatten().map(|entry| entry.path()).max_by_key(number) else { return Ok(String::new()) };
        let log = fs::read_to_string(&path).map_err(|source| RealError::Read { path, source })?;
        // Time, stream, and whether the line is whole come first.
        Ok(log.lines().filter_map(|line| line.splitn(4, ' ').nth(3)).map(|line| format!("{line}\n")).collect())
    }
}

/// Starts the process that the node's namespaces belong to.
fn start_holder(ns: &Netns, directory: &Path) -> Result<Process, RealError> {
    let up = directory.join("up");
    // Of a former life.
    let _ = fs::remove_file(&up);
    let mut command = ns.command("unshare");
    command.args(["--mount", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc", "sh", "-c"]).arg(config::holder(&up));
    let mut holder = Process::start(command, "holder", directory)?;
    holder.wait_until(|| up.exists())?;
    Ok(holder)
}

/// The identity of a namespace of a process, if that has not ended.
fn namespace(pid: impl Display, kind: &str) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok()
}

impl Host {
    fn has_processes(&self) -> bool {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let mut namespaces = entries.filter_map(|entry| namespace(entry.file_name().display(), "pid"));
        namespaces.any(|namespace| Some(namespace) == self.processes)
    }

    /// A program among the node's processes.
    fn command(&self, program: &Path) -> Command {
        let mut command = self.ns.command("nsenter");
        let space = |kind: &str| format!("/proc/{}/ns/{kind}", self.holder);
        command.args([format!("--mount={}", space("mnt")), format!("--pid={}", space("pid_for_children"))]).arg("--").arg(program);
        // containerd looks for its shim and for runc, which Debian has where only root's PATH leads.
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}:/usr/sbin:/sbin", self.parts.directory().display()));
        command
    }

    /// The node's file system, from outside.
    fn root(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root", self.holder))
    }

    fn start_containerd(&self) -> Result<Process, RealError> {
        let mut command = self.command(&self.parts.program("containerd")?);
        command.arg("--config").arg(self.directory.join("containerd.toml"));
        let mut containerd = Process::start(command, "containerd", &self.directory)?;
        let socket = self.root().join("run/containerd/containerd.sock");
        containerd.wait_until(|| UnixStream::connect(&socket).is_ok())?;
        Ok(containerd)
    }

    fn start_kubelet(&self, spec: &NodeSpec<'_>) -> Result<Process, RealError> {
        let mut command = self.command(&self.parts.program("kubelet")?);
        let labels: Vec<_> = spec.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let file = |flag: &str, name: &str| format!("--{flag}={}", self.directory.join(name).display());
        command
            .args([file("config", "kubelet.json"), file("kubeconfig", "kubeconfig")])
            .args([file("root-dir", "kubelet"), file("cert-dir", "certificates")])
            .args([format!("--hostname-override={}", spec.name), format!("--node-ip={}", spec.address)])
            .arg(format!("--node-labels={}", labels.join(",")));
        Process::start(command, "kubelet", &self.directory)
    }

    fn import_pause(&self) -> Result<(), RealError> {
        let archive = self.directory.join("pause.tar");
        image::pause(config::PAUSE_IMAGE, &archive)?;
        self.import(&archive, config::PAUSE_IMAGE)
    }

    fn ctr(&self) -> Result<Command, RealError> {
        let mut command = self.command(&self.parts.program("ctr")?);
        command.args(["--namespace", CONTAINERS]);
        Ok(command)
    }

    fn import(&self, archive: &Path, name: &str) -> Result<(), RealError> {
        run("import an image", self.ctr()?.args(["images", "import"]).arg(archive))?;
        // What the import says is meant for eyes: it shows a dash as a space.
        let images = run("list images", self.ctr()?.args(["images", "list", "--quiet"]))?;
        if images.lines().any(|image| image == name) {
            return Ok(());
        }
        let said = format!("{} has no image {name}; there are: {}", archive.display(), images.trim().replace('\n', ", "));
        Err(RealError::Failed { what: "import an image", said })
    }
}
