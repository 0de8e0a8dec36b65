//! What the metadata service says of one instance
//! (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-metadata.html>, "Instance metadata categories").

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};

use jiff::Timestamp;
use serde_json::json;

use super::Value;
use crate::aws::{AccessKey, Principal};

const TEXT: &str = "text/plain";
const JSON: &str = "application/json";

/// One instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// As `i-1234567890abcdef0`.
    pub instance_id: String,
    /// As `m5.large`.
    pub instance_type: String,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    /// As `us-west-2a`.
    pub availability_zone: String,
    /// As `us-west-2`.
    pub region: String,
    /// Twelve digits.
    pub account: String,
    /// Primary address.
    pub local_ipv4: Ipv4Addr,
    /// Private DNS name.
    pub local_hostname: String,
    /// Network interfaces, the primary one first.
    pub interfaces: Vec<Interface>,
    /// User data, as it was given.
    pub user_data: Option<Vec<u8>>,
    /// Credentials of the instance's role.
    pub credentials: Option<AccessKey>,
    /// More, or other, values by their path below `/latest/`.
    pub more: BTreeMap<String, String>,
}

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// As `0e:49:61:0f:c3:11`.
    pub mac: String,
    /// 0 for the primary one.
    pub device_number: u32,
    /// Which network card it is on, where the instance type has several.
    pub network_card: Option<u32>,
    /// IPv4 addresses.
    pub ipv4s: Vec<Ipv4Addr>,
    /// IPv6 addresses.
    pub ipv6s: Vec<Ipv6Addr>,
}

impl Metadata {
    /// Every value by its path below `/latest/`.
    pub(super) fn tree(&self) -> BTreeMap<String, Value> {
        let mut tree = BTreeMap::new();
        let mut text = |path: String, value: String| tree.insert(path, (TEXT, value.into_bytes()));
        for (key, value) in [
            ("instance-id", &self.instance_id),
            ("instance-type", &self.instance_type),
            ("hostname", &self.local_hostname),
            ("local-hostname", &self.local_hostname),
            ("placement/availability-zone", &self.availability_zone),
            ("placement/region", &self.region),
            ("services/domain", &"amazonaws.com".to_owned()),
            ("services/partition", &"aws".to_owned()),
        ] {
            text(format!("meta-data/{key}"), value.clone());
        }
        text("meta-data/local-ipv4".into(), self.local_ipv4.to_string());
        if let Some(primary) = self.interfaces.first() {
            text("meta-data/mac".into(), primary.mac.clone());
        }
        for interface in &self.interfaces {
            for (key, value) in interface.values() {
                text(format!("meta-data/network/interfaces/macs/{}/{key}", interface.mac), value);
            }
        }
        for (path, value) in &self.more {
            text(path.clone(), value.clone());
        }
        tree.insert("dynamic/instance-identity/document".into(), (JSON, self.identity_document()));
        if let Some(user_data) = &self.user_data {
            tree.insert("user-data".into(), ("application/octet-stream", user_data.clone()));
        }
        if let Some(key) = &self.credentials {
            let role = match &key.principal {
                Principal::User(name) | Principal::Session { role: name, .. } => name,
            };
            let folder = "meta-data/iam/security-credentials";
            tree.insert(folder.into(), (TEXT, role.clone().into_bytes()));
            tree.insert(format!("{folder}/{role}"), (JSON, credentials(key)));
        }
        tree
    }

    fn identity_document(&self) -> Vec<u8> {
        let document = json!({
            "accountId": self.account,
            "architecture": self.architecture,
            "availabilityZone": self.availability_zone,
            "instanceId": self.instance_id,
            "instanceType": self.instance_type,
            "privateIp": self.local_ipv4.to_string(),
            "region": self.region,
            "version": "2017-09-30",
        });
        document.to_string().into_bytes()
    }
}

impl Interface {
    fn values(&self) -> Vec<(&'static str, String)> {
        let lines = |all: Vec<String>| all.join("\n");
        let mut values = vec![("mac", self.mac.clone()), ("device-number", self.device_number.to_string())];
        values.extend(self.network_card.map(|card| ("network-card", card.to_string())));
        if !self.ipv4s.is_empty() {
            values.push(("local-ipv4s", lines(self.ipv4s.iter().map(ToString::to_string).collect())));
        }
        if !self.ipv6s.is_empty() {
            values.push(("ipv6s", lines(self.ipv6s.iter().map(ToString::to_string).collect())));
        }
        values
    }
}

fn credentials(key: &AccessKey) -> Vec<u8> {
    let now = Timestamp::now();
    let document = json!({
        "Code": "Success",
        "Type": "AWS-HMAC",
        "LastUpdated": format!("{now:.0}"),
        "AccessKeyId": key.id,
        "SecretAccessKey": key.secret,
        "Token": key.token,
        "Expiration": key.expires.map(|end| format!("{end:.0}")),
    });
    document.to_string().into_bytes()
}

/// The value at a path, or what is below it, one name a line and folders with a slash.
pub(super) fn read(tree: &BTreeMap<String, Value>, path: &str) -> Option<Value> {
    if let Some(value) = tree.get(path) {
        return Some(value.clone());
    }
    let folder = format!("{path}/");
    let below = tree.keys().filter_map(|key| key.strip_prefix(&folder));
    let names: BTreeSet<_> = below.map(|rest| rest.split_once('/').map_or(rest.to_owned(), |(name, _)| format!("{name}/"))).collect();
    let listing = names.into_iter().collect::<Vec<_>>().join("\n");
    (!listing.is_empty()).then(|| (TEXT, listing.into_bytes()))
}
