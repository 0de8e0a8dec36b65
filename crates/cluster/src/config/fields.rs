//! The keys of a ClusterConfig as one table: those that are handled, with their types, and those that eksctl knows and hybridge does not.
//!
//! After eksctl's published schema and types (`pkg/apis/eksctl.io/v1alpha5` at 99984adb).

use super::refusals::{self, Refusal};

/// A key of an object.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

/// What a key holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Object(&'static [Field]),
    Objects(&'static [Field]),
    /// Names of the user's choice, an object for each.
    Named(&'static [Field]),
    Text,
    Texts,
    /// Names of the user's choice, a text for each.
    Words,
    Bool,
    /// 0 to 2³² − 1.
    Number,
    Choice(&'static [&'static str]),
    /// The same, in capitals or small letters.
    AnyCase(&'static [&'static str]),
    /// A mapping of anything.
    Free,
    Refused(&'static Refusal),
}

const fn field(name: &'static str, kind: Kind) -> Field {
    Field { name, kind }
}

const fn text(name: &'static str) -> Field {
    field(name, Kind::Text)
}

const fn texts(name: &'static str) -> Field {
    field(name, Kind::Texts)
}

const fn bool(name: &'static str) -> Field {
    field(name, Kind::Bool)
}

const fn number(name: &'static str) -> Field {
    field(name, Kind::Number)
}

const fn words(name: &'static str) -> Field {
    field(name, Kind::Words)
}

const fn refused(name: &'static str, why: &'static Refusal) -> Field {
    field(name, Kind::Refused(why))
}

/// Keys at the top. `apiVersion` and `kind` are read before.
pub(super) static TOP: &[Field] = &[
    text("apiVersion"),
    text("kind"),
    field("metadata", Kind::Object(METADATA)),
    texts("availabilityZones"),
    field("remoteNetworkConfig", Kind::Object(REMOTE)),
    field("vpc", Kind::Object(VPC)),
    field("kubernetesNetworkConfig", Kind::Object(KUBERNETES_NETWORK)),
    field("accessConfig", Kind::Object(ACCESS)),
    field("privateCluster", Kind::Object(PRIVATE)),
    field("iam", Kind::Object(IAM)),
    field("cloudWatch", Kind::Object(&[field("clusterLogging", Kind::Object(&[texts("enableTypes"), number("logRetentionInDays")]))])),
    field("secretsEncryption", Kind::Object(&[text("keyARN")])),
    field("upgradePolicy", Kind::Object(&[field("supportType", Kind::Choice(&["STANDARD", "EXTENDED"]))])),
    field("zonalShiftConfig", Kind::Object(&[bool("enabled")])),
    // ProvisionedControlPlaneTier of EKS's API.
    field(
        "controlPlaneScalingConfig",
        Kind::Object(&[field("tier", Kind::AnyCase(&["standard", "tier-xl", "tier-2xl", "tier-4xl", "tier-8xl"]))]),
    ),
    field("addonsConfig", Kind::Object(&[bool("autoApplyPodIdentityAssociations"), bool("disableDefaultAddons")])),
    field("addons", Kind::Objects(ADDON)),
    field("managedNodeGroups", Kind::Objects(NODE_GROUP)),
    field("autoModeConfig", Kind::Object(AUTO_MODE)),
    refused("nodeGroups", &refusals::NODE_GROUPS),
    refused("fargateProfiles", &refusals::FARGATE),
    refused("karpenter", &refusals::KARPENTER),
    refused("gitops", &refusals::GITOPS),
    refused("outpost", &refusals::OUTPOST),
    refused("localZones", &refusals::LOCAL_ZONES),
    refused("identityProviders", &refusals::IDENTITY_PROVIDERS),
    refused("iamIdentityMappings", &refusals::IDENTITY_MAPPINGS),
    refused("capabilities", &refusals::CAPABILITIES),
    refused("kubeAPIServerConfig", &refusals::KUBE_CONFIG),
    refused("kubeControllerManagerConfig", &refusals::KUBE_CONFIG),
    refused("kubeSchedulerConfig", &refusals::KUBE_CONFIG),
];

