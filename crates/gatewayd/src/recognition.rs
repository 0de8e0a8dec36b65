//! Learns whose VPC routes count as a gateway's of this cluster.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use hybridge_aws::Ec2Error;
use hybridge_gateway::routes::{History, Recognised};
use hybridge_gateway::vtep;
use hybridge_kube_io::{CallError, ConfigMap, Kube};

use crate::cloud::Session;

/// Where the cluster keeps what it knows of gateways.
pub(crate) struct Sources<'a> {
    pub(crate) kube: &'a Kube,
    /// Namespace of the state ConfigMap.
    pub(crate) namespace: &'a str,
    /// Label of gateway nodes.
    pub(crate) node_label: &'a str,
}

/// A source that did not answer; what it would have told is missing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Gap {
    #[error("the history of gateways cannot be read")]
    History(#[source] CallError),
    #[error("gateway nodes cannot be listed")]
    Nodes(#[source] CallError),
    #[error("former gateways cannot be read from the CiliumVTEPConfig")]
    Endpoints(#[source] CallError),
    #[error("interfaces of former gateways cannot be found")]
    Interfaces(#[source] Ec2Error),
}

impl Gap {
    /// Whether it is a right that is missing, as under the reference chart's role: asking again will not help.
    pub(crate) fn is_forbidden(&self) -> bool {
        match self {
            Self::History(error) | Self::Nodes(error) | Self::Endpoints(error) => error.is_forbidden(),
            Self::Interfaces(_) => false,
        }
    }
}

impl Sources<'_> {
    /// Interfaces of the history and of gateways that the CiliumVTEPConfig leads to, and instances of labelled nodes. `meet` is given
    /// the addresses in the CiliumVTEPConfig and returns those to be looked up.
    pub(crate) async fn recognise(
        &self,
        session: &Session,
        meet: impl FnOnce(BTreeSet<Ipv4Addr>) -> BTreeSet<Ipv4Addr>,
    ) -> (Recognised, Vec<Gap>) {
        let Self { kube, namespace, node_label } = self;
        let (kept, object, nodes) =
            tokio::join!(kube.config_map(namespace, History::CONFIG_MAP), kube.vtep(vtep::OBJECT_NAME), kube.gateway_nodes(node_label));
        let (mut known, mut gaps) = (Recognised::default(), Vec::new());
        match kept {
            Ok(kept) => known.interfaces.extend(history(kept.as_ref()).interfaces),
            Err(error) => gaps.push(Gap::History(error)),
        }
        match nodes {
            Ok(instances) => known.instances = instances,
            Err(error) => gaps.push(Gap::Nodes(error)),
        }
        let named = object.map(|object| object.as_ref().map(vtep::tunnel_endpoints).unwrap_or_default());
        let met = meet(named.unwrap_or_else(|error| {
            gaps.push(Gap::Endpoints(error));
            BTreeSet::new()
        }));
        if !met.is_empty() {
            match session.ec2.interfaces_at(&session.instance.vpc, &met).await {
                Ok(interfaces) => known.interfaces.extend(interfaces),
                Err(error) => gaps.push(Gap::Interfaces(error)),
            }
        }
        (known, gaps)
    }
}

/// What a ConfigMap keeps; nothing, if somebody has damaged it.
pub(crate) fn history(kept: Option<&ConfigMap>) -> History {
    let text = kept.and_then(|kept| kept.data().remove(History::KEY));
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}
