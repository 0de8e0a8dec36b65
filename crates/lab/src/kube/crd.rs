//! The CustomResourceDefinitions of the lab, which a real API server installs and the built-in one obeys.

use std::collections::BTreeMap;

use serde_json::Value;

use super::kind::Kind;

/// CRD of CiliumNode, permissive enough to store broken objects.
pub const CILIUM_NODE_CRD: &str = include_str!("../../crds/ciliumnodes.yaml");

/// Which form of CiliumVTEPConfig a cluster has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VtepCrd {
    /// A network for each endpoint, the longest prefix wins.
    LongestPrefix,
    /// One `cidrMask` for all endpoints.
    OneMask,
    /// Field names that nobody here knows.
    Unknown,
    /// No CRD at all.
    Missing,
}

impl VtepCrd {
    /// Its YAML, unless it is missing.
    pub fn yaml(self) -> Option<&'static str> {
        match self {
            Self::LongestPrefix => Some(include_str!("../../crds/ciliumvtepconfigs-lpm.yaml")),
            Self::OneMask => Some(include_str!("../../crds/ciliumvtepconfigs-mask.yaml")),
            Self::Unknown => Some(include_str!("../../crds/ciliumvtepconfigs-unknown.yaml")),
            Self::Missing => None,
        }
    }
}

/// Structural schemas (`openAPIV3Schema`) of the custom kinds that are installed.
#[derive(Debug)]
pub(super) struct Schemas(BTreeMap<Kind, Value>);

impl Schemas {
    pub(super) fn new(vtep: VtepCrd) -> Self {
        let mut schemas = BTreeMap::from([(Kind::CiliumNode, schema(CILIUM_NODE_CRD))]);
        if let Some(yaml) = vtep.yaml() {
            schemas.insert(Kind::CiliumVtepConfig, schema(yaml));
        }
        Self(schemas)
    }

    pub(super) fn of(&self, kind: Kind) -> Option<&Value> {
        self.0.get(&kind)
    }

    /// Whether objects of the kind can exist: built in, or its CRD is installed.
    pub(super) fn serves(&self, kind: Kind) -> bool {
        !kind.is_custom() || self.0.contains_key(&kind)
    }

    /// The kinds served under one group and version.
    pub(super) fn served(&self, group: &str, version: &str) -> Vec<Kind> {
        Kind::ALL.into_iter().filter(|k| k.group() == group && k.version() == version && self.serves(*k)).collect()
    }
}

fn schema(yaml: &str) -> Value {
    let mut crd: Value = serde_saphyr::from_str(yaml).expect("the CRDs in this crate are YAML, which a test checks");
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].take()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crd_is_read_and_has_a_schema_for_its_spec() {
        for vtep in [VtepCrd::LongestPrefix, VtepCrd::OneMask, VtepCrd::Unknown] {
            let schemas = Schemas::new(vtep);
            for kind in [Kind::CiliumNode, Kind::CiliumVtepConfig] {
                assert_eq!(schemas.of(kind).unwrap()["properties"]["spec"]["type"], "object", "{vtep:?} {kind:?}");
            }
        }
        assert!(!Schemas::new(VtepCrd::Missing).serves(Kind::CiliumVtepConfig));
    }
}
