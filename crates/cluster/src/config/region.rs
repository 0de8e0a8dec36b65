//! Regions, partitions and zones.

/// Regions of AWS that have EKS, as eksctl lists them (`partitions.go` at 99984adb). There are new ones each year: another is no error.
static KNOWN: &[&str] = &[
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-isoe-west-1",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-iso-east-1",
    "us-iso-west-1",
    "us-isob-east-1",
    "us-isob-west-1",
    "us-isof-east-1",
    "us-isof-south-1",
    "us-west-1",
    "us-west-2",
];

/// How regions of a partition begin.
const PARTITIONS: [(&str, &str); 8] = [
    ("cn-", "aws-cn"),
    ("us-gov-", "aws-us-gov"),
    ("us-iso-", "aws-iso"),
    ("us-isob-", "aws-iso-b"),
    ("us-isof-", "aws-iso-f"),
    ("eu-isoe-", "aws-iso-e"),
    ("eusc-", "aws-eusc"),
    ("", "aws"),
];

/// Points of the compass in the names of regions.
const DIRECTIONS: [&str; 9] = ["central", "east", "north", "northeast", "northwest", "south", "southeast", "southwest", "west"];

/// The partition a region is in, by its name.
pub fn partition(region: &str) -> &'static str {
    PARTITIONS.iter().find(|(start, _)| region.starts_with(start)).map_or("aws", |(_, partition)| partition)
}

/// Whether the partition has what credentials of hybrid nodes come from: eksctl has principals of Systems Manager and Roles Anywhere for
/// these only (`partitions.go`).
pub fn has_hybrid_nodes(partition: &str) -> bool {
    matches!(partition, "aws" | "aws-us-gov")
}

/// Regions that are known.
pub(super) fn known() -> impl Iterator<Item = &'static str> + Clone {
    KNOWN.iter().copied()
}

/// Whether this release knows the region. There are new ones each year.
pub fn is_known(region: &str) -> bool {
    KNOWN.contains(&region)
}

/// Whether a text looks like a region: `us-west-2`, `us-gov-east-1`, `eusc-de-east-1`.
pub(super) fn is_region(text: &str) -> bool {
    let words: Vec<&str> = text.split('-').collect();
    let [area @ .., direction, number] = words.as_slice() else { return false };
    let word = |word: &&str| (2..=4).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_lowercase());
    (1..=2).contains(&area.len())
        && area.iter().all(word)
        && DIRECTIONS.contains(direction)
        && (1..=2).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// The region of an availability zone (`us-west-2a`); none for local zones (`us-west-2-lax-1a`) and other texts.
pub(super) fn of_zone(zone: &str) -> Option<&str> {
    let region = zone.strip_suffix(|c: char| c.is_ascii_lowercase())?;
    is_region(region).then_some(region)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_told_from_what_looks_like_one() {
        assert!(known().all(is_region));
        for text in ["us-wst-2", "us-west", "us-west-2a", "US-WEST-2", "", "west-2", "europe-west1", "us-west-222"] {
            assert!(!is_region(text), "{text}");
        }
        assert!(is_region("eusc-de-east-1") && is_region("us-west-9"));
    }

    #[test]
    fn zones_have_regions_and_regions_partitions() {
        for (zone, region) in
            [("us-west-2a", Some("us-west-2")), ("us-west-2-lax-1a", None), ("us-west-2", None), ("usw2-az1", None), ("", None)]
        {
            assert_eq!(of_zone(zone), region, "{zone}");
        }
        for (region, wanted) in
            [("us-west-2", "aws"), ("us-gov-west-1", "aws-us-gov"), ("cn-north-1", "aws-cn"), ("us-isob-east-1", "aws-iso-b")]
        {
            assert_eq!(partition(region), wanted);
        }
    }
}
