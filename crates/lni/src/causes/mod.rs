//! Why the LAN gets no answer: what probes saw and what the machine has, weighed against each other.
//!
//! Nine causes are known, all of them made in namespaces (`tests/lni_matrix.rs`), and fixing one uncovers the next; so all that apply are
//! told at once. A packet's way is followed as the kernel would: is it dropped where it comes in, and by which interface does its reply
//! leave?

mod node;
mod tables;
#[cfg(test)]
pub(crate) mod tests;
mod way;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};

use hybridge_model::MacAddr;
use hybridge_report::Finding;
use serde::{Deserialize, Serialize};

use crate::facts::Facts;
use crate::resolve::Lni;
use node::Node;

/// What is wrong. The numbers are those of docs/lni.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// 1: it works on the node, which proves nothing: such packets never touch the LNI.
    WorksOnlyOnTheNode,
    /// 2: the filter of reverse paths drops what comes in.
    ReversePath,
    /// 3: the LNI has no address, so that even loose filtering drops.
    Unnumbered,
    /// 4: the reply leaves by another interface, where EC2 drops it.
    ReplyElsewhere,
    /// 5: a rule from the Service's address matches no reply of a pod.
    SourceRule,
    /// 6: the VPC CNI writes an address of the VPC on what pods and the node begin.
    CniSource,
    /// 7: the VPC CNI has taken the LNI for one of its interfaces.
    CniAddress,
    /// 8: the operating system set up the LNI as an interface of the VPC.
    SetUpAsVpc,
    /// 9: an LNI without an address sends with that of the VPC.
    SenderUnnumbered,
}

impl Cause {
    /// 1 to 9.
    pub fn number(self) -> u8 {
        self as u8 + 1
    }

    /// Stable name for scripts.
    pub fn code(self) -> &'static str {
        match self {
            Self::WorksOnlyOnTheNode => "lni.works-only-on-the-node",
            Self::ReversePath => "lni.reverse-path",
            Self::Unnumbered => "lni.unnumbered",
            Self::ReplyElsewhere => "lni.reply-elsewhere",
            Self::SourceRule => "lni.source-rule",
            Self::CniSource => "lni.cni-source",
            Self::CniAddress => "lni.cni-address",
            Self::SetUpAsVpc => "lni.set-up-as-vpc",
            Self::SenderUnnumbered => "lni.sender-unnumbered",
        }
    }

    /// What to do.
    fn fix(self) -> &'static str {
        match self {
            Self::WorksOnlyOnTheNode => "believe only what a machine of the LAN sees",
            Self::ReversePath => "`hybridge lni apply` makes the filter of the LNI loose; networks of clients belong into `lan.cidrs`",
            Self::Unnumbered => "give the LNI an address (`address:` of the profile) and `hybridge lni apply`",
            Self::ReplyElsewhere => "`hybridge lni apply` marks what comes in by the LNI, and leads marked replies back by it",
            Self::SourceRule => "delete that rule; `hybridge lni apply` tells replies by a mark instead",
            Self::CniSource => "`hybridge lni apply` masquerades what leaves by the LNI, before the CNI's own rule",
            Self::CniAddress => {
                "make the interface with the tag `node.k8s.amazonaws.com/no_manage=true` from its first moment; `hybridge lni run` puts the \
                 address back meanwhile"
            }
            Self::SetUpAsVpc => {
                "`hybridge lni render --for networkd` writes a file that comes before the one of the AMI; `hybridge lni run` repairs meanwhile"
            }
            Self::SenderUnnumbered => "give the LNI of each server an address",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cause {}", self.number())
    }
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Somebody answered.
    Answered,
    /// The connection was refused.
    Refused,
    /// Nothing came back.
    Silent,
    /// No probe could be asked; the packet's way is followed all the same.
    NotTried,
}

/// One Service, tried from one machine of the LAN or behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// The machine that tries.
    pub client: Ipv4Addr,
    /// The address and port of the Service.
    pub vip: SocketAddrV4,
    /// How it ended.
    pub outcome: Outcome,
    /// The MAC address that the machine has for the Service's address, if it is in the same network and somebody answered.
    pub announced_by: Option<MacAddr>,
    /// The addresses of the Service's pods on this node, where they are known; else any pod of the node may be one.
    pub backends: Vec<Ipv4Addr>,
    /// Whether the node itself was answered, where it tried.
    pub on_the_node: Option<bool>,
}

