//! Policies of IAM.

use super::cfn::Value;
use crate::resolve::PARTITIONS;

/// The table of principals in every template that makes a role (eksctl's `ServicePrincipalPartitionMap`).
pub(super) const PRINCIPALS: &str = "ServicePrincipalPartitionMap";

/// Its content.
pub(super) fn principals() -> std::collections::BTreeMap<String, std::collections::BTreeMap<String, String>> {
    let of = |partition: &crate::resolve::Partition| {
        partition.principals().into_iter().map(|(key, name)| (key.to_owned(), name.to_owned())).collect()
    };
    PARTITIONS.iter().map(|partition| (partition.name.to_owned(), of(partition))).collect()
}

/// A document of statements.
pub(super) fn document(statements: Vec<Value>) -> Value {
    Value::object([("Version", Value::from("2012-10-17")), ("Statement", Value::List(statements))])
}

/// A statement that allows actions on a resource, under conditions.
pub(super) fn allow(actions: &[&str], resource: Value, conditions: Vec<(&str, Value)>) -> Value {
    let mut statement = vec![("Effect", Value::from("Allow")), ("Action", Value::list(actions.iter().copied())), ("Resource", resource)];
    if !conditions.is_empty() {
        statement.push(("Condition", Value::object(conditions)));
    }
    Value::object(statement)
}

/// A statement that lets a service of AWS be a role; `service` is its short name in the table.
pub(super) fn trust(service: &str, actions: &[&str], conditions: Vec<(&str, Value)>) -> Value {
    let principal = Value::find_in_map(PRINCIPALS, Value::reference("AWS::Partition"), service);
    let mut statement = vec![
        ("Effect", Value::from("Allow")),
        ("Action", Value::list(actions.iter().copied())),
        ("Principal", Value::object([("Service", Value::List(vec![principal]))])),
    ];
    if !conditions.is_empty() {
        statement.push(("Condition", Value::object(conditions)));
    }
    Value::object(statement)
}

/// An inline policy of a role.
pub(super) fn inline(name: &str, statements: Vec<Value>) -> Value {
    Value::object([("PolicyName", Value::from(name)), ("PolicyDocument", document(statements))])
}

/// Policies of AWS by name.
pub(super) fn managed(names: &[&str]) -> Value {
    Value::List(names.iter().map(|name| Value::sub(format!("arn:${{AWS::Partition}}:iam::aws:policy/{name}"))).collect())
}

/// The cluster's ARN, without waiting for the cluster.
pub(super) fn cluster_arn(name: &str) -> Value {
    Value::sub(format!("arn:${{AWS::Partition}}:eks:${{AWS::Region}}:${{AWS::AccountId}}:cluster/{name}"))
}
