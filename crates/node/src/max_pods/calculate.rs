//! Pods by the options of the VPC CNI: what `hybridge node max-pods` prints.

use serde::Serialize;

use crate::facts::InstanceTypeFacts;
use crate::version::Version;

/// First VPC CNI that assigns prefixes (docs.aws.amazon.com/eks/latest/userguide/cni-increase-ip-addresses.html).
pub const PREFIXES_SINCE: Version = Version::new(1, 9);
/// Addresses of a prefix, /28.
const PREFIX: u32 = 16;
/// vCPUs from which on the larger limit is recommended (the same page: 110 pods below 30 vCPUs, 250 above).
const LARGE: u32 = 30;

/// How the VPC CNI is set up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Version of the VPC CNI.
    pub cni: Option<Version>,
    /// `AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG`: the first interface takes no pods.
    pub custom_networking: bool,
    /// `ENABLE_PREFIX_DELEGATION`.
    pub prefix_delegation: bool,
    /// `MAX_ENI`.
    pub max_enis: Option<u32>,
    /// Interfaces that are no business of the VPC CNI: LNIs.
    pub lnis: u32,
}

/// The number, and how it came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Calculation {
    /// Interfaces that take pods.
    pub enis: u32,
    /// Addresses for pods on each.
    pub addresses_per_eni: u32,
    /// Whether addresses come in prefixes.
    pub prefixes: Prefixes,
    /// Pods that these addresses suffice for, with the two that use the host's.
    pub by_network: u32,
    /// More than that is not recommended on a machine of this size.
    pub recommended: u32,
    /// The smaller of both.
    pub max_pods: u32,
}

/// Whether prefixes are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prefixes {
    /// Nobody asked for them.
    NotAsked,
    /// They are used.
    Used,
    /// The VPC CNI is older than [`PREFIXES_SINCE`], or its version is not known.
    CniTooOld,
    /// Only Nitro machines have them, bare metal among them.
    NotNitro,
}

/// How many pods an instance should run at most.
///
/// Bare metal is part of the Nitro system and has prefixes; eksnode, which has no hypervisor for it, gives it none.
pub fn calculate(options: &Options, limits: &InstanceTypeFacts) -> Calculation {
    let prefixes = if !options.prefix_delegation {
        Prefixes::NotAsked
    } else if options.cni.is_none_or(|cni| cni < PREFIXES_SINCE) {
        Prefixes::CniTooOld
    } else if limits.bare_metal || limits.hypervisor.as_deref() == Some("nitro") {
        Prefixes::Used
    } else {
        Prefixes::NotNitro
    };
    let free = limits.default_enis.saturating_sub(options.lnis);
    let enis = options.max_enis.unwrap_or(u32::MAX).min(free).saturating_sub(u32::from(options.custom_networking));
    let each = if prefixes == Prefixes::Used { PREFIX } else { 1 };
    let addresses_per_eni = limits.ipv4_per_eni.saturating_sub(1).saturating_mul(each);
    let by_network = enis.saturating_mul(addresses_per_eni).saturating_add(2);
    let recommended = if limits.vcpus < LARGE { 110 } else { 250 };
    Calculation { enis, addresses_per_eni, prefixes, by_network, recommended, max_pods: by_network.min(recommended) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::max_pods::table::built_in;

    #[test]
    fn an_lni_takes_the_place_of_an_interface_for_pods() {
        let limits = built_in("c6id.8xlarge").unwrap();
        let pods = |lnis, max_enis| calculate(&Options { lnis, max_enis, ..Options::default() }, &limits).by_network;
        assert_eq!((pods(0, None), pods(1, None)), (8 * 29 + 2, 7 * 29 + 2));
        assert_eq!((pods(1, Some(7)), pods(1, Some(3))), (7 * 29 + 2, 3 * 29 + 2), "MAX_ENI counts those of the CNI alone");
    }

    #[test]
    fn eksnode_comes_to_the_same_but_for_bare_metal_with_prefixes() {
        let mut rows = 0;
        for line in include_str!("data/eksnode-cases.txt").lines().filter(|line| !line.starts_with('#')) {
            let fields: Vec<&str> = line.split(' ').collect();
            let &[name, cni, custom, prefix, pods] = fields.as_slice() else { panic!("{line}") };
            let options = Options {
                cni: Some(cni.parse().unwrap()),
                custom_networking: custom == "custom",
                prefix_delegation: prefix == "prefix",
                max_enis: None,
                lnis: 0,
            };
            let limits = built_in(name).unwrap();
            assert!(!limits.bare_metal, "{line}");
            assert_eq!(calculate(&options, &limits).max_pods.to_string(), pods, "{line}");
            rows += 1;
        }
        assert_eq!(rows, 176);
    }

    #[test]
    fn every_option_counts() {
        let nitro =
            InstanceTypeFacts { default_enis: 3, ipv4_per_eni: 6, hypervisor: Some("nitro".to_owned()), vcpus: 2, ..Default::default() };
        let metal = InstanceTypeFacts { hypervisor: None, bare_metal: true, vcpus: 96, ..nitro.clone() };
        let xen = InstanceTypeFacts { hypervisor: Some("xen".to_owned()), ..nitro.clone() };
        let new = Options { cni: Some(Version::new(1, 19)), prefix_delegation: true, ..Options::default() };
        for (options, limits, by_network, max_pods, prefixes) in [
            (Options::default(), &nitro, 17, 17, Prefixes::NotAsked),
            (new, &nitro, 242, 110, Prefixes::Used),
            (new, &metal, 242, 242, Prefixes::Used),
            (new, &xen, 17, 17, Prefixes::NotNitro),
            (Options { cni: Some("v1.8.0-eksbuild.1".parse().unwrap()), ..new }, &nitro, 17, 17, Prefixes::CniTooOld),
            (Options { cni: None, ..new }, &nitro, 17, 17, Prefixes::CniTooOld),
            (Options { custom_networking: true, ..new }, &metal, 162, 162, Prefixes::Used),
            (Options { max_enis: Some(2), ..new }, &metal, 162, 162, Prefixes::Used),
            (Options { max_enis: Some(1), custom_networking: true, ..new }, &metal, 2, 2, Prefixes::Used),
            (Options { max_enis: Some(0), custom_networking: true, ..new }, &metal, 2, 2, Prefixes::Used),
        ] {
            let calculation = calculate(&options, limits);
            assert_eq!(
                (calculation.by_network, calculation.max_pods, calculation.prefixes),
                (by_network, max_pods, prefixes),
                "{options:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn more_interfaces_never_mean_fewer_pods(enis in 0u32..100, addresses in 0u32..100, vcpus in 0u32..200, custom: bool, prefix: bool) {
            let limits = |enis| InstanceTypeFacts { default_enis: enis, ipv4_per_eni: addresses, bare_metal: true, vcpus, hypervisor: None };
            let options = Options { cni: Some(Version::new(1, 9)), custom_networking: custom, prefix_delegation: prefix, max_enis: None, lnis: 0 };
            let (less, more) = (calculate(&options, &limits(enis)), calculate(&options, &limits(enis + 1)));
            prop_assert!(less.max_pods <= more.max_pods && (2..=250).contains(&more.max_pods));
        }
    }
}
