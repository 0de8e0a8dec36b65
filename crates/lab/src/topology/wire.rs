//! The few netlink operations that build a topology, each inside the namespace it changes.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd as _;

use futures::TryStreamExt as _;
use hybridge_model::Cidr4;
use netlink_packet_route::link::{InfoData, InfoVeth, LinkAttribute, LinkMessage};
use netlink_packet_route::route::{RouteAttribute, RouteMetric, RouteScope};
use netlink_packet_route::rule::RuleAction;
use rtnetlink::{Handle, LinkBridge, LinkMessageBuilder, LinkUnspec, LinkVeth, RouteMessageBuilder};

use crate::netns::Netns;

/// Why a wire, an address or a route could not be made.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// No netlink socket, or no runtime to drive it.
    #[error("cannot open a netlink connection in namespace `{namespace}`")]
    Connect {
        /// The namespace.
        namespace: String,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The kernel refused a change.
    #[error("cannot {what} in namespace `{namespace}`")]
    Change {
        /// What was asked for.
        what: String,
        /// The namespace.
        namespace: String,
        /// What the kernel said.
        #[source]
        source: rtnetlink::Error,
    },
    /// An interface that is not there.
    #[error("namespace `{namespace}` has no interface `{interface}`")]
    NoInterface {
        /// The namespace.
        namespace: String,
        /// The interface.
        interface: String,
    },
    /// A sysctl could not be written.
    #[error("cannot set {key} in namespace `{namespace}`")]
    Sysctl {
        /// Its path below /proc/sys.
        key: String,
        /// The namespace.
        namespace: String,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

/// A route.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path {
    /// Destination; `None` is the default route.
    pub(crate) to: Option<Cidr4>,
    /// Next hop; `None` where the destination is on the wire itself.
    pub(crate) via: Option<Ipv4Addr>,
    /// Path MTU of the route, in bytes, where it is smaller than the interface's.
    pub(crate) mtu: Option<u32>,
    /// Source address of packets that have none yet, where it is not the interface's first.
    pub(crate) source: Option<Ipv4Addr>,
    /// Number of the routing table; `None` is the main one.
    pub(crate) table: Option<u32>,
}

impl Path {
    /// The default route.
    pub(crate) fn default_via(via: Ipv4Addr) -> Self {
        Self { to: None, via: Some(via), mtu: None, source: None, table: None }
    }

    /// A destination on the wire itself.
    pub(crate) fn direct(to: Cidr4) -> Self {
        Self { to: Some(to), via: None, mtu: None, source: None, table: None }
    }

    /// A destination behind a next hop.
    pub(crate) fn via(to: Cidr4, via: Ipv4Addr) -> Self {
        Self { to: Some(to), via: Some(via), mtu: None, source: None, table: None }
    }

    /// The same in another routing table.
    pub(crate) fn in_table(self, table: u32) -> Self {
        Self { table: Some(table), ..self }
    }
}

/// An interface as it should be.
#[derive(Clone, Debug)]
pub(crate) struct Interface<'a> {
    pub(crate) ns: &'a Netns,
    pub(crate) name: &'a str,
    /// Addresses with prefix lengths.
    pub(crate) addresses: Vec<(Ipv4Addr, u8)>,
    pub(crate) paths: Vec<Path>,
}

/// Connects two namespaces by a pair of interfaces, both still down. `mtu` is in bytes.
pub(crate) fn connect(a: (&Netns, &str), b: (&Netns, &str), mtu: u32) -> Result<(), WireError> {
    let (ns, name) = a;
    let (peer_ns, peer) = b;
    let mut peer_end = LinkMessageBuilder::<LinkUnspec>::default().name(peer).mtu(mtu).build();
    peer_end.attributes.push(LinkAttribute::NetNsFd(peer_ns.fd().as_raw_fd()));
    let message = LinkVeth::new(name, peer).mtu(mtu).set_info_data(InfoData::Veth(InfoVeth::Peer(peer_end))).build();
    in_namespace(ns, &format!("make wire `{name}` to `{peer}` of `{}`", peer_ns.name()), async move |handle| {
        handle.link().add(message).execute().await
    })
}

/// Makes a bridge without spanning tree, and brings it up.
pub(crate) fn bridge(ns: &Netns, name: &str) -> Result<(), WireError> {
    let message = LinkBridge::new(name).build();
    in_namespace(ns, &format!("make bridge `{name}`"), async move |handle| handle.link().add(message).execute().await)
}

/// Makes `port` a port of the bridge, and brings it up.
pub(crate) fn enslave(ns: &Netns, bridge: &str, port: &str) -> Result<(), WireError> {
    let controller = index(ns, bridge)?;
    let message = LinkUnspec::new_with_index(index(ns, port)?).controller(controller).up().build();
    in_namespace(ns, &format!("put `{port}` into `{bridge}`"), async move |handle| handle.link().set(message).execute().await)
}

