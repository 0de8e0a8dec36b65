//! Plans that hold a step of every kind, and the machine for them.

use std::fs;
use std::path::Path;

use hybridge_node::facts::FirewallKind;
use hybridge_node::plan::{DiskStep, Edit, File, Half, Phase, Plan, Step};
use hybridge_node::secret::Secret;

use super::tree;

pub(crate) fn write(path: &str, content: &str) -> Step {
    Step::Write(File::new(path, content))
}

pub(crate) fn service(unit: &str, files: &[&str]) -> Step {
    Step::Service { unit: unit.into(), enable: true, files: files.iter().map(ToString::to_string).collect(), wait: 5 }
}

pub(crate) fn phase(name: &'static str, half: Half, steps: Vec<Step>) -> Phase {
    Phase { name, half, steps }
}

pub(crate) fn plan(phases: Vec<Phase>) -> Plan {
    Plan { node: "node".into(), phases, left_out: Vec::new(), whole: true }
}

/// Two files and a service.
pub(crate) fn small(config: &str) -> Plan {
    let config = write("/etc/containerd/config.toml", config);
    plan(vec![
        phase("containerd", Half::Config, vec![config, write("/etc/modules-load.d/containerd.conf", "overlay\n")]),
        phase("run", Half::Run, vec![service("containerd.service", &["/etc/containerd/config.toml"])]),
    ])
}

/// What ran on the machine before.
pub(crate) fn earlier() -> Plan {
    let mut plan = small("version = 2\n");
    let old = "/etc/systemd/system/kubelet.service.d/old.conf";
    let entries = vec![("10.0.0.9".parse().expect("an address"), "old.example".to_owned())];
    plan.phases[0].steps.extend([write(old, "[Service]\n"), Step::Edit { path: "/etc/hosts".into(), edit: Edit::Hosts { entries } }]);
    plan.phases[1].steps.push(service("kubelet.service", &[old]));
    plan
}

/// A step of every kind.
pub(crate) fn whole() -> Plan {
    let environment = "/etc/systemd/system/kubelet.service.d/environment.conf";
    let sysctl = "/etc/sysctl.d/99-nodeadm.conf";
    let members: Vec<String> = (1..3).map(|n| format!("/dev/disk/by-id/nvme-Amazon_EC2_NVMe_Instance_Storage_{n}")).collect();
    let array = "/dev/md/kubernetes".to_owned();
    let bind = DiskStep::Bind {
        path: "/var/lib/containerd".into(),
        source: "/mnt/k8s-disks/0/containerd".into(),
        users: vec!["containerd.service".into(), "soci-snapshotter.service".into()],
    };
    plan(vec![
        phase(
            "system",
            Half::Preprocess,
            vec![
                write(sysctl, "net.ipv4.ip_forward = 1\nkernel.panic=10\n"),
                Step::Sysctl { path: sysctl.into() },
                Step::Modules { names: vec!["overlay".into(), "br_netfilter".into()] },
                Step::SwapOff { path: "/swapfile".into() },
                Step::Edit { path: "/etc/fstab".into(), edit: Edit::NoSwap },
                Step::OpenPorts { firewall: FirewallKind::Firewalld, ports: vec!["10250/tcp".into(), "30000-32767/tcp".into()] },
                Step::RegisterSsm {
                    agent: "/usr/bin/amazon-ssm-agent".into(),
                    region: "eu-west-1".into(),
                    id: "id".into(),
                    code: Secret::new("very-secret-code"),
                },
            ],
        ),
        phase(
            "files",
            Half::Config,
            vec![
                write(environment, "[Service]\nEnvironment=\"A=b\"\n"),
                Step::DaemonReload,
                write("/etc/containerd/config.toml", "version = 3\n"),
                Step::Write(File { mode: 0o600, secret: true, ..File::new("/etc/eks/secret", "token\n") }),
                Step::Symlink { path: "/eks-hybrid/.aws".into(), target: "/root/.aws".into() },
            ],
        ),
        phase(
            "disks",
            Half::Run,
            vec![
                Step::Disk(DiskStep::Array { name: array.clone(), level: 0, members }),
                Step::Disk(DiskStep::Format { device: array.clone() }),
                Step::Disk(DiskStep::Mount { device: array, path: "/mnt/k8s-disks/0".into() }),
                Step::Disk(bind),
            ],
        ),
        phase(
            "run",
            Half::Run,
            vec![
                service("containerd.service", &["/etc/containerd/config.toml"]),
                Step::ImportImage { archive: "/etc/eks/pause.tar".into(), snapshotter: "soci".into() },
                Step::WaitForFile { path: "/var/lib/amazon/ssm/registration".into(), by: "amazon-ssm-agent".into(), wait: 1 },
                service("kubelet.service", &[environment]),
            ],
        ),
    ])
}

/// The machine before anything of ours.
pub(crate) fn bare(root: &Path) {
    tree(
        root,
        &[
            ("/etc/hosts", "127.0.0.1 localhost\n"),
            ("/etc/fstab", "UUID=1 / xfs defaults 0 0\n/swapfile none swap sw 0 0\n"),
            ("/proc/swaps", "Filename Type\n/swapfile file 1 0 -2\n"),
            ("/proc/self/mounts", "/dev/nvme0n1p1 / xfs rw 0 0\n"),
            ("/proc/sys/net/ipv4/ip_forward", "0\n"),
            ("/proc/sys/kernel/panic", "10\n"),
            ("/proc/sys/kernel/osrelease", "6.1\n"),
            ("/lib/modules/6.1/modules.builtin", "kernel/fs/overlayfs/overlay.ko\n"),
            ("/usr/lib/systemd/system/containerd.service", ""),
            ("/usr/lib/systemd/system/kubelet.service", ""),
            ("/usr/lib/systemd/system/soci-snapshotter.service", ""),
            ("/imitation/units/soci-snapshotter.service", "ActiveState=active\n"),
            ("/var/lib/containerd/content/blob", "blob\n"),
            ("/dev/nvme1n1", ""),
            ("/dev/nvme2n1", ""),
        ],
    );
    fs::create_dir_all(root.join("dev/disk/by-id")).expect("a directory of the test");
    for n in 1..3 {
        let link = root.join(format!("dev/disk/by-id/nvme-Amazon_EC2_NVMe_Instance_Storage_{n}"));
        std::os::unix::fs::symlink(format!("../../nvme{n}n1"), link).expect("a link of the test");
    }
    let mut archive = tar::Builder::new(Vec::new());
    let list = br#"[{"RepoTags":["localhost/kubernetes/pause:latest"]}]"#;
    let mut header = tar::Header::new_gnu();
    header.set_size(list.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    archive.append_data(&mut header, "manifest.json", list.as_slice()).expect("memory takes it");
    fs::create_dir_all(root.join("etc/eks")).expect("a directory of the test");
    fs::write(root.join("etc/eks/pause.tar"), archive.into_inner().expect("memory takes it")).expect("a file of the test");
}
