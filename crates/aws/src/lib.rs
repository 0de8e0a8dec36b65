//! AWS, and the only user of its SDK.
//!
//! For gateways: which instance this is, what its VPC routes are, and the two calls that change them.
//!
//! * [`instance_identity`] asks the instance metadata service (IMDSv2) for region and instance.
//! * [`Ec2`] makes four calls: DescribeInstances, DescribeRouteTables, CreateRoute and ReplaceRoute.
//! * [`Network`] says which certificates are trusted and which proxies are used, read from the environment once.
//!
//! EC2 routes have no compare-and-swap. So a write here is one attempt that ends by its deadline, and an error says whether EC2 may have
//! carried it out all the same ([`Ec2Error::outcome_unknown`]).
//!
//! For clusters: all that is asked of, and done by, CloudFormation, EKS, IAM, Systems Manager, Roles Anywhere, S3 and EC2. It stands in
//! [`Session`], too, in calls of our own ([`cloudformation`], [`eks`], [`iam`], [`ssm`]): see the head of `call.rs` for why.
//!
//! For LNIs: what their controller looks at and does ([`lni`]).
//!
//! For nodes: the facts that AWS knows of them, and the credentials that their plug-ins hand out.
//!
//! * [`Session`] is AWS in one region, with credentials from the default chain: tokens for the Kubernetes API, logins for ECR, what
//!   EKS, EC2 and STS say.
//! * [`Entrance`] says whether an endpoint can be reached, [`ApiServer`] the same of the cluster's API server.
//! * [`roles_anywhere`] gets credentials for a certificate.
//! * [`Imds`] asks the metadata service for what a node needs.

mod call;
mod cause;
mod chain;
pub mod cloudformation;
mod ec2;
pub mod ecr;
pub mod eks;
mod endpoint;
pub mod iam;
mod imds;
pub mod lni;
pub mod logs;
mod network;
mod node;
mod partition;
mod query;
mod reach;
mod resolver;
pub mod roles_anywhere;
mod s3;
mod session;
mod sigv4;
pub mod ssm;
mod sts;
mod token;
mod transport;
mod trust;
mod vpc;

pub use call::{Call, CallError, Denied, Kind};
pub use cause::Cause;
pub use ec2::{Ec2, Ec2Error};
pub use imds::{Identity, Imds, ImdsError, Metadata, instance_identity};
pub use network::{Network, Proxy};
pub use node::NodeNameError;
pub use reach::{ApiServer, Entrance, Reached};
pub use s3::text_digest;
pub use session::{Session, SessionError, Wishes};
pub use sts::Caller;
pub use token::{ExecOddity, ExecVersion, Token};
pub use trust::{CaBundle, NetworkError};

#[cfg(test)]
mod fake;
#[cfg(test)]
mod fake_session;
