//! Tests that need what `cargo xtask real` makes.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Instant;

use super::*;
use crate::isolate::isolated;
use crate::world::ping;

const NEAR: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const ONE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const TWO: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 3);

/// A namespace in which the bridge for machines has the address [`NEAR`].
fn network() -> Netns {
    let ns = Netns::new("machines").unwrap();
    bridge(&ns, (NEAR, 24)).unwrap();
    ns
}

fn ended(pid: u32) -> bool {
    !Path::new(&format!("/proc/{pid}")).exists()
}

/// One test, since every machine costs half a minute of one core.
#[test]
fn two_machines_boot_talk_and_keep_their_files_over_a_reboot() {
    isolated(|| {
        let (ns, parts) = (network(), Parts::find().unwrap());
        let shared = tempfile::tempdir().unwrap();
        fs::write(shared.path().join("from-host"), "hello").unwrap();
        let base = VmConfig { memory: 512, gateway: Some(NEAR), ..VmConfig::new("one", (&ns, BRIDGE), (ONE, 24)) };
        let first = VmConfig { disks: &[64, 32], share: Some(shared.path()), ..base.clone() };
        let second = VmConfig { name: "two", address: (TWO, 24), ..base };
        let start = Instant::now();
        let [one, mut two] = Vm::start_all(&parts, [&first, &second]).unwrap();
        println!("agents answer after {:?}", start.elapsed());
        for machine in [&one, &two] {
            machine.wait_running(BOOT).unwrap();
        }
        println!("running after {:?}", start.elapsed());

        is_a_full_machine(&one);
        runs_commands(&one);
        carries_files(&one, shared.path());
        reaches_others(&one, &ns);
        let files = one.directory().to_owned();
        assert!(!two.sh("cat /etc/machine-id").unwrap().contains(&one.sh("cat /etc/machine-id").unwrap()), "each has an identity");

        let qemu = two.pid();
        two.kill();
        assert!(ended(qemu));
        assert!(ping(&ns, TWO, Duration::from_millis(500)).unwrap().is_none());
        assert!(!links(&ns).contains(&qemu::tap_name(TWO)), "{}", links(&ns));

        comes_back(&one);
        assert!(links(&ns).contains(&qemu::tap_name(ONE)));
        drop(one);
        assert!(!files.exists() && !links(&ns).contains("tap"), "{}", links(&ns));
    });
}

fn is_a_full_machine(vm: &Vm) {
    assert_eq!(vm.sh("stat -f -c %T /sys/fs/cgroup; cat /proc/1/comm; hostname").unwrap(), "cgroup2fs\nsystemd\none\n");
    let controllers = vm.sh("cat /sys/fs/cgroup/cgroup.controllers").unwrap();
    assert!(["cpu", "memory", "pids", "io"].iter().all(|name| controllers.split_whitespace().any(|word| word == *name)), "{controllers}");
    let disks = vm.sh("for disk in /dev/disk/by-id/*NVMe_Instance_Storage_*; do blockdev --getsize64 $disk; done").unwrap();
    assert_eq!(disks, format!("{}\n{}\n", 64 << 20, 32 << 20));
    vm.sh("modprobe wireguard && modprobe br_netfilter && modprobe overlay && modprobe vxlan && modprobe raid0").unwrap();
    // Nothing is preset for what tests prepare themselves.
    let prepared =
        vm.sh("ls /etc/containerd /etc/cni/net.d 2>/dev/null | wc -l; systemctl is-active containerd || true; wc -c </etc/resolv.conf");
    assert_eq!(prepared.unwrap(), "0\ninactive\n0\n");
}

fn runs_commands(vm: &Vm) {
    let output = vm.run_with_input("/bin/sh", &["-c", "cat; echo problem >&2; exit 3"], b"given").unwrap();
    assert_eq!(output, Output { stdout: "given".into(), stderr: "problem\n".into(), code: 3 });
    assert_eq!(vm.run("/bin/sh", &["-c", "kill -TERM $$"]).unwrap().code, 128 + 15);
    let failed = vm.sh("echo a; echo b >&2; exit 4").unwrap_err();
    assert_eq!(failed.to_string(), "machine `one`: `echo a; echo b >&2; exit 4` ended with 4:\na\nb\n");
    let failed = vm.run("/nowhere", &[]).unwrap_err();
    assert!(failed.to_string().starts_with("machine `one`: cannot run /nowhere; its console ends:\n"), "{failed}");
    let start = Instant::now();
    vm.run("true", &[]).unwrap();
    println!("a command takes {:?}", start.elapsed());
}

fn carries_files(vm: &Vm, shared: &Path) {
    let content: Vec<u8> = (0..5_000_000_u32).map(|number| (number.wrapping_mul(7919) >> 5) as u8).collect();
    let start = Instant::now();
    vm.write("/var/tmp/a folder/large", &content, 0o640).unwrap();
    println!("5 MB are written after {:?}", start.elapsed());
    assert_eq!(vm.sh("stat -c '%a %s' '/var/tmp/a folder/large'").unwrap(), "640 5000000\n");
    let start = Instant::now();
    assert!(vm.read("/var/tmp/a folder/large").unwrap() == content);
    println!("5 MB are read after {:?}", start.elapsed());

    assert_eq!(vm.sh("cat /mnt/lab/from-host; echo back >/mnt/lab/from-machine").unwrap(), "hello");
    assert_eq!(fs::read_to_string(shared.join("from-machine")).unwrap(), "back\n");
    let script = shared.join("script");
    fs::write(&script, "#!/bin/sh\necho it runs\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    vm.copy_in(&script, "/usr/local/bin/script").unwrap();
    assert_eq!(vm.run("/usr/local/bin/script", &[]).unwrap().stdout, "it runs\n");
}

fn reaches_others(vm: &Vm, ns: &Netns) {
    for address in [ONE, TWO] {
        assert!(ping(ns, address, Duration::from_secs(5)).unwrap().is_some(), "{address}");
    }
    vm.sh(&format!("ping -c 1 -W 5 {NEAR} && ping -c 1 -W 5 {TWO}")).unwrap();
    assert_eq!(vm.sh("ip -4 route show default").unwrap().trim(), format!("default via {NEAR} dev eth0"));
}

fn comes_back(vm: &Vm) {
    vm.write("/etc/kept", b"kept", 0o600).unwrap();
    let (identity, start) = (vm.sh("cat /etc/machine-id").unwrap(), Instant::now());
    vm.reboot().unwrap();
    vm.wait_running(BOOT).unwrap();
    println!("reboot took {:?}", start.elapsed());
    assert_eq!(vm.read("/etc/kept").unwrap(), b"kept");
    assert_eq!(vm.sh("cat /etc/machine-id").unwrap(), identity);
    assert_eq!(vm.sh("cat /mnt/lab/from-host").unwrap(), "hello");
    vm.sh(&format!("ping -c 1 -W 5 {NEAR}")).unwrap();
}

/// Names of the interfaces of a namespace.
fn links(ns: &Netns) -> String {
    ns.run(|| nix::net::if_::if_nameindex().unwrap().iter().map(|link| format!("{} ", link.name().to_string_lossy())).collect())
}
