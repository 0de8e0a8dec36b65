use proptest::prelude::*;

use super::*;
use crate::config::NodeConfig;
use crate::config::own::Select;
use crate::facts::Mount;
use crate::node::{Cluster, Plugins};
use crate::version::Version;

fn store(number: u32) -> BlockDevice {
    BlockDevice {
        id: format!("/dev/disk/by-id/nvme-{number}"),
        device: format!("/dev/nvme{number}n1"),
        size: 600_000_000_000,
        model: "Amazon EC2 NVMe Instance Storage".to_owned(),
        instance_store: true,
        ..BlockDevice::default()
    }
}

fn root() -> BlockDevice {
    let model = "Amazon Elastic Block Store".to_owned();
    let mounted = vec!["/".to_owned()];
    BlockDevice { root: true, instance_store: false, model, mounted, signature: Some("gpt".to_owned()), ..store(0) }
}

fn holding(number: u32, signature: &str, label: &str) -> BlockDevice {
    let label = Some(label.to_owned()).filter(|label| !label.is_empty());
    BlockDevice { signature: Some(signature.to_owned()), label, ..store(number) }
}

/// `{label: data, mountPath: /mnt/data, select: …}`, with more after it.
fn run(select: &str, more: &str, disks: &[BlockDevice], mounts: &[(&str, &str)]) -> Result<Vec<String>, Vec<String>> {
    let entry = format!("{{\"label\": \"data\", \"mountPath\": \"/mnt/data\", \"select\": {select}{more}}}");
    planned(vec![serde_json::from_str(&entry).unwrap()], disks, mounts)
}

fn planned(entries: Vec<UserDisk>, disks: &[BlockDevice], mounts: &[(&str, &str)]) -> Result<Vec<String>, Vec<String>> {
    let mut config = NodeConfig::default();
    config.instance.disks = entries;
    let mount = |(device, path): &(&str, &str)| Mount { device: (*device).to_owned(), path: (*path).to_owned(), ..Mount::default() };
    let mut facts = Facts { block_devices: disks.to_vec(), mounts: mounts.iter().map(mount).collect(), ..Facts::default() };
    facts.missing.insert(store(13).id, "I/O error".to_owned());
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
    let line = |step: &Step| {
        let Step::Disk(DiskStep::Volume { device, label, path, .. }) = step else { panic!("{step:?}") };
        format!("{} {label} {path}", device.trim_start_matches("/dev/disk/by-id/"))
    };
    let told = |findings: Vec<Finding>| findings.iter().map(|finding| finding.code.to_string()).collect();
    steps(&node).map(|steps| steps.iter().map(line).collect()).map_err(told)
}

