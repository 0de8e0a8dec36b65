//! The cluster's OpenID Connect provider in IAM.

use std::collections::BTreeMap;

use hybridge_cluster::world::LiveCluster;

use super::Deed;
use super::stop::Done;

/// Who may ask for tokens of service accounts.
const AUDIENCE: &str = "sts.amazonaws.com";

/// ARN of the provider that belongs to a cluster: account and partition are those of the cluster's ARN.
pub(in crate::cluster) fn provider_arn(live: &LiveCluster) -> Option<String> {
    let issuer = live.identity.oidc.issuer.strip_prefix("https://")?;
    let mut parts = live.arn.split(':');
    let (partition, account) = (parts.nth(1)?, parts.nth(2)?);
    Some(format!("arn:{partition}:iam::{account}:oidc-provider/{issuer}"))
}

impl Deed {
    /// Makes the provider unless it is there.
    pub(in crate::cluster) async fn oidc(&self, live: &LiveCluster, tags: &BTreeMap<String, String>) -> Done<Option<String>> {
        let Some(arn) = provider_arn(live) else { return Ok(None) };
        if self.session.oidc_provider(&arn).await?.is_some() {
            return Ok(None);
        }
        self.screen.line(format_args!("OpenID Connect provider: making {arn}"));
        self.touch();
        self.session.create_oidc_provider(&live.identity.oidc.issuer, &[AUDIENCE], tags).await?;
        Ok(Some("made the OpenID Connect provider".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_provider_is_named_by_the_clusters_account_and_issuer() {
        let mut live = LiveCluster { arn: "arn:aws-us-gov:eks:us-gov-west-1:111122223333:cluster/shop".into(), ..LiveCluster::default() };
        assert_eq!(provider_arn(&live), None);
        live.identity.oidc.issuer = "https://oidc.eks.us-gov-west-1.amazonaws.com/id/0123".into();
        let expected = "arn:aws-us-gov:iam::111122223333:oidc-provider/oidc.eks.us-gov-west-1.amazonaws.com/id/0123";
        assert_eq!(provider_arn(&live).as_deref(), Some(expected));
    }
}
