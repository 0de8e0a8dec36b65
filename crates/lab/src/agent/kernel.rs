//! Reads and writes the objects of [`super::plan`] over netlink, in the network namespace of the calling thread.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use futures::{Stream, TryStreamExt as _};
use hybridge_model::{Cidr4, MacAddr};
use netlink_packet_route::AddressFamily;
use netlink_packet_route::link::{InfoData, InfoKind, InfoVxlan, LinkAttribute, LinkFlags, LinkInfo, LinkMessage};
use netlink_packet_route::neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteType};
use netlink_packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};
use rtnetlink::{Handle, IpVersion, LinkVxlan, RouteMessageBuilder};

use super::plan::{DEVICE, Device, Observed, Step, TABLE, VNI, VXLAN_PORT};

/// Why the kernel could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// No netlink socket.
    #[error("cannot open a netlink socket")]
    Open(#[source] io::Error),
    /// A dump failed.
    #[error("cannot read {what} from the kernel")]
    Read {
        /// Which objects.
        what: &'static str,
        /// What the kernel said.
        #[source]
        source: rtnetlink::Error,
    },
    /// The kernel refused a change.
    #[error("the kernel refuses {step:?}")]
    Apply {
        /// The change.
        step: Step,
        /// What it said.
        #[source]
        source: rtnetlink::Error,
    },
}

/// A netlink connection and the task that drives it.
pub(super) struct Kernel {
    handle: Handle,
    driver: tokio::task::JoinHandle<()>,
}

impl Drop for Kernel {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Kernel {
    /// Opens a connection; needs a tokio runtime whose threads are in the node's network namespace.
    pub(super) fn open() -> Result<Self, KernelError> {
        let (connection, handle, _) = rtnetlink::new_connection().map_err(KernelError::Open)?;
        Ok(Self { handle, driver: tokio::spawn(connection) })
    }

    /// Everything the plan is about.
    pub(super) async fn observe(&self) -> Result<Observed, KernelError> {
        let link = self.device().await?;
        let index = link.as_ref().map(|link| link.header.index);
        let rules = collect("rules", self.handle.rule().get(IpVersion::V4).execute()).await?;
        let all = RouteMessageBuilder::<Ipv4Addr>::new().build();
        let routes = collect("routes", self.handle.route().get(all).execute()).await?;
        let mut observed = Observed {
            device: link.as_ref().map(read_device),
            sources: rules.iter().filter_map(read_source).collect(),
            routes: routes.iter().filter_map(|route| read_route(route, index)).collect(),
            ..Observed::default()
        };
        if let Some(index) = index {
            let v4 = self.handle.neighbours().get().set_address_family(AddressFamily::Inet);
            observed.neighbours = collect("neighbours", v4.execute()).await?.iter().filter_map(|n| read_neighbour(n, index)).collect();
            let bridge = self.handle.neighbours().get().set_address_family(AddressFamily::Bridge);
            observed.fdb = collect("forwarding entries", bridge.execute()).await?.iter().filter_map(|n| read_fdb(n, index)).collect();
        }
        Ok(observed)
    }

    /// Makes the changes in order; stops at the first one refused.
    pub(super) async fn apply(&self, steps: &[Step]) -> Result<(), KernelError> {
        for step in steps {
            self.step(step).await.map_err(|source| KernelError::Apply { step: step.clone(), source })?;
        }
        Ok(())
    }

