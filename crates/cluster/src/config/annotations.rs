//! What eksctl's file has no key for: `metadata.annotations` that begin with `hybridge/`, so that the file stays eksctl's.

/// What the annotations ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Annotations {
    /// `hybridge/trust-anchor-arn`: a trust anchor that exists; with `profile_arn`, in place of `caBundleCert`.
    pub trust_anchor_arn: Option<String>,
    /// `hybridge/profile-arn`: a Roles Anywhere profile that exists.
    pub profile_arn: Option<String>,
    /// `hybridge/role-arns`: more roles of hybrid nodes that exist, one for each site; comma or blank between them. Each gets an entry.
    pub role_arns: Vec<String>,
    /// `hybridge/session-name`: `certificate-cn` (the default) lets a certificate join under its own common name only; `any` is eksctl's.
    pub any_session_name: bool,
    /// `hybridge/pod-routes`: `vpc-gateway` (the default) makes routes to pod networks as eksctl does; `hybridge-gateway` leaves them to
    /// the gateways, which point them at themselves.
    pub pod_routes_by_gateway: bool,
    /// `hybridge/pod-identity`: the role may be used for EKS Pod Identity (`eks-auth:AssumeRoleForPodIdentity`).
    pub pod_identity: bool,
    /// `hybridge/carrier-grade-nat`: `allowed` takes networks of 100.64.0.0/10 (RFC 6598) for nodes and pods.
    pub carrier_grade_nat: bool,
    /// `hybridge/session-seconds`: how long credentials of Roles Anywhere last; 900 to 43200, 3600 if not said.
    pub session_seconds: Option<u32>,
    /// `hybridge/gateway-subnets`: networks of subnets for gateways, one a zone, in the zones' order; made in a VPC of ours.
    pub gateway_subnets: Vec<String>,
}
