//! The fields of a NodeConfig as one table: the reader, did-you-mean and the JSON Schema all follow it.
//!
//! After nodeadm's `nodeconfig_types.go` in awslabs/amazon-eks-ami and aws/eks-hybrid.

use super::Shape;

/// A key of an object.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) shapes: Shapes,
    pub(super) kind: Kind,
    /// One sentence for the schema.
    pub(super) help: &'static str,
}

/// In whose documents a key may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shapes {
    Both,
    Only(Shape),
}

/// What a key holds.
#[derive(Debug)]
pub(super) enum Kind {
    Object(&'static [Field]),
    /// A list of such objects.
    List(&'static [Field]),
    Text(Check),
    Bool,
    /// One of these, or empty for none.
    Choice(&'static [&'static str]),
    Texts(Check),
    Choices(&'static [&'static str]),
    /// Feature gates.
    Gates,
    /// Service → variable → value.
    Environment,
    /// A mapping of anything.
    Free,
    /// Profile of an LNI, which another crate knows.
    Lni,
    /// Upstream has it, we do not yet.
    Coming,
}

/// What a text has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    Any,
    Endpoint,
    Authority,
    Cidr,
    Region,
    Toml,
    Cel,
    Flag,
    Nameserver,
    Domain,
    Path,
    NodeName,
    TrustAnchor,
    Profile,
    Role,
    ActivationCode,
    ActivationId,
    StepId,
    Duration,
    Size,
    Count,
    Label,
}

impl Shapes {
    pub(super) fn has(self, shape: Shape) -> bool {
        match self {
            Self::Both => true,
            Self::Only(only) => only == shape,
        }
    }
}

/// Known feature gates.
pub(super) const GATES: [&str; 2] = ["InstanceIdNodeName", "FastImagePull"];
/// `spec.instance.localStorage.strategy`.
const STRATEGIES: &[&str] = &["RAID0", "RAID10", "Mount"];
/// `spec.instance.steps[].phase`.
const PHASES: &[&str] = &["preNetwork", "preKubelet", "postJoin"];
/// `spec.instance.localStorage.disabledMounts`.
const MOUNTS: &[&str] = &["Containerd", "PodLogs", "SOCI"];

const EC2: Shapes = Shapes::Only(Shape::Ec2);
const HYBRID: Shapes = Shapes::Only(Shape::Hybrid);

pub(super) const fn field(name: &'static str, shapes: Shapes, kind: Kind, help: &'static str) -> Field {
    Field { name, shapes, kind, help }
}

const fn text(name: &'static str, check: Check, help: &'static str) -> Field {
    field(name, Shapes::Both, Kind::Text(check), help)
}

/// `spec`.
pub(super) static SPEC: &[Field] = &[
    field("cluster", Shapes::Both, Kind::Object(CLUSTER), "The EKS cluster to join."),
    field("containerd", Shapes::Both, Kind::Object(CONTAINERD), "Settings of containerd."),
    field("instance", Shapes::Both, Kind::Object(INSTANCE), "Settings of the operating system and its disks."),
    field("kubelet", Shapes::Both, Kind::Object(KUBELET), "Settings of the kubelet."),
    field("featureGates", EC2, Kind::Gates, "Switches of the node's own features, by name."),
    field("hybrid", HYBRID, Kind::Object(HYBRID_FIELDS), "How a node outside AWS gets its credentials: one of the two ways."),
    field("lni", Shapes::Both, Kind::Lni, "Address on the LAN of a node on an Outposts server; hybridge's own."),
];

static CLUSTER: &[Field] = &[
    text("name", Check::Any, "Name of the cluster."),
    field("region", HYBRID, Kind::Text(Check::Region), "AWS region of the cluster."),
    text("apiServerEndpoint", Check::Endpoint, "URL of the API server."),
    text("certificateAuthority", Check::Authority, "Certificates of the cluster's authority: PEM, in base64 once more."),
    text("cidr", Check::Cidr, "Range of service addresses; the cluster's DNS is its tenth address."),
    field("enableOutpost", Shapes::Both, Kind::Bool, "Whether the cluster is a local one on an Outpost."),
    text("id", Check::Any, "Id of a local cluster on an Outpost."),
];

static CONTAINERD: &[Field] = &[
    text("config", Check::Toml, "TOML that is merged over our configuration of containerd."),
    field("baseRuntimeSpec", EC2, Kind::Free, "OCI runtime specification that is merged over our own."),
];

static INSTANCE: &[Field] = &[
    field("localStorage", Shapes::Both, Kind::Object(LOCAL_STORAGE), "What to do with disks of the instance store."),
    field("environment", EC2, Kind::Environment, "Environment variables by systemd service; `default` is for all."),
    field("network", EC2, Kind::Object(NETWORK), "Name resolution of the machine."),
    field("storage", EC2, Kind::Coming, "Volumes to format and mount."),
    field("steps", Shapes::Both, Kind::List(STEPS), "Scripts that run at a certain point of the boot; hybridge's own."),
    field("disks", Shapes::Both, Kind::List(DISKS), "Disks chosen by what they are, to format and mount; hybridge's own."),
];

