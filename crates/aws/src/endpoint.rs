//! Where the services are that nodes and clusters call.
//!
//! The rules are those of the endpoint rule sets that AWS publishes for its SDKs (`endpoint-rule-set-1.json` in botocore).

use std::collections::BTreeMap;

use crate::partition::{self, Partition};

/// A service of AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Service {
    /// Elastic Compute Cloud.
    Ec2,
    /// Security Token Service.
    Sts,
    /// Elastic Kubernetes Service.
    Eks,
    /// Elastic Container Registry.
    Ecr,
    /// ECR Public.
    EcrPublic,
    /// IAM Roles Anywhere.
    RolesAnywhere,
    /// Systems Manager.
    Ssm,
    /// CloudFormation.
    CloudFormation,
    /// Identity and Access Management; one for each partition.
    Iam,
    /// Simple Storage Service.
    S3,
    /// Route 53 Resolver.
    Resolver,
    /// CloudWatch Logs.
    Logs,
}

impl Service {
    /// All of them.
    pub(crate) const ALL: [Self; 12] = [
        Self::Ec2,
        Self::Sts,
        Self::Eks,
        Self::Ecr,
        Self::EcrPublic,
        Self::RolesAnywhere,
        Self::Ssm,
        Self::CloudFormation,
        Self::Iam,
        Self::S3,
        Self::Resolver,
        Self::Logs,
    ];

    /// Its name in signatures.
    pub(crate) fn signing_name(self) -> &'static str {
        match self {
            Self::Ec2 => "ec2",
            Self::Sts => "sts",
            Self::Eks => "eks",
            Self::Ecr => "ecr",
            Self::EcrPublic => "ecr-public",
            Self::RolesAnywhere => "rolesanywhere",
            Self::Ssm => "ssm",
            Self::CloudFormation => "cloudformation",
            Self::Iam => "iam",
            Self::S3 => "s3",
            Self::Resolver => "route53resolver",
            Self::Logs => "logs",
        }
    }

    /// Its `serviceId`, by which `AWS_ENDPOINT_URL_…` and sections of the configuration file name it.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::Ec2 => "EC2",
            Self::Sts => "STS",
            Self::Eks => "EKS",
            Self::Ecr => "ECR",
            Self::EcrPublic => "ECR PUBLIC",
            Self::RolesAnywhere => "RolesAnywhere",
            Self::Ssm => "SSM",
            Self::CloudFormation => "CloudFormation",
            Self::Iam => "IAM",
            Self::S3 => "S3",
            Self::Resolver => "Route53Resolver",
            Self::Logs => "CloudWatch Logs",
        }
    }
}

/// What the user says about endpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Endpoints {
    /// `AWS_USE_FIPS_ENDPOINT`.
    pub(crate) fips: bool,
    /// `AWS_USE_DUALSTACK_ENDPOINT`.
    pub(crate) dual_stack: bool,
    /// `AWS_STS_REGIONAL_ENDPOINTS=legacy`.
    pub(crate) legacy_sts: bool,
    /// `AWS_ENDPOINT_URL` and its like, by service.
    pub(crate) given: BTreeMap<Service, String>,
}

/// Where to send a request, and for which region to sign it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// Scheme, host, perhaps port and path.
    pub(crate) url: String,
    /// Region of the signature.
    pub(crate) region: String,
}

