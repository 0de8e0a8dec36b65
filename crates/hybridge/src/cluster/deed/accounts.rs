//! Service accounts in Kubernetes, and who they are in AWS.

use std::time::Duration;

use hybridge_cluster::config::ClusterConfig;
use hybridge_cluster::kubeconfig::merged;
use hybridge_cluster::world::{LiveCluster, Stack};
use hybridge_kube_io::{Kube, ServiceAccount};
use hybridge_report::{Finding, chain};

use super::Deed;
use super::kubeconfig::entry;
use super::stop::Done;

/// For one request of Kubernetes.
pub(in crate::cluster) const WITHIN: Duration = Duration::from_secs(10);
/// Names the role of a service account to EKS's webhook.
const ROLE: &str = "eks.amazonaws.com/role-arn";

/// The Kubernetes API of a cluster, with tokens of this program.
pub(in crate::cluster) async fn connect(live: &LiveCluster, region: &str, profile: Option<&str>) -> Result<Kube, Finding> {
    let text = merged("", &entry(live, region, profile)).ok().flatten().unwrap_or_default();
    let agent = concat!("hybridge/", env!("CARGO_PKG_VERSION"));
    Kube::connect_by(&text, agent, WITHIN).await.map_err(|error| Finding::error("kubernetes.connect", live.endpoint.clone(), chain(&error)))
}

/// A service account and the stack whose role it gets; empty: it gets a role that exists, or none.
#[derive(Clone, Debug)]
struct Account {
    account: ServiceAccount,
    role: String,
    stack: String,
}

impl Deed {
    /// Makes service accounts in Kubernetes. Where the API cannot be reached from here, that is told, and nothing else stops for it.
    pub(in crate::cluster) async fn service_accounts(
        &self,
        config: &ClusterConfig,
        live: &LiveCluster,
        profile: Option<&str>,
    ) -> Done<Accounts> {
        let wanted = wanted(config, &self.cluster);
        let mut accounts = Accounts::default();
        if wanted.is_empty() {
            return Ok(accounts);
        }
        let kube = match connect(live, self.session.region(), profile).await {
            Ok(kube) => kube,
            Err(finding) => return Ok(Accounts { open: vec![finding], ..accounts }),
        };
        for Account { mut account, role, stack } in wanted {
            if !stack.is_empty() || !role.is_empty() {
                account.annotations.insert(ROLE.into(), self.role(&role, &stack).await?);
            }
            let name = format!("{}/{}", account.namespace, account.name);
            match kube.ensure_service_account(&account, WITHIN).await {
                Ok(true) => {
                    self.touch();
                    accounts.done.push(format!("made service account {name}"));
                }
                Ok(false) => {}
                Err(error) => {
                    let finding = Finding::error("kubernetes.account", format!("service account {name}"), chain(&error));
                    accounts.open.push(finding.fix("run the same command again from where the cluster's endpoint can be reached"));
                }
            }
        }
        Ok(accounts)
    }

    /// A role's ARN: the one that is given, or that of a stack of ours.
    pub(in crate::cluster) async fn role(&self, given: &str, stack: &str) -> Done<String> {
        if !given.is_empty() {
            return Ok(given.to_owned());
        }
        let found = self.stack(stack).await?;
        let output = found.as_ref().and_then(|stack| output(stack, "Role1"));
        output.map(str::to_owned).ok_or_else(|| Finding::error("stack.output", format!("stack {stack}"), "it has no output Role1").into())
    }
}

/// What became of service accounts.
#[derive(Debug, Default)]
pub(in crate::cluster) struct Accounts {
    /// What was done.
    pub(in crate::cluster) done: Vec<String>,
    /// What could not be done from here.
    pub(in crate::cluster) open: Vec<Finding>,
}

/// An output of a stack.
pub(in crate::cluster) fn output<'a>(stack: &'a Stack, key: &str) -> Option<&'a str> {
    stack.outputs.iter().find(|output| output.output_key == key).map(|output| output.output_value.as_str())
}

fn wanted(config: &ClusterConfig, cluster: &str) -> Vec<Account> {
    let by_oidc = config.iam.service_accounts.iter().filter(|account| account.role_only != Some(true)).map(|account| {
        let metadata = &account.metadata;
        let namespace = if metadata.namespace.is_empty() { "default" } else { &metadata.namespace };
        let stack = format!("eksctl-{cluster}-addon-iamserviceaccount-{namespace}-{}", metadata.name);
        Account {
            account: ServiceAccount {
                namespace: namespace.to_owned(),
                name: metadata.name.clone(),
                labels: metadata.labels.clone(),
                annotations: metadata.annotations.clone(),
            },
            role: account.attach_role_arn.clone(),
            stack: if account.attach_role_arn.is_empty() { stack } else { String::new() },
        }
    });
    let by_pod_identity = config.iam.pod_identity_associations.iter().filter(|association| association.create_service_account);
    let by_pod_identity = by_pod_identity.map(|association| Account {
        account: ServiceAccount {
            namespace: association.namespace.clone(),
            name: association.service_account_name.clone(),
            ..ServiceAccount::default()
        },
        role: String::new(),
        stack: String::new(),
    });
    by_oidc.chain(by_pod_identity).collect()
}

#[cfg(test)]
mod tests {
    use hybridge_cluster::config::{PodIdentityAssociation, ServiceAccountMetadata};

    use super::*;

    #[test]
    fn accounts_are_made_unless_only_their_roles_are_asked_for() {
        let metadata = ServiceAccountMetadata { name: "web".into(), ..ServiceAccountMetadata::default() };
        let account = hybridge_cluster::config::ServiceAccount { metadata, ..Default::default() };
        let mut config = ClusterConfig::default();
        config.iam.service_accounts = vec![
            account.clone(),
            hybridge_cluster::config::ServiceAccount { role_only: Some(true), ..account.clone() },
            hybridge_cluster::config::ServiceAccount { attach_role_arn: "arn:role".into(), ..account },
        ];
        let association = PodIdentityAssociation { namespace: "shop".into(), service_account_name: "db".into(), ..Default::default() };
        config.iam.pod_identity_associations =
            vec![association.clone(), PodIdentityAssociation { create_service_account: true, ..association }];
        let told: Vec<_> =
            wanted(&config, "c").into_iter().map(|account| (account.account.namespace, account.account.name, account.stack)).collect();
        let expected = [("default", "web", "eksctl-c-addon-iamserviceaccount-default-web"), ("default", "web", ""), ("shop", "db", "")];
        assert_eq!(told, expected.map(|(namespace, name, stack)| (namespace.to_owned(), name.to_owned(), stack.to_owned())));
    }
}
