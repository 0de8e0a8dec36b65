//! Lists: one page after the other, all of the same version.

use std::sync::Arc;

use serde_json::{Value, json};

use super::kind::Kind;
use super::query::ListQuery;
use super::status::Refusal;
use super::store::{Key, Store};

/// A page, as the API sends it.
pub(super) fn page(store: &Store, kind: Kind, namespace: Option<&str>, query: &ListQuery) -> Result<Value, Refusal> {
    let start = query.next.as_deref().map(Token::read).transpose()?;
    let version = match &start {
        Some(token) => token.version,
        None if query.exact => query.version.unwrap_or_else(|| store.version()),
        None => store.version(),
    };
    let objects = store.snapshot(kind, version).map_err(|_| expired(start.is_some(), version))?;
    let mut wanted = objects
        .iter()
        .filter(|(key, _)| namespace.is_none_or(|namespace| key.namespace == namespace))
        .filter(|(key, _)| start.as_ref().is_none_or(|token| token.is_before(key)))
        .filter(|(_, object)| query.selector.matches(object));
    let items: Vec<_> = wanted.by_ref().take(query.limit).collect();
    let rest = wanted.count();

    let mut metadata = json!({"resourceVersion": version.to_string()});
    if let (Some((last, _)), true) = (items.last(), rest > 0) {
        metadata["continue"] = Token::after(version, last).into();
        if query.selector.is_empty() {
            metadata["remainingItemCount"] = rest.into();
        }
    }
    Ok(json!({
        "kind": format!("{}List", kind.kind()),
        "apiVersion": kind.api_version(),
        "metadata": metadata,
        "items": items.into_iter().map(|(_, object)| item(kind, object)).collect::<Vec<_>>(),
    }))
}

/// Items of built-in kinds come without `kind` and `apiVersion`, because typed servers leave them out within lists.
fn item(kind: Kind, object: &Arc<Value>) -> Value {
    let mut item = (**object).clone();
    if let (false, Some(fields)) = (kind.is_custom(), item.as_object_mut()) {
        fields.remove("kind");
        fields.remove("apiVersion");
    }
    item
}

fn expired(paging: bool, version: u64) -> Refusal {
    Refusal::Expired(if paging {
        "The provided continue parameter is too old to display a consistent list result. \
         You must start a new list without the continue parameter."
            .into()
    } else {
        format!("too old resource version: {version}")
    })
}

/// Where the next page starts, and of which version.
struct Token {
    version: u64,
    namespace: String,
    name: String,
}

impl Token {
    fn after(version: u64, key: &Key) -> String {
        format!("{version}:{}:{}", key.namespace, key.name)
    }

    fn read(text: &str) -> Result<Self, Refusal> {
        let parts: Vec<&str> = text.split(':').collect();
        match parts.as_slice() {
            [version, namespace, name] if version.parse::<u64>().is_ok() => {
                Ok(Self { version: version.parse().unwrap_or_default(), namespace: (*namespace).to_owned(), name: (*name).to_owned() })
            }
            _ => Err(Refusal::BadRequest("continue key is not valid".into())),
        }
    }

    fn is_before(&self, key: &Key) -> bool {
        (&self.namespace, &self.name) < (&key.namespace, &key.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store_of(count: usize) -> Store {
        let mut store = Store::new();
        for number in 0..count {
            let name = format!("n{number:03}");
            let object = json!({"kind": "Node", "apiVersion": "v1", "metadata": {"name": name}});
            store.put(Key { kind: Kind::Node, namespace: String::new(), name }, object);
        }
        store
    }

    fn query(text: &str) -> ListQuery {
        ListQuery::parse(&format!("/api/v1/nodes?{text}").parse().unwrap()).unwrap()
    }

    fn names(page: &Value) -> Vec<String> {
        page["items"].as_array().unwrap().iter().map(|item| item["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn pages_together_are_the_list_as_it_was_when_the_first_was_read() {
        let mut store = store_of(7);
        let whole = names(&page(&store, Kind::Node, None, &query("")).unwrap());
        let first = page(&store, Kind::Node, None, &query("limit=3")).unwrap();
        assert_eq!(first["metadata"]["remainingItemCount"], 4);
        store.remove(&Key { kind: Kind::Node, namespace: String::new(), name: "n005".into() });
        store.put(Key { kind: Kind::Node, namespace: String::new(), name: "n004b".into() }, json!({"metadata": {"name": "n004b"}}));
        let (mut seen, mut last) = (names(&first), first);
        while let Some(token) = last["metadata"]["continue"].as_str() {
            let next = page(&store, Kind::Node, None, &query(&format!("limit=3&continue={token}"))).unwrap();
            assert_eq!(next["metadata"]["resourceVersion"], last["metadata"]["resourceVersion"]);
            seen.extend(names(&next));
            last = next;
        }
        assert_eq!(seen, whole);
    }

    #[test]
    fn a_page_of_a_forgotten_version_is_gone() {
        let mut store = store_of(5);
        let first = page(&store, Kind::Node, None, &query("limit=3")).unwrap();
        store.compact();
        let token = first["metadata"]["continue"].as_str().unwrap();
        let refused = page(&store, Kind::Node, None, &query(&format!("limit=3&continue={token}"))).unwrap_err();
        assert_eq!((refused.code(), refused.reason()), (410, "Expired"));
        assert_eq!(page(&store, Kind::Node, None, &query("continue=junk")).unwrap_err().code(), 400);
    }

    #[test]
    fn items_of_built_in_kinds_do_not_repeat_their_kind() {
        let list = page(&store_of(1), Kind::Node, None, &query("")).unwrap();
        assert_eq!(list["kind"], "NodeList");
        assert_eq!(list["items"][0].get("kind"), None);
    }
}
