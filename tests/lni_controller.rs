//! `hybridge lni controller` against the lab's EC2 and Kubernetes, over HTTP: what it makes, confirms and deletes, and that it can be
//! killed after any call.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use hybridge_lab::kube::{FakeKube, Kind, VtepCrd};
use hybridge_lab::lni_ec2::{Conduct, Fault, Instance, Launched, LniEc2, New, State, Subnet};
use hybridge_lab::loopback::Loopback;
use serde_json::{Value, json};

const SUBNET: &str = "subnet-0a";
const LONG: Duration = Duration::from_secs(30);

struct Cloud {
    ec2: LniEc2,
    kube: FakeKube,
    ec2_server: Loopback,
    folder: tempfile::TempDir,
    _kube_server: Loopback,
}

fn tags(cluster: &str) -> BTreeMap<String, String> {
    let tags = [("hybridge:cluster", cluster), ("hybridge:lni", cluster), ("node.k8s.amazonaws.com/no_manage", "true")];
    tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

impl Cloud {
    fn new(conduct: Conduct) -> Self {
        let outpost_arn = "arn:aws:outposts:eu-central-1:123456789012:outpost/op-1".to_owned();
        let subnet =
            Subnet { vpc: "vpc-0a".into(), network: "10.50.80".into(), outpost_arn, lni_device_index: Some(14), tags: BTreeMap::new() };
        let ec2 = LniEc2::new(State { subnets: [(SUBNET.to_owned(), subnet)].into(), ..State::default() }, conduct);
        let kube = FakeKube::new(VtepCrd::Missing);
        let (ec2_server, kube_server) = (Loopback::serve(ec2.api()).unwrap(), Loopback::serve(kube.api()).unwrap());
        let folder = tempfile::tempdir().unwrap();
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "lab",
            "clusters": [{ "name": "lab", "cluster": { "server": kube_server.url() } }],
            "contexts": [{ "name": "lab", "context": { "cluster": "lab", "user": "lab", "namespace": "kube-system" } }],
            "users": [{ "name": "lab", "user": {} }],
        });
        std::fs::write(folder.path().join("kubeconfig"), config.to_string()).unwrap();
        Self { ec2, kube, ec2_server, folder, _kube_server: kube_server }
    }

    /// Starts an instance that joins; with an LNI of its launch template or without.
    fn launch(&self, name: &str, template: Option<bool>) -> String {
        let at = |device_index, goes| Launched { device_index, subnet: SUBNET.into(), delete_on_termination: goes };
        let interfaces: Vec<Launched> = [at(0, true)].into_iter().chain(template.map(|goes| at(14, goes))).collect();
        let tags = template.map(|_| tags("shop")).unwrap_or_default();
        let instance = Instance { instance_type: "c6id.8xlarge".into(), subnet: SUBNET.into(), ..Instance::default() };
        let id = self.ec2.with(|model| model.run(instance, &interfaces, &tags)).unwrap();
        let node = json!({
            "apiVersion": "v1", "kind": "Node", "metadata": { "name": name },
            "spec": { "providerID": format!("aws:///eu-central-1a/{id}") },
        });
        self.kube.put_object(node).unwrap();
        id
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hybridge"));
        command
            .args(["lni", "controller", "--cluster", "shop", "--region", "eu-central-1", "--apart", "0.2", "--lease", "1.5"])
            .args(arguments);
        command.arg("--kubeconfig").arg(self.folder.path().join("kubeconfig"));
        command.env_clear().env("HOME", self.folder.path()).env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
            .env("AWS_ENDPOINT_URL", self.ec2_server.url())
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "secret");
        command.env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    fn run(&self, arguments: &[&str]) -> (i32, Value, String) {
        let Output { status, stdout, stderr } = self.command(arguments).args(["--once", "-o", "json"]).output().unwrap();
        let text = String::from_utf8_lossy(&stderr).into_owned();
        assert_eq!(self.kube.unexpected(), [""; 0]);
        (status.code().unwrap(), serde_json::from_slice(&stdout).unwrap_or_else(|_| panic!("{text}")), text)
    }

    fn calls(&self, action: &str) -> usize {
        self.ec2.calls().iter().filter(|call| call.action == action).count()
    }

    /// What an instance has at the LNI's index: the interface, and whether it goes with it.
    fn lni(&self, instance: &str) -> Option<(String, bool)> {
        let state = self.ec2.state();
        state.held(instance).find(|(_, _, held)| held.device_index == 14).map(|(id, _, held)| (id.clone(), held.delete_on_termination))
    }

    fn free(&self) -> usize {
        self.ec2.state().interfaces.values().filter(|one| one.attachment.is_none()).count()
    }

    /// An LNI that a crash left behind.
    fn stray(&self) -> String {
        let mut tags = tags("shop");
        tags.insert("hybridge:lni".into(), "shop/gone".into());
        tags.insert("hybridge:instance".into(), "i-0dead".into());
        self.ec2.with(|model| model.create(New { subnet: SUBNET.into(), description: String::new(), tags }, "stray")).unwrap()
    }

    /// A hook that writes what it is told into a file.
    fn hook(&self) -> (PathBuf, PathBuf) {
        let (program, file) = (self.folder.path().join("hook"), self.folder.path().join("told"));
        script(&program, &format!("cat >> {}; echo >> {}", file.display(), file.display()));
        (program, file)
    }
}

