//! The command lines of `nodeadm`: what it takes, how it ends, what it leaves alone.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

mod aws_answers;
mod machine;

use hybridge_lab::isolate::isolated;
use serde_json::{Value, json};

use aws_answers::Aws;
use machine::{HYBRIDGE, Machine, fixture};

const CONTAINERD: &str = "/etc/containerd/config.toml";
const CONFIG: &str = "/etc/kubernetes/kubelet/config.json";
const KUBECONFIG: &str = "/var/lib/kubelet/kubeconfig";
const CACHE: &str = "/run/eks/nodeadm/config.json";

/// An EC2 instance with a NodeConfig at /config.yaml.
fn instance() -> (Machine, Aws) {
    let mut machine = Machine::new("1.34.0", "1.7.27");
    let aws = Aws::start(&mut machine);
    machine.write("/config.yaml", fixture("ec2/kubeconfig/config.yaml"));
    (machine, aws)
}

fn json(machine: &Machine, path: &str) -> Value {
    serde_json::from_str(&machine.read(path)).unwrap()
}

#[test]
fn usage_errors_end_with_2_and_answers_with_0() {
    isolated(|| {
        let machine = Machine::new("1.34.0", "1.7.27");
        for arguments in [&[][..], &["nonsense"], &["init", "--nonsense"], &["config"], &["init", "--shape", "round"]] {
            let outcome = machine.run("nodeadm", arguments).expect(2);
            assert!(outcome.stdout.is_empty() && outcome.stderr.contains("--help"), "{arguments:?}: {outcome:?}");
        }
        for arguments in
            [&["-h"][..], &["--help"], &["init", "-h"], &["config", "check", "-h"], &["--version"], &["version"], &["-d", "version"]]
        {
            let outcome = machine.run("nodeadm", arguments).expect(0);
            assert!(!outcome.stdout.is_empty() && outcome.stderr.is_empty(), "{arguments:?}: {outcome:?}");
        }
        assert!(machine.run("nodeadm", &["version"]).expect(0).stdout.contains(env!("CARGO_PKG_VERSION")));
    });
}

#[test]
fn what_is_not_done_is_told_with_who_does_it() {
    isolated(|| {
        let machine = Machine::new("1.34.0", "1.7.27");
        for arguments in [
            &["install", "1.34", "--credential-provider", "ssm", "-r", "us-west-2", "--timeout", "20m"][..],
            &["upgrade", "1.34", "-c", "file://config.yaml", "--skip", "pod-validation", "-h"],
            &["uninstall", "--force", "-s", "node-validation"],
            &["debug", "--no-color", "-c", "file://config.yaml"],
            &["sync-artifacts", "1.34", "-a", "amd64", "--s3-bucket", "bucket", "-t", "30m"],
        ] {
            let before = machine.files("/etc");
            let outcome = machine.run("nodeadm", arguments).expect(1);
            assert!(outcome.stdout.is_empty(), "{outcome:?}");
            assert!(outcome.stderr.contains(&format!("nodeadm {}", arguments[0])), "{}", outcome.stderr);
            assert!(outcome.stderr.contains("https://github.com/aws/eks-hybrid"), "{}", outcome.stderr);
            assert_eq!(machine.files("/etc"), before);
        }
    });
}

#[test]
fn wrong_input_ends_with_1_before_anything_is_written() {
    isolated(|| {
        let (machine, _aws) = instance();
        machine.write("/bad.yaml", fixture("ec2/config-check/config-bad.yaml"));
        let before = machine.files("/etc");
        for (arguments, code) in [
            (&["init", "-c", "file://bad.yaml"][..], "error["),
            (&["init", "-c", "file://config.yaml", "--skip", "runn"], "error[skip.unknown]"),
            (&["init", "-c", "file://config.yaml", "--daemon", "docker"], "error[daemon.unknown]"),
            (&["init", "-c", "file://missing.yaml"], "error[source.unreadable]"),
            (&["init", "-c", "foo://config.yaml"], "unsupported scheme: foo"),
            (&["config", "check", "-c", "file://bad.yaml"], "error["),
            (&["config", "dump", "-c", "file://bad.yaml"], "error["),
        ] {
            let outcome = machine.run("nodeadm", arguments).expect(1);
            assert!(outcome.stderr.contains(code) && outcome.stdout.is_empty(), "{arguments:?}: {outcome:?}");
        }
        assert_eq!(machine.files("/etc"), before);
        assert!(!machine.has(KUBECONFIG) && !machine.has("/opt/systemctl"));
    });
}

