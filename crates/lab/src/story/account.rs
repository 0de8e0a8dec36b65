//! The AWS account as nodes see it: the cluster that was made, Roles Anywhere for its hybrid nodes, and the authenticator of its API
//! server. All that it judges by is read from the AWS in which the cluster was made.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use base64::Engine as _;
use serde_json::{Value, json};

use super::{StoryError, operator};
use crate::aws::authenticator::{Authenticator, PATH};
use crate::aws::{AccessEntry, Anywhere, Aws, Cluster, EntryKind, Profile, Trust};
use crate::netns::Task;
use crate::real::{Emulator, TokenWebhook};
use crate::tls::Identity;
use crate::world::World;

/// The region.
pub const REGION: &str = crate::real::EMULATED_REGION;
/// The account.
pub const ACCOUNT: &str = crate::real::EMULATED_ACCOUNT;
/// The cluster's name.
pub const CLUSTER: &str = "story";

/// Host names of AWS that a hybrid node asks.
pub(super) const HOSTS: [&str; 5] = [
    "sts.us-west-2.amazonaws.com",
    "eks.us-west-2.amazonaws.com",
    "rolesanywhere.us-west-2.amazonaws.com",
    "ec2.us-west-2.amazonaws.com",
    "api.ecr.us-west-2.amazonaws.com",
];

/// The policy that lets its holder do everything in a cluster. The authorizer of EKS obeys it; here a group of Kubernetes stands for it.
const ADMIN: (&str, &str) = ("AmazonEKSClusterAdminPolicy", "system:masters");

/// Where the authenticator listens: beside the API server, on loopback.
const WEBHOOK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8443);

/// AWS and the authenticator while they are served.
pub(super) struct Account {
    pub(super) aws: Aws,
    /// The authority (PEM) that vouches for AWS's host names.
    pub(super) trust: String,
    /// Where they are.
    pub(super) address: Ipv4Addr,
    _tasks: [Task; 2],
}

/// The certificate of the authenticator, and how the API server finds it.
pub(super) fn webhook() -> Result<(Identity, TokenWebhook), StoryError> {
    let identity = Identity::new(&[Ipv4Addr::LOCALHOST], &[])?;
    let webhook = TokenWebhook { url: format!("https://{WEBHOOK}{PATH}"), authority: identity.authority().into() };
    Ok((identity, webhook))
}

impl Account {
    /// Serves AWS under its own host names where the world's EC2 API is, and the authenticator beside the API server. It knows no
    /// cluster yet.
    pub(super) fn open(world: &World, webhook: &Identity) -> Result<Self, StoryError> {
        let aws = Aws::new(REGION, ACCOUNT, world.cloud.ec2.clone());
        aws.accept(operator::key(world)?);
        let api = &world.topology.api_server.host.ns;
        let authenticator = Authenticator::new(&aws, CLUSTER).also_at(&operator::endpoint(&world.topology)).serve(api, WEBHOOK, webhook)?;
        let host = &world.topology.ec2_api.host;
        let identity = Identity::new(&[host.address], &HOSTS)?;
        let task = aws.serve_tls(&host.ns, (host.address, 443).into(), &identity)?;
        Ok(Self { aws, trust: identity.authority().into(), address: host.address, _tasks: [authenticator, task] })
    }

    /// Takes cluster, access entries, trust anchors, profiles and roles from the AWS in which they were made.
    pub(super) fn learn(&self, emulator: &Emulator) -> Result<(), StoryError> {
        let cluster = emulator.get("eks", &format!("/clusters/{CLUSTER}"))?["cluster"].take();
        self.aws.add_cluster(Cluster::described(cluster, entries(emulator)?));
        let anywhere = anywhere(emulator)?;
        self.aws.set_up_anywhere(|known| *known = anywhere);
        Ok(())
    }
}

fn entries(emulator: &Emulator) -> Result<BTreeMap<String, AccessEntry>, StoryError> {
    let all = format!("/clusters/{CLUSTER}/access-entries");
    let mut entries = BTreeMap::new();
    for principal in texts(&emulator.get("eks", &all)?["accessEntries"]) {
        let path = format!("{all}/{}", principal.replace(':', "%3A").replace('/', "%2F"));
        let entry = &emulator.get("eks", &path)?["accessEntry"];
        let mut groups = texts(&entry["kubernetesGroups"]);
        let policies = emulator.get("eks", &format!("{path}/access-policies"))?;
        let arns = policies["associatedAccessPolicies"].as_array().into_iter().flatten().map(|policy| text(&policy["policyArn"]));
        let (policy, group) = ADMIN;
        if arns.into_iter().any(|arn| arn.ends_with(policy)) {
            groups.push(group.to_owned());
        }
        let entry = AccessEntry { kind: EntryKind::of(&text(&entry["type"])), username: text(&entry["username"]), groups };
        entries.insert(principal, entry);
    }
    Ok(entries)
}

fn anywhere(emulator: &Emulator) -> Result<Anywhere, StoryError> {
    let mut anywhere = Anywhere::default();
    let on = |one: &&Value| one["enabled"] == true;
    for anchor in emulator.get("rolesanywhere", "/trustanchors")?["trustAnchors"].as_array().into_iter().flatten().filter(on) {
        let bundle = text(&anchor["source"]["sourceData"]["x509CertificateData"]);
        anywhere.anchors.insert(text(&anchor["trustAnchorArn"]), certificates(&bundle));
    }
    for profile in emulator.get("rolesanywhere", "/profiles")?["profiles"].as_array().into_iter().flatten().filter(on) {
        let roles = texts(&profile["roleArns"]);
        let mut longest = i64::MAX;
        for role in &roles {
            let name = role.rsplit('/').next().unwrap_or_default();
            let found = emulator.aws("iam", "get_role", &json!({"RoleName": name}))?["Role"].take();
            longest = longest.min(found["MaxSessionDuration"].as_i64().unwrap_or_default());
            anywhere.trust.insert(role.clone(), Trust::new(found["AssumeRolePolicyDocument"].clone()));
        }
        let accepts_session_name = profile["acceptRoleSessionName"] == true;
        let profile_of_lab = Profile { roles, accepts_session_name, session_is_common_name: false, longest };
        anywhere.profiles.insert(text(&profile["profileArn"]), profile_of_lab);
    }
    Ok(anywhere)
}

/// Certificates (DER) of a bundle (PEM).
fn certificates(bundle: &str) -> Vec<Vec<u8>> {
    let bodies = bundle.split("-----BEGIN CERTIFICATE-----").skip(1).filter_map(|rest| rest.split("-----END").next());
    let decode = |body: &str| base64::engine::general_purpose::STANDARD.decode(body.split_whitespace().collect::<String>()).ok();
    bodies.filter_map(decode).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(text).collect()
}