/// All that is known.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The LNI.
    pub lni: &'a Lni,
    /// The machine.
    pub facts: &'a Facts,
    /// What `nft list ruleset` says.
    pub ruleset: &'a str,
    /// What was tried.
    pub attempts: &'a [Attempt],
    /// By how much `TcpExtIPReversePathFilter` rose meanwhile.
    pub filtered: u64,
    /// The address that a probe saw this machine come from; none where no probe was reached.
    pub seen_as: Option<Ipv4Addr>,
}

/// One cause and how it shows here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// The cause.
    pub cause: Cause,
    /// One sentence.
    pub what: String,
}

impl Diagnosis {
    /// As a finding about the LNI.
    pub fn finding(&self, place: &str) -> Finding {
        Finding::error(self.cause.code(), place, format!("{}: {}", self.cause, self.what)).fix(self.cause.fix())
    }
}

/// What of the nine causes applies, in their order; none where nothing fails that they explain.
pub fn causes(evidence: &Evidence<'_>) -> Vec<Diagnosis> {
    let node = Node::new(evidence);
    let mut found = BTreeMap::new();
    let failed: Vec<_> = evidence.attempts.iter().filter(|attempt| attempt.outcome != Outcome::Answered).collect();
    if let Some(attempt) = failed.iter().find(|attempt| attempt.on_the_node == Some(true)) {
        let what = format!("{} answers on the node and not in the LAN; the node's own packets never touch the LNI", attempt.vip);
        found.insert(Cause::WorksOnlyOnTheNode, what);
    }
    for attempt in failed.iter().filter(|attempt| attempt.outcome != Outcome::Refused) {
        for backend in node.backends(attempt) {
            for (cause, what) in [node.incoming(attempt.client, backend), node.reply(attempt.client, backend)].into_iter().flatten() {
                found.entry(cause).or_insert(what);
            }
        }
    }
    if found.contains_key(&Cause::ReplyElsewhere)
        && let Some(what) = node.source_rule()
    {
        found.insert(Cause::SourceRule, what);
    }
    found.extend(node.wrong_source());
    if !failed.is_empty() {
        found.extend(node.taken());
        let lost = found.contains_key(&Cause::ReversePath) || found.contains_key(&Cause::ReplyElsewhere);
        found.extend(node.set_up_as_vpc(lost));
    }
    found.into_iter().map(|(cause, what)| Diagnosis { cause, what }).collect()
}

/// What the probes saw that is none of the nine causes: nobody announces, somebody else does, a port that is closed, and silence that
/// nothing of this machine explains.
pub fn others(evidence: &Evidence<'_>) -> Vec<Finding> {
    let explained = !causes(evidence).iter().all(|diagnosis| diagnosis.cause == Cause::WorksOnlyOnTheNode);
    let node = Node::new(evidence);
    let finding = |attempt: &Attempt| {
        let (place, client) = (attempt.vip.to_string(), attempt.client);
        match (attempt.outcome, attempt.announced_by) {
            (Outcome::Answered | Outcome::NotTried, _) => None,
            (Outcome::Refused, _) => Some(
                Finding::error("lni.refused", place, format!("{client} was refused: packets go both ways, but nothing listens"))
                    .fix("look whether the Service has ready pods and this port"),
            ),
            (Outcome::Silent, Some(mac)) if mac != evidence.lni.mac => Some(
                Finding::error("lni.announced-elsewhere", place, format!("{client} sends to {mac}, which is not this machine's LNI"))
                    .fix("verify on the node that has this MAC address"),
            ),
            (Outcome::Silent, None) if node.is_neighbour(client) => Some(
                Finding::error("lni.not-announced", place, format!("nobody answers {client}'s ARP request for it"))
                    .fix("look whether MetalLB's speaker runs here, has the address in a pool, and is allowed to use this interface"),
            ),
            (Outcome::Silent, _) if !explained => Some(
                Finding::error("lni.unexplained", place, format!("{client} gets no answer, for none of the nine known causes"))
                    .fix("look at the pods and at network policies; `tcpdump` on the LNI tells whether the packets arrive"),
            ),
            (Outcome::Silent, _) => None,
        }
    };
    evidence.attempts.iter().filter_map(finding).collect()
}
