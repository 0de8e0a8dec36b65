//! Facts of recorded machines.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use hybridge_node::facts::{Facts, FirewallKind, Migrated};
use hybridge_node::resolve::{CertificateFiles, Question, Wanted};
use hybridge_node_host::facts::{Part, Paths, Source, gather, load, save};
use hybridge_node_host::host::Host;
use hybridge_node_host::migrate::migrate;
use support::*;

fn program(root: &Path, path: &str) {
    tree(root, &[(path, "")]);
    fs::set_permissions(root.join(path.trim_start_matches('/')), fs::Permissions::from_mode(0o755)).unwrap();
}

fn recorded() -> tempfile::TempDir {
    let dir = directory();
    plans::bare(dir.path());
    tree(
        dir.path(),
        &[
            ("/etc/os-release", "ID=\"amzn\"\nVERSION_ID=\"2023\"\n"),
            ("/proc/meminfo", "MemTotal:        7935360 kB\n"),
            ("/proc/sys/crypto/fips_enabled", "1\n"),
            ("/sys/fs/selinux/enforce", "0"),
            ("/proc/net/route", "Iface\tDestination\nens5\t00000000\t0\t0003\t0\t0\t512\t00000000\t0\t0\t0\n"),
            ("/sys/devices/system/cpu/cpu0/x", ""),
            ("/sys/devices/system/cpu/cpu1/x", ""),
            ("/sys/bus/pci/devices/0000:00:1e.0/vendor", "0x10DE\n"),
            ("/sys/bus/pci/devices/0000:00:04.0/vendor", "0x1d0f\n"),
            ("/sys/block/nvme1n1/size", "1953125\n"),
            ("/sys/block/md127/slaves/nvme2n1", ""),
            ("/dev/nvme2n1", "TYPE=linux_raid_member\nUUID=77\n"),
            ("/etc/eks/containerd-version.txt", "containerd github.com/containerd/containerd/v2 2.0.5 fb4c30d\n"),
            (
                "/var/lib/kubelet/pki/kubelet-server-current.pem",
                "-----BEGIN CERTIFICATE-----\nc\n-----END CERTIFICATE-----\n-----BEGIN EC PRIVATE KEY-----\nk\n",
            ),
            ("/etc/systemd/system/containerd.service.d/http-proxy.conf", "[Service]\nEnvironment=\"HTTP_PROXY=http://u:password@p:1\"\n"),
            ("/srv/key", "-----BEGIN PRIVATE KEY-----\nAAAA\n"),
            ("/imitation/runtime", "22/tcp 30000-32767/tcp "),
        ],
    );
    std::os::unix::fs::symlink("../../nvme1n1", dir.path().join("dev/disk/by-id/nvme-Amazon_EC2_NVMe_Instance_Storage_1_1")).unwrap();
    std::os::unix::fs::symlink("../../nvme1n1p1", dir.path().join("dev/disk/by-id/nvme-Amazon_EC2_NVMe_Instance_Storage_1-part1")).unwrap();
    for path in ["/usr/bin/kubelet", "/usr/bin/firewall-cmd", "/usr/bin/nvidia-container-runtime"] {
        program(dir.path(), path);
    }
    dir
}

fn wanted() -> Wanted {
    Wanted {
        programs: ["/usr/bin/nvidia-container-runtime", "/usr/bin/unpigz", "/etc/hosts"].into(),
        files: ["/etc/hosts", "/etc/none", "/srv/key"].into(),
        disks: true,
        system: true,
        certificate: Some(CertificateFiles {
            certificate: "/etc/iam/pki/server.pem".into(),
            private_key: "/etc/iam/pki/server.key".into(),
        }),
        questions: [Question::KubeletCertificate, Question::KubeletActive, Question::ProxyFiles].into(),
        ..Wanted::default()
    }
}

fn gathered(host: &Host, others: Vec<Source<'_>>) -> Facts {
    gather(host, &wanted(), &Paths::of(host), others)
}

#[test]
fn a_recorded_machine_is_understood() {
    let dir = recorded();
    let host = machine(dir.path());
    let region = || Box::new(|facts: &mut Facts| facts.instance = Some(Default::default())) as Part;
    let mut facts = gathered(&host, vec![Box::new(region)]);
    assert!(facts.at.take().is_some() && facts.instance.is_some());
    // Those of the machine that runs the test.
    facts.interfaces.clear();
    facts.proxies.clear();
    facts.answers.proxy_files.remove("environment");
    facts.os.architecture = "any".into();
    insta::assert_json_snapshot!(facts);
    assert_eq!(facts.firewall.map(|firewall| firewall.kind), Some(FirewallKind::Firewalld));
}

