//! The gateway's side of AWS, and the only user of the AWS SDK: which instance this is, what its VPC routes are, and the two calls
//! that change them.
//!
//! * [`instance_identity`] asks the instance metadata service (IMDSv2) for region and instance.
//! * [`Ec2`] makes four calls: DescribeInstances, DescribeRouteTables, CreateRoute and ReplaceRoute.
//! * [`Network`] says which certificates are trusted and which proxies are used, read from the environment once.
//!
//! EC2 routes have no compare-and-swap. So a write here is one attempt that ends by its deadline, and an error says whether EC2 may have
//! carried it out all the same ([`Ec2Error::outcome_unknown`]).

mod cause;
mod ec2;
mod imds;
mod network;
mod transport;
mod trust;

pub use cause::Cause;
pub use ec2::{Call, Ec2, Ec2Error};
pub use imds::{Identity, ImdsError, Metadata, instance_identity};
pub use network::{Network, Proxy};
pub use trust::{CaBundle, NetworkError};

#[cfg(test)]
mod fake;
