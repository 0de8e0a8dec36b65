//! Secrets that a node's configuration holds are in no output, and in no file but those whose readers need them.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

mod machine;
mod trouble;

use std::process::Stdio;

use hybridge_lab::isolate::isolated;

use machine::Machine;
use trouble::{CLUSTER, Cloud, OFFLINE, REGION, ec2, hybrid, install, machine, seen};

const PROXY: &str = "proxy-marked-secret";
const REGISTRY: &str = "registry-marked-secret";
const CODE: &str = "activation-marked-secret-code";
const TOKEN: &str = "session-marked-secret-token";
const KEY: &str = "access-marked-secret-key";
const STRAY: &str = "stray-marked-secret";

/// Where a secret may be, as its reader needs it there; every such file is for root alone.
const ALLOWED: [(&str, &str); 7] = [
    (PROXY, "/etc/systemd/system.conf.d/environment.conf"),
    (PROXY, "/etc/systemd/system/kubelet.service.d/environment.conf"),
    (PROXY, "/run/cache.json"),
    (REGISTRY, "/run/cache.json"),
    (REGISTRY, "/etc/containerd/config.toml"),
    // What containerd ran with before, until it runs with something else.
    (REGISTRY, "/var/lib/hybridge/node/state.json"),
    (PROXY, "/var/lib/hybridge/node/state.json"),
];

/// A document of EC2's shape with secrets of a proxy and a registry.
fn secret_ec2() -> String {
    ec2(&format!(
        "  instance:\n    environment:\n      default: {{HTTPS_PROXY: 'http://user:{PROXY}@proxy.example:3128', NO_PROXY: 127.0.0.1}}\n      \
         kubelet: {{HTTPS_PROXY: 'http://user:{PROXY}@proxy.example:3128'}}\n  containerd:\n    config: |\n      version = 3\n      \
         [plugins.'io.containerd.cri.v1.images'.registry.configs.'registry.example'.auth]\n      username = 'me'\n      password = '{REGISTRY}'\n"
    ))
}

/// A document with an activation of Systems Manager.
fn secret_ssm() -> String {
    format!(
        "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n  cluster: {{name: {CLUSTER}, region: {REGION}}}\n  hybrid:\n    ssm:\n      \
         activationCode: {CODE}\n      activationId: 01234567-89ab-cdef-0123-456789abcdef\n"
    )
}

/// Broken documents whose errors must not show what they hold.
fn broken() -> Vec<(&'static str, String)> {
    let (ec2, ssm) = (secret_ec2(), secret_ssm());
    vec![
        ("unknown key", ssm.replace("activationCode:", "activationcode:")),
        ("code beside its key", ssm.replace(&format!("activationCode: {CODE}"), &format!("activationCode: [{CODE}]"))),
        ("code too short", ssm.replace(CODE, "short-marked-secret")),
        ("code of two lines", ssm.replace(CODE, &format!("\"{CODE}\\n{STRAY}\""))),
        ("duplicate", ssm.replace("      activationId", &format!("      activationCode: {STRAY}\n      activationId"))),
        ("unclosed", ssm.replace(CODE, &format!("\"{CODE}"))),
        ("tab", ssm.replace("      activationCode", "\tactivationCode")),
        ("proxy that is no URL", ec2.replace("http://user", "user")),
        ("broken TOML", ec2.replace("username = 'me'", "username = me'")),
        ("password without quotes", ec2.replace(&format!("password = '{REGISTRY}'"), &format!("password = {REGISTRY}"))),
        ("environment is a text", ec2.replace("default: {", "default: 'http://user:proxy-marked-secret@proxy' #{")),
        ("second document", format!("{ec2}---\n{ssm}")),
    ]
}

/// Every way to run something over a configuration.
const COMMANDS: [&[&str]; 13] = [
    &["hybridge", "node", "config", "check"],
    &["hybridge", "node", "config", "check", "-o", "json"],
    &["hybridge", "node", "config", "dump"],
    &["hybridge", "node", "config", "dump", "-o", "/run/dump.json"],
    &["hybridge", "node", "config", "explain"],
    &["hybridge", "node", "config", "explain", "-o", "json"],
    &["hybridge", "node", "init", "--dry-run"],
    &["hybridge", "node", "init", "--dry-run", "-o", "json", "--save-facts", "/run/facts.json"],
    &["hybridge", "node", "init", "--config-cache", "/run/cache.json"],
    &["hybridge", "node", "init", "-o", "json"],
    &["nodeadm", "config", "check"],
    &["nodeadm", "config", "dump"],
    &["hybridge", "node", "init", "--dry-run", "--config-cache", "/run/other.json"],
];

/// Texts that must not be shown, among them lines of a private key.
struct Marked(Vec<String>);

impl Marked {
    fn new(key: &str) -> Self {
        let marked = [PROXY, REGISTRY, CODE, TOKEN, KEY, STRAY, "marked-secret"].map(str::to_owned);
        Self(marked.into_iter().chain(key.lines().filter(|line| !line.starts_with("-----")).map(str::to_owned)).collect())
    }