/// Regions whose calls go to the one global endpoint under `AWS_STS_REGIONAL_ENDPOINTS=legacy`.
const LEGACY_STS: [&str; 16] = [
    "ap-northeast-1",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "aws-global",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

impl Endpoints {
    /// The endpoint of `service` for calls in `region`.
    pub(crate) fn of(&self, service: Service, region: &str) -> Endpoint {
        let partition = partition::of_region(region);
        let signed_for = if service == Service::Iam { partition.home } else { region };
        if let Some(url) = self.given.get(&service) {
            return Endpoint { url: url.clone(), region: signed_for.to_owned() };
        }
        let is_legacy = self.legacy_sts && LEGACY_STS.contains(&region) && !self.fips && !self.dual_stack;
        if service == Service::Sts && (is_legacy || region == "aws-global") {
            return Endpoint { url: "https://sts.amazonaws.com".into(), region: "us-east-1".into() };
        }
        let suffix = if self.dual_stack { partition.dual_stack } else { partition.suffix };
        let url = match (self.prefix(service, partition), service, self.fips && !self.dual_stack) {
            // The one endpoint that has the region last.
            (_, Service::Eks, true) if partition.id == "aws" => format!("https://fips.eks.{region}.{suffix}"),
            (_, Service::Iam, _) => format!("https://{}", self.iam(partition)),
            (prefix, Service::S3, _) => {
                let dual_stack = if self.dual_stack { ".dualstack" } else { "" };
                format!("https://{prefix}{dual_stack}.{region}.{}", partition.suffix)
            }
            (prefix, _, _) => format!("https://{prefix}.{region}.{suffix}"),
        };
        Endpoint { url, region: signed_for.to_owned() }
    }

    /// The host of IAM, which is one for all regions of a partition.
    fn iam(&self, partition: &Partition) -> String {
        let Partition { id, suffix, dual_stack, home, .. } = partition;
        let has_name = matches!(*id, "aws" | "aws-cn" | "aws-eusc");
        match (*id, self.fips, self.dual_stack) {
            ("aws-us-gov", _, false) => format!("iam.us-gov.{suffix}"),
            ("aws-us-gov", _, true) => format!("iam.us-gov.{dual_stack}"),
            ("aws", false, false) => format!("iam.{suffix}"),
            (_, false, false) => format!("iam.{home}.{suffix}"),
            (_, true, false) => format!("iam-fips.{suffix}"),
            (_, false, true) if has_name => format!("iam.global.{dual_stack}"),
            (_, false, true) => format!("iam.{dual_stack}"),
            ("aws", true, true) => format!("iam-fips.global.{dual_stack}"),
            (_, true, true) => format!("iam-fips.{dual_stack}"),
        }
    }

    /// What stands before the region.
    fn prefix(&self, service: Service, partition: &Partition) -> String {
        // In GovCloud the plain endpoints of these are FIPS endpoints.
        let is_fips_anyway = partition.id == "aws-us-gov"
            && !self.dual_stack
            && match service {
                Service::Ec2
                | Service::Sts
                | Service::Eks
                | Service::Ssm
                | Service::CloudFormation
                | Service::Iam
                | Service::Resolver
                | Service::Logs => true,
                Service::Ecr | Service::EcrPublic | Service::RolesAnywhere | Service::S3 => false,
            };
        let fips = if self.fips && !is_fips_anyway { "-fips" } else { "" };
        let name = service.signing_name();
        let in_api = match service {
            Service::Ec2
            | Service::Sts
            | Service::Eks
            | Service::RolesAnywhere
            | Service::Ssm
            | Service::CloudFormation
            | Service::Iam
            | Service::S3
            | Service::Resolver
            | Service::Logs => false,
            Service::Ecr => !self.dual_stack,
            Service::EcrPublic => self.fips || !self.dual_stack || partition.id != "aws",
        };
        let api = if in_api { "api." } else { "" };
        format!("{api}{name}{fips}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(service: Service, region: &str, (fips, dual_stack): (bool, bool)) -> String {
        Endpoints { fips, dual_stack, ..Endpoints::default() }.of(service, region).url
    }

    /// Figures of botocore 1.46's rule sets.
    #[test]
    fn endpoints_are_those_of_the_rule_sets() {
        const PLAIN: (bool, bool) = (false, false);
        const FIPS: (bool, bool) = (true, false);
        const DUAL: (bool, bool) = (false, true);
        const BOTH: (bool, bool) = (true, true);
        for (service, region, variant, expected) in [
            (Service::Sts, "eu-central-1", PLAIN, "https://sts.eu-central-1.amazonaws.com"),
            (Service::Sts, "cn-north-1", PLAIN, "https://sts.cn-north-1.amazonaws.com.cn"),
            (Service::Sts, "us-west-2", FIPS, "https://sts-fips.us-west-2.amazonaws.com"),
            (Service::Sts, "us-gov-west-1", FIPS, "https://sts.us-gov-west-1.amazonaws.com"),
            (Service::Sts, "us-gov-west-1", BOTH, "https://sts-fips.us-gov-west-1.api.aws"),
            (Service::Sts, "us-west-2", DUAL, "https://sts.us-west-2.api.aws"),
            (Service::Eks, "us-west-2", PLAIN, "https://eks.us-west-2.amazonaws.com"),
            (Service::Eks, "us-west-2", FIPS, "https://fips.eks.us-west-2.amazonaws.com"),
            (Service::Eks, "us-west-2", BOTH, "https://eks-fips.us-west-2.api.aws"),
            (Service::Eks, "us-gov-east-1", FIPS, "https://eks.us-gov-east-1.amazonaws.com"),
            (Service::Eks, "us-iso-east-1", FIPS, "https://eks-fips.us-iso-east-1.c2s.ic.gov"),
            (Service::Ecr, "us-west-2", PLAIN, "https://api.ecr.us-west-2.amazonaws.com"),
            (Service::Ecr, "us-west-2", FIPS, "https://api.ecr-fips.us-west-2.amazonaws.com"),
            (Service::Ecr, "us-west-2", DUAL, "https://ecr.us-west-2.api.aws"),
            (Service::Ecr, "us-west-2", BOTH, "https://ecr-fips.us-west-2.api.aws"),
            (Service::Ecr, "cn-north-1", DUAL, "https://ecr.cn-north-1.api.amazonwebservices.com.cn"),
            (Service::EcrPublic, "us-east-1", PLAIN, "https://api.ecr-public.us-east-1.amazonaws.com"),
            (Service::EcrPublic, "us-east-1", DUAL, "https://ecr-public.us-east-1.api.aws"),
            (Service::RolesAnywhere, "eu-west-1", PLAIN, "https://rolesanywhere.eu-west-1.amazonaws.com"),
            (Service::RolesAnywhere, "eusc-de-east-1", PLAIN, "https://rolesanywhere.eusc-de-east-1.amazonaws.eu"),
            (Service::Ssm, "eu-west-1", PLAIN, "https://ssm.eu-west-1.amazonaws.com"),
            (Service::Ssm, "us-west-2", FIPS, "https://ssm-fips.us-west-2.amazonaws.com"),
            (Service::Ssm, "us-gov-west-1", FIPS, "https://ssm.us-gov-west-1.amazonaws.com"),
            (Service::Ssm, "us-west-2", DUAL, "https://ssm.us-west-2.api.aws"),
            (Service::CloudFormation, "eu-central-1", PLAIN, "https://cloudformation.eu-central-1.amazonaws.com"),
            (Service::CloudFormation, "us-west-2", FIPS, "https://cloudformation-fips.us-west-2.amazonaws.com"),
            (Service::CloudFormation, "us-gov-west-1", FIPS, "https://cloudformation.us-gov-west-1.amazonaws.com"),
            (Service::CloudFormation, "us-gov-west-1", BOTH, "https://cloudformation-fips.us-gov-west-1.api.aws"),
            (Service::CloudFormation, "cn-north-1", DUAL, "https://cloudformation.cn-north-1.api.amazonwebservices.com.cn"),
            (Service::Iam, "eu-central-1", PLAIN, "https://iam.amazonaws.com"),
            (Service::Iam, "eu-central-1", FIPS, "https://iam-fips.amazonaws.com"),
            (Service::Iam, "eu-central-1", DUAL, "https://iam.global.api.aws"),
            (Service::Iam, "eu-central-1", BOTH, "https://iam-fips.global.api.aws"),
            (Service::Iam, "us-gov-east-1", PLAIN, "https://iam.us-gov.amazonaws.com"),
            (Service::Iam, "us-gov-east-1", FIPS, "https://iam.us-gov.amazonaws.com"),
            (Service::Iam, "us-gov-west-1", BOTH, "https://iam.us-gov.api.aws"),
            (Service::Iam, "cn-northwest-1", PLAIN, "https://iam.cn-north-1.amazonaws.com.cn"),
            (Service::Iam, "cn-north-1", FIPS, "https://iam-fips.amazonaws.com.cn"),
            (Service::Iam, "cn-north-1", DUAL, "https://iam.global.api.amazonwebservices.com.cn"),
            (Service::Iam, "cn-north-1", BOTH, "https://iam-fips.api.amazonwebservices.com.cn"),
            (Service::Iam, "eusc-de-east-1", PLAIN, "https://iam.eusc-de-east-1.amazonaws.eu"),
            (Service::Iam, "us-iso-east-1", PLAIN, "https://iam.us-iso-east-1.c2s.ic.gov"),
            (Service::Iam, "us-iso-east-1", DUAL, "https://iam.api.aws.ic.gov"),
            (Service::S3, "eu-central-1", PLAIN, "https://s3.eu-central-1.amazonaws.com"),
            (Service::S3, "us-west-2", FIPS, "https://s3-fips.us-west-2.amazonaws.com"),
            (Service::S3, "us-gov-west-1", FIPS, "https://s3-fips.us-gov-west-1.amazonaws.com"),
            (Service::S3, "us-west-2", DUAL, "https://s3.dualstack.us-west-2.amazonaws.com"),
            (Service::S3, "cn-north-1", DUAL, "https://s3.dualstack.cn-north-1.amazonaws.com.cn"),
            (Service::S3, "us-west-2", BOTH, "https://s3-fips.dualstack.us-west-2.amazonaws.com"),
            (Service::Resolver, "us-west-2", PLAIN, "https://route53resolver.us-west-2.amazonaws.com"),
            (Service::Resolver, "us-west-2", FIPS, "https://route53resolver-fips.us-west-2.amazonaws.com"),
            (Service::Logs, "us-west-2", PLAIN, "https://logs.us-west-2.amazonaws.com"),
            (Service::Logs, "us-west-2", FIPS, "https://logs-fips.us-west-2.amazonaws.com"),
            (Service::Logs, "us-gov-west-1", FIPS, "https://logs.us-gov-west-1.amazonaws.com"),
            (Service::Resolver, "us-gov-west-1", FIPS, "https://route53resolver.us-gov-west-1.amazonaws.com"),
        ] {
            assert_eq!(url(service, region, variant), expected);
        }
    }

    #[test]
    fn calls_of_iam_are_signed_for_the_partitions_home() {
        let mut endpoints = Endpoints::default();
        for (region, home) in [("eu-west-1", "us-east-1"), ("us-gov-east-1", "us-gov-west-1"), ("cn-northwest-1", "cn-north-1")] {
            assert_eq!(endpoints.of(Service::Iam, region).region, home);
        }
        endpoints.given.insert(Service::Iam, "http://127.0.0.1:1".into());
        assert_eq!(endpoints.of(Service::Iam, "eu-west-1").region, "us-east-1");
        assert_eq!(endpoints.of(Service::CloudFormation, "eu-west-1").region, "eu-west-1");
    }

    #[test]
    fn the_users_endpoint_comes_first_and_legacy_regions_are_signed_for_one_region() {
        let mut endpoints = Endpoints { legacy_sts: true, ..Endpoints::default() };
        let global = Endpoint { url: "https://sts.amazonaws.com".into(), region: "us-east-1".into() };
        assert_eq!(endpoints.of(Service::Sts, "eu-west-1"), global);
        assert_eq!(endpoints.of(Service::Sts, "eu-south-1").url, "https://sts.eu-south-1.amazonaws.com");
        endpoints.given.insert(Service::Sts, "http://127.0.0.1:1".into());
        let given = Endpoint { url: "http://127.0.0.1:1".into(), region: "eu-west-1".into() };
        assert_eq!(endpoints.of(Service::Sts, "eu-west-1"), given);
    }
}