fn script(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < LONG, "{what}: not within {LONG:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A controller that runs until it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

#[test]
fn a_first_deployment_changes_only_what_it_confirms_and_tells_the_rest() {
    let cloud = Cloud::new(Conduct::default());
    let stray = cloud.stray();
    let with = cloud.launch("with", Some(false));
    let without = cloud.launch("without", None);

    // Nothing at all.
    let (code, report, text) = cloud.run(&["--dry-run"]);
    assert_eq!((code, report["done"].as_array().unwrap().len()), (0, 0), "{text}");
    let would: Vec<&str> = report["withheld"].as_array().unwrap().iter().map(|action| action["action"].as_str().unwrap()).collect();
    assert_eq!(would, ["create", "delete", "confirm-deletion"]);
    assert!(text.contains("lni.missing") && text.contains("lni.orphan") && text.contains(&stray), "{text}");
    assert!(cloud.ec2.calls().iter().all(|call| call.action.starts_with("Describe")), "{:?}", cloud.ec2.calls());
    assert_eq!(cloud.kube.list(Kind::Lease).len(), 0);

    let (code, report, text) = cloud.run(&[]);
    assert_eq!(code, 0, "{text}");
    assert!(cloud.lni(&with).unwrap().1 && cloud.lni(&without).is_none());
    assert_eq!((cloud.calls("DeleteNetworkInterface"), cloud.calls("CreateNetworkInterface")), (0, 0));
    let phases: Vec<&Value> = report["nodes"].as_array().unwrap().iter().map(|node| &node["phase"]).collect();
    assert_eq!(phases, [&json!("DotConfirmed"), &json!("Intended")]);
    assert_eq!(report["nodes"][0]["mbps"], "2500");
    let events = cloud.kube.list(Kind::Event);
    let reasons: Vec<_> =
        events.iter().map(|event| (event["involvedObject"]["name"].as_str().unwrap(), event["reason"].as_str().unwrap())).collect();
    for expected in [("with", "LniConfirmed"), ("without", "LniMissing")] {
        assert!(reasons.contains(&expected), "{reasons:?}");
    }
    // A second one finds nothing to do.
    let (_, report, _) = cloud.run(&[]);
    assert!(report["done"].as_array().unwrap().iter().all(|action| action["action"] == "greet"), "{report:#}");
}

#[test]
fn what_is_missing_is_made_and_what_is_nobodys_is_deleted_and_the_lan_told() {
    let cloud = Cloud::new(Conduct { lag: 1, slow: 2, forget: 1000, page: 5 });
    let (program, told) = cloud.hook();
    let stray = cloud.stray();
    let instance = cloud.launch("without", None);
    let (code, report, text) = cloud.run(&["--delete", "--create", "--release-hook", program.to_str().unwrap()]);
    assert_eq!(code, 0, "{text}{report:#}");
    let (lni, goes) = cloud.lni(&instance).unwrap();
    assert!(goes && cloud.free() == 0, "{report:#}");
    let state = cloud.ec2.state();
    let one = &state.interfaces[&lni];
    assert_eq!(
        (one.tags["node.k8s.amazonaws.com/no_manage"].as_str(), one.tags["hybridge:instance"].as_str()),
        ("true", instance.as_str())
    );
    let told = std::fs::read_to_string(&told).unwrap();
    let told: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let released: Vec<&Value> = told.iter().filter(|one| one["action"] == "release").collect();
    assert_eq!((released.len(), &released[0]["interface"]), (1, &json!(stray)), "{told:?}");
    assert!(released[0]["mac"].as_str().unwrap().starts_with("02:"));
    assert_eq!(told[0]["action"], "greet");
}

#[test]
fn an_answer_in_part_deletes_nothing_and_says_what_is_missing() {
    let cloud = Cloud::new(Conduct { page: 1, ..Conduct::default() });
    cloud.stray();
    cloud.launch("with", Some(true));
    for _ in 0..8 {
        cloud.ec2.fail("DescribeNetworkInterfaces", Fault::SecondPage);
    }
    let (code, report, text) = cloud.run(&["--delete"]);
    assert_eq!((code, cloud.calls("DeleteNetworkInterface")), (3, 0), "{text}{report:#}");
    assert!(text.contains("lni.answer-missing") && text.contains("--policy"), "{text}");
}

#[test]
fn lost_answers_and_throttling_leave_one_lni_and_no_orphan() {
    let cloud = Cloud::new(Conduct::default());
    let instance = cloud.launch("without", None);
    cloud.stray();
    for (action, fault) in [
        ("CreateNetworkInterface", Fault::LostAfter),
        ("CreateNetworkInterface", Fault::Throttle),
        ("AttachNetworkInterface", Fault::LostAfter),
        ("ModifyNetworkInterfaceAttribute", Fault::LostBefore),
        ("DeleteNetworkInterface", Fault::LostAfter),
        ("DescribeInstances", Fault::Unavailable),
    ] {
        cloud.ec2.fail(action, fault);
    }
    let (code, report, text) = cloud.run(&["--delete", "--create"]);
    assert_eq!(code, 0, "{text}{report:#}");
    assert!(cloud.lni(&instance).unwrap().1 && cloud.free() == 0, "{report:#}");
    assert_eq!(cloud.ec2.state().held(&instance).count(), 2);
}

#[test]
fn a_controller_that_is_killed_after_any_call_leaves_what_the_next_one_goes_on_from() {
    for action in ["CreateNetworkInterface", "AttachNetworkInterface", "ModifyNetworkInterfaceAttribute", "DeleteNetworkInterface"] {
        let cloud = Cloud::new(Conduct::default());
        let instance = cloud.launch("without", None);
        cloud.stray();
        {
            let arguments = ["--delete", "--create", "--resync", "0.2"];
            let _running = Running(cloud.command(&arguments).stderr(Stdio::null()).spawn().unwrap());
            wait(action, || cloud.calls(action) > 0);
        }
        let (code, report, text) = cloud.run(&["--delete", "--create"]);
        assert_eq!(code, 0, "{action}: {text}{report:#}");
        assert!(cloud.lni(&instance).unwrap().1 && cloud.free() == 0, "{action}: {report:#}");
        let made = cloud.ec2.state().interfaces.values().filter(|one| one.tags.contains_key("hybridge:intent")).count();
        assert_eq!(made, 1, "{action}");
    }
}

#[test]
fn a_node_that_is_deleted_is_seen_at_once_and_one_of_two_controllers_acts() {
    let cloud = Cloud::new(Conduct::default());
    let (program, told) = cloud.hook();
    let instance = cloud.launch("with", Some(true));
    let admin = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let hook = program.to_str().unwrap().to_owned();
    let first = Running(cloud.command(&["--delete", "--release-hook", &hook, "--admin", &admin]).spawn().unwrap());
    wait("the first look", || told.exists());
    let _second = Running(cloud.command(&["--delete", "--release-hook", &hook]).spawn().unwrap());
    let mac = cloud.ec2.state().interfaces[&cloud.lni(&instance).unwrap().0].mac.clone();
    // Resync is five minutes: what makes it look is the Node that goes.
    cloud.ec2.with(|model| model.terminate(&instance)).unwrap();
    cloud.kube.delete_object(Kind::Node, "", "with");
    wait("the LAN to be told", || std::fs::read_to_string(&told).is_ok_and(|text| text.contains("release") && text.contains(&mac)));
    let metrics = get(&admin, "/metrics");
    assert!(metrics.contains("hybridge_lni_leading 1") && metrics.contains("hybridge_lni_interfaces 0"), "{metrics}");
    assert_eq!(get(&admin, "/healthz").lines().last(), Some("ok"));
    let greetings = || std::fs::read_to_string(&told).unwrap().matches("greet").count();
    assert_eq!(greetings(), 1);
    // The other one takes over when the first is gone.
    drop(first);
    wait("the second to lead", || greetings() == 2);
}

fn get(address: &str, path: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_hook_that_fails_or_hangs_is_told_and_run_again() {
    let cloud = Cloud::new(Conduct::default());
    cloud.stray();
    let (program, tries) = (cloud.folder.path().join("hook"), cloud.folder.path().join("tries"));
    // The first run hangs, the second fails, the others are good.
    script(&program, &format!("echo x >> {0}; case $(wc -l < {0}) in 1) exec sleep 60;; 2) exit 4;; esac", tries.display()));
    let (code, _, text) = cloud.run(&["--delete", "--release-hook", program.to_str().unwrap(), "--hook-timeout", "0.3"]);
    assert_eq!(code, 0, "{text}");
    assert!(std::fs::read_to_string(&tries).unwrap().lines().count() >= 4);
}
