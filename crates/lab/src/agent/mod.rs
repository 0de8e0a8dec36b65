//! The hybrid-node agent: obeys CiliumVTEPConfig on a node without Cilium, with the kernel's own VXLAN device.
//!
//! It does for pod traffic what Cilium's VTEP support does in BPF: packets from a pod to a network of an endpoint go, inside
//! VXLAN, to the endpoint's tunnel address with the endpoint's MAC as inner destination. `config` reads the object in each of
//! its published forms, `plan` computes what should be in the kernel and the steps from what is, `kernel` reads and writes
//! it, `run` joins them to a stream of objects. Nothing here knows the lab.

mod config;
mod kernel;
mod plan;
mod read;
mod run;

pub use config::{Endpoint, MAX_ENDPOINTS, Problem, VtepConfig};
pub use kernel::KernelError;
pub use plan::{DEVICE, Desired, Device, NodeFacts, Observed, Step, TABLE, VNI, VXLAN_PORT, plan};
pub use read::{Seen, follow};
pub use run::{Event, obey};
