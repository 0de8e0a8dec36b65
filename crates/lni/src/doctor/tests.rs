//! One machine and one cluster on which all is well, and what each check says when one thing is not.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use hybridge_model::kernel::Link;
use hybridge_model::routing::{InterfaceAddress, Routing, Rule, Selector, TableRoute};
use serde_json::{Value, json};

use super::*;
use crate::desired::{desired, sysctls};
use crate::facts::Ec2Interface;
use crate::profile::Addressing;
use crate::profile::tests::profile;
use crate::verdict::Outcome;

const MAC: &str = "02:ab:cd:00:00:01";

fn link(index: u32, name: &str, mac: &str, mtu: u32) -> Link {
    Link { index, name: name.into(), up: true, mtu, mac: Some(mac.parse().unwrap()), addresses: BTreeSet::new(), vxlan: None }
}

/// The LNI is `eth1`, as link 3; `eth0` leads to the VPC.
fn machine() -> Facts {
    let address = |link, address: [u8; 4]| InterfaceAddress { link, address: Ipv4Addr::from(address), prefix: 24 };
    let everywhere = "0.0.0.0/0".parse().unwrap();
    let rule = |priority, selector, table| Rule { priority, selector, table, protocol: 0 };
    let mut facts = Facts {
        routing: Routing {
            links: vec![link(2, "eth0", "02:00:00:00:00:02", 9001), link(3, "eth1", MAC, 1500)],
            addresses: [address(2, [10, 50, 80, 10]), address(3, [192, 168, 2, 10])].into(),
            routes: [TableRoute {
                table: 254,
                destination: everywhere,
                metric: 512,
                via: Some(Ipv4Addr::new(10, 50, 80, 1)),
                link: 2,
                source: None,
                protocol: 4,
            }]
            .into(),
            rules: [
                rule(512, Selector::To("10.50.80.20/32".parse().unwrap()), 254),
                rule(1536, Selector::From("10.50.80.20/32".parse().unwrap()), 2),
                rule(32766, Selector::From(everywhere), 254),
            ]
            .into(),
            carrier: [2, 3].into(),
            ..Routing::default()
        },
        interfaces: vec![
            Ec2Interface { mac: "02:00:00:00:00:02".parse().unwrap(), device_index: 0, id: "eni-0".into(), address: None },
            Ec2Interface { mac: MAC.parse().unwrap(), device_index: 14, id: "eni-1".into(), address: None },
        ],
        vpc_cidrs: vec!["10.50.0.0/16".parse().unwrap()],
        nft: true,
        os: "amzn".into(),
        units: ["systemd-networkd.service".to_owned()].into(),
        ..Facts::default()
    };
    let lni = resolve::locate(&profile(), &facts).unwrap();
    let state = desired(&lni, None);
    facts.routing.routes.extend(state.routes);
    facts.routing.rules.extend(state.rules);
    facts.sysctls = sysctls("eth1");
    facts.sysctls.insert("net.ipv4.ip_forward".into(), "1".into());
    facts
}

fn chain(family: &str, table: &str, name: &str, (kind, hook): (&str, &str), priority: i32) -> Chain {
    Chain { family: family.into(), table: table.into(), name: name.into(), kind: kind.into(), hook: hook.into(), priority }
}

fn known() -> Known {
    let machine = machine();
    let lni = resolve::locate(&profile(), &machine).unwrap();
    Known {
        time: Some("2026-03-01T12:00:00Z".parse().unwrap()),
        ruleset: crate::nft::ruleset(&lni),
        machine,
        system: System {
            version: "2023".into(),
            selinux: Some("permissive".into()),
            containerd: Some(vec!["containerd".into()]),
            ssm_agent: Some(true),
            ..System::default()
        },
        chains: Some(vec![
            chain("inet", "hybridge_lni", "lni_pre", ("filter", "prerouting"), -155),
            chain("ip", "hybridge_lni_nat", "post", ("nat", "postrouting"), 99),
            chain("ip", "nat", "POSTROUTING", ("nat", "postrouting"), 100),
            chain("ip", "mangle", "PREROUTING", ("filter", "prerouting"), -150),
        ]),
        lease: None,
        duplicate: Some(Answered::Nobody),
        cluster: Some(cluster()),
    }
}

