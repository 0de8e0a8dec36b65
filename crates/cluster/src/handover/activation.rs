//! Systems Manager activations of ours: how they are asked for, and which of those that exist will do.

use std::collections::BTreeMap;

use crate::world::{Activation, Tag};

/// Tag of everything that belongs to a cluster; policies that let a node take itself out are limited by it (aws/eks-hybrid's samples).
/// Machines that come with an activation inherit its tags.
pub const CLUSTER_ARN: &str = "EKSClusterARN";
/// Tag that eksctl gives to everything of a cluster.
pub const CLUSTER_NAME: &str = "alpha.eksctl.io/cluster-name";
/// Tag by which activations of ours are known.
pub const MADE_BY: &str = "hybridge/made-by";
/// Its value.
pub const HANDOVER: &str = "cluster-handover";

/// Most characters of a role's name (SSM API, `IamRole`).
const LONGEST_ROLE: usize = 64;

/// What an activation is made with (SSM CreateActivation).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// What it is for.
    pub description: String,
    /// The role's name with its path, as SSM wants it.
    pub iam_role: String,
    /// How machines are called in Systems Manager.
    pub default_instance_name: String,
    /// How many machines, 1 to 1000.
    pub registration_limit: u32,
    /// Tags of the activation and of its machines.
    pub tags: BTreeMap<String, String>,
}

impl Wanted {
    /// For so many machines of a cluster. None: the role's ARN is none, or its name is longer than SSM takes.
    pub fn new(known: &super::Known<'_>, cluster_arn: &str, role_arn: &str, machines: u32) -> Option<Self> {
        let name = known.name();
        Some(Self {
            description: format!("hybrid nodes of EKS cluster {name}"),
            iam_role: role_name(role_arn)?.to_owned(),
            default_instance_name: format!("{name}-hybrid-node"),
            registration_limit: machines,
            tags: tags(name, cluster_arn),
        })
    }
}

/// Tags of an activation of ours.
pub fn tags(cluster_name: &str, cluster_arn: &str) -> BTreeMap<String, String> {
    [(CLUSTER_ARN, cluster_arn), (CLUSTER_NAME, cluster_name), (MADE_BY, HANDOVER)]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

/// Name of a role with its path, by its ARN: what stands behind `role/`.
pub fn role_name(arn: &str) -> Option<&str> {
    let (head, name) = arn.split_once(":role/")?;
    (head.starts_with("arn:") && !name.is_empty() && name.len() <= LONGEST_ROLE).then_some(name)
}

/// Whether these are tags of an activation that we have made for this cluster, or of a machine that came with one.
pub fn is_ours(tags: &[Tag], cluster_arn: &str) -> bool {
    let has = |key: &str, value: &str| tags.iter().any(|tag| tag.key == key && tag.value == value);
    has(MADE_BY, HANDOVER) && has(CLUSTER_ARN, cluster_arn)
}

/// Activations of ours that still take machines at `now` (seconds since 1970).
pub fn open<'a>(activations: &'a [Activation], cluster_arn: &str, now: f64) -> Vec<&'a Activation> {
    let takes = |activation: &&Activation| {
        !activation.expired
            && activation.expiration_date.is_none_or(|end| end > now)
            && activation.registrations_count < activation.registration_limit
    };
    activations.iter().filter(|activation| is_ours(&activation.tags, cluster_arn)).filter(takes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Tag;

    const ARN: &str = "arn:aws:eks:eu-central-1:111122223333:cluster/shop";

    fn activation(change: impl Fn(&mut Activation)) -> Activation {
        let tags = tags("shop", ARN).into_iter().map(|(key, value)| Tag { key, value }).collect();
        let mut made =
            Activation { registration_limit: 5, registrations_count: 4, expiration_date: Some(100.0), tags, ..Activation::default() };
        change(&mut made);
        made
    }

    #[test]
    fn only_an_activation_of_ours_for_this_cluster_that_takes_machines_will_do() {
        let open_at = |activation: Activation, now: f64| open(&[activation], ARN, now).len();
        assert_eq!(open_at(activation(|_| {}), 99.0), 1);
        assert_eq!(open_at(activation(|_| {}), 100.0), 0, "it has ended");
        assert_eq!(open_at(activation(|it| it.expired = true), 0.0), 0);
        assert_eq!(open_at(activation(|it| it.registrations_count = 5), 0.0), 0, "it is full");
        assert_eq!(open_at(activation(|it| it.tags.retain(|tag| tag.key != MADE_BY)), 0.0), 0, "it is somebody else's");
        assert_eq!(open(&[activation(|_| {})], "arn:aws:eks:eu-central-1:111122223333:cluster/other", 0.0).len(), 0);
        assert_eq!(open_at(activation(|it| it.expiration_date = None), 1e12), 1);
    }

    #[test]
    fn a_role_goes_by_its_path_and_name() {
        let long = format!("arn:aws:iam::111122223333:role/{}", "a".repeat(65));
        for (arn, name) in [
            ("arn:aws:iam::111122223333:role/hybrid", Some("hybrid")),
            ("arn:aws:iam::111122223333:role/site/a/hybrid", Some("site/a/hybrid")),
            ("arn:aws:iam::111122223333:user/hybrid", None),
            ("hybrid", None),
            (long.as_str(), None),
        ] {
            assert_eq!(role_name(arn), name, "{arn}");
        }
    }
}
