//! The host's firewall and the overlay of the CNI.

use hybridge_report::Finding;

use super::Subject;
use crate::facts::FirewallKind;

/// VXLAN: Cilium's port by default, and the port IANA has assigned (RFC 7348), which Calico uses.
const OVERLAYS: [u16; 2] = [8472, 4789];

pub(super) fn overlay(subject: &Subject<'_>) -> Vec<Finding> {
    let Some(firewall) = &subject.facts.firewall else { return Vec::new() };
    if OVERLAYS.into_iter().any(|port| firewall.open.iter().any(|rule| lets_in(rule, port))) {
        return Vec::new();
    }
    let (name, fix) = match firewall.kind {
        FirewallKind::Firewalld => ("firewalld", "firewall-cmd --permanent --add-port=8472/udp && firewall-cmd --reload"),
        FirewallKind::Ufw => ("ufw", "ufw allow 8472/udp"),
    };
    vec![
        Finding::error("firewall.vxlan", name, "lets in neither 8472/udp nor 4789/udp, so pods of other nodes cannot reach this one")
            .fix(format!("open the port of your CNI (Cilium 8472, Calico 4789): {fix}; without an overlay skip cni-validation")),
    ]
}

/// Whether `8472/udp`, `8000-9000/udp`, `8000:9000/udp`, `4789` (both protocols) lets in this UDP port.
fn lets_in(rule: &str, port: u16) -> bool {
    let (ports, protocol) = rule.trim().split_once('/').unwrap_or((rule.trim(), "udp"));
    let mut ends = ports.split(['-', ':']).map(str::parse::<u16>);
    let Some(Ok(first)) = ends.next() else { return false };
    let last = match ends.next() {
        None => first,
        Some(Ok(last)) => last,
        Some(Err(_)) => return false,
    };
    protocol.eq_ignore_ascii_case("udp") && (first..=last).contains(&port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_of_both_firewalls_are_understood() {
        for rule in ["8472/udp", "8000-9000/udp", "8000:9000/UDP", "8472", " 8472/udp "] {
            assert!(lets_in(rule, 8472), "{rule}");
        }
        for rule in ["8472/tcp", "8473/udp", "1-8471/udp", "ssh", "", "x-y/udp", "8472-x/udp"] {
            assert!(!lets_in(rule, 8472), "{rule}");
        }
    }
}