fn cluster() -> Objects {
    let metallb = |name: &str, spec: Value| json!({"metadata": {"name": name, "namespace": "metallb-system"}, "spec": spec});
    let node = |name: &str, lan: &str| json!({"metadata": {"name": name, "labels": {"lan": lan}}});
    let tolerations = json!([
        {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"},
        {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"},
    ]);
    let kinds = json!({
        "IPAddressPool": [metallb("press", json!({"addresses": ["192.168.2.160-192.168.2.190"]}))],
        "L2Advertisement": [metallb("press", json!({
            "ipAddressPools": ["press"], "interfaces": ["eth1"], "nodeSelectors": [{"matchLabels": {"lan": "press"}}],
        }))],
        "NetworkAttachmentDefinition": [],
        "Node": [node("server-1", "press"), node("region-1", "none")],
        "Service": [{
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"type": "LoadBalancer", "loadBalancerClass": "metallb.io/metallb", "selector": {"app": "web"}},
            "status": {"loadBalancer": {"ingress": [{"ip": "192.168.2.169"}]}},
        }],
        "Deployment": [{
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"template": {"metadata": {"labels": {"app": "web"}}, "spec": {"tolerations": tolerations}}},
        }],
        "StatefulSet": [],
        "DaemonSet": [{
            "metadata": {"name": "speaker", "namespace": "metallb-system"},
            "spec": {"template": {"spec": {"containers": [{"image": "quay.io/metallb/speaker:v0.15.2"}]}}},
        }],
        "ConfigMap": [{
            "metadata": {"name": "kube-proxy-config", "namespace": "kube-system"}, "data": {"config": "mode: \"iptables\"\nipvs:\n  strictARP: false\n"},
        }],
    });
    Objects { kinds: serde_json::from_value(kinds).unwrap(), ..Objects::default() }
}

fn wanted() -> Wanted {
    Wanted { nodes: Some(("lan".into(), "press".into())) }
}

/// Codes of checks that came to something else than passing, with what.
fn odd(profile: &Profile, known: &Known) -> Vec<(&'static str, Outcome)> {
    let all = examine(profile, known, &wanted());
    all.into_iter().filter(|verdict| verdict.outcome != Outcome::Pass).map(|verdict| (verdict.code, verdict.outcome)).collect()
}

const STATIC: (&str, Outcome) = ("lni.lease", Outcome::Skip);

#[test]
fn where_all_is_well_everything_passes() {
    let all = examine(&profile(), &known(), &wanted());
    let odd: Vec<_> = all.iter().filter(|verdict| verdict.outcome != Outcome::Pass).collect();
    assert_eq!(odd.iter().map(|verdict| verdict.code).collect::<Vec<_>>(), ["lni.lease"], "{odd:#?}");
    let codes: BTreeSet<_> = all.iter().map(|verdict| verdict.code).collect();
    assert_eq!(codes.len(), all.len(), "each has a name of its own");
    assert!(all.iter().all(|verdict| !verdict.evidence.is_empty()), "{all:#?}");
}

#[test]
fn facts_are_the_same_when_saved_and_read_again() {
    let known = known();
    assert_eq!(serde_json::from_str::<Known>(&serde_json::to_string(&known).unwrap()).unwrap(), known);
}

type Change = fn(&mut Known);

