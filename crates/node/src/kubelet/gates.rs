//! What depends on the version of the kubelet, in one table.

use super::Kind;
use crate::version::Version;

/// One row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gate {
    kinds: &'static [Kind],
    versions: Versions,
    pub(super) effect: Effect,
}

/// Which kubelets.
#[derive(Clone, Copy, Debug)]
enum Versions {
    From(Version),
    Below(Version),
    All,
}

/// What happens then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// A feature gate of the kubelet is on.
    Feature(&'static str),
    /// A text in the configuration.
    Text(&'static str, &'static str),
    /// Nodes with an NVIDIA card say so.
    GpuLabel,
    /// A pattern of images more for the credential provider.
    Images(&'static str),
    /// `KUBELET_CONFIG_DROPIN_DIR_ALPHA=on` beside a drop-in.
    DropInVariable,
    /// The user's configuration is merged into the main file, as the kubelet knows no drop-ins.
    UserConfigInMainFile,
    /// `--pod-infra-container-image` keeps the sandbox image from being collected; later containerd pins it.
    SandboxImageFlag,
}

const EC2: &[Kind] = &[Kind::Ec2];
const HYBRID: &[Kind] = &[Kind::Hybrid, Kind::HybridOnEc2];

const fn from(kinds: &'static [Kind], minor: u16, effect: Effect) -> Gate {
    Gate { kinds, versions: Versions::From(Version::new(1, minor)), effect }
}

const fn below(kinds: &'static [Kind], minor: u16, effect: Effect) -> Gate {
    Gate { kinds, versions: Versions::Below(Version::new(1, minor)), effect }
}

/// From amazon-eks-ami `nodeadm/internal/kubelet/{config,image-credential-provider}.go` and eks-hybrid `internal/kubelet/config.go`.
const GATES: &[Gate] = &[
    below(HYBRID, 29, Effect::UserConfigInMainFile),
    below(HYBRID, 29, Effect::SandboxImageFlag),
    below(EC2, 30, Effect::DropInVariable),
    Gate { kinds: HYBRID, versions: Versions::All, effect: Effect::DropInVariable },
    from(EC2, 32, Effect::Images("ecr-public.aws.com")),
    from(EC2, 33, Effect::Feature("DynamicResourceAllocation")),
    from(EC2, 34, Effect::Feature("MutableCSINodeAllocatableCount")),
    from(EC2, 34, Effect::Text("shutdownGracePeriod", "2m30s")),
    // Taken from those two and a half minutes.
    from(EC2, 34, Effect::Text("shutdownGracePeriodCriticalPods", "30s")),
    from(EC2, 35, Effect::GpuLabel),
];

impl Gate {
    /// Whose doing the effect is, for `explain`.
    pub(super) fn source(&self) -> String {
        match self.versions {
            Versions::From(version) => format!("kubelet ≥ {}.{}", version.major, version.minor),
            Versions::Below(version) => format!("kubelet < {}.{}", version.major, version.minor),
            Versions::All => "hybridge default".to_owned(),
        }
    }
}

/// Rows that hold for this sort of node and this kubelet.
pub(super) fn open(kind: Kind, kubelet: Version) -> impl Iterator<Item = &'static Gate> {
    GATES.iter().filter(move |gate| {
        gate.kinds.contains(&kind)
            && match gate.versions {
                Versions::From(version) => kubelet >= version,
                Versions::Below(version) => kubelet < version,
                Versions::All => true,
            }
    })
}

/// Whether this effect is among them.
pub(super) fn has(kind: Kind, kubelet: Version, effect: Effect) -> bool {
    open(kind, kubelet).any(|gate| gate.effect == effect)
}
