//! Looks, plans, puts in order.

use std::time::Duration;

use hybridge_lni::contest::Clues;
use hybridge_lni::desired;
use hybridge_lni::plan::{Change, plan};
use hybridge_lni::resolve::{Lni, resolve};
use hybridge_lni::state::State;
use hybridge_model::routing::{InterfaceAddress, Routing, RoutingChange};
use hybridge_report::Finding;
use tokio::time::Instant;

use super::{Agent, FIRST_RETRY, LONGEST_RETRY};
use crate::error::HostError;
use crate::notify::notify;
use crate::status::{Phase, Repair, Told};

impl Agent {
    /// Does what can be done now, and says when to look again.
    pub(super) async fn converge(&mut self) {
        self.dirty = false;
        match self.once().await {
            Ok(()) => {}
            Err(error) => {
                self.warn(&error);
                let what = hybridge_report::chain(&error);
                let finding = Finding::error("lni.apply", "kernel", what);
                let finding = error.hint().map(|hint| finding.clone().fix(hint)).unwrap_or(finding);
                self.findings_about("lni.apply", vec![finding]);
                self.tell(Phase::Failing);
                self.be_ready();
                self.retry();
            }
        }
    }

    fn retry(&mut self) {
        let wait = FIRST_RETRY.saturating_mul(1 << self.failures.min(6)).min(LONGEST_RETRY);
        self.failures += 1;
        self.dirty = true;
        self.pause = Some(Instant::now() + wait);
    }

    async fn once(&mut self) -> Result<(), HostError> {
        let routing = self.machine.netlink.routing().await?;
        let Some(lni) = self.interface(&routing) else { return Ok(()) };
        self.carrier_is(routing.carrier.contains(&lni.link), &lni);
        let observed = hybridge_lni::state::observed(&lni, &routing);
        self.tend_client(&lni, &observed.addresses);
        let desired = self.desired(&lni, &observed);
        let observed = self.machine.observe(&lni, &desired, &routing).await?;
        let changes = plan(&desired, &observed);
        if changes.is_empty() {
            self.in_order(desired);
            return Ok(());
        }
        let repair = self.settled.as_ref() == Some(&desired);
        if repair && self.pauses(&changes) {
            return Ok(());
        }
        self.pause = None;
        let failures = self.machine.apply(&changes).await;
        let heard = self.heard.take();
        if repair {
            self.repaired(&changes, heard);
        } else {
            tracing::info!(changes = told(&changes).join("; "), "sets up the LNI");
        }
        for change in &changes {
            if let Change::Routing(RoutingChange::SetAddress(address)) = change {
                self.announce(&lni, address.address);
            }
        }
        self.settled = Some(desired);
        // Looks again at once: what was done may have undone something else.
        self.dirty = true;
        match failures.into_iter().next() {
            Some(failure) => Err(failure.error),
            None => Ok(()),
        }
    }

    /// The LNI, found again where it was lost.
    fn interface(&mut self, routing: &Routing) -> Option<Lni> {
        if let Some(lni) = &self.lni {
            let same = routing.links.iter().any(|link| link.index == lni.link && link.name == lni.name && link.mac == Some(lni.mac));
            if same {
                return Some(lni.clone());
            }
            tracing::warn!(interface = lni.name, "the interface is gone or has another name");
            self.lose_interface();
        }
        self.facts.routing = routing.clone();
        match resolve(&self.profile, &self.facts) {
            Ok((lni, warnings)) => {
                tracing::info!(interface = lni.name, mac = %lni.mac, "found the LNI");
                self.findings(&warnings);
                self.lni = Some(lni.clone());
                Some(lni)
            }
            Err(findings) => {
                // Instance metadata may yet tell which it is.
                if self.asking.is_none() || !self.facts.interfaces.is_empty() {
                    self.findings(&findings);
                    self.tell(Phase::NoInterface);
                    self.be_ready();
                }
                None
            }
        }
    }

    fn findings(&mut self, findings: &[Finding]) {
        let told: Vec<_> = findings.iter().map(Told::from).collect();
        if self.status.findings != told {
            for finding in findings {
                tracing::warn!("{finding}");
            }
            self.status.findings = told;
        }
    }

    fn findings_about(&mut self, code: &str, findings: Vec<Finding>) {
        self.status.findings.retain(|told| told.code != code);
        self.status.findings.extend(findings.iter().map(Told::from));
    }

