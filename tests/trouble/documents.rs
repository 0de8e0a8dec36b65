//! Configurations that are wrong: told with what to write instead, before anything is written.

use std::io::Write as _;
use std::process::Stdio;

use hybridge_lab::isolate::isolated;

use crate::machine::{Machine, Outcome};
use crate::trouble::{Cloud, ec2, hybrid, machine, refused, try_refused};

/// What is wrong, the document, the code by which it is told, a word of the hint.
type Row = (&'static str, String, &'static str, &'static str);

fn swap(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    text.replace(from, to)
}

/// Of documents of EC2's shape: node-bootstrap's known holes of nodeadm first, then values.
fn of_ec2() -> Vec<Row> {
    let plain = ec2("");
    let change = |from: &str, to: &str| swap(&plain, from, to);
    vec![
        ("unknown key", ec2("  kubelett: {}\n"), "key.unknown", "kubelet"),
        ("wrong case", change("apiServerEndpoint", "apiserverEndpoint"), "key.case", "apiServerEndpoint"),
        ("duplicate key", change("    cidr:", "    name: other\n    cidr:"), "yaml.duplicate-key", ""),
        ("second document", format!("{plain}---\n{plain}"), "yaml.second-document", ""),
        ("CIDR", change("10.100.0.0/16", "10.100.0.0/33"), "cidr.invalid", ""),
        ("CIDR with host bits", change("10.100.0.0/16", "10.100.0.1/16"), "cidr.host-bits", ""),
        ("URL", change("https://example.com", "example com"), "url.scheme", "https://"),
        ("base64", change("Y2VydGlmaWNhdGVBdXRob3JpdHk=", "Y2Vyd!!!"), "ca.base64", ""),
        ("strategy", ec2("  instance:\n    localStorage: {strategy: raid0}\n"), "value.choice", "RAID0"),
        ("disabled mount", ec2("  instance:\n    localStorage: {strategy: RAID0, disabledMounts: [Kubelet]}\n"), "value.choice", "PodLogs"),
        ("gate", ec2("  featureGates: {InstanceIdNodeNames: true}\n"), "gate.unknown", "InstanceIdNodeName"),
        ("CEL", ec2("  kubelet: {maxPodsExpression: 'max_pods +'}\n"), "cel.invalid", ""),
        ("unknown CEL variable", ec2("  kubelet: {maxPodsExpression: 'maxpods * 2'}\n"), "cel.invalid", "max_pods"),
        ("flag", ec2("  kubelet: {flags: ['node-labels=a=b']}\n"), "flag.form", "--"),
        ("nameserver", ec2("  instance:\n    network: {nameservers: [10.0.0]}\n"), "nameserver.address", ""),
        ("containerd TOML", ec2("  containerd: {config: '[plugins'}\n"), "toml.syntax", ""),
        ("no name", change("    name: my-cluster\n", ""), "required.missing", ""),
        ("Outpost without id", change("    cidr:", "    enableOutpost: true\n    cidr:"), "outpost.id", "id"),
        ("apiVersion", change("v1alpha1", "v1alpha2"), "document.api-version", "v1alpha1"),
        ("no kind", change("kind: NodeConfig\n", ""), "document.kind", "NodeConfig"),
        ("not YAML", "spec: [".into(), "yaml.syntax", ""),
        ("nothing", String::new(), "userdata.empty", "apiVersion"),
        (
            "bootstrap.sh",
            "#!/bin/bash\n/etc/eks/bootstrap.sh my-cluster --kubelet-extra-args '--v=3'\n".into(),
            "userdata.legacy",
            "write instead",
        ),
    ]
}

fn of_hybrid() -> Vec<Row> {
    let plain = hybrid("");
    let change = |from: &str, to: &str| swap(&plain, from, to);
    vec![
        ("trust anchor", change(":trust-anchor/a", "/a"), "arn.invalid", "arn:"),
        ("role ARN", change("arn:aws:iam::123456789012:role/hybrid", "role/hybrid"), "arn.invalid", "arn:"),
        ("no region", change("    region: us-west-2\n", ""), "required.missing", "region"),
        ("no node name", change("      nodeName: edge-7\n", ""), "required.missing", ""),
        ("node name too long", change("edge-7", &"e".repeat(65)), "node-name.length", "64"),
        (
            "two providers",
            hybrid("    ssm: {activationCode: aaaaaaaaaaaaaaaaaaaa, activationId: 01234567-89ab-cdef-0123-456789abcdef}\n"),
            "hybrid.provider",
            "",
        ),
        ("hostname override", hybrid("  kubelet: {flags: ['--hostname-override=x']}\n"), "flag.hostname-override", ""),
        (
            "short activation code",
            format!(
                "{}  hybrid:\n    ssm: {{activationCode: short, activationId: 01234567-89ab-cdef-0123-456789abcdef}}\n",
                plain.split("  hybrid:").next().unwrap()
            ),
            "ssm.activation-code",
            "ActivationCode",
        ),
        (
            "activation id",
            format!(
                "{}  hybrid:\n    ssm: {{activationCode: aaaaaaaaaaaaaaaaaaaa, activationId: ABC}}\n",
                plain.split("  hybrid:").next().unwrap()
            ),
            "ssm.activation-id",
            "",
        ),
    ]
}

#[test]
fn a_wrong_document_is_told_with_a_place_and_a_hint() {
    isolated(|| {
        let mut machine = machine();
        let _cloud = Cloud::start(&mut machine, None);
        let mut wrong = String::new();
        for (what, document, code, hint) in of_ec2().into_iter().chain(of_hybrid()) {
            machine.write("/config.yaml", &document);
            if let Err(why) = told_well(&machine, code, hint) {
                wrong += &format!("## {what}\n{why}\n");
            }
        }
        assert!(wrong.is_empty(), "{wrong}");
    });
}

fn told_well(machine: &Machine, code: &str, hint: &str) -> Result<(), String> {
    let outcome = try_refused(machine, &["-c", "file:///config.yaml"])?;
    let hints: String = outcome.stderr.lines().filter(|line| line.contains("hint:")).collect();
    // Line and column, or the field or source that is to blame.
    let placed = ["/config.yaml", "spec."].iter().any(|place| outcome.stderr.contains(&format!("error[{code}]: {place}")));
    if placed && hints.contains(hint) {
        Ok(())
    } else {
        Err(format!("expected error[{code}] and a hint with {hint:?}\n{}", outcome.stderr))
    }
}

/// YAML 1.1 is what nodeadm reads: a gate that is `yes` is on there, so it is here, with a warning. A variable that is `on` is text, which
/// is an error there.
#[test]
fn booleans_of_yaml_1_1_are_what_their_place_wants() {
    isolated(|| {
        let mut machine = machine();
        let _cloud = Cloud::start(&mut machine, None);
        let more = "  featureGates: {InstanceIdNodeName: yes}\n  instance:\n    environment:\n      kubelet: {DEBUG: on}\n";
        let outcome = crate::trouble::init(&machine, &ec2(more), &[]).expect(0);
        assert!(outcome.stderr.contains("warning[yaml.boolean]: /config.yaml:9:38: \"yes\" is read as true"), "{}", outcome.stderr);
        assert!(machine.read("/etc/eks/kubelet/environment").contains("--hostname-override=i-1234567890abcdef0"));
        assert!(machine.read("/etc/systemd/system/kubelet.service.d/environment.conf").contains("DEBUG=on"));
    });
}

#[test]
fn a_wrong_command_line_or_source_is_told() {
    isolated(|| {
        let mut machine = machine();
        let cloud = Cloud::start(&mut machine, None);
        machine.write("/empty/readme.txt", "no document");
        let good = ["-c", "file:///config.yaml"];
        for (what, arguments, expected) in [
            ("unknown skip", vec!["--skip", "node-ip-validaton"], "did you mean node-ip-validation?"),
            ("upgrade's skip", vec!["--skip", "pod-validation"], "upgrade"),
            ("unknown daemon", vec!["--daemon", "docker"], "write containerd or kubelet"),
            ("scheme", vec!["-c", "s3://bucket/config.yaml"], "unsupported scheme: s3"),
            ("no scheme", vec!["-c", "/config.yaml"], "write file:///config.yaml"),
            ("missing file", vec!["-c", "file:///nowhere.yaml"], "there is no such file"),
            ("relative missing file", vec!["-c", "file://nowhere.yaml"], "relative"),
            ("empty directory", vec!["-c", "file:///empty"], "no config in chain"),
            ("imds without user data", vec!["-c", "imds://user-data"], "no config in chain"),
            ("instance types", vec!["--instance-types", "/config.yaml"], "hint"),
        ] {
            let mut all = arguments.clone();
            if !arguments.contains(&"-c") {
                all.extend(good);
            }
            let outcome = refused(&machine, what, &all);
            assert!(outcome.stderr.contains(expected), "{what}: {}", outcome.stderr);
        }
        assert!(cloud.aws.asked().is_empty(), "{:?}", cloud.aws.asked());
    });
}

/// 16 MiB of nothing in a few kilobytes, and the same within another.
fn bombs() -> [(&'static str, Vec<u8>); 2] {
    let pack = |bytes: &[u8]| {
        let mut child = std::process::Command::new("gzip").args(["-9", "-c"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (mut input, bytes) = (child.stdin.take().unwrap(), bytes.to_vec());
        let feeder = std::thread::spawn(move || input.write_all(&bytes));
        let output = child.wait_with_output().unwrap();
        feeder.join().unwrap().unwrap();
        output.stdout
    };
    let bomb = pack(&vec![b' '; 16 << 20]);
    let nested = pack(&bomb);
    [("bomb", bomb), ("nested bomb", nested)]
}

#[test]
fn a_gzip_bomb_is_refused_at_once() {
    isolated(|| {
        let mut machine = machine();
        let _cloud = Cloud::start(&mut machine, None);
        for (what, bytes) in bombs() {
            assert!(bytes.len() < 64 << 10, "{what}: {}", bytes.len());
            machine.write("/config.yaml", &bytes);
            let start = std::time::Instant::now();
            let outcome: Outcome = refused(&machine, what, &["-c", "file:///config.yaml"]);
            assert!(start.elapsed().as_secs() < 2, "{what}: {:?}", start.elapsed());
            assert!(outcome.stderr.contains("error["), "{}", outcome.stderr);
        }
    });
}

/// A record that cannot be read stops before anything; moved away as the hint says, all goes on.
#[test]
fn a_broken_record_is_told_and_not_overwritten() {
    const STATE: &str = "/var/lib/hybridge/node/state.json";
    isolated(|| {
        let mut machine: Machine = machine();
        let _cloud = Cloud::start(&mut machine, None);
        for broken in ["{\"files\": ", "", "[]", "{\"files\": {\"/etc/passwd\": 1}}"] {
            machine.write(STATE, broken);
            let outcome = refused(&machine, broken, &["-c", "file:///config.yaml"]);
            assert!(outcome.stderr.contains("error[apply.state]: /var/lib/hybridge/node/state.json"), "{}", outcome.stderr);
            assert!(outcome.stderr.contains("move /var/lib/hybridge/node/state.json away"), "{}", outcome.stderr);
        }
        std::fs::rename(machine.path(STATE), machine.path("/var/state.old")).unwrap();
        crate::trouble::init_again(&machine, &[]).expect(0);
    });
}
