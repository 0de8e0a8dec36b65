//! Why keys of eksctl's are not handled, and what to do instead.

/// A reason.
#[derive(Debug)]
pub(super) struct Refusal {
    /// Why, after "is eksctl's, and not handled by hybridge: ".
    pub(super) why: &'static str,
    /// What to do.
    pub(super) instead: &'static str,
    /// What will be missing if it is left out.
    pub(super) without: &'static str,
    /// A value that asks for what is so anyway.
    pub(super) harmless: Option<&'static str>,
}

const fn refusal(why: &'static str, instead: &'static str, without: &'static str) -> Refusal {
    Refusal { why, instead, without, harmless: None }
}

const fn unless(harmless: &'static str, refusal: Refusal) -> Refusal {
    Refusal { harmless: Some(harmless), ..refusal }
}

pub(super) static NODE_GROUPS: Refusal = refusal(
    "it makes EC2 nodes by Auto Scaling groups of one's own",
    "write managedNodeGroups, or autoModeConfig",
    "the EC2 nodes of these groups",
);
pub(super) static FARGATE: Refusal = refusal(
    "pods on Fargate cannot talk to hybrid nodes' networks through the gateway",
    "make the profiles with `aws eks create-fargate-profile` once the cluster is there",
    "Fargate profiles and their role",
);
pub(super) static KARPENTER: Refusal = refusal(
    "it installs a chart into the cluster",
    "write autoModeConfig, which has Karpenter in it, or install its chart with Helm",
    "Karpenter and its roles",
);
pub(super) static GITOPS: Refusal = refusal("it installs Flux into the cluster", "run `flux bootstrap` once the cluster is there", "Flux");
pub(super) static OUTPOST: Refusal = refusal(
    "hybrid nodes cannot be on Outposts, and a local cluster has none",
    "use eksctl for local clusters on racks; write the annotation hybridge/outposts-servers for nodes on Outposts servers",
    "the Outpost: the cluster will be in the region",
);
pub(super) static LOCAL_ZONES: Refusal = refusal(
    "hybrid nodes cannot be in local zones, and EKS does not take their subnets",
    "make these subnets beside the cluster",
    "the subnets in local zones",
);
pub(super) static IDENTITY_PROVIDERS: Refusal = refusal(
    "it changes the cluster after it was made",
    "run `aws eks associate-identity-provider-config` once the cluster is there",
    "logins by OpenID Connect",
);
pub(super) static IDENTITY_MAPPINGS: Refusal =
    refusal("it writes aws-auth, a ConfigMap that EKS gives up", "write accessConfig.accessEntries", "access of these users and roles");
