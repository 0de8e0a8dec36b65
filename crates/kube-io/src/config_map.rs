//! ConfigMaps: what gateways remember together.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::connect::Kube;
use crate::error::CallError;
use crate::object::{Resource, version};

const CONFIG_MAP: Resource = Resource { kind: "ConfigMap", api_version: "v1", plural: "configmaps" };

/// A ConfigMap as the API server holds it, with all its fields, so that a write keeps those of others.
#[derive(Clone, Debug)]
pub struct ConfigMap {
    object: Value,
}

impl ConfigMap {
    /// `metadata.resourceVersion`.
    pub fn version(&self) -> &str {
        version(&self.object)
    }

    /// Its texts (`data`, not `binaryData`).
    pub fn data(&self) -> BTreeMap<String, String> {
        let texts = self.object["data"].as_object().into_iter().flatten();
        texts.filter_map(|(key, text)| Some((key.clone(), text.as_str()?.to_owned()))).collect()
    }
}

impl Kube {
    /// The ConfigMap as it is now, or `None` where there is none.
    ///
    /// # Errors
    /// See [`CallError`]; forbidden under the reference chart's role. The deadline is 5 s.
    pub async fn config_map(&self, namespace: &str, name: &str) -> Result<Option<ConfigMap>, CallError> {
        let object = self.read_object(&CONFIG_MAP, Some(namespace), name).await?;
        Ok(object.map(|object| ConfigMap { object }))
    }

    /// Creates a ConfigMap, in one attempt.
    ///
    /// # Errors
    /// A conflict where there is one already; otherwise see [`CallError`], and ask it whether the outcome is unknown.
    pub async fn create_config_map(
        &self,
        namespace: &str,
        name: &str,
        data: &BTreeMap<String, String>,
        within: Duration,
    ) -> Result<ConfigMap, CallError> {
        let new = json!({
            "apiVersion": CONFIG_MAP.api_version,
            "kind": CONFIG_MAP.kind,
            "metadata": { "namespace": namespace, "name": name },
            "data": data,
        });
        Ok(ConfigMap { object: self.create_object(&CONFIG_MAP, &new, within).await? })
    }

    /// Replaces all texts of a ConfigMap, provided it is still as it was read; in one attempt.
    ///
    /// # Errors
    /// A conflict where it was changed since it was read; otherwise see [`CallError`], and ask it whether the outcome is unknown.
    pub async fn update_config_map(
        &self,
        read: &ConfigMap,
        data: &BTreeMap<String, String>,
        within: Duration,
    ) -> Result<ConfigMap, CallError> {
        let mut new = read.object.clone();
        new["data"] = json!(data);
        Ok(ConfigMap { object: self.replace_object(&CONFIG_MAP, &new, within).await? })
    }
}
