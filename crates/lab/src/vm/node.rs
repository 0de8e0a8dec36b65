//! A machine on which everything is installed that a node needs and nothing is set up: what an image for EKS nodes is, or a machine
//! after `nodeadm install`.
//!
//! kubelet and hybridge come by a shared folder, [`Software`]; the rest is in the machine's image. What is on it then follows
//! `nodeadm/` and `templates/al2023/` of awslabs/amazon-eks-ami: units, slice, kernel settings, places of programs.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use tempfile::TempDir;

use super::{BRIDGE, Guest, VmError};
use crate::netns::Netns;
use crate::real::image;
use crate::real::{Parts, RealError};
use crate::topology::wire::{self, Interface};

/// The image of the containers that tests run: Debian's busybox and links to it.
pub const TEST_IMAGE: &str = "hybridge.test/busybox:1";

/// The sandbox image of EKS nodes on EC2, which is in their image.
pub const PAUSE_IMAGE: &str = "localhost/kubernetes/pause:latest";

/// Address of the instance metadata service on EC2.
pub const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// Where hybridge is on the machine.
pub const HYBRIDGE: &str = "/usr/local/bin/hybridge";

/// Where the machine finds what is shared.
const SHARED: &str = "/mnt/lab";

/// Gives the namespace of [`super::bridge`] the address of the metadata service. Machines come to it by their default route.
pub fn metadata_address(ns: &Netns) -> Result<(), VmError> {
    Ok(wire::configure(&Interface { ns, name: BRIDGE, addresses: vec![(METADATA, 32)], paths: Vec::new() })?)
}

/// What is installed on machines from a folder of the host: it is [`super::VmConfig::share`].
#[derive(Debug)]
pub struct Software(TempDir);

impl Software {
    /// kubelet of the real parts, this hybridge (without what is for debuggers only), and the sandbox image.
    pub fn gather(parts: &Parts, hybridge: &Path) -> Result<Self, VmError> {
        let temporary = std::env::temp_dir();
        let folder = tempfile::Builder::new().prefix("hybridge-software-").tempdir();
        let folder = folder.map_err(|source| VmError::File { path: temporary, source })?;
        let kubelet = parts.program("kubelet")?;
        copy(&kubelet, &folder.path().join("kubelet"))?;
        let program = folder.path().join("hybridge");
        let stripped = Command::new("strip").arg("--strip-all").arg("-o").arg(&program).arg(hybridge).status();
        // Only a matter of size.
        if !stripped.is_ok_and(|status| status.success()) {
            copy(hybridge, &program)?;
        }
        image::pause(PAUSE_IMAGE, &folder.path().join("pause.tar"))?;
        Ok(Self(folder))
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.0.path()
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), VmError> {
    if fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    fs::copy(from, to).map(drop).map_err(|source| VmError::File { path: from.into(), source })
}

/// Where the machine will be a node.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// Whether it is an instance: its image sets what a kubelet wants of the kernel.
    pub on_ec2: bool,
    /// Units that are enabled, by name: those that make an instance a node at each boot.
    pub units: &'a [(&'a str, &'a str)],
    /// Addresses of its pods, as `10.244.1.0/24`.
    pub pods: &'a str,
    /// Lines for `/etc/hosts`: address, then names.
    pub hosts: &'a str,
    /// A certificate authority (PEM) that it trusts besides those of its distribution.
    pub authority: &'a str,
    /// Further names of the sandbox image.
    pub sandbox_images: &'a [&'a str],
}

/// Installs everything. Nothing of it runs after that, and nothing is configured for a cluster.
///
/// It is one script, as each command of an emulated machine takes a quarter of a second beside its own time.
pub fn install(machine: &Guest, site: &Site<'_>) -> Result<(), VmError> {
    let mut script = PROGRAMS.to_owned();
    script.push_str(&file("/etc/systemd/system/runtime.slice", SLICE));
    script.push_str(&file("/etc/systemd/system/containerd.service.d/00-runtime-slice.conf", IN_SLICE));
    script.push_str(&file("/etc/systemd/system/kubelet.service", KUBELET));
    script.push_str(&file("/etc/cni/net.d/10-pods.conflist", &network(site.pods)));
    script.push_str(&appended("/etc/hosts", site.hosts));
    script.push_str(&appended("/etc/ssl/certs/ca-certificates.crt", site.authority));
    if site.on_ec2 {
        script.push_str(&file("/etc/sysctl.d/99-node.conf", KERNEL));
        script.push_str("sysctl --quiet --load /etc/sysctl.d/99-node.conf\n");
        // Noted by the build of the image, so that nobody has to start 80 MB for it.
        script.push_str("kubelet --version | sed 's/.* v//' >/etc/eks/kubelet-version.txt\n");
    }
    for (name, content) in site.units {
        script.push_str(&file(&format!("/etc/systemd/system/{name}"), content));
        // The machine has its address from a unit of the lab and not from systemd-networkd.
        script.push_str(&file(&format!("/etc/systemd/system/{name}.d/lab.conf"), AFTER_ADDRESS));
        script.push_str(&format!("systemctl --quiet --no-reload enable {name}\n"));
    }
    script.push_str(&images(site.sandbox_images));
    machine.sh(&script).map(drop)
}

/// The part of a script that writes a file.
fn file(path: &str, content: &str) -> String {
    format!("mkdir -p $(dirname '{path}')\n: >'{path}'\n{}", appended(path, content))
}

