use super::*;
use crate::config::NodeConfig;
use crate::facts::Mount;
use crate::node::{Cluster, Plugins};
use crate::version::Version;

fn disk(number: u32) -> Disk {
    Disk { id: format!("/dev/disk/by-id/nvme-{number}"), device: format!("/dev/nvme{number}n1"), size: 1 << 40, ..Disk::default() }
}

fn with(number: u32, signature: &str) -> Disk {
    Disk { signature: Some(signature.to_owned()), ..disk(number) }
}

fn member(number: u32, array: &str) -> Disk {
    Disk { array: Some(array.to_owned()), ..with(number, MEMBER) }
}

fn mount(device: &str, path: &str) -> Mount {
    Mount { path: path.to_owned(), device: device.to_owned(), filesystem: "xfs".to_owned(), options: Vec::new() }
}

fn run(storage: &str, disks: &[Disk], mounts: &[Mount]) -> Result<Vec<String>, Vec<Finding>> {
    let mut config = NodeConfig::default();
    config.instance.local_storage = serde_json::from_str(storage).unwrap();
    let mut facts = Facts { disks: disks.to_vec(), mounts: mounts.to_vec(), ..Facts::default() };
    // A disk of that number could not be read.
    facts.missing.insert(disk(13).id, "I/O error".to_owned());
    let cluster = Cluster {
        name: "c".to_owned(),
        outpost_id: None,
        endpoint: "https://c".to_owned(),
        host: "c".to_owned(),
        certificate_authority: String::new(),
        service_cidr: "10.100.0.0/16".parse().unwrap(),
    };
    let node = Node {
        config: &config,
        facts: &facts,
        cluster: &cluster,
        name: "n",
        region: "r",
        kubelet: Version::new(1, 34),
        containerd: Version::new(2, 0),
        plugins: Plugins::Builtin,
        executable: "/h",
    };
    steps(&node).map(|steps| steps.iter().map(line).collect())
}

fn line(step: &Step) -> String {
    let Step::Disk(step) = step else { panic!("{step:?} is no step of disks") };
    match step {
        DiskStep::Array { level, members, .. } => format!("array {level} of {}", members.len()),
        DiskStep::Format { device } => format!("format {device}"),
        DiskStep::Mount { device, path } => format!("mount {device} {path}"),
        DiskStep::Volume { device, path, .. } => format!("volume {device} {path}"),
        DiskStep::Bind { path, source, .. } => format!("bind {source} {path}"),
    }
}

