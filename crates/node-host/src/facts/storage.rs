//! Disks, mounts, swaps.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;

use hybridge_node::facts::{Disk, Mount, Swap};

use super::Part;
use crate::command::Call;
use crate::host::Host;

/// Names of disks that stay across reboots.
pub(super) const BY_ID: &str = "/dev/disk/by-id";
/// In the names of disks of the instance store (setup-local-disks of amazon-eks-ami).
pub(super) const INSTANCE_STORE: &str = "NVMe_Instance_Storage_";

/// Disks of the instance store.
pub(super) fn disks(host: &Host) -> Part {
    let mut found = BTreeMap::new();
    let mut problems = Vec::new();
    let arrays = host.arrays();
    for id in host.names(BY_ID).into_iter().filter(|name| name.contains(INSTANCE_STORE) && !is_partition(name)) {
        let id = format!("{BY_ID}/{id}");
        let Some(name) = host.kernel_name(&id) else { continue };
        if found.values().any(|disk: &Disk| disk.device == format!("/dev/{name}")) {
            continue;
        }
        // sysfs counts in sectors of 512 bytes, whatever the disk's own.
        let sectors = host.line(&format!("/sys/block/{name}/size")).and_then(|line| line.parse::<u64>().ok()).unwrap_or_default();
        let signature = signature(host, &id).unwrap_or_else(|why| {
            problems.push((id.clone(), why));
            None
        });
        let array = arrays.iter().find(|(_, members)| members.contains(&name)).map(|(array, _)| array.clone());
        let (kind, uuid) = signature.map_or((None, None), |found| (Some(found.kind), found.uuid));
        found.insert(id.clone(), Disk { id, device: format!("/dev/{name}"), size: sectors * 512, signature: kind, uuid, array });
    }
    Box::new(move |facts| {
        facts.disks = found.into_values().collect();
        facts.missing.extend(problems);
    })
}

pub(super) fn is_partition(name: &str) -> bool {
    name.rsplit_once("-part").is_some_and(|(_, number)| number.parse::<u32>().is_ok())
}

/// What is on a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signature {
    /// `xfs`, `linux_raid_member`, or the kind of a partition table.
    pub(crate) kind: String,
    pub(crate) uuid: Option<String>,
    pub(crate) label: Option<String>,
}

/// Asks blkid, which looks at the disk itself and not at its cache.
///
/// # Errors
///
/// Why it is not known. Such a disk must not count as blank.
pub(crate) fn signature(host: &Host, device: &str) -> Result<Option<Signature>, String> {
    // blkid is silent about a disk that it cannot open, as about a blank one.
    let mut start = [0; 4096];
    let opened = File::open(host.path(device)).and_then(|mut disk| disk.read(&mut start));
    opened.map_err(|error| format!("it cannot be read: {error}"))?;
    let call = Call::question("blkid", ["-p", "-o", "export", device]);
    let output = host.ask(&call).map_err(|error| hybridge_report::chain(&error))?;
    if !output.good() {
        // Exit code 2 without a word: nothing was found. With words: the disk could not be read; 8: the signatures contradict.
        let blank = output.code == Some(2) && output.stderr.trim().is_empty();
        return if blank { Ok(None) } else { Err(format!("`{call}` cannot tell what is on it: {}", output.last_words())) };
    }
    let values: BTreeMap<&str, &str> = output.stdout.lines().filter_map(|line| line.split_once('=')).collect();
    let kind = values.get("TYPE").or_else(|| values.get("PTTYPE"));
    let uuid = values.get("UUID").or_else(|| values.get("PTUUID")).map(ToString::to_string);
    let label = values.get("LABEL").map(ToString::to_string);
    Ok(Some(Signature { kind: kind.unwrap_or(&"something").to_string(), uuid, label }))
}

/// Mounts.
pub(super) fn mounted(host: &Host) -> Part {
    let text = host.text("/proc/self/mounts");
    Box::new(move |facts| match text {
        Ok(text) => facts.mounts = mounts(&text.unwrap_or_default()),
        Err(error) => drop(facts.missing.insert("mounts".into(), error.to_string())),
    })
}

/// Swap that is on.
pub(super) fn swapped(host: &Host) -> Part {
    let text = host.text("/proc/swaps");
    Box::new(move |facts| match text {
        // A kernel without swap has no such file.
        Ok(text) => facts.swaps = swaps(&text.unwrap_or_default()),
        Err(error) => drop(facts.missing.insert("swaps".into(), error.to_string())),
    })
}

/// Lines of `/proc/self/mounts`.
pub(crate) fn mounts(text: &str) -> Vec<Mount> {
    let lines = text.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        let (device, path, filesystem, options) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        let options = options.split(',').map(String::from).collect();
        Some(Mount { path: unescaped(path), device: unescaped(device), filesystem: filesystem.into(), options })
    });
    lines.collect()
}

/// Lines of `/proc/swaps`.
pub(crate) fn swaps(text: &str) -> Vec<Swap> {
    let lines = text.lines().skip(1).filter_map(|line| {
        let mut fields = line.split_whitespace();
        Some(Swap { path: unescaped(fields.next()?), partition: fields.next()? == "partition" })
    });
    lines.collect()
}

/// The kernel writes space, tab, line feed and backslash as `\040` and so on.
fn unescaped(text: &str) -> String {
    ["\\040", "\\011", "\\012", "\\134"].iter().zip([" ", "\t", "\n", "\\"]).fold(text.to_owned(), |text, (code, c)| text.replace(code, c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_the_kernel_are_understood() {
        let read = mounts("/dev/nvme0n1p1 / xfs rw,noatime 0 0\ntmpfs /a\\040b tmpfs rw,noexec 0 0\nbroken\n");
        assert_eq!(read.len(), 2);
        assert_eq!((read[1].path.as_str(), read[1].options.join(" ").as_str()), ("/a b", "rw noexec"));
        let read = swaps("Filename\tType\tSize\tUsed\tPriority\n/swapfile file 1 0 -2\n/dev/sda2 partition 1 0 -3\n");
        assert_eq!(read, [Swap { path: "/swapfile".into(), partition: false }, Swap { path: "/dev/sda2".into(), partition: true }]);
    }

    #[test]
    fn partitions_are_no_disks() {
        let name = "nvme-Amazon_EC2_NVMe_Instance_Storage_AWS123";
        assert!(!is_partition(name) && is_partition(&format!("{name}-part1")) && !is_partition(&format!("{name}-party")));
    }
}
