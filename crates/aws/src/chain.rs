//! Where credentials come from: the default chain of the SDKs, over our transport.

use std::time::{Duration, SystemTime};

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::imds;
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{self, ProvideCredentials, SharedCredentialsProvider, future};
use tokio::sync::Mutex;

use crate::transport::Transport;

/// Each attempt at the metadata service for credentials: to connect, and to be answered.
const IMDS_PATIENCE: Duration = Duration::from_millis(800);
const IMDS_ATTEMPTS: u32 = 2;

/// Credentials that expire sooner are loaded again.
const LEFT: Duration = Duration::from_secs(60);

/// Keeps credentials as long as they are good, so that a session of several calls asks their source once: a `credential_process`
/// may take a second.
#[derive(Debug)]
pub(crate) struct Kept {
    source: SharedCredentialsProvider,
    last: Mutex<Option<Credentials>>,
}

impl Kept {
    /// Asks `source` when credentials are needed for the first time.
    pub(crate) fn from(source: SharedCredentialsProvider) -> SharedCredentialsProvider {
        SharedCredentialsProvider::new(Self { source, last: Mutex::new(None) })
    }

    async fn load(&self) -> provider::Result {
        let mut last = self.last.lock().await;
        let soon = SystemTime::now() + LEFT;
        if let Some(credentials) = last.as_ref().filter(|last| last.expiry().is_none_or(|expiry| expiry > soon)) {
            return Ok(credentials.clone());
        }
        let fresh = self.source.provide_credentials().await?;
        *last = Some(fresh.clone());
        Ok(fresh)
    }
}

impl ProvideCredentials for Kept {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.load())
    }
}

/// How the providers of the SDK are set up.
pub(crate) fn provider_config(region: &str, transport: Transport) -> ProviderConfig {
    let settings = ProviderConfig::default().with_behavior_version(Some(BehaviorVersion::latest()));
    settings.with_region(Some(Region::new(region.to_owned()))).with_http_client(transport)
}

/// Environment, profile (with `credential_process`, roles and web identity), web identity (IRSA), container (EKS Pod Identity),
/// instance role, in this order. Nothing is asked yet.
pub(crate) async fn default_chain(region: &str, transport: &Transport) -> SharedCredentialsProvider {
    // A proxy would hand out the credentials of its own instance.
    let instance_role = imds::Client::builder()
        .configure(&provider_config(region, Transport::direct()))
        .max_attempts(IMDS_ATTEMPTS)
        .connect_timeout(IMDS_PATIENCE)
        .read_timeout(IMDS_PATIENCE)
        .build();
    let chain = DefaultCredentialsChain::builder()
        .region(Region::new(region.to_owned()))
        .configure(provider_config(region, transport.clone()))
        .imds_client(instance_role);
    SharedCredentialsProvider::new(chain.build().await)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Gives credentials that are good for some time, and counts.
    #[derive(Debug)]
    struct Source(Arc<AtomicUsize>, Duration);

    impl ProvideCredentials for Source {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            self.0.fetch_add(1, Ordering::SeqCst);
            let expires = SystemTime::now() + self.1;
            future::ProvideCredentials::ready(Ok(Credentials::new("AKIDEXAMPLE", "secret", None, Some(expires), "test")))
        }
    }

    #[tokio::test]
    async fn a_source_is_asked_again_only_when_its_credentials_end_soon() {
        for (good_for, asked) in [(3600, 1), (30, 3)] {
            let count = Arc::new(AtomicUsize::new(0));
            let source = SharedCredentialsProvider::new(Source(count.clone(), Duration::from_secs(good_for)));
            let kept = Kept::from(source);
            for _ in 0..3 {
                kept.provide_credentials().await.unwrap();
            }
            assert_eq!(count.load(Ordering::SeqCst), asked, "{good_for}");
        }
    }
}
