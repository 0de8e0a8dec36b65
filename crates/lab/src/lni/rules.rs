//! Rules of policy routing, addresses and neighbours, as the VPC CNI and others set and delete them.

use std::net::Ipv4Addr;

use futures::TryStreamExt as _;
use hybridge_model::routing::{Rule, Selector};
use netlink_packet_route::neighbour::NeighbourState;
use netlink_packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};
use rtnetlink::{Handle, IpVersion, LinkUnspec};

use crate::netns::Netns;
use crate::topology::WireError;
use crate::topology::wire::{self, in_namespace};

/// Adds rules; those that are there stay.
pub(super) fn add(ns: &Netns, rules: &[Rule]) -> Result<(), WireError> {
    in_namespace(ns, "add rules", async move |handle| {
        for rule in rules {
            match add_one(&handle, rule).await {
                Err(rtnetlink::Error::NetlinkError(error)) if error.raw_code() == -libc::EEXIST => {}
                other => other?,
            }
        }
        Ok(())
    })
}

async fn add_one(handle: &Handle, rule: &Rule) -> Result<(), rtnetlink::Error> {
    let mut request = handle.rule().add().v4().priority(rule.priority).table_id(rule.table).action(RuleAction::ToTable);
    match &rule.selector {
        Selector::From(from) => request = request.source_prefix(from.network(), from.prefix()),
        Selector::To(to) => request = request.destination_prefix(to.network(), to.prefix()),
        Selector::Mark { mark, mask } => {
            request = request.fw_mark(*mark);
            request.message_mut().attributes.push(RuleAttribute::FwMask(*mask));
        }
        Selector::Other(what) => unreachable!("nobody in the lab sets `{what}`"),
    }
    request.execute().await
}

/// Deletes the rules whose priority is one of these; how many there were.
pub(super) fn delete(ns: &Netns, which: impl Fn(u32) -> bool + Send) -> Result<usize, WireError> {
    in_namespace(ns, "delete rules", async move |handle| {
        let rules: Vec<RuleMessage> = handle.rule().get(IpVersion::V4).execute().try_collect().await?;
        let doomed: Vec<_> = rules.into_iter().filter(|rule| which(priority(rule))).collect();
        let count = doomed.len();
        for rule in doomed {
            handle.rule().del(rule).execute().await?;
        }
        Ok(count)
    })
}

fn priority(rule: &RuleMessage) -> u32 {
    let found =
        rule.attributes.iter().find_map(|attribute| if let RuleAttribute::Priority(priority) = attribute { Some(*priority) } else { None });
    found.unwrap_or(0)
}

/// Deletes every IPv4 address of an interface; its routes go with them.
pub(super) fn flush_addresses(ns: &Netns, name: &str) -> Result<(), WireError> {
    let index = wire::index(ns, name)?;
    in_namespace(ns, &format!("flush the addresses of `{name}`"), async move |handle| {
        let addresses: Vec<_> = handle.address().get().set_link_index_filter(index).execute().try_collect().await?;
        for address in addresses {
            handle.address().del(address).execute().await?;
        }
        Ok(())
    })
}

/// Sets the largest packet of an interface, in bytes.
pub(super) fn set_mtu(ns: &Netns, name: &str, mtu: u32) -> Result<(), WireError> {
    let message = LinkUnspec::new_with_index(wire::index(ns, name)?).mtu(mtu).build();
    in_namespace(ns, &format!("set the MTU of `{name}`"), async move |handle| handle.link().set(message).execute().await)
}

/// Sets a neighbour for good, as if it had been asked.
pub(super) fn set_neighbour(ns: &Netns, interface: &str, address: Ipv4Addr, mac: [u8; 6]) -> Result<(), WireError> {
    let index = wire::index(ns, interface)?;
    in_namespace(ns, "set a neighbour", async move |handle| {
        let neighbour = handle.neighbours().add(index, address.into());
        neighbour.link_layer_address(&mac).state(NeighbourState::Permanent).replace().execute().await
    })
}
