//! What `hybridge gateway status` shows: one object, printed as JSON or as tables.

use std::net::{IpAddr, Ipv4Addr};

use hybridge_gateway::detail::{Endpoint, NodeState, Route};
use hybridge_gateway::status::Reason;
use hybridge_model::{Cidr4, InterfaceId};
use jiff::Timestamp;
use serde::Serialize;

/// Who the answers come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Source {
    /// At least one gateway has answered.
    Gateways,
    /// None has: these are the cluster's objects.
    Cluster,
}

/// Everything. Lists are ordered by name, table or network.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct View {
    pub(crate) source: Source,
    /// Whether all is well; the exit code is 0 then.
    pub(crate) ok: bool,
    /// Namespace of the gateways, where a cluster was asked.
    pub(crate) namespace: Option<String>,
    /// `null`: nobody holds the Lease, or it is not known.
    pub(crate) leader: Option<Leader>,
    pub(crate) gateways: Vec<Gateway>,
    pub(crate) hybrid_nodes: Vec<Node>,
    /// As the leader sees them; as another gateway does, where the leader does not answer.
    pub(crate) vpc_routes: Vec<Route>,
    /// Likewise.
    pub(crate) vtep_endpoints: Vec<Endpoint>,
    /// Interfaces that gateways have or had (ConfigMap `hybrid-gateway-state`); read only where no gateway answers.
    pub(crate) known_interfaces: Vec<InterfaceId>,
    /// What is not as it should be.
    pub(crate) problems: Vec<Problem>,
    /// What cannot be known without an answer of a gateway.
    pub(crate) unknown: Vec<String>,
}

/// Who holds the Lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Leader {
    /// `holderIdentity`.
    pub(crate) holder: String,
    /// The gateway that has this identity, by its name in `gateways`.
    pub(crate) gateway: Option<String>,
    /// `acquireTime`, by the holder's clock.
    pub(crate) since: Option<Timestamp>,
    /// `leaseTransitions`.
    pub(crate) epoch: Option<u32>,
    /// `renewTime`, by the holder's clock; read only where no gateway answers.
    pub(crate) renewed: Option<Timestamp>,
    /// Whether the Lease has run out by this machine's clock; likewise.
    pub(crate) expired: Option<bool>,
}

/// A gateway: a pod, or an endpoint that was named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Gateway {
    /// Name of the pod, or the endpoint.
    pub(crate) name: String,
    /// Kubernetes node.
    pub(crate) node: Option<String>,
    pub(crate) address: Option<IpAddr>,
    /// `status.phase` of the pod.
    pub(crate) phase: Option<String>,
    /// How its answer came; `null`: there is none.
    pub(crate) answered: Option<Way>,
    /// Why there is none.
    pub(crate) silent: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) leads: Option<bool>,
    pub(crate) ready: Option<bool>,
    pub(crate) reasons: Vec<Reason>,
}

/// How an admin port was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Way {
    /// By the API server's pod proxy.
    ApiServer,
    /// At its own address.
    Direct,
}

/// A hybrid node, as all gateways see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) node_ip: Option<Ipv4Addr>,
    /// Desired.
    pub(crate) pod_cidrs: Vec<Cidr4>,
    /// The worst of the gateways'.
    pub(crate) state: NodeState,
    /// Why it is no better.
    pub(crate) why: Option<String>,
    /// Observed, by each gateway that has answered.
    pub(crate) gateways: Vec<Programmed>,
}

/// What a gateway's kernel holds of a hybrid node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Programmed {
    /// By its name in the view's `gateways`.
    pub(crate) gateway: String,
    pub(crate) state: NodeState,
    pub(crate) pod_cidrs: Vec<Cidr4>,
    pub(crate) why: Option<String>,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Problem {
    /// Stable name; the reasons of `/readyz` among them.
    pub(crate) code: String,
    /// What it is about.
    pub(crate) place: String,
    pub(crate) what: String,
    /// What to do.
    pub(crate) hint: Option<String>,
}

impl Problem {
    pub(crate) fn new(code: impl Into<String>, place: impl Into<String>, what: impl Into<String>) -> Self {
        let code = code.into();
        let hint = super::hints::hint(&code).map(str::to_owned);
        Self { code, place: place.into(), what: what.into(), hint }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
