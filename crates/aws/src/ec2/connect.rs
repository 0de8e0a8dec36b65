//! How the clients of the SDK are set up: credentials, endpoint, patience.

use std::time::Duration;

use aws_config::{AppName, BehaviorVersion, Region};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::config::{Config, IdentityCache, StalledStreamProtectionConfig};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;

use super::Ec2;
use crate::chain::default_chain;
use crate::network::Network;
use crate::transport::Transport;

/// Attempts at a read, and the longest pause before the second.
const READ_ATTEMPTS: u32 = 2;
const READ_PAUSE: Duration = Duration::from_millis(300);
/// One attempt at a read, its body included; the head must come within 5 s.
const READ_ATTEMPT: Duration = Duration::from_secs(6);
/// A read with all attempts and with the loading of credentials.
const READ: Duration = Duration::from_secs(15);
/// Loading credentials, from whichever source.
const LOAD: Duration = Duration::from_secs(5);
/// Credentials are renewed this long before they expire, by the periodic reads, so that no write spends its deadline on it. Instance
/// roles get new ones at least five minutes ahead (EC2 user guide, "Retrieve security credentials from instance metadata").
const RENEW_AHEAD: Duration = Duration::from_secs(180);

impl Ec2 {
    /// Sets up calls to EC2 in `region`; nothing is sent yet, so nothing can fail yet.
    ///
    /// Credentials come from the default chain: environment, profile, web identity (IRSA), container (EKS Pod Identity), instance
    /// role. The endpoint is the region's, or that of `AWS_ENDPOINT_URL_EC2`, `AWS_ENDPOINT_URL` or the profile.
    pub async fn connect(region: &str, network: &Network) -> Self {
        let transport = Transport::new(network.clone());
        let credentials = default_chain(region, &transport).await;
        Self::set_up(region, None, transport, credentials).await
    }

    pub(super) async fn set_up(
        region: &str,
        endpoint: Option<String>,
        transport: Transport,
        credentials: SharedCredentialsProvider,
    ) -> Self {
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .http_client(transport)
            .credentials_provider(credentials)
            .identity_cache(IdentityCache::lazy().load_timeout(LOAD).buffer_time(RENEW_AHEAD).build())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .app_name(AppName::new("hybridge").expect("letters only"));
        if let Some(endpoint) = endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        let base = Config::new(&loader.load().await);
        let retry = RetryConfig::standard().with_max_attempts(READ_ATTEMPTS).with_initial_backoff(READ_PAUSE);
        let patience = TimeoutConfig::builder().operation_attempt_timeout(READ_ATTEMPT).operation_timeout(READ).build();
        let reader = base.to_builder().retry_config(retry).timeout_config(patience).build();
        let writer = base.to_builder().retry_config(RetryConfig::disabled()).timeout_config(TimeoutConfig::disabled()).build();
        Self { reader: Client::from_conf(reader), writer: Client::from_conf(writer), region: region.to_owned() }
    }
}
