//! Roles of service accounts, by OpenID Connect and by Pod Identity, each in a stack of its own.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::cfn::{Resource, Template, Value};
use super::document::document;
use super::{Purpose, StackPlan, plan};
use crate::config::{PodIdentityAssociation, ServiceAccount};
use crate::resolve::Cluster;
use crate::world::World;

pub(super) fn stacks(cluster: &Cluster, world: &World) -> Vec<StackPlan> {
    let iam = &cluster.config.iam;
    let provider = Provider::of(world);
    let accounts = iam.service_accounts.iter().filter(|account| account.attach_role_arn.is_empty());
    let accounts = accounts.filter_map(|account| Some(by_openid_connect(cluster, account, provider.as_ref()?)));
    let identities = iam.pod_identity_associations.iter().filter(|association| association.role_arn.is_empty());
    accounts.chain(identities.map(|association| by_pod_identity(cluster, association))).collect()
}

pub(super) fn later(cluster: &Cluster, world: &World) -> Vec<String> {
    if Provider::of(world).is_some() {
        return Vec::new();
    }
    let accounts = cluster.config.iam.service_accounts.iter().filter(|account| account.attach_role_arn.is_empty());
    accounts.map(|account| account_stack_name(cluster, account)).collect()
}

/// The cluster's OpenID Connect provider in IAM.
struct Provider {
    arn: String,
    /// Issuer without its scheme.
    issuer: String,
}

impl Provider {
    /// Known when EKS has made the cluster.
    fn of(world: &World) -> Option<Self> {
        let cluster = world.cluster.as_ref()?;
        let issuer = cluster.identity.oidc.issuer.strip_prefix("https://")?.to_owned();
        // arn:<partition>:eks:<region>:<account>:cluster/<name>
        let mut parts = cluster.arn.split(':').skip(1);
        let partition = parts.next()?;
        let account = parts.nth(2)?;
        Some(Self { arn: format!("arn:{partition}:iam::{account}:oidc-provider/{issuer}"), issuer })
    }
}

fn namespace(account: &ServiceAccount) -> &str {
    if account.metadata.namespace.is_empty() { "default" } else { &account.metadata.namespace }
}

fn account_stack_name(cluster: &Cluster, account: &ServiceAccount) -> String {
    let name = &cluster.config.metadata.name;
    format!("eksctl-{name}-addon-iamserviceaccount-{}-{}", namespace(account), account.metadata.name)
}

fn by_openid_connect(cluster: &Cluster, account: &ServiceAccount, provider: &Provider) -> StackPlan {
    let (namespace, name) = (namespace(account), &account.metadata.name);
    let issuer = &provider.issuer;
    let conditions = [
        (format!("{issuer}:sub"), Value::from(format!("system:serviceaccount:{namespace}:{name}"))),
        (format!("{issuer}:aud"), Value::from("sts.amazonaws.com")),
    ];
    let trusted = Value::object([
        ("Effect", Value::from("Allow")),
        ("Action", Value::list(["sts:AssumeRoleWithWebIdentity"])),
        ("Principal", Value::object([("Federated", Value::from(&provider.arn))])),
        ("Condition", Value::object([("StringEquals", Value::object(conditions))])),
    ]);
    let role = Role {
        name: &account.role_name,
        boundary: &account.permissions_boundary,
        managed: &account.attach_policy_arns,
        inline: &account.attach_policy,
        trusted,
    };
    let template = role.template(format!("IAM role for serviceaccount \"{namespace}/{name}\" [created and managed by eksctl]"));
    let mut stack = plan(cluster, account_stack_name(cluster, account), Purpose::ServiceAccount, template);
    tag(&mut stack, &account.tags, "alpha.eksctl.io/iamserviceaccount-name", namespace, name);
    stack
}

fn by_pod_identity(cluster: &Cluster, association: &PodIdentityAssociation) -> StackPlan {
    let (namespace, name) = (&association.namespace, &association.service_account_name);
    let trusted = Value::object([
        ("Effect", Value::from("Allow")),
        ("Action", Value::list(["sts:AssumeRole", "sts:TagSession"])),
        ("Principal", Value::object([("Service", Value::from("pods.eks.amazonaws.com"))])),
    ]);
    let role = Role {
        name: &association.role_name,
        boundary: &association.permissions_boundary_arn,
        managed: &association.permission_policy_arns,
        inline: &association.permission_policy,
        trusted,
    };
    let template = role.template("IAM role for pod identity association [created and managed by eksctl]".to_owned());
    let stack_name = format!("eksctl-{}-podidentityrole-{namespace}-{name}", cluster.config.metadata.name);
    let mut stack = plan(cluster, stack_name, Purpose::PodIdentity, template);
    tag(&mut stack, &association.tags, "alpha.eksctl.io/podidentityassociation-name", namespace, name);
    stack
}

fn tag(stack: &mut StackPlan, tags: &BTreeMap<String, String>, key: &str, namespace: &str, name: &str) {
    stack.tags.extend(tags.clone());
    stack.tags.insert(key.to_owned(), format!("{namespace}/{name}"));
}

/// A role of a service account.
struct Role<'a> {
    name: &'a str,
    boundary: &'a str,
    managed: &'a [String],
    inline: &'a Map<String, Json>,
    trusted: Value,
}

impl Role<'_> {
    fn template(self, description: String) -> Template {
        let mut template = Template::new(description);
        let role = Resource::new("AWS::IAM::Role")
            .set("AssumeRolePolicyDocument", document(vec![self.trusted]))
            .set_some("RoleName", (!self.name.is_empty()).then_some(self.name))
            .set_some("PermissionsBoundary", (!self.boundary.is_empty()).then_some(self.boundary))
            .set_some("ManagedPolicyArns", (!self.managed.is_empty()).then(|| Value::list(self.managed)));
        let role = template.add("Role1", role);
        if !self.inline.is_empty() {
            let policy = Resource::new("AWS::IAM::Policy")
                .set("PolicyName", Value::sub("${AWS::StackName}-Policy1"))
                .set("Roles", Value::List(vec![role]))
                .set("PolicyDocument", &Json::Object(self.inline.clone()));
            template.add("Policy1", policy);
        }
        template.output("Role1", Value::attribute("Role1", "Arn"));
        template
    }
}
