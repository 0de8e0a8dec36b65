//! Where EKS keeps its images, by region.

use crate::config::Shape;
use crate::node::Node;

/// Account of the regions that need no opting in.
const USUAL_ACCOUNT: &str = "602401143452";

/// Regions of the usual account.
const USUAL_REGIONS: &[&str] = &[
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eusc-de-east-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

/// The others: <https://docs.aws.amazon.com/eks/latest/userguide/add-ons-images.html>; the isolated regions after aws/eks-hybrid.
const ACCOUNTS: &[(&str, &str)] = &[
    ("af-south-1", "877085696533"),
    ("ap-east-1", "800184023465"),
    ("ap-east-2", "533267051163"),
    ("ap-south-2", "900889452093"),
    ("ap-southeast-3", "296578399912"),
    ("ap-southeast-4", "491585149902"),
    ("ap-southeast-5", "151610086707"),
    ("ap-southeast-6", "333609536671"),
    ("ap-southeast-7", "121268973566"),
    ("ca-west-1", "761377655185"),
    ("cn-north-1", "918309763551"),
    ("cn-northwest-1", "961992271922"),
    ("eu-central-2", "900612956339"),
    ("eu-isoe-west-1", "249663109785"),
    ("eu-south-1", "590381155156"),
    ("eu-south-2", "455263428931"),
    ("il-central-1", "066635153087"),
    ("me-central-1", "759879836304"),
    ("me-south-1", "558608220178"),
    ("mx-central-1", "730335286997"),
    ("us-gov-east-1", "151742754352"),
    ("us-gov-west-1", "013241004608"),
    ("us-iso-east-1", "725322719131"),
    ("us-iso-west-1", "608367168043"),
    ("us-isob-east-1", "187977181151"),
    ("us-isof-south-1", "676585237158"),
];

/// Beginning of a region's name → a region of the same partition, for regions that the table does not know yet.
const NEIGHBOURS: &[(&str, &str)] = &[
    ("cn-", "cn-northwest-1"),
    ("eu-isoe-", "eu-isoe-west-1"),
    ("eusc-", "eusc-de-east-1"),
    ("us-gov-", "us-gov-west-1"),
    ("us-iso-", "us-iso-east-1"),
    ("us-isob-", "us-isob-east-1"),
    ("us-isof-", "us-isof-south-1"),
];

/// Beginning of a region's name → domain of the partition's services.
const DOMAINS: &[(&str, &str)] = &[
    ("cn-", "amazonaws.com.cn"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("eusc-", "amazonaws.eu"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-isof-", "csp.hci.ic.gov"),
];

/// The image that holds a pod's namespaces.
///
/// On EC2 it is the one that the EKS image has baked in (`localhost/…`): on an image without it no pod starts, and
/// `spec.containerd.config` has to name another. On a node outside it is pulled from EKS's registry in the cluster's region, or, if that
/// region is not known, in another of its partition; from the FIPS endpoint if the machine is in FIPS mode.
pub fn sandbox_image(node: &Node) -> String {
    match node.config.shape {
        Shape::Ec2 => "localhost/kubernetes/pause:latest".to_owned(),
        Shape::Hybrid => format!("{}/eks/pause:3.5", registry(node.region, node.facts.fips)),
    }
}

fn registry(region: &str, fips: bool) -> String {
    let (account, region) = account(region).map(|account| (account, region)).unwrap_or_else(|| {
        let neighbour = starting(NEIGHBOURS, region).unwrap_or("us-west-2");
        (account(neighbour).unwrap_or(USUAL_ACCOUNT), neighbour)
    });
    let service = if fips { "ecr-fips" } else { "ecr" };
    let domain = starting(DOMAINS, region).unwrap_or("amazonaws.com");
    format!("{account}.dkr.{service}.{region}.{domain}")
}

fn account(region: &str) -> Option<&'static str> {
    if USUAL_REGIONS.contains(&region) {
        return Some(USUAL_ACCOUNT);
    }
    ACCOUNTS.iter().find(|(name, _)| *name == region).map(|(_, account)| *account)
}

fn starting(table: &[(&str, &'static str)], region: &str) -> Option<&'static str> {
    table.iter().find(|(start, _)| region.starts_with(start)).map(|(_, found)| *found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_region_has_a_registry_in_its_partition() {
        for (region, fips, registry) in [
            ("us-west-2", false, "602401143452.dkr.ecr.us-west-2.amazonaws.com"),
            ("eu-central-1", false, "602401143452.dkr.ecr.eu-central-1.amazonaws.com"),
            ("us-east-1", true, "602401143452.dkr.ecr-fips.us-east-1.amazonaws.com"),
            ("me-south-1", false, "558608220178.dkr.ecr.me-south-1.amazonaws.com"),
            ("us-gov-west-1", true, "013241004608.dkr.ecr-fips.us-gov-west-1.amazonaws.com"),
            ("us-gov-south-9", false, "013241004608.dkr.ecr.us-gov-west-1.amazonaws.com"),
            ("cn-north-1", false, "918309763551.dkr.ecr.cn-north-1.amazonaws.com.cn"),
            ("cn-south-9", false, "961992271922.dkr.ecr.cn-northwest-1.amazonaws.com.cn"),
            ("us-iso-west-1", false, "608367168043.dkr.ecr.us-iso-west-1.c2s.ic.gov"),
            ("us-isob-west-9", false, "187977181151.dkr.ecr.us-isob-east-1.sc2s.sgov.gov"),
            ("us-isof-east-1", false, "676585237158.dkr.ecr.us-isof-south-1.csp.hci.ic.gov"),
            ("eu-isoe-west-1", false, "249663109785.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk"),
            ("eusc-de-east-1", false, "602401143452.dkr.ecr.eusc-de-east-1.amazonaws.eu"),
            ("xx-new-1", false, "602401143452.dkr.ecr.us-west-2.amazonaws.com"),
            ("", false, "602401143452.dkr.ecr.us-west-2.amazonaws.com"),
        ] {
            assert_eq!(super::registry(region, fips), registry, "{region}");
        }
        for (_, neighbour) in NEIGHBOURS {
            assert!(account(neighbour).is_some(), "{neighbour}");
        }
    }
}
