//! Gateways as a chart would have them: installed by Helm into the real cluster, started as its Deployment says.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::cluster::{Cluster, ClusterError};
use super::gateway::{NAMESPACE, Variable};
use crate::netns::Netns;
use crate::real::{Helm, RealError};

/// The Helm release, and with our chart the name of the Deployment and of the service account.
const RELEASE: &str = "hybridge-gateway";

/// Why a chart could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// Helm could not be run, or an account got no token.
    #[error(transparent)]
    Real(#[from] RealError),
    /// The Deployment could not be read.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// Helm refused.
    #[error("`helm install` failed: {0}")]
    Refused(String),
    /// Helm's input could not be written.
    #[error("cannot write {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What happened.
        #[source]
        source: std::io::Error,
    },
    /// A world with the built-in API, which Helm cannot use.
    #[error("a chart can only be installed into a world with a real API server")]
    NoCluster,
    /// The Deployment is of another form than a gateway's.
    #[error("the Deployment has no {0}")]
    Form(&'static str),
}

/// What a Deployment says about its container.
pub(super) struct Container {
    pub(super) arguments: Vec<String>,
    pub(super) environment: Vec<(String, Variable)>,
}

/// Installs the chart with the values of a file, then further ones, and lets gateways log in as the service account that it makes.
pub(super) fn install(
    cluster: &mut Cluster,
    from: &Netns,
    (chart, values, further): (&Path, &Path, &Value),
    directory: &Path,
) -> Result<Container, InstallError> {
    let kube = cluster.real().ok_or(InstallError::NoCluster)?;
    let home = directory.join("helm");
    fs::create_dir_all(&home).map_err(|source| InstallError::File { path: home.clone(), source })?;
    let file = home.join("further-values.json");
    fs::write(&file, further.to_string()).map_err(|source| InstallError::File { path: file.clone(), source })?;
    let [chart, values, file] = [chart, values, &file].map(|path| path.display().to_string());
    let words = ["install", RELEASE, &chart, "--namespace", NAMESPACE, "--values", &values, "--values", &file];
    let said = Helm::online(&home, kube, from)?.run(words)?;
    if !said.success {
        return Err(InstallError::Refused(said.stderr));
    }
    let deployment = cluster.get(&format!("/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{RELEASE}"))?;
    let pod = deployment.as_ref().and_then(|object| object.pointer("/spec/template/spec")).ok_or(InstallError::Form("pod template"))?;
    let account = pod["serviceAccountName"].as_str().ok_or(InstallError::Form("service account"))?;
    let token = kube.account_token(NAMESPACE, account)?;
    cluster.gateway_kubeconfigs = vec![kube.kubeconfig_for_token(&token, NAMESPACE).into_bytes()];
    container(&pod["containers"][0])
}

fn container(container: &Value) -> Result<Container, InstallError> {
    let list = |field: &str| container[field].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let arguments = list("args").iter().map(text).collect::<Option<_>>().ok_or(InstallError::Form("arguments that are texts"))?;
    let variable = |entry: &Value| Some((text(&entry["name"])?, self::variable(entry)?));
    let environment = list("env").iter().map(variable).collect::<Option<_>>().ok_or(InstallError::Form("variables of a known form"))?;
    Ok(Container { arguments, environment })
}

fn variable(entry: &Value) -> Option<Variable> {
    let Some(field) = entry.pointer("/valueFrom/fieldRef/fieldPath") else {
        // An empty value is left out by the API server.
        return Some(Variable::Text(entry["value"].as_str().unwrap_or_default().to_owned()));
    };
    match field.as_str()? {
        "status.hostIP" => Some(Variable::HostIp),
        "spec.nodeName" => Some(Variable::NodeName),
        "metadata.namespace" => Some(Variable::Namespace),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn variables_are_texts_or_fields_of_the_pod_and_nothing_else() {
        let field = |path: &str| json!({"name": "X", "valueFrom": {"fieldRef": {"fieldPath": path}}});
        for (entry, expected) in [
            (json!({"name": "X", "value": "1"}), Some(Variable::Text("1".into()))),
            (json!({"name": "X"}), Some(Variable::Text(String::new()))),
            (field("status.hostIP"), Some(Variable::HostIp)),
            (field("spec.nodeName"), Some(Variable::NodeName)),
            (field("metadata.namespace"), Some(Variable::Namespace)),
            (field("metadata.labels"), None),
        ] {
            assert_eq!(variable(&entry), expected, "{entry}");
        }
    }
}