/// The part of a script that puts lines at the end of a file.
fn appended(path: &str, lines: &str) -> String {
    format!("cat >>'{path}' <<'END OF FILE'\n{}\nEND OF FILE\n", lines.trim_end())
}

/// The part of a script that has containerd unpack the images, as the build of an image for nodes does, and stops it again.
fn images(sandbox_images: &[&str]) -> String {
    let ctr = "ctr --namespace k8s.io images";
    let tags: String = sandbox_images.iter().map(|name| format!("{ctr} tag {PAUSE_IMAGE} {name} >/dev/null\n")).collect();
    format!(
        "{BUSYBOX}\nsystemctl daemon-reload\nsystemctl start containerd.service\n{ctr} import {SHARED}/pause.tar >/dev/null\n\
         {ctr} import /var/tmp/busybox/image.tar >/dev/null\n{tags}systemctl stop containerd.service\nrm -r /var/tmp/busybox\n"
    )
}

/// Programs at the places where EKS's images have them. Debian has network plug-ins and runc elsewhere.
const PROGRAMS: &str = "set -eu
install -m 755 /mnt/lab/kubelet /usr/bin/kubelet
install -m 755 /mnt/lab/hybridge /usr/local/bin/hybridge
mkdir -p /opt/cni /etc/eks
ln -sfn /usr/lib/cni /opt/cni/bin
";

const SLICE: &str = "[Unit]
Description=The kubelet and the container runtime
Before=slices.target
";

const IN_SLICE: &str = "[Service]
Slice=runtime.slice
";

/// What the images' unit says, in its order: after containerd, in the slice, flags from the environment file, forwarding on.
const KUBELET: &str = "[Unit]
Description=Kubernetes node agent
After=containerd.service
Wants=containerd.service

[Service]
Slice=runtime.slice
EnvironmentFile=/etc/eks/kubelet/environment
ExecStartPre=/sbin/iptables -P FORWARD ACCEPT -w 5
ExecStart=/usr/bin/kubelet $NODEADM_KUBELET_ARGS
Restart=on-failure
RestartForceExitStatus=SIGPIPE
RestartSec=5
KillMode=process
CPUAccounting=true
MemoryAccounting=true

[Install]
WantedBy=multi-user.target
";

const AFTER_ADDRESS: &str = "[Unit]
After=lab-address.service
";

/// What the kubelet demands with `protectKernelDefaults`, which EC2's images set.
const KERNEL: &str = "vm.overcommit_memory=1
kernel.panic=10
kernel.panic_on_oops=1
";

/// An archive as `docker save` writes it, of the machine's own busybox.
const BUSYBOX: &str = r#"mkdir -p /var/tmp/busybox/root/bin
cd /var/tmp/busybox
cp /bin/busybox root/bin/busybox
for name in sh sleep echo cat ls wget ping nc hostname ip; do ln -s busybox root/bin/$name; done
tar --create --owner=0 --group=0 --file=layer.tar --directory=root .
digest=$(sha256sum layer.tar | cut -d ' ' -f 1)
architecture=$(dpkg --print-architecture)
cat >config.json <<END
{"architecture": "$architecture", "os": "linux", "config": {"Env": ["PATH=/bin"], "Cmd": ["sh"]}, "rootfs": {"type": "layers", "diff_ids": ["sha256:$digest"]}}
END
cat >manifest.json <<'END'
[{"Config": "config.json", "RepoTags": ["hybridge.test/busybox:1"], "Layers": ["layer.tar"]}]
END
tar --create --file=image.tar config.json manifest.json layer.tar"#;

/// Pods on a bridge of their own, with addresses of this node's range, and out through the node's address.
fn network(pods: &str) -> String {
    let ipam = format!(r#"{{"type": "host-local", "ranges": [[{{"subnet": "{pods}"}}]], "routes": [{{"dst": "0.0.0.0/0"}}]}}"#);
    let bridge = format!(r#"{{"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "ipam": {ipam}}}"#);
    format!(
        "{{\"cniVersion\": \"1.0.0\", \"name\": \"pods\", \"plugins\": [{bridge}, {{\"type\": \"portmap\", \"capabilities\": {{\"portMappings\": true}}}}]}}\n"
    )
}

/// Keeps what a machine's services have logged if the test fails; to be made after the machine, so that it goes before it.
#[derive(Debug)]
pub struct Witness {
    machine: Guest,
    log: PathBuf,
}

impl Witness {
    /// Writes the journal to `DIRECTORY/NAME.journal` when it is dropped by a failing test.
    pub fn of(machine: &Guest, directory: &Path) -> Self {
        Self { machine: machine.clone(), log: directory.join(machine.name()).with_extension("journal") }
    }

    fn keep(&self) -> Result<String, VmError> {
        let journal = self.machine.sh("journalctl --no-pager --boot all --output short-precise")?;
        fs::write(&self.log, journal).map_err(|source| VmError::Process(RealError::File { path: self.log.clone(), source }))?;
        self.machine.sh("systemctl --failed --no-pager; journalctl --no-pager -n 25 -u kubelet -u containerd -u 'hybridge*'")
    }
}

impl Drop for Witness {
    #[allow(clippy::print_stderr, reason = "libtest shows it with the failed test")]
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        match self.keep() {
            Ok(words) => {
                eprintln!("the journal of machine `{}` is in {}; its last words:\n{words}", self.machine.name(), self.log.display())
            }
            Err(error) => eprintln!("the journal of machine `{}` cannot be had: {}", self.machine.name(), hybridge_report::chain(&error)),
        }
    }
}