#[test]
fn each_fault_of_a_machine_is_told_by_its_check() {
    let cases: &[(&str, Change, &[&str])] = &[
        ("no cable", |known| _ = known.machine.routing.carrier.remove(&3), &["lni.carrier"]),
        ("packets of the VPC", |known| known.machine.routing.links[1].mtu = 9001, &["lni.mtu", "lni.set-up-as-vpc"]),
        ("arp", |known| _ = known.machine.sysctls.remove("net.ipv4.conf.eth1.arp_ignore"), &["lni.arp"]),
        ("the mark", |known| _ = known.machine.marks.insert("ip nat X".into(), 0x2000), &["lni.mark"]),
        ("no nft", |known| known.machine.nft = false, &["lni.nft"]),
        ("another has the address", |known| known.duplicate = Some(Answered::By(MAC.parse().unwrap())), &["lni.duplicate-address"]),
        ("not forwarding", |known| _ = known.machine.sysctls.insert("net.ipv4.ip_forward".into(), "0".into()), &["lni.forwarding"]),
        ("strict filter", |known| _ = known.machine.sysctls.insert("net.ipv4.conf.all.rp_filter".into(), "1".into()), &[]),
        (
            "strict filter, and no rule to the LAN",
            |known| {
                known.machine.sysctls.insert("net.ipv4.conf.eth1.rp_filter".into(), "1".into());
                known.machine.routing.rules.retain(|rule| rule.priority != 601);
            },
            &["lni.rules", "lni.reverse-path"],
        ),
        ("no rule for marked packets", |known| known.machine.routing.rules.retain(|rule| rule.priority != 600), &["lni.rules"]),
        ("our tables are gone", |known| known.ruleset.clear(), &["lni.nftables", "lni.cni-source"]),
        (
            "another chain is first",
            |known| known.chains.as_mut().unwrap().push(chain("ip", "other", "post", ("nat", "postrouting"), 50)),
            &["lni.nftables-order"],
        ),
        ("ec2-net-utils", |known| _ = known.machine.units.insert("refresh-policy-routes@eth1.timer".into()), &["lni.units"]),
        ("of another interface", |known| _ = known.machine.units.insert("policy-routes@eth0.service".into()), &[]),
        ("nm-cloud-setup", |known| _ = known.machine.units.insert("nm-cloud-setup.timer".into()), &["lni.units"]),
        ("firewalld", |known| _ = known.machine.units.insert("firewalld.service".into()), &["lni.firewall"]),
    ];
    for (name, change, failed) in cases {
        let mut known = known();
        change(&mut known);
        let failing: Vec<_> =
            odd(&profile(), &known).into_iter().filter(|(_, outcome)| *outcome == Outcome::Fail).map(|(code, _)| code).collect();
        let (failing, failed): (BTreeSet<_>, BTreeSet<_>) = (failing.into_iter().collect(), failed.iter().copied().collect());
        assert!(failing.is_superset(&failed) && failing.is_empty() == failed.is_empty(), "{name}: {failing:?}, not {failed:?}");
    }
}

#[test]
fn an_lni_that_the_cni_has_taken_is_told_as_cause_7() {
    let mut known = known();
    let addresses = &mut known.machine.routing.addresses;
    addresses.retain(|address| address.link != 3);
    addresses.insert(InterfaceAddress { link: 3, address: Ipv4Addr::new(10, 50, 80, 77), prefix: 24 });
    let odd = odd(&profile(), &known);
    assert!(odd.contains(&("lni.cni-address", Outcome::Fail)) && odd.contains(&("lni.unnumbered", Outcome::Fail)), "{odd:?}");
}

#[test]
fn without_an_lni_the_rest_is_skipped_and_the_cluster_is_judged_all_the_same() {
    let mut known = known();
    known.machine.interfaces.pop();
    let odd = odd(&profile(), &known);
    assert_eq!(odd[0], ("lni.interface", Outcome::Fail));
    assert_eq!(odd.iter().filter(|(_, outcome)| *outcome == Outcome::Fail).count(), 2, "{odd:?}");
    // The advertisement names `eth1`, which nobody knows to be the LNI here.
    assert!(odd.contains(&("metallb.interfaces", Outcome::Fail)) && odd.contains(&("lni.carrier", Outcome::Skip)), "{odd:?}");
}

#[test]
fn a_lease_is_judged_by_when_it_was_to_be_renewed() {
    let mut profile = profile();
    profile.address = Addressing::Dhcp { use_dns: false, use_default_route: false };
    let lease = json!({
        "address": "192.168.2.10/24", "routers": ["192.168.2.1"], "dns": [], "server": "192.168.2.1", "since": "2026-03-01T11:00:00Z",
        "renew": "2026-03-01T12:30:00Z", "rebind": "2026-03-01T13:00:00Z", "expires": "2026-03-01T14:00:00Z",
    });
    for (time, outcome) in
        [("2026-03-01T12:59:00Z", Outcome::Pass), ("2026-03-01T13:00:00Z", Outcome::Warn), ("2026-03-01T14:00:00Z", Outcome::Fail)]
    {
        let known = Known { time: Some(time.parse().unwrap()), lease: Some(serde_json::from_value(lease.clone()).unwrap()), ..known() };
        let all = examine(&profile, &known, &wanted());
        assert_eq!(all.iter().find(|verdict| verdict.code == "lni.lease").unwrap().outcome, outcome, "{time}");
    }
    assert!(odd(&profile, &known()).contains(&("lni.lease", Outcome::Fail)), "no lease at all");
}

