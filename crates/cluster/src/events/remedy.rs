//! What to do about reasons that AWS gives and that are known.

/// A known reason, by a code that is stable, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remedy {
    /// Such as `stack.limit`.
    pub code: &'static str,
    /// What to do.
    pub fix: String,
}

/// What a caller was not allowed to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// Such as `iam:CreateRole`.
    pub action: String,
    /// ARN; none: AWS does not say.
    pub resource: Option<String>,
    /// Who asked; none: AWS does not say.
    pub principal: Option<String>,
}

/// Takes apart `User: arn:… is not authorized to perform: iam:CreateRole on resource: arn:…`, as IAM and most services say it.
pub fn denied(message: &str) -> Option<Denied> {
    let (before, after) = message.split_once("not authorized to perform: ")?;
    let word = |text: &str| {
        let word = text.split_whitespace().next().unwrap_or_default();
        let word = word.trim_matches(|c: char| !(c.is_ascii_alphanumeric() || c == '*' || c == '/'));
        (!word.is_empty()).then(|| word.to_owned())
    };
    let action = word(after)?;
    let resource = after.split_once("on resource: ").and_then(|(_, rest)| word(rest));
    let principal = before.rsplit_once("User: ").and_then(|(_, rest)| word(rest));
    Some(Denied { action, resource, principal })
}

/// A reason by what it says and, where that is not enough, by the type of the resource; then the code, and what to do.
type Row = (&'static [&'static str], &'static str, &'static str, &'static str);

