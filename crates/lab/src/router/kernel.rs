//! Reads and writes rules and routes over netlink, in the network namespace of the calling thread.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};

use futures::TryStreamExt as _;
use hybridge_model::Cidr4;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::IpProtocol;
use netlink_packet_route::link::LinkAttribute;
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteType};
use netlink_packet_route::rule::{RuleAction, RuleAttribute, RuleMessage, RulePortRange};
use rtnetlink::{Handle, IpVersion, RouteMessageBuilder};

use super::plan::{Action, Change, FIRST_TABLE, Hop, PRIORITIES, Port, Routing, Rule};

/// Why the router's kernel could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RouterError {
    /// No netlink socket.
    #[error("cannot open a netlink socket")]
    Open(#[source] io::Error),
    /// A dump failed.
    #[error("cannot read {what} of the VPC router")]
    Read {
        /// Which objects.
        what: &'static str,
        /// What the kernel said.
        #[source]
        source: rtnetlink::Error,
    },
    /// The kernel refused a change.
    #[error("cannot make the VPC router obey: {change}")]
    Apply {
        /// The change.
        change: String,
        /// What the kernel said.
        #[source]
        source: rtnetlink::Error,
    },
    /// A route over a leg that is not there.
    #[error("the VPC router has no leg `{0}`")]
    NoLeg(String),
}

/// A netlink connection, the task that drives it, and the names of the legs.
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
    pub(super) fn open() -> Result<Self, RouterError> {
        let (connection, handle, _) = rtnetlink::new_connection().map_err(RouterError::Open)?;
        Ok(Self { handle, driver: tokio::spawn(connection) })
    }

    /// Rules at the router's priorities, and routes of its tables.
    pub(super) async fn observe(&self) -> Result<Routing, RouterError> {
        let names = self.legs().await?;
        let read = |what| move |source| RouterError::Read { what, source };
        let rules: Vec<_> = self.handle.rule().get(IpVersion::V4).execute().try_collect().await.map_err(read("rules"))?;
        let all = RouteMessageBuilder::<Ipv4Addr>::new().build();
        let routes: Vec<_> = self.handle.route().get(all).execute().try_collect().await.map_err(read("routes"))?;
        Ok(Routing {
            rules: rules.iter().filter_map(read_rule).collect(),
            routes: routes.iter().filter_map(|route| read_route(route, &names)).collect(),
        })
    }

    /// Makes the changes in order; stops at the first one refused.
    pub(super) async fn apply(&self, changes: &[Change]) -> Result<(), RouterError> {
        if changes.is_empty() {
            return Ok(());
        }
        let legs: BTreeMap<String, u32> = self.legs().await?.into_iter().map(|(index, name)| (name, index)).collect();
        for change in changes {
            let refused = |source| RouterError::Apply { change: change.to_string(), source };
            match change {
                Change::SetRoute(table, to, hop) => {
                    let message = route_message(*table, *to, hop, &legs)?;
                    self.handle.route().add(message).replace().execute().await.map_err(refused)?;
                }
                Change::DeleteRoute(table, to) => {
                    let mut message = destination(*table, *to).build();
                    message.header.kind = RouteType::Unspec;
                    self.handle.route().del(message).execute().await.map_err(refused)?;
                }
                Change::AddRule(rule) => {
                    // Not exclusive: the kernel would take a rule without `from` for equal to one that has it.
                    let mut request = self.handle.rule().add().replace();
                    *request.message_mut() = rule_message(rule);
                    request.execute().await.map_err(refused)?;
                }
                Change::DeleteRule(rule) => self.handle.rule().del(rule_message(rule)).execute().await.map_err(refused)?,
            }
        }
        Ok(())
    }

    async fn legs(&self) -> Result<BTreeMap<u32, String>, RouterError> {
        let links: Vec<_> =
            self.handle.link().get().execute().try_collect().await.map_err(|source| RouterError::Read { what: "links", source })?;
        let name = |attributes: &[LinkAttribute]| {
            attributes.iter().find_map(|attribute| if let LinkAttribute::IfName(name) = attribute { Some(name.clone()) } else { None })
        };
        Ok(links.iter().filter_map(|link| Some((link.header.index, name(&link.attributes)?))).collect())
    }
}

