//! All disks of the machine, and who uses them.

use std::collections::BTreeMap;

use hybridge_node::facts::BlockDevice;

use super::Part;
use super::storage::{BY_ID, INSTANCE_STORE, is_partition, mounts, signature, swaps};
use crate::host::Host;

/// Mount points whose disk is never taken.
const ROOTS: [&str; 5] = ["/", "/boot", "/boot/efi", "/usr", "/var"];
/// Layers of devices on devices (a volume on an array on a partition) that are followed.
const MAX_LAYERS: u32 = 8;

/// Disks that have a stable name.
pub(super) fn devices(host: &Host) -> Part {
    let mut found: BTreeMap<String, BlockDevice> = BTreeMap::new();
    let mut problems = Vec::new();
    for name in host.names(BY_ID).into_iter().filter(|name| !is_partition(name)) {
        let id = format!("{BY_ID}/{name}");
        let Some(kernel) = host.kernel_name(&id) else { continue };
        // Names of volumes and arrays stand there, too; they are no disks.
        let virtual_ = ["dm-", "md", "loop", "sr"].iter().any(|start| kernel.starts_with(start));
        let device = format!("/dev/{kernel}");
        if virtual_ || found.values().any(|disk| disk.device == device) {
            continue;
        }
        let signature = signature(host, &id).unwrap_or_else(|why| {
            problems.push((id.clone(), why));
            None
        });
        let sectors = host.line(&format!("/sys/block/{kernel}/size")).and_then(|line| line.parse::<u64>().ok()).unwrap_or_default();
        let users = users(host, &kernel);
        let disk = BlockDevice {
            // sysfs counts in sectors of 512 bytes, whatever the disk's own.
            size: sectors * 512,
            model: host.line(&format!("/sys/block/{kernel}/device/model")).unwrap_or_default(),
            instance_store: name.contains(INSTANCE_STORE),
            root: users.mounted.iter().any(|path| ROOTS.contains(&path.as_str())),
            mounted: users.mounted,
            holders: users.holders,
            label: signature.as_ref().and_then(|found| found.label.clone()),
            signature: signature.map(|found| found.kind),
            id: id.clone(),
            device,
        };
        found.insert(id, disk);
    }
    Box::new(move |facts| {
        facts.block_devices = found.into_values().collect();
        facts.missing.extend(problems);
    })
}

/// Who uses a disk.
#[derive(Debug, Default)]
pub(crate) struct Users {
    mounted: Vec<String>,
    holders: Vec<String>,
}

impl Users {
    /// Whether anybody does.
    pub(crate) fn any(&self) -> bool {
        !self.mounted.is_empty() || !self.holders.is_empty()
    }
}

/// Mounts, swap, arrays and volumes on the disk of this kernel name, its partitions, and what is built on them.
pub(crate) fn users(host: &Host, kernel: &str) -> Users {
    let text = |path| host.text(path).ok().flatten().unwrap_or_default();
    let (mounts, swaps) = (mounts(&text("/proc/self/mounts")), swaps(&text("/proc/swaps")));
    let below = format!("/sys/block/{kernel}");
    let partitions = host.names(&below).into_iter().filter(|name| name.starts_with(kernel));
    let mut open: Vec<(String, String, u32)> = vec![(kernel.to_owned(), below.clone(), 0)];
    open.extend(partitions.map(|name| (name.clone(), format!("{below}/{name}"), 0)));
    let mut users = Users::default();
    while let Some((name, directory, layer)) = open.pop() {
        let is = |device: &str| device == format!("/dev/{name}") || host.kernel_name(device).as_deref() == Some(&name);
        users
            .mounted
            .extend(mounts.iter().filter(|mount| mount.device.starts_with("/dev/") && is(&mount.device)).map(|mount| mount.path.clone()));
        if swaps.iter().any(|swap| swap.partition && is(&swap.path)) {
            users.holders.push("swap".to_owned());
        }
        for holder in host.names(&format!("{directory}/holders")).into_iter().filter(|_| layer < MAX_LAYERS) {
            open.push((holder.clone(), format!("/sys/block/{holder}"), layer + 1));
            users.holders.push(holder);
        }
    }
    users.mounted.sort();
    users.mounted.dedup();
    users
}
