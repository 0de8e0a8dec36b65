//! The AWS side of a world: the state it starts from, its servers, and what can be done to it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hybridge_model::{Cidr4, InstanceId, InterfaceId, RouteTableId};

use super::config::Ec2Kind;
use crate::ec2::{Ec2State, Failure, FakeEc2, Instance, RouteTarget};
use crate::http::{HttpError, Server};
use crate::netns::{Netns, Task};
use crate::real::{Emulator, Moto, RealError, Subnet, Vpc};
use crate::serve::{ServeError, listen, serve};
use crate::topology::{IMDS, Leg, LegKind, Topology, TopologyError, site_cidr};

/// Port of the EC2 API.
const EC2_PORT: u16 = 80;

/// How often an emulator is asked for its state. Shows as that much uncertainty in when a route takes effect.
const POLL: Duration = Duration::from_millis(50);

/// Why the AWS side of a world could not be started or changed.
#[derive(Debug, thiserror::Error)]
pub enum CloudError {
    /// No server.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// An AWS that others wrote.
    #[error(transparent)]
    Real(#[from] RealError),
    /// The links of its host could not be changed.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// No answer.
    #[error("the EC2 API of the lab does not answer")]
    Http(#[from] HttpError),
    /// An answer that is no success.
    #[error("the EC2 API of the lab answers {status} to {action}: {body}")]
    Refused {
        /// What was asked.
        action: &'static str,
        /// HTTP status.
        status: u16,
        /// What it said.
        body: String,
    },
    /// Something that moto has no way to do.
    #[error("moto cannot {0}; use the built-in EC2 API")]
    Unable(&'static str),
}

/// The EC2 API and the metadata service of a world.
pub struct Cloud {
    /// The state that the VPC router obeys and the metadata service tells of. Where the world has the built-in API, this is it;
    /// with another one it follows that one's state.
    pub ec2: FakeEc2,
    /// Where gateways find the EC2 API, as AWS_ENDPOINT_URL says it.
    pub(super) endpoint: String,
    host: Leg,
    others: Option<Others>,
    _tasks: Vec<Task>,
}

/// An AWS that others wrote, with the world's VPC in it.
struct Others {
    vpc: Arc<Vpc>,
    server: Arc<Other>,
}

/// The server of such an AWS.
enum Other {
    Moto { _server: Moto },
    Emulator(Emulator),
}

impl Cloud {
    /// Serves the EC2 API and, to every instance, its metadata.
    pub(super) fn start(topology: &Topology, kind: Ec2Kind, directory: &Path) -> Result<Self, CloudError> {
        let host = topology.ec2_api.clone();
        let address = SocketAddr::from((host.host.address, EC2_PORT));
        let ns = &host.host.ns;
        let (ec2, others, task) = match kind {
            Ec2Kind::Builtin => {
                let ec2 = FakeEc2::new(initial_state(topology, INSTANCES));
                let task = serve(ns, "ec2-api", listen(ns, address)?, ec2.api());
                (ec2, None, task)
            }
            Ec2Kind::Moto => {
                let moto = Moto::start(ns, address, directory)?;
                let vpc = moto.build(&initial_state(topology, INSTANCES), &subnets(topology, INSTANCES))?;
                followed(ns, vpc, Other::Moto { _server: moto })?
            }
            Ec2Kind::Emulator => {
                let emulator = Emulator::start(ns, address, directory)?;
                let vpc = emulator.build(&initial_state(topology, ALL), &subnets(topology, ALL))?;
                followed(ns, vpc, Other::Emulator(emulator))?
            }
        };
        let imds = serve(&topology.vpc_router, "imds", listen(&topology.vpc_router, (IMDS, 80).into())?, ec2.imds());
        Ok(Self { ec2, endpoint: format!("http://{address}"), host, others, _tasks: vec![task, imds] })
    }

    /// The AWS of clusters and its VPC, where the world has one.
    pub fn emulator(&self) -> Option<(&Emulator, &Vpc)> {
        match &*self.others.as_ref()?.server {
            Other::Emulator(emulator) => Some((emulator, &self.others.as_ref()?.vpc)),
            Other::Moto { .. } => None,
        }
    }

    /// Instance and primary interface at an address.
    pub(super) fn ids(&self, address: Ipv4Addr) -> (InstanceId, InterfaceId) {
        let state = self.ec2.state();
        let (id, instance) = state.instance_at(address).expect("every gateway host was given an instance");
        (id.clone(), instance.interface.clone())
    }

    /// Terminates an instance: routes to it become blackholes.
    pub fn terminate(&self, instance: &InstanceId) -> Result<(), CloudError> {
        if self.others.is_some() {
            return self.ask("TerminateInstances", &[("InstanceId.1", instance.as_str())]);
        }
        self.change(instance, |i| i.terminated = true);
        Ok(())
    }

    /// Sets the source/destination check of an instance's interface.
    pub fn set_source_dest_check(&self, instance: &InstanceId, on: bool) -> Result<(), CloudError> {
        if self.others.is_some() {
            let state = self.ec2.state();
            let interface = state.instances.get(instance).map_or("", |i| i.interface.as_str());
            let value = if on { "true" } else { "false" };
            return self.ask("ModifyNetworkInterfaceAttribute", &[("NetworkInterfaceId", interface), ("SourceDestCheck.Value", value)]);
        }
        self.change(instance, |i| i.source_dest_check = on);
        Ok(())
    }

    /// Opens or closes UDP 8472 in the security group of an instance.
    pub fn set_vxlan_open(&self, instance: &InstanceId, open: bool) -> Result<(), CloudError> {
        if self.others.is_some() {
            return Err(CloudError::Unable("open or close a port"));
        }
        self.change(instance, |i| i.vxlan_open = open);
        Ok(())
    }

    /// Deletes a route from every table that has it.
    pub fn delete_route(&self, destination: Cidr4) -> Result<(), CloudError> {
        let mut state = self.ec2.state();
        state.tables.retain(|_, table| table.routes.contains_key(&destination));
        for table in state.tables.keys() {
            if self.others.is_some() {
                self.ask("DeleteRoute", &[("RouteTableId", table.as_str()), ("DestinationCidrBlock", &destination.to_string())])?;
            } else {
                self.ec2.update(|state| drop(state.delete_route(table, destination)));
            }
        }
        Ok(())
    }

    /// From now on every call fails, or no longer does: answered 503 by the built-in API, not at all by another one.
    pub fn set_failing(&self, topology: &Topology, failing: bool) -> Result<(), CloudError> {
        match (&self.others, failing) {
            (None, failing) => self.ec2.set_failure(failing.then_some(Failure::Unavailable)),
            (Some(_), true) => topology.cut(&self.host)?,
            (Some(_), false) => topology.mend(&self.host)?,
        }
        Ok(())
    }

    /// A call of the Query API.
    fn ask(&self, action: &'static str, parameters: &[(&str, &str)]) -> Result<(), CloudError> {
        // No value holds a character that would have to be escaped, but for the slash of a network.
        let pairs = parameters.iter().map(|(name, value)| format!("&{name}={}", value.replace('/', "%2F")));
        let body = format!("Version=2016-11-15&Action={action}{}", pairs.collect::<String>());
        let mut server = Server::plain(&self.host.host.ns, (self.host.host.address, EC2_PORT).into());
        server.headers.push(("Authorization".into(), SIGNATURE.into()));
        let reply = server.send("POST", "/", Some(("application/x-www-form-urlencoded", body.as_bytes())))?;
        if reply.status == 200 { Ok(()) } else { Err(CloudError::Refused { action, status: reply.status, body: reply.text() }) }
    }

    /// The interface to which every table sends `destination`; `None` where they differ or one has no such route.
    pub fn route_target(&self, destination: Cidr4) -> Option<InterfaceId> {
        let state = self.ec2.state();
        let mut targets = state.tables.values().map(|table| match &table.routes.get(&destination)?.target {
            RouteTarget::Interface(interface) => Some(interface.clone()),
            RouteTarget::Local | RouteTarget::Other(_) => None,
        });
        let first = targets.next()??;
        targets.all(|other| other.as_ref() == Some(&first)).then_some(first)
    }

    /// Every route table, in order.
    pub fn tables(&self) -> Vec<RouteTableId> {
        self.ec2.state().tables.into_keys().collect()
    }

    fn change(&self, instance: &InstanceId, change: impl FnOnce(&mut Instance)) {
        self.ec2.update(|state| {
            if let Some(instance) = state.instances.get_mut(instance) {
                change(instance);
            }
        });
    }
}

/// moto reads the region from it and does not verify it.
const SIGNATURE: &str = "AWS4-HMAC-SHA256 Credential=lab/20260101/us-west-2/ec2/aws4_request, SignedHeaders=host, Signature=0";

/// A state that follows another AWS's.
fn followed(ns: &Netns, vpc: Vpc, server: Other) -> Result<(FakeEc2, Option<Others>, Task), CloudError> {
    let ec2 = FakeEc2::new(vpc.state()?);
    let others = Others { vpc: Arc::new(vpc), server: Arc::new(server) };
    let task = follow(ns, (Arc::clone(&others.vpc), Arc::clone(&others.server)), ec2.clone());
    Ok((ec2, Some(others), task))
}

/// Lets `ec2` show what another AWS says, until the task is dropped.
fn follow(ns: &Netns, (vpc, server): (Arc<Vpc>, Arc<Other>), ec2: FakeEc2) -> Task {
    ns.spawn("ec2-state", move |stop| async move {
        let mut seen = None;
        while !stop.is_cancelled() {
            match read(&vpc, &server, &mut seen) {
                Ok(Some(state)) => ec2.update(|known| *known = state),
                Ok(None) => {}
                Err(error) => tracing::debug!(error = &error as &dyn std::error::Error, "the EC2 API does not say its state"),
            }
            tokio::time::sleep(POLL).await;
        }
    })
}

/// The state, unless nothing has changed since the number in `seen`.
fn read(vpc: &Vpc, server: &Other, seen: &mut Option<u64>) -> Result<Option<Ec2State>, RealError> {
    let now = match server {
        Other::Moto { .. } => None,
        // Its processor time is what machines that are emulated beside it lack.
        Other::Emulator(emulator) => Some(emulator.changes()?),
    };
    if now.is_some() && now == *seen {
        return Ok(None);
    }
    let state = vpc.state()?;
    *seen = now;
    Ok(Some(state))
}

/// Hosts whose subnets are in a VPC that only gateways look at.
const INSTANCES: &[LegKind] = &[LegKind::Gateway, LegKind::CloudNode];

/// The same with the subnets of a cluster's control plane, in which its API server is.
const ALL: &[LegKind] = &[LegKind::Gateway, LegKind::CloudNode, LegKind::Service];

fn subnets(topology: &Topology, kinds: &[LegKind]) -> Vec<Subnet> {
    let legs = topology.legs().filter(|leg| kinds.contains(&leg.plan.kind));
    legs.map(|leg| Subnet { name: leg.plan.subnet.clone(), cidr: leg.plan.network(), az: leg.plan.zone.clone() }).collect()
}

/// Identifiers of the instance and its interface at an address: stable, and different for each address.
fn ids(address: Ipv4Addr) -> (InstanceId, InterfaceId) {
    let number = u32::from(address);
    let parsed = "the text is a prefix and hexadecimal digits";
    (format!("i-{number:017x}").parse().expect(parsed), format!("eni-{number:017x}").parse().expect(parsed))
}

/// The route tables of a world with the built-in EC2 API: that of the gateways' subnets and that of the cloud node's.
pub fn builtin_tables() -> [RouteTableId; 2] {
    [1, 2].map(table_id)
}

fn table_id(number: u8) -> RouteTableId {
    format!("rtb-{number:017x}").parse().expect("the text is a prefix and hexadecimal digits")
}

/// The world's VPC: hosts of each of these kinds in a route table of their own, with the way to the site.
fn initial_state(topology: &Topology, kinds: &[LegKind]) -> Ec2State {
    let parsed = "the text is a prefix and hexadecimal digits";
    let mut state = Ec2State::new("vpc-00000000000000001".parse().expect(parsed), topology.size.vpc_cidrs());
    for leg in topology.legs().filter(|leg| leg.plan.kind != LegKind::Service) {
        let (id, interface) = ids(leg.host.address);
        state.instances.insert(id, instance(leg, interface));
    }
    let subnets = |kind| topology.legs().filter(move |leg| leg.plan.kind == kind).map(|leg| leg.plan.subnet.clone()).collect();
    for (table, kind) in (1..).map(table_id).zip(kinds) {
        state.add_table(table.clone(), subnets(*kind));
        let way_to_site = RouteTarget::Other("tgw-00000000000000001".into());
        state.create_route(&table, site_cidr(), way_to_site).expect("the table is new");
    }
    state
}

fn instance(leg: &Leg, interface: InterfaceId) -> Instance {
    Instance {
        interface,
        private_ip: leg.host.address,
        az: leg.plan.zone.clone(),
        // What the gateway's documents ask for; every other instance has EC2's default.
        source_dest_check: leg.plan.kind != LegKind::Gateway,
        vxlan_open: true,
        terminated: false,
    }
}