static STEPS: &[Field] = &[
    text("id", Check::StepId, "Name of the step: small letters, digits, dashes."),
    field("phase", Shapes::Both, Kind::Choice(PHASES), "When it runs."),
    text("script", Check::Any, "The script itself; without a `#!` line it is one of /bin/sh."),
    text("timeout", Check::Duration, "How long it may take, such as 30s, 5m or 1h; 5m if not said."),
    field("runOnce", Shapes::Both, Kind::Bool, "Run it once for each content, which is the default, or else once each boot."),
    field("onFailure", Shapes::Both, Kind::Choice(&["stop", "continue"]), "What a failure does; stop if not said."),
];

static DISKS: &[Field] = &[
    text("label", Check::Label, "Label of the file system, by which the disk is known again."),
    field("select", Shapes::Both, Kind::Object(SELECT), "Which disks: all that is said has to fit."),
    field("filesystem", Shapes::Both, Kind::Choice(&["xfs", "ext4"]), "File system; xfs if not said."),
    text("mountPath", Check::Path, "Where it is mounted; of several disks, /1, /2 … below it."),
    field("wipe", Shapes::Both, Kind::Bool, "Overwrite what is on the disk; otherwise a disk that holds anything is refused."),
];

static SELECT: &[Field] = &[
    field("instanceStore", Shapes::Both, Kind::Bool, "Whether it is one of the instance store."),
    field("unmounted", Shapes::Both, Kind::Bool, "Not mounted, as every disk that is taken; false is refused."),
    field("notRoot", Shapes::Both, Kind::Bool, "Not the root disk, as every disk that is taken; false is refused."),
    text("minSize", Check::Size, "Least size, such as 500GB or 1TiB."),
    text("model", Check::Any, "Part of the disk's model."),
    text("count", Check::Count, "How many disks; one if not said."),
];

static LOCAL_STORAGE: &[Field] = &[
    field("strategy", Shapes::Both, Kind::Choice(STRATEGIES), "How the disks are put together; without it they are left alone."),
    field("mountPath", EC2, Kind::Text(Check::Path), "Where they are mounted; /mnt/k8s-disks/ if not said."),
    field("disabledMounts", EC2, Kind::Choices(MOUNTS), "Directories that are not moved to the disks."),
];

static NETWORK: &[Field] = &[
    field("nameservers", EC2, Kind::Texts(Check::Nameserver), "Addresses of name servers."),
    field("domains", EC2, Kind::Texts(Check::Domain), "Search domains."),
];

static KUBELET: &[Field] = &[
    field("config", Shapes::Both, Kind::Free, "A KubeletConfiguration, or part of one, that is merged over ours."),
    field("flags", Shapes::Both, Kind::Texts(Check::Flag), "Command line arguments of the kubelet, put after ours; one text a flag."),
    field(
        "maxPodsExpression",
        EC2,
        Kind::Text(Check::Cel),
        "CEL expression for the number of pods, with default_enis, ips_per_eni and max_pods.",
    ),
];

static HYBRID_FIELDS: &[Field] = &[
    field("enableCredentialsFile", HYBRID, Kind::Bool, "Share the node's AWS credentials with pods at /eks-hybrid/.aws."),
    field("iamRolesAnywhere", HYBRID, Kind::Object(ROLES_ANYWHERE), "Credentials by an X.509 certificate."),
    field("ssm", HYBRID, Kind::Object(SSM), "Credentials by a Systems Manager hybrid activation."),
];

static ROLES_ANYWHERE: &[Field] = &[
    field("nodeName", HYBRID, Kind::Text(Check::NodeName), "Name of the node and of its role session."),
    field("trustAnchorArn", HYBRID, Kind::Text(Check::TrustAnchor), "ARN of the trust anchor."),
    field("profileArn", HYBRID, Kind::Text(Check::Profile), "ARN of the Roles Anywhere profile."),
    field("roleArn", HYBRID, Kind::Text(Check::Role), "ARN of the IAM role."),
    field("awsConfigPath", HYBRID, Kind::Text(Check::Path), "Where the AWS configuration is written; /etc/aws/hybrid/config if not said."),
    field("certificatePath", HYBRID, Kind::Text(Check::Path), "The node's certificate; /etc/iam/pki/server.pem if not said."),
    field("privateKeyPath", HYBRID, Kind::Text(Check::Path), "The certificate's key; /etc/iam/pki/server.key if not said."),
];

static SSM: &[Field] = &[
    field("activationCode", HYBRID, Kind::Text(Check::ActivationCode), "Secret code of the activation, 20 to 250 characters."),
    field("activationId", HYBRID, Kind::Text(Check::ActivationId), "Id of the activation, a lower-case UUID."),
];

/// Where a key of this name belongs, if there is one place only: its path.
pub(super) fn home(name: &str) -> Option<String> {
    let mut homes = Vec::new();
    search(SPEC, "spec", name, &mut homes);
    match homes.as_slice() {
        [home] => Some(home.clone()),
        _ => None,
    }
}

fn search(fields: &[Field], path: &str, name: &str, homes: &mut Vec<String>) {
    for field in fields {
        if field.name == name {
            homes.push(path.to_owned());
        }
        if let Kind::Object(inner) = field.kind {
            search(inner, &format!("{path}.{}", field.name), name, homes);
        }
    }
}