fn destination(table: u32, to: Cidr4) -> RouteMessageBuilder<Ipv4Addr> {
    RouteMessageBuilder::<Ipv4Addr>::new().table_id(table).destination_prefix(to.network(), to.prefix())
}

fn route_message(table: u32, to: Cidr4, hop: &Hop, legs: &BTreeMap<String, u32>) -> Result<RouteMessage, RouterError> {
    let route = destination(table, to);
    Ok(match hop {
        Hop::Via(via, leg) => {
            let index = legs.get(leg).ok_or_else(|| RouterError::NoLeg(leg.clone()))?;
            route.output_interface(*index).gateway(*via).onlink()
        }
        Hop::Blackhole => route.kind(RouteType::BlackHole),
        Hop::Throw => route.kind(RouteType::Throw),
    }
    .build())
}

fn read_route(route: &RouteMessage, legs: &BTreeMap<u32, String>) -> Option<((u32, Cidr4), Hop)> {
    let (mut table, mut to, mut via, mut leg) = (u32::from(route.header.table), Ipv4Addr::UNSPECIFIED, None, None);
    for attribute in &route.attributes {
        if let RouteAttribute::Table(id) = attribute {
            table = *id;
        } else if let RouteAttribute::Destination(RouteAddress::Inet(address)) = attribute {
            to = *address;
        } else if let RouteAttribute::Gateway(RouteAddress::Inet(address)) = attribute {
            via = Some(*address);
        } else if let RouteAttribute::Oif(index) = attribute {
            leg = legs.get(index).cloned();
        }
    }
    let hop = if route.header.kind == RouteType::Throw {
        Hop::Throw
    } else if let (RouteType::Unicast, Some(via), Some(leg)) = (route.header.kind, via, leg) {
        Hop::Via(via, leg)
    } else {
        Hop::Blackhole
    };
    let to = Cidr4::containing(to, route.header.destination_prefix_length)?;
    (table >= FIRST_TABLE).then_some(((table, to), hop))
}

fn rule_message(rule: &Rule) -> RuleMessage {
    let mut message = RuleMessage::default();
    message.header.family = AddressFamily::Inet;
    let attributes = &mut message.attributes;
    attributes.push(RuleAttribute::Priority(rule.priority));
    attributes.extend(rule.leg.clone().map(RuleAttribute::Iifname));
    if let Some(from) = rule.from {
        message.header.src_len = 32;
        attributes.push(RuleAttribute::Source(from.into()));
    }
    if let Some(to) = rule.to {
        message.header.dst_len = 32;
        attributes.push(RuleAttribute::Destination(to.into()));
    }
    if let Some(Port(port)) = rule.port {
        attributes.push(RuleAttribute::IpProtocol(IpProtocol::Udp));
        attributes.push(RuleAttribute::DestinationPortRange(RulePortRange { start: port, end: port }));
    }
    match rule.action {
        Action::Lookup(table) => {
            message.header.action = RuleAction::ToTable;
            attributes.push(RuleAttribute::Table(table));
        }
        Action::Blackhole => message.header.action = RuleAction::Blackhole,
    }
    message
}

fn read_rule(message: &RuleMessage) -> Option<Rule> {
    let (mut priority, mut table) = (0, u32::from(message.header.table));
    let (mut leg, mut from, mut to, mut port) = (None, None, None, None);
    for attribute in &message.attributes {
        if let RuleAttribute::Priority(value) = attribute {
            priority = *value;
        } else if let RuleAttribute::Table(value) = attribute {
            table = *value;
        } else if let RuleAttribute::Iifname(name) = attribute {
            leg = Some(name.clone());
        } else if let RuleAttribute::Source(IpAddr::V4(address)) = attribute {
            from = Some(*address);
        } else if let RuleAttribute::Destination(IpAddr::V4(address)) = attribute {
            to = Some(*address);
        } else if let RuleAttribute::DestinationPortRange(range) = attribute {
            port = Some(Port(range.start));
        }
    }
    let action = if message.header.action == RuleAction::ToTable { Action::Lookup(table) } else { Action::Blackhole };
    PRIORITIES.contains(&priority).then_some(Rule { priority, leg, from, to, port, action })
}
