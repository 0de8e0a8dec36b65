//! What only this machine can tell about packets that came, or did not come, through.

use std::fs;

use crate::error::HostError;
use crate::nft;

/// Our tables as `nft` lists them; nothing where one is missing.
///
/// # Errors
/// `nft` cannot be run, or fails.
pub async fn tables() -> Result<String, HostError> {
    Ok(nft::listing().await?.unwrap_or_default())
}

/// How many packets the kernel has dropped since it started because they came by another way than they would go; 0 where it does not
/// count.
pub fn filtered() -> u64 {
    // That of the process would be the main thread's.
    fs::read_to_string("/proc/thread-self/net/netstat").map_or(0, |text| counter(&text, "TcpExt", "IPReversePathFilter"))
}

/// A counter of `/proc/net/netstat`, where each group has a line of names and one of values.
fn counter(text: &str, group: &str, name: &str) -> u64 {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(group)?.strip_prefix(':'));
    let (names, values) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let found = names.split_whitespace().zip(values.split_whitespace()).find(|(known, _)| *known == name);
    found.and_then(|(_, value)| value.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_found_by_group_and_name() {
        let text = "TcpExt: SyncookiesSent IPReversePathFilter X\nTcpExt: 1 7 2\nIpExt: IPReversePathFilter\nIpExt: 9\n";
        assert_eq!(counter(text, "TcpExt", "IPReversePathFilter"), 7);
        assert_eq!(counter(text, "IpExt", "IPReversePathFilter"), 9);
        assert_eq!(counter(text, "MPTcpExt", "IPReversePathFilter"), 0);
        assert_eq!(counter(text, "TcpExt", "Y"), 0);
    }
}
