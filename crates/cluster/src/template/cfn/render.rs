//! To JSON, in one order.

use std::collections::BTreeMap;
use std::io;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Output, Resource, Template, Value};

/// How many bytes a template has, without making them.
pub(super) fn length(template: &Template) -> usize {
    let mut count = Count(0);
    serde_json::to_writer(&mut count, template).expect("counting does not fail, and a template has no key that is not text");
    count.0
}

/// Counts what is written.
struct Count(usize);

impl io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(value) => value.serialize(serializer),
            Self::Number(value) => value.serialize(serializer),
            Self::Text(text) => text.serialize(serializer),
            Self::List(items) => items.serialize(serializer),
            Self::Object(map) => map.serialize(serializer),
            Self::Ref(id) => function(serializer, "Ref", id),
            Self::GetAtt(id, attribute) => function(serializer, "Fn::GetAtt", &(id, attribute)),
            Self::Sub(text) => function(serializer, "Fn::Sub", text),
            Self::Join(between, items) => function(serializer, "Fn::Join", &(between, items)),
            Self::FindInMap(table, first, second) => function(serializer, "Fn::FindInMap", &(table, first, second)),
            Self::ImportValue(name) => function(serializer, "Fn::ImportValue", name),
            Self::Split(at, text) => function(serializer, "Fn::Split", &(at, text)),
            Self::Select(index, list) => function(serializer, "Fn::Select", &(index, list)),
        }
    }
}

fn function<S: Serializer>(serializer: S, name: &str, argument: &impl Serialize) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(name, argument)?;
    map.end()
}

impl Serialize for Template {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("AWSTemplateFormatVersion", "2010-09-09")?;
        map.serialize_entry("Description", &self.description)?;
        if !self.mappings.is_empty() {
            map.serialize_entry("Mappings", &self.mappings)?;
        }
        if !self.conditions.is_empty() {
            map.serialize_entry("Conditions", &self.conditions)?;
        }
        map.serialize_entry("Resources", &self.resources)?;
        if !self.outputs.is_empty() {
            map.serialize_entry("Outputs", &self.outputs)?;
        }
        map.end()
    }
}

impl Serialize for Resource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("Type", &self.kind)?;
        if !self.depends_on.is_empty() {
            map.serialize_entry("DependsOn", &self.depends_on)?;
        }
        for (key, value) in &self.attributes {
            map.serialize_entry(key, value)?;
        }
        if !self.properties.is_empty() {
            map.serialize_entry("Properties", &self.properties)?;
        }
        map.end()
    }
}

impl Serialize for Output {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("Value", &self.value)?;
        if let Some(export) = &self.export {
            map.serialize_entry("Export", &BTreeMap::from([("Name", export)]))?;
        }
        map.end()
    }
}
