//! Metadata from a file of amazon-ec2-metadata-mock, as amazon-eks-ami's tests have it
//! (<https://github.com/aws/amazon-ec2-metadata-mock>, "Configuration").

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

use super::metadata::{Interface, Metadata};

/// Why a file is not understood.
#[derive(Debug, thiserror::Error)]
pub enum AemmError {
    /// No JSON of that form.
    #[error("this is no file of amazon-ec2-metadata-mock")]
    Json(#[from] serde_json::Error),
    /// User data is given in base64.
    #[error("its user data is not base64")]
    UserData(#[from] base64::DecodeError),
    /// A value without which there is no instance.
    #[error("it has no {0}, or not as text")]
    Missing(&'static str),
    /// A value whose place is not known: write it as a path.
    #[error("{0} has no known path; add it to metadata.paths")]
    UnknownKey(String),
}

#[derive(Deserialize)]
struct File {
    metadata: Section,
    dynamic: Section,
    #[serde(default)]
    userdata: Section,
}

#[derive(Default, Deserialize)]
struct Section {
    #[serde(default)]
    paths: BTreeMap<String, String>,
    #[serde(default)]
    values: BTreeMap<String, Value>,
}

impl Section {
    fn text(&self, key: &'static str) -> Result<String, AemmError> {
        self.values.get(key).and_then(Value::as_str).map(str::to_owned).ok_or(AemmError::Missing(key))
    }
}

/// What the mock answers at a path that has no value of its own: it has one interface, on card 0.
const DEFAULT: &str = "0";

impl Metadata {
    /// The instance that the mock would be with this file.
    ///
    /// # Errors
    /// The file lacks what makes an instance, or has keys whose path is not known.
    pub fn from_aemm(json: &str) -> Result<Self, AemmError> {
        let File { metadata, dynamic, userdata } = serde_json::from_str(json)?;
        let document = dynamic.values.get("instance-identity-document").ok_or(AemmError::Missing("instance-identity-document"))?;
        let field = |name: &'static str| document[name].as_str().map(str::to_owned).ok_or(AemmError::Missing(name));
        let local_ipv4: Ipv4Addr = metadata.text("local-ipv4")?.parse().map_err(|_| AemmError::Missing("local-ipv4"))?;
        let mac = metadata.text("mac")?;
        let user_data = userdata.values.get("userdata").and_then(Value::as_str).map(|text| STANDARD.decode(text)).transpose()?;
        let interface = Interface { mac: mac.clone(), ipv4s: vec![local_ipv4], ..Interface::default() };
        let account = document["accountId"].as_str().unwrap_or("123456789012").to_owned();
        Ok(Self {
            instance_id: field("instanceId")?,
            instance_type: field("instanceType")?,
            architecture: field("architecture")?,
            availability_zone: field("availabilityZone")?,
            region: field("region")?,
            account,
            local_ipv4,
            local_hostname: metadata.text("local-hostname")?,
            interfaces: vec![interface],
            user_data,
            credentials: None,
            more: more(&metadata, &mac)?,
        })
    }
}

/// Values by path below `/latest/`: of every key that the file gives a value or a path.
fn more(metadata: &Section, mac: &str) -> Result<BTreeMap<String, String>, AemmError> {
    let keys = metadata.values.keys().chain(metadata.paths.keys());
    keys.map(|key| {
        let path = match metadata.paths.get(key) {
            Some(path) => path.trim_start_matches("/latest/").to_owned(),
            None => path(key, mac).ok_or_else(|| AemmError::UnknownKey(key.clone()))?,
        };
        let value =
            metadata.values.get(key).map_or(DEFAULT.into(), |value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        Ok((path, value))
    })
    .collect()
}

/// The mock's own paths of the keys that nodes ask for.
fn path(key: &str, mac: &str) -> Option<String> {
    let plain = ["hostname", "instance-id", "instance-type", "local-hostname", "local-ipv4", "mac", "ami-id", "public-ipv4"];
    if plain.contains(&key) {
        return Some(format!("meta-data/{key}"));
    }
    let of_interface = [
        ("mac-device-number", "device-number"),
        ("mac-network-interface-card-index", "network-card"),
        ("mac-local-ipv4s", "local-ipv4s"),
        ("mac-ipv6s", "ipv6s"),
        ("mac-mac", "mac"),
    ];
    let (_, name) = of_interface.into_iter().find(|(known, _)| *known == key)?;
    Some(format!("meta-data/network/interfaces/macs/{mac}/{name}"))
}
