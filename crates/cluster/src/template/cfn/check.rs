//! What CloudFormation would refuse about a template's names.

use std::collections::{BTreeMap, BTreeSet};

use super::{Template, Value};

/// Something that CloudFormation refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A name that nothing in the template has.
    #[error("{place} names {name}, which is not in the template")]
    Missing {
        /// Resource or output.
        place: String,
        /// What it names.
        name: String,
    },
    /// A table that is not there.
    #[error("{place} looks into the table {table}, which is not in the template")]
    NoTable {
        /// Resource or output.
        place: String,
        /// The table.
        table: String,
    },
    /// Resources that wait for each other.
    #[error("these resources wait for each other: {}", .0.join(", "))]
    Circle(Vec<String>),
    /// A logical identifier with something else than letters and digits in it, or of more than 255 of them.
    #[error("{0} is not a logical identifier: letters and digits only, 255 at most")]
    Identifier(String),
    /// Two outputs that are exported under one name.
    #[error("outputs {0} and {1} are exported under the same name")]
    Export(String, String),
}

/// All of them.
pub(super) fn check(template: &Template) -> Vec<Fault> {
    let mut faults = identifiers(template);
    let mut waits: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (id, resource) in &template.resources {
        let mut names = Names::default();
        resource.properties.values().for_each(|value| names.visit(value));
        names.resources.extend(resource.depends_on.iter().map(String::as_str));
        faults.extend(names.faults(template, id));
        waits.insert(id, names.resources);
    }
    for (key, output) in &template.outputs {
        let mut names = Names::default();
        names.visit(&output.value);
        output.export.iter().for_each(|export| names.visit(export));
        faults.extend(names.faults(template, &format!("output {key}")));
    }
    faults.extend(circle(waits).map(Fault::Circle));
    faults
}

fn identifiers(template: &Template) -> Vec<Fault> {
    let well_formed = |id: &str| (1..=255).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let keys = template.resources.keys().chain(template.outputs.keys());
    let mut faults: Vec<Fault> = keys.filter(|id| !well_formed(id)).map(|id| Fault::Identifier(id.clone())).collect();
    let exported: Vec<_> = template.outputs.iter().filter_map(|(key, output)| Some((key, output.export.as_ref()?))).collect();
    for (at, (key, export)) in exported.iter().enumerate() {
        if let Some((earlier, _)) = exported[..at].iter().find(|(_, other)| other == export) {
            faults.push(Fault::Export((*earlier).clone(), (*key).clone()));
        }
    }
    faults
}

/// What a value names.
#[derive(Default)]
struct Names<'a> {
    resources: BTreeSet<&'a str>,
    tables: BTreeSet<&'a str>,
}

impl<'a> Names<'a> {
    fn visit(&mut self, value: &'a Value) {
        match value {
            Value::Bool(_) | Value::Number(_) | Value::Text(_) => {}
            Value::List(items) | Value::Join(_, items) => items.iter().for_each(|item| self.visit(item)),
            Value::Object(map) => map.values().for_each(|value| self.visit(value)),
            Value::Ref(id) | Value::GetAtt(id, _) => self.name(id),
            Value::Sub(text) => variables(text).for_each(|name| self.name(name)),
            Value::FindInMap(table, first, _) => {
                self.tables.insert(table);
                self.visit(first);
            }
            Value::ImportValue(value) | Value::Split(_, value) | Value::Select(_, value) => self.visit(value),
        }
    }

    /// Pseudo parameters (`AWS::Region`) are always there.
    fn name(&mut self, id: &'a str) {
        if !id.starts_with("AWS::") {
            self.resources.insert(id);
        }
    }

    fn faults(&self, template: &Template, place: &str) -> Vec<Fault> {
        let missing = self.resources.iter().filter(|name| !template.resources.contains_key(**name));
        let missing = missing.map(|name| Fault::Missing { place: place.to_owned(), name: (*name).to_owned() });
        let tables = self.tables.iter().filter(|table| !template.mappings.contains_key(**table));
        missing.chain(tables.map(|table| Fault::NoTable { place: place.to_owned(), table: (*table).to_owned() })).collect()
    }
}

/// Names in `${…}`, without attributes; `${!…}` is literal text.
fn variables(text: &str) -> impl Iterator<Item = &str> {
    text.split("${").skip(1).filter_map(|rest| rest.split_once('}')).filter_map(|(name, _)| {
        let name = name.split_once('.').map_or(name, |(id, _)| id);
        (!name.starts_with('!')).then_some(name)
    })
}