/// Sets addresses, state and routes of an interface, in that order; what is there already stays.
pub(crate) fn configure(interface: &Interface<'_>) -> Result<(), WireError> {
    let Interface { ns, name, addresses, paths } = interface;
    let index = index(ns, name)?;
    in_namespace(ns, &format!("configure `{name}`"), async move |handle| {
        for (address, prefix) in addresses {
            handle.address().add(index, (*address).into(), *prefix).replace().execute().await?;
        }
        handle.link().set(LinkUnspec::new_with_index(index).up().build()).execute().await?;
        for path in paths {
            handle.route().add(route(index, path)).replace().execute().await?;
        }
        Ok(())
    })
}

/// Brings an interface up or down. Down takes its routes away.
pub(crate) fn set_up(ns: &Netns, name: &str, up: bool) -> Result<(), WireError> {
    let link = LinkUnspec::new_with_index(index(ns, name)?);
    let message = if up { link.up() } else { link.down() }.build();
    let state = if up { "up" } else { "down" };
    in_namespace(ns, &format!("set `{name}` {state}"), async move |handle| handle.link().set(message).execute().await)
}

/// Drops every packet from a network, without a word to its sender.
pub(crate) fn drop_from(ns: &Netns, source: Cidr4) -> Result<(), WireError> {
    in_namespace(ns, &format!("drop packets from {source}"), async move |handle| {
        let rule = handle.rule().add().v4().source_prefix(source.network(), source.prefix());
        rule.priority(100).action(RuleAction::Blackhole).execute().await
    })
}

/// Removes an interface.
pub(crate) fn remove(ns: &Netns, name: &str) -> Result<(), WireError> {
    let index = index(ns, name)?;
    in_namespace(ns, &format!("remove `{name}`"), async move |handle| handle.link().del(index).execute().await)
}

/// Writes sysctls, given as paths below /proc/sys, of one namespace.
pub(crate) fn sysctls(ns: &Netns, settings: &[(&str, &str)]) -> Result<(), WireError> {
    ns.run(|| {
        for (key, value) in settings {
            std::fs::write(format!("/proc/sys/{key}"), value).map_err(|source| WireError::Sysctl {
                key: (*key).into(),
                namespace: ns.name().into(),
                source,
            })?;
        }
        Ok(())
    })
}

fn route(index: u32, path: &Path) -> netlink_packet_route::route::RouteMessage {
    let mut builder = RouteMessageBuilder::<Ipv4Addr>::new().output_interface(index);
    builder = match path.to {
        Some(to) => builder.destination_prefix(to.network(), to.prefix()),
        None => builder.destination_prefix(Ipv4Addr::UNSPECIFIED, 0),
    };
    builder = match path.via {
        Some(via) => builder.gateway(via).onlink(),
        None => builder.scope(RouteScope::Link),
    };
    if let Some(source) = path.source {
        builder = builder.pref_source(source);
    }
    if let Some(table) = path.table {
        builder = builder.table_id(table);
    }
    let mut message = builder.build();
    if let Some(mtu) = path.mtu {
        message.attributes.push(RouteAttribute::Metrics(vec![RouteMetric::Mtu(mtu)]));
    }
    message
}

/// Kernel index of an interface.
pub(crate) fn index(ns: &Netns, name: &str) -> Result<u32, WireError> {
    Ok(link(ns, name)?.header.index)
}

/// Ethernet address of an interface.
pub(crate) fn mac(ns: &Netns, name: &str) -> Result<[u8; 6], WireError> {
    let address = link(ns, name)?.attributes.into_iter().find_map(|attribute| {
        let LinkAttribute::Address(octets) = attribute else { return None };
        <[u8; 6]>::try_from(octets).ok()
    });
    address.ok_or_else(|| WireError::NoInterface { namespace: ns.name().into(), interface: format!("{name} with an Ethernet address") })
}

fn link(ns: &Netns, name: &str) -> Result<LinkMessage, WireError> {
    let wanted = name.to_owned();
    let found = in_namespace(ns, &format!("look for `{name}`"), async move |handle| {
        match handle.link().get().match_name(wanted).execute().try_next().await {
            Err(rtnetlink::Error::NetlinkError(error)) if error.raw_code() == -libc::ENODEV => Ok(None),
            other => other,
        }
    })?;
    let missing = || WireError::NoInterface { namespace: ns.name().into(), interface: name.into() };
    found.ok_or_else(missing)
}

/// Runs one piece of netlink work in a namespace, over a connection of its own.
pub(crate) fn in_namespace<T: Send>(
    ns: &Netns,
    what: &str,
    work: impl AsyncFnOnce(Handle) -> Result<T, rtnetlink::Error> + Send,
) -> Result<T, WireError> {
    ns.run(|| {
        let no_connection = |source| WireError::Connect { namespace: ns.name().into(), source };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(no_connection)?;
        runtime.block_on(async {
            let (connection, handle, _) = rtnetlink::new_connection().map_err(no_connection)?;
            let driver = tokio::spawn(connection);
            let done = work(handle).await;
            driver.abort();
            done.map_err(|source| WireError::Change { what: what.into(), namespace: ns.name().into(), source })
        })
    })
}
