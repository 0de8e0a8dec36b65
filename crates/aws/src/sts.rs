//! Who the caller is, by STS.

use std::time::Duration;

use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_sdk_sts::Client;
use aws_sdk_sts::config::{IdentityCache, SharedAsyncSleep};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;

use crate::call::{Call, CallError};
use crate::endpoint::Service;
use crate::session::Session;

/// Attempts at a call.
const ATTEMPTS: u32 = 3;
/// One attempt.
const ATTEMPT: Duration = Duration::from_secs(5);
/// A call with all its attempts.
const WHOLE: Duration = Duration::from_secs(15);

/// How AWS calls the holder of credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account, 12 digits.
    pub account: String,
    /// ARN, as in `arn:aws:sts::123456789012:assumed-role/NodeRole/i-0123456789abcdef0`.
    pub arn: String,
}

impl Session {
    /// Who these credentials belong to (GetCallerIdentity). Needs no permission.
    ///
    /// # Errors
    /// STS refused, could not be reached, or answered with something else.
    pub async fn caller(&self) -> Result<Caller, CallError> {
        let call = Call::new("GetCallerIdentity", "");
        let answer = Client::new(&self.sdk_config(Service::Sts)).get_caller_identity().send().await;
        let answer = answer.map_err(|error| CallError::from_sdk(&call, &error))?;
        match (answer.account, answer.arn) {
            (Some(account), Some(arn)) => Ok(Caller { account, arn }),
            _ => Err(CallError::Unintelligible { call, status: 200, what: "account or ARN is missing".into() }),
        }
    }

    /// Settings for a client of the SDK.
    pub(crate) fn sdk_config(&self, service: Service) -> SdkConfig {
        let endpoint = self.endpoints.of(service, &self.region);
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(endpoint.region))
            .endpoint_url(endpoint.url)
            .http_client(self.transport.clone())
            .credentials_provider(self.credentials.clone())
            .identity_cache(IdentityCache::no_cache())
            .time_source(SharedTimeSource::new(SystemTimeSource::new()))
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT).operation_timeout(WHOLE).build())
            .app_name(AppName::new("hybridge").expect("letters only"))
            .build()
    }
}
