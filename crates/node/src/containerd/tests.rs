use serde_json::json;

use super::fixture::{Machine, containerd_config, fixture};
use super::*;
use crate::facts::Migrated;

fn content(machine: &Machine, path: &str) -> String {
    let files = files(&machine.node()).unwrap();
    files.into_iter().find(|file| file.path == path).unwrap_or_else(|| panic!("{path} is not written")).content
}

fn codes(machine: &Machine) -> Vec<&'static str> {
    files(&machine.node()).unwrap_err().iter().map(|finding| finding.code).collect()
}

fn with_text(text: impl Into<String>) -> Machine {
    let mut machine = Machine::ec2();
    machine.config.containerd.config = text.into();
    machine
}

#[test]
fn containerd_1_gets_nodeadms_file() {
    for (kubelet, expected) in [("1.31.0", "expected-containerd-config-pre-1.32.toml"), ("1.32.0", "expected-containerd-config.toml")] {
        let mut machine = with_text(containerd_config("ec2/containerdv1-config/configv2.yaml"));
        (machine.kubelet, machine.containerd) = (kubelet, "1.7.27");
        assert_eq!(content(&machine, CONFIG), fixture(&format!("ec2/containerdv1-config/{expected}")));
        assert_eq!(to_migrate(&machine.node()), None);
        machine.config.containerd.config = containerd_config("ec2/containerdv1-config/configv3.yaml");
        assert_eq!(codes(&machine), ["containerd.version-unsupported"]);
    }
}

#[test]
fn containerd_2_gets_nodeadms_file_from_version_3() {
    let machine = with_text(containerd_config("ec2/containerdv2-config/configv3.yaml"));
    assert_eq!(content(&machine, CONFIG), fixture("ec2/containerdv2-config/expected-containerd-configv3.toml"));
    assert_eq!(to_migrate(&machine.node()), None);
}

#[test]
fn containerd_2_migrates_version_2_itself() {
    let golden = fixture("ec2/containerdv2-config/expected-containerd-configv2.toml");
    let mut machine = with_text(containerd_config("ec2/containerdv2-config/configv2.yaml"));
    let text = to_migrate(&machine.node()).unwrap();
    // The case of containerd 1.x differs from it in the sandbox image only.
    let merged = fixture("ec2/containerdv1-config/expected-containerd-config.toml");
    assert_eq!(text, merged.replace("localhost/kubernetes/pause:latest", "registry.k8s.io/pause:3.10"));
    assert_eq!(codes(&machine), ["containerd.not-migrated"]);
    machine.facts.missing.insert("migrated".to_owned(), "containerd: no such file".to_owned());
    assert!(files(&machine.node()).unwrap_err()[0].what.ends_with(": containerd: no such file"));
    machine.facts.migrated = Some(Migrated { from: format!("{text}#"), to: golden.clone() });
    assert_eq!(codes(&machine), ["containerd.not-migrated"]);
    machine.facts.migrated = Some(Migrated { from: text, to: golden.clone() });
    assert_eq!(content(&machine, CONFIG), golden);
}

#[test]
fn a_hybrid_node_gets_nodeadms_files() {
    let mut machine = Machine::hybrid();
    machine.containerd = "1.7.27";
    machine.config.containerd.config = containerd_config("hybrid/containerd-config/config.yaml");
    let written = files(&machine.node()).unwrap();
    assert_eq!(
        written,
        [
            File::new(CONFIG, fixture("hybrid/containerd-config/expected-containerd-config.toml")),
            File::new(DROP_IN, fixture("hybrid/containerd-config/expected-user-containerd-config.toml")),
            File::new(MODULES, "overlay\nbr_netfilter"),
        ]
    );
    machine.config.containerd.config = String::new();
    assert_eq!(files(&machine.node()).unwrap().iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), [CONFIG, MODULES]);
}

