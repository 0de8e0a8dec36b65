//! What actions can be limited to.

use serde_json::{Value, json};

use crate::config::arn;

/// What an action is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum On {
    /// Everything: IAM knows nothing narrower.
    All,
    /// Everything of the region: what it makes has no name before.
    Region,
    /// The cluster with its add-ons, entries, node groups and associations.
    Cluster,
    /// Its stacks.
    Stacks,
    /// Roles that its stacks make, and given ones.
    Roles,
    /// Roles that AWS's services make for themselves.
    ServiceRoles,
    /// Instance profiles and policies that its stacks make.
    Iam,
    /// OpenID Connect providers of EKS's clusters in the region.
    OpenIdConnect,
    /// Trust anchors and profiles of Roles Anywhere.
    RolesAnywhere,
    /// Machines that came with an activation for the cluster.
    Machines,
    /// Objects of the bucket for templates.
    Bucket,
    /// Log groups of the cluster.
    Logs,
    /// Keys of KMS, as far as EKS uses them.
    Keys,
    /// Nothing: AWS allows it to everybody.
    Nothing,
}

/// What an action is done to (service authorization reference).
pub fn on(action: &str) -> On {
    let (service, name) = action.split_once(':').unwrap_or(("", action));
    match service {
        "sts" => On::Nothing,
        "ec2" if name.starts_with("Describe") || name.starts_with("Search") => On::All,
        "autoscaling" if name.starts_with("Describe") => On::All,
        "ec2" | "autoscaling" => On::Region,
        "eks" if ["ListClusters", "DescribeClusterVersions", "DescribeAddonVersions", "CreateCluster"].contains(&name) => On::Region,
        "eks" => On::Cluster,
        "cloudformation" if ["ListStacks", "DescribeStacks", "DescribeStackDriftDetectionStatus"].contains(&name) => On::All,
        "cloudformation" => On::Stacks,
        "iam" if name == "CreateServiceLinkedRole" => On::ServiceRoles,
        "iam" if ["ListOpenIDConnectProviders", "SimulatePrincipalPolicy", "GetPolicy", "GetPolicyVersion"].contains(&name) => On::All,
        "iam" if name.contains("OpenIDConnectProvider") => On::OpenIdConnect,
        "iam" if name.contains("InstanceProfile") || (name.contains("Policy") && !name.contains("Role")) => On::Iam,
        "iam" => On::Roles,
        "rolesanywhere" => On::RolesAnywhere,
        "ssm" if name == "DeregisterManagedInstance" => On::Machines,
        "s3" => On::Bucket,
        "logs" if name != "DescribeLogGroups" => On::Logs,
        "kms" => On::Keys,
        _ => On::All,
    }
}

/// One cluster of one account.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// `aws` and so on.
    pub partition: &'a str,
    /// Region.
    pub region: &'a str,
    /// Twelve digits; `*` if it is not known.
    pub account: &'a str,
    /// Name of the cluster.
    pub cluster: &'a str,
    /// Roles that exist and are passed on, by ARN.
    pub roles: &'a [&'a str],
    /// Bucket for templates that are too large for a request.
    pub bucket: Option<&'a str>,
}

impl Scope<'_> {
    /// ARNs; none: nothing has to be allowed.
    pub(super) fn resources(&self, on: On) -> Option<Vec<String>> {
        let Self { partition, region, account, cluster, .. } = self;
        let regional = |service: &str, rest: &str| format!("arn:{partition}:{service}:{region}:{account}:{rest}");
        let iam = |rest: &str| format!("arn:{partition}:iam::{account}:{rest}");
        let of_stacks = |kind: &str| ["eksctl", "hybridge"].map(|maker| iam(&format!("{kind}/{maker}-{cluster}-*"))).to_vec();
        Some(match on {
            On::Nothing => return None,
            On::All | On::Region | On::Keys => vec!["*".to_owned()],
            On::Cluster => vec![regional("eks", &format!("cluster/{cluster}")), regional("eks", &format!("*/{cluster}/*"))],
            On::Stacks => ["eksctl", "hybridge"].map(|maker| regional("cloudformation", &format!("stack/{maker}-{cluster}-*/*"))).to_vec(),
            On::Roles => of_stacks("role").into_iter().chain(self.roles.iter().map(|role| (*role).to_owned())).collect(),
            On::ServiceRoles => vec![iam("role/aws-service-role/*")],
            On::Iam => of_stacks("instance-profile").into_iter().chain(of_stacks("policy")).collect(),
            On::OpenIdConnect => vec![iam(&format!("oidc-provider/oidc.eks.{region}.*"))],
            On::RolesAnywhere => vec![regional("rolesanywhere", "*")],
            On::Machines => vec![regional("ssm", "managed-instance/*")],
            On::Logs => vec![regional("logs", &format!("log-group:/aws/eks/{cluster}/*"))],
            On::Bucket => vec![format!("arn:{partition}:s3:::{}/*", self.bucket?)],
        })
    }

    pub(super) fn condition(&self, on: On) -> Option<Value> {
        match on {
            On::Region => Some(json!({ "StringEquals": { "aws:RequestedRegion": self.region } })),
            On::Keys => Some(json!({ "StringLike": { "kms:ViaService": format!("eks.{}.*", self.region) } })),
            On::Machines => {
                let arn = arn::of_cluster(self.partition, self.region, self.account, self.cluster);
                Some(json!({ "StringLike": { "aws:ResourceTag/EKSClusterARN": arn } }))
            }
            On::All
            | On::Cluster
            | On::Stacks
            | On::Roles
            | On::ServiceRoles
            | On::Iam
            | On::OpenIdConnect
            | On::RolesAnywhere
            | On::Bucket
            | On::Logs
            | On::Nothing => None,
        }
    }
}
