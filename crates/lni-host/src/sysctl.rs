//! Sysctls, by their files.

use std::fs;
use std::path::PathBuf;

use crate::error::HostError;

/// The file of `net.ipv4.conf.eth1.rp_filter`. The name of an interface may have dots (`eth1.59`): what is between `conf` and the last dot.
fn path(name: &str) -> PathBuf {
    let path = match name.strip_prefix("net.ipv4.conf.").and_then(|rest| rest.rsplit_once('.')) {
        Some((interface, key)) => format!("net/ipv4/conf/{interface}/{key}"),
        None => name.replace('.', "/"),
    };
    PathBuf::from("/proc/sys").join(path)
}

/// Its value, if there is such a sysctl.
pub(crate) fn read(name: &str) -> Option<String> {
    fs::read_to_string(path(name)).ok().map(|text| text.trim().to_owned())
}

pub(crate) fn write(name: &str, value: &str) -> Result<(), HostError> {
    fs::write(path(name), value).map_err(|source| HostError::Sysctl { name: name.into(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_interfaces_may_have_dots() {
        for (name, expected) in [
            ("net.ipv4.conf.eth1.rp_filter", "/proc/sys/net/ipv4/conf/eth1/rp_filter"),
            ("net.ipv4.conf.eth1.59.arp_ignore", "/proc/sys/net/ipv4/conf/eth1.59/arp_ignore"),
            ("net.ipv4.ip_forward", "/proc/sys/net/ipv4/ip_forward"),
        ] {
            assert_eq!(path(name).to_str(), Some(expected));
        }
    }
}
