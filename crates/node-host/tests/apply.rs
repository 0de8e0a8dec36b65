//! What carrying out a plan leaves behind, and what it leaves alone.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use hybridge_node::plan::{Half, Plan, Step};
use hybridge_node::secret::Secret;
use hybridge_node_host::apply::{Unwatched, apply};
use hybridge_node_host::error::ApplyError;
use hybridge_node_host::report::Report;
use support::plans::*;
use support::*;

fn prepared() -> tempfile::TempDir {
    let dir = directory();
    bare(dir.path());
    dir
}

fn run(root: &Path, plan: &Plan) -> Report {
    apply(&machine(root), plan, &mut Unwatched, &options()).unwrap()
}

fn read(root: &Path, path: &str) -> String {
    fs::read_to_string(root.join(path.trim_start_matches('/'))).unwrap()
}

fn done(report: &Report) -> Vec<String> {
    report.phases.iter().flat_map(|phase| &phase.changes).map(|change| format!("{} {}", change.deed, change.subject)).collect()
}

#[test]
fn a_second_run_changes_nothing_and_touches_nothing() {
    let dir = prepared();
    run(dir.path(), &earlier());
    let first = run(dir.path(), &whole());
    assert!(first.changes() > 15, "{:?}", done(&first));
    let (before, modified) = (contents(dir.path()), times(dir.path()));
    let mut witness = Witness::default();
    let second = apply(&machine(dir.path()), &whole(), &mut witness, &options()).unwrap();
    assert_eq!((done(&second), witness.actions), (vec![], vec![]));
    assert_eq!((contents(dir.path()), times(dir.path())), (before, modified));
    assert_eq!(second.phases.iter().map(|phase| phase.name).collect::<Vec<_>>(), ["system", "files", "disks", "run"]);
}

/// Inode and time of change of every file that a plan is about.
fn times(root: &Path) -> Vec<(u64, i64, i64)> {
    use std::os::unix::fs::MetadataExt;
    let files = ["etc/hosts", "etc/fstab", "etc/containerd/config.toml", "etc/eks/secret", "var/lib/hybridge/node/state.json"];
    files.map(|file| fs::metadata(root.join(file)).unwrap()).map(|meta| (meta.ino(), meta.ctime(), meta.ctime_nsec())).into()
}

#[test]
fn every_step_does_its_work() {
    let dir = prepared();
    run(dir.path(), &earlier());
    run(dir.path(), &whole());
    let mode = |path: &str| fs::metadata(dir.path().join(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("etc/eks/secret"), mode("etc/containerd"), mode("var/lib/hybridge/node/state.json")), (0o600, 0o755, 0o600));
    assert_eq!(fs::read_link(dir.path().join("eks-hybrid/.aws")).unwrap(), Path::new("/root/.aws"));
    assert_eq!(read(dir.path(), "proc/sys/net/ipv4/ip_forward"), "1\n");
    assert_eq!(read(dir.path(), "etc/fstab"), "UUID=1 / xfs defaults 0 0\n# /swapfile none swap sw 0 0\n");
    assert_eq!(read(dir.path(), "mnt/k8s-disks/0/containerd/content/blob"), "blob\n");
    assert_eq!(read(dir.path(), "imitation/permanent"), "10250/tcp 30000-32767/tcp ");
    let mounts = read(dir.path(), "proc/self/mounts");
    assert!(mounts.ends_with("UUID=1234-5678 /mnt/k8s-disks/0 xfs rw 0 0\n/mnt/k8s-disks/0/containerd /var/lib/containerd none rw 0 0\n"));
    let log = read(dir.path(), "imitation/log");
    for call in ["modprobe br_netfilter", "mkfs.xfs -K -l su=8b /dev/md127", "swapoff /swapfile", "systemctl stop containerd.service"] {
        assert_eq!(log.matches(&format!("{call}\n")).count(), 1, "{call}:\n{log}");
    }
    assert!(read(dir.path(), "imitation/units/soci-snapshotter.service").contains("ActiveState=active"), "it ran before");
    assert!(!log.contains("modprobe overlay"), "it is built in");
}

