//! Operating system, processors, memory, PCI.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use hybridge_node::facts::Os;

use super::{Part, Paths};
use crate::host::Host;

/// `/etc/os-release`, sysfs and procfs.
pub(super) fn machine(host: &Host, paths: &Paths) -> Part {
    let os =
        os(&host.text("/etc/os-release").ok().flatten().or_else(|| host.text("/usr/lib/os-release").ok().flatten()).unwrap_or_default());
    let cpus = cpus(paths);
    let memory = memory(&host.text("/proc/meminfo").ok().flatten().unwrap_or_default());
    let vendors = pci_vendors(host);
    let fips = host.line("/proc/sys/crypto/fips_enabled").is_some_and(|line| line == "1");
    let enforcing = host.selinux_enforcing();
    Box::new(move |facts| {
        let mut miss = |key: &str, why: &str| drop(facts.missing.insert(key.into(), why.into()));
        if os.id.is_empty() {
            miss("os", "/etc/os-release has no ID");
        }
        if cpus == 0 {
            miss("cpus", "sysfs shows no processor that is online");
        }
        if memory.is_none() {
            miss("memory", "/proc/meminfo has no MemTotal");
        }
        (facts.os, facts.cpus, facts.memory) = (os, cpus, memory.unwrap_or_default());
        (facts.pci_vendors, facts.fips, facts.selinux_enforcing) = (vendors, fips, enforcing);
    })
}

/// Lines `KEY=value`, `KEY="value"` of os-release(5).
fn os(text: &str) -> Os {
    let value = |key: &str| {
        let line = text.lines().filter_map(|line| line.trim().split_once('=')).find(|(name, _)| *name == key);
        line.map_or_else(String::new, |(_, value)| value.trim().trim_matches(['"', '\'']).to_owned())
    };
    Os { id: value("ID"), version: value("VERSION_ID"), architecture: std::env::consts::ARCH.into() }
}

/// Logical processors that are online, counted as nodeadm does it: those of each NUMA node whose topology is shown; without NUMA nodes
/// those of the machine.
fn cpus(paths: &Paths) -> u32 {
    let online = fs::read_to_string(paths.cpus.join("online")).ok();
    let is_online = |number: u32| online.as_deref().is_none_or(|list| in_list(list, number));
    let nodes = numbered(&paths.nodes, "node");
    let of_nodes = || {
        let cpus = nodes.iter().flat_map(|(_, node)| numbered(node, "cpu"));
        cpus.filter(|(_, cpu)| ["core_id", "physical_package_id"].iter().all(|file| cpu.join("topology").join(file).exists()))
    };
    let count = |numbers: BTreeSet<u32>| u32::try_from(numbers.into_iter().filter(|number| is_online(*number)).count()).unwrap_or(u32::MAX);
    if nodes.is_empty() {
        return count(numbered(&paths.cpus, "cpu").into_iter().map(|(number, _)| number).collect());
    }
    count(of_nodes().map(|(number, _)| number).collect())
}

/// Entries such as `cpu3` of a directory.
fn numbered(dir: &Path, prefix: &str) -> Vec<(u32, PathBuf)> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some((entry.file_name().to_str()?.strip_prefix(prefix)?.parse().ok()?, entry.path()))).collect()
}

/// Whether a list such as `0-3,8` holds a number.
fn in_list(list: &str, number: u32) -> bool {
    list.trim().split(',').any(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        matches!((first.parse::<u32>(), last.parse::<u32>()), (Ok(first), Ok(last)) if (first..=last).contains(&number))
    })
}

/// `MemTotal` in bytes: what nodeadm gets from sysinfo(2).
fn memory(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

fn pci_vendors(host: &Host) -> Vec<String> {
    const DEVICES: &str = "/sys/bus/pci/devices";
    let vendors = host.names(DEVICES).into_iter().filter_map(|device| host.line(&format!("{DEVICES}/{device}/vendor")));
    vendors.map(|vendor| vendor.to_ascii_lowercase()).collect::<BTreeSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            fs::create_dir_all(dir.path().join(path).parent().unwrap()).unwrap();
            fs::write(dir.path().join(path), text).unwrap();
        }
        dir
    }

    fn paths(dir: &Path) -> Paths {
        Paths { cpus: dir.join("cpu"), nodes: dir.join("node") }
    }

    #[test]
    fn processors_that_are_online_count_once() {
        let topology = ["core_id", "physical_package_id"];
        let numa: Vec<(String, &str)> = (0..4)
            .flat_map(|cpu| topology.map(|file| (format!("node/node{}/cpu{cpu}/topology/{file}", cpu / 2), "0")))
            .chain([("cpu/online".into(), "0-2\n"), ("node/node0/cpulist".into(), "0-1")])
            .collect();
        let numa: Vec<(&str, &str)> = numa.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        let plain = [("cpu/cpu0/x", ""), ("cpu/cpu1/x", ""), ("cpu/cpufreq/x", ""), ("cpu/cpuidle/x", "")];
        for (files, expected) in [(numa.as_slice(), 3), (&plain, 2), (&[], 0)] {
            let dir = tree(files);
            assert_eq!(cpus(&paths(dir.path())), expected, "{files:?}");
        }
    }

    #[test]
    fn texts_of_the_system_are_understood() {
        let found = os("NAME=\"Amazon Linux\"\nID=\"amzn\"\nVERSION_ID=\"2023\"\nID_LIKE=fedora\n");
        assert_eq!((found.id.as_str(), found.version.as_str()), ("amzn", "2023"));
        assert_eq!(os("ID=ubuntu\nVERSION_ID='24.04'").version, "24.04");
        assert_eq!(memory("MemFree: 1 kB\nMemTotal:        7935360 kB\n"), Some(7_935_360 * 1024));
        assert_eq!(memory("MemTotal: many"), None);
    }
}