#[test]
fn a_hybrid_node_with_containerd_2_gets_the_same_settings_in_version_3() {
    let mut machine = Machine::hybrid();
    machine.region = "eu-central-1";
    insta::assert_snapshot!(content(&machine, CONFIG));
    for (text, version) in [
        ("[debug]\nlevel = 'debug'\n", "version = 3\n"),
        ("version = 3\n", "version = 3\n"),
        ("version = 2\n", "version = 2\n"),
        ("[plugins.\"io.containerd.grpc.v1.cri\"]\nenable_selinux = true\n", "version = 2\n"),
    ] {
        machine.config.containerd.config = text.to_owned();
        assert_eq!(content(&machine, DROP_IN), text);
        assert!(content(&machine, CONFIG).starts_with(version), "{text}");
    }
    machine.config.containerd.config = "version = 4\n".to_owned();
    assert_eq!(codes(&machine), ["containerd.version-unsupported"]);
    machine.config.containerd.config = "version = \n".to_owned();
    assert_eq!(codes(&machine), ["containerd.toml"]);
}

/// The runtime's table in each version of the configuration.
#[test]
fn the_runtime_follows_from_the_machine() {
    let nvidia = "/usr/bin/nvidia-container-runtime".to_owned();
    for (programs, name, binary) in [
        (vec![], "runc", "/usr/sbin/runc"),
        (vec!["/usr/sbin/runc".to_owned(), "/opt/aws/neuron/bin/oci_neuron_hook_wrapper.sh".to_owned()], "runc", "/usr/sbin/runc"),
        (vec![nvidia], "nvidia", "/usr/bin/nvidia-container-runtime"),
    ] {
        for (containerd, kubelet, user, version, plugin, cdi) in [
            ("1.7.27", "1.31.9", "", 2, "io.containerd.grpc.v1.cri", Some(false)),
            ("1.7.27", "1.32.0", "[debug]", 2, "io.containerd.grpc.v1.cri", Some(true)),
            ("2.0.5", "1.31.9", "", 3, "io.containerd.cri.v1.runtime", Some(false)),
            ("2.0.5", "1.33.1", "version = 3", 3, "io.containerd.cri.v1.runtime", Some(true)),
            ("2.3.0", "1.34.0", "", 3, "io.containerd.cri.v1.runtime", Some(true)),
            ("2.3.0", "1.34.0", "version = 4", 4, "io.containerd.cri.v1.runtime", None),
        ] {
            let mut machine = with_text(user);
            machine.facts.programs = programs.clone();
            (machine.containerd, machine.kubelet) = (containerd, kubelet);
            let table = document::parse(&content(&machine, CONFIG)).unwrap();
            let plugin = &table["plugins"][plugin];
            let runtimes = plugin["containerd"]["runtimes"].as_table().unwrap();
            assert_eq!(table["version"].as_integer(), Some(version), "{containerd} {user}");
            assert_eq!(plugin.get("enable_cdi").and_then(Value::as_bool), cdi, "{containerd} {kubelet}");
            let directory = plugin["cni"].as_table().unwrap().get(if version == 4 { "bin_dirs" } else { "bin_dir" });
            assert!(
                directory
                    .is_some_and(|value| [value, value.get(0).unwrap_or(value)].iter().any(|value| value.as_str() == Some("/opt/cni/bin")))
            );
            assert_eq!(plugin["containerd"]["default_runtime_name"].as_str(), Some(name));
            assert_eq!(runtimes.keys().collect::<Vec<_>>(), [name]);
            assert_eq!(runtimes[name]["options"]["BinaryName"].as_str(), Some(binary));
            let socket = if version == 4 { &table["plugins"]["io.containerd.server.v1.grpc"] } else { &table["grpc"] };
            assert_eq!(socket["address"].as_str(), Some("/run/containerd/containerd.sock"));
        }
    }
}

fn large() -> Machine {
    let mut machine = Machine::ec2();
    machine.config.feature_gates.insert("FastImagePull".to_owned(), true);
    (machine.facts.memory, machine.facts.cpus) = (7 << 30, 4);
    machine
}

