//! Which registry of ECR an image is in.

use crate::partition::is_region;

use super::PUBLIC_REGION;

/// Hosts of ECR Public.
const PUBLIC: [&str; 2] = ["public.ecr.aws", "ecr-public.aws.com"];

/// Domains of private registries, by what stands between account and region, and whether they are FIPS and dual-stack endpoints
/// (ECR user guide, "Amazon ECR service endpoints", and the patterns that nodeadm gives the kubelet).
const FORMS: [(&str, &[&str], bool, bool); 4] = [
    (".dkr.ecr.", STANDARD, false, false),
    (".dkr.ecr-fips.", STANDARD, true, false),
    (".dkr-ecr.", DUAL_STACK, false, true),
    (".dkr-ecr-fips.", DUAL_STACK, true, true),
];
const STANDARD: &[&str] =
    &["amazonaws.com", "amazonaws.com.cn", "amazonaws.eu", "c2s.ic.gov", "sc2s.sgov.gov", "cloud.adc-e.uk", "csp.hci.ic.gov"];
const DUAL_STACK: &[&str] = &["on.aws", "on.amazonwebservices.com.cn", "on.amazonwebservices.eu"];

/// A registry of ECR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry {
    host: String,
    region: String,
    public: bool,
    fips: bool,
    dual_stack: bool,
}

impl Registry {
    /// The registry that an image is pulled from, if it is one of ECR.
    pub fn of_image(image: &str) -> Option<Self> {
        let bare = image.split_once("://").map_or(image, |(_, rest)| rest);
        let host = bare.split('/').next()?.split(':').next()?.to_ascii_lowercase();
        if PUBLIC.contains(&host.as_str()) {
            return Some(Self { host, region: PUBLIC_REGION.into(), public: true, fips: false, dual_stack: false });
        }
        let (account, rest) = (host.get(..12)?, host.get(12..)?);
        if !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        FORMS.into_iter().find_map(|(infix, domains, fips, dual_stack)| {
            let (region, domain) = rest.strip_prefix(infix)?.split_once('.')?;
            let is_ours = domains.contains(&domain) && is_region(region);
            is_ours.then(|| Self { host: host.clone(), region: region.to_owned(), public: false, fips, dual_stack })
        })
    }

    /// Its host name.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The region whose API gives credentials for it.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// ECR Public.
    pub fn is_public(&self) -> bool {
        self.public
    }

    /// Named by its FIPS endpoint.
    pub fn is_fips(&self) -> bool {
        self.fips
    }

    /// Named by its dual-stack endpoint.
    pub fn is_dual_stack(&self) -> bool {
        self.dual_stack
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_ecr_is_known_with_its_region() {
        for (host, region, fips, dual_stack) in [
            ("123456789012.dkr.ecr.us-west-2.amazonaws.com", "us-west-2", false, false),
            ("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1", true, false),
            ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1", false, false),
            ("123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov", "us-iso-east-1", false, false),
            ("123456789012.dkr.ecr.us-isob-east-1.sc2s.sgov.gov", "us-isob-east-1", false, false),
            ("123456789012.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk", "eu-isoe-west-1", false, false),
            ("123456789012.dkr.ecr.us-isof-south-1.csp.hci.ic.gov", "us-isof-south-1", false, false),
            ("123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1", false, false),
            ("123456789012.dkr-ecr.us-west-2.on.aws", "us-west-2", false, true),
            ("123456789012.dkr-ecr-fips.us-east-1.on.aws", "us-east-1", true, true),
            ("123456789012.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn", "cn-north-1", false, true),
        ] {
            for image in [format!("{host}/team/app:1.0"), format!("https://{host}/app@sha256:00"), format!("{host}:443/app"), host.into()] {
                let registry = Registry::of_image(&image).unwrap_or_else(|| panic!("{image}"));
                assert_eq!((registry.host(), registry.region()), (host, region));
                assert_eq!((registry.is_fips(), registry.is_dual_stack(), registry.is_public()), (fips, dual_stack, false), "{host}");
            }
        }
        for host in PUBLIC {
            let registry = Registry::of_image(&format!("{host}/docker/library/redis:8")).unwrap();
            assert!(registry.is_public() && registry.region() == PUBLIC_REGION);
        }
    }

    #[test]
    fn other_registries_are_not_taken_for_ecr() {
        for image in [
            "docker.io/library/redis",
            "redis",
            "",
            "registry.k8s.io/pause:3.10",
            "12345678901.dkr.ecr.us-west-2.amazonaws.com/app",
            "1234567890123.dkr.ecr.us-west-2.amazonaws.com/app",
            "12345678901x.dkr.ecr.us-west-2.amazonaws.com/app",
            "123456789012.dkr.ecr.us-west-2.amazonaws.com.evil.example/app",
            "123456789012.dkr.ecr.us-west-2.evil.example/app",
            "123456789012.dkr.ecr.us-west-2.on.aws/app",
            "123456789012.dkr-ecr.us-west-2.amazonaws.com/app",
            "123456789012.dkr.ecr..amazonaws.com/app",
            "123456789012.dkr.ecr.a_b.amazonaws.com/app",
            "evil.example/123456789012.dkr.ecr.us-west-2.amazonaws.com/app",
            "public.ecr.aws.evil.example/app",
            "éééééééééééé.dkr.ecr.us-west-2.amazonaws.com/app",
        ] {
            assert_eq!(Registry::of_image(image), None, "{image}");
        }
    }
}
