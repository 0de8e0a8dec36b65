//! Collections, page by page, without ever holding more than one page.

use std::fmt;
use std::marker::PhantomData;

use jiff::Timestamp;
use kube::api::ListParams;
use kube::core::Request;
use serde::Deserialize;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::connect::Kube;
use crate::error::{Call, CallError, CallErrorKind, Verb};
use crate::object::Resource;

/// Objects a page: client-go's number; 500 CiliumNodes are about 1.5 MB of JSON.
const PAGE: u32 = 500;

/// What of an object is looked at. The rest, `managedFields` and `status` above all, is skipped while parsing.
///
/// Nothing in here can fail to parse but metadata that is no map, which no API server stores.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Item {
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    pub(crate) spec: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    name: Value,
    creation_timestamp: Value,
    resource_version: Value,
}

impl Item {
    pub(crate) fn name(&self) -> &str {
        self.metadata.name.as_str().unwrap_or_default()
    }

    pub(crate) fn version(&self) -> &str {
        self.metadata.resource_version.as_str().unwrap_or_default()
    }

    /// When it was created, in seconds since 1970. An object that does not say counts as the youngest, so that it wins no conflict.
    pub(crate) fn created(&self) -> i64 {
        let stamp = self.metadata.creation_timestamp.as_str().and_then(|text| text.parse::<Timestamp>().ok());
        stamp.map_or(i64::MAX, Timestamp::as_second)
    }
}

/// All objects of a kind that carry a label; all of the kind where the selector is empty.
#[derive(Clone, Debug)]
pub(crate) struct Collection {
    pub(crate) resource: &'static Resource,
    /// `key=value`.
    pub(crate) selector: String,
}

impl fmt::Display for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s", self.resource.kind)?;
        if self.selector.is_empty() { Ok(()) } else { write!(f, " with {}", self.selector) }
    }
}

impl Kube {
    /// Shows every object of the collection to `each` and gives the version at which the collection was so.
    ///
    /// On an error, `each` may have seen a part. 410 means that the pages' common version is no longer kept: start again.
    pub(crate) async fn list(&self, collection: &Collection, each: &mut (impl FnMut(Item) + Send)) -> Result<String, CallError> {
        let params = ListParams::default().labels(&collection.selector);
        self.pages(&Call::new(Verb::List, collection), collection.resource.path(None), params, each).await
    }

    /// All objects below a path that the parameters admit, as much of each as `T` holds.
    pub(crate) async fn items<T: DeserializeOwned + Send>(
        &self,
        call: &Call,
        path: String,
        params: ListParams,
    ) -> Result<Vec<T>, CallError> {
        let mut found = Vec::new();
        self.pages(call, path, params, &mut |item| found.push(item)).await?;
        Ok(found)
    }

    async fn pages<T: DeserializeOwned>(
        &self,
        call: &Call,
        path: String,
        params: ListParams,
        each: &mut (impl FnMut(T) + Send),
    ) -> Result<String, CallError> {
        let mut params = params.limit(PAGE);
        loop {
            let request = Request::new(&path).list(&params);
            let body = self.ask(request, self.timing.read).await.map_err(|kind| call.failed(kind))?;
            let page = parse(&body, each).map_err(|error| call.failed(CallErrorKind::BadReply(error)))?;
            match page.next.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return Ok(page.resource_version),
            }
        }
    }
}

/// `metadata` of a list.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Page {
    resource_version: String,
    #[serde(rename = "continue")]
    next: Option<String>,
}

fn parse<T: DeserializeOwned>(body: &[u8], each: &mut impl FnMut(T)) -> serde_json::Result<Page> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let page = PageVisitor(each, PhantomData).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(page)
}

/// Reads a list object; its items go to the closure one by one.
struct PageVisitor<'a, T, F>(&'a mut F, PhantomData<T>);

impl<'de, T: Deserialize<'de>, F: FnMut(T)> DeserializeSeed<'de> for PageVisitor<'_, T, F> {
    type Value = Page;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Page, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> Visitor<'de> for PageVisitor<'_, T, F> {
    type Value = Page;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Page, A::Error> {
        let mut page = Page::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "metadata" => page = map.next_value()?,
                "items" => map.next_value_seed(Items(&mut *self.0, PhantomData))?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(page)
    }
}

struct Items<'a, T, F>(&'a mut F, PhantomData<T>);

impl<'de, T: Deserialize<'de>, F: FnMut(T)> DeserializeSeed<'de> for Items<'_, T, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> Visitor<'de> for Items<'_, T, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element()? {
            (self.0)(item);
        }
        Ok(())
    }

    /// Go writes an empty slice that was never made as null.
    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_in_either_key_order_and_its_items_one_by_one() {
        let pages = [
            r#"{"kind":"L","metadata":{"resourceVersion":"7","continue":"more"},"items":[{"metadata":{"name":"a"},"spec":1},{"spec":2}]}"#,
            r#"{"items":[{"metadata":{"name":"a"},"spec":1},{"spec":2}],"metadata":{"resourceVersion":"7","continue":"more"},"x":[{}]}"#,
        ];
        for text in pages {
            let mut seen = Vec::new();
            let page = parse(text.as_bytes(), &mut |item: Item| seen.push((item.name().to_owned(), item.spec))).unwrap();
            assert_eq!((page.resource_version.as_str(), page.next.as_deref()), ("7", Some("more")));
            assert_eq!(seen, [("a".to_owned(), Value::from(1)), (String::new(), Value::from(2))]);
        }
    }

    #[test]
    fn an_empty_list_may_say_null() {
        let page = parse(br#"{"metadata":{"resourceVersion":"7"},"items":null}"#, &mut |_: Item| panic!("no items")).unwrap();
        assert_eq!(page.next, None);
    }

    #[test]
    fn odd_metadata_is_no_error_and_an_odd_age_wins_no_conflict() {
        let item: Item = serde_json::from_str(r#"{"metadata":{"name":5,"creationTimestamp":"soon"},"spec":"?"}"#).unwrap();
        assert_eq!((item.name(), item.created()), ("", i64::MAX));
        let item: Item = serde_json::from_str(r#"{"metadata":{"creationTimestamp":"1970-01-01T00:01:00Z"}}"#).unwrap();
        assert_eq!((item.created(), item.spec), (60, Value::Null));
    }
}
