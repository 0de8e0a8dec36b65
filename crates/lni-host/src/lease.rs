//! An address for once: what `hybridge lni apply` needs without the agent.

use std::net::Ipv4Addr;
use std::time::Duration;

use hybridge_lni::dhcp::Event;
use hybridge_lni::lease::Lease;
use hybridge_lni::profile::Addressing;
use hybridge_lni::resolve::Lni;
use hybridge_report::Finding;

use crate::clock::Clock;
use crate::dhcp::Dhcp;
use crate::duplicate;

/// How long a DHCP server is waited for.
const PATIENCE: Duration = Duration::from_secs(15);

/// Where the address comes from.
pub enum Found {
    /// From DHCP.
    Lease(Lease),
    /// From the profile.
    Static,
    /// From nobody.
    Nothing(Finding),
}

/// The lease for an LNI with DHCP. Where nothing may be sent (`quiet`), the saved one.
pub async fn find(lni: &Lni, saved: Option<Lease>, quiet: bool) -> Found {
    match lni.profile.address {
        Addressing::Static { .. } => return Found::Static,
        Addressing::Dhcp { .. } => {}
    }
    let clock = Clock::new();
    let valid = saved.filter(|lease| clock.now() < lease.expires);
    if quiet {
        let what = "no lease is saved, and a dry run asks no DHCP server: the address is not known";
        return valid.map_or_else(|| Found::Nothing(Finding::warning("lni.dhcp", lni.name.clone(), what)), Found::Lease);
    }
    let mut dhcp = Dhcp::new(lni.link, &lni.name, lni.mac, valid, clock);
    let lease = async {
        loop {
            if let Event::Leased(lease) | Event::Resumed(lease) = dhcp.next().await {
                return lease;
            }
        }
    };
    match tokio::time::timeout(PATIENCE, lease).await {
        Ok(lease) => Found::Lease(lease),
        Err(_) => {
            let what = format!("no DHCP server answered for {} s", PATIENCE.as_secs());
            let finding = Finding::error("lni.dhcp", lni.name.clone(), what);
            Found::Nothing(
                finding
                    .fix("is the cable in, and does the LAN have a DHCP server? a static address needs none: address: {mode: static, …}"),
            )
        }
    }
}

/// A finding if somebody else has the address.
pub async fn duplicate(lni: &Lni, address: Ipv4Addr, carrier: bool) -> Option<Finding> {
    if !carrier {
        return None;
    }
    let other = duplicate::owner(lni.link, lni.mac, address).await.ok()??;
    let finding = Finding::error("lni.duplicate-address", address.to_string(), format!("{address} is in use by {other}"));
    Some(finding.fix("find the machine with that MAC address in the LAN and give one of the two another address"))
}