static METADATA: &[Field] = &[
    text("name"),
    text("region"),
    text("version"),
    words("tags"),
    words("annotations"),
    refused("forceUpdateVersion", &refusals::VERSION_UPDATE),
    refused("rollbackConfig", &refusals::VERSION_UPDATE),
];

static REMOTE: &[Field] = &[
    field("iam", Kind::Object(&[field("provider", Kind::AnyCase(&["ssm", "ira"])), text("roleARN"), text("caBundleCert")])),
    text("vpcGatewayID"),
    field("remoteNodeNetworks", Kind::Objects(&[texts("cidrs")])),
    field("remotePodNetworks", Kind::Objects(&[texts("cidrs")])),
];

static VPC: &[Field] = &[
    text("id"),
    text("cidr"),
    field("subnets", Kind::Object(&[field("private", Kind::Named(SUBNET)), field("public", Kind::Named(SUBNET))])),
    field("nat", Kind::Object(&[field("gateway", Kind::Choice(&["Single", "HighlyAvailable", "Disable"]))])),
    field("clusterEndpoints", Kind::Object(&[bool("privateAccess"), bool("publicAccess")])),
    texts("publicAccessCIDRs"),
    text("securityGroup"),
    texts("controlPlaneSecurityGroupIDs"),
    texts("controlPlaneSubnetIDs"),
    bool("controlPlaneOnPrivateSubnets"),
    text("sharedNodeSecurityGroup"),
    bool("manageSharedNodeSecurityGroupRules"),
    texts("extraCIDRs"),
    field("hostnameType", Kind::Choice(&["ip-name", "resource-name"])),
    field("controlPlaneEgressMode", Kind::Choice(&["AWS_MANAGED", "CUSTOMER_ROUTED", "CUSTOMER_ISOLATED"])),
    refused("autoAllocateIPv6", &refusals::IPV6),
    refused("ipv6Cidr", &refusals::IPV6),
    refused("ipv6Pool", &refusals::IPV6),
    refused("extraIPv6CIDRs", &refusals::IPV6),
];

static SUBNET: &[Field] = &[text("id"), text("az"), text("cidr")];

static KUBERNETES_NETWORK: &[Field] =
    &[field("ipFamily", Kind::AnyCase(&["IPv4", "IPv6"])), text("serviceIPv4CIDR"), refused("serviceIPv6CIDR", &refusals::IPV6)];

static ACCESS: &[Field] = &[
    field("authenticationMode", Kind::Choice(&["API", "API_AND_CONFIG_MAP", "CONFIG_MAP"])),
    bool("bootstrapClusterCreatorAdminPermissions"),
    field("accessEntries", Kind::Objects(ACCESS_ENTRY)),
];

static ACCESS_ENTRY: &[Field] = &[
    text("principalARN"),
    text("type"),
    texts("kubernetesGroups"),
    text("kubernetesUsername"),
    field("accessPolicies", Kind::Objects(&[text("policyARN"), field("accessScope", Kind::Object(&[text("type"), texts("namespaces")]))])),
];

static PRIVATE: &[Field] = &[bool("enabled"), bool("skipEndpointCreation"), texts("additionalEndpointServices")];

static IAM: &[Field] = &[
    text("serviceRoleARN"),
    text("serviceRolePermissionsBoundary"),
    bool("withOIDC"),
    bool("vpcResourceControllerPolicy"),
    field("serviceAccounts", Kind::Objects(SERVICE_ACCOUNT)),
    field("podIdentityAssociations", Kind::Objects(POD_IDENTITY)),
    refused("fargatePodExecutionRoleARN", &refusals::FARGATE),
    refused("fargatePodExecutionRolePermissionsBoundary", &refusals::FARGATE),
];

