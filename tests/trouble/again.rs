//! A second run, with the same configuration and with another one.

use hybridge_lab::isolate::isolated;

use crate::machine::Machine;
use crate::trouble::{Cloud, OFFLINE, difference, ec2, hybrid, init, init_again, install, machine, seen, told};

#[track_caller]
fn changes_nothing(machine: &Machine, more: &[&str]) {
    told(machine);
    let before = seen(machine);
    let outcome = init_again(machine, more).expect(0);
    assert!(outcome.stderr.contains(": 0 changed in "), "{}", outcome.stderr);
    let after = seen(machine);
    assert!(before == after, "{}", difference(&before, &after));
    assert_eq!(told(machine), Vec::<String>::new());
}

#[test]
fn a_second_run_touches_no_file_and_restarts_nothing() {
    isolated(|| {
        let mut on_ec2 = machine();
        let _cloud = Cloud::start(&mut on_ec2, None);
        let config = ec2(
            "  instance:\n    environment:\n      default: {HTTPS_PROXY: 'http://proxy:3128'}\n    network:\n      nameservers: [10.0.0.2]\n",
        );
        init(&on_ec2, &config, &[]).expect(0);
        changes_nothing(&on_ec2, &[]);
        init_again(&on_ec2, &["--config-cache", "/run/cache.json"]).expect(0);
        changes_nothing(&on_ec2, &["--config-cache", "/run/cache.json"]);

        let mut outside = machine();
        let cloud = Cloud::start(&mut outside, None);
        install(&outside, &cloud.certificate(|_| ()));
        let offline = ["--skip", OFFLINE];
        init(&outside, &hybrid("    enableCredentialsFile: true\n"), &offline).expect(0);
        // A kubelet that runs is a reason to stop for a first `init` only.
        changes_nothing(&outside, &["--skip", &format!("{OFFLINE},node-inactive-validation")]);
    });
}

/// What follows in `spec`, and what systemd has to be told when it comes and when it goes.
const CHANGES: [(&str, &str, &[&str]); 5] = [
    ("a flag of kubelet", "  kubelet:\n    flags: [--v=5]\n", &["restart kubelet"]),
    ("a setting of kubelet", "  kubelet:\n    config: {maxPods: 17}\n", &["restart kubelet"]),
    (
        "containerd's configuration",
        "  containerd:\n    config: |\n      version = 3\n      [debug]\n      level = 'debug'\n",
        &["restart containerd"],
    ),
    ("the environment of kubelet", "  instance:\n    environment:\n      kubelet: {A: b}\n", &["daemon-reload", "restart kubelet"]),
    (
        "the environment of all",
        "  instance:\n    environment:\n      default: {A: b}\n",
        &["daemon-reload", "restart containerd", "restart kubelet"],
    ),
];

fn short(told: Vec<String>) -> Vec<String> {
    told.into_iter().map(|line| line.replace(" --no-block", "").replace(".service", "")).collect()
}

#[test]
fn a_changed_configuration_restarts_what_it_concerns_and_leaves_nothing_when_it_goes() {
    isolated(|| {
        let mut machine = machine();
        let _cloud = Cloud::start(&mut machine, None);
        init(&machine, &ec2(""), &[]).expect(0);
        let plain = crate::trouble::contents(&machine);
        told(&machine);
        for (what, more, expected) in CHANGES {
            init(&machine, &ec2(more), &[]).expect(0);
            assert_eq!(short(told(&machine)), expected, "{what} comes");
            init(&machine, &ec2(""), &[]).expect(0);
            assert_eq!(short(told(&machine)), expected, "{what} goes");
            let mut now = crate::trouble::contents(&machine);
            // Directories that were made stay.
            now.retain(|path, (_, content)| plain.contains_key(path) || content != "(directory)");
            assert!(now == plain, "{what}\n{}", difference(&plain, &now));
        }
    });
}

#[test]
fn what_others_wrote_or_changed_stays() {
    const OURS: &str = "/etc/systemd/system/kubelet.service.d/environment.conf";
    const FOREIGN: [&str; 3] = [
        "/etc/systemd/system/kubelet.service.d/50-site.conf",
        "/etc/kubernetes/kubelet/config.json.d/50-site.conf",
        "/etc/systemd/system.conf.d/site.conf",
    ];
    isolated(|| {
        let mut machine = machine();
        let _cloud = Cloud::start(&mut machine, None);
        FOREIGN.iter().for_each(|path| machine.write(path, "# of the site\n"));
        let foreign = || -> Vec<_> { FOREIGN.iter().map(|path| seen(&machine)[*path].clone()).collect() };
        let before = foreign();
        init(&machine, &ec2("  instance:\n    environment:\n      kubelet: {A: b}\n"), &[]).expect(0);
        let edited = machine.read(OURS) + "Environment=C=d\n";
        machine.write(OURS, &edited);
        let outcome = init(&machine, &ec2(""), &[]).expect(0);
        let line = outcome.stderr.lines().find(|line| line.contains(OURS) && line.starts_with("warning"));
        assert!(line.is_some_and(|line| line.contains("changed since")), "{}", outcome.stderr);
        assert_eq!(machine.read(OURS), edited);
        // It is not ours any more: the next run says nothing of it.
        assert!(!init_again(&machine, &[]).expect(0).stderr.contains(OURS));
        assert_eq!(machine.read(OURS), edited);
        assert_eq!(foreign(), before);
    });
}
