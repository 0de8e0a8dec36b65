//! Disks of the instance store: one array, or one file system each, and the directories that move there.
//!
//! Nothing that holds data is formatted. What is assembled or mounted already is taken as it is, under stable names, so that the same
//! machine gives the same plan after each boot.

pub mod chosen;
pub mod unit;

use hybridge_report::Finding;

use crate::config::{DisabledMount, LocalStorage, Strategy};
use crate::facts::{Disk, Facts};
use crate::node::Node;
use crate::plan::{DiskStep, Step};

/// Where disks are mounted unless `mountPath` says otherwise.
pub const MOUNT_PATH: &str = "/mnt/k8s-disks";
/// Name of the array.
pub const ARRAY: &str = "/dev/md/kubernetes";

const PLACE: &str = "spec.instance.localStorage";
/// Signature of a member of an array, as blkid names it.
const MEMBER: &str = "linux_raid_member";
/// File system that is used as it is when a disk holds it; others are somebody else's.
const FILE_SYSTEM: &str = "xfs";

/// What is to be done to the disks; nothing without a strategy or without disks.
///
/// # Errors
/// A finding for each disk that cannot be used without losing what is on it, and for settings that cannot be met.
pub fn steps(node: &Node<'_>) -> Result<Vec<Step>, Vec<Finding>> {
    let storage = &node.config.instance.local_storage;
    let Some(strategy) = storage.strategy else { return Ok(Vec::new()) };
    let root = root(storage).map_err(|finding| vec![finding])?;
    let mut disks: Vec<&Disk> = node.facts.disks.iter().collect();
    disks.sort_by(|a, b| a.id.cmp(&b.id));
    disks.dedup_by(|a, b| a.id == b.id);
    if disks.is_empty() {
        return Ok(Vec::new());
    }
    let unknown: Vec<Finding> = disks.iter().filter_map(|disk| unknown(disk, node.facts)).collect();
    if !unknown.is_empty() {
        return Err(unknown);
    }
    let steps = match strategy {
        Strategy::Raid0 => array(&disks, 0, &root, storage, node.facts)?,
        Strategy::Raid10 => array(&disks, 10, &root, storage, node.facts)?,
        Strategy::Mount => each(&disks, &root, node.facts)?,
    };
    Ok(steps.into_iter().map(Step::Disk).collect())
}

/// `mountPath` without slashes at its end.
fn root(storage: &LocalStorage) -> Result<String, Finding> {
    let path = if storage.mount_path.is_empty() { MOUNT_PATH } else { &storage.mount_path };
    let simple = unit::simplify(path).filter(|path| path != "/");
    simple.ok_or_else(|| {
        Finding::error(
            "disks.mount-path",
            format!("{PLACE}.mountPath"),
            format!("{path:?} is not a directory that disks can be mounted in"),
        )
        .fix(format!("write an absolute path below /, without `..`, such as {MOUNT_PATH}"))
    })
}

fn array(disks: &[&Disk], level: u8, root: &str, storage: &LocalStorage, facts: &Facts) -> Result<Vec<DiskStep>, Vec<Finding>> {
    let findings = array_findings(disks, level, facts);
    if !findings.is_empty() {
        return Err(findings);
    }
    let assembled = disks[0].array.clone();
    let path = format!("{root}/0");
    if let Some(mount) = mounted_at(facts, &path)
        && assembled.as_deref() != Some(mount)
    {
        return Err(vec![occupied(&path, mount)]);
    }
    // Under the name of the plan also where the kernel has given the array another one: the same machine has the same plan.
    let device = ARRAY.to_owned();
    let members = disks.iter().map(|disk| disk.id.clone()).collect();
    let mut steps = vec![
        DiskStep::Array { name: device.clone(), level, members },
        DiskStep::Format { device: device.clone() },
        DiskStep::Mount { device, path: path.clone() },
    ];
    steps.extend(binds(&path, assembled.as_deref(), storage, facts));
    Ok(steps)
}

/// What keeps these disks from being one array.
fn array_findings(disks: &[&Disk], level: u8, facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    if level == 10 && disks.len() < 4 {
        findings.push(
            Finding::error("disks.too-few", format!("{PLACE}.strategy"), format!("RAID10 needs four disks, there are {}", disks.len()))
                .fix("write RAID0 or Mount, or take an instance type with four disks of its own"),
        );
    }
    let first = (&disks[0].array, is_member(disks[0]));
    if let Some(other) = disks.iter().find(|disk| (&disk.array, is_member(disk)) != first) {
        let state = |disk: &Disk| match &disk.array {
            Some(array) => format!("belongs to {array}"),
            None if is_member(disk) => "belongs to an array that is not assembled".to_owned(),
            None => "belongs to none".to_owned(),
        };
        findings.push(
            Finding::error(
                "disks.other-array",
                PLACE,
                format!("{} {}, {} {}: they cannot make one array", disks[0].id, state(disks[0]), other.id, state(other)),
            )
            .fix("save what the array holds, stop it (mdadm --stop) and clear its members (wipefs --all), or use strategy Mount"),
        );
    }
    for disk in disks {
        if let Some(signature) = disk.signature.as_deref().filter(|signature| *signature != MEMBER) {
            findings.push(holds(disk, signature));
        } else if disk.array.is_none()
            && let Some(mount) = facts.mounts.iter().find(|mount| is_device(disk, &mount.device))
        {
            findings.push(
                Finding::error("disks.in-use", disk.id.as_str(), format!("is mounted at {}", mount.path))
                    .fix(format!("unmount it (umount {}) and clear it (wipefs --all {}), or use strategy Mount", mount.path, disk.id)),
            );
        }
    }
    findings
}