#[test]
fn the_activation_code_is_shown_nowhere() {
    let dir = prepared();
    let mut witness = Witness::default();
    let report = apply(&machine(dir.path()), &whole(), &mut witness, &options()).unwrap();
    let shown = format!(
        "{:?}{:?}{}{}",
        witness.actions,
        witness.changes,
        serde_json::to_string(&report).unwrap(),
        read(dir.path(), "var/lib/hybridge/node/state.json")
    );
    assert!(shown.contains("-code (hidden)") && !shown.contains("very-secret-code"), "{shown}");

    let dir = prepared();
    let step =
        Step::RegisterSsm { agent: "amazon-ssm-agent".into(), region: "r".into(), id: "i".into(), code: Secret::new("expired-code") };
    let error =
        apply(&machine(dir.path()), &plan(vec![phase("ssm", Half::Preprocess, vec![step])]), &mut Unwatched, &options()).unwrap_err();
    assert_eq!(error.to_string(), "Systems Manager does not register this machine: the activation has expired");
}

#[test]
fn our_own_stale_files_go_and_those_of_others_stay() {
    let dir = prepared();
    let (ours, edited, foreign) = ("/etc/a/ours.conf", "/etc/a/edited.conf", "/etc/a/foreign.conf");
    let with = |files: &[&str]| {
        let mut plan = small("version = 2\n");
        plan.phases[0].steps.extend(files.iter().map(|path| write(path, "text\n")));
        plan
    };
    tree(dir.path(), &[(foreign, "text\n")]);
    run(dir.path(), &with(&[ours, edited]));
    tree(dir.path(), &[(edited, "changed by hand\n")]);
    let report = run(dir.path(), &with(&[]));
    assert_eq!(done(&report), ["remove /etc/a/ours.conf"]);
    let warned: Vec<&str> = report.warnings.iter().map(|warning| warning.place.as_str()).collect();
    assert_eq!(warned, [edited]);
    assert_eq!((read(dir.path(), edited), read(dir.path(), foreign)), ("changed by hand\n".into(), "text\n".into()));
    // Told once; from then on it is somebody else's.
    assert!(run(dir.path(), &with(&[])).warnings.is_empty());
}

#[test]
fn what_is_left_out_is_not_stale() {
    let dir = prepared();
    run(dir.path(), &earlier());
    let skip = |halves: &[Half]| hybridge_node_host::options::Options { skip: halves.into(), ..options() };
    let report = apply(&machine(dir.path()), &small("version = 2\n"), &mut Unwatched, &skip(&[Half::Config])).unwrap();
    assert!(dir.path().join("etc/systemd/system/kubelet.service.d/old.conf").exists());
    assert_eq!(done(&report), Vec::<String>::new());
    let report = apply(&machine(dir.path()), &small("version = 2\n"), &mut Unwatched, &skip(&[Half::Run])).unwrap();
    let removed = "remove /etc/systemd/system/kubelet.service.d/old.conf";
    assert_eq!(done(&report), ["update /etc/hosts", removed, "reload systemd", "restart kubelet.service"]);
    assert_eq!(read(dir.path(), "etc/hosts"), "127.0.0.1 localhost\n");
}

#[test]
fn a_service_restarts_only_for_its_own_files() {
    let dir = prepared();
    run(dir.path(), &small("version = 2\n"));
    let mut other = small("version = 2\n");
    other.phases[0].steps[1] = write("/etc/modules-load.d/containerd.conf", "overlay\nbr_netfilter\n");
    assert_eq!(done(&run(dir.path(), &other)), ["update /etc/modules-load.d/containerd.conf"]);
    let restarted = run(dir.path(), &small("version = 3\n"));
    assert!(done(&restarted).contains(&"restart containerd.service".into()), "{restarted:?}");
    // Put back by us after a change by hand, with which somebody may have started it.
    tree(dir.path(), &[("/etc/containerd/config.toml", "by hand\n")]);
    assert_eq!(done(&run(dir.path(), &small("version = 3\n"))), ["update /etc/containerd/config.toml", "restart containerd.service"]);
    // A wrong mode of a file that no service reads is put right, and nothing restarts.
    fs::set_permissions(dir.path().join("etc/modules-load.d/containerd.conf"), fs::Permissions::from_mode(0o666)).unwrap();
    assert_eq!(done(&run(dir.path(), &small("version = 3\n"))), ["update /etc/modules-load.d/containerd.conf"]);
}

