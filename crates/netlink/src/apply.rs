//! Carries out changes, many to a system call.

use std::collections::{BTreeMap, BTreeSet};

use hybridge_model::kernel::{Change, Link, NextHop, Route, VxlanSpec};
use nix::errno::Errno;

use crate::error::{Failure, NetlinkError, Refusal};
use crate::request::{self, Request, command};
use crate::socket::{BATCH, Socket};
use crate::table;

/// What applying one list of changes needs to remember.
pub(crate) struct Applier<'a> {
    socket: &'a mut Socket,
    device: &'a str,
    /// Index of the device; the outer `None` where it must be looked up, the inner where there is no such device.
    index: Option<Option<u32>>,
    /// What is to be sent with the next system call.
    waiting: Vec<(&'a Change, Request)>,
    /// Routes known to be there, by the protocol number that they were looked up for; for deletions that follow each other.
    routes: BTreeMap<u8, BTreeSet<Route>>,
    failures: Vec<Failure>,
}

impl<'a> Applier<'a> {
    pub(crate) fn new(socket: &'a mut Socket, device: &'a str) -> Self {
        Self { socket, device, index: None, waiting: Vec::new(), routes: BTreeMap::new(), failures: Vec::new() }
    }

    /// Carries out `changes` in order and returns those that failed.
    pub(crate) async fn run(mut self, changes: &'a [Change]) -> Vec<Failure> {
        for change in changes {
            if let Err(error) = self.one(change).await {
                self.fail(change, error);
            }
            if self.waiting.len() == BATCH {
                self.flush().await;
            }
        }
        self.flush().await;
        self.failures
    }

    async fn one(&mut self, change: &'a Change) -> Result<(), NetlinkError> {
        match change {
            Change::CreateVxlan(spec) => {
                self.links_will_change().await;
                self.create_vxlan(change, spec).await
            }
            Change::SetLink { name, up, mtu } => {
                self.links_will_change().await;
                self.now(change, request::set_link(name, *up, *mtu)).await
            }
            Change::DeleteLink { name } => {
                self.links_will_change().await;
                self.now(change, request::delete_link(name)).await
            }
            Change::SetRoute(route) => {
                let device = match route.via {
                    NextHop::Device(_) => self.device_for(change).await?,
                    NextHop::Unreachable | NextHop::Other => 0,
                };
                let meaningless = || NetlinkError::Meaningless { command: command(change, self.device) };
                let request = request::set_route(route, device).ok_or_else(meaningless)?;
                self.routes.clear();
                self.later(change, request)
            }
            Change::DeleteRoute(route) => self.delete_route(change, route).await,
            Change::SetNeighbour(neighbour) => {
                let device = self.device_for(change).await?;
                self.later(change, request::set_neighbour(neighbour, device))
            }
            Change::SetFdb(entry) => {
                let device = self.device_for(change).await?;
                self.later(change, request::set_fdb(entry, device))
            }
            Change::DeleteNeighbour(neighbour) => match self.device_index().await? {
                Some(device) => self.later(change, request::delete_neighbour(neighbour, device)),
                None => Ok(()),
            },
            Change::DeleteFdb(entry) => match self.device_index().await? {
                Some(device) => self.later(change, request::delete_fdb(entry, device)),
                None => Ok(()),
            },
        }
    }

    async fn delete_route(&mut self, change: &'a Change, route: &Route) -> Result<(), NetlinkError> {
        let device = self.device_index().await?;
        if device.is_none() && matches!(route.via, NextHop::Device(_)) {
            return Ok(());
        }
        // In a deletion the kernel takes metric 0 for "any", so it must be sure that the route with metric 0 exists.
        if route.metric == 0 && !self.take_known(route, device).await? {
            return Ok(());
        }
        self.later(change, request::delete_route(route, device.unwrap_or(0)))
    }

    /// Whether the route is there; if so, it is no longer known afterwards.
    async fn take_known(&mut self, route: &Route, device: Option<u32>) -> Result<bool, NetlinkError> {
        if !self.routes.contains_key(&route.protocol) {
            self.flush().await;
            let routes = table::routes(self.socket, device, route.protocol).await?;
            self.routes.insert(route.protocol, routes);
        }
        let mut present = false;
        for known in self.routes.values_mut() {
            present |= known.remove(route);
        }
        Ok(present)
    }

    async fn create_vxlan(&mut self, change: &'a Change, spec: &VxlanSpec) -> Result<(), NetlinkError> {
        let Err(error) = self.now(change, request::create_vxlan(spec)).await else { return Ok(()) };
        let (Some(Errno::EEXIST | Errno::EADDRINUSE), NetlinkError::Refused { command, answer }) = (error.errno(), &error) else {
            return Err(error);
        };
        let links = table::links(self.socket).await?;
        if links.iter().any(|link| link.name == spec.name && link.vxlan == Some(spec.vxlan) && link.mac == Some(spec.mac)) {
            return self.now(change, request::set_link(&spec.name, true, spec.mtu)).await;
        }
        let in_the_way = |link: &Link| {
            let (device, command, answer) = (link.name.clone(), command.clone(), answer.clone());
            Some(NetlinkError::InTheWay { device, command, answer, why: conflict(spec, link)? })
        };
        Err(links.iter().find_map(in_the_way).unwrap_or(error))
    }

