//! A value beside the tree of a deployed template, without making a tree of it first: most of what an update compares is the same.

use serde_json::Value as Json;

use super::Value;

/// Whether the value is written as this tree.
pub(super) fn is(value: &Value, json: &Json) -> bool {
    match value {
        Value::Bool(value) => json.as_bool() == Some(*value),
        Value::Number(value) => json.as_i64() == Some(*value),
        Value::Text(text) => json.as_str() == Some(text),
        Value::List(items) => are(items, json),
        Value::Object(map) => json.as_object().is_some_and(|other| {
            map.len() == other.len() && map.iter().zip(other).all(|((key, value), (other, json))| key == other && is(value, json))
        }),
        Value::Ref(id) => argument(json, "Ref").is_some_and(|json| json.as_str() == Some(id)),
        Value::GetAtt(id, attribute) => {
            let [one, other] = pair(json, "Fn::GetAtt");
            one.and_then(Json::as_str) == Some(id) && other.and_then(Json::as_str) == Some(attribute)
        }
        Value::Sub(text) => argument(json, "Fn::Sub").is_some_and(|json| json.as_str() == Some(text)),
        Value::Join(between, items) => {
            let [one, other] = pair(json, "Fn::Join");
            one.and_then(Json::as_str) == Some(between) && other.is_some_and(|json| are(items, json))
        }
        Value::FindInMap(table, first, second) => {
            let parts = argument(json, "Fn::FindInMap").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
            matches!(parts, [a, b, c] if a.as_str() == Some(table) && is(first, b) && c.as_str() == Some(second))
        }
        Value::ImportValue(name) => argument(json, "Fn::ImportValue").is_some_and(|json| is(name, json)),
        Value::Split(at, text) => {
            let [one, other] = pair(json, "Fn::Split");
            one.and_then(Json::as_str) == Some(at) && other.is_some_and(|json| is(text, json))
        }
        Value::Select(index, list) => {
            let [one, other] = pair(json, "Fn::Select");
            one.and_then(Json::as_u64) == u64::try_from(*index).ok() && other.is_some_and(|json| is(list, json))
        }
    }
}

fn are(items: &[Value], json: &Json) -> bool {
    json.as_array().is_some_and(|others| items.len() == others.len() && items.iter().zip(others).all(|(item, other)| is(item, other)))
}

/// What a function is given.
fn argument<'a>(json: &'a Json, function: &str) -> Option<&'a Json> {
    json.as_object().filter(|map| map.len() == 1)?.get(function)
}

/// What a function of two things is given; nothing where it is given more or fewer.
fn pair<'a>(json: &'a Json, function: &str) -> [Option<&'a Json>; 2] {
    match argument(json, function).and_then(Json::as_array).map(Vec::as_slice) {
        Some([one, other]) => [Some(one), Some(other)],
        Some(_) | None => [None, None],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values() -> impl Strategy<Value = Value> {
        // Few words, so that equal values come up often.
        let word = || prop::sample::select(vec!["", "a", "Ref", "Fn::Sub", "1"]).prop_map(str::to_owned);
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::Bool),
            (-1i64..3).prop_map(Value::Number),
            word().prop_map(Value::Text),
            word().prop_map(Value::Ref),
            word().prop_map(Value::Sub),
            (word(), word()).prop_map(|(id, attribute)| Value::GetAtt(id, attribute)),
        ];
        leaf.prop_recursive(3, 12, 3, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::List),
                prop::collection::btree_map(word(), inner.clone(), 0..3).prop_map(Value::Object),
                (word(), prop::collection::vec(inner.clone(), 0..3)).prop_map(|(between, items)| Value::Join(between, items)),
                (word(), inner.clone(), word()).prop_map(|(table, first, second)| Value::FindInMap(table, Box::new(first), second)),
                inner.clone().prop_map(|name| Value::ImportValue(Box::new(name))),
                (word(), inner.clone()).prop_map(|(at, text)| Value::Split(at, Box::new(text))),
                (0usize..3, inner).prop_map(|(index, list)| Value::Select(index, Box::new(list))),
            ]
        })
    }

    proptest! {
        /// Comparing tells the same as making a tree and comparing trees.
        #[test]
        fn a_value_is_what_it_is_written_as_and_nothing_else(one in values(), other in values()) {
            let tree = |value: &Value| serde_json::to_value(value).unwrap();
            prop_assert!(one.is(&tree(&one)), "{one:?}");
            prop_assert_eq!(one.is(&tree(&other)), tree(&one) == tree(&other));
        }
    }
}