    async fn step(&self, step: &Step) -> Result<(), rtnetlink::Error> {
        match step {
            Step::DeleteDevice => self.handle.link().del(self.index().await?).execute().await,
            Step::CreateDevice(device) => self.handle.link().add(vxlan(device)).execute().await,
            Step::SetFdb(mac, remote) => {
                let fdb = self.handle.neighbours().add_bridge(self.index().await?, &mac.octets());
                fdb.destination((*remote).into()).flags(NeighbourFlags::Own).replace().execute().await
            }
            Step::SetNeighbour(ip, mac) => {
                let neighbour = self.handle.neighbours().add(self.index().await?, (*ip).into());
                neighbour.link_layer_address(&mac.octets()).state(NeighbourState::Permanent).replace().execute().await
            }
            Step::SetRoute(to, via) => {
                let route = table_route(*to).output_interface(self.index().await?).gateway(*via).onlink();
                self.handle.route().add(route.build()).replace().execute().await
            }
            Step::AddSource(from) => {
                let rule = self.handle.rule().add().v4().source_prefix(from.network(), from.prefix());
                rule.priority(TABLE).table_id(TABLE).action(RuleAction::ToTable).execute().await
            }
            Step::DeleteSource(from) => self.handle.rule().del(source_rule(*from)).execute().await,
            Step::DeleteRoute(to) => {
                let mut route = table_route(*to).build();
                // Any type, so that an entry somebody else left there goes too.
                route.header.kind = RouteType::Unspec;
                self.handle.route().del(route).execute().await
            }
            Step::DeleteNeighbour(ip) => {
                let mut message = self.bare_neighbour(AddressFamily::Inet).await?;
                message.attributes.push(NeighbourAttribute::Destination(NeighbourAddress::Inet(*ip)));
                self.handle.neighbours().del(message).execute().await
            }
            Step::DeleteFdb(mac) => {
                let mut message = self.bare_neighbour(AddressFamily::Bridge).await?;
                message.header.flags = NeighbourFlags::Own;
                message.attributes.push(NeighbourAttribute::LinkLayerAddress(mac.octets().to_vec()));
                self.handle.neighbours().del(message).execute().await
            }
        }
    }

    async fn bare_neighbour(&self, family: AddressFamily) -> Result<NeighbourMessage, rtnetlink::Error> {
        let mut message = NeighbourMessage::default();
        message.header.family = family;
        message.header.ifindex = self.index().await?;
        Ok(message)
    }

    async fn device(&self) -> Result<Option<LinkMessage>, KernelError> {
        match self.handle.link().get().match_name(DEVICE.to_owned()).execute().try_next().await {
            Err(rtnetlink::Error::NetlinkError(error)) if error.raw_code() == -libc::ENODEV => Ok(None),
            Err(source) => Err(KernelError::Read { what: "the tunnel device", source }),
            Ok(link) => Ok(link),
        }
    }

