//! From a caller of AWS to a user of Kubernetes, by the cluster's access entries.

use super::NotAuthenticated;
use crate::aws::key::{AccessKey, Principal};
use crate::aws::{Aws, EntryKind};

/// A user, as the API server is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubernetesUser {
    /// Its name.
    pub name: String,
    /// What it has for good.
    pub uid: String,
    /// Its groups.
    pub groups: Vec<String>,
    /// The caller's ARN.
    pub arn: String,
}

pub(super) fn of(aws: &Aws, cluster: &str, key: &AccessKey) -> Result<KubernetesUser, NotAuthenticated> {
    let (arn, entry_arn) = (key.principal.arn(aws.account()), key.principal.entry_arn(aws.account()));
    // An entry may name the role with its path, which the session's ARN has lost.
    let name = |arn: &str| arn.rsplit('/').next().unwrap_or_default().to_owned();
    let same_role =
        |entry: &str| entry == entry_arn || entry.contains(":role/") && entry_arn.contains(":role/") && name(entry) == name(&entry_arn);
    let entries = aws.cluster(cluster).map(|cluster| cluster.entries).unwrap_or_default();
    let entry = entries.iter().find(|(entry, _)| same_role(entry)).map(|(_, entry)| entry);
    let entry = entry.ok_or_else(|| NotAuthenticated::NotMapped(arn.clone()))?;
    let user = fill_in(aws, &entry.username, &key.principal);
    let user = user.ok_or_else(|| NotAuthenticated::NoName(arn.clone(), entry.username.clone()))?;
    let mut groups = entry.groups.clone();
    match entry.kind {
        // What kubelets of EKS have besides the entry's own group, as in the ConfigMap aws-auth of the user guide.
        EntryKind::Ec2Linux | EntryKind::HybridLinux => groups.push("system:bootstrappers".into()),
        EntryKind::Standard => {}
    }
    let id = key.principal.user_id();
    let uid = format!("aws-iam-authenticator:{}:{}", aws.account(), id.split(':').next().unwrap_or(&id));
    Ok(KubernetesUser { name: user, uid, groups, arn })
}

/// The placeholders of aws-iam-authenticator: `{{SessionName}}` without at signs, `{{SessionNameRaw}}`, `{{AccountID}}`, and
/// `{{EC2PrivateDNSName}}` for sessions that are named like an instance.
fn fill_in(aws: &Aws, template: &str, principal: &Principal) -> Option<String> {
    const DNS_NAME: &str = "{{EC2PrivateDNSName}}";
    let session = match principal {
        Principal::User(_) => "",
        Principal::Session { session, .. } => session,
    };
    let mut name = template.replace("{{AccountID}}", aws.account());
    if name.contains("{{Session") {
        if session.is_empty() {
            return None;
        }
        name = name.replace("{{SessionNameRaw}}", session).replace("{{SessionName}}", &session.replace('@', "-"));
    }
    if name.contains(DNS_NAME) {
        let dns_name = aws.ec2().state().private_dns_name(&session.parse().ok()?).filter(|name| !name.is_empty())?;
        name = name.replace(DNS_NAME, &dns_name);
    }
    Some(name)
}
