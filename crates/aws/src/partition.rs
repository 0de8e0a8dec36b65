//! Partitions: which domain the services of a region are in.

/// A group of regions with domains of their own.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Partition {
    /// As in ARNs.
    pub(crate) id: &'static str,
    /// How its regions begin; none for the partition of all others.
    prefix: Option<&'static str>,
    /// Domain of IPv4 endpoints.
    pub(crate) suffix: &'static str,
    /// Domain of endpoints that also have IPv6.
    pub(crate) dual_stack: &'static str,
    /// Region that calls of IAM, which has none, are signed for (botocore's rule set of IAM).
    pub(crate) home: &'static str,
}

/// From botocore's `partitions.json`. The last one takes the regions that no other does, as the endpoint rules of AWS say.
const PARTITIONS: [Partition; 8] = [
    partition("aws-cn", "cn-", ("amazonaws.com.cn", "api.amazonwebservices.com.cn"), "cn-north-1"),
    partition("aws-eusc", "eusc-", ("amazonaws.eu", "api.amazonwebservices.eu"), "eusc-de-east-1"),
    partition("aws-iso", "us-iso-", ("c2s.ic.gov", "api.aws.ic.gov"), "us-iso-east-1"),
    partition("aws-iso-b", "us-isob-", ("sc2s.sgov.gov", "api.aws.scloud"), "us-isob-east-1"),
    partition("aws-iso-e", "eu-isoe-", ("cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"), "eu-isoe-west-1"),
    partition("aws-iso-f", "us-isof-", ("csp.hci.ic.gov", "api.aws.hci.ic.gov"), "us-isof-south-1"),
    partition("aws-us-gov", "us-gov-", ("amazonaws.com", "api.aws"), "us-gov-west-1"),
    Partition { id: "aws", prefix: None, suffix: "amazonaws.com", dual_stack: "api.aws", home: "us-east-1" },
];

const fn partition(
    id: &'static str,
    prefix: &'static str,
    (suffix, dual_stack): (&'static str, &'static str),
    home: &'static str,
) -> Partition {
    Partition { id, prefix: Some(prefix), suffix, dual_stack, home }
}

/// The partition of a region, known or not.
pub(crate) fn of_region(region: &str) -> &'static Partition {
    let of = |partition: &&Partition| partition.prefix.is_none_or(|prefix| region.starts_with(prefix));
    PARTITIONS.iter().find(of).expect("the last partition takes every region")
}

/// Whether `text` can stand in a host name as a region does: lower-case letters, digits and hyphens.
pub(crate) fn is_region(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.len() <= 63 && text.chars().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_region_is_in_one_partition() {
        for (region, id) in [
            ("eu-central-1", "aws"),
            ("mx-central-1", "aws"),
            ("us-west-2", "aws"),
            ("xx-nowhere-9", "aws"),
            ("cn-north-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
            ("us-iso-east-1", "aws-iso"),
            ("us-isob-east-1", "aws-iso-b"),
            ("eu-isoe-west-1", "aws-iso-e"),
            ("us-isof-south-1", "aws-iso-f"),
            ("eusc-de-east-1", "aws-eusc"),
        ] {
            assert_eq!(of_region(region).id, id, "{region}");
        }
    }

    #[test]
    fn a_region_cannot_change_the_host() {
        for good in ["eu-central-1", "us-isob-east-1"] {
            assert!(is_region(good), "{good}");
        }
        for bad in ["", "us-east-1.evil.example", "a/b", "-a", "a-", "US-EAST-1", "a b", "é", &"a".repeat(64)] {
            assert!(!is_region(bad), "{bad}");
        }
    }
}
