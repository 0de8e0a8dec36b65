//! The machine itself in trouble: disks, programs, rights, others at work.

use std::fs::{self, File};
use std::io::Write as _;
use std::thread::sleep;
use std::time::{Duration, Instant};

use hybridge_lab::isolate::isolated;

use crate::machine::{HYBRIDGE, Machine};
use crate::trouble::{
    Cloud, Mounts as _, OFFLINE, SYSTEMD, contents, difference, ec2, hybrid, init, init_again, install, machine, refused, told,
};

/// Files below /etc, which the record of what is to be done is not.
fn etc(machine: &Machine) -> std::collections::BTreeMap<String, (u32, String)> {
    contents(machine).into_iter().filter(|(path, _)| path.starts_with("/etc/")).collect()
}

/// All of /etc on a file system on which so many pages are free.
fn almost_full(machine: &Machine, pages: u64) {
    let there = machine.files("/etc").into_iter();
    let there: Vec<_> = there.map(|(path, content)| (fs::metadata(machine.path(&path)).unwrap().permissions(), path, content)).collect();
    machine.memory("/etc", "size=256k,mode=755");
    for (permissions, path, content) in there {
        machine.write(&path, content);
        fs::set_permissions(machine.path(&path), permissions).unwrap();
    }
    let mut filler = File::create(machine.path("/etc/filler")).unwrap();
    while filler.write_all(&[0; 4096]).is_ok() {}
    filler.set_len(filler.metadata().unwrap().len() / 4096 * 4096 - pages * 4096).unwrap();
}

#[test]
fn a_full_disk_leaves_whole_phases_and_no_service_restarted() {
    isolated(|| {
        let mut sound = machine();
        let _cloud = Cloud::start(&mut sound, None);
        init_again(&sound, &[]).expect(0);
        let expected = etc(&sound);
        // Room for nothing, for one of two files of the first phase, for the first phase alone.
        for (pages, code) in [(0, 1), (1, 1), (4, 3)] {
            let mut machine = machine();
            let _cloud = Cloud::start(&mut machine, None);
            let before = etc(&machine);
            almost_full(&machine, pages);
            let outcome = init_again(&machine, &[]).expect(code);
            assert!(outcome.stderr.contains("error[apply.file]: /etc/") && outcome.stderr.contains("make room"), "{}", outcome.stderr);
            assert_eq!(told(&machine), Vec::<String>::new(), "{pages}");
            let mut after = etc(&machine);
            after.remove("/etc/filler");
            if code == 1 {
                assert!(after == before, "{pages}\n{}", difference(&before, &after));
            }
            let strange: Vec<_> =
                after.iter().filter(|(path, file)| before.get(*path) != Some(file) && expected.get(*path) != Some(file)).collect();
            assert!(strange.is_empty(), "{pages} {strange:?}");
            std::fs::remove_file(machine.path("/etc/filler")).unwrap();
            init_again(&machine, &[]).expect(0);
            assert!(etc(&machine) == expected, "{pages}\n{}", difference(&expected, &etc(&machine)));
        }
    });
}

#[test]
fn a_read_only_etc_is_told() {
    isolated(|| {
        let mut machine = machine();
        let _cloud = Cloud::start(&mut machine, None);
        machine.writable("/etc", false);
        let before = etc(&machine);
        let outcome = init_again(&machine, &[]).expect(1);
        assert!(outcome.stderr.contains("error[apply.file]: /etc/") && outcome.stderr.contains("mounted read-only"), "{}", outcome.stderr);
        assert_eq!((etc(&machine), told(&machine)), (before, Vec::new()));
        machine.writable("/etc", true);
        init_again(&machine, &[]).expect(0);
    });
}

#[test]
fn containerd_that_refuses_its_configuration_gets_the_old_one_back() {
    const CONFIG: &str = "/etc/containerd/config.toml";
    isolated(|| {
        let mut machine = machine();
        let _cloud = Cloud::start(&mut machine, None);
        init(&machine, &ec2(""), &[]).expect(0);
        told(&machine);
        let before = etc(&machine);
        machine.write(&format!("{SYSTEMD}/containerd.service.refuses"), format!("grep -q poison {CONFIG}"));
        let outcome = init(&machine, &ec2("  containerd:\n    config: |\n      version = 3\n      poison = true\n"), &[]).expect(3);
        for part in
            ["error[apply.service]: containerd.service", "put back as before", CONFIG, "failed to load TOML", "journalctl -u containerd"]
        {
            assert!(outcome.stderr.contains(part), "{part}: {}", outcome.stderr);
        }
        let after = etc(&machine);
        assert!(after == before, "{}", difference(&before, &after));
        assert_eq!(machine.read(&format!("{SYSTEMD}/containerd.service.state")), "active\n");
        init(&machine, &ec2(""), &[]).expect(0);
        assert_eq!(etc(&machine), before);
    });
}

