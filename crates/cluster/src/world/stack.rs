//! Stacks of CloudFormation, and what they were made from.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Tag;

/// A stack.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Stack {
    /// Name.
    pub stack_name: String,
    /// ARN.
    pub stack_id: String,
    /// `CREATE_COMPLETE` and so on.
    pub stack_status: String,
    /// Why.
    pub stack_status_reason: String,
    /// Outputs.
    pub outputs: Vec<Output>,
    /// Tags.
    pub tags: Vec<Tag>,
    /// Protected from deletion.
    pub enable_termination_protection: bool,
}

/// An output of a stack.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Output {
    /// Key.
    pub output_key: String,
    /// Value.
    pub output_value: String,
    /// Name of the export; empty: none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub export_name: String,
}

/// What a stack was made from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Deployed {
    /// The template, as JSON.
    pub template_body: Value,
    /// Its resources.
    pub stack_resources: Vec<StackResource>,
}

/// A resource of a stack.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct StackResource {
    /// Name in the template.
    pub logical_resource_id: String,
    /// Name in AWS.
    pub physical_resource_id: String,
    /// `AWS::EC2::Route` and so on.
    pub resource_type: String,
    /// `CREATE_COMPLETE` and so on.
    pub resource_status: String,
}
