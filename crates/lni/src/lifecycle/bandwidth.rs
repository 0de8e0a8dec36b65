//! How much of the server's one LNI port an instance gets.

/// The extended resource by which pods ask for a share of the LNI, in Mb/s.
pub const RESOURCE: &str = "hybridge/lni-mbps";

/// The port: 10 Gb/s (Outposts servers user guide, "Local network connectivity", QSFP+ of 10GbE).
const PORT_KBPS: u64 = 10_000_000;

/// Families of Outposts servers, with the vCPUs of the largest size, which has the whole port.
const FAMILIES: [(&str, u64); 2] = [("c6id", 128), ("c6gd", 64)];

/// vCPUs of the sizes that are no multiple of `xlarge`, which has 4.
fn vcpus(size: &str) -> Option<u64> {
    match size {
        "medium" => Some(1),
        "large" => Some(2),
        "xlarge" => Some(4),
        "metal" => None,
        other => other.strip_suffix("xlarge")?.parse::<u64>().ok().map(|times| times * 4),
    }
}

/// What the LNI of an instance carries, in kb/s; none for types that Outposts servers do not have.
///
/// The share of the port is that of the vCPUs: 0.156 Gb/s for `c6id.large`, 10 Gb/s for `c6id.32xlarge` (Outposts servers user guide,
/// "Local network interfaces", "Performance"). Those of `c6gd` are computed by the same rule.
pub fn kbps(instance_type: &str) -> Option<u64> {
    let (family, size) = instance_type.split_once('.')?;
    let (_, most) = FAMILIES.iter().find(|(name, _)| *name == family)?;
    let vcpus = vcpus(size).filter(|vcpus| vcpus <= most)?;
    Some(PORT_KBPS * vcpus / most)
}

/// The value of [`RESOURCE`] on a Node: whole Mb/s, rounded down.
pub fn quantity(instance_type: &str) -> Option<String> {
    kbps(instance_type).map(|kbps| (kbps / 1000).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_has_the_share_of_the_port_that_it_has_of_the_vcpus() {
        for (instance_type, expected) in [
            ("c6id.large", Some(156_250)),
            ("c6id.xlarge", Some(312_500)),
            ("c6id.2xlarge", Some(625_000)),
            ("c6id.4xlarge", Some(1_250_000)),
            ("c6id.8xlarge", Some(2_500_000)),
            ("c6id.12xlarge", Some(3_750_000)),
            ("c6id.16xlarge", Some(5_000_000)),
            ("c6id.24xlarge", Some(7_500_000)),
            ("c6id.32xlarge", Some(10_000_000)),
            ("c6gd.medium", Some(156_250)),
            ("c6gd.16xlarge", Some(10_000_000)),
            ("c6gd.32xlarge", None),
            ("c6id.metal", None),
            ("t3.large", None),
            ("c6id", None),
            ("c6id.bigxlarge", None),
        ] {
            assert_eq!(kbps(instance_type), expected, "{instance_type}");
        }
        assert_eq!(quantity("c6id.large").as_deref(), Some("156"));
    }
}
