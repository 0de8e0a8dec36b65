//! The OCI runtime spec that every container starts from.

use serde_json::{Map, Value, json};

/// Named by containerd's configuration.
pub(super) const PATH: &str = "/etc/containerd/base-runtime-spec.json";

/// What a container may do without asking; the same fourteen as containerd's own default.
const CAPABILITIES: [&str; 14] = [
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_MKNOD",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
];

/// `user` laid over the defaults: objects merged, everything else, arrays too, replaced. Keys sorted, four spaces, no final newline.
pub(super) fn text(user: &Map<String, Value>) -> String {
    let mut spec = defaults();
    for (key, value) in user {
        lay_over(&mut spec[key.as_str()], value);
    }
    spec.sort_all_objects();
    let mut text = Vec::new();
    let form = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    serde::Serialize::serialize(&spec, &mut serde_json::Serializer::with_formatter(&mut text, form)).expect("a Value is always JSON");
    String::from_utf8(text).expect("JSON is UTF-8")
}

fn lay_over(to: &mut Value, over: &Value) {
    match (to, over) {
        (Value::Object(below), Value::Object(above)) => {
            for (key, value) in above {
                lay_over(below.entry(key).or_insert(Value::Null), value);
            }
        }
        (to, over) => *to = over.clone(),
    }
}

/// Those of amazon-eks-ami's `base-runtime-spec.json`: containerd's defaults with another limit of open files and `noNewPrivileges`.
fn defaults() -> Value {
    json!({
        "ociVersion": "1.1.0",
        "root": { "path": "rootfs" },
        "process": {
            "user": { "uid": 0, "gid": 0 },
            "cwd": "/",
            "capabilities": { "bounding": CAPABILITIES, "effective": CAPABILITIES, "permitted": CAPABILITIES },
            "rlimits": [{ "type": "RLIMIT_NOFILE", "soft": 65_536, "hard": 1_048_576 }],
            "noNewPrivileges": true,
        },
        "mounts": [
            mount("/dev", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
            mount("/dev/mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
            mount("/dev/pts", "devpts", &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
            mount("/proc", "proc", &["nosuid", "noexec", "nodev"]),
            mount("/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
        ],
        "linux": {
            "namespaces": (["ipc", "mount", "network", "pid", "uts"].map(|kind| json!({ "type": kind }))),
            "resources": { "devices": [{ "allow": false, "access": "rwm" }] },
            "maskedPaths": [
                "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi",
                "/proc/timer_list", "/proc/timer_stats", "/sys/firmware",
            ],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
        },
    })
}

/// Source and type are the same word in all of them.
fn mount(destination: &str, kind: &str, options: &[&str]) -> Value {
    json!({ "destination": destination, "source": kind, "type": kind, "options": options })
}
