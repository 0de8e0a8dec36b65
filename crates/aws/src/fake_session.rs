//! Sessions whose services are a web server of the test.

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;

use crate::endpoint::{Endpoints, Service};
use crate::fake::Fake;
use crate::session::Session;
use crate::transport::Transport;

/// Credentials that never expire.
pub(crate) fn keys(id: &str, secret: &str, token: Option<&str>) -> Credentials {
    Credentials::new(id, secret, token.map(str::to_owned), None, "test")
}

impl Session {
    /// All services in `eu-central-1` are `fake`.
    pub(crate) fn to_fake(fake: &Fake) -> Self {
        let given = Service::ALL.into_iter().map(|service| (service, fake.url())).collect();
        Self {
            region: "eu-central-1".into(),
            endpoints: Endpoints { given, ..Endpoints::default() },
            transport: Transport::direct(),
            credentials: SharedCredentialsProvider::new(keys("AKIDEXAMPLE", "secret", None)),
        }
    }
}
