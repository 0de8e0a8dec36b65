//! Where credentials come from: the default chain of the SDKs, over our transport.

use std::time::Duration;

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::imds;
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::provider::SharedCredentialsProvider;

use crate::transport::Transport;

/// Each attempt at the metadata service for credentials: to connect, and to be answered.
const IMDS_PATIENCE: Duration = Duration::from_millis(800);
const IMDS_ATTEMPTS: u32 = 2;

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
