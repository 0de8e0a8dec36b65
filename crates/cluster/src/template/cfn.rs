//! CloudFormation, as much of it as we write: typed, checked by itself, the same bytes each time.
//!
//! Everything is held in sorted maps and written without blanks, so two equal templates are equal bytes. [`Template::check`] finds what
//! CloudFormation would refuse before it makes anything: names that nothing has, circles, identifiers of a wrong form.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

mod check;
mod parse;
mod render;
mod same;

pub use check::Fault;

/// How many bytes a template in a request may have (CloudFormation quota "template body size in a request").
pub const MAX_BODY: usize = 51_200;
/// How many bytes a template in S3 may have (CloudFormation quota "template body size in an Amazon S3 object").
pub const MAX_OBJECT: usize = 1_048_576;
/// How many resources a template may have (CloudFormation quota "resources").
pub const MAX_RESOURCES: usize = 500;

/// A template.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Template {
    /// What it is.
    pub description: String,
    /// Tables: name → first key → second key → text.
    pub mappings: BTreeMap<String, BTreeMap<String, BTreeMap<String, String>>>,
    /// Conditions, of a template that was taken over.
    pub conditions: BTreeMap<String, Value>,
    /// Resources by logical identifier.
    pub resources: BTreeMap<String, Resource>,
    /// Outputs by key.
    pub outputs: BTreeMap<String, Output>,
}

/// A resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// `AWS::EC2::VPC` and so on.
    pub kind: String,
    /// Its properties.
    pub properties: BTreeMap<String, Value>,
    /// What is made before it, beside what it refers to.
    pub depends_on: BTreeSet<String>,
    /// Whatever else is said of it, of one that was taken over.
    pub attributes: BTreeMap<String, Value>,
}

/// An output.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Value.
    pub value: Value,
    /// Name under which other stacks find it.
    pub export: Option<Value>,
}

/// A value, or how CloudFormation is to find one.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `true`, `false`.
    Bool(bool),
    /// A whole number.
    Number(i64),
    /// Text.
    Text(String),
    /// Several.
    List(Vec<Value>),
    /// By name.
    Object(BTreeMap<String, Value>),
    /// What a resource or pseudo parameter is known by.
    Ref(String),
    /// An attribute of a resource.
    GetAtt(String, String),
    /// Text with `${…}`.
    Sub(String),
    /// Texts with something between them.
    Join(String, Vec<Value>),
    /// Of a table: table, first key, second key.
    FindInMap(String, Box<Value>, String),
    /// What another stack exports.
    ImportValue(Box<Value>),
    /// Text cut into several at each occurrence.
    Split(String, Box<Value>),
    /// One of several, counted from 0.
    Select(usize, Box<Value>),
}

impl Template {
    /// One without resources.
    pub fn new(description: impl Into<String>) -> Self {
        Self { description: description.into(), ..Self::default() }
    }

    /// Adds a resource; what refers to it.
    pub fn add(&mut self, id: impl Into<String>, resource: Resource) -> Value {
        let id = id.into();
        self.resources.insert(id.clone(), resource);
        Value::Ref(id)
    }

    /// As [`Self::add`], with the tag `Name` that eksctl gives to everything: `<stack>/<identifier>`.
    pub fn add_named(&mut self, id: impl Into<String>, resource: Resource) -> Value {
        let id = id.into();
        let resource = resource.tag("Name", Value::sub(format!("${{AWS::StackName}}/{id}")));
        self.add(id, resource)
    }

    /// Adds an output that no other stack can import.
    pub fn output(&mut self, key: &str, value: impl Into<Value>) {
        self.outputs.insert(key.to_owned(), Output { value: value.into(), export: None });
    }

    /// Adds an output that other stacks import as `<stack>::<key>`.
    pub fn export(&mut self, key: &str, value: impl Into<Value>) {
        let export = Some(Value::sub(format!("${{AWS::StackName}}::{key}")));
        self.outputs.insert(key.to_owned(), Output { value: value.into(), export });
    }

    /// The bytes that CloudFormation gets.
    pub fn render(&self) -> String {
        serde_json::to_string(self).expect("a template has no key that is not text")
    }

    /// How many bytes CloudFormation gets.
    pub fn bytes(&self) -> usize {
        render::length(self)
    }

    /// The same as a tree, to be compared with a deployed one.
    pub fn to_json(&self) -> Json {
        serde_json::to_value(self).expect("a template has no key that is not text")
    }

    /// What CloudFormation would refuse about its names.
    pub fn check(&self) -> Vec<Fault> {
        check::check(self)
    }

    /// Whether it makes roles or policies, so that the stack needs `CAPABILITY_IAM`, or such with a name of their own
    /// (`CAPABILITY_NAMED_IAM`, which includes the other).
    pub fn capabilities(&self) -> Vec<&'static str> {
        let ours = |resource: &&Resource| {
            ["AWS::IAM::Role", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::InstanceProfile"].contains(&resource.kind.as_str())
        };
        let named = |resource: &Resource| {
            ["RoleName", "ManagedPolicyName", "InstanceProfileName"].iter().any(|key| resource.properties.contains_key(*key))
        };
        let mut resources = self.resources.values().filter(ours).peekable();
        if resources.peek().is_none() {
            Vec::new()
        } else if resources.any(named) {
            vec!["CAPABILITY_NAMED_IAM"]
        } else {
            vec!["CAPABILITY_IAM"]
        }
    }
}

