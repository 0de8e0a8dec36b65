//! The kinds of object that the small API serves, and what each is called where.

/// A kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `cilium.io/v2`.
    CiliumNode,
    /// `cilium.io/v2`, in the form of the [`super::VtepCrd`] installed.
    CiliumVtepConfig,
    /// `v1`.
    ConfigMap,
    /// `v1`.
    Event,
    /// `coordination.k8s.io/v1`.
    Lease,
    /// `v1`.
    Node,
    /// `v1`.
    Secret,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 7] =
        [Kind::CiliumNode, Kind::CiliumVtepConfig, Kind::ConfigMap, Kind::Event, Kind::Lease, Kind::Node, Kind::Secret];

    /// The kind that `apiVersion` and `kind` of an object name.
    pub fn of(api_version: &str, kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.kind() == kind && k.api_version() == api_version)
    }

    /// The kind behind a path such as `/apis/GROUP/VERSION/PLURAL`.
    pub(super) fn at(group: &str, version: &str, plural: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.group() == group && k.version() == version && k.plural() == plural)
    }

    /// `kind` as objects write it.
    pub fn kind(self) -> &'static str {
        match self {
            Self::CiliumNode => "CiliumNode",
            Self::CiliumVtepConfig => "CiliumVTEPConfig",
            Self::ConfigMap => "ConfigMap",
            Self::Event => "Event",
            Self::Lease => "Lease",
            Self::Node => "Node",
            Self::Secret => "Secret",
        }
    }

    /// Name in paths.
    pub fn plural(self) -> &'static str {
        match self {
            Self::CiliumNode => "ciliumnodes",
            Self::CiliumVtepConfig => "ciliumvtepconfigs",
            Self::ConfigMap => "configmaps",
            Self::Event => "events",
            Self::Lease => "leases",
            Self::Node => "nodes",
            Self::Secret => "secrets",
        }
    }

    /// API group; empty for the core group.
    pub fn group(self) -> &'static str {
        match self {
            Self::CiliumNode | Self::CiliumVtepConfig => "cilium.io",
            Self::Lease => "coordination.k8s.io",
            Self::ConfigMap | Self::Event | Self::Node | Self::Secret => "",
        }
    }

    /// Version within the group.
    pub fn version(self) -> &'static str {
        if self.is_custom() { "v2" } else { "v1" }
    }

    /// `apiVersion` as objects write it.
    pub fn api_version(self) -> String {
        match self.group() {
            "" => self.version().into(),
            group => format!("{group}/{}", self.version()),
        }
    }

    /// Whether objects live in namespaces.
    pub fn namespaced(self) -> bool {
        match self {
            Self::CiliumNode | Self::CiliumVtepConfig | Self::Node => false,
            Self::ConfigMap | Self::Event | Self::Lease | Self::Secret => true,
        }
    }

    /// Whether a CustomResourceDefinition makes it.
    pub fn is_custom(self) -> bool {
        match self {
            Self::CiliumNode | Self::CiliumVtepConfig => true,
            Self::ConfigMap | Self::Event | Self::Lease | Self::Node | Self::Secret => false,
        }
    }

    /// Whether it has the `status` subresource.
    pub(super) fn has_status(self) -> bool {
        self.is_custom() || self == Self::Node
    }

    /// Whether PUT makes what is not there (`AllowCreateOnUpdate` of the kind's strategy in kube-apiserver 1.34).
    pub(super) fn put_creates(self) -> bool {
        self == Self::Lease || self == Self::Event
    }

    /// Whether PUT without a resourceVersion is taken (`AllowUnconditionalUpdate`, same source).
    pub(super) fn put_unconditional(self) -> bool {
        !self.is_custom() && self != Self::Lease
    }

    /// `PLURAL.GROUP`, as messages name it.
    pub(super) fn qualified_resource(self) -> String {
        qualified(self.plural(), self.group())
    }

    /// `KIND.GROUP`, as messages about invalid objects name it.
    pub(super) fn qualified_kind(self) -> String {
        qualified(self.kind(), self.group())
    }
}

fn qualified(name: &str, group: &str) -> String {
    if group.is_empty() { name.to_owned() } else { format!("{name}.{group}") }
}
