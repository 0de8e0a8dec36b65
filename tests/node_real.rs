//! Machines that become nodes: virtual ones with systemd, containerd and kubelet, before a real API server, on EC2 and outside.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]
#![allow(clippy::print_stdout, reason = "libtest keeps it: what took how long")]

mod cloud;

mod with_real_parts {
    use std::time::{Duration, Instant};

    use hybridge_lab::isolate::isolated;
    use hybridge_lab::vm::node::{HYBRIDGE, Site};
    use hybridge_lab::vm::{BOOT, Guest};
    use serde_json::json;

    use crate::cloud::*;

    /// A node joins in half a minute on two idle cores.
    const LONG: Duration = Duration::from_secs(240);

    /// Runs `init`, shows what it says, and returns that.
    #[track_caller]
    fn init(node: &Joining<'_>, source: &str) -> String {
        let start = Instant::now();
        let output = node.machine.run_within(LONG, HYBRIDGE, &["node", "init", "-c", source], b"").unwrap();
        println!("  {}", output.stderr.trim_end().replace('\n', "\n  "));
        node.clock.tell("init ended", start);
        assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
        output.stderr
    }

    /// Which life of a unit this is.
    fn life(machine: &Guest, unit: &str) -> String {
        machine.sh(&format!("systemctl show --property InvocationID --value {unit}")).unwrap()
    }

    /// The node is Ready and its pod does what pods do, in this boot of the machine.
    fn works(node: &Joining<'_>, since: Instant) {
        let boot = node.machine.boot_id().unwrap();
        node.wait_ready(&boot, LONG);
        node.clock.tell("Node Ready", since);
        node.deploy();
        // exec proves that the container belongs to this boot, and that the API server believes the kubelet's certificate.
        let exec = ["exec", "deployment/echo", "--", "sh", "-c", "cat /proc/sys/kernel/random/boot_id; echo $((6 * 7))"];
        node.wait_kubectl(&exec, &format!("{boot}\n42\n"), LONG);
        node.clock.tell("pod Running, kubectl exec answered", since);
        node.wait_kubectl(&["logs", "--tail=1", "deployment/echo"], &format!("hello from {}\n", node.name), LONG);
        node.clock.tell("kubectl logs answered", since);
        let user = format!("system:node:{}", node.name);
        assert!(node.world.kube.audit().unwrap().iter().any(|entry| entry.user == user && entry.code < 300), "nobody was {user}");
        assert!(node.machine.sh("cat /var/lib/kubelet/kubeconfig").unwrap().contains("get-token"));
    }

    /// A changed configuration reaches the kubelet and leaves containerd, with the pods, alone; the same once more changes nothing.
    fn changes(node: &Joining<'_>, source: &str) {
        let before = [life(node.machine, "containerd"), life(node.machine, "kubelet")];
        let start = Instant::now();
        let said = init(node, source);
        assert!(said.contains("kubelet.service") && !said.contains("containerd.service"), "{said}");
        let after = [life(node.machine, "containerd"), life(node.machine, "kubelet")];
        assert_eq!(before[0], after[0], "containerd was restarted");
        assert_ne!(before[1], after[1], "the kubelet was not restarted");
        node.wait_node("17 pods at most", LONG, |object| object["status"]["capacity"]["pods"] == "17");
        node.clock.tell("changed configuration shown by the Node", start);
        let said = init(node, source);
        assert!(said.contains(": 0 changed in "), "{said}");
        assert_eq!(after, [life(node.machine, "containerd"), life(node.machine, "kubelet")]);
    }

    /// Shuts the machine down in order; nobody does anything to it after that.
    fn comes_back(node: &Joining<'_>) {
        let start = Instant::now();
        node.machine.reboot().unwrap();
        node.clock.tell("rebooted", start);
        works(node, start);
        node.machine.wait_running(BOOT).unwrap();
        println!("  memory: {}", node.machine.sh("free --mega | sed -n 2p").unwrap().trim());
    }

