//! Objects, one version counter for all of them, and a bounded log of changes, which watches and paged lists read.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde_json::Value;

use super::kind::Kind;

/// Changes kept before the oldest are forgotten. A watcher that is further behind gets 410, as from a real server.
const LOG_LENGTH: usize = 20_000;

/// The version of an empty store. As in a real cluster, small numbers are versions long forgotten, and "0" has a meaning of its own.
const FIRST: u64 = 1000;

/// What an object is found by; ordered as lists are: by kind, namespace, name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) kind: Kind,
    /// Empty for kinds without namespaces.
    pub(super) namespace: String,
    pub(super) name: String,
}

/// One change of one object. `before` is `None` for a new object, `after` for a deleted one.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) version: u64,
    pub(super) key: Key,
    pub(super) before: Option<Arc<Value>>,
    pub(super) after: Option<Arc<Value>>,
}

/// The changes since that version are no longer known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooOld;

/// All objects.
#[derive(Debug)]
pub(super) struct Store {
    objects: BTreeMap<Key, Arc<Value>>,
    version: u64,
    /// Versions below this one are forgotten.
    oldest: u64,
    log: VecDeque<Change>,
}

impl Store {
    /// An empty store.
    pub(super) fn new() -> Self {
        Self { objects: BTreeMap::new(), version: FIRST, oldest: FIRST, log: VecDeque::new() }
    }

    /// Version of the last change.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// The oldest version whose successors are known.
    pub(super) fn oldest(&self) -> u64 {
        self.oldest
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Arc<Value>> {
        self.objects.get(key)
    }

    /// Stores `object` under the next version, which is written into its metadata.
    pub(super) fn put(&mut self, key: Key, mut object: Value) -> Arc<Value> {
        self.version += 1;
        stamp(&mut object, self.version);
        let after = Arc::new(object);
        let before = self.objects.insert(key.clone(), after.clone());
        self.remember(Change { version: self.version, key, before, after: Some(after.clone()) });
        after
    }

    /// Removes an object, which is a change with a version of its own, and returns its last state.
    pub(super) fn remove(&mut self, key: &Key) -> Option<Arc<Value>> {
        let before = self.objects.remove(key)?;
        self.version += 1;
        self.remember(Change { version: self.version, key: key.clone(), before: Some(before.clone()), after: None });
        Some(before)
    }

    /// All objects of a kind as they were at `version`, in order.
    pub(super) fn snapshot(&self, kind: Kind, version: u64) -> Result<BTreeMap<Key, Arc<Value>>, TooOld> {
        if version < self.oldest {
            return Err(TooOld);
        }
        let mut objects: BTreeMap<_, _> =
            self.objects.iter().filter(|(key, _)| key.kind == kind).map(|(key, object)| (key.clone(), object.clone())).collect();
        for change in self.log.iter().rev().take_while(|change| change.version > version).filter(|change| change.key.kind == kind) {
            match &change.before {
                Some(before) => objects.insert(change.key.clone(), before.clone()),
                None => objects.remove(&change.key),
            };
        }
        Ok(objects)
    }

    /// Changes of a kind after `version`, oldest first.
    pub(super) fn changes_after(&self, kind: Kind, version: u64) -> Result<Vec<Change>, TooOld> {
        if version < self.oldest {
            return Err(TooOld);
        }
        let start = self.log.partition_point(|change| change.version <= version);
        Ok(self.log.range(start..).filter(|change| change.key.kind == kind).cloned().collect())
    }

    /// Forgets all changes and moves on by one version, so that whatever version a client holds is too old.
    pub(super) fn compact(&mut self) {
        self.version += 1;
        self.oldest = self.version;
        self.log.clear();
    }

    fn remember(&mut self, change: Change) {
        self.log.push_back(change);
        if self.log.len() > LOG_LENGTH
            && let Some(forgotten) = self.log.pop_front()
        {
            self.oldest = forgotten.version;
        }
    }
}

/// Writes `metadata.resourceVersion`.
pub(super) fn stamp(object: &mut Value, version: u64) {
    object["metadata"]["resourceVersion"] = version.to_string().into();
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn key(name: u8) -> Key {
        Key { kind: Kind::Node, namespace: String::new(), name: format!("n{name}") }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Put(u8),
        Remove(u8),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        prop::collection::vec(prop_oneof![(0u8..6).prop_map(Step::Put), (0u8..6).prop_map(Step::Remove)], 0..60)
    }

    fn apply(store: &mut Store, step: &Step) {
        match step {
            Step::Put(name) => drop(store.put(key(*name), json!({"metadata": {"name": name}}))),
            Step::Remove(name) => drop(store.remove(&key(*name))),
        }
    }

    proptest! {
        #[test]
        fn an_old_snapshot_and_the_changes_since_make_the_present(steps in steps(), at in 0usize..60) {
            let mut store = Store::new();
            let mut then = (store.version(), store.snapshot(Kind::Node, store.version()).unwrap());
            for (number, step) in steps.iter().enumerate() {
                apply(&mut store, step);
                if number == at {
                    then = (store.version(), store.snapshot(Kind::Node, store.version()).unwrap());
                }
            }
            let (version, mut objects) = then;
            prop_assert_eq!(&store.snapshot(Kind::Node, version).unwrap(), &objects);
            for change in store.changes_after(Kind::Node, version).unwrap() {
                prop_assert_eq!(objects.get(&change.key), change.before.as_ref());
                match change.after {
                    Some(after) => objects.insert(change.key, after),
                    None => objects.remove(&change.key),
                };
            }
            prop_assert_eq!(objects, store.snapshot(Kind::Node, store.version()).unwrap());
        }
    }

    #[test]
    fn versions_before_a_compaction_are_too_old_and_the_present_one_is_not() {
        let mut store = Store::new();
        store.put(key(1), json!({"metadata": {}}));
        let held = store.version();
        store.compact();
        assert_eq!(store.changes_after(Kind::Node, held).unwrap_err(), TooOld);
        assert_eq!(store.snapshot(Kind::Node, held).unwrap_err(), TooOld);
        assert!(store.changes_after(Kind::Node, store.version()).unwrap().is_empty());
        assert_eq!(store.snapshot(Kind::Node, store.version()).unwrap().len(), 1);
    }

    #[test]
    fn the_log_is_bounded() {
        let mut store = Store::new();
        let first = store.version();
        for _ in 0..=LOG_LENGTH {
            store.put(key(1), json!({"metadata": {}}));
        }
        assert_eq!(store.changes_after(Kind::Node, first).unwrap_err(), TooOld);
        assert_eq!(store.changes_after(Kind::Node, store.oldest()).unwrap().len(), LOG_LENGTH);
    }
}
