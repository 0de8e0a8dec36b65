//! Single objects of any kind, as JSON: read, create, replace.

use std::fmt;
use std::time::Duration;

use kube::api::{GetParams, PostParams};
use kube::core::Request;
use serde_json::Value;

use crate::connect::Kube;
use crate::error::{Call, CallError, CallErrorKind, Verb};

/// Who we are in `metadata.managedFields`.
const FIELD_MANAGER: &str = "hybridge-gateway";

/// A kind of object and where the API server keeps it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Resource {
    pub(crate) kind: &'static str,
    pub(crate) api_version: &'static str,
    pub(crate) plural: &'static str,
}

impl Resource {
    /// The path of all its objects, in one namespace or in the whole cluster.
    pub(crate) fn path(&self, namespace: Option<&str>) -> String {
        // The core group is older than groups and lives apart from them.
        let root = if self.api_version.contains('/') { "/apis" } else { "/api" };
        let Self { api_version, plural, .. } = self;
        match namespace {
            Some(namespace) => format!("{root}/{api_version}/namespaces/{namespace}/{plural}"),
            None => format!("{root}/{api_version}/{plural}"),
        }
    }
}

pub(crate) const NODE: Resource = Resource { kind: "Node", api_version: "v1", plural: "nodes" };
pub(crate) const POD: Resource = Resource { kind: "Pod", api_version: "v1", plural: "pods" };

/// An object as people name it: `Lease kube-system/hybrid-gateway-leader`.
struct Named<'a> {
    resource: &'static Resource,
    namespace: Option<&'a str>,
    name: &'a str,
}

impl<'a> Named<'a> {
    fn of(resource: &'static Resource, object: &'a Value) -> Self {
        let metadata = &object["metadata"];
        Self { resource, namespace: metadata["namespace"].as_str(), name: metadata["name"].as_str().unwrap_or_default() }
    }
}

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.resource.kind)?;
        if let Some(namespace) = self.namespace {
            write!(f, "{namespace}/")?;
        }
        f.write_str(self.name)
    }
}

impl Kube {
    /// The object, or `None` where it (or its kind) does not exist.
    pub(crate) async fn read_object(
        &self,
        resource: &'static Resource,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Option<Value>, CallError> {
        let call = Call::new(Verb::Read, Named { resource, namespace, name });
        let request = Request::new(resource.path(namespace)).get(name, &GetParams::default());
        match self.ask(request, self.timing.read).await {
            Ok(body) => Ok(Some(parse(&call, &body)?)),
            Err(CallErrorKind::NotFound) => Ok(None),
            Err(kind) => Err(call.failed(kind)),
        }
    }

    /// Creates an object in the namespace its metadata names; gives it back as stored.
    pub(crate) async fn create_object(&self, resource: &'static Resource, object: &Value, within: Duration) -> Result<Value, CallError> {
        let named = Named::of(resource, object);
        let call = Call::new(Verb::Create, &named);
        let request = Request::new(resource.path(named.namespace)).create(&ours(), object.to_string().into_bytes());
        let body = self.ask(request, within).await.map_err(|kind| call.failed(kind))?;
        parse(&call, &body)
    }

    /// Replaces an object of the version that its metadata names; gives it back as stored.
    pub(crate) async fn replace_object(&self, resource: &'static Resource, object: &Value, within: Duration) -> Result<Value, CallError> {
        let named = Named::of(resource, object);
        let call = Call::new(Verb::Update, &named);
        let request = Request::new(resource.path(named.namespace)).replace(named.name, &ours(), object.to_string().into_bytes());
        let body = self.ask(request, within).await.map_err(|kind| call.failed(kind))?;
        parse(&call, &body)
    }
}

fn ours() -> PostParams {
    PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() }
}

fn parse(call: &Call, body: &[u8]) -> Result<Value, CallError> {
    serde_json::from_slice(body).map_err(|error| call.failed(CallErrorKind::BadReply(error)))
}

/// `metadata.resourceVersion`; empty where the server left it out, which no write that names it will match.
pub(crate) fn version(object: &Value) -> &str {
    object["metadata"]["resourceVersion"].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests;
