//! Questions for the cluster's API server.

use hybridge_aws::ApiServer;
use hybridge_node::config::NodeConfig;
use hybridge_node::facts::{Answer, ClusterFacts, Facts};
use hybridge_node::hosts::endpoint_host;
use hybridge_node::resolve::{self, Question};
use hybridge_node_host::facts::Part;
use jiff::Timestamp;

use super::{Asked, addresses, answer};

/// Its name, its certificate, and whether it knows the node. Where it is says the document, or EKS.
pub(in super::super) async fn ask(config: &NodeConfig, asked: Asked<'_>, described: Option<&ClusterFacts>) -> Part {
    let url = resolve::endpoint(config, described);
    // Without a cluster that is told by another finding.
    let Some(host) = endpoint_host(url) else { return Box::new(|_| ()) };
    let name = async {
        let found = addresses(&host).await;
        match found {
            Ok(addresses) => Answer::Good(addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
            Err(why) => Answer::Bad(why),
        }
    };
    let server = resolve::authority(config, described).ok_or_else(|| "its authority is no base64 of a text".to_owned());
    let server = server.and_then(|pem| ApiServer::new(url, &pem).map_err(|cause| cause.to_string()));
    let server = server.as_ref();
    let status = async {
        match server {
            Ok(server) => answer(server.status()).await,
            Err(why) => Answer::Bad(why.clone()),
        }
    };
    let user = asked.aws(Question::ApiAuthentication, async |session| {
        let cluster = if config.cluster.id.is_empty() { &config.cluster.name } else { &config.cluster.id };
        let token = session.eks_token(cluster, None, Timestamp::now()).await?;
        match server {
            Ok(server) => server.user(&token).await,
            // Why not is told by the question before.
            Err(_) => Ok(String::new()),
        }
    });
    let name = when(asked.wants(Question::ApiEndpointResolved), name);
    let status = when(asked.wants(Question::ApiEndpoint), status);
    let (name, status, user) = tokio::join!(name, status, user);
    Box::new(move |Facts { answers, .. }| {
        (answers.api_endpoint_resolved, answers.api_endpoint, answers.api_authentication) = (name, status, user);
    })
}

async fn when(wanted: bool, question: impl Future<Output = Answer>) -> Option<Answer> {
    if wanted { Some(question.await) } else { None }
}