/// The first row of which a text occurs in the reason counts. Texts are those of EC2, EKS, IAM and CloudFormation (their API references,
/// "Errors"; issues of eksctl).
const ROWS: &[Row] = &[
    (
        &["VpcLimitExceeded", "maximum number of VPCs"],
        "",
        "stack.limit",
        "delete a VPC that is not used, give the cluster one that exists (`vpc.id`, `vpc.subnets`), or have the quota L-F678F1CE (VPCs per region) raised",
    ),
    (
        &["AddressLimitExceeded", "maximum number of addresses"],
        "",
        "stack.limit",
        "release addresses that are not used, write `vpc.nat.gateway: Disable` or `Single`, or have the quota L-0263D0A3 (Elastic IPs) raised",
    ),
    (
        &["NatGatewayLimitExceeded"],
        "",
        "stack.limit",
        "write `vpc.nat.gateway: Disable` or `Single`, or have the quota L-FE5A380F (NAT gateways per zone) raised",
    ),
    (
        &["InternetGatewayLimitExceeded", "maximum number of internet gateways"],
        "",
        "stack.limit",
        "delete an internet gateway that is not used, or have the quota L-A4707A72 raised",
    ),
    (
        &["RulesPerSecurityGroupLimitExceeded", "maximum number of rules per security group"],
        "",
        "stack.limit",
        "write larger and fewer networks, or have the quota L-0EA8095F (rules per security group) raised",
    ),
    (
        &["RouteLimitExceeded", "maximum number of routes"],
        "",
        "stack.limit",
        "write larger and fewer networks, or have the quota L-93826ACB (routes per route table) raised",
    ),
    (
        &["cluster limit", "ResourceLimitExceeded"],
        "AWS::EKS::Cluster",
        "stack.limit",
        "delete a cluster that is not used, or have the quota L-1194D53C (EKS clusters) raised",
    ),
    (
        &["LimitExceeded", "limit exceeded", "Cannot exceed quota"],
        "",
        "stack.limit",
        "delete what is not used, or have the quota raised (Service Quotas in the console names it)",
    ),
    (
        &["UnsupportedAvailabilityZone"],
        "",
        "stack.zone",
        "name other zones in `availabilityZones`; the reason lists those that EKS can use",
    ),
    (
        &["InsufficientInstanceCapacity", "Insufficient capacity"],
        "",
        "stack.capacity",
        "name more instance types or other zones in the node group",
    ),
    (
        &["overlaps with", "conflicts with another subnet", "InvalidSubnet.Conflict", "overlapping CIDR"],
        "",
        "stack.overlap",
        "write networks that do not overlap; `hybridge cluster validate` and `plan` propose a free one",
    ),
    (
        &["the specified rule", "InvalidPermission.Duplicate"],
        "",
        "stack.duplicate",
        "name each network once, in `remoteNetworkConfig` or in `vpc.extraCIDRs`",
    ),
    (
        &["RouteAlreadyExists", "The route identified by"],
        "",
        "stack.duplicate",
        "take the route out of the table, or write `hybridge/pod-routes: hybridge-gateway` if gateways own it",
    ),
    (
        &["cannot be deleted as it is in use by", "cannot be updated as it is in use by", "is in use by"],
        "",
        "stack.export",
        "another stack imports this output: delete that stack, or take the import out of it, first",
    ),
    (
        &["has a dependent object", "DependencyViolation", "has dependencies and cannot be deleted", "has some mapped public address"],
        "",
        "stack.dependency",
        "something that the stack does not own is still in the VPC, often a load balancer or network interfaces: delete it, then run the same command again",
    ),
    (
        &["AlreadyExists", "already exists"],
        "AWS::IAM::",
        "stack.exists",
        "delete the role or profile of this name, or leave the name to CloudFormation",
    ),
    (
        &["already exists with the name", "Cluster already exists"],
        "AWS::EKS::Cluster",
        "stack.exists",
        "a cluster of this name exists that this stack does not own: choose another `metadata.name`, or use `hybridge cluster update --import`",
    ),
    (
        &["AlreadyExists", "already exists", "already in use"],
        "AWS::EKS::AccessEntry",
        "stack.exists",
        "an entry for this role exists that this stack does not own: delete it (`aws eks delete-access-entry`), then run the same command again",
    ),
    (&["AlreadyExists", "already exists"], "", "stack.exists", "delete what exists under this name, or give the cluster another name"),
    (
        &["NodeCreationFailure", "Instances failed to join"],
        "AWS::EKS::Nodegroup",
        "stack.join",
        "instances started and did not join: see that their subnets reach the cluster's endpoint, ECR, STS and EC2 (NAT gateway or VPC endpoints)",
    ),
    (
        &["IncorrectState", "is in invalid state", "pendingAcceptance"],
        "AWS::EC2::TransitGateway",
        "stack.gateway",
        "see that the transit gateway is `available` and accepts attachments of this account",
    ),
    (
        &["AssumeRole", "is not authorized to assume", "cannot be assumed"],
        "",
        "stack.role",
        "see that the role trusts the service that the reason names",
    ),
    (
        &["Rate exceeded", "Throttling", "RequestLimitExceeded"],
        "",
        "stack.throttled",
        "AWS asked for fewer calls: run the same command again in a few minutes",
    ),
];

/// What to do about a reason of a resource of type `kind`; none: the reason is not known here.
pub fn remedy(kind: &str, reason: &str) -> Option<Remedy> {
    if let Some(Denied { action, resource, .. }) = denied(reason) {
        let resource = resource.unwrap_or_else(|| "*".into());
        return Some(Remedy { code: "stack.denied", fix: format!("allow `{action}` on `{resource}` to whoever runs this command") });
    }
    if ["AccessDenied", "UnauthorizedOperation", "not authorized to perform this operation"].iter().any(|text| reason.contains(text)) {
        let fix = format!(
            "allow whoever runs this command to make and delete {kind}; `aws sts decode-authorization-message` tells which action it was"
        );
        return Some(Remedy { code: "stack.denied", fix });
    }
    let row = ROWS.iter().find(|(texts, of, ..)| kind.starts_with(of) && texts.iter().any(|text| reason.contains(text)))?;
    Some(Remedy { code: row.2, fix: row.3.into() })
}