    #[track_caller]
    fn not_in(&self, text: &str, what: &str) {
        for marked in &self.0 {
            assert!(!text.contains(marked.as_str()), "{what} shows {marked}:\n{text}");
        }
    }
}

fn run(machine: &Machine, command: &[&str], skip: &str) -> (String, i32) {
    let mut arguments = vec!["-c", "file:///config.yaml"];
    if command.contains(&"init") && !skip.is_empty() {
        arguments.extend(["--skip", skip]);
    }
    let mut command = machine.command(command[0], &[&command[1..], &arguments].concat());
    let output = command.env("RUST_LOG", "trace").stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout) + &text(&output.stderr), output.status.code().unwrap_or(-1))
}

/// Secrets are in the files that need them, and these are for root alone.
#[track_caller]
fn files_are_closed(machine: &Machine, marked: &Marked, inputs: &[&str]) {
    for (path, file) in seen(machine).iter().filter(|(path, _)| !inputs.contains(&path.as_str())) {
        let allowed: Vec<&str> = ALLOWED.iter().filter(|(_, at)| at == path).map(|(secret, _)| *secret).collect();
        for secret in &marked.0 {
            let may = allowed.iter().any(|allowed| allowed.contains(secret.as_str()));
            assert!(may || !file.content.contains(secret.as_str()), "{path} holds {secret}:\n{}", file.content);
        }
        if file.content.contains("marked-secret") {
            assert_eq!(file.mode, 0o600, "{path} can be read by others");
        }
    }
}

fn prepared() -> (Machine, Cloud, Marked) {
    let mut machine = machine();
    let cloud = Cloud::start(&mut machine, None);
    let leaf = cloud.certificate(|_| ());
    install(&machine, &leaf);
    // An agent that repeats what it was told, as some do when they fail.
    machine.program("amazon-ssm-agent", "echo \"cannot register with $*\" >&2; exit 1");
    (machine, cloud, Marked::new(&leaf.key))
}

#[test]
fn nothing_secret_of_an_instance_is_shown() {
    isolated(|| {
        let (machine, _cloud, marked) = prepared();
        machine.write("/config.yaml", secret_ec2());
        let mut held = false;
        for command in COMMANDS {
            let (text, code) = run(&machine, command, "");
            assert_eq!(code, 0, "{command:?}\n{text}");
            marked.not_in(&text, &command.join(" "));
            held |= machine.has("/run/cache.json");
            files_are_closed(&machine, &marked, &["/etc/iam/pki/server.key"]);
        }
        assert!(held && machine.read("/etc/containerd/config.toml").contains(REGISTRY));
        assert!(machine.read("/etc/systemd/system.conf.d/environment.conf").contains(PROXY));
        // Without secrets nothing is left of them.
        machine.write("/config.yaml", ec2(""));
        let (text, code) = run(&machine, &["hybridge", "node", "init", "--config-cache", "/run/cache.json"], "");
        assert_eq!(code, 0, "{text}");
        marked.not_in(&text, "init without secrets");
        for (path, file) in seen(&machine) {
            assert!(!file.content.contains("marked-secret"), "{path} still holds one:\n{}", file.content);
        }
    });
}

/// The file for `credential_process`, keys in the environment, and the node's private key.
#[test]
fn nothing_secret_of_a_node_outside_is_shown() {
    isolated(|| {
        let (mut machine, _cloud, marked) = prepared();
        machine.write(
            "/root/.aws/credentials",
            format!("[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = {KEY}\naws_session_token = {TOKEN}\n"),
        );
        for (what, document) in [("Roles Anywhere", hybrid("")), ("Systems Manager", secret_ssm())] {
            machine.write("/config.yaml", document);
            for command in COMMANDS {
                let (text, _) = run(&machine, command, OFFLINE);
                marked.not_in(&text, &format!("{what}: {}", command.join(" ")));
                files_are_closed(&machine, &marked, &["/etc/iam/pki/server.key", "/root/.aws/credentials"]);
            }
        }
        machine.set("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
        machine.set("AWS_SECRET_ACCESS_KEY", KEY);
        machine.set("AWS_SESSION_TOKEN", TOKEN);
        let (text, code) = run(&machine, COMMANDS[9], OFFLINE);
        assert_ne!(code, 0);
        marked.not_in(&text, "keys in the environment");
    });
}

#[test]
fn nothing_secret_is_shown_by_an_error() {
    isolated(|| {
        let (machine, _cloud, marked) = prepared();
        for (what, document) in broken() {
            machine.write("/config.yaml", &document);
            let before = seen(&machine);
            for command in [COMMANDS[0], COMMANDS[1], COMMANDS[6], COMMANDS[9], COMMANDS[11]] {
                let (text, code) = run(&machine, command, "");
                assert_ne!((code, text.len()), (0, 0));
                marked.not_in(&text, &format!("{what}: {}", command.join(" ")));
            }
            let after = seen(&machine);
            if before != after {
                files_are_closed(&machine, &marked, &["/etc/iam/pki/server.key"]);
            }
        }
    });
}
