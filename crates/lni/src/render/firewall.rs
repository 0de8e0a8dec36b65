//! The firewall, which must be there before the interface is up.

use super::{Backend, File, HEAD, Ini};
use crate::nft;
use crate::resolve::Lni;

/// The unit that loads it.
const UNIT: &str = "hybridge-lni-firewall.service";

pub(super) fn files(lni: &Lni, backend: Backend) -> [File; 3] {
    let ruleset = format!("{HEAD}{}", nft::ruleset(lni));
    // Wanted by who brings interfaces up, so that nobody has to enable it.
    let mut wants = Ini::new();
    wants.section("Unit").set("Wants", UNIT).set("After", UNIT);
    [
        File::new("hybridge/lni.nft", ruleset),
        File::new(format!("systemd/system/{UNIT}"), unit()),
        File::new(format!("systemd/system/{}.d/10-hybridge-lni.conf", backend.unit()), wants.0),
    ]
}

fn unit() -> String {
    let mut ini = Ini::new();
    ini.section("Unit")
        .set("Description", "Firewall and marks of the LNI")
        .set("DefaultDependencies", "no")
        .comment("Distributions' own rules begin with taking away everybody's.")
        .set("After", "systemd-modules-load.service nftables.service")
        .set("Wants", "network-pre.target")
        .set("Before", "network-pre.target shutdown.target")
        .set("Conflicts", "shutdown.target");
    ini.section("Service")
        .set("Type", "oneshot")
        .set("RemainAfterExit", "yes")
        .set("ExecStart", "/usr/sbin/nft -f /etc/hybridge/lni.nft")
        .set("ExecReload", "/usr/sbin/nft -f /etc/hybridge/lni.nft");
    ini.0
}
