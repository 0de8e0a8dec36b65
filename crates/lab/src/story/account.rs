//! The AWS account of the story: a cluster, Roles Anywhere for its hybrid nodes, and the authenticator of its API server.

use std::net::{Ipv4Addr, SocketAddr};

use super::StoryError;
use crate::aws::authenticator::{Authenticator, PATH};
use crate::aws::{AccessEntry, Anywhere, Authority, Aws, CertificateSpec, Cluster, EntryKind, KeyKind, Leaf, Profile};
use crate::netns::Task;
use crate::real::TokenWebhook;
use crate::tls::Identity;
use crate::topology::{pod_cidr, site_cidr};
use crate::world::World;

/// The region.
pub const REGION: &str = "us-west-2";
/// The account.
pub const ACCOUNT: &str = "123456789012";
/// The cluster's name.
pub const CLUSTER: &str = "story";
/// The role of hybrid nodes.
pub const ROLE: &str = "arn:aws:iam::123456789012:role/hybrid";
/// The profile of Roles Anywhere.
pub const PROFILE: &str = "arn:aws:rolesanywhere:us-west-2:123456789012:profile/11111111-1111-1111-1111-111111111111";
/// The trust anchor.
pub(super) const ANCHOR: &str = "arn:aws:rolesanywhere:us-west-2:123456789012:trust-anchor/22222222-2222-2222-2222-222222222222";

/// Host names of AWS that a hybrid node asks.
pub(super) const HOSTS: [&str; 5] = [
    "sts.us-west-2.amazonaws.com",
    "eks.us-west-2.amazonaws.com",
    "rolesanywhere.us-west-2.amazonaws.com",
    "ec2.us-west-2.amazonaws.com",
    "api.ecr.us-west-2.amazonaws.com",
];

/// Where the authenticator listens: beside the API server, on loopback.
const WEBHOOK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8443);

/// AWS and the authenticator while they are served.
pub(super) struct Account {
    pub(super) aws: Aws,
    /// The authority (PEM) that vouches for AWS's host names.
    pub(super) trust: String,
    /// Where they are.
    pub(super) address: Ipv4Addr,
    authority: Authority,
    _tasks: [Task; 2],
}

/// The certificate of the authenticator, and how the API server finds it.
pub(super) fn webhook() -> Result<(Identity, TokenWebhook), StoryError> {
    let identity = Identity::new(&[Ipv4Addr::LOCALHOST], &[])?;
    let webhook = TokenWebhook { url: format!("https://{WEBHOOK}{PATH}"), authority: identity.authority().into() };
    Ok((identity, webhook))
}

impl Account {
    /// Serves AWS under its own host names where the world's EC2 API is, and the authenticator beside the API server.
    pub(super) fn open(world: &World, webhook: &Identity) -> Result<Self, StoryError> {
        let kube = world.cluster.real().ok_or(StoryError::NotReal)?;
        let aws = Aws::new(REGION, ACCOUNT, world.cloud.ec2.clone());
        let authority = Authority::new("hybrid nodes of the story")?;
        aws.set_up_anywhere(|anywhere| trust(anywhere, &authority));
        let mut cluster = Cluster::new(CLUSTER, &format!("https://{}", kube.address()), kube.authority());
        cluster.remote_node_networks = vec![site_cidr().to_string()];
        cluster.remote_pod_networks = vec![pod_cidr().to_string()];
        cluster.entries.insert(ROLE.into(), AccessEntry::of_nodes(EntryKind::HybridLinux));
        aws.add_cluster(cluster);

        let api = &world.topology.api_server.host.ns;
        let authenticator = Authenticator::new(&aws, CLUSTER).serve(api, WEBHOOK, webhook)?;
        let host = &world.topology.ec2_api.host;
        let identity = Identity::new(&[host.address], &HOSTS)?;
        let task = aws.serve_tls(&host.ns, (host.address, 443).into(), &identity)?;
        Ok(Self { aws, trust: identity.authority().into(), address: host.address, authority, _tasks: [authenticator, task] })
    }

    /// The certificate by which a node proves who it is.
    pub(super) fn certificate(&self, node: &str) -> Result<Leaf, StoryError> {
        Ok(self.authority.issue(&CertificateSpec::new(node, KeyKind::P256))?)
    }
}

/// Whoever has a certificate of the authority may be a hybrid node of its name, for an hour.
fn trust(anywhere: &mut Anywhere, authority: &Authority) {
    anywhere.anchors.insert(ANCHOR.into(), vec![authority.der().to_vec()]);
    let profile = Profile { roles: vec![ROLE.into()], accepts_session_name: true, session_is_common_name: true, longest: 3600 };
    anywhere.profiles.insert(PROFILE.into(), profile);
}