/// Resources of which none can be made first; what is missing does not count.
fn circle(mut waits: BTreeMap<&str, BTreeSet<&str>>) -> Option<Vec<String>> {
    let known: BTreeSet<&str> = waits.keys().copied().collect();
    waits.values_mut().for_each(|needs| needs.retain(|need| known.contains(need)));
    loop {
        let ready: BTreeSet<&str> = waits.iter().filter(|(_, needs)| needs.is_empty()).map(|(id, _)| *id).collect();
        if ready.is_empty() {
            break;
        }
        waits.retain(|id, _| !ready.contains(id));
        waits.values_mut().for_each(|needs| needs.retain(|need| !ready.contains(need)));
    }
    (!waits.is_empty()).then(|| waits.keys().map(|id| (*id).to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::template::cfn::Resource;

    fn faults_of(property: Value) -> Vec<Fault> {
        let mut template = Template::new("test");
        template.add("Here", Resource::new("AWS::EC2::VPC"));
        template.add("Asks", Resource::new("AWS::EC2::Subnet").set("Property", property));
        template.check()
    }

    #[test]
    fn every_way_to_name_a_resource_is_followed() {
        let ways = |id: &str| {
            vec![
                Value::reference(id),
                Value::attribute(id, "Arn"),
                Value::sub(format!("a-${{{id}}}-${{AWS::Region}}-${{!literal}}")),
                Value::sub(format!("${{{id}.Arn}}")),
                Value::Join(",".to_owned(), vec![Value::reference(id)]),
                Value::list([Value::object([("Deep", Value::reference(id))])]),
                Value::ImportValue(Box::new(Value::sub(format!("${{{id}}}::VPC")))),
            ]
        };
        for value in ways("Here") {
            assert_eq!(faults_of(value.clone()), [], "{value:?}");
        }
        for value in ways("Gone") {
            assert_eq!(faults_of(value.clone()), [Fault::Missing { place: "Asks".to_owned(), name: "Gone".to_owned() }], "{value:?}");
        }
    }

    #[test]
    fn references_in_a_users_tree_are_references() {
        let policy = serde_json::json!({"Statement": [{"Resource": {"Fn::GetAtt": "Gone.Arn"}}, {"Resource": {"Ref": "Here"}}]});
        assert_eq!(faults_of(Value::from(&policy)), [Fault::Missing { place: "Asks".to_owned(), name: "Gone".to_owned() }]);
    }

    #[test]
    fn tables_circles_identifiers_and_exports_are_checked() {
        let table = faults_of(Value::find_in_map("Table", Value::reference("AWS::Partition"), "EKS"));
        assert_eq!(table, [Fault::NoTable { place: "Asks".to_owned(), table: "Table".to_owned() }]);

        let mut template = Template::new("test");
        template.add("A", Resource::new("X").after("B"));
        template.add("B", Resource::new("X").set("P", Value::reference("C")));
        template.add("C", Resource::new("X").set("P", Value::sub("${A}")));
        template.add("D", Resource::new("X").after("A"));
        template.add("With-Dash", Resource::new("X"));
        template.export("Key", "a");
        let twice = template.outputs["Key"].clone();
        template.outputs.insert("Other".to_owned(), twice);
        let faults = template.check();
        assert!(faults.contains(&Fault::Circle(["A", "B", "C", "D"].map(str::to_owned).to_vec())), "{faults:?}");
        assert!(faults.contains(&Fault::Identifier("With-Dash".to_owned())), "{faults:?}");
        assert!(faults.contains(&Fault::Export("Key".to_owned(), "Other".to_owned())), "{faults:?}");
    }

    proptest! {
        /// Taking any resource away that something names is always found.
        #[test]
        fn nothing_dangles_unseen(edges in prop::collection::vec((1usize..12, 0usize..11, 0usize..4), 1..40), gone in 0usize..12) {
            let id = |number: usize| format!("R{number}");
            let mut template = Template::new("test");
            for number in 0..12 {
                template.add(id(number), Resource::new("X"));
            }
            let mut named = BTreeSet::new();
            // Always from a later to an earlier one, so that there are no circles.
            for (number, (from, to, way)) in edges.into_iter().enumerate() {
                let to = to % from;
                let resource = template.resources.get_mut(&id(from)).expect("it was just added");
                let value = match way {
                    0 => Value::reference(id(to)),
                    1 => Value::attribute(id(to), "Arn"),
                    2 => Value::sub(format!("x${{{}}}", id(to))),
                    _ => {
                        resource.depends_on.insert(id(to));
                        Value::Bool(true)
                    }
                };
                resource.properties.insert(format!("P{number}"), value);
                if from != gone {
                    named.insert(to);
                }
            }
            prop_assert_eq!(template.check(), vec![]);
            template.resources.remove(&id(gone));
            let missing = template.check().iter().any(|fault| matches!(fault, Fault::Missing { name, .. } if *name == id(gone)));
            prop_assert_eq!(missing, named.contains(&gone));
        }
    }
}