/// One file system a disk, at `root/1`, `root/2` …; a disk that is mounted there keeps its number.
fn each(disks: &[&Disk], root: &str, facts: &Facts) -> Result<Vec<DiskStep>, Vec<Finding>> {
    let mut findings = Vec::new();
    let mut taken: Vec<u32> = Vec::new();
    let mut free: Vec<&Disk> = Vec::new();
    let mut placed: Vec<(&Disk, u32)> = Vec::new();
    for disk in disks.iter().copied() {
        match facts.mounts.iter().find(|mount| is_device(disk, &mount.device)) {
            Some(mount) => {
                // One that somebody has mounted elsewhere is theirs.
                if let Some(number) = mount.path.strip_prefix(root).and_then(|rest| rest.strip_prefix('/')?.parse().ok()) {
                    placed.push((disk, number));
                    taken.push(number);
                }
            }
            None => match disk.signature.as_deref() {
                Some(signature) if signature != FILE_SYSTEM => findings.push(holds(disk, signature)),
                Some(_) | None if disk.array.is_some() => findings.push(holds(disk, MEMBER)),
                Some(_) | None => free.push(disk),
            },
        }
    }
    for disk in free {
        let number = (1..).find(|number| !taken.contains(number)).expect("there are fewer disks than numbers");
        let path = format!("{root}/{number}");
        if let Some(device) = mounted_at(facts, &path) {
            findings.push(occupied(&path, device));
        }
        taken.push(number);
        placed.push((disk, number));
    }
    if !findings.is_empty() {
        return Err(findings);
    }
    placed.sort_by_key(|(_, number)| *number);
    Ok(placed
        .into_iter()
        .flat_map(|(disk, number)| {
            let device = disk.id.clone();
            [DiskStep::Format { device: device.clone() }, DiskStep::Mount { device, path: format!("{root}/{number}") }]
        })
        .collect())
}

/// Directories that move to the array. One that somebody has mounted from elsewhere stays.
fn binds(root: &str, array: Option<&str>, storage: &LocalStorage, facts: &Facts) -> Vec<DiskStep> {
    const KUBELET: &str = "kubelet.service";
    const CONTAINERD: &str = "containerd.service";
    const SOCI: &str = "soci-snapshotter.service";
    let movable: [(&str, Option<DisabledMount>, &[&str]); 4] = [
        ("/var/lib/kubelet", None, &[KUBELET]),
        ("/var/lib/containerd", Some(DisabledMount::Containerd), &[KUBELET, CONTAINERD]),
        ("/var/lib/soci-snapshotter-grpc", Some(DisabledMount::Soci), &[KUBELET, CONTAINERD, SOCI]),
        ("/var/log/pods", Some(DisabledMount::PodLogs), &[KUBELET, CONTAINERD]),
    ];
    movable
        .into_iter()
        .filter(|(_, switch, _)| switch.is_none_or(|switch| !storage.disabled_mounts.contains(&switch)))
        .filter(|(path, ..)| mounted_at(facts, path).is_none_or(|device| Some(device) == array))
        .map(|(path, _, users)| DiskStep::Bind {
            path: path.to_owned(),
            source: format!("{root}/{}", path.rsplit('/').next().unwrap_or_default()),
            users: users.iter().map(|unit| (*unit).to_owned()).collect(),
        })
        .collect()
}

fn is_member(disk: &Disk) -> bool {
    disk.array.is_some() || disk.signature.as_deref() == Some(MEMBER)
}

fn is_device(disk: &Disk, device: &str) -> bool {
    device == disk.device || device == disk.id
}

/// Device that is mounted at `path`; the last line counts, as it covers the others.
fn mounted_at<'a>(facts: &'a Facts, path: &str) -> Option<&'a str> {
    facts.mounts.iter().rev().find(|mount| mount.path == path).map(|mount| mount.device.as_str())
}

/// A disk that could not be read must not count as blank.
fn unknown(disk: &Disk, facts: &Facts) -> Option<Finding> {
    let why = facts.missing.get(&disk.id)?;
    let finding = Finding::error("disks.unknown", disk.id.as_str(), format!("what is on it is not known: {why}"));
    Some(finding.fix(format!("look at it with `blkid -p {}`, and clear it if nothing on it is needed: wipefs --all {0}", disk.id)))
}

fn holds(disk: &Disk, signature: &str) -> Finding {
    Finding::error("disks.holds-data", disk.id.as_str(), format!("holds {signature}; it is not overwritten"))
        .fix(format!("save what you need and clear it: wipefs --all {}", disk.id))
}

fn occupied(path: &str, device: &str) -> Finding {
    Finding::error("disks.occupied", path, format!("{device} is mounted there"))
        .fix(format!("unmount it (umount {path}), or set {PLACE}.mountPath to another directory"))
}

#[cfg(test)]
mod tests;
