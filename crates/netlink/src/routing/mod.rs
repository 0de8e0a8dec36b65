//! Addresses and policy routing: reads them whole, carries out changes one by one.

pub(crate) mod events;
mod observe;
mod request;

use std::collections::BTreeSet;

use hybridge_model::routing::{Routing, RoutingChange, TableRoute};
use nix::errno::Errno;

use crate::error::{NetlinkError, Refusal, RoutingFailure};
use crate::socket::Socket;
use crate::table::dump;

/// Links, addresses, routes and rules.
pub(crate) async fn read(socket: &mut Socket) -> Result<Routing, NetlinkError> {
    let mut routing = Routing::default();
    for found in dump(socket, "ip link show", crate::observe::links, observe::decode_link).await? {
        if found.carrier {
            routing.carrier.insert(found.link.index);
        }
        routing.vlans.extend(found.vlan.map(|vlan| (found.link.index, vlan)));
        routing.links.push(found.link);
    }
    routing.links.sort_by_key(|link| link.index);
    let addresses = dump(socket, "ip -4 address show", crate::observe::addresses, observe::decode_address).await?;
    for address in &addresses {
        if let Some(link) = routing.links.iter_mut().find(|link| link.index == address.link) {
            link.addresses.insert(address.address);
        }
    }
    routing.addresses = addresses.into_iter().collect();
    routing.routes = routes(socket).await?;
    routing.rules = dump(socket, "ip -4 rule show", observe::rules, observe::decode_rule).await?.into_iter().collect();
    Ok(routing)
}

async fn routes(socket: &mut Socket) -> Result<BTreeSet<TableRoute>, NetlinkError> {
    let routes = dump(socket, "ip -4 route show table all", observe::routes, observe::decode_route).await?;
    Ok(routes.into_iter().collect())
}

/// Carries out `changes` in order and returns those that failed.
///
/// One system call for each: there are few, and a later one may need what an earlier one did.
pub(crate) async fn apply(socket: &mut Socket, changes: &[RoutingChange]) -> Vec<RoutingFailure> {
    let mut failures = Vec::new();
    for change in changes {
        if let Err(error) = one(socket, change).await {
            failures.push(RoutingFailure { change: change.clone(), error });
        }
    }
    failures
}

async fn one(socket: &mut Socket, change: &RoutingChange) -> Result<(), NetlinkError> {
    let command = || change.to_string();
    if let RoutingChange::DeleteRoute(route) = change {
        // In a deletion the kernel takes metric 0 for "any", so it must be sure that the route with metric 0 exists.
        if route.metric == 0 && !routes(socket).await?.contains(route) {
            return Ok(());
        }
    }
    let request = request::request(change).ok_or_else(|| NetlinkError::Meaningless { command: command() })?;
    let answers = socket.execute(vec![request]).await.map_err(|source| NetlinkError::Socket { command: command(), source })?;
    match answers.into_iter().next().unwrap_or_else(|| Err(Refusal::from(Errno::ENOBUFS))) {
        Err(answer) if !is_done(change, answer.errno) => match (change, answer.errno) {
            (RoutingChange::SetRoute(route), Errno::EEXIST) => move_to_front(socket, route).await,
            (_, _) => Err(NetlinkError::Refused { command: command(), answer }),
        },
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Somebody put a route of the same destination and metric before the wanted one, and the kernel does not replace one route by
/// another that it has: so takes it away from behind and replaces the first by it.
async fn move_to_front(socket: &mut Socket, route: &TableRoute) -> Result<(), NetlinkError> {
    let set = RoutingChange::SetRoute(*route);
    let requests = [RoutingChange::DeleteRoute(*route), set.clone()].iter().filter_map(request::request).collect();
    let command = || set.to_string();
    let answers = socket.execute(requests).await.map_err(|source| NetlinkError::Socket { command: command(), source })?;
    match answers.into_iter().last() {
        Some(Err(answer)) => Err(NetlinkError::Refused { command: command(), answer }),
        Some(Ok(())) | None => Ok(()),
    }
}

/// Whether a refusal means that what was wanted is already so.
fn is_done(change: &RoutingChange, errno: Errno) -> bool {
    match change {
        RoutingChange::SetLink { .. } | RoutingChange::SetAddress(_) | RoutingChange::SetRoute(_) => false,
        RoutingChange::SetRule(_) => errno == Errno::EEXIST,
        RoutingChange::DeleteAddress(_) => matches!(errno, Errno::EADDRNOTAVAIL | Errno::ENODEV),
        RoutingChange::DeleteRoute(_) => matches!(errno, Errno::ESRCH | Errno::ENODEV),
        // ESRCH: of a table that never was (kernel 6.18, "FIB table does not exist").
        RoutingChange::DeleteRule(_) => matches!(errno, Errno::ENOENT | Errno::ESRCH),
    }
}
