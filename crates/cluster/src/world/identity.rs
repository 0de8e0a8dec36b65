//! What nodes outside become part of AWS with: roles, Roles Anywhere, activations of Systems Manager.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Tag;

/// A role.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Role {
    /// ARN.
    pub arn: String,
    /// Who may be it, as JSON.
    pub assume_role_policy_document: Value,
    /// Seconds; none: not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_session_duration: Option<u32>,
    /// Managed policies.
    pub attached_policies: Vec<String>,
    /// SimulatePrincipalPolicy: actions that are not allowed.
    pub denied_actions: Vec<String>,
}

/// A profile of Roles Anywhere.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AnywhereProfile {
    /// ARN.
    pub profile_arn: String,
    /// Name.
    pub name: String,
    /// On.
    pub enabled: bool,
    /// Roles.
    pub role_arns: Vec<String>,
    /// Whether callers may name their session.
    pub accept_role_session_name: bool,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<u32>,
}

/// A trust anchor of Roles Anywhere.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TrustAnchor {
    /// ARN.
    pub trust_anchor_arn: String,
    /// Name.
    pub name: String,
    /// On.
    pub enabled: bool,
}

/// A machine that Systems Manager knows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ManagedInstance {
    /// `mi-…`; also the node's name.
    pub instance_id: String,
    /// `Online`, `ConnectionLost`, `Inactive`.
    pub ping_status: String,
    /// The activation it came with.
    pub activation_id: String,
    /// Role's name.
    pub iam_role: String,
    /// Address.
    #[serde(rename = "IPAddress")]
    pub ip_address: String,
    /// Host name.
    pub computer_name: String,
    /// The tags by which Systems Manager was asked for it, which it has; it does not tell others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

/// An activation of Systems Manager; its code is nowhere to be had.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Activation {
    /// UUID.
    pub activation_id: String,
    /// What it is for.
    pub description: String,
    /// Role's name.
    pub iam_role: String,
    /// How many machines it takes.
    pub registration_limit: u32,
    /// How many have come.
    pub registrations_count: u32,
    /// Seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiration_date: Option<f64>,
    /// Past that.
    pub expired: bool,
    /// Tags.
    pub tags: Vec<Tag>,
}