#[test]
fn configurations_are_checked_merged_and_printed() {
    isolated(|| {
        let (machine, _aws) = instance();
        let outcome = machine.run("nodeadm", &["config", "check", "-c", "file://config.yaml"]).expect(0);
        assert_eq!(outcome.stdout, "configuration is valid\n");
        let head = "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n";
        machine.write("/etc/eks/nodeadm.d/10-one.yaml", format!("{head}  kubelet: {{flags: [--v=2], config: {{maxPods: 10}}}}\n"));
        machine.write("/etc/eks/nodeadm.d/20-two.yaml", format!("{head}  kubelet: {{flags: [--v=5], config: {{maxPods: 20}}}}\n"));
        let sources = [
            &["-c", "file://config.yaml", "-c", "file:///etc/eks/nodeadm.d/"][..],
            &["-c", "file://config.yaml,file:///etc/eks/nodeadm.d"],
        ];
        for sources in sources {
            let dump = machine.run("nodeadm", &[&["config", "dump"], sources].concat()).expect(0);
            let dump: Value = serde_json::from_str(&dump.stdout).unwrap();
            assert_eq!(dump["spec"]["kubelet"], json!({"flags": ["--v=2", "--v=5"], "config": {"maxPods": 20}}), "{dump:#}");
            assert_eq!(dump["spec"]["cluster"]["name"], "my-cluster");
        }
        machine.run("nodeadm", &["config", "dump", "-c", "file://config.yaml", "-o", "/run/dump.json"]).expect(0);
        assert_eq!(json(&machine, "/run/dump.json")["kind"], "NodeConfig");
        // The instance's user data are the default.
        let dump = machine.run("nodeadm", &["config", "dump"]).expect(0);
        assert!(dump.stdout.contains("https://example.com"), "{}", dump.stdout);
    });
}

/// The steps of amazon-eks-ami's case config-cache.
#[test]
fn a_cache_is_made_used_and_made_anew_after_a_change() {
    isolated(|| {
        let (machine, aws) = instance();
        let spec = |containerd: Value| {
            json!({
                "cluster": {
                    "name": "my-cluster", "apiServerEndpoint": "https://example.com",
                    "certificateAuthority": "Y2VydGlmaWNhdGVBdXRob3JpdHk=", "cidr": "10.100.0.0/16",
                },
                "containerd": containerd, "instance": {"localStorage": {}, "network": {}}, "kubelet": {},
            })
        };
        let cached = ["--config-cache", CACHE];
        machine.run("nodeadm", &[&["init", "--skip", "run", "-c", "file://config.yaml"], &cached[..]].concat()).expect(0);
        assert_eq!(json(&machine, CACHE)["spec"], spec(json!({})));
        let configured = machine.files("/etc");

        // The user data say the same: nothing is asked but them, and nothing is written.
        let (asked, read) = (aws.account.asked().len(), aws.imds.requests().len());
        machine.run("nodeadm", &[&["init", "--skip", "config,run"], &cached[..]].concat()).expect(0);
        assert_eq!(aws.account.asked().len(), asked);
        let requests = aws.imds.requests();
        assert!(requests[read..].iter().all(|request| !request.request.contains("identity")), "{:?}", &requests[read..]);
        assert_eq!(machine.files("/etc"), configured);

        let drop_in = "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n  containerd:\n    config: |\n      version = 2\n\n      \
                       [grpc]\n      address = \"/run/foo/foo.sock\"\n";
        machine.write("/etc/eks/nodeadm.d/test.yaml", drop_in);
        let sources = "file://config.yaml,file:///etc/eks/nodeadm.d";
        machine.run("nodeadm", &[&["init", "--skip", "config,run", "--config-source", sources], &cached[..]].concat()).expect(0);
        let text = json(&machine, CACHE)["spec"]["containerd"]["config"].as_str().unwrap().to_owned();
        assert_eq!(json(&machine, CACHE)["spec"], spec(json!({"config": text})));
        assert!(text.contains("/run/foo/foo.sock"), "{text}");
        // The files follow although their half was to be left out.
        assert!(machine.read(CONTAINERD).contains("/run/foo/foo.sock"));
    });
}

