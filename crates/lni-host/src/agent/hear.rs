//! Which of the kernel's events concern the LNI.

use hybridge_lni::state::{NAT_TABLE, PROTOCOL, TABLE};
use hybridge_netlink::RoutingEvent;
use tokio::time::Instant;

use super::Agent;

/// What was heard of nftables.
#[derive(Debug, Default)]
pub(super) struct Hearing {
    /// A transaction that is not over has touched one of our tables.
    touched: bool,
    /// How many transactions of ours were told.
    own: u64,
    /// Who touched our tables last, but us.
    pub(super) process: Option<String>,
}

impl Agent {
    pub(super) fn hear(&mut self, event: &RoutingEvent) {
        if self.concerns(event) {
            tracing::debug!(?event, "heard");
            self.dirty = true;
            self.heard.get_or_insert_with(Instant::now);
        }
    }

    fn concerns(&mut self, event: &RoutingEvent) -> bool {
        let link = self.lni.as_ref().map(|lni| lni.link);
        let table = self.profile.routing.table;
        match event {
            RoutingEvent::Link { link: changed, gone, .. } => match &self.lni {
                None => !gone,
                Some(lni) => changed.index == lni.link || lni.parent.as_ref().is_some_and(|parent| changed.index == parent.link),
            },
            RoutingEvent::Address { address, .. } => Some(address.link) == link,
            RoutingEvent::Route { route, .. } => route.table == table || route.protocol == PROTOCOL,
            RoutingEvent::Rule { rule, .. } => rule.table == table || rule.protocol == PROTOCOL,
            RoutingEvent::Settings { link: changed } => *changed == -1 || u32::try_from(*changed).ok() == link,
            RoutingEvent::NftTable { table } => {
                self.hearing.touched |= table == TABLE || table == NAT_TABLE;
                false
            }
            RoutingEvent::NftDone { process } => self.transaction(process),
            RoutingEvent::Overrun => {
                self.machine.tables_changed();
                true
            }
        }
    }

    fn transaction(&mut self, process: &str) -> bool {
        if !std::mem::take(&mut self.hearing.touched) {
            return false;
        }
        if process == "nft" && self.hearing.own < self.machine.loads {
            self.hearing.own += 1;
            return false;
        }
        self.hearing.process = Some(process.to_owned());
        self.machine.tables_changed();
        true
    }
}