impl Resource {
    /// One of a type, without properties.
    pub fn new(kind: &str) -> Self {
        Self { kind: kind.to_owned(), properties: BTreeMap::new(), depends_on: BTreeSet::new(), attributes: BTreeMap::new() }
    }

    /// With a property.
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.properties.insert(key.to_owned(), value.into());
        self
    }

    /// With a property if there is a value for it.
    pub fn set_some(self, key: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.set(key, value),
            None => self,
        }
    }

    /// With one tag more (of the list form).
    pub fn tag(mut self, key: &str, value: impl Into<Value>) -> Self {
        let tag = Value::object([("Key", Value::from(key)), ("Value", value.into())]);
        let tags = self.properties.entry("Tags".to_owned()).or_insert_with(|| Value::List(Vec::new()));
        let Value::List(tags) = tags else { unreachable!("nobody sets tags otherwise than here") };
        tags.push(tag);
        self
    }

    /// Made after another resource, by its identifier.
    pub fn after(mut self, id: impl Into<String>) -> Self {
        self.depends_on.insert(id.into());
        self
    }
}

impl Value {
    /// Whether this is what a template has there, word for word. What means the same in other words is not.
    pub fn is(&self, json: &Json) -> bool {
        same::is(self, json)
    }

    /// What a resource or pseudo parameter is known by.
    pub fn reference(id: impl Into<String>) -> Self {
        Self::Ref(id.into())
    }

    /// An attribute of a resource.
    pub fn attribute(id: impl Into<String>, attribute: impl Into<String>) -> Self {
        Self::GetAtt(id.into(), attribute.into())
    }

    /// Text with `${…}`.
    pub fn sub(text: impl Into<String>) -> Self {
        Self::Sub(text.into())
    }

    /// Of a table.
    pub fn find_in_map(table: &str, first: Value, second: &str) -> Self {
        Self::FindInMap(table.to_owned(), Box::new(first), second.to_owned())
    }

    /// What a stack exports as `<stack>::<key>` ([`Template::export`]).
    pub fn import(stack: &str, key: &str) -> Self {
        Self::ImportValue(Box::new(Self::from(format!("{stack}::{key}"))))
    }

    /// By name.
    pub fn object<K: Into<String>>(entries: impl IntoIterator<Item = (K, Value)>) -> Self {
        Self::Object(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    /// Several.
    pub fn list<V: Into<Value>>(items: impl IntoIterator<Item = V>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Number(value.into())
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Number(value)
    }
}

impl<V: Into<Value>> From<Vec<V>> for Value {
    fn from(items: Vec<V>) -> Self {
        Self::list(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_compact_and_sorted() {
        let mut template = Template::new("what it is");
        template.mappings.insert("T".to_owned(), BTreeMap::from([("a".to_owned(), BTreeMap::from([("k".to_owned(), "v".to_owned())]))]));
        let vpc = template.add_named("VPC", Resource::new("AWS::EC2::VPC").set("EnableDnsSupport", true).set("CidrBlock", "10.0.0.0/16"));
        let subnet = Resource::new("AWS::EC2::Subnet").set("VpcId", vpc.clone()).after("VPC");
        template.add("Subnet", subnet.set("Size", 3u32).set("K", Value::find_in_map("T", Value::reference("AWS::Partition"), "k")));
        template.export("VPC", vpc);
        template.output("Subnets", Value::Join(",".to_owned(), vec![Value::reference("Subnet")]));
        insta::assert_snapshot!(template.render(), @r#"{"AWSTemplateFormatVersion":"2010-09-09","Description":"what it is","Mappings":{"T":{"a":{"k":"v"}}},"Resources":{"Subnet":{"Type":"AWS::EC2::Subnet","DependsOn":["VPC"],"Properties":{"K":{"Fn::FindInMap":["T",{"Ref":"AWS::Partition"},"k"]},"Size":3,"VpcId":{"Ref":"VPC"}}},"VPC":{"Type":"AWS::EC2::VPC","Properties":{"CidrBlock":"10.0.0.0/16","EnableDnsSupport":true,"Tags":[{"Key":"Name","Value":{"Fn::Sub":"${AWS::StackName}/VPC"}}]}}},"Outputs":{"Subnets":{"Value":{"Fn::Join":[",",[{"Ref":"Subnet"}]]}},"VPC":{"Value":{"Ref":"VPC"},"Export":{"Name":{"Fn::Sub":"${AWS::StackName}::VPC"}}}}}"#);
        assert_eq!(template.check(), []);
    }

    #[test]
    fn capabilities_follow_from_what_is_made() {
        let mut template = Template::new("test");
        template.add("VPC", Resource::new("AWS::EC2::VPC"));
        assert!(template.capabilities().is_empty());
        template.add("Role", Resource::new("AWS::IAM::Role"));
        assert_eq!(template.capabilities(), ["CAPABILITY_IAM"]);
        template.add("Other", Resource::new("AWS::IAM::Role").set("RoleName", "mine"));
        assert_eq!(template.capabilities(), ["CAPABILITY_NAMED_IAM"]);
    }
}
