//! What is measured, in which unit, and what is asked of it.

use std::fmt;

use serde::{Serialize, Serializer};

use super::cluster::ClusterFile;
use super::node::Credentials;

/// Whose Kubernetes and EC2 APIs a world has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Apis {
    /// The lab's own.
    Builtin,
    /// kube-apiserver with etcd, and moto.
    Real,
}

impl Apis {
    fn place(self) -> &'static str {
        match self {
            Self::Builtin => "built-in APIs",
            Self::Real => "kube-apiserver, moto",
        }
    }
}

/// In what something is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Time.
    Seconds,
    /// Memory and files.
    Bytes,
}

/// Something that is measured. Ordered as reports show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quantity {
    /// From the start of the process until every route table has its route and a hybrid node has taken up CiliumVTEPConfig.
    Start(Apis),
    /// From the start of the process until the kernel has a route for each of that many hybrid nodes.
    Nodes(Apis, u32),
    /// The share of it that the same changes take when nothing else is done.
    Kernel(u32),
    /// Resident memory 3 s after the start, with two hybrid nodes.
    Idle(Apis),
    /// The most resident memory after a start with 5,000 hybrid nodes.
    Peak(Apis),
    /// The program's file.
    Binary,
    /// Longest gap of the UDP probes at a rolling restart.
    Restart,
    /// Longest gap of the UDP probes at the loss of the carrying gateway's host.
    HostLoss,
    /// Changes for 5,000 nodes to an empty kernel.
    PlanAll,
    /// The same when everything is in place already.
    PlanNothing,
    /// The file of `hybridge`, with every role of a node.
    NodeBinary,
    /// `node init --skip run`, files in memory.
    NodeInit,
    /// The same with files on a disk.
    NodeInitOnDisk,
    /// The most resident memory of it.
    NodeInitMemory,
    /// `get-token`.
    Token(Credentials),
    /// The most resident memory of it.
    TokenMemory(Credentials),
    /// `node max-pods`.
    MaxPods,
    /// The file of `hybridge`, beside figures of clusters.
    ClusterBinary,
    /// `hybridge --version`.
    ProgramStart,
    /// `cluster validate`.
    Validate(ClusterFile),
    /// `cluster plan --facts`.
    Plan(ClusterFile),
    /// One after the other.
    ValidateAndPlan(ClusterFile),
    /// The most resident memory of `cluster validate`.
    ValidateMemory(ClusterFile),
    /// The most resident memory of `cluster plan --facts`.
    PlanMemory(ClusterFile),
}

const MB: f64 = 1e6;

impl Quantity {
    /// In what it is measured.
    pub fn unit(self) -> Unit {
        match self {
            Self::Start(_) | Self::Nodes(..) | Self::Kernel(_) | Self::Restart | Self::HostLoss | Self::PlanAll | Self::PlanNothing => {
                Unit::Seconds
            }
            Self::NodeInit | Self::NodeInitOnDisk | Self::Token(_) | Self::MaxPods => Unit::Seconds,
            Self::ProgramStart | Self::Validate(_) | Self::Plan(_) | Self::ValidateAndPlan(_) => Unit::Seconds,
            Self::Idle(_) | Self::Peak(_) | Self::Binary | Self::NodeBinary | Self::NodeInitMemory | Self::TokenMemory(_) => Unit::Bytes,
            Self::ClusterBinary | Self::ValidateMemory(_) | Self::PlanMemory(_) => Unit::Bytes,
        }
    }

    /// The most it may be, if something is asked of it.
    pub fn target(self) -> Option<f64> {
        match self {
            Self::Start(_) => Some(0.150),
            Self::Nodes(_, 1_000) => Some(0.3),
            Self::Nodes(_, 5_000) => Some(0.9),
            Self::Nodes(..) | Self::Kernel(_) => None,
            Self::Idle(_) => Some(15.0 * MB),
            Self::Peak(_) => Some(35.0 * MB),
            Self::Binary => Some(15.0 * MB),
            // Those of the reference; the gaps are its timeouts, which are ours too.
            Self::Restart => Some(4.3),
            Self::HostLoss => Some(3.9),
            Self::PlanAll | Self::PlanNothing => Some(0.005),
            Self::NodeBinary | Self::ClusterBinary => Some(15.0 * MB),
            Self::NodeInit => Some(0.008),
            Self::NodeInitOnDisk => None,
            Self::NodeInitMemory => Some(12.0 * MB),
            Self::Token(Credentials::Environment | Credentials::File) => Some(0.005),
            Self::Token(Credentials::Imds) => Some(0.010),
            Self::TokenMemory(_) => Some(10.0 * MB),
            Self::MaxPods => Some(0.002),
            Self::ValidateAndPlan(ClusterFile::Usual | ClusterFile::Networks) => Some(0.015),
            Self::ValidateMemory(ClusterFile::Usual | ClusterFile::Networks) => Some(20.0 * MB),
            Self::PlanMemory(ClusterFile::Usual | ClusterFile::Networks) => Some(20.0 * MB),
            Self::ValidateAndPlan(ClusterFile::Long) | Self::ValidateMemory(ClusterFile::Long) | Self::PlanMemory(ClusterFile::Long) => {
                None
            }
            Self::ProgramStart | Self::Validate(_) | Self::Plan(_) => None,
        }
    }

