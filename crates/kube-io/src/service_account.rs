//! Service accounts that a cluster's file asks for.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::connect::Kube;
use crate::error::CallError;
use crate::object::Resource;

const SERVICE_ACCOUNT: Resource = Resource { kind: "ServiceAccount", api_version: "v1", plural: "serviceaccounts" };
const NAMESPACE: Resource = Resource { kind: "Namespace", api_version: "v1", plural: "namespaces" };

/// A service account as it is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceAccount {
    /// Its namespace; made if it is not there.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Labels; others stay.
    pub labels: BTreeMap<String, String>,
    /// Annotations; others stay.
    pub annotations: BTreeMap<String, String>,
}

impl Kube {
    /// Makes a service account, or gives one that exists the labels and annotations that are wanted. False: it was as wanted.
    ///
    /// # Errors
    /// See [`CallError`]; a conflict where somebody wrote it at the same moment.
    pub async fn ensure_service_account(&self, wanted: &ServiceAccount, within: Duration) -> Result<bool, CallError> {
        let ServiceAccount { namespace, name, labels, annotations } = wanted;
        let Some(mut object) = self.read_object(&SERVICE_ACCOUNT, Some(namespace), name).await? else {
            self.ensure_namespace(namespace, within).await?;
            let new = json!({
                "apiVersion": SERVICE_ACCOUNT.api_version,
                "kind": SERVICE_ACCOUNT.kind,
                "metadata": {"namespace": namespace, "name": name, "labels": labels, "annotations": annotations},
            });
            return self.create_object(&SERVICE_ACCOUNT, &new, within).await.map(|_| true);
        };
        let before = object.clone();
        for (key, texts) in [("labels", labels), ("annotations", annotations)] {
            for (name, text) in texts {
                object["metadata"][key][name] = Value::String(text.clone());
            }
        }
        if object == before {
            return Ok(false);
        }
        self.replace_object(&SERVICE_ACCOUNT, &object, within).await.map(|_| true)
    }

    async fn ensure_namespace(&self, name: &str, within: Duration) -> Result<(), CallError> {
        if self.read_object(&NAMESPACE, None, name).await?.is_some() {
            return Ok(());
        }
        let new = json!({"apiVersion": NAMESPACE.api_version, "kind": NAMESPACE.kind, "metadata": {"name": name}});
        match self.create_object(&NAMESPACE, &new, within).await {
            Err(error) if !error.is_conflict() => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Reply, Server};

    fn wanted() -> ServiceAccount {
        let texts = |pairs: [(&str, &str); 1]| pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        ServiceAccount {
            namespace: "shop".into(),
            name: "web".into(),
            labels: texts([("app", "web")]),
            annotations: texts([("eks.amazonaws.com/role-arn", "arn:aws:iam::1:role/web")]),
        }
    }

    #[tokio::test]
    async fn a_missing_account_is_made_with_its_namespace() {
        let replies = [Reply::status(404, ""), Reply::status(404, ""), Reply::status(409, ""), Reply::json(json!({}))];
        let (server, kube) = Server::start(replies).await;
        assert!(kube.ensure_service_account(&wanted(), Duration::from_millis(500)).await.unwrap());
        assert_eq!(server.asked()[3].json()["metadata"]["annotations"]["eks.amazonaws.com/role-arn"], "arn:aws:iam::1:role/web");
    }

    #[tokio::test]
    async fn an_account_that_is_as_wanted_is_not_written_and_others_keep_what_they_have() {
        let metadata = json!({"namespace": "shop", "name": "web", "labels": {"app": "web", "team": "a"},
            "annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/web"}});
        let (server, kube) = Server::start([Reply::json(json!({"metadata": metadata}))]).await;
        assert!(!kube.ensure_service_account(&wanted(), Duration::from_millis(500)).await.unwrap());
        assert_eq!(server.asked().len(), 1);
        let old = json!({"metadata": {"namespace": "shop", "name": "web", "labels": {"team": "a"}}, "secrets": [1]});
        let (server, kube) = Server::start([Reply::json(old), Reply::json(json!({}))]).await;
        assert!(kube.ensure_service_account(&wanted(), Duration::from_millis(500)).await.unwrap());
        let written = server.asked()[1].json();
        assert_eq!((&written["metadata"]["labels"], &written["secrets"]), (&json!({"app": "web", "team": "a"}), &json!([1])));
    }
}