#[test]
fn what_a_cache_withholds_stays_as_it_is() {
    isolated(|| {
        let (machine, _aws) = instance();
        let secret = "s3cret-0123456789";
        let config = fixture("ec2/kubeconfig/config.yaml") + &format!("  instance: {{environment: {{default: {{MY_TOKEN: {secret}}}}}}}\n");
        machine.write("/config.yaml", config);
        let cached = ["--config-cache", CACHE];
        let outcome = machine.run("nodeadm", &[&["init", "--skip", "run", "-c", "file://config.yaml"], &cached[..]].concat()).expect(0);
        assert!(!machine.read(CACHE).contains(secret) && !outcome.stderr.contains(secret));
        let configured = machine.files("/etc");
        std::fs::create_dir_all(machine.path("/empty")).unwrap();
        let outcome = machine.run("nodeadm", &[&["init", "--skip", "run", "-c", "file:///empty/"], &cached[..]].concat()).expect(0);
        assert!(outcome.stderr.contains("warning[cache.withheld]"), "{}", outcome.stderr);
        assert_eq!(machine.files("/etc"), configured);
    });
}

#[test]
fn daemons_are_chosen_one_by_one_or_not_at_all() {
    isolated(|| {
        for (daemon, containerd, kubelet) in
            [("", false, false), ("containerd", true, false), ("kubelet", false, true), ("containerd,kubelet", true, true)]
        {
            let (machine, _aws) = instance();
            machine.run("nodeadm", &["init", &format!("--daemon={daemon}"), "-c", "file://config.yaml"]).expect(0);
            assert!(machine.has("/run/nodeadm/init"), "{daemon}");
            assert_eq!((machine.has(CONTAINERD), machine.has(CONFIG)), (containerd, kubelet), "{daemon}");
            let done = if containerd || kubelet { machine.read("/opt/systemctl") } else { String::new() };
            assert_eq!(done.contains("restart --no-block containerd.service"), containerd, "{done}");
            assert_eq!(done.contains("restart --no-block kubelet.service"), kubelet, "{done}");
        }
    });
}

#[test]
fn a_boot_in_two_halves_starts_everything_once() {
    isolated(|| {
        let (machine, _aws) = instance();
        let sources = ["-c", "file://config.yaml", "--config-cache", CACHE];
        machine.run("nodeadm", &[&["init", "--skip", "run"], &sources[..]].concat()).expect(0);
        assert!(machine.has(CONTAINERD) && machine.has(CONFIG) && !machine.has("/run/nodeadm/init"));
        machine.run("nodeadm", &[&["init", "--skip", "config"], &sources[..]].concat()).expect(0);
        let started = machine.read("/opt/systemctl");
        let units: Vec<&str> = started.lines().filter_map(|line| line.strip_prefix("restart --no-block ")).collect();
        assert_eq!(units, ["containerd.service", "kubelet.service"]);
        let outcome = machine.run("nodeadm", &[&["init"], &sources[..]].concat()).expect(0);
        assert!(outcome.stderr.contains(": 0 changed in "), "{}", outcome.stderr);
        assert_eq!(machine.read("/opt/systemctl"), started);
    });
}

#[test]
fn the_other_tools_are_named_unless_ours_are_asked_for() {
    isolated(|| {
        for (program, flags, own) in [
            ("nodeadm", &["init"][..], false),
            ("nodeadm", &["init", "--plugins=builtin"], true),
            (HYBRIDGE, &["node", "init"], true),
            (HYBRIDGE, &["node", "init", "--plugins=external"], false),
        ] {
            let (machine, _aws) = instance();
            machine.run(program, &[flags, &["--skip", "run", "-c", "file://config.yaml"]].concat()).expect(0);
            let kubeconfig = machine.read(KUBECONFIG);
            assert_eq!(kubeconfig.contains(HYBRIDGE), own, "{kubeconfig}");
            assert_eq!(kubeconfig.contains("command: aws"), !own, "{kubeconfig}");
        }
    });
}