    /// What was once measured of the program that this one is to replace, on 2 cores, in seconds or bytes: of a gateway,
    /// aws/eks-hybrid-nodes-gateway at e0ceb78 (kube-apiserver and moto); of a node, nodeadm of awslabs/amazon-eks-ami at 81fec2e, the AWS
    /// CLI 1 and eksnode at c4cca98.
    pub fn reference(self) -> Option<(f64, f64)> {
        match self {
            Self::Start(Apis::Real) => Some((0.290, 0.340)),
            Self::Nodes(Apis::Real, 1_000) => Some((0.41, 0.41)),
            Self::Nodes(Apis::Real, 5_000) => Some((1.42, 1.42)),
            Self::Idle(Apis::Real) => Some((52.0 * MB, 55.0 * MB)),
            Self::Peak(Apis::Real) => Some((88.0 * MB, 88.0 * MB)),
            Self::Binary => Some((89.0 * MB, 89.0 * MB)),
            Self::Restart => Some((4.2, 4.4)),
            Self::HostLoss => Some((3.7, 4.1)),
            Self::NodeBinary => Some((12.2 * MB, 66.4 * MB)),
            Self::NodeInit => Some((0.020, 0.040)),
            Self::NodeInitMemory => Some((15.0 * MB, 32.0 * MB)),
            Self::Token(_) => Some((0.300, 0.320)),
            Self::TokenMemory(_) => Some((56.0 * MB, 56.0 * MB)),
            Self::MaxPods => Some((0.0115, 0.0115)),
            Self::Start(_)
            | Self::Nodes(..)
            | Self::Kernel(_)
            | Self::Idle(_)
            | Self::Peak(_)
            | Self::PlanAll
            | Self::PlanNothing
            | Self::NodeInitOnDisk
            | Self::ClusterBinary
            | Self::ProgramStart
            | Self::Validate(_)
            | Self::Plan(_)
            | Self::ValidateAndPlan(_)
            | Self::ValidateMemory(_)
            | Self::PlanMemory(_) => None,
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |nodes: u32| crate::report::figures::count(nodes.into());
        match self {
            Self::Start(apis) => write!(f, "start to routes and VTEP ({})", apis.place()),
            Self::Nodes(apis, nodes) => write!(f, "start to {} nodes ({})", count(*nodes), apis.place()),
            Self::Kernel(nodes) => write!(f, "  kernel share of {} nodes", count(*nodes)),
            Self::Idle(apis) => write!(f, "resident, idle ({})", apis.place()),
            Self::Peak(apis) => write!(f, "resident, peak at 5,000 nodes ({})", apis.place()),
            Self::Binary => f.write_str("program file"),
            Self::Restart => f.write_str("longest loss at a rolling restart"),
            Self::HostLoss => f.write_str("longest loss at the loss of a host"),
            Self::PlanAll => f.write_str("plan for 5,000 nodes"),
            Self::PlanNothing => f.write_str("plan for 5,000 nodes, nothing to do"),
            Self::NodeBinary | Self::ClusterBinary => f.write_str("program file"),
            Self::NodeInit => f.write_str("configuration phase, files in memory"),
            Self::NodeInitOnDisk => f.write_str("configuration phase, files on a disk"),
            Self::NodeInitMemory => f.write_str("configuration phase, resident"),
            Self::Token(credentials) => write!(f, "get-token, credentials from {}", credentials.place()),
            Self::TokenMemory(credentials) => write!(f, "get-token, credentials from {}, resident", credentials.place()),
            Self::MaxPods => f.write_str("max-pods"),
            Self::ProgramStart => f.write_str("start of the program (--version)"),
            Self::Validate(file) => write!(f, "validate, {file}"),
            Self::Plan(file) => write!(f, "plan --facts, {file}"),
            Self::ValidateAndPlan(file) => write!(f, "validate and plan, {file}"),
            Self::ValidateMemory(file) => write!(f, "validate, {file}, resident"),
            Self::PlanMemory(file) => write!(f, "plan --facts, {file}, resident"),
        }
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.to_string().trim_start())
    }
}
