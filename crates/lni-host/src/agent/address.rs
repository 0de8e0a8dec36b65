//! The address: lease, duplicates, telling neighbours.

use std::future::Future;
use std::io;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::time::Duration;

use hybridge_lni::dhcp::{Event, Loss};
use hybridge_lni::lease::{Lease, fits};
use hybridge_lni::profile::Addressing;
use hybridge_lni::resolve::Lni;
use hybridge_model::MacAddr;
use hybridge_model::routing::InterfaceAddress;
use hybridge_report::Finding;
use tokio::time::Instant;

use super::Agent;
use crate::dhcp::Dhcp;
use crate::duplicate;
use crate::status::Told;

/// When a duplicate address is looked for again (RFC 5227 §2.1.1 has a minute after ten of them).
const AGAIN: Duration = Duration::from_secs(10);

/// Who answers, if anybody.
type Owner = io::Result<Option<MacAddr>>;

/// Whether somebody else has the address that is to be set.
#[derive(Default)]
pub(super) enum Check {
    #[default]
    Unasked,
    Asked(Ipv4Addr, Pin<Box<dyn Future<Output = Owner>>>),
    Free(Ipv4Addr),
    Taken(Instant),
}

impl Check {
    /// Waits for the answer of the one that was asked.
    pub(super) async fn done(check: &mut Self) -> (Ipv4Addr, Owner) {
        match check {
            Self::Asked(address, answer) => (*address, answer.await),
            Self::Unasked | Self::Free(_) | Self::Taken(_) => std::future::pending().await,
        }
    }

    pub(super) fn retry(&self) -> Option<Instant> {
        match self {
            Self::Taken(retry) => Some(*retry),
            Self::Unasked | Self::Asked(..) | Self::Free(_) => None,
        }
    }
}

impl Agent {
    /// Whether the address may be set; asks whoever has it first. On a link without a carrier nobody can answer.
    pub(super) fn may_set(&mut self, lni: &Lni, address: Ipv4Addr) -> bool {
        match &self.check {
            Check::Free(free) if *free == address => true,
            Check::Asked(asked, _) if *asked == address => false,
            Check::Taken(_) => false,
            Check::Unasked | Check::Asked(..) | Check::Free(_) => {
                if self.carrier {
                    let (link, mac) = (lni.link, lni.mac);
                    self.check = Check::Asked(address, Box::pin(duplicate::owner(link, mac, address)));
                }
                false
            }
        }
    }

    pub(super) fn checked(&mut self, (address, found): (Ipv4Addr, Owner)) {
        self.dirty = true;
        self.check = match found {
            Ok(None) => Check::Free(address),
            Ok(Some(other)) => {
                let what = format!("{address} is in use by {other}");
                let fix = "find the machine with that MAC address in the LAN and give one of the two another address; \
                           it is tried again every 10 s";
                tracing::error!(what, "duplicate address");
                self.status.findings.retain(|told| told.code != "lni.duplicate-address");
                self.status.findings.push(Told::from(&Finding::error("lni.duplicate-address", address.to_string(), what).fix(fix)));
                if let Some(event) = self.dhcp.as_mut().and_then(Dhcp::decline) {
                    self.lease_event(event);
                }
                Check::Taken(Instant::now() + AGAIN)
            }
            // Without an answer about others, an address is better than none.
            Err(error) => {
                tracing::warn!(%error, "cannot ask whether somebody else has the address");
                Check::Free(address)
            }
        };
    }

    /// Tells neighbours about an address that has just been set.
    pub(super) fn announce(&mut self, lni: &Lni, address: Ipv4Addr) {
        self.status.findings.retain(|told| told.code != "lni.duplicate-address");
        if let Err(error) = duplicate::announce(lni.link, lni.mac, address) {
            tracing::debug!(%error, "cannot announce the address");
        }
    }

    /// Starts or stops the client, as profile and carrier have it.
    pub(super) fn tend_client(&mut self, lni: &Lni, addresses: &std::collections::BTreeSet<InterfaceAddress>) {
        let dhcp = matches!(self.profile.address, Addressing::Dhcp { .. });
        if !dhcp || !self.carrier || self.dhcp.is_some() {
            return;
        }
        let saved = self.machine.memory.lease.clone().filter(|lease| self.clock.now() < lease.expires);
        // The agent was restarted, or the machine's own files set it up: nothing has to wait.
        let in_use = |lease: &Lease| addresses.iter().any(|address| address.address == lease.address.address);
        if self.lease.is_none() && saved.as_ref().is_some_and(in_use) {
            self.lease.clone_from(&saved);
        }
        self.dhcp = Some(Dhcp::new(lni.link, &lni.name, lni.mac, saved, self.clock));
    }

    pub(super) fn lease_event(&mut self, event: Event) {
        self.dirty = true;
        match event {
            Event::Leased(lease) => {
                let news = self.lease.as_ref().is_none_or(|old| old.address != lease.address || old.routers != lease.routers);
                let (address, server) = (lease.address, lease.server);
                if news {
                    tracing::info!(%address, %server, expires = %lease.expires, "DHCP gave an address");
                    self.judge(&lease);
                } else {
                    tracing::debug!(%address, %server, expires = %lease.expires, "DHCP extended the lease");
                }
                self.keep(Some(lease));
            }
            Event::Resumed(lease) => {
                tracing::warn!(address = %lease.address, expires = %lease.expires, "no DHCP server answers; uses the saved lease");
                self.lease = Some(lease);
            }
            Event::Lost { lease, why } => {
                let address = lease.address;
                match why {
                    Loss::Refused(words) => tracing::warn!(%address, words, "the DHCP server refused the address; it is given up"),
                    Loss::Expired => tracing::warn!(%address, "no DHCP server extended the lease; the address is given up"),
                    Loss::Duplicate => tracing::warn!(%address, "the address is declined"),
                }
                self.hold = false;
                self.keep(None);
            }
        }
    }

    /// Tells what of a lease is of no use.
    fn judge(&mut self, lease: &Lease) {
        let findings = fits(&self.profile, lease);
        for finding in &findings {
            tracing::warn!("{finding}");
        }
        self.status.findings.retain(|told| !told.code.starts_with("lni.lease-"));
        self.status.findings.extend(findings.iter().map(Told::from));
    }

    fn keep(&mut self, lease: Option<Lease>) {
        self.machine.memory.lease = lease.clone().map(|lease| {
            let wall = |time| self.clock.wall(time);
            let (since, renew) = (wall(lease.since), wall(lease.renew));
            Lease { since, renew, rebind: wall(lease.rebind), expires: wall(lease.expires), ..lease }
        });
        self.lease = lease;
        self.remember();
    }
}