    #[test]
    fn an_instance_joins_changes_and_comes_back_after_a_reboot() {
        isolated(|| {
            let world = Cloud::start();
            let first = world.metadata(&world.document(json!({})));
            let clock = Clock::default();
            let name = "ip-10-0-0-2.us-west-2.compute.internal";
            let (machine, _witness) = world.machine("ec2", &[1024, 1024], &clock);
            let site = Site { on_ec2: true, units: &UNITS, sandbox_images: &[], ..world.site() };
            world.install(&machine, &site, &clock);
            let node = Joining { world: &world, machine: &machine, name, clock: &clock };

            let start = Instant::now();
            let said = init(&node, "imds://user-data");
            works(&node, start);
            assert!(said.contains("/dev/md/kubernetes"), "{said}");
            on_local_disks(&machine);
            node.wait_node("its label", LONG, |object| object["metadata"]["labels"]["team"] == "edge");

            // Its socket is free only when it has ended.
            first.stop();
            let _second = world.metadata(&world.document(json!({"maxPods": 17})));
            changes(&node, "imds://user-data");
            comes_back(&node);
            on_local_disks(&machine);
            assert!(world.aws.asked().iter().all(|asked| asked.status == 200 && asked.action == "DescribeInstances"));
        });
    }

    /// One array holds the data of containerd, kubelet and pods.
    fn on_local_disks(machine: &Guest) {
        for path in ["/mnt/k8s-disks/0", "/var/lib/containerd", "/var/lib/kubelet", "/var/log/pods"] {
            let found = machine.sh(&format!("findmnt --noheadings --output FSTYPE,SOURCE --mountpoint {path}")).unwrap();
            assert!(found.starts_with("xfs ") && found.contains("/dev/md"), "{path}: {found}");
        }
        let array = machine.sh("cat /proc/mdstat").unwrap();
        assert!(array.contains("active raid0 nvme"), "{array}");
        assert!(machine.sh("ls /var/lib/containerd").unwrap().contains("io.containerd.snapshotter.v1.overlayfs"));
    }

    #[test]
    fn a_machine_outside_joins_with_its_certificate_changes_and_comes_back_after_a_reboot() {
        isolated(|| {
            let world = Cloud::start();
            let clock = Clock::default();
            let (machine, _witness) = world.machine("outside", &[], &clock);
            world.install(&machine, &world.site(), &clock);
            let leaf = world.certificate("outside-1");
            machine.write("/etc/iam/pki/server.pem", leaf.certificate.as_bytes(), 0o644).unwrap();
            machine.write("/etc/iam/pki/server.key", leaf.key.as_bytes(), 0o600).unwrap();
            let write = |config| machine.write("/root/node.yaml", hybrid("outside-1", config).as_bytes(), 0o600).unwrap();
            let node = Joining { world: &world, machine: &machine, name: "outside-1", clock: &clock };

            write(json!({}));
            let start = Instant::now();
            init(&node, "file:///root/node.yaml");
            works(&node, start);
            node.wait_node("its labels", LONG, |object| {
                let labels = &object["metadata"]["labels"];
                labels["eks.amazonaws.com/compute-type"] == "hybrid" && labels["team"] == "edge"
            });

            write(json!({"maxPods": 17}));
            changes(&node, "file:///root/node.yaml");
            comes_back(&node);
            let asked = world.aws.asked();
            for action in ["CreateSession", "DescribeCluster", "GetCallerIdentity", "DescribeAccessEntry"] {
                assert!(asked.iter().any(|asked| asked.action == action), "nobody asked for {action}");
            }
            // STS is asked once without a signature, whether it is there and what its clock says.
            let refused = asked.iter().filter(|asked| asked.status >= 300 && asked.action != "GET /");
            assert_eq!(refused.count(), 0, "{asked:#?}");
        });
    }
}