#[test]
fn red_hat_wants_its_own_ways() {
    let rhel = |change: Change| {
        let mut known = known();
        known.machine.os = "rhel".into();
        known.machine.units = ["NetworkManager.service".to_owned()].into();
        known.system.containerd = Some(vec!["containerd.io".into()]);
        known.system.selinux = Some("enforcing".into());
        change(&mut known);
        odd(&profile(), &known)
    };
    let cases: &[(Change, &[(&str, Outcome)])] = &[
        (|_| (), &[STATIC]),
        (|known| known.machine.units = ["systemd-networkd.service".to_owned()].into(), &[STATIC, ("lni.renderer", Outcome::Warn)]),
        (|known| known.system.containerd = Some(vec!["containerd".into()]), &[STATIC, ("lni.containerd", Outcome::Fail)]),
        (|known| known.system.selinux = Some("disabled".into()), &[STATIC, ("lni.selinux", Outcome::Warn)]),
        (|known| known.system.ssm_agent = Some(false), &[STATIC, ("lni.ssm-agent", Outcome::Warn)]),
        (
            |known| {
                known.machine.units.insert("firewalld.service".into());
                known.system.zones.insert("eth1".into(), "trusted".into());
            },
            &[STATIC],
        ),
    ];
    for (change, expected) in cases {
        assert_eq!(rhel(*change), *expected);
    }
}

/// Sets a field of the first object of a kind.
fn set(known: &mut Known, kind: &str, pointer: &str, value: Value) {
    let object = &mut known.cluster.as_mut().unwrap().kinds.get_mut(kind).unwrap()[0];
    *object.pointer_mut(pointer).unwrap() = value;
}

