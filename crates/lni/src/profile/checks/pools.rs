//! Ranges of the LAN: DHCP's, and those of Services.

use super::super::values::Range4;
use super::super::whole::Mode;
use super::{Checks, ends};

/// `lan.dhcpRange`.
pub(super) fn dhcp(checks: &mut Checks<'_>) {
    let (Some(range), Some(network)) = (checks.draft.lan.dhcp_range, checks.own_network()) else { return };
    if !Range4::of(network).covers(range) {
        let what = format!("is not in {network}, the first of lan.cidrs");
        checks.error("lni.range", "lan.dhcpRange", &range.to_string(), what).fix("write what the DHCP server of the LAN gives out");
    }
}

/// `vips.pools`: nobody else may answer for an address of a Service.
pub(super) fn pools(checks: &mut Checks<'_>) {
    let pools = checks.draft.vips.pools.clone();
    for (index, pool) in pools.iter().enumerate() {
        let path = format!("vips.pools[{index}]");
        if let Some((what, fix)) = outside(checks, *pool) {
            checks.error("lni.pool", &path, &pool.to_string(), what).fix(fix);
        } else {
            for (what, fix) in taken(checks, *pool) {
                checks.error("lni.pool", &path, &pool.to_string(), what).fix(fix);
            }
        }
        if let Some(other) = pools[..index].iter().find(|other| other.overlaps(*pool)) {
            let code = if other == pool { "lni.duplicate" } else { "lni.overlap" };
            checks.error(code, &path, &pool.to_string(), format!("overlaps {other}")).fix("keep one of them, or make one of both");
        }
    }
}

fn outside(checks: &Checks<'_>, pool: Range4) -> Option<(String, String)> {
    let network = checks.own_network()?;
    let fix = format!("write addresses of {network}");
    (!Range4::of(network).covers(pool))
        .then(|| (format!("is not in {network}: hosts of the LAN ask by ARP for addresses of their own network only"), fix))
}

/// Who has addresses of the pool, each with a way out.
fn taken(checks: &Checks<'_>, pool: Range4) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let out = |what: String| (what, "take other addresses".to_owned());
    let own = checks.draft.address.cidr.filter(|_| checks.draft.address.mode == Some(Mode::Static));
    if let Some(own) = own.filter(|own| pool.contains(own.address)) {
        found.push(out(format!("has the LNI's own address, {}, in it", own.address)));
    }
    for (_, gateway) in checks.gateways() {
        let told = found.iter().any(|(what, _)| what.contains(&format!("{gateway},")));
        if pool.contains(gateway) && !told {
            found.push(out(format!("has the LAN's router, {gateway}, in it")));
        }
    }
    if let Some(network) = checks.own_network() {
        for (name, end) in ends(network) {
            if pool.contains(end) {
                found.push(out(format!("has {name}, {end}, in it")));
            }
        }
    }
    if let Some(range) = checks.draft.lan.dhcp_range.filter(|range| range.overlaps(pool)) {
        let what = format!("overlaps lan.dhcpRange, {range}: the LAN's DHCP server may give its addresses to others");
        found.push((what, "take other addresses, or narrow the range of the DHCP server".to_owned()));
    }
    found
}