static SERVICE_ACCOUNT: &[Field] = &[
    field("metadata", Kind::Object(&[text("name"), text("namespace"), words("labels"), words("annotations")])),
    texts("attachPolicyARNs"),
    field("attachPolicy", Kind::Free),
    text("attachRoleARN"),
    text("permissionsBoundary"),
    text("roleName"),
    bool("roleOnly"),
    words("tags"),
    refused("wellKnownPolicies", &refusals::WELL_KNOWN),
    refused("subjectPattern", &refusals::SUBJECT_PATTERN),
    refused("status", &refusals::STATUS),
];

static POD_IDENTITY: &[Field] = &[
    text("namespace"),
    text("serviceAccountName"),
    bool("createServiceAccount"),
    text("roleARN"),
    text("roleName"),
    text("permissionsBoundaryARN"),
    texts("permissionPolicyARNs"),
    field("permissionPolicy", Kind::Free),
    words("tags"),
    refused("permissionPolicyName", &refusals::POLICY_NAME),
    refused("wellKnownPolicies", &refusals::WELL_KNOWN),
    refused("disableSessionTags", &refusals::ASSOCIATION),
    refused("policy", &refusals::ASSOCIATION),
    refused("targetRoleARN", &refusals::ASSOCIATION),
];

static ADDON: &[Field] = &[
    text("name"),
    text("version"),
    text("configurationValues"),
    text("serviceAccountRoleARN"),
    field("resolveConflicts", Kind::AnyCase(&["none", "overwrite", "preserve"])),
    words("tags"),
    refused("attachPolicy", &refusals::ADDON_ROLE),
    refused("attachPolicyARNs", &refusals::ADDON_ROLE),
    refused("permissionsBoundary", &refusals::ADDON_ROLE),
    refused("wellKnownPolicies", &refusals::ADDON_ROLE),
    refused("podIdentityAssociations", &refusals::ADDON_IDENTITY),
    refused("useDefaultPodIdentityAssociations", &refusals::ADDON_IDENTITY),
    refused("namespaceConfig", &refusals::ADDON_NAMESPACE),
    refused("publishers", &refusals::ADDON_FILTER),
    refused("types", &refusals::ADDON_FILTER),
    refused("owners", &refusals::ADDON_FILTER),
];

static NODE_GROUP: &[Field] = &[
    text("name"),
    text("instanceType"),
    texts("instanceTypes"),
    number("desiredCapacity"),
    number("minSize"),
    number("maxSize"),
    bool("privateNetworking"),
    words("labels"),
    field(
        "taints",
        Kind::Objects(&[text("key"), text("value"), field("effect", Kind::Choice(&["NoSchedule", "PreferNoSchedule", "NoExecute"]))]),
    ),
    field("amiFamily", Kind::AnyCase(AMI_FAMILIES)),
    number("volumeSize"),
    bool("spot"),
    texts("subnets"),
    texts("availabilityZones"),
    field("iam", Kind::Object(NODE_GROUP_IAM)),
    words("tags"),
    field("updateConfig", Kind::Object(&[number("maxUnavailable"), number("maxUnavailablePercentage")])),
    refused("additionalVolumes", &refusals::VOLUMES),
    refused("volumeType", &refusals::VOLUME_TYPE),
    refused("volumeEncrypted", &refusals::VOLUMES),
    refused("volumeIOPS", &refusals::VOLUMES),
    refused("volumeKmsKeyID", &refusals::VOLUMES),
    refused("volumeName", &refusals::VOLUMES),
    refused("volumeThroughput", &refusals::VOLUMES),
    refused("ssh", &refusals::SSH),
    refused("ami", &refusals::IMAGE),
    refused("releaseVersion", &refusals::IMAGE),
    refused("bottlerocket", &refusals::BOOTSTRAP),
    refused("overrideBootstrapCommand", &refusals::BOOTSTRAP),
    refused("preBootstrapCommands", &refusals::BOOTSTRAP),
    refused("maxPodsPerNode", &refusals::BOOTSTRAP),
    refused("launchTemplate", &refusals::LAUNCH_TEMPLATE),
    refused("instanceSelector", &refusals::INSTANCE_SELECTOR),
    refused("capacityReservation", &refusals::CAPACITY),
    refused("instanceMarketOptions", &refusals::CAPACITY),
    refused("placement", &refusals::CAPACITY),
    refused("outpostARN", &refusals::OUTPOST),
    refused("securityGroups", &refusals::NODE_SECURITY_GROUPS),
    refused("disableIMDSv1", &refusals::IMDS_V1),
    refused("disablePodIMDS", &refusals::INSTANCE_OFF),
    refused("ebsOptimized", &refusals::INSTANCE_OFF),
    refused("efaEnabled", &refusals::INSTANCE_OFF),
    refused("enableDetailedMonitoring", &refusals::INSTANCE_OFF),
    refused("propagateASGTags", &refusals::INSTANCE_OFF),
    refused("asgSuspendProcesses", &refusals::INSTANCE),
    refused("instanceName", &refusals::INSTANCE),
    refused("instancePrefix", &refusals::INSTANCE),
    refused("nodeRepairConfig", &refusals::INSTANCE),
];