#[test]
fn what_is_not_installed_is_told() {
    isolated(|| {
        for name in ["kubelet", "containerd"] {
            let mut machine = machine();
            let cloud = Cloud::start(&mut machine, None);
            std::fs::remove_file(machine.path("/opt/stand-ins").join(name)).unwrap();
            let outcome = refused(&machine, name, &["-c", "file:///config.yaml"]);
            assert!(outcome.stderr.contains(&format!("{name} is not on PATH")), "{}", outcome.stderr);
            install(&machine, &cloud.certificate(|_| ()));
            machine.write("/config.yaml", hybrid(""));
            refused(&machine, name, &["-c", "file:///config.yaml", "--skip", OFFLINE]);
        }
    });
}

#[test]
fn only_root_may_and_the_rest_may_look() {
    isolated(|| {
        let mut machine = machine();
        let _cloud = Cloud::start(&mut machine, None);
        let before = contents(&machine);
        let other = ["--reuid=65534", "--regid=65534", "--clear-groups", HYBRIDGE, "node", "init", "-c", "file:///config.yaml"];
        let outcome = machine.run("setpriv", &other).expect(1);
        assert!(outcome.stderr.contains("error[apply.not-root]") && outcome.stderr.contains("sudo"), "{}", outcome.stderr);
        let outcome = machine.run("setpriv", &[other.as_slice(), &["--dry-run"]].concat()).expect(0);
        assert!(outcome.stdout.contains("create    /etc/containerd/config.toml"), "{}", outcome.stdout);
        let after = contents(&machine);
        assert!(before == after, "{}", difference(&before, &after));
    });
}

#[test]
fn a_tmp_without_execution_and_selinux_are_respected() {
    isolated(|| {
        let mut machine = machine();
        let cloud = Cloud::start(&mut machine, None);
        machine.memory("/tmp", "noexec,nosuid,nodev,mode=1777");
        machine.memory("/sys/fs", "mode=755");
        machine.write("/sys/fs/selinux/enforce", "1");
        install(&machine, &cloud.certificate(|_| ()));
        init(&machine, &hybrid(""), &["--skip", OFFLINE]).expect(0);
        let told = told(&machine);
        let labelled = |path: &str| told.iter().position(|line| line.starts_with("restorecon -F") && line.contains(path));
        let started = told.iter().position(|line| line.contains("restart --no-block containerd"));
        assert!(labelled("/etc/containerd/config.toml").is_some_and(|at| Some(at) < started), "{told:?}");
        assert!(labelled("/etc/aws/hybrid/config").is_some() && labelled("/var/lib/kubelet/kubeconfig").is_some(), "{told:?}");
    });
}

#[test]
fn of_two_at_once_the_second_is_refused() {
    isolated(|| {
        let mut machine = machine();
        let _cloud = Cloud::start(&mut machine, None);
        machine.write(&format!("{SYSTEMD}/containerd.service.refuses"), "sleep 5; exit 1");
        let mut first = machine.command(HYBRIDGE, &["node", "init", "-c", "file:///config.yaml"]).spawn().unwrap();
        let start = Instant::now();
        while !machine.read(&format!("{SYSTEMD}/log")).contains("containerd") {
            assert!(start.elapsed() < Duration::from_secs(30));
            sleep(Duration::from_millis(20));
        }
        machine.write("/other.yaml", ec2("  kubelet:\n    flags: [--v=9]\n"));
        let outcome = refused(&machine, "second", &["-c", "file:///other.yaml"]);
        assert!(outcome.stderr.contains("error[apply.busy]") && outcome.stderr.contains("wait until it has ended"), "{}", outcome.stderr);
        assert!(first.wait().unwrap().success());
    });
}