#[test]
fn soci_is_used_where_it_is_asked_for_and_fits() {
    assert!(uses_soci(&large().node()));
    let but = |change: fn(&mut Machine)| {
        let mut machine = large();
        change(&mut machine);
        assert!(files(&machine.node()).unwrap().iter().all(|file| !file.content.contains("soci")));
        uses_soci(&machine.node())
    };
    assert!(!but(|machine| machine.facts.memory -= 1));
    assert!(!but(|machine| machine.facts.cpus = 3));
    assert!(!but(|machine| machine.config.feature_gates.clear()));
    assert!(!but(|machine| *machine.config.feature_gates.get_mut("FastImagePull").unwrap() = false));
    assert!(!but(|machine| machine.config.shape = Shape::Hybrid));
}

#[test]
fn soci_brings_its_files() {
    for (name, containerd) in [("soci_v2", "1.7.27"), ("soci_v3", "2.0.5")] {
        let mut machine = large();
        machine.containerd = containerd;
        let files = files(&machine.node()).unwrap();
        let shown = files.iter().filter(|file| file.path != runtime_spec::PATH);
        insta::assert_snapshot!(name, shown.map(|file| format!("== {}\n{}", file.path, file.content)).collect::<Vec<_>>().join("\n"));
    }
}

#[test]
fn the_runtime_spec_is_the_default_with_the_users_in_it() {
    let mut machine = Machine::ec2();
    insta::assert_snapshot!("runtime_spec", content(&machine, runtime_spec::PATH));
    let default: serde_json::Value = serde_json::from_str(&content(&machine, runtime_spec::PATH)).unwrap();
    let user = json!({
        "foo": "bar",
        "process": { "rlimits": [{ "type": "RLIMIT_NOFILE", "soft": 12345, "hard": 12345 }], "noNewPrivileges": false, "cwd": null },
        "linux": { "maskedPaths": [], "resources": {}, "seccomp": { "defaultAction": "SCMP_ACT_ALLOW" } },
    });
    machine.config.containerd.base_runtime_spec = user.as_object().unwrap().clone();
    let merged: serde_json::Value = serde_json::from_str(&content(&machine, runtime_spec::PATH)).unwrap();
    let mut expected = default;
    expected["foo"] = json!("bar");
    expected["process"]["rlimits"] = user["process"]["rlimits"].clone();
    expected["process"]["noNewPrivileges"] = json!(false);
    expected["process"]["cwd"] = json!(null);
    expected["linux"]["maskedPaths"] = json!([]);
    expected["linux"]["seccomp"] = json!({ "defaultAction": "SCMP_ACT_ALLOW" });
    assert_eq!(merged, expected);
}

#[test]
fn credentials_of_registries_are_for_containerd_alone() {
    let auth = "[plugins.'io.containerd.grpc.v1.cri'.registry.configs.'r.example'.auth]\nusername = 'me'\npassword = 'hunter2'\n";
    for (text, secret) in [(auth, true), ("[plugins.'io.containerd.grpc.v1.cri'.registry]\nconfig_path = '/x'\n", false)] {
        for (mut machine, path) in [(Machine::ec2(), CONFIG), (Machine::hybrid(), DROP_IN)] {
            machine.containerd = "1.7.27";
            machine.config.containerd.config = text.to_owned();
            let file = files(&machine.node()).unwrap().into_iter().find(|file| file.path == path).unwrap();
            assert_eq!((file.secret, file.mode), (secret, if secret { 0o600 } else { 0o644 }), "{text}");
            let shown = format!("{:?}", explain(&machine.node()));
            assert!(!shown.contains("hunter2"));
            assert_eq!(shown.contains("\"me\""), secret);
        }
    }
}

/// Sources of the settings at these paths.
fn sources<'a>(machine: &Machine, paths: &[&'a str]) -> Vec<(&'a str, serde_json::Value, String)> {
    let settings = explain(&machine.node());
    let find =
        |path: &str| settings.iter().find(|setting| setting.path == path).unwrap_or_else(|| panic!("{path} in {settings:#?}")).clone();
    paths.iter().map(|path| (*path, find(path).value, find(path).source)).collect()
}