pub(super) static CAPABILITIES: Refusal = refusal(
    "it installs Argo CD, ACK or kro into the cluster",
    "run `aws eks create-capability` once the cluster is there",
    "the capabilities",
);
pub(super) static KUBE_CONFIG: Refusal = refusal(
    "it tunes the control plane",
    "set it with `aws eks update-cluster-config` once the cluster is there",
    "these settings: EKS's own are taken",
);
pub(super) static VERSION_UPDATE: Refusal = unless(
    "false",
    refusal(
        "hybridge does not change the version of a cluster that is there",
        "say it to `aws eks update-cluster-version`",
        "nothing when a cluster is made; it counts for changes of version",
    ),
);
pub(super) static IPV6: Refusal = unless(
    "false",
    refusal("hybrid nodes have IPv4 only", "leave it out; a cluster without hybrid nodes may have IPv6: use eksctl for it", "IPv6"),
);
pub(super) static WELL_KNOWN: Refusal = refusal(
    "eksctl writes policies of its own for it, which change with its releases",
    "write the policies: attachPolicyARNs or attachPolicy (permissionPolicyARNs or permissionPolicy)",
    "the rights that the names stand for",
);
pub(super) static SUBJECT_PATTERN: Refusal = refusal(
    "roles are made for one service account each",
    "make the role yourself and write attachRoleARN",
    "the pattern: only the named account may take the role",
);
pub(super) static STATUS: Refusal = refusal("eksctl writes it, nobody else", "leave it out", "nothing");
pub(super) static POLICY_NAME: Refusal = refusal(
    "the policy's name follows from the role's",
    "leave it out, or make the policy yourself and write permissionPolicyARNs",
    "the name: the policy gets another",
);
pub(super) static ASSOCIATION: Refusal = refusal(
    "associations are made with a role and nothing more",
    "set it with `aws eks update-pod-identity-association` once the association is there",
    "this setting of the association",
);
pub(super) static ADDON_ROLE: Refusal = refusal(
    "roles of add-ons are not made",
    "make the role and write serviceAccountRoleARN, or write iam.podIdentityAssociations",
    "the rights of the add-on",
);
pub(super) static ADDON_IDENTITY: Refusal = unless(
    "false",
    refusal(
        "associations are not made by way of add-ons",
        "write iam.podIdentityAssociations with the add-on's namespace and service account",
        "the association: the add-on has no rights in AWS",
    ),
);
pub(super) static ADDON_NAMESPACE: Refusal = refusal(
    "add-ons go where EKS puts them",
    "leave it out, or make the add-on with `aws eks create-addon --namespace-config`",
    "the namespace: the add-on goes where EKS puts it",
);
pub(super) static ADDON_FILTER: Refusal =
    refusal("it narrows what eksctl lists, and is no setting of the add-on", "leave it out", "nothing");
pub(super) static VOLUMES: Refusal =
    refusal("of disks only the size can be chosen", "use volumeSize alone, or eksctl for this group", "this setting of the disks");
pub(super) static VOLUME_TYPE: Refusal = unless("gp3", refusal(VOLUMES.why, VOLUMES.instead, VOLUMES.without));
pub(super) static SSH: Refusal =
    refusal("nodes are made without SSH keys", "reach the nodes with `aws ssm start-session`", "SSH to the nodes of this group");
pub(super) static IMAGE: Refusal = refusal(
    "nodes get EKS's newest image of their amiFamily",
    "write amiFamily, or use eksctl for this group",
    "the image: EKS's newest is taken",
);
pub(super) static BOOTSTRAP: Refusal =
    refusal("nodes are set up as EKS sets them up", "leave it out, or use eksctl for this group", "this part of the nodes' set-up");
pub(super) static LAUNCH_TEMPLATE: Refusal =
    refusal("groups get a launch template of hybridge's", "leave it out, or use eksctl for this group", "what the template says");
pub(super) static INSTANCE_SELECTOR: Refusal = refusal(
    "types are not searched for",
    "write instanceTypes: `aws ec2 get-instance-types-from-instance-requirements` finds them",
    "the choice of types: m5.large is taken unless instanceTypes are written",
);
pub(super) static CAPACITY: Refusal =
    refusal("capacity is on demand or spot", "leave it out, or use eksctl for this group", "the reservation or placement");
pub(super) static NODE_SECURITY_GROUPS: Refusal =
    refusal("nodes get the cluster's security group", "add rules to the cluster's security group", "these security groups");
pub(super) static IMDS_V1: Refusal =
    unless("true", refusal("nodes have IMDSv2 only", "leave it out, and have programs use IMDSv2", "IMDSv1"));
pub(super) static INSTANCE_OFF: Refusal = unless("false", refusal(INSTANCE.why, INSTANCE.instead, INSTANCE.without));
pub(super) static INSTANCE: Refusal = refusal(
    "it is a setting of instances that hybridge does not make",
    "leave it out, or use eksctl for this group",
    "this setting of the group",
);
pub(super) static NODE_ROLE: Refusal = refusal(
    "the role of nodes is made with the policies that nodes need, or given whole",
    "make the role yourself and write instanceRoleARN",
    "this setting of the role",
);