#[test]
fn facts_are_read_back_as_they_were_saved() {
    let dir = recorded();
    let facts = gathered(&machine(dir.path()), vec![]);
    let path = dir.path().join("facts.json");
    save(&facts, &path).unwrap();
    assert_eq!(load(&path).unwrap(), facts);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&path).unwrap();
    assert!(!text.contains("PRIVATE KEY") && !text.contains("password"), "{text}");
    fs::write(&path, "{\"cpus\":\n\"two\"}").unwrap();
    let error = hybridge_report::chain(&load(&path).unwrap_err());
    assert!(error.contains("holds no facts: invalid type: string \"two\", expected u32 at line 2"), "{error}");
}

#[test]
fn what_cannot_be_found_out_is_missing_with_its_reason() {
    let dir = directory();
    let facts = gathered(&machine(dir.path()), vec![]);
    let reason = |key: &str| facts.missing.get(key).map_or("", String::as_str);
    assert_eq!(reason("kubelet"), "kubelet is not on PATH");
    assert_eq!(reason("cpus"), "sysfs shows no processor that is online");
    assert_eq!(reason("memory"), "/proc/meminfo has no MemTotal");
    assert_eq!(facts.certificate.unwrap().key_problem.as_deref(), Some("is not there"));
}

#[test]
fn a_disk_that_cannot_be_read_is_not_blank() {
    use hybridge_node_host::command::{Call, Output, RunError, Runner};
    struct Unreadable(Imitation);
    impl Runner for Unreadable {
        fn run(&self, call: &Call) -> Result<Output, RunError> {
            if call.program != "blkid" {
                return self.0.run(call);
            }
            Ok(Output { code: Some(2), stderr: "error: /dev/x: Input/output error".into(), ..Output::default() })
        }
    }
    let dir = recorded();
    let facts = gathered(&Host::below(dir.path(), Unreadable(Imitation { root: dir.path().into() })), vec![]);
    let disk = facts.missing.get("/dev/disk/by-id/nvme-Amazon_EC2_NVMe_Instance_Storage_1").unwrap();
    assert!(disk.ends_with("cannot tell what is on it: error: /dev/x: Input/output error"), "{disk}");

    // blkid says nothing about a disk that it cannot open.
    let dir = recorded();
    fs::remove_file(dir.path().join("dev/nvme1n1")).unwrap();
    fs::create_dir(dir.path().join("dev/nvme1n1")).unwrap();
    let facts = gathered(&machine(dir.path()), vec![]);
    let disk = facts.missing.get("/dev/disk/by-id/nvme-Amazon_EC2_NVMe_Instance_Storage_1").unwrap();
    assert_eq!(disk, "it cannot be read: Is a directory (os error 21)");
}

#[test]
fn containerd_translates_from_a_file_that_is_gone_afterwards() {
    let dir = directory();
    fs::create_dir(dir.path().join("run")).unwrap();
    let host = machine(dir.path());
    assert_eq!(migrate(&host, "/usr/bin/containerd", "version = 2\n").unwrap(), "version = 3\n");
    assert_eq!(fs::read_dir(dir.path().join("run")).unwrap().count(), 0);
    let error = migrate(&host, "/usr/bin/containerd", " \n").unwrap_err();
    assert!(error.to_string().starts_with("containerd cannot translate the configuration"), "{error}");
}

#[test]
fn only_what_is_wanted_is_looked_at() {
    let dir = recorded();
    let facts = gather(&machine(dir.path()), &Wanted::default(), &Paths::of(&machine(dir.path())), vec![]);
    assert!(facts.disks.is_empty() && facts.swaps.is_empty() && facts.firewall.is_none() && facts.certificate.is_none());
    assert!(facts.files.is_empty() && facts.programs.is_empty() && !facts.mounts.is_empty() && facts.kubelet.is_some());
    assert_eq!(facts.answers, Default::default());
    let wanted = Wanted { files: ["/etc/fstab"].into(), ..Wanted::default() };
    tree(dir.path(), &[("/etc/fstab", "//nas/a /a cifs password=secret 0 0\n/swapfile none swap sw 0 0\n")]);
    let fstab = gather(&machine(dir.path()), &wanted, &Paths::of(&machine(dir.path())), vec![]).files;
    assert_eq!(fstab["/etc/fstab"], "/swapfile none swap sw 0 0\n");
    assert_eq!(facts.selinux_enforcing, Some(false));
}

#[test]
fn the_users_toml_is_not_saved_and_the_file_says_so() {
    let dir = directory();
    let migrated = Migrated { from: "a password".into(), to: "a password".into() };
    let path = dir.path().join("facts.json");
    save(&Facts { migrated: Some(migrated), ..Facts::default() }, &path).unwrap();
    assert!(!fs::read_to_string(&path).unwrap().contains("a password"));
    let read = load(&path).unwrap();
    assert_eq!(read.migrated, None);
    assert!(read.missing["migrated"].contains("never saved"), "{:?}", read.missing);
}
