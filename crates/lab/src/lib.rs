//! A world of network namespaces in which gateways carry real packets.

pub mod agent;
pub mod aws;
pub mod bench;
pub mod cni;
pub mod contract;
pub mod ec2;
pub mod fault;
pub mod http;
pub mod imds;
pub mod isolate;
pub mod journal;
pub mod kube;
pub mod lni;
pub mod netns;
pub mod nft;
pub mod probe;
pub mod real;
pub mod report;
pub mod router;
pub mod scenario;
mod serve;
pub mod story;
pub mod tls;
pub mod topology;
pub mod vm;
pub mod world;
