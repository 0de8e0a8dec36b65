//! Roles of service accounts by EKS Pod Identity: no stack has the associations, EKS itself is told of them.

use hybridge_aws::eks::{NewPodIdentity, PodIdentity};
use hybridge_cluster::config::{ClusterConfig, PodIdentityAssociation};
use hybridge_report::Finding;

use super::Deed;
use super::furnish::There;
use super::stop::Done;

/// Tag of what a stack has made, such as the gateway's: the stack takes it away.
const BY_STACK: &str = "aws:cloudformation:stack-name";

impl Deed {
    /// Gives service accounts their roles. Associations that are there get the file's role if that is asked for; those that the file does
    /// not name stay, and are told.
    pub(in crate::cluster) async fn pod_identities(&self, config: &ClusterConfig, there: There) -> Done<Vec<String>> {
        let wanted = &config.iam.pod_identity_associations;
        if wanted.is_empty() && there == There::Left {
            return Ok(Vec::new());
        }
        let known = self.session.pod_identities(&self.cluster).await?;
        let mut done = Vec::new();
        for association in wanted {
            let stack = format!("eksctl-{}-podidentityrole-{}-{}", self.cluster, association.namespace, association.service_account_name);
            match (known.iter().find(|known| is_of(known, association)), there) {
                (None, _) => done.extend(self.associate(config, association, &stack).await?),
                (Some(known), There::Brought) => done.extend(self.reassociate(known, association, &stack).await?),
                (Some(_), There::Left) => {}
            }
        }
        if there == There::Brought {
            for other in known.iter().filter(|known| wanted.iter().all(|wanted| !is_of(known, wanted))) {
                let known =
                    if other.owner_arn.is_empty() { self.session.pod_identity(&self.cluster, &other.association_id).await? } else { None };
                let strange = known.filter(|known| !known.tags.contains_key(BY_STACK));
                crate::tell::findings(&strange.map(|known| self.unlisted_identity(&known)));
            }
        }
        Ok(done)
    }

    async fn associate(&self, config: &ClusterConfig, wanted: &PodIdentityAssociation, stack: &str) -> Done<Option<String>> {
        let role = self.role(&wanted.role_arn, stack).await?;
        self.touch();
        let tags = config.metadata.tags.iter().chain(&wanted.tags).map(|(key, value)| (key.clone(), value.clone())).collect();
        let (namespace, service_account) = (wanted.namespace.as_str(), wanted.service_account_name.as_str());
        let new = NewPodIdentity { namespace, service_account, role_arn: &role, tags: &tags };
        match self.session.create_pod_identity(&self.cluster, &new).await {
            // Somebody else was quicker, or our first answer was lost.
            Err(error) if error.code() == Some("ResourceInUseException") => Ok(None),
            result => Ok(Some(format!("made Pod Identity association {} of {namespace}/{service_account}", result?))),
        }
    }

    async fn reassociate(&self, known: &PodIdentity, wanted: &PodIdentityAssociation, stack: &str) -> Done<Option<String>> {
        let role = self.role(&wanted.role_arn, stack).await?;
        let now = self.session.pod_identity(&self.cluster, &known.association_id).await?;
        if now.is_none_or(|now| now.role_arn == role) {
            return Ok(None);
        }
        self.touch();
        self.session.update_pod_identity(&self.cluster, &known.association_id, &role).await?;
        let PodIdentity { association_id, namespace, service_account, .. } = known;
        Ok(Some(format!("gave Pod Identity association {association_id} of {namespace}/{service_account} the role {role}")))
    }

    fn unlisted_identity(&self, known: &PodIdentity) -> Finding {
        let place = format!("Pod Identity association of {}/{}", known.namespace, known.service_account);
        Finding::warning("pod-identity.unlisted", place, "the file does not name it; it stays").fix(format!(
            "to take it away: aws eks delete-pod-identity-association --association-id {} --cluster-name {}",
            known.association_id, self.cluster
        ))
    }
}

fn is_of(known: &PodIdentity, wanted: &PodIdentityAssociation) -> bool {
    known.namespace == wanted.namespace && known.service_account == wanted.service_account_name
}