#[test]
fn an_array_holds_the_directories_that_grow() {
    let expected = [
        "array 0 of 2",
        "format /dev/md/kubernetes",
        "mount /dev/md/kubernetes /mnt/k8s-disks/0",
        "bind /mnt/k8s-disks/0/kubelet /var/lib/kubelet",
        "bind /mnt/k8s-disks/0/containerd /var/lib/containerd",
        "bind /mnt/k8s-disks/0/soci-snapshotter-grpc /var/lib/soci-snapshotter-grpc",
        "bind /mnt/k8s-disks/0/pods /var/log/pods",
    ];
    assert_eq!(run(r#"{"strategy":"RAID0"}"#, &[disk(2), disk(1)], &[]).unwrap(), expected);
    // After a boot without assembly the members are known by their signature; the same steps assemble them.
    assert_eq!(run(r#"{"strategy":"RAID0"}"#, &[with(1, MEMBER), with(2, MEMBER)], &[]).unwrap(), expected);
    let four: Vec<Disk> = (1..=4).map(disk).collect();
    assert_eq!(run(r#"{"strategy":"RAID10"}"#, &four, &[]).unwrap()[0], "array 10 of 4");
}

#[test]
fn an_array_that_is_there_gives_the_same_plan_as_on_the_first_day() {
    let storage = r#"{"strategy":"RAID0"}"#;
    let disks = [member(1, "/dev/md127"), member(2, "/dev/md127")];
    let mounts = [mount("/dev/md127", "/mnt/k8s-disks/0"), mount("/dev/md127", "/var/lib/kubelet")];
    assert_eq!(run(storage, &disks, &mounts).unwrap(), run(storage, &[disk(1), disk(2)], &[]).unwrap());
}

#[test]
fn settings_decide_where_and_what_is_moved() {
    let steps = run(r#"{"strategy":"RAID0","mountPath":"/data//disks/","disabledMounts":["PodLogs"]}"#, &[disk(1)], &[]).unwrap();
    assert!(steps.contains(&"mount /dev/md/kubernetes /data/disks/0".to_owned()), "{steps:?}");
    assert!(!steps.iter().any(|step| step.contains("/var/log/pods")), "{steps:?}");
    // A volume that the user has mounted for containerd stays.
    let steps = run(r#"{"strategy":"RAID0"}"#, &[disk(1)], &[mount("/dev/nvme9n1", "/var/lib/containerd")]).unwrap();
    assert!(!steps.iter().any(|step| step.ends_with("/var/lib/containerd")), "{steps:?}");
    assert_eq!(run("{}", &[disk(1)], &[]).unwrap(), Vec::<String>::new());
    assert_eq!(run(r#"{"strategy":"RAID10"}"#, &[], &[]).unwrap(), Vec::<String>::new());
}

#[test]
fn single_disks_keep_their_number_whatever_comes_and_goes() {
    let mounts = [mount("/dev/nvme2n1", "/mnt/k8s-disks/1"), mount("/dev/nvme4n1", "/data")];
    let steps = run(r#"{"strategy":"Mount"}"#, &[disk(1), with(2, "xfs"), with(3, "xfs"), with(4, "xfs")], &mounts).unwrap();
    assert_eq!(
        steps,
        [
            "format /dev/disk/by-id/nvme-2",
            "mount /dev/disk/by-id/nvme-2 /mnt/k8s-disks/1",
            "format /dev/disk/by-id/nvme-1",
            "mount /dev/disk/by-id/nvme-1 /mnt/k8s-disks/2",
            "format /dev/disk/by-id/nvme-3",
            "mount /dev/disk/by-id/nvme-3 /mnt/k8s-disks/3",
        ]
    );
}

/// Settings, disks, mounts, codes of findings.
type Refused<'a> = (&'a str, Vec<Disk>, Vec<Mount>, &'a [&'a str]);

#[test]
fn nothing_that_holds_data_is_overwritten() {
    let raid0 = r#"{"strategy":"RAID0"}"#;
    let each = r#"{"strategy":"Mount"}"#;
    let md = || member(1, "/dev/md127");
    let cases: [Refused<'_>; 14] = [
        (raid0, vec![disk(1), disk(13)], vec![], &["disks.unknown"]),
        (r#"{"strategy":"RAID10"}"#, vec![disk(1), disk(2), disk(3)], vec![], &["disks.too-few"]),
        (r#"{"strategy":"RAID0","mountPath":"data"}"#, vec![disk(1)], vec![], &["disks.mount-path"]),
        (r#"{"strategy":"RAID0","mountPath":"/a/../b"}"#, vec![disk(1)], vec![], &["disks.mount-path"]),
        (r#"{"strategy":"RAID0","mountPath":"/"}"#, vec![disk(1)], vec![], &["disks.mount-path"]),
        (raid0, vec![with(1, "xfs"), with(2, "swap")], vec![], &["disks.holds-data", "disks.holds-data"]),
        (raid0, vec![disk(1), disk(2)], vec![mount("/dev/nvme2n1", "/data")], &["disks.in-use"]),
        (raid0, vec![md(), disk(2)], vec![], &["disks.other-array"]),
        (raid0, vec![md(), member(2, "/dev/md126")], vec![], &["disks.other-array"]),
        (raid0, vec![disk(1), with(2, MEMBER)], vec![], &["disks.other-array"]),
        (raid0, vec![disk(1)], vec![mount("/dev/sdb", "/mnt/k8s-disks/0")], &["disks.occupied"]),
        (each, vec![with(1, "ext4")], vec![], &["disks.holds-data"]),
        (each, vec![md()], vec![], &["disks.holds-data"]),
        (each, vec![disk(1)], vec![mount("/dev/sdb", "/mnt/k8s-disks/1")], &["disks.occupied"]),
    ];
    for (storage, disks, mounts, codes) in cases {
        let findings = run(storage, &disks, &mounts).unwrap_err();
        assert_eq!(findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), codes, "{storage} {disks:?}");
        assert!(findings.iter().all(|finding| finding.fix.is_some()), "{findings:?}");
    }
}

proptest::proptest! {
    /// The order in which the kernel finds disks says nothing.
    #[test]
    fn the_order_of_discovery_does_not_matter(disks in proptest::sample::subsequence((1..=8).collect::<Vec<u32>>(), 4..=8), turn in 0_usize..8) {
        let ordered: Vec<Disk> = disks.iter().copied().map(disk).collect();
        let mut turned = ordered.clone();
        turned.rotate_left(turn % ordered.len());
        for strategy in ["RAID0", "RAID10", "Mount"] {
            let storage = format!(r#"{{"strategy":"{strategy}"}}"#);
            proptest::prop_assert_eq!(run(&storage, &ordered, &[]).unwrap(), run(&storage, &turned, &[]).unwrap());
        }
    }
}
