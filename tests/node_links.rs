//! `nodeadm-internal` on a throw-away machine: which interfaces are systemd-networkd's, and waiting for it at boot. networkd itself is
//! not there: what it would read is looked at, and what it would tell is played.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

mod aws_answers;
mod machine;

use std::collections::BTreeSet;

use hybridge_lab::isolate::isolated;
use rtnetlink::LinkBridge;

use aws_answers::Aws;
use machine::Machine;

/// Of the instance's primary interface, as amazon-eks-ami's metadata file has it.
const PRIMARY: [u8; 6] = [0x0e, 0x49, 0x61, 0x0f, 0xc3, 0x11];
const NETWORK: &str = "/run/systemd/network/70-eks-eks0.network";
const NO_DEFAULT: &str = "/run/systemd/network/80-ec2.network.d/10-eks-disable.conf";
const DECISION: &str = "/etc/eks/nodeadm/udev-net-manager/i-1234567890abcdef0/eks0";

/// Adds an interface to this namespace; what kind it is does not matter here.
fn link(name: &str, mac: [u8; 6]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (connection, handle, _) = rtnetlink::new_connection().unwrap();
        tokio::spawn(connection);
        handle.link().add(LinkBridge::new(name).address(mac.to_vec()).build()).execute().await.unwrap();
    });
}

fn udev(machine: &Machine, action: &str, interface: &str) {
    machine.run("nodeadm-internal", &["udev-net-manager", "--action", action, "--interface", interface]).expect(0);
}

/// Every setting as `[Section]Key=Value`, whatever the order.
fn settings(text: &str) -> BTreeSet<String> {
    let mut section = "";
    let mut found = BTreeSet::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.starts_with('[') {
            true => section = line,
            false => drop(found.insert(format!("{section}{line}"))),
        }
    }
    found
}

/// What amazon-eks-ami's case udev-net-manager expects of the primary interface.
const EXPECTED: &str = "[Match]\nPermanentMACAddress=0e:49:61:0f:c3:11\n[Link]\nMTUBytes=9001\n\
    [Network]\nDHCP=yes\nIPv6DuplicateAddressDetection=0\nLLMNR=no\nDNSDefaultRoute=yes\n\
    [DHCPv4]\nUseHostname=no\nUseDNS=yes\nUseNTP=yes\nUseDomains=yes\nRouteMetric=512\nUseRoutes=true\nUseGateway=true\n\
    [DHCPv6]\nUseHostname=no\nUseDNS=yes\nUseNTP=yes\nWithoutRA=solicit\n[IPv6AcceptRA]\nRouteMetric=512\nUseGateway=true\n";

/// The three steps of that case.
#[test]
fn interfaces_of_the_boot_are_networkds_and_those_that_come_later_the_cnis() {
    isolated(|| {
        let mut machine = Machine::new("1.34.0", "1.7.27");
        let _aws = Aws::start(&mut machine);
        link("eks0", PRIMARY);

        udev(&machine, "add", "eks0");
        assert_eq!(settings(&machine.read(NETWORK)), settings(EXPECTED));
        assert!(machine.read(DECISION).contains("io.systemd.Network"));
        assert_eq!(settings(&machine.read(NO_DEFAULT)), BTreeSet::from(["[Match]Name=none".to_owned()]));
        udev(&machine, "remove", "eks0");
        assert!(!machine.has(NETWORK) && machine.has(DECISION));

        // Services run by now, but what was decided holds.
        machine.write("/run/nodeadm/init", "");
        udev(&machine, "add", "eks0");
        assert_eq!(settings(&machine.read(NETWORK)), settings(EXPECTED));
        udev(&machine, "remove", "eks0");

        std::fs::remove_file(machine.path(DECISION)).unwrap();
        udev(&machine, "add", "eks0");
        assert!(!machine.has(NETWORK));
        assert!(machine.read(DECISION).contains("cni"));
        udev(&machine, "remove", "eks0");
    });
}

#[test]
fn an_interface_that_is_not_there_is_told() {
    isolated(|| {
        let mut machine = Machine::new("1.34.0", "1.7.27");
        let _aws = Aws::start(&mut machine);
        for interface in ["eks9", "../net/lo", ""] {
            let outcome = machine.run("nodeadm-internal", &["udev-net-manager", "-a", "add", "-i", interface]).expect(1);
            assert!(outcome.stderr.starts_with("error: ") && outcome.stderr.contains(interface), "{}", outcome.stderr);
        }
        assert!(!machine.has("/etc/eks/nodeadm") && !machine.has("/run/systemd"));
        machine.run("nodeadm-internal", &["udev-net-manager", "-a", "change", "-i", "lo"]).expect(2);
        machine.run("nodeadm-internal", &[]).expect(2);
    });
}

/// What networkctl prints is taken from systemd 252's `networkctl list --json=short`, without what nobody reads.
const NETWORKCTL: &str = r#"echo >> /opt/looks
state=configuring
test "$(wc -l < /opt/looks)" -lt 4 || state=configured
echo '{"Interfaces":[{"Index":1,"Name":"lo","Type":"loopback","AdministrativeState":"unmanaged"},
{"Index":2,"Name":"eks0","Type":"ether","AdministrativeState":"'$state'"}]}'"#;

#[test]
fn boot_waits_until_networkd_has_configured_what_is_its_own() {
    isolated(|| {
        let mut machine = Machine::new("1.34.0", "1.7.27");
        let _aws = Aws::start(&mut machine);
        link("eks0", PRIMARY);
        machine.program("networkctl", NETWORKCTL);
        machine.run("nodeadm-internal", &["boot-hook"]).expect(0);
        assert_eq!(machine.read("/opt/looks").lines().count(), 4);

        machine.program("networkctl", "echo cannot talk to systemd >&2; exit 1");
        let outcome = machine.run("nodeadm-internal", &["boot-hook"]).expect(1);
        assert!(outcome.stderr.contains("cannot talk to systemd"), "{}", outcome.stderr);
    });
}
