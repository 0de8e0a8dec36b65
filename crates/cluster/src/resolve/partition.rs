//! Partitions of AWS, and what services call themselves there.

use hybridge_report::Finding;

/// A partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    /// `aws` and so on, as in ARNs.
    pub name: &'static str,
    /// What its regions begin with; of `aws` itself: everything else.
    regions: &'static [&'static str],
    /// Principal of EC2.
    pub ec2: &'static str,
    /// Principals of Systems Manager and Roles Anywhere; none: no hybrid nodes there.
    pub hybrid: Option<(&'static str, &'static str)>,
}

const HYBRID: Option<(&str, &str)> = Some(("ssm.amazonaws.com", "rolesanywhere.amazonaws.com"));

/// All of them (eksctl `pkg/apis/eksctl.io/v1alpha5/partitions.go`).
pub const PARTITIONS: [Partition; 7] = [
    Partition { name: "aws", regions: &[], ec2: "ec2.amazonaws.com", hybrid: HYBRID },
    Partition { name: "aws-cn", regions: &["cn-"], ec2: "ec2.amazonaws.com.cn", hybrid: None },
    Partition { name: "aws-iso", regions: &["us-iso-"], ec2: "ec2.c2s.ic.gov", hybrid: None },
    Partition { name: "aws-iso-b", regions: &["us-isob-"], ec2: "ec2.sc2s.sgov.gov", hybrid: None },
    Partition { name: "aws-iso-e", regions: &["eu-isoe-"], ec2: "ec2.amazonaws.com", hybrid: None },
    Partition { name: "aws-iso-f", regions: &["us-isof-"], ec2: "ec2.amazonaws.com", hybrid: None },
    Partition { name: "aws-us-gov", regions: &["us-gov-"], ec2: "ec2.amazonaws.com", hybrid: HYBRID },
];

impl Partition {
    /// That of a region.
    pub fn of_region(region: &str) -> Self {
        let matching = |partition: &&Self| partition.regions.iter().any(|prefix| region.starts_with(prefix));
        *PARTITIONS.iter().find(matching).unwrap_or(&PARTITIONS[0])
    }

    /// Names of services' principals, by eksctl's short names.
    pub fn principals(&self) -> Vec<(&'static str, &'static str)> {
        let mut principals = vec![("EC2", self.ec2), ("EKS", "eks.amazonaws.com"), ("EKSFargatePods", "eks-fargate-pods.amazonaws.com")];
        if let Some((ssm, anywhere)) = self.hybrid {
            principals.extend([("IRA", anywhere), ("SSM", ssm)]);
        }
        principals
    }

    /// Why there are no hybrid nodes.
    pub(super) fn refusal(&self, region: &str) -> Finding {
        let what = format!(
            "{region} is in the partition {}, where EKS has no hybrid nodes: neither Systems Manager nor Roles Anywhere gives them a role",
            self.name
        );
        Finding::error("region.hybrid", "metadata.region", what).fix("leave remoteNetworkConfig out, or take a region of the partition aws")
    }
}
