//! `hybridge get-token`: a token for the Kubernetes API.

use hybridge_aws::{ExecOddity, ExecVersion, Session, Wishes};
use hybridge_report::Exit;
use jiff::Timestamp;

use super::{Failure, run, tell};
use crate::args::GetToken;

/// Prints an `ExecCredential`.
pub(crate) fn get_token(asked: &GetToken) -> Exit {
    let (version, oddity) = ExecVersion::asked_for(std::env::var("KUBERNETES_EXEC_INFO").ok().as_deref());
    if let Some(oddity) = oddity {
        let what = match oddity {
            ExecOddity::NotJson => "KUBERNETES_EXEC_INFO is no JSON object; answering with v1beta1",
            ExecOddity::Unknown => "KUBERNETES_EXEC_INFO asks for no version that is known here; answering with v1beta1",
            ExecOddity::Deprecated => "client.authentication.k8s.io/v1alpha1 is deprecated",
        };
        let fix = "write `client.authentication.k8s.io/v1` as apiVersion of the exec plugin in the kubeconfig";
        tell("warning", &Failure { what: what.into(), fix: Some(fix.into()) });
    }
    run(async {
        let wishes = Wishes { region: asked.region.clone(), profile: asked.profile.clone(), config_file: None };
        let session = Session::open(&wishes).await.map_err(|error| Failure::new(&error, Some(error.fix())))?;
        let cluster = asked.cluster_id.as_deref().or(asked.cluster_name.as_deref()).unwrap_or_default();
        let token = session.eks_token(cluster, asked.role_arn.as_deref(), Timestamp::now()).await;
        let token = token.map_err(|error| Failure::new(&error, error.fix()))?;
        Ok(token.exec_credential(version))
    })
}
