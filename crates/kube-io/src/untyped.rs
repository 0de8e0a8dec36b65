//! Objects of any kind, as JSON, for those who judge them purely.

use kube::api::ListParams;
use kube::core::Request;
use serde_json::Value;

use crate::connect::Kube;
use crate::error::{Call, CallError, CallErrorKind, Verb};
use crate::object::Resource;

/// Objects a page.
const PAGE: u32 = 250;

/// A kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    resource: &'static Resource,
}

impl Kind {
    /// All kinds that an LNI is judged by.
    pub const OF_LNI: [Self; 8] = [
        Self { resource: &Resource { kind: "IPAddressPool", api_version: "metallb.io/v1beta1", plural: "ipaddresspools" } },
        Self { resource: &Resource { kind: "L2Advertisement", api_version: "metallb.io/v1beta1", plural: "l2advertisements" } },
        Self {
            resource: &Resource {
                kind: "NetworkAttachmentDefinition",
                api_version: "k8s.cni.cncf.io/v1",
                plural: "network-attachment-definitions",
            },
        },
        Self { resource: &Resource { kind: "Service", api_version: "v1", plural: "services" } },
        Self { resource: &Resource { kind: "Node", api_version: "v1", plural: "nodes" } },
        Self { resource: &Resource { kind: "Deployment", api_version: "apps/v1", plural: "deployments" } },
        Self { resource: &Resource { kind: "StatefulSet", api_version: "apps/v1", plural: "statefulsets" } },
        Self { resource: &Resource { kind: "DaemonSet", api_version: "apps/v1", plural: "daemonsets" } },
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        self.resource.kind
    }
}

const CONFIG_MAP: Resource = Resource { kind: "ConfigMap", api_version: "v1", plural: "configmaps" };

impl Kube {
    /// All objects of a kind in all namespaces, without `metadata.managedFields`; none where the cluster does not know the kind.
    ///
    /// # Errors
    /// See [`CallError`]. The deadline is that of the connection, for each page.
    pub async fn all(&self, kind: Kind) -> Result<Option<Vec<Value>>, CallError> {
        let call = Call::new(Verb::List, format_args!("{}s", kind.name()));
        let mut params = ListParams::default().limit(PAGE);
        let mut found = Vec::new();
        loop {
            let request = Request::new(kind.resource.path(None)).list(&params);
            let body = match self.ask(request, self.timing.read).await {
                Ok(body) => body,
                Err(CallErrorKind::NotFound) => return Ok(None),
                Err(why) => return Err(call.failed(why)),
            };
            let mut page: Value = serde_json::from_slice(&body).map_err(|error| call.failed(CallErrorKind::BadReply(error)))?;
            if let Value::Array(items) = page["items"].take() {
                found.extend(items.into_iter().map(slim));
            }
            match page["metadata"]["continue"].as_str().filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(token),
                None => return Ok(Some(found)),
            }
        }
    }

    /// The ConfigMaps of kube-proxy, under the names of EKS and of kubeadm; those that exist.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn kube_proxy(&self) -> Result<Vec<Value>, CallError> {
        let mut found = Vec::new();
        for name in ["kube-proxy-config", "kube-proxy"] {
            found.extend(self.read_object(&CONFIG_MAP, Some("kube-system"), name).await?.map(slim));
        }
        Ok(found)
    }
}

fn slim(mut object: Value) -> Value {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("managedFields");
    }
    object
}
