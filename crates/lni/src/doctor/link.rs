//! The interface itself: cable, packets, address, ARP.

use super::{Answered, View};
use crate::causes::Cause;
use crate::desired;
use crate::profile::Addressing;
use crate::verdict::{Check, Verdict};

const CARRIER: Check = Check::new("lni.carrier", "the interface is up and has a cable");
const MTU: Check = Check::new("lni.mtu", "the largest packet is what the LAN takes");
const ADDRESS: Check = Check::new("lni.unnumbered", "the LNI has the address that it should (causes 3 and 9)");
const LEASE: Check = Check::new("lni.lease", "the lease of DHCP is kept");
const DUPLICATE: Check = Check::new("lni.duplicate-address", "nobody else has the address");
const ARP: Check = Check::new("lni.arp", "ARP tells the LNI's own address only");

/// All of these.
pub(super) const CHECKS: [Check; 6] = [CARRIER, MTU, ADDRESS, LEASE, DUPLICATE, ARP];

pub(super) fn checks(view: &View<'_>) -> Vec<Verdict> {
    vec![carrier(view), mtu(view), address(view), lease(view), duplicate(view), arp(view)]
}

fn carrier(view: &View<'_>) -> Verdict {
    let (routing, lni) = (&view.known.machine.routing, view.lni);
    let up = routing.links.iter().any(|link| link.index == lni.link && link.up);
    match (up, routing.carrier.contains(&lni.link)) {
        (true, true) => CARRIER.pass(format!("{} is up, with carrier", lni.name)),
        (false, _) => CARRIER.fail(&lni.name, "the interface is down", "`hybridge lni apply` brings it up"),
        (true, false) => CARRIER.fail(
            &lni.name,
            "no carrier: the other side of the cable is not there",
            "look at the server's LNI port (the breakout cable has one leg for the LNI and one for the service link) and at the switch",
        ),
    }
}

fn mtu(view: &View<'_>) -> Verdict {
    let (lni, wanted) = (view.lni, u32::from(view.profile.mtu));
    let is = view.known.machine.routing.links.iter().find(|link| link.index == lni.link).map_or(0, |link| link.mtu);
    if is == wanted {
        return MTU.pass(format!("{is} bytes"));
    }
    let fix = "`hybridge lni apply` sets it; if it comes back, something else sets up the interface (see lni.units)";
    MTU.fail(&lni.name, format!("{is} bytes, where the profile says {wanted}"), fix)
}

fn address(view: &View<'_>) -> Verdict {
    let (lni, routing) = (view.lni, &view.known.machine.routing);
    let own: Vec<_> = routing.addresses.iter().filter(|address| address.link == lni.link).collect();
    let told = own.iter().map(|address| format!("{}/{}", address.address, address.prefix)).collect::<Vec<_>>().join(", ");
    let fix = "`hybridge lni apply` sets it, `hybridge lni run` keeps it";
    if own.is_empty() {
        let what = format!("{}: without an address the kernel drops what comes in, however loose rp_filter is", Cause::Unnumbered);
        return ADDRESS.fail(&lni.name, what, fix);
    }
    match desired::address(view.profile, view.known.lease.as_ref()) {
        Some(wanted) if !own.iter().any(|address| (address.address, address.prefix) == (wanted.address, wanted.prefix)) => {
            ADDRESS.fail(&lni.name, format!("it has {told}, where {wanted} is wanted"), fix)
        }
        Some(_) => ADDRESS.pass(told),
        None => ADDRESS.warn(&lni.name, format!("it has {told}, and no lease says that it should"), "start the agent: `hybridge lni run`"),
    }
}

fn lease(view: &View<'_>) -> Verdict {
    match view.profile.address {
        Addressing::Static { .. } => return LEASE.skip("the address is static"),
        Addressing::Dhcp { .. } => {}
    }
    let Some(lease) = &view.known.lease else {
        let fix = "start the agent: `hybridge lni run`; is there a DHCP server in the LAN?";
        return LEASE.fail(&view.lni.name, "no lease is saved on this machine", fix);
    };
    let Some(now) = view.known.time else { return LEASE.skip("it is not known when the facts were gathered") };
    let evidence = format!("{} from {} until {}", lease.address, lease.server, lease.expires);
    if now >= lease.expires {
        let what = format!("the lease for {} ran out at {}", lease.address, lease.expires);
        return LEASE.fail(&view.lni.name, what, "start the agent, and look whether the DHCP server answers");
    }
    if now >= lease.rebind {
        let what = format!("{} has not renewed the lease since {}; it ends at {}", lease.server, lease.renew, lease.expires);
        return LEASE.warn(&view.lni.name, what, "look whether the DHCP server is there, and whether the agent runs");
    }
    LEASE.pass(evidence)
}

fn duplicate(view: &View<'_>) -> Verdict {
    match view.known.duplicate {
        None => DUPLICATE.skip("no ARP probe was sent: that takes root, an address, and a carrier"),
        Some(Answered::Nobody) => DUPLICATE.pass("nobody answers for it"),
        Some(Answered::By(mac)) => DUPLICATE.fail(
            &view.lni.name,
            format!("{mac} has the address, too"),
            "find the machine with that MAC address in the LAN, and give one of the two another address; AWS may reuse the MAC address of a \
             deleted interface, so look for an old reservation in the DHCP server",
        ),
    }
}

fn arp(view: &View<'_>) -> Verdict {
    let mut findings = Vec::new();
    let mut seen = Vec::new();
    for (key, least, why) in [
        ("arp_ignore", 1, "the machine answers in the LAN for its address of the VPC"),
        ("arp_announce", 2, "the machine asks in the LAN with its address of the VPC"),
    ] {
        let value = effective(view, key);
        seen.push(format!("{key}={}", value.map_or_else(|| "?".to_owned(), |value| value.to_string())));
        if value.is_none_or(|value| value < least) {
            let what = format!("{key} is below {least}: {why}");
            findings.push(hybridge_report::Finding::error(ARP.code, &view.lni.name, what).fix("`hybridge lni apply` sets it"));
        }
    }
    ARP.of(seen.join(", "), findings)
}

/// The larger one of `all` and the interface's own, as the kernel takes it; none where neither is known.
pub(super) fn effective(view: &View<'_>, key: &str) -> Option<u8> {
    let value = |which: &str| view.known.machine.sysctls.get(&format!("net.ipv4.conf.{which}.{key}"))?.trim().parse::<u8>().ok();
    value("all").into_iter().chain(value(&view.lni.name)).max()
}