    fn carrier_is(&mut self, carrier: bool, lni: &Lni) {
        let before = std::mem::replace(&mut self.carrier, carrier);
        match (before, carrier) {
            (true, false) => {
                self.carrier_lost = true;
                tracing::warn!(interface = lni.name, "carrier lost: the cable is out, or the other side is down");
            }
            (false, true) if std::mem::take(&mut self.carrier_lost) => {
                tracing::info!(interface = lni.name, "carrier is back");
                if let Some(dhcp) = &mut self.dhcp {
                    dhcp.restart();
                }
                for address in self.settled.iter().flat_map(|state| state.addresses.clone()).collect::<Vec<_>>() {
                    self.announce(lni, address.address);
                }
            }
            (_, _) => {}
        }
    }

    /// What should be, as far as it is known who may have which address.
    fn desired(&mut self, lni: &Lni, observed: &State) -> State {
        let mut desired = desired::desired(lni, self.lease.as_ref());
        let fresh = desired.addresses.iter().find(|address| !observed.addresses.contains(address)).copied();
        // One that is only missing because somebody has just taken it was ours all the time.
        let ours = |address: &InterfaceAddress| self.settled.as_ref().is_some_and(|state| state.addresses.contains(address));
        if let Some(address) = fresh.filter(|address| !ours(address))
            && !self.may_set(lni, address.address)
        {
            desired.addresses.clear();
            desired.routes.clear();
        }
        if !desired.addresses.is_empty() {
            self.hold = false;
        } else if self.hold {
            let lan = |address: &&InterfaceAddress| lni.profile.lan.cidrs.iter().any(|cidr| cidr.contains(address.address));
            desired.addresses = observed.addresses.iter().filter(lan).copied().collect();
            desired.routes.clone_from(&observed.routes);
        }
        desired
    }

    /// Nothing is to be done.
    fn in_order(&mut self, desired: State) {
        self.pause = None;
        self.heard = None;
        self.failures = 0;
        self.warned.clear();
        self.findings_about("lni.apply", Vec::new());
        let phase = if !self.carrier {
            Phase::NoCarrier
        } else if self.check.retry().is_some() {
            Phase::DuplicateAddress
        } else if self.hold || desired.addresses.is_empty() {
            Phase::NoAddress
        } else {
            Phase::Ready
        };
        self.settled = Some(desired);
        self.contests();
        self.tell(phase);
        self.be_ready();
    }

    /// Lets those go on who wait for us: all is done that can be done now.
    fn be_ready(&mut self) {
        if !std::mem::replace(&mut self.ready, true) {
            notify("READY=1");
        }
    }

    /// Whether the same has been repaired so often that this time it has to wait.
    fn pauses(&mut self, changes: &[Change]) -> bool {
        let now = Instant::now();
        if self.pause.is_some_and(|pause| pause <= now) {
            return false;
        }
        let wait = self.repairs.pause(changes);
        if wait == Duration::ZERO {
            return false;
        }
        self.pause = Some(now + wait);
        self.dirty = true;
        true
    }

    fn repaired(&mut self, changes: &[Change], heard: Option<Instant>) {
        let milliseconds = heard.map_or(0, |heard| heard.elapsed().as_millis().try_into().unwrap_or(u64::MAX));
        let changes_told = told(changes);
        tracing::warn!(changes = changes_told.join("; "), milliseconds, "put back what somebody changed");
        self.status.repairs += 1;
        self.status.last_repair = Some(Repair { time: jiff::Timestamp::now(), milliseconds, changes: changes_told });
        self.repairs.record(self.clock.elapsed(), changes);
        self.contests();
    }

    fn contests(&mut self) {
        self.repairs.forget(self.clock.elapsed());
        let clues =
            Clues { units: self.facts.units.clone(), vpc_cidrs: self.facts.vpc_cidrs.clone(), process: self.hearing.process.clone() };
        let contested = self.repairs.contested(&clues);
        let names = |contests: &[hybridge_lni::contest::Contest]| -> Vec<_> {
            contests.iter().map(|contest| (contest.object.clone(), contest.culprit)).collect()
        };
        if names(&contested) != names(&self.status.contested) {
            for contest in &contested {
                let (object, culprit) = (&contest.object, contest.culprit);
                tracing::error!(reason = "LniContested", %object, times = contest.times, %culprit, hint = culprit.hint(), "contested");
            }
            if contested.is_empty() {
                tracing::info!("nobody contests the LNI any more");
            }
        }
        self.status.contested = contested;
    }
}

fn told(changes: &[Change]) -> Vec<String> {
    changes.iter().map(Change::to_string).collect()
}