static NODE_GROUP_IAM: &[Field] = &[
    text("instanceRoleARN"),
    refused("attachPolicy", &refusals::NODE_ROLE),
    refused("attachPolicyARNs", &refusals::NODE_ROLE),
    refused("instanceProfileARN", &refusals::NODE_ROLE),
    refused("instanceRoleName", &refusals::NODE_ROLE),
    refused("instanceRolePermissionsBoundary", &refusals::NODE_ROLE),
    refused("withAddonPolicies", &refusals::NODE_ROLE),
];

static AUTO_MODE: &[Field] = &[bool("enabled"), text("nodeRoleARN"), text("permissionsBoundaryARN"), texts("nodePools")];

/// `NodeImageFamily…` of eksctl.
static AMI_FAMILIES: &[&str] = &[
    "AmazonLinux2023",
    "AmazonLinux2",
    "Bottlerocket",
    "BottlerocketFips",
    "Ubuntu2004",
    "Ubuntu2204",
    "Ubuntu2404",
    "Ubuntu2604",
    "UbuntuPro2004",
    "UbuntuPro2204",
    "UbuntuPro2404",
    "UbuntuPro2604",
    "WindowsServer2019CoreContainer",
    "WindowsServer2019FullContainer",
    "WindowsServer2022CoreContainer",
    "WindowsServer2022FullContainer",
    "WindowsServer2025CoreContainer",
    "WindowsServer2025FullContainer",
];

/// Where a key of this name belongs, if there is one place only: its path.
pub(super) fn home(name: &str) -> Option<String> {
    let mut homes = Vec::new();
    each(&mut |path, field| {
        if field.name == name {
            let above = path.rsplit_once('.').map_or("the top", |(above, _)| above);
            homes.push(above.to_owned());
        }
    });
    homes.dedup();
    match homes.as_slice() {
        [home] => Some(home.clone()),
        _ => None,
    }
}

/// Tells every key of the table with its path, in which lists and names have no part (`managedNodeGroups.ssh`).
pub(super) fn each(tell: &mut dyn FnMut(&str, &'static Field)) {
    walk(TOP, "", tell);
}

fn walk(fields: &'static [Field], above: &str, tell: &mut dyn FnMut(&str, &'static Field)) {
    for field in fields {
        let path = if above.is_empty() { field.name.to_owned() } else { format!("{above}.{}", field.name) };
        tell(&path, field);
        match field.kind {
            Kind::Object(inner) | Kind::Objects(inner) | Kind::Named(inner) => walk(inner, &path, tell),
            Kind::Text | Kind::Texts | Kind::Words | Kind::Bool | Kind::Number => {}
            Kind::Choice(_) | Kind::AnyCase(_) | Kind::Free | Kind::Refused(_) => {}
        }
    }
}