#[test]
fn one_disk_is_chosen_by_what_it_is_or_none() {
    const STORE: &str = r#"{"instanceStore": true, "minSize": "500GB", "unmounted": true, "notRoot": true}"#;
    let blank = [root(), store(1)];
    let one = Ok(vec!["nvme-1 data /mnt/data".to_owned()]);
    let refused = |code: &str| Err(vec![code.to_owned()]);
    let mounted = |path: &str| BlockDevice { mounted: vec![path.to_owned()], ..holding(1, "xfs", "data") };
    let held = |by: &str| BlockDevice { holders: vec![by.to_owned()], ..store(1) };
    type Case<'a> = (&'a str, &'a str, Vec<BlockDevice>, Result<Vec<String>, Vec<String>>);
    let cases: Vec<Case> = vec![
        ("the only one", STORE, blank.to_vec(), one.clone()),
        ("two fit", STORE, vec![root(), store(1), store(2)], refused("disks.ambiguous")),
        ("two fit, one of them with data", STORE, vec![store(1), holding(2, "ext4", "")], refused("disks.ambiguous")),
        ("data", STORE, vec![holding(1, "xfs", "theirs")], refused("disks.holds-data")),
        ("a partition table", STORE, vec![holding(1, "gpt", "")], refused("disks.holds-data")),
        ("ours, of an earlier run", STORE, vec![root(), holding(1, "xfs", "data"), store(2)], one.clone()),
        ("ours, mounted", STORE, vec![root(), mounted("/mnt/data")], one.clone()),
        ("our label, another file system", STORE, vec![holding(1, "ext4", "data")], refused("disks.holds-data")),
        ("our label twice", STORE, vec![holding(1, "xfs", "data"), holding(2, "xfs", "data")], refused("disks.ambiguous")),
        ("of an array", STORE, vec![held("md127")], refused("disks.too-few")),
        ("swap", STORE, vec![held("swap")], refused("disks.too-few")),
        ("too small", r#"{"minSize": "1TB"}"#, blank.to_vec(), refused("disks.too-few")),
        ("root only", r#"{"instanceStore": false}"#, blank.to_vec(), refused("disks.too-few")),
        ("by model", r#"{"model": "ec2 nvme"}"#, blank.to_vec(), one.clone()),
        ("unreadable", STORE, vec![store(13)], refused("disks.unknown")),
        ("none", STORE, vec![], refused("disks.too-few")),
    ];
    for (name, select, disks, wanted) in cases {
        assert_eq!(run(select, "", &disks, &[]), wanted, "{name}");
    }
    let wipe = r#", "wipe": true"#;
    assert_eq!(run(STORE, wipe, &[root(), holding(1, "gpt", "")], &[]), one);
    assert_eq!(run(r#"{"minSize": "1GB"}"#, wipe, &[root()], &[]), refused("disks.too-few"), "the root disk never");
    assert_eq!(run(STORE, "", &blank, &[("/dev/sda1", "/mnt/data")]), refused("disks.occupied"));
    assert_eq!(run(STORE, "", &[mounted("/mnt/data")], &[("/dev/nvme1n1", "/mnt/data")]), one);
}

#[test]
fn several_disks_have_a_number_each_and_keep_it() {
    let select = r#"{"instanceStore": true, "count": "2"}"#;
    let both = Ok(vec!["nvme-1 data-1 /mnt/data/1".to_owned(), "nvme-2 data-2 /mnt/data/2".to_owned()]);
    assert_eq!(run(select, "", &[store(1), store(2)], &[]), both);
    // The first was replaced: the other one keeps its place.
    let kept = Ok(vec!["nvme-1 data-1 /mnt/data/1".to_owned(), "nvme-2 data-2 /mnt/data/2".to_owned()]);
    assert_eq!(run(select, "", &[store(1), holding(2, "xfs", "data-2")], &[]), kept);
}

#[test]
fn two_entries_never_take_one_disk() {
    let entry =
        |label: &str, select: Select| UserDisk { label: label.to_owned(), mount_path: format!("/{label}"), select, ..UserDisk::default() };
    let any = Select { instance_store: Some(true), ..Select::default() };
    let entries = vec![entry("a", any.clone()), entry("b", any)];
    assert_eq!(planned(entries.clone(), &[store(1)], &[]), Err(vec!["disks.too-few".to_owned()]));
    let later = [holding(1, "xfs", "b"), store(2)];
    assert_eq!(planned(entries, &later, &[]), Ok(vec!["nvme-2 a /a".to_owned(), "nvme-1 b /b".to_owned()]));
}

proptest! {
    /// Whatever is asked for: no disk of the root, none that is in use, none with data unless it is ours or may be wiped.
    #[test]
    fn nothing_in_use_is_ever_chosen(
        disks in prop::collection::vec((any::<bool>(), any::<bool>(), any::<bool>(), prop::option::of("(xfs|ext4|gpt)"), any::<bool>()), 0..4),
        count in 1u32..4,
        wipe: bool,
    ) {
        let disks: Vec<BlockDevice> = disks.into_iter().zip(1..).map(|((root, mounted, held, signature, ours), number)| BlockDevice {
            root,
            mounted: if mounted { vec!["/x".to_owned()] } else { Vec::new() },
            holders: if held { vec!["md0".to_owned()] } else { Vec::new() },
            label: (ours && signature.is_some()).then(|| if count == 1 { "data".to_owned() } else { format!("data-{number}") }),
            signature,
            ..store(number)
        }).collect();
        let found = run(&format!(r#"{{"instanceStore": true, "count": "{count}"}}"#), &format!(", \"wipe\": {wipe}"), &disks, &[]);
        for line in found.unwrap_or_default() {
            let disk = disks.iter().find(|disk| disk.id.ends_with(line.split(' ').next().unwrap())).unwrap();
            let ours = disk.label.is_some() && disk.signature.as_deref() == Some("xfs");
            prop_assert!(ours || (!disk.root && disk.mounted.is_empty() && disk.holders.is_empty()), "{disk:?}");
            prop_assert!(ours || wipe || disk.signature.is_none(), "{disk:?}");
        }
    }
}
