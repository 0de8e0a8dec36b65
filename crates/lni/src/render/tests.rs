//! Files as they are written, for each of the three and each kind of LNI.

use std::collections::BTreeSet;

use super::*;
use crate::profile::tests::profile;
use crate::profile::{Addressing, Port, Protocol};

const ALL: [Backend; 3] = [Backend::Networkd, Backend::NetworkManager, Backend::Netplan];

fn mac() -> MacAddr {
    MacAddr::new([0x02, 0xab, 0xcd, 0, 0, 1])
}

/// Kinds of LNIs, by name.
fn profiles() -> [(&'static str, Profile); 4] {
    let mut fixed = profile();
    fixed.firewall.host_ports = vec![Port { protocol: Protocol::Tcp, port: 9100 }];
    let dhcp = Profile { address: Addressing::Dhcp { use_dns: false, use_default_route: false }, ..profile() };
    let mut fallback = dhcp.clone();
    fallback.lan.gateway = Some([192, 168, 2, 1].into());
    fallback.address = Addressing::Dhcp { use_dns: true, use_default_route: true };
    [("static", fixed), ("dhcp", dhcp), ("dhcp-router", fallback), ("vlan", Profile { vlan: Some(59), ..profile() })]
}

fn shown(files: &[File]) -> String {
    files.iter().map(|file| format!("==> /etc/{} {:o}\n{}", file.path, file.mode, file.content)).collect()
}

#[test]
fn files_of_networkd() {
    for (name, profile) in profiles() {
        insta::assert_snapshot!(format!("networkd-{name}"), shown(&files(&profile, mac(), Backend::Networkd)));
    }
}

/// What the others have in common with networkd is left out.
fn own(profile: &Profile, backend: Backend) -> String {
    let of_networkd: BTreeSet<File> = files(profile, mac(), Backend::Networkd).into_iter().collect();
    let own: Vec<File> = files(profile, mac(), backend).into_iter().filter(|file| !of_networkd.contains(file)).collect();
    shown(&own)
}

#[test]
fn files_of_network_manager() {
    for (name, profile) in profiles() {
        insta::assert_snapshot!(format!("network-manager-{name}"), own(&profile, Backend::NetworkManager));
    }
}

#[test]
fn files_of_netplan() {
    for (name, profile) in profiles() {
        insta::assert_snapshot!(format!("netplan-{name}"), own(&profile, Backend::Netplan));
    }
}

#[test]
fn every_machine_gets_a_firewall_before_the_interface_and_nobody_else_touches_it() {
    for (_, profile) in profiles() {
        for backend in ALL {
            let files = files(&profile, mac(), backend);
            let find = |path: &str| files.iter().find(|file| file.path == path).unwrap_or_else(|| panic!("{path}"));
            assert!(find("hybridge/lni.nft").content.contains(&format!("oifname \"{}\" masquerade", named(&profile, mac()).name)));
            let wants = find(&format!("systemd/system/{}.d/10-hybridge-lni.conf", backend.unit()));
            assert!(wants.content.contains("After=hybridge-lni-firewall.service"));
            for unit in ["policy-routes@lni0.service", "refresh-policy-routes@lni0.timer", "udev-net-manager@lni0.service"] {
                assert_eq!(find(&format!("systemd/system/{unit}")).content, "", "an empty unit is a masked one");
            }
            let paths: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
            assert_eq!(paths.len(), files.len(), "no file is written twice");
            assert!(paths.iter().all(|path| !path.starts_with('/') && !path.contains("..")));
        }
    }
}

#[test]
fn the_backend_is_the_one_that_runs() {
    let facts = |os: &str, units: &[&str]| Facts {
        os: os.to_owned(),
        units: units.iter().map(|unit| (*unit).to_owned()).collect(),
        ..Facts::default()
    };
    for (os, units, wanted) in [
        ("amzn", vec!["systemd-networkd.service"], Backend::Networkd),
        ("rhel", vec!["NetworkManager.service"], Backend::NetworkManager),
        ("rhel", vec![], Backend::NetworkManager),
        ("rhel", vec!["systemd-networkd.service"], Backend::Networkd),
        ("ubuntu", vec!["systemd-networkd.service"], Backend::Netplan),
        ("debian", vec![], Backend::Networkd),
    ] {
        assert_eq!(Backend::of(&facts(os, &units)), wanted, "{os} {units:?}");
    }
}

/// A keyfile as GLib reads it: sections of keys, each once.
fn keyfile(text: &str) -> std::collections::BTreeMap<String, std::collections::BTreeMap<String, String>> {
    let mut sections = std::collections::BTreeMap::<String, std::collections::BTreeMap<String, String>>::new();
    let mut current = None;
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            assert!(sections.insert(name.to_owned(), std::collections::BTreeMap::default()).is_none(), "[{name}] twice");
            current = Some(name.to_owned());
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("no setting: {line}"));
        let section = sections.get_mut(current.as_ref().unwrap()).unwrap();
        assert!(section.insert(key.to_owned(), value.to_owned()).is_none(), "{key} twice");
    }
    sections
}

#[test]
fn keyfiles_are_read_back_as_what_was_asked() {
    for (_, profile) in profiles() {
        let files = files(&profile, mac(), Backend::NetworkManager);
        let files: Vec<&File> = files.iter().filter(|file| file.path.ends_with(".nmconnection")).collect();
        let read: Vec<_> = files.iter().map(|file| keyfile(&file.content)).collect();
        assert!(files.iter().all(|file| file.mode == 0o600), "NetworkManager passes over keyfiles that others may read");
        let base = read.iter().find(|file| file["connection"]["type"] == "ethernet").unwrap();
        assert_eq!(base["ethernet"]["mac-address"], "02:AB:CD:00:00:01");
        let ip = read.iter().map(|file| &file["ipv4"]).find(|ip| ip["method"] != "disabled").unwrap();
        assert_eq!(ip["route-table"], "2100");
        let rules: Vec<&String> = ip.iter().filter(|(key, _)| key.starts_with("routing-rule")).map(|(_, rule)| rule).collect();
        assert_eq!(rules.len(), 1 + profile.lan.cidrs.len());
        assert_eq!(rules[0], "priority 600 from 0.0.0.0/0 fwmark 0x2000/0x2000 table 2100");
        assert!(!ip.contains_key("never-default"), "the default route is wanted, in its own table");
        let uuids: BTreeSet<&String> = read.iter().map(|file| &file["connection"]["uuid"]).collect();
        assert_eq!(uuids.len(), read.len());
    }
}

#[test]
fn whatever_was_written_for_another_is_left_over() {
    for (_, one) in profiles() {
        for (_, other) in profiles() {
            for (before, after) in ALL.into_iter().flat_map(|before| ALL.map(|after| (before, after))) {
                let now = files(&other, mac(), after);
                let left = left_over(&now);
                let gone = files(&one, mac(), before).into_iter().filter(|file| !file.content.is_empty());
                for file in gone.filter(|file| !now.iter().any(|other| other.path == file.path)) {
                    assert!(left.contains(&file.path) && is_ours(&file.content), "{}", file.path);
                }
                assert!(now.iter().all(|file| !left.contains(&file.path)));
            }
        }
    }
}