#[test]
fn a_configuration_that_containerd_refuses_is_taken_back() {
    let dir = prepared();
    run(dir.path(), &small("version = 2\n"));
    let error = apply(&machine(dir.path()), &small("broken\n"), &mut Unwatched, &options()).unwrap_err();
    insta::assert_snapshot!(error.finding(), @r"
    error[apply.service]: containerd.service: failed to start (result: exit-code, exit status 1); put back as before: /etc/containerd/config.toml, it runs with them
      line one of the journal
      proxy http://(hidden)@p:1 refused
      hint: `journalctl -u containerd.service` tells more; correct the configuration and run this again
    ");
    assert_eq!(read(dir.path(), "etc/containerd/config.toml"), "version = 2\n");
    assert!(read(dir.path(), "imitation/units/containerd.service").contains("ActiveState=active"));
    // Nothing is left to do for a configuration that is good.
    assert_eq!(done(&run(dir.path(), &small("version = 2\n"))), Vec::<String>::new());
}

#[test]
fn without_an_earlier_configuration_the_refused_one_stays_to_be_looked_at() {
    let dir = prepared();
    let error = apply(&machine(dir.path()), &small("broken\n"), &mut Unwatched, &options()).unwrap_err();
    assert!(matches!(&error, ApplyError::Service { put_back: None, journal, .. } if journal.len() == 2), "{error}");
    assert_eq!(read(dir.path(), "etc/containerd/config.toml"), "broken\n");
}

#[test]
fn a_unit_that_is_not_there_is_told() {
    let dir = prepared();
    let plan = plan(vec![phase("run", Half::Run, vec![service("no.service", &[])])]);
    let error = apply(&machine(dir.path()), &plan, &mut Unwatched, &options()).unwrap_err();
    assert!(error.to_string().starts_with("no.service is not installed: systemd knows no such unit"), "{error}");
}

#[test]
fn a_file_that_does_not_come_names_who_makes_it() {
    let dir = prepared();
    let step = Step::WaitForFile { path: "/root/.aws/credentials".into(), by: "amazon-ssm-agent".into(), wait: 0 };
    let error = apply(&machine(dir.path()), &plan(vec![phase("ssm", Half::Run, vec![step])]), &mut Unwatched, &options()).unwrap_err();
    assert_eq!(error.to_string(), "/root/.aws/credentials did not come within 0 s; amazon-ssm-agent makes it");
}

#[test]
fn an_image_that_cannot_be_pulled_is_a_warning() {
    let dir = prepared();
    let step = Step::PullImage { image: "602401143452.dkr.ecr.eu-west-1.amazonaws.com/eks/pause:3.5".into() };
    let report = run(dir.path(), &plan(vec![phase("run", Half::Run, vec![step])]));
    assert_eq!(report.warnings.len(), 1);
    assert!(report.warnings[0].what.contains("no such host"), "{:?}", report.warnings);
}

#[test]
fn a_disk_with_something_on_it_is_not_touched() {
    for (device, found) in [("dev/nvme1n1", "TYPE=ext4\n"), ("dev/nvme2n1", "PTTYPE=gpt\n")] {
        let dir = prepared();
        fs::write(dir.path().join(device), found).unwrap();
        let error = apply(&machine(dir.path()), &whole(), &mut Unwatched, &options()).unwrap_err();
        assert!(matches!(error, ApplyError::Disk { .. }), "{error}");
        assert_eq!(read(dir.path(), device), found);
        assert!(!dir.path().join("var/lib/containerd.hybridge-new").exists());
    }
}

#[test]
fn a_directory_in_the_way_changes_nothing() {
    let dir = prepared();
    fs::create_dir_all(dir.path().join("etc/modules-load.d/containerd.conf")).unwrap();
    let before = contents(dir.path());
    let error = apply(&machine(dir.path()), &small("x\n"), &mut Unwatched, &options()).unwrap_err();
    assert_eq!(error.to_string(), "/etc/modules-load.d/containerd.conf is a directory; a file of that name has to be written");
    let mut after = contents(dir.path());
    after.retain(|path, _| !path.starts_with("var/lib/hybridge"));
    assert_eq!(after, before);
}

#[test]
fn two_at_once_are_refused() {
    let dir = prepared();
    run(dir.path(), &small("x\n"));
    let lock = fs::File::options().append(true).open(dir.path().join("var/lib/hybridge/node/lock")).unwrap();
    lock.lock().unwrap();
    let error = apply(&machine(dir.path()), &small("x\n"), &mut Unwatched, &options()).unwrap_err();
    assert!(matches!(error, ApplyError::Busy { .. }), "{error}");
}

#[test]
fn labels_are_set_where_selinux_enforces() {
    let dir = prepared();
    tree(dir.path(), &[("/sys/fs/selinux/enforce", "1"), ("/usr/sbin/restorecon", "")]);
    fs::set_permissions(dir.path().join("usr/sbin/restorecon"), fs::Permissions::from_mode(0o755)).unwrap();
    run(dir.path(), &small("x\n"));
    run(dir.path(), &small("x\n"));
    let log = read(dir.path(), "imitation/log");
    let calls: Vec<&str> = log.lines().filter(|line| line.starts_with("restorecon")).collect();
    assert_eq!(calls, ["restorecon -F /etc/containerd/config.toml /etc/modules-load.d/containerd.conf"]);
}

#[test]
fn a_unit_that_does_not_get_up_is_told_in_time() {
    for (config, seconds, why) in [
        ("loops\n", 60, "failed 3 times in a row (result: exit-code, exit status 1)"),
        ("slow\n", 1, "did not become active within 1 s (it is activating/start; result: success, exit status 0)"),
    ] {
        let dir = prepared();
        let mut plan = small(config);
        if let Step::Service { wait, .. } = &mut plan.phases[1].steps[0] {
            *wait = seconds;
        }
        let started = std::time::Instant::now();
        let error = apply(&machine(dir.path()), &plan, &mut Unwatched, &options()).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
        assert!(started.elapsed().as_secs() < 5);
    }
}

#[test]
fn work_on_disks_that_was_cut_short_is_done_again() {
    let copy = "mnt/k8s-disks/0/containerd.hybridge-new/half";
    for (program, half) in [("mkfs.xfs", ("dev/md127", "TYPE=xfs\n")), ("cp", (copy, "half of a file"))] {
        let dir = prepared();
        let host =
            hybridge_node_host::host::Host::below(dir.path(), Halfway { whole: Imitation { root: dir.path().into() }, program, half });
        let error = apply(&host, &whole(), &mut Unwatched, &options()).unwrap_err();
        assert!(matches!(error, ApplyError::Run { .. }), "{error}");
        run(dir.path(), &whole());
        assert_eq!(read(dir.path(), "dev/md127"), "TYPE=xfs\nUUID=1234-5678\n");
        assert_eq!(read(dir.path(), "mnt/k8s-disks/0/containerd/content/blob"), "blob\n");
        assert!(!dir.path().join(copy).exists() && !dir.path().join("mnt/k8s-disks/0/containerd/half").exists());
        assert!(read(dir.path(), "imitation/units/containerd.service").contains("ActiveState=active"));
    }
}

#[test]
fn data_of_an_earlier_life_is_bound_and_not_overwritten() {
    let dir = prepared();
    tree(dir.path(), &[("/mnt/k8s-disks/0/containerd/content/blob", "newer\n")]);
    let report = run(dir.path(), &whole());
    assert_eq!(read(dir.path(), "mnt/k8s-disks/0/containerd/content/blob"), "newer\n");
    assert!(report.warnings.iter().any(|warning| warning.code == "apply.bind"), "{:?}", report.warnings);
}

#[test]
fn a_foreign_mount_is_left() {
    let dir = prepared();
    tree(dir.path(), &[("/proc/self/mounts", "/dev/sdb /var/lib/containerd ext4 rw 0 0\n")]);
    let report = run(dir.path(), &whole());
    assert!(report.warnings.iter().any(|warning| warning.code == "apply.mounted"), "{:?}", report.warnings);
    assert!(!dir.path().join("etc/systemd/system/var-lib-containerd.mount").exists());
}

#[test]
fn until_a_directory_is_bound_what_is_in_it_counts_and_not_the_copy() {
    let dir = prepared();
    let mut witness = Witness::default();
    apply(&machine(prepared().path()), &whole(), &mut witness, &options()).unwrap();
    let mount = witness.actions.iter().position(|action| action == "systemctl enable --now var-lib-containerd.mount").unwrap();
    let mut witness = Witness { stop_before: Some(mount), ..Witness::default() };
    apply(&machine(dir.path()), &whole(), &mut witness, &options()).unwrap_err();
    assert_eq!(read(dir.path(), "mnt/k8s-disks/0/containerd/content/blob"), "blob\n");
    tree(dir.path(), &[("/var/lib/containerd/content/blob", "pulled meanwhile\n")]);
    run(dir.path(), &whole());
    assert_eq!(read(dir.path(), "mnt/k8s-disks/0/containerd/content/blob"), "pulled meanwhile\n");
}

#[test]
fn what_a_part_of_a_plan_does_not_name_stays_ours() {
    let dir = prepared();
    run(dir.path(), &earlier());
    let old = "etc/systemd/system/kubelet.service.d/old.conf";
    // Credentials first, as with nodes outside: the rest follows.
    run(dir.path(), &Plan { whole: false, ..plan(vec![phase("credentials", Half::Preprocess, vec![write("/etc/aws/config", "a")])]) });
    assert!(dir.path().join(old).exists() && read(dir.path(), "etc/hosts").contains("old.example"));
    // `--daemon containerd`.
    let left_out = vec![format!("/{old}"), "/etc/aws/config".to_owned()];
    run(dir.path(), &Plan { left_out, ..small("version = 2\n") });
    assert!(dir.path().join(old).exists() && !read(dir.path(), "etc/hosts").contains("old.example"));
    run(dir.path(), &small("version = 2\n"));
    assert!(!dir.path().join(old).exists() && !dir.path().join("etc/aws/config").exists());
}

#[test]
fn the_agents_configuration_is_never_removed() {
    use hybridge_node::hybrid::ssm::CONFIG;
    let dir = prepared();
    let agent = plan(vec![phase("credentials", Half::Preprocess, vec![write(CONFIG, "{}\n")])]);
    run(dir.path(), &agent);
    assert_eq!(done(&run(dir.path(), &agent)), Vec::<String>::new());
    run(dir.path(), &small("version = 2\n"));
    assert_eq!(read(dir.path(), CONFIG), "{}\n");
}

const RESOLVED: &str = "systemd-resolved.service";

/// With name servers of the user's own.
fn name_servers() -> Plan {
    let file = "/run/systemd/resolved.conf.d/40-eks.conf";
    let service = Step::Service { unit: RESOLVED.into(), enable: false, files: vec![file.into()], wait: 5 };
    let mut plan = small("version = 2\n");
    plan.phases.insert(0, phase("name-resolution", Half::Config, vec![write(file, "[Resolve]\nDNS=1.1.1.1\n"), service]));
    plan
}

#[test]
fn what_reads_a_removed_file_is_restarted_once() {
    let dir = prepared();
    tree(dir.path(), &[("/usr/lib/systemd/system/systemd-resolved.service", "")]);
    run(dir.path(), &name_servers());
    let expected = ["remove /run/systemd/resolved.conf.d/40-eks.conf", "restart systemd-resolved.service"];
    let planned = hybridge_node_host::diff::diff(&machine(dir.path()), &small("version = 2\n"), &options()).unwrap();
    let mut planned: Vec<String> = planned
        .iter()
        .map(|change| format!("{} {}", change.deed, change.subject))
        .filter(|change| !change.starts_with("unchanged"))
        .collect();
    planned.sort();
    assert_eq!(planned, expected);
    assert_eq!(done(&run(dir.path(), &small("version = 2\n"))), expected);
    assert_eq!(done(&run(dir.path(), &small("version = 2\n"))), Vec::<String>::new());
    // Where it does not run there is nothing to restart.
    run(dir.path(), &name_servers());
    tree(dir.path(), &[(&format!("/imitation/units/{RESOLVED}"), "ActiveState=inactive\n")]);
    assert_eq!(done(&run(dir.path(), &small("version = 2\n"))), expected[..1]);
}

#[test]
fn a_restart_that_a_kill_prevented_is_made_up_for() {
    let (mut at, mut restarts) = (0, 0);
    loop {
        let dir = prepared();
        tree(dir.path(), &[("/usr/lib/systemd/system/systemd-resolved.service", "")]);
        run(dir.path(), &name_servers());
        let mut watch = StopAt { left: at };
        let killed = apply(&machine(dir.path()), &small("version = 2\n"), &mut watch, &options());
        let mut made = killed.as_ref().map(done).unwrap_or_default();
        made.extend(done(&run(dir.path(), &small("version = 2\n"))));
        let state = read(dir.path(), "var/lib/hybridge/node/state.json");
        assert!(!state.contains(RESOLVED), "{at}: {state}");
        assert!(!dir.path().join("run/systemd/resolved.conf.d/40-eks.conf").exists(), "{at}");
        restarts += made.iter().filter(|change| *change == "restart systemd-resolved.service").count();
        if killed.is_ok() {
            break;
        }
        at += 1;
    }
    assert!(at > 3 && restarts > at / 2, "{restarts} of {at}");
}

/// Stops a run before one of its actions.
struct StopAt {
    left: usize,
}

impl hybridge_node_host::apply::Watch for StopAt {
    fn about_to(&mut self, _action: &str) -> bool {
        self.left = self.left.wrapping_sub(1);
        self.left != usize::MAX
    }
}
