//! Numbers of networks in logical identifiers.
//!
//! eksctl counts the file's networks, so that one put in front renames all rules and routes. Here a network keeps the number that it has
//! in the deployed template, and a new one takes the lowest that nothing there has; of a new stack they are eksctl's own.

use std::collections::{BTreeMap, BTreeSet};

use hybridge_model::Cidr4;
use serde_json::Value as Json;

use crate::world::Deployed;

/// Identifiers with a number after these words, by what they are about.
const FAMILIES: [&[&str]; 4] = [
    &["IngressControlPlaneRemoteNetworks"],
    &["TGWPrivateSubnetRoute", "VGWPrivateSubnetRoute", "TGWPublicSubnetRoute", "VGWPublicSubnetRoute", "TGWSubnetRoute", "VGWSubnetRoute"],
    &["IngressEndpointsRemoteNetworks"],
    &["IngressControlPlaneExtraCIDR"],
];

/// Numbers of networks.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Indices {
    /// In rules of the control plane's group.
    pub(super) rules: BTreeMap<Cidr4, usize>,
    /// In routes.
    pub(super) routes: BTreeMap<Cidr4, usize>,
    /// In rules of the endpoints' group.
    pub(super) endpoints: BTreeMap<Cidr4, usize>,
    /// In rules of the control plane's group for `vpc.extraCIDRs`.
    pub(super) extra: BTreeMap<Cidr4, usize>,
}

impl Indices {
    pub(super) fn new(remote: &[Cidr4], extra: &[Cidr4], deployed: Option<&Deployed>) -> Self {
        let [rules, routes, endpoints, extras] = FAMILIES.map(|prefixes| standing(prefixes, deployed));
        // One number for all families where that is possible: then the templates are easy to read.
        let mut remotely = rules.clone();
        for family in [&routes, &endpoints] {
            for (cidr, index) in family {
                remotely.entry(*cidr).or_insert(*index);
            }
        }
        let used: BTreeSet<usize> = rules.values().chain(routes.values()).chain(endpoints.values()).copied().collect();
        Self {
            rules: assign(remote, &rules, &remotely, &used),
            routes: assign(remote, &routes, &remotely, &used),
            endpoints: assign(remote, &endpoints, &remotely, &used),
            extra: assign(extra, &extras, &extras, &extras.values().copied().collect()),
        }
    }
}

/// What a deployed template has.
fn standing(prefixes: &[&str], deployed: Option<&Deployed>) -> BTreeMap<Cidr4, usize> {
    let resources = deployed.and_then(|deployed| deployed.template_body.get("Resources")).and_then(Json::as_object);
    let mut found = BTreeMap::new();
    let mut taken = BTreeSet::new();
    for (id, resource) in resources.into_iter().flatten() {
        let Some(rest) = prefixes.iter().find_map(|prefix| id.strip_prefix(prefix)) else { continue };
        let digits = rest.len() - rest.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
        let properties = resource.get("Properties");
        let cidr = properties.and_then(|properties| properties.get("CidrIp").or_else(|| properties.get("DestinationCidrBlock")));
        let cidr: Option<Cidr4> = cidr.and_then(Json::as_str).and_then(|cidr| cidr.parse().ok());
        let (Ok(index), Some(cidr)) = (rest[..digits].parse::<usize>(), cidr) else { continue };
        // A number that two networks have stays with the first.
        if !found.contains_key(&cidr) && taken.insert(index) {
            found.insert(cidr, index);
        }
    }
    found
}

fn assign(
    cidrs: &[Cidr4],
    own: &BTreeMap<Cidr4, usize>,
    others: &BTreeMap<Cidr4, usize>,
    used: &BTreeSet<usize>,
) -> BTreeMap<Cidr4, usize> {
    let mut taken: BTreeSet<usize> = own.values().copied().collect();
    let mut assigned = BTreeMap::new();
    let mut fresh = (0usize..).filter(|index| !used.contains(index));
    for cidr in cidrs {
        let elsewhere = others.get(cidr).filter(|index| !taken.contains(index));
        let index = match own.get(cidr).or(elsewhere) {
            Some(index) => *index,
            None => fresh.by_ref().find(|index| !taken.contains(index)).expect("numbers do not end"),
        };
        taken.insert(index);
        assigned.insert(*cidr, index);
    }
    assigned
}
