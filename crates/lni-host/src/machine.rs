//! The machine under a plan: what there is, and changing it.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::StreamExt as _;
use hybridge_lni::plan::Change;
use hybridge_lni::resolve::Lni;
use hybridge_lni::state::{self, State};
use hybridge_model::routing::{InterfaceAddress, Routing};
use hybridge_netlink::{Netlink, RoutingEvent, routing_events};

use crate::error::HostError;
use crate::store::{Loaded, Memory, Store};
use crate::{nft, sysctl};

/// How long a carrier is waited for.
const CARRIER: Duration = Duration::from_secs(5);

/// A change that was not made; later ones were tried all the same.
#[derive(Debug)]
pub struct Failure {
    /// What was to be done.
    pub change: Change,
    /// Why it was not.
    pub error: HostError,
}

/// This machine, with what we remember of it.
pub struct Machine {
    /// The kernel's network.
    pub netlink: Netlink,
    /// Our files.
    pub store: Store,
    /// What is in them.
    pub memory: Memory,
    /// Our tables as `nft` lists them; the outer `None` where they must be listed again.
    listing: Option<Option<String>>,
    /// How often we loaded tables: each is told as an event, as others' doings are.
    pub(crate) loads: u64,
}

impl Machine {
    /// Must be called inside a tokio runtime.
    pub fn open(store: Store) -> Result<Self, HostError> {
        let memory = store.memory();
        Ok(Self { netlink: Netlink::connect()?, store, memory, listing: None, loads: 0 })
    }

    /// Somebody may have changed our tables.
    pub(crate) fn tables_changed(&mut self) {
        self.listing = None;
    }

    /// What there is of the LNI, as far as `desired` has wishes about it.
    ///
    /// The ruleset counts as there if `nft` lists what it listed when it was loaded: its own words differ from ours and between its
    /// versions.
    pub async fn observe(&mut self, lni: &Lni, desired: &State, routing: &Routing) -> Result<State, HostError> {
        if self.listing.is_none() {
            self.listing = Some(nft::listing().await?);
        }
        let mut state = state::observed(lni, routing);
        state.sysctls = desired.sysctls.keys().filter_map(|name| Some((name.clone(), sysctl::read(name)?))).collect();
        let listed = self.listing.clone().flatten();
        state.ruleset = match (&self.memory.loaded, listed) {
            (Some(loaded), Some(listing)) if loaded.listing == listing => Some(loaded.ruleset.clone()),
            // Ours, but not as we left them: neither the wanted ones nor none.
            (_, Some(listing)) => Some(listing),
            (_, None) => None,
        };
        Ok(state)
    }

    /// Waits for the carrier of a link that was just brought up, for five seconds at most.
    pub async fn carrier(&self, lni: &Lni) -> Result<bool, HostError> {
        let mut events = std::pin::pin!(routing_events()?);
        if self.netlink.routing().await?.carrier.contains(&lni.link) {
            return Ok(true);
        }
        let there = async {
            while let Some(event) = events.next().await {
                if matches!(event, RoutingEvent::Link { link, carrier: true, .. } if link.index == lni.link) {
                    return true;
                }
            }
            false
        };
        Ok(tokio::time::timeout(CARRIER, there).await.unwrap_or(false))
    }

    /// Carries out `changes` in order and returns those that failed.
    pub async fn apply(&mut self, changes: &[Change]) -> Vec<Failure> {
        let mut failures = Vec::new();
        for change in changes {
            if let Err(error) = self.one(change).await {
                failures.push(Failure { change: change.clone(), error });
            }
        }
        failures
    }

    async fn one(&mut self, change: &Change) -> Result<(), HostError> {
        match change {
            Change::Routing(change) => match self.netlink.apply_routing(std::slice::from_ref(change)).await.pop() {
                Some(failure) => Err(failure.error.into()),
                None => Ok(()),
            },
            Change::Sysctl { name, value } => {
                if let (Some(before), false) = (sysctl::read(name), self.memory.before.contains_key(name)) {
                    self.memory.before.insert(name.clone(), before);
                    self.store.remember(&self.memory)?;
                }
                sysctl::write(name, value)
            }
            Change::Ruleset(ruleset) => {
                self.listing = None;
                self.loads += 1;
                nft::load(ruleset).await?;
                let listing = nft::listing().await?;
                self.memory.loaded = listing.clone().map(|listing| Loaded { ruleset: ruleset.clone(), listing });
                self.listing = Some(listing);
                self.store.remember(&self.memory)
            }
            Change::DeleteRuleset => {
                self.listing = None;
                self.loads += 1;
                nft::remove().await
            }
        }
    }

    /// What takes away all that is ours, and nothing else: `address` is the only one that we may have set.
    pub async fn removal(&mut self, lni: &Lni, address: Option<InterfaceAddress>) -> Result<Vec<Change>, HostError> {
        let names = hybridge_lni::desired::sysctls(&lni.name);
        let wishes = State { sysctls: names, ..State::default() };
        let routing = self.netlink.routing().await?;
        let mut observed = self.observe(lni, &wishes, &routing).await?;
        observed.addresses = address.into_iter().filter(|address| observed.addresses.contains(address)).collect::<BTreeSet<_>>();
        let before = self.memory.before.iter().filter(|(name, _)| observed.sysctls.contains_key(*name));
        let sysctls = before.map(|(name, value)| (name.clone(), value.clone())).collect();
        let nothing = State { link: lni.link, mtu: observed.mtu, sysctls, ..State::default() };
        Ok(hybridge_lni::plan::plan(&nothing, &observed))
    }
}
