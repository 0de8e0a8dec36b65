//! Which permission of IAM a call needs.

/// The IAM action behind a call of ours.
pub(super) fn permission(action: &str) -> String {
    format!("`{}:{}`", service(action), name(action))
}

/// Permissions that are not called as the call is (service authorization reference).
fn name(action: &str) -> &str {
    match action {
        "GetPublicAuthorizationToken" => "GetAuthorizationToken` and `sts:GetServiceBearerToken",
        other => other,
    }
}

fn service(action: &str) -> &'static str {
    const SERVICES: [(&str, &[&str]); 10] = [
        ("ecr", &["GetAuthorizationToken"]),
        ("ecr-public", &["GetPublicAuthorizationToken"]),
        ("sts", &["GetCallerIdentity", "AssumeRole"]),
        ("rolesanywhere", &["CreateSession", "GetProfile", "GetTrustAnchor", "ListProfiles", "ListTrustAnchors"]),
        ("s3", &["PutObject", "DeleteObject"]),
        ("logs", &["DescribeLogGroups", "CreateLogGroup", "PutRetentionPolicy"]),
        ("route53resolver", &["ListResolverEndpoints", "ListResolverEndpointIpAddresses"]),
        (
            "ssm",
            &[
                "CreateActivation",
                "DeleteActivation",
                "DescribeActivations",
                "DescribeInstanceInformation",
                "DeregisterManagedInstance",
                "AddTagsToResource",
            ],
        ),
        (
            "iam",
            &[
                "GetRole",
                "ListAttachedRolePolicies",
                "ListRolePolicies",
                "GetRolePolicy",
                "SimulatePrincipalPolicy",
                "CreateOpenIDConnectProvider",
                "GetOpenIDConnectProvider",
                "DeleteOpenIDConnectProvider",
                "ListOpenIDConnectProviders",
            ],
        ),
        (
            "cloudformation",
            &[
                "DescribeStacks",
                "ListStacks",
                "GetTemplate",
                "ListStackResources",
                "DescribeStackEvents",
                "CreateChangeSet",
                "DescribeChangeSet",
                "ExecuteChangeSet",
                "DeleteChangeSet",
                "ListChangeSets",
                "DeleteStack",
                "UpdateTerminationProtection",
                "ContinueUpdateRollback",
                "DetectStackDrift",
                "DescribeStackDriftDetectionStatus",
                "DescribeStackResourceDrifts",
            ],
        ),
    ];
    const EC2: [&str; 22] = [
        "DescribeInstances",
        "DescribeInstanceTypes",
        "DescribeAvailabilityZones",
        "DescribeVpcs",
        "DescribeVpcAttribute",
        "DescribeSubnets",
        "DescribeRouteTables",
        "DescribeSecurityGroups",
        "DescribeNetworkAcls",
        "DescribeNetworkInterfaces",
        "DescribeVpcEndpointServices",
        "DescribeVpcEndpoints",
        "DescribeTransitGateways",
        "DescribeTransitGatewayAttachments",
        "DescribeTransitGatewayVpcAttachments",
        "SearchTransitGatewayRoutes",
        "DescribeVpnGateways",
        "CreateNetworkInterface",
        "AttachNetworkInterface",
        "DetachNetworkInterface",
        "ModifyNetworkInterfaceAttribute",
        "DeleteNetworkInterface",
    ];
    let of_table = SERVICES.iter().find(|(_, actions)| actions.contains(&action)).map(|(service, _)| *service);
    // What is left is EKS's, which has the most calls.
    of_table.or(EC2.contains(&action).then_some("ec2")).unwrap_or("eks")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_told_by_the_permission_that_they_need() {
        for (action, expected) in [
            ("DescribeCluster", "`eks:DescribeCluster`"),
            ("CreatePodIdentityAssociation", "`eks:CreatePodIdentityAssociation`"),
            ("GetCallerIdentity", "`sts:GetCallerIdentity`"),
            ("GetPublicAuthorizationToken", "`ecr-public:GetAuthorizationToken` and `sts:GetServiceBearerToken`"),
            ("GetAuthorizationToken", "`ecr:GetAuthorizationToken`"),
            ("DescribeSubnets", "`ec2:DescribeSubnets`"),
            ("CreateChangeSet", "`cloudformation:CreateChangeSet`"),
            ("SimulatePrincipalPolicy", "`iam:SimulatePrincipalPolicy`"),
            ("DeleteNetworkInterface", "`ec2:DeleteNetworkInterface`"),
            ("CreateActivation", "`ssm:CreateActivation`"),
            ("PutObject", "`s3:PutObject`"),
        ] {
            assert_eq!(permission(action), expected);
        }
    }
}