#[test]
fn explain_tells_who_decided() {
    let mut machine =
        with_text("[debug]\nlevel = 'debug'\n[plugins.'io.containerd.cri.v1.images'.pinned_images]\nsandbox = 'x'\n[a.'b.c']\n");
    machine.facts.programs = vec![template::NVIDIA_RUNTIME.to_owned()];
    machine.config.feature_gates.insert("FastImagePull".to_owned(), true);
    (machine.facts.memory, machine.facts.cpus) = (8 << 30, 8);
    let cases = [
        ("version", json!(3), "containerd 2.x"),
        ("root", json!("/var/lib/containerd"), "hybridge default"),
        ("debug.level", json!("debug"), "user"),
        ("a.'b.c'", json!({}), "user"),
        ("plugins.'io.containerd.cri.v1.images'.pinned_images.sandbox", json!("x"), "user"),
        ("plugins.'io.containerd.cri.v1.images'.snapshotter", json!("soci"), "feature gate FastImagePull"),
        ("plugins.'io.containerd.cri.v1.runtime'.enable_cdi", json!(true), "kubelet ≥ 1.32"),
        ("plugins.'io.containerd.cri.v1.runtime'.containerd.default_runtime_name", json!("nvidia"), "NVIDIA runtime on the machine"),
        ("proxy_plugins.soci.type", json!("snapshot"), "feature gate FastImagePull"),
    ];
    let paths: Vec<_> = cases.iter().map(|(path, ..)| *path).collect();
    assert_eq!(sources(&machine, &paths), cases.map(|(path, value, source)| (path, value, source.to_owned())));
    // Every leaf of the file, and nothing else.
    let file = document::parse(&content(&machine, CONFIG)).unwrap();
    let mut rebuilt = toml::Table::new();
    for setting in explain(&machine.node()) {
        let line = if setting.value == json!({}) { format!("[{}]", setting.path) } else { format!("{} = {}", setting.path, setting.value) };
        document::lay_over(&mut rebuilt, document::parse(&line).unwrap());
    }
    assert_eq!(rebuilt, file);
}

#[test]
fn explain_follows_settings_through_a_migration() {
    let mut machine = with_text(containerd_config("ec2/containerdv2-config/configv2.yaml"));
    let before = sources(&machine, &["version", "plugins.'io.containerd.grpc.v1.cri'.sandbox_image", "grpc.address"]);
    assert!(before.iter().all(|(_, _, source)| source == "user"), "{before:?}");
    let from = to_migrate(&machine.node()).unwrap();
    machine.facts.migrated = Some(Migrated { from, to: fixture("ec2/containerdv2-config/expected-containerd-configv2.toml") });
    let cases = [
        ("version", json!(3), "containerd 2.x"),
        ("grpc.address", json!("/run/foo/foo.sock"), "user"),
        ("grpc.uid", json!(0), "containerd 2.0.5"),
        ("plugins.'io.containerd.cri.v1.images'.pinned_images.sandbox", json!("registry.k8s.io/pause:3.10"), "user"),
        ("plugins.'io.containerd.cri.v1.images'.discard_unpacked_layers", json!(false), "user"),
        ("plugins.'io.containerd.cri.v1.runtime'.enable_cdi", json!(true), "kubelet ≥ 1.32"),
        ("plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options.SystemdCgroup", json!(true), "hybridge default"),
        ("plugins.'io.containerd.cri.v1.runtime'.max_container_log_line_size", json!(16384), "containerd 2.0.5"),
    ];
    let paths: Vec<_> = cases.iter().map(|(path, ..)| *path).collect();
    assert_eq!(sources(&machine, &paths), cases.map(|(path, value, source)| (path, value, source.to_owned())));
}

#[test]
fn explain_says_what_is_known_of_a_refused_text_and_of_a_drop_in() {
    let machine = with_text("[grpc");
    assert!(explain(&machine.node()).iter().all(|setting| setting.source != "user"));
    let mut machine = Machine::hybrid();
    machine.config.containerd.config = "version = 3\n[debug]\nlevel = 'debug'\n".to_owned();
    let found = sources(&machine, &["version", "debug.level", "imports"]);
    assert_eq!(found.into_iter().map(|(_, _, source)| source).collect::<Vec<_>>(), ["containerd 2.x", "user", "hybridge default"]);
}
