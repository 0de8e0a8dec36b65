//! EC2 as a web server of ours, which answers in the shapes of the EC2 API reference.

mod credentials;
mod paths;
mod reads;
mod writes;

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use hybridge_model::{Cidr4, InterfaceId, RouteTableId};

use super::{Ec2, Ec2Error};
use crate::fake::{Fake, Reply, Request};
use crate::network::Network;
use crate::transport::Transport;

/// What must never be seen in a message.
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const SESSION: &str = "session-token-of-the-test";

async fn ec2(endpoint: &str, network: Network) -> Ec2 {
    let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", SECRET, Some(SESSION.into()), None, "test");
    Ec2::set_up("eu-west-1", Some(endpoint.into()), Transport::new(network), SharedCredentialsProvider::new(credentials)).await
}

/// A server, and EC2 calls that go to it.
async fn with_fake(reply: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> (Fake, Ec2) {
    let fake = Fake::start(reply).await;
    let ec2 = ec2(&fake.url(), Network::default()).await;
    (fake, ec2)
}

fn table(id: &str) -> RouteTableId {
    id.parse().unwrap()
}

fn cidr() -> Cidr4 {
    "10.250.0.0/16".parse().unwrap()
}

fn interface() -> InterfaceId {
    "eni-0a".parse().unwrap()
}

/// Longer than any answer takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(4);

async fn create(ec2: &Ec2) -> Result<(), Ec2Error> {
    ec2.create_route(&table("rtb-0a"), cidr(), &interface(), DEADLINE).await
}

async fn replace(ec2: &Ec2) -> Result<(), Ec2Error> {
    ec2.replace_route(&table("rtb-0a"), cidr(), &interface(), DEADLINE).await
}

/// Message and sources, and that none of it holds a credential.
fn told(error: &Ec2Error) -> String {
    let text = chain(error);
    for hidden in [SECRET, SESSION, "AKIAIOSFODNN7EXAMPLE"] {
        assert!(!text.contains(hidden) && !format!("{error:?}").contains(hidden), "{error:?}");
    }
    text
}

fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}