    /// Sends what waits and forgets what hangs on links.
    async fn links_will_change(&mut self) {
        self.flush().await;
        self.index = None;
        self.routes.clear();
    }

    async fn device_index(&mut self) -> Result<Option<u32>, NetlinkError> {
        match self.index {
            Some(index) => Ok(index),
            None => {
                let index = table::link(self.socket, self.device).await?.map(|link| link.index);
                self.index = Some(index);
                Ok(index)
            }
        }
    }

    async fn device_for(&mut self, change: &Change) -> Result<u32, NetlinkError> {
        let refused = || NetlinkError::Refused { command: command(change, self.device), answer: Errno::ENODEV.into() };
        let missing = refused();
        self.device_index().await?.ok_or(missing)
    }

    fn later(&mut self, change: &'a Change, request: Request) -> Result<(), NetlinkError> {
        self.waiting.push((change, request));
        Ok(())
    }

    async fn now(&mut self, change: &'a Change, request: Request) -> Result<(), NetlinkError> {
        self.flush().await;
        let answers = self.socket.execute(vec![request]).await;
        let command = || command(change, self.device);
        match answers.map(|mut answers| answers.pop().unwrap_or_else(|| Err(Errno::ENOBUFS.into()))) {
            Ok(Err(answer)) if !is_done(change, answer.errno) => Err(NetlinkError::Refused { command: command(), answer }),
            Ok(_) => Ok(()),
            Err(source) => Err(NetlinkError::Socket { command: command(), source }),
        }
    }

    /// Sends what waits.
    async fn flush(&mut self) {
        let (changes, requests): (Vec<&Change>, Vec<Request>) = std::mem::take(&mut self.waiting).into_iter().unzip();
        if changes.is_empty() {
            return;
        }
        match self.socket.execute(requests).await {
            Ok(answers) => {
                for (index, answer) in answers.into_iter().enumerate() {
                    if let Err(refusal) = answer {
                        self.refused(changes[index], refusal, &changes[index + 1..]).await;
                    }
                }
            }
            Err(error) => {
                for change in changes {
                    let source = std::io::Error::new(error.kind(), error.to_string());
                    self.fail(change, NetlinkError::Socket { command: command(change, self.device), source });
                }
            }
        }
    }

    /// Judges a refusal of a change after which the kernel has got `later` ones.
    async fn refused(&mut self, change: &Change, answer: Refusal, later: &[&Change]) {
        if is_done(change, answer.errno) {
            return;
        }
        if let (Change::SetRoute(route), Errno::EEXIST) = (change, answer.errno) {
            // Where a later change was about the same route, its own answer counts.
            if later.iter().any(|later| same_route(later, route)) || self.move_to_front(route).await {
                return;
            }
        }
        let command = command(change, self.device);
        self.fail(change, NetlinkError::Refused { command, answer });
    }

    /// Somebody put routes of the same destination and metric before the wanted one (`ip route prepend`), and the kernel does not
    /// replace one route by another that it has: so takes it away from behind and replaces the first by it.
    async fn move_to_front(&mut self, route: &Route) -> bool {
        let device = self.index.flatten().unwrap_or(0);
        let Some(set) = request::set_route(route, device) else { return false };
        let answers = self.socket.execute(vec![request::delete_route(route, device), set]).await;
        answers.is_ok_and(|answers| answers.last().is_some_and(Result::is_ok))
    }

    fn fail(&mut self, change: &Change, error: NetlinkError) {
        self.failures.push(Failure { change: change.clone(), error });
    }
}

/// Whether the change is about the destination and metric of `route`.
fn same_route(change: &Change, route: &Route) -> bool {
    match change {
        Change::SetRoute(other) | Change::DeleteRoute(other) => (other.destination, other.metric) == (route.destination, route.metric),
        Change::CreateVxlan(_) | Change::SetLink { .. } | Change::DeleteLink { .. } => false,
        Change::SetNeighbour(_) | Change::DeleteNeighbour(_) | Change::SetFdb(_) | Change::DeleteFdb(_) => false,
    }
}

/// Whether a refusal means that what was wanted is already so.
fn is_done(change: &Change, errno: Errno) -> bool {
    match change {
        Change::CreateVxlan(_) | Change::SetLink { .. } | Change::SetRoute(_) | Change::SetNeighbour(_) | Change::SetFdb(_) => false,
        Change::DeleteLink { .. } => errno == Errno::ENODEV,
        Change::DeleteRoute(_) => matches!(errno, Errno::ESRCH | Errno::ENODEV),
        Change::DeleteNeighbour(_) | Change::DeleteFdb(_) => matches!(errno, Errno::ENOENT | Errno::ENODEV),
    }
}

/// What about `link` keeps the kernel from making the device.
fn conflict(spec: &VxlanSpec, link: &Link) -> Option<&'static str> {
    let same_port = link.vxlan.filter(|vxlan| vxlan.port == spec.vxlan.port);
    if link.name == spec.name {
        Some("has the same name and other parameters")
    } else if same_port.is_some_and(|vxlan| vxlan.external != spec.vxlan.external) {
        Some("shares the UDP port and, unlike it, takes tunnel keys from packets (`external`), or the other way round")
    } else if same_port.is_some_and(|vxlan| vxlan.vni == spec.vxlan.vni) {
        Some("has the same VNI and UDP port")
    } else {
        None
    }
}
