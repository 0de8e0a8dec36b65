//! CiliumVTEPConfig: is it served, in which form, and its objects.

use std::time::Duration;

use hybridge_gateway::vtep::Schema;
use kube::api::GetParams;
use kube::core::Request;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::connect::Kube;
use crate::error::{Call, CallError, CallErrorKind, Verb};
use crate::object::Resource;
use crate::schema::{classify, pick};

const VTEP_CONFIG: Resource = Resource { kind: "CiliumVTEPConfig", api_version: "cilium.io/v2", plural: "ciliumvtepconfigs" };

/// `APIResourceList`, as far as it matters.
#[derive(Deserialize)]
struct Served {
    resources: Vec<ServedResource>,
}

#[derive(Deserialize)]
struct ServedResource {
    name: String,
}

impl Kube {
    /// Which form of CiliumVTEPConfig the cluster serves, or `None` where it serves none.
    ///
    /// Discovery is asked first, so that waiting for the CRD costs a few kilobytes a time; the published schemas of `cilium.io/v2`
    /// are megabytes. Every authenticated client may read both (`system:discovery`).
    ///
    /// # Errors
    /// See [`CallError`]; the deadline of each request is 5 s.
    pub async fn vtep_schema(&self) -> Result<Option<Schema>, CallError> {
        if !self.serves_vtep_config("v2").await? {
            let draft = self.serves_vtep_config("v2alpha1").await?;
            return Ok(draft.then(|| Schema::Unknown("it is served as cilium.io/v2alpha1 only".into())));
        }
        let call = Call::new(Verb::Read, "the OpenAPI schemas of cilium.io/v2");
        let request = Request::new("/openapi/v3/apis/cilium.io").get("v2", &GetParams::default());
        let schema = match self.ask(request, self.timing.read).await {
            Ok(body) => pick(&body, VTEP_CONFIG.kind).map_err(|error| call.failed(CallErrorKind::BadReply(error)))?,
            Err(CallErrorKind::NotFound) => None,
            Err(kind) => return Err(call.failed(kind)),
        };
        // The API server publishes schemas some moments after it begins to serve a new CRD.
        Ok(Some(schema.map_or_else(|| Schema::Unknown("its schema is not published (yet)".into()), |schema| classify(&schema))))
    }

    async fn serves_vtep_config(&self, version: &str) -> Result<bool, CallError> {
        let call = Call::new(Verb::List, format!("the resources of cilium.io/{version}"));
        let request = Request::new("/apis/cilium.io").get(version, &GetParams::default());
        match self.ask(request, self.timing.read).await {
            Ok(body) => {
                let served: Served = parse(&call, &body)?;
                Ok(served.resources.iter().any(|resource| resource.name == VTEP_CONFIG.plural))
            }
            Err(CallErrorKind::NotFound) => Ok(false),
            Err(kind) => Err(call.failed(kind)),
        }
    }

    /// The object as it is now, or `None` where it (or the CRD) does not exist.
    ///
    /// # Errors
    /// See [`CallError`]; the deadline is 5 s.
    pub async fn vtep(&self, name: &str) -> Result<Option<Value>, CallError> {
        self.read_object(&VTEP_CONFIG, None, name).await
    }

    /// Creates the object, in one attempt, and gives it back as stored.
    ///
    /// # Errors
    /// A conflict where there is one already; otherwise see [`CallError`], and ask it whether the outcome is unknown.
    pub async fn create_vtep(&self, object: &Value, within: Duration) -> Result<Value, CallError> {
        self.create_object(&VTEP_CONFIG, object, within).await
    }

    /// Replaces the object of the version that `metadata.resourceVersion` names, in one attempt, and gives it back as stored.
    ///
    /// # Errors
    /// A conflict where it was changed since it was read; otherwise see [`CallError`], and ask it whether the outcome is unknown.
    pub async fn replace_vtep(&self, object: &Value, within: Duration) -> Result<Value, CallError> {
        self.replace_object(&VTEP_CONFIG, object, within).await
    }
}

fn parse<T: DeserializeOwned>(call: &Call, body: &[u8]) -> Result<T, CallError> {
    serde_json::from_slice(body).map_err(|error| call.failed(CallErrorKind::BadReply(error)))
}
