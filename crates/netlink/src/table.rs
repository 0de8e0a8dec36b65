//! Reads whole tables, again where they changed meanwhile.

use std::collections::BTreeSet;

use hybridge_model::kernel::{FdbEntry, Link, Neighbour, Route, Snapshot};
use netlink_packet_route::RouteNetlinkMessage;
use nix::errno::Errno;

use crate::LinkCounters;
use crate::error::NetlinkError;
use crate::observe;
use crate::socket::{AnswerError, Extent, Socket};

/// How often a reading that changes interrupt is begun again. At 5,000 routes one takes about 10 ms.
const ATTEMPTS: u32 = 20;

/// Everything about a device and a protocol number.
pub(crate) async fn snapshot(socket: &mut Socket, device: &str, protocol: u8) -> Result<Snapshot, NetlinkError> {
    let mut links = links(socket).await?;
    for (index, address) in dump(socket, "ip -4 address show", observe::addresses, observe::decode_address).await? {
        if let Some(link) = links.iter_mut().find(|link| link.index == index) {
            link.addresses.insert(address);
        }
    }
    let index = links.iter().find(|link| link.name == device).map(|link| link.index);
    let routes = routes(socket, index, protocol).await?;
    let (neighbours, fdb) = match index {
        Some(index) => (neighbours(socket, device, index).await?, fdb(socket, device, index).await?),
        None => Default::default(),
    };
    Ok(Snapshot { links, routes, neighbours, fdb })
}

/// Every link, without addresses.
pub(crate) async fn links(socket: &mut Socket) -> Result<Vec<Link>, NetlinkError> {
    let mut links = dump(socket, "ip link show", observe::links, observe::decode_link).await?;
    links.sort_by_key(|link| link.index);
    Ok(links)
}

/// The link of that name.
pub(crate) async fn link(socket: &mut Socket, name: &str) -> Result<Option<Link>, NetlinkError> {
    one(socket, name, observe::decode_link).await
}

/// The counters of the link of that name.
pub(crate) async fn counters(socket: &mut Socket, name: &str) -> Result<Option<LinkCounters>, NetlinkError> {
    one(socket, name, observe::decode_counters).await
}

async fn one<T>(socket: &mut Socket, name: &str, decode: impl Fn(&[u8]) -> Option<T>) -> Result<Option<T>, NetlinkError> {
    let command = || format!("ip -s link show {name}");
    match socket.read(observe::link(name), Extent::One, decode).await {
        Ok(mut links) => Ok(links.pop()),
        Err(AnswerError::Refused(answer)) if answer.errno == Errno::ENODEV => Ok(None),
        Err(error) => Err(explain(error, command())),
    }
}

/// The routes over the device, and those of the protocol number.
pub(crate) async fn routes(socket: &mut Socket, device: Option<u32>, protocol: u8) -> Result<BTreeSet<Route>, NetlinkError> {
    let decode = |payload: &[u8]| observe::decode_route(payload, device.unwrap_or(0));
    let command = format!("ip route show table main proto {protocol}");
    let of_protocol = dump(socket, &command, || observe::routes_of(protocol), decode).await?;
    let mut routes = BTreeSet::from_iter(of_protocol);
    if let Some(index) = device {
        let command = format!("ip route show table main dev if{index}");
        routes.extend(dump(socket, &command, || observe::routes_over(index), decode).await?);
    }
    Ok(routes)
}

async fn neighbours(socket: &mut Socket, device: &str, index: u32) -> Result<BTreeSet<Neighbour>, NetlinkError> {
    let command = format!("ip -4 neigh show dev {device} nud all");
    let list = dump(socket, &command, || observe::neighbours(index), observe::decode_neighbour).await?;
    Ok(list.into_iter().collect())
}

async fn fdb(socket: &mut Socket, device: &str, index: u32) -> Result<BTreeSet<FdbEntry>, NetlinkError> {
    let command = format!("bridge fdb show dev {device}");
    let list = dump(socket, &command, || observe::fdb(index), |payload| observe::decode_fdb(payload, index)).await?;
    Ok(list.into_iter().collect())
}

pub(crate) async fn dump<T>(
    socket: &mut Socket,
    command: &str,
    request: impl Fn() -> RouteNetlinkMessage,
    decode: impl Fn(&[u8]) -> Option<T>,
) -> Result<Vec<T>, NetlinkError> {
    for _ in 0..ATTEMPTS {
        match socket.read(request(), Extent::Table, &decode).await {
            Err(AnswerError::Interrupted) => tracing::debug!(command, "table changed while it was read"),
            other => return other.map_err(|error| explain(error, command.into())),
        }
    }
    Err(NetlinkError::Unsteady { command: command.into(), attempts: ATTEMPTS })
}

fn explain(error: AnswerError, command: String) -> NetlinkError {
    match error {
        AnswerError::Refused(answer) => NetlinkError::Refused { command, answer },
        AnswerError::Interrupted => NetlinkError::Unsteady { command, attempts: 1 },
        AnswerError::Socket(source) => NetlinkError::Socket { command, source },
    }
}