#[test]
fn each_fault_of_a_cluster_is_told_by_its_check() {
    let pools = |addresses: Value| move |known: &mut Known| set(known, "IPAddressPool", "/spec/addresses", addresses.clone());
    let network = |config: Value| {
        move |known: &mut Known| {
            let object = json!({"metadata": {"name": "cam", "namespace": "shop"}, "spec": {"config": config.to_string()}});
            known.cluster.as_mut().unwrap().kinds.insert("NetworkAttachmentDefinition".into(), vec![object]);
        }
    };
    type Case<'a> = (&'a str, Box<dyn Fn(&mut Known)>, Option<(&'a str, Outcome)>);
    let cases: Vec<Case> = vec![
        ("in DHCP's range", Box::new(pools(json!(["192.168.2.140-192.168.2.190"]))), Some(("metallb.pools", Outcome::Fail))),
        (
            "with the router",
            Box::new(pools(json!(["192.168.2.1/32", "192.168.2.160-192.168.2.190"]))),
            Some(("metallb.pools", Outcome::Fail)),
        ),
        ("two LANs", Box::new(pools(json!(["192.168.2.160-192.168.2.190", "192.168.3.0/28"]))), Some(("metallb.two-lans", Outcome::Fail))),
        (
            "every interface",
            Box::new(|known| set(known, "L2Advertisement", "/spec/interfaces", Value::Null)),
            Some(("metallb.interfaces", Outcome::Fail)),
        ),
        (
            "the VPC's too",
            Box::new(|known| set(known, "L2Advertisement", "/spec/interfaces", json!(["eth0", "eth1"]))),
            Some(("metallb.interfaces", Outcome::Fail)),
        ),
        ("the name at boot", Box::new(|known| set(known, "L2Advertisement", "/spec/interfaces", json!(["lni0"]))), None),
        (
            "every node",
            Box::new(|known| set(known, "L2Advertisement", "/spec/nodeSelectors", json!([]))),
            Some(("metallb.nodes", Outcome::Fail)),
        ),
        (
            "IPVS",
            Box::new(|known| set(known, "ConfigMap", "/data/config", json!("mode: ipvs\nipvs:\n  strictARP: false\n"))),
            Some(("metallb.strict-arp", Outcome::Fail)),
        ),
        ("strict IPVS", Box::new(|known| set(known, "ConfigMap", "/data/config", json!("mode: ipvs\nipvs:\n  strictARP: true\n"))), None),
        (
            "old",
            Box::new(|known| {
                set(known, "DaemonSet", "/spec/template/spec/containers/0/image", json!("quay.io/metallb/speaker:v0.13.5"));
            }),
            Some(("metallb.version", Outcome::Fail)),
        ),
        (
            "macvlan",
            Box::new(network(json!({"plugins": [{"type": "macvlan", "master": "eth1", "mode": "bridge"}]}))),
            Some(("multus.networks", Outcome::Fail)),
        ),
        ("macvlan elsewhere", Box::new(network(json!({"type": "macvlan", "master": "eth0"}))), None),
        ("ipvlan", Box::new(network(json!({"type": "ipvlan", "master": "eth1"}))), None),
        ("host-device", Box::new(network(json!({"type": "host-device", "device": "eth1"}))), Some(("multus.networks", Outcome::Warn))),
        (
            "AWS's load balancer",
            Box::new(|known| set(known, "Service", "/spec/loadBalancerClass", Value::Null)),
            Some(("service.load-balancer-class", Outcome::Warn)),
        ),
        (
            "five minutes",
            Box::new(|known| set(known, "Deployment", "/spec/template/spec/tolerations", json!([]))),
            Some(("workload.disconnect", Outcome::Warn)),
        ),
        (
            "an hour",
            Box::new(|known| set(known, "Deployment", "/spec/template/spec/tolerations/0/tolerationSeconds", json!(3600))),
            Some(("workload.disconnect", Outcome::Warn)),
        ),
    ];
    for (name, change, expected) in cases {
        let mut known = known();
        if name == "an hour" {
            set(&mut known, "Deployment", "/spec/template/spec/tolerations/0", json!({"operator": "Exists", "tolerationSeconds": 0}));
        }
        change(&mut known);
        let odd: Vec<_> = odd(&profile(), &known).into_iter().filter(|one| *one != STATIC).collect();
        assert_eq!(odd, Vec::from_iter(expected), "{name}");
    }
}

#[test]
fn what_the_api_server_did_not_tell_is_never_taken_for_well() {
    let mut known = known();
    let objects = known.cluster.as_mut().unwrap();
    let kinds: Vec<String> = std::mem::take(&mut objects.kinds).into_keys().collect();
    objects.unanswered = kinds.into_iter().map(|kind| (kind, "forbidden".to_owned())).collect();
    let all = examine(&profile(), &known, &wanted());
    let of_cluster: Vec<_> = all.iter().filter(|verdict| !verdict.code.starts_with("lni.")).collect();
    assert_eq!(of_cluster.len(), 10);
    assert!(of_cluster.iter().all(|verdict| verdict.outcome == Outcome::Skip && verdict.evidence.contains("forbidden")), "{of_cluster:#?}");
}

#[test]
fn chains_are_read_from_what_nft_prints() {
    let text = r#"{"nftables": [{"metainfo": {"version": "1.0.6"}}, {"table": {"family": "ip", "name": "nat", "handle": 1}},
        {"chain": {"family": "ip", "table": "nat", "name": "KUBE-SERVICES", "handle": 3}},
        {"chain": {"family": "ip", "table": "nat", "name": "POSTROUTING", "handle": 2, "type": "nat", "hook": "postrouting", "prio": 100, "policy": "accept"}}]}"#;
    assert_eq!(chains(text).unwrap(), [chain("ip", "nat", "POSTROUTING", ("nat", "postrouting"), 100)]);
    assert!(chains("table ip nat {").is_err());
}

#[test]
fn a_strict_filter_is_worth_a_look_even_where_nothing_is_dropped_yet() {
    let mut known = known();
    known.machine.sysctls.insert("net.ipv4.conf.eth1.rp_filter".into(), "1".into());
    assert_eq!(odd(&profile(), &known), [STATIC, ("lni.reverse-path", Outcome::Warn)]);
}
