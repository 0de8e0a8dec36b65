//! A virtual machine of the site: what is on it before `hybridge node init`, that command, and what can be asked of it then.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::account::{Account, HOSTS};
use super::operator::Handover;
use super::pods::{self, IMAGE};
use super::{Programs, StoryError};
use crate::real::process::{run, write};
use crate::real::{Parts, image};
use crate::topology::{LAN, SITE_GATEWAY, Topology};
use crate::vm::{BOOT, Vm, VmConfig};

/// How long `hybridge node init` may take on an emulated processor that others use too.
const INIT: Duration = Duration::from_secs(240);

/// The image of the container that holds a pod's namespaces, by the name that hybrid nodes of the region use.
const SANDBOX: &str = "602401143452.dkr.ecr.us-west-2.amazonaws.com/eks/pause:3.5";

/// kubelet's unit, which installers of hybrid nodes bring along: its environment is what `init` writes.
const KUBELET: &str = "[Unit]
Description=kubelet
After=containerd.service
Requires=containerd.service

[Service]
EnvironmentFile=/etc/eks/kubelet/environment
ExecStart=/usr/bin/kubelet $NODEADM_KUBELET_ARGS
Restart=on-failure
RestartSec=5
KillMode=process

[Install]
WantedBy=multi-user.target
";

/// Puts everything into place that is on a machine before it joins: programs, the sandbox's image, trust in AWS's certificates, names
/// of AWS, and where CNI plug-ins are.
const PREPARE: &str = "set -e
install -m 755 /mnt/lab/hybridge /mnt/lab/hybridge-lab /usr/local/bin/
install -m 755 /mnt/lab/kubelet /usr/bin/kubelet
mkdir -p /opt/cni
ln -sfn /usr/lib/cni /opt/cni/bin
cat /mnt/lab/aws.crt >>/etc/ssl/certs/ca-certificates.crt
cat /mnt/lab/hosts >>/etc/hosts
cp /mnt/lab/kubelet.service /etc/systemd/system/kubelet.service
systemctl daemon-reload
systemctl start containerd
ctr -n k8s.io images import /mnt/lab/pause.tar
ctr -n k8s.io images import /mnt/lab/pod.tar
";

/// The folder that all machines find at [`SHARE`].
pub(super) struct Share(PathBuf);

impl Share {
    /// Lays out what machines need.
    pub(super) fn make(directory: &Path, programs: &Programs, account: &Account) -> Result<Self, StoryError> {
        let folder = directory.join("share");
        fs::create_dir_all(&folder).map_err(|source| StoryError::File { path: folder.clone(), source })?;
        for (from, name) in [(&programs.hybridge, "hybridge"), (&programs.lab, "hybridge-lab")] {
            // Debugging information is most of a program, and goes through an emulated machine.
            run("strip a program", Command::new("strip").arg("--strip-all").arg("-o").arg(folder.join(name)).arg(from))?;
        }
        let kubelet = Parts::find()?.program("kubelet")?;
        fs::copy(&kubelet, folder.join("kubelet")).map_err(|source| StoryError::File { path: kubelet, source })?;
        let hosts: String = HOSTS.iter().map(|host| format!("{} {host}\n", account.address)).collect();
        for (name, text) in [("aws.crt", account.trust.as_str()), ("hosts", &hosts), ("kubelet.service", KUBELET)] {
            write(&folder.join(name), text)?;
        }
        let program = pods::program(directory)?;
        image::archive(&program, IMAGE, &folder.join("pod.tar"))?;
        image::archive(&program, SANDBOX, &folder.join("pause.tar"))?;
        Ok(Self(folder))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        // Copies of large programs. What cannot be removed lies beside the logs.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A machine at the site.
pub(super) struct Machine {
    pub(super) vm: Vm,
}

/// Starts two machines, plugged into the site's network.
pub(super) fn start(topology: &Topology, share: &Share, names: [(&str, Ipv4Addr); 2]) -> Result<[Machine; 2], StoryError> {
    let config = |(name, address)| VmConfig {
        gateway: Some(SITE_GATEWAY),
        share: Some(&share.0),
        ..VmConfig::new(name, (&topology.site_router, LAN), (address, 24))
    };
    let [one, two] = [config(names[0]), config(names[1])];
    let machines = Vm::start_all(&Parts::find()?, [&one, &two])?;
    Ok(machines.map(|vm| Machine { vm }))
}

impl Machine {
    /// Prepares the machine as an installer of hybrid nodes leaves it, and puts onto it what was handed over for it.
    pub(super) fn prepare(&self, handover: &Handover, kubeconfig: &str) -> Result<(), StoryError> {
        self.vm.wait_running(BOOT)?;
        let name = self.vm.name();
        for (file, to, mode) in [
            (format!("pki/{name}.pem"), "/etc/iam/pki/server.pem", 0o644),
            (format!("pki/{name}.key"), "/etc/iam/pki/server.key", 0o600),
            (format!("nodeconfig-{name}.yaml"), "/etc/lab/nodeconfig.yaml", 0o644),
        ] {
            self.vm.write(to, handover.read(&file)?.as_bytes(), mode)?;
        }
        self.vm.write("/etc/lab/kubeconfig", kubeconfig.as_bytes(), 0o600)?;
        self.vm.sh(PREPARE)?;
        Ok(())
    }

    /// `hybridge node init`: its last line, which says how long what took, and how long it took by the clock of this host.
    pub(super) fn init(&self) -> Result<(String, Duration), StoryError> {
        let begin = Instant::now();
        let arguments = ["node", "init", "--config-source", "file:///etc/lab/nodeconfig.yaml"];
        let output = self.vm.run_within(INIT, "/usr/local/bin/hybridge", &arguments, b"")?;
        let said = format!("{}{}", output.stdout, output.stderr);
        if output.code != 0 {
            return Err(StoryError::Init { node: self.vm.name().into(), code: output.code, said });
        }
        let timing = said.lines().rev().find(|line| line.contains(" ms (")).unwrap_or_default();
        Ok((timing.to_owned(), begin.elapsed()))
    }

    /// Starts Cilium's part.
    pub(super) fn start_agent(&self) -> Result<(), StoryError> {
        let command = format!(
            "systemd-run --quiet --unit=lab-agent /usr/local/bin/hybridge-lab agent --node {} --kubeconfig /etc/lab/kubeconfig",
            self.vm.name()
        );
        Ok(self.vm.sh(&command).map(drop)?)
    }

    /// Runs a script in the network of a container's pod.
    pub(super) fn in_pod(&self, container: &str, script: &str, patience: Duration) -> Result<String, StoryError> {
        let script = format!(
            "pid=$(ctr -n k8s.io tasks list | awk '$1 == \"{container}\" {{ print $2 }}')
             exec nsenter --target \"$pid\" --net sh -c '{script}'"
        );
        let output = self.vm.run_within(patience, "/bin/sh", &["-c", &script], b"")?;
        match output.code {
            0 => Ok(output.stdout),
            code => Err(StoryError::Pod { node: self.vm.name().into(), code, said: format!("{}{}", output.stdout, output.stderr) }),
        }
    }

    /// What its services last said, for an error.
    pub(super) fn words(&self) -> String {
        self.vm
            .sh("journalctl --no-pager --quiet --lines 25 --unit kubelet --unit containerd --unit lab-agent; ip -br address")
            .unwrap_or_else(|error| error.to_string())
    }
}