    /// Index of the device; 0, which the kernel refuses, where there is none.
    async fn index(&self) -> Result<u32, rtnetlink::Error> {
        let link = self.handle.link().get().match_name(DEVICE.to_owned()).execute().try_next().await?;
        Ok(link.map_or(0, |link| link.header.index))
    }
}

async fn collect<T>(what: &'static str, stream: impl Stream<Item = Result<T, rtnetlink::Error>>) -> Result<Vec<T>, KernelError> {
    stream.try_collect().await.map_err(|source| KernelError::Read { what, source })
}

fn vxlan(device: &Device) -> LinkMessage {
    // No outer UDP checksum, as Cilium sends it.
    let link = LinkVxlan::new(DEVICE, VNI).port(VXLAN_PORT).local(device.local).learning(false).udp_csum(false);
    link.address(device.mac.octets().to_vec()).mtu(device.mtu).up().build()
}

fn table_route(to: Cidr4) -> RouteMessageBuilder<Ipv4Addr> {
    RouteMessageBuilder::<Ipv4Addr>::new().table_id(TABLE).destination_prefix(to.network(), to.prefix())
}

fn source_rule(from: Cidr4) -> RuleMessage {
    let mut rule = RuleMessage::default();
    rule.header.family = AddressFamily::Inet;
    rule.header.src_len = from.prefix();
    rule.header.action = RuleAction::ToTable;
    rule.attributes = vec![RuleAttribute::Source(from.network().into()), RuleAttribute::Priority(TABLE), RuleAttribute::Table(TABLE)];
    rule
}

/// The device's parameters; `None` where it is no VXLAN device, is down, or differs in what the plan takes as given.
fn read_device(link: &LinkMessage) -> Option<Device> {
    let up = link.header.flags.contains(LinkFlags::Up);
    let (mut mac, mut mtu, mut is_vxlan, mut local) = (None, 0, false, None);
    let (mut vni, mut port, mut learning) = (None, None, true);
    for attribute in &link.attributes {
        if let LinkAttribute::Address(octets) = attribute {
            mac = octets.as_slice().try_into().ok().map(MacAddr::new);
        } else if let LinkAttribute::Mtu(value) = attribute {
            mtu = *value;
        } else if let LinkAttribute::LinkInfo(infos) = attribute {
            for info in infos {
                if let LinkInfo::Kind(kind) = info {
                    is_vxlan = *kind == InfoKind::Vxlan;
                } else if let LinkInfo::Data(InfoData::Vxlan(data)) = info {
                    for item in data {
                        if let InfoVxlan::Id(value) = item {
                            vni = Some(*value);
                        } else if let InfoVxlan::Port(value) = item {
                            port = Some(*value);
                        } else if let InfoVxlan::Local(value) = item {
                            local = Some(*value);
                        } else if let InfoVxlan::Learning(value) = item {
                            learning = *value;
                        }
                    }
                }
            }
        }
    }
    let ours = up && is_vxlan && vni == Some(VNI) && port == Some(VXLAN_PORT) && !learning;
    Some(Device { mac: mac.filter(|_| ours)?, local: local?, mtu })
}

fn read_source(rule: &RuleMessage) -> Option<Cidr4> {
    let ours = rule.attributes.contains(&RuleAttribute::Priority(TABLE)) && rule.attributes.contains(&RuleAttribute::Table(TABLE));
    let source = rule
        .attributes
        .iter()
        .find_map(|attribute| if let RuleAttribute::Source(IpAddr::V4(address)) = attribute { Some(*address) } else { None })?;
    ours.then(|| Cidr4::containing(source, rule.header.src_len)).flatten()
}

fn read_route(route: &RouteMessage, device: Option<u32>) -> Option<(Cidr4, Option<Ipv4Addr>)> {
    let (mut table, mut to, mut via, mut output) = (u32::from(route.header.table), Ipv4Addr::UNSPECIFIED, None, None);
    for attribute in &route.attributes {
        if let RouteAttribute::Table(id) = attribute {
            table = *id;
        } else if let RouteAttribute::Destination(RouteAddress::Inet(address)) = attribute {
            to = *address;
        } else if let RouteAttribute::Gateway(RouteAddress::Inet(address)) = attribute {
            via = Some(*address);
        } else if let RouteAttribute::Oif(index) = attribute {
            output = Some(*index);
        }
    }
    let to = Cidr4::containing(to, route.header.destination_prefix_length)?;
    let leads_there = device.is_some() && output == device && route.header.kind == RouteType::Unicast;
    (table == TABLE).then(|| (to, via.filter(|_| leads_there)))
}

fn read_neighbour(entry: &NeighbourMessage, device: u32) -> Option<(Ipv4Addr, MacAddr)> {
    let (ip, mac) = parts(entry, device)?;
    (entry.header.state == NeighbourState::Permanent).then_some((ip, mac))
}

fn read_fdb(entry: &NeighbourMessage, device: u32) -> Option<(MacAddr, Ipv4Addr)> {
    parts(entry, device).map(|(ip, mac)| (mac, ip))
}

fn parts(entry: &NeighbourMessage, device: u32) -> Option<(Ipv4Addr, MacAddr)> {
    let (mut ip, mut mac) = (None, None);
    for attribute in &entry.attributes {
        if let NeighbourAttribute::Destination(NeighbourAddress::Inet(address)) = attribute {
            ip = Some(*address);
        } else if let NeighbourAttribute::LinkLayerAddress(octets) = attribute {
            mac = octets.as_slice().try_into().ok().map(MacAddr::new);
        }
    }
    (entry.header.ifindex == device).then_some((ip?, mac?))
}
