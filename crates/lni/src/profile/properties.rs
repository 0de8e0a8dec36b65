//! What holds for any profile and any text, and every problem in a table.

use hybridge_document::Problem;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::tests::profile;
use super::*;

const GOOD: &str = "lni:
  match: { deviceIndex: 14 }
  mtu: 1500
  vlan: null
  address: { mode: static, cidr: 192.168.2.10/24, gateway: 192.168.2.1 }
  lan: { cidrs: [192.168.2.0/24, 192.168.50.0/24], dhcpRange: 192.168.2.100-192.168.2.150 }
  routing: { table: 2100, mark: 0x2000, rulePriority: 600 }
  firewall: { hostPorts: [], allowFrom: [192.168.2.0/24] }
  vips: { pools: [192.168.2.160-192.168.2.190], announcer: metallb }
";

/// Problems as `severity code line:column path`.
fn told(problems: &[Problem]) -> Vec<String> {
    let severity = |problem: &Problem| match problem.severity {
        hybridge_report::Severity::Warning => "warning",
        hybridge_report::Severity::Error => "error",
    };
    problems.iter().map(|one| format!("{} {} {}:{} {}", severity(one), one.code, one.line, one.column, one.path)).collect()
}

#[test]
fn the_profile_of_the_reference_is_read() {
    let parsed = parse("lni.yaml", GOOD);
    assert_eq!(parsed, Parsed { profile: Some(profile()), problems: Vec::new() });
}

#[test]
fn a_short_profile_is_completed() {
    let parsed =
        parse("lni.yaml", "lni:\n  match: {mac: '02:AB:cd:ef:00:01'}\n  address: {mode: dhcp}\n  lan: {cidrs: [192.168.2.0/24]}\n");
    let profile = parsed.profile.unwrap_or_else(|| panic!("{:#?}", parsed.problems));
    assert_eq!(profile.which, Match::Mac("02:ab:cd:ef:00:01".parse().unwrap()));
    assert_eq!((profile.mtu, profile.vlan), (1500, None));
    assert_eq!(profile.address, Addressing::Dhcp { use_dns: false, use_default_route: false });
    assert_eq!(profile.routing, Routing { table: 2100, mark: 0x2000, rule_priority: 600 });
    assert_eq!(profile.firewall, Firewall { host_ports: Vec::new(), allow_from: vec!["192.168.2.0/24".parse().unwrap()] });
    assert_eq!(profile.vips, Vips::default());
}

#[test]
fn a_node_config_holds_it_too_and_nothing_else_of_that_is_judged() {
    let spec = GOOD.replace('\n', "\n  ");
    let text = format!("apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n  cluster: {{nmae: shop}}\n  {spec}");
    assert_eq!(parse("node.yaml", &text), Parsed { profile: Some(profile()), problems: Vec::new() });
    let wrong = text.replace("mtu: 1500", "mtu: 15");
    assert_eq!(told(&parse("node.yaml", &wrong).problems), ["error lni.mtu 7:10 spec.lni.mtu"]);
}

/// `GOOD` with one line's text in place of another.
fn changed(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    GOOD.replacen(from, to, 1)
}

#[test]
fn each_problem_has_its_code_and_place() {
    let mut wrong = Vec::new();
    for (from, to, wanted) in [
        ("deviceIndex: 14", "deviceIndex: 16", vec!["error lni.device-index 2:25 lni.match.deviceIndex"]),
        ("deviceIndex: 14", "deviceIndex: 0", vec!["error lni.device-index 2:25 lni.match.deviceIndex"]),
        ("deviceIndex: 14", "deviceIndex: 1", vec!["warning lni.device-index-low 2:25 lni.match.deviceIndex"]),
        ("deviceIndex: 14", "deviceindex: 14", vec!["error lni.match 2:3 lni.match", "error key.case 2:12 "]),
        ("deviceIndex: 14", "", vec!["error lni.match 2:3 lni.match"]),
        ("deviceIndex: 14", "deviceIndex: 14, mac: '02:ab:cd:ef:00:01'", vec!["error lni.match 2:3 lni.match"]),
        ("deviceIndex: 14", "mac: eth1", vec!["error lni.mac 2:17 lni.match.mac"]),
        ("mtu: 1500", "mtu: 9001", vec!["warning lni.mtu-large 3:8 lni.mtu"]),
        ("mtu: 1500", "mtu: large", vec!["error type.wrong 3:8 lni.mtu"]),
        ("mtu: 1500", "mtu: -5", vec!["error lni.mtu 3:8 lni.mtu"]),
        ("vlan: null", "vlan: 4095", vec!["error lni.vlan 4:9 lni.vlan"]),
        ("vlan: null", "vln: 59", vec!["error key.unknown 4:3 "]),
        ("mode: static", "mode: statik", vec!["error value.choice 5:20 lni.address.mode"]),
        ("cidr: 192.168.2.10/24, ", "", vec!["error lni.unnumbered 5:3 lni.address"]),
        ("  address: { mode: static, cidr: 192.168.2.10/24, gateway: 192.168.2.1 }\n", "", vec!["error lni.unnumbered 2:3 lni.address"]),
        (
            "mode: static, cidr: 192.168.2.10/24, gateway: 192.168.2.1",
            "mode: dhcp, cidr: 192.168.2.10/24",
            vec!["error lni.mode-key 5:32 lni.address.cidr"],
        ),
        (
            "gateway: 192.168.2.1 }",
            "useDns: true }",
            vec!["error lni.gateway-missing 5:3 lni.address", "error lni.mode-key 5:59 lni.address.useDns"],
        ),
        (
            "mode: static, cidr: 192.168.2.10/24, gateway: 192.168.2.1",
            "mode: dhcp, useDns: true, useDefaultRoute: true",
            vec!["warning lni.dns 5:34 lni.address.useDns", "warning lni.default-route 5:57 lni.address.useDefaultRoute"],
        ),
        ("cidr: 192.168.2.10/24", "cidr: 192.168.2.10", vec!["error lni.address 5:34 lni.address.cidr"]),
        ("cidr: 192.168.2.10/24", "cidr: 192.168.2.255/24", vec!["error lni.address 5:34 lni.address.cidr"]),
        ("cidr: 192.168.2.10/24", "cidr: 192.168.2.10/25", vec!["error lni.address-network 5:34 lni.address.cidr"]),
        ("cidr: 192.168.2.10/24", "cidr: 192.168.2.110/24", vec!["error lni.address-in-dhcp 5:34 lni.address.cidr"]),
        ("cidr: 192.168.2.10/24", "cidr: 192.168.2.1/24", vec!["error lni.gateway 5:59 lni.address.gateway"]),
        ("gateway: 192.168.2.1 ", "gateway: 192.168.3.1 ", vec!["error lni.gateway 5:60 lni.address.gateway"]),
        ("gateway: 192.168.2.1 ", "gateway: 192.168.2.0 ", vec!["error lni.gateway 5:60 lni.address.gateway"]),
        (", gateway: 192.168.2.1 ", " ", vec!["error lni.gateway-missing 5:3 lni.address"]),
        ("dhcpRange", "gateway: 192.168.2.2, dhcpRange", vec!["error lni.gateway 6:61 lni.lan.gateway"]),
        ("[192.168.2.0/24, 192.168.50.0/24]", "[]", vec!["error lni.lan 6:3 lni.lan"]),
        ("192.168.50.0/24]", "192.168.50.1/24]", vec!["error cidr.host-bits 6:34 lni.lan.cidrs[1]"]),
        ("192.168.50.0/24]", "192.168.2.128/25]", vec!["error lni.overlap 6:34 lni.lan.cidrs[1]"]),
        ("192.168.50.0/24]", "192.168.2.0/24]", vec!["error lni.duplicate 6:34 lni.lan.cidrs[1]"]),
        ("192.168.50.0/24]", "0.0.0.0/0]", vec!["error lni.lan-range 6:34 lni.lan.cidrs[1]", "error lni.overlap 6:34 lni.lan.cidrs[1]"]),
        ("192.168.50.0/24]", "169.254.169.0/24]", vec!["error lni.lan-range 6:34 lni.lan.cidrs[1]"]),
        (
            "dhcpRange: 192.168.2.100-192.168.2.150",
            "dhcpRange: 192.168.2.150-192.168.2.100",
            vec!["error lni.range 6:63 lni.lan.dhcpRange"],
        ),
        ("dhcpRange: 192.168.2.100-192.168.2.150", "dhcpRange: 192.168.3.1-192.168.3.9", vec!["error lni.range 6:63 lni.lan.dhcpRange"]),
        ("table: 2100", "table: 254", vec!["error lni.table 7:21 lni.routing.table"]),
        ("table: 2100", "table: 10014", vec!["error lni.table-taken 7:21 lni.routing.table"]),
        ("mark: 0x2000", "mark: 0x3000", vec!["error lni.mark 7:33 lni.routing.mark"]),
        ("mark: 0x2000", "mark: 0", vec!["error lni.mark 7:33 lni.routing.mark"]),
        ("mark: 0x2000", "mark: 0x200", vec!["error lni.mark-taken 7:33 lni.routing.mark"]),
        ("mark: 0x2000", "mark: 0x4000", vec!["error lni.mark-taken 7:33 lni.routing.mark"]),
        ("mark: 0x2000", "mark: 0x80", vec!["error lni.mark-taken 7:33 lni.routing.mark"]),
        ("mark: 0x2000", "mark: 0x40000", vec!["warning lni.mark-shared 7:33 lni.routing.mark"]),
        ("rulePriority: 600", "rulePriority: 512", vec!["error lni.priority 7:55 lni.routing.rulePriority"]),
        ("rulePriority: 600", "rulePriority: 1023", vec!["error lni.priority 7:55 lni.routing.rulePriority"]),
        ("hostPorts: []", "hostPorts: [9100, tcp/22, tcp/22]", vec!["error lni.port 8:27 lni.firewall.hostPorts[0]"]),
        ("hostPorts: []", "hostPorts: [tcp/22, tcp/22]", vec!["warning lni.duplicate 8:35 lni.firewall.hostPorts[1]"]),
        (
            "hostPorts: [], allowFrom: [192.168.2.0/24]",
            "hostPorts: [tcp/22], allowFrom: []",
            vec!["error lni.nobody 8:36 lni.firewall.allowFrom"],
        ),
        ("allowFrom: [192.168.2.0/24]", "allowFrom: [0.0.0.0/0]", vec!["warning lni.everybody 8:42 lni.firewall.allowFrom[0]"]),
        ("192.168.2.160-192.168.2.190]", "192.168.2.140-192.168.2.190]", vec!["error lni.pool 9:19 lni.vips.pools[0]"]),
        ("192.168.2.160-192.168.2.190]", "192.168.2.5-192.168.2.20]", vec!["error lni.pool 9:19 lni.vips.pools[0]"]),
        ("192.168.2.160-192.168.2.190]", "192.168.2.200-192.168.2.255]", vec!["error lni.pool 9:19 lni.vips.pools[0]"]),
        ("192.168.2.160-192.168.2.190]", "192.168.50.160-192.168.50.190]", vec!["error lni.pool 9:19 lni.vips.pools[0]"]),
        ("192.168.2.160-192.168.2.190]", "192.168.2.190-192.168.2.160]", vec!["error lni.range 9:19 lni.vips.pools[0]"]),
        ("192.168.2.160-192.168.2.190]", "192.168.2.160/28, 192.168.2.170]", vec!["error lni.overlap 9:37 lni.vips.pools[1]"]),
        ("metallb", "metalb", vec!["error value.choice 9:60 lni.vips.announcer"]),
        ("lni:", "lan:", vec!["error lni.missing 1:1 "]),
    ] {
        let found = told(&parse("lni.yaml", &changed(from, to)).problems);
        let mut wanted = wanted;
        wanted.sort_unstable();
        let mut sorted: Vec<&str> = found.iter().map(String::as_str).collect();
        sorted.sort_unstable();
        if sorted != wanted {
            wrong.push(format!("{from} -> {to}: {found:?}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn every_problem_of_a_bad_profile_is_told_at_once() {
    let text = "lni:
  match: { deviceIndex: 1, name: eth1 }
  mtu: 100
  address: { mode: static, gateway: 192.168.3.1 }
  lan: { cidrs: [192.168.2.0/24, 192.168.2.0/25], dhcpRange: 192.168.2.9-192.168.2.1 }
  routing: { mark: 0x6000, table: 100 }
  firewall: { hostPorts: ['22'] }
  vips: { pools: [192.168.2.1-192.168.2.255] }
";
    let parsed = parse("lni.yaml", text);
    assert_eq!(parsed.profile, None);
    let findings: String = parsed.problems.into_iter().map(|problem| format!("{}\n", hybridge_report::Finding::from(problem))).collect();
    insta::assert_snapshot!(findings);
}

#[test]
fn files_that_are_none_are_told_what_to_begin_with() {
    for (text, code) in [
        ("", "document.empty"),
        ("# nothing\n", "document.empty"),
        ("- a\n", "document.mapping"),
        ("lni: [", "yaml.syntax"),
        ("match: {deviceIndex: 14}\n", "lni.missing"),
        ("lni:\n", "lni.match"),
        ("lni: []\n", "type.wrong"),
        ("kind: NodeConfig\napiVersion: node.eks.aws/v1alpha1\nspec: {cluster: {}}\n", "lni.missing"),
        ("kind: NodeConfig\nspec: {lni: {}}\n", "document.api-version"),
    ] {
        let parsed = parse("lni.yaml", text);
        assert!(parsed.profile.is_none() && parsed.problems.iter().any(|problem| problem.code == code), "{text:?}: {:#?}", parsed.problems);
        assert!(parsed.problems.iter().all(|one| one.fix.is_some() || one.code == "type.wrong"), "{:#?}", parsed.problems);
    }
}

fn section(text: &str) -> Map<String, Value> {
    let mut problems = hybridge_document::Problems::new("f", 0, Vec::new());
    let form = hybridge_document::Form { kind: "K", nodes: 1000, second: "" };
    let tree = hybridge_document::read(text, form, &mut problems).unwrap().unwrap();
    let read = read(&tree, "spec.lni", &mut hybridge_document::Reader::new(&mut problems));
    assert_eq!(problems.finish(), []);
    read.values
}

#[test]
fn parts_are_merged_and_asked_for_what_is_missing_once_they_are() {
    let mut base =
        section("{match: {deviceIndex: 14}, address: {mode: dhcp, useDns: false}, lan: {cidrs: [192.168.2.0/24]}, routing: {table: 300}}");
    let later = section("{address: {mode: static, cidr: 192.168.2.10/24}, routing: {mark: 0x1000}, match: {mac: '02:ab:cd:ef:00:01'}}");
    assert_eq!(
        whole_of(&later, "spec.lni").1.iter().map(|one| (one.code, one.place())).collect::<Vec<_>>(),
        [("lni.lan", "spec.lni.lan".to_owned())]
    );
    merge(&mut base, later);
    let (profile, problems) = whole_of(&base, "spec.lni");
    assert_eq!(problems, []);
    let profile = profile.unwrap();
    assert_eq!(profile.which, Match::Mac("02:ab:cd:ef:00:01".parse().unwrap()));
    assert_eq!(profile.routing, Routing { table: 300, mark: 0x1000, rule_priority: 600 });
    assert_eq!(serde_json::to_value(&profile.address).unwrap(), json!({"mode": "static", "cidr": "192.168.2.10/24"}));
}

#[test]
fn what_was_said_is_told_from_what_was_not() {
    let said = section("{match: {deviceIndex: 14}, address: {mode: dhcp}, lan: {cidrs: [192.168.2.0/24]}}");
    let rows = explain(&whole_of(&said, "lni").0.unwrap(), &said);
    let row = |path: &str| rows.iter().find(|(found, ..)| found == path).map(|(_, value, said)| (value.clone(), *said));
    assert_eq!(row("match.deviceIndex"), Some((json!(14), true)));
    assert_eq!(row("routing.mark"), Some((json!("0x2000"), false)));
    assert_eq!(row("firewall.allowFrom"), Some((json!(["192.168.2.0/24"]), false)));
}

#[test]
fn the_schema_has_every_field_of_the_types() {
    fn paths(value: &Value, path: &str, found: &mut Vec<String>) {
        match value.as_object() {
            Some(map) => map.iter().for_each(|(key, value)| paths(value, &format!("{path}.{key}"), found)),
            None => found.push(path.to_owned()),
        }
    }
    fn schema_paths(schema: &Value, path: &str, found: &mut Vec<String>) {
        match schema.get("properties").and_then(Value::as_object) {
            Some(properties) => properties.iter().for_each(|(key, schema)| schema_paths(schema, &format!("{path}.{key}"), found)),
            None => found.push(path.to_owned()),
        }
    }
    let mut full = profile();
    full.vlan = Some(59);
    full.lan.gateway = Some(Ipv4Addr::new(192, 168, 2, 1));
    let mut other = full.clone();
    other.which = Match::Mac("02:ab:cd:ef:00:01".parse().unwrap());
    other.address = Addressing::Dhcp { use_dns: true, use_default_route: true };
    let (mut of_types, mut of_schema) = (Vec::new(), Vec::new());
    for profile in [full, other] {
        paths(&serde_json::to_value(profile).unwrap(), "", &mut of_types);
    }
    schema_paths(&schema(), "", &mut of_schema);
    of_types.sort();
    of_types.dedup();
    of_schema.sort();
    assert_eq!(of_types, of_schema);
}

prop_compose! {
    /// A profile that is right, of a LAN anywhere in 10.0.0.0/8.
    fn any_profile()(
        network in 0u32..0xffff,
        dhcp in prop::option::of((any::<bool>(), any::<bool>())),
        index in prop::option::of(1u8..=15),
        (gateway, known, vlan) in (any::<bool>(), any::<bool>(), prop::option::of(1u16..=4094)),
        (table, mark, rule_priority) in (256u32..0x7fff_ffff, prop::sample::select(vec![0x1u32, 0x1000, 0x2000, 0x8000_0000]), 513u32..=1022),
        ports in prop::collection::btree_set((any::<bool>(), 1u16..), 0..4),
        (mtu, pools, announcer) in (576u16..=9001, 0u8..4, any::<bool>()),
    ) -> Profile {
        let base = 0x0a00_0000 | network << 8;
        let at = |host: u32| Ipv4Addr::from(base | host);
        let range = |first, last| Range4 { first: at(first), last: at(last) };
        let lan = Cidr4::containing(at(0), 24).unwrap();
        let router = gateway.then(|| at(1));
        Profile {
            which: index.map_or(Match::Mac(MacAddr::of_peer(at(9))), Match::DeviceIndex),
            mtu,
            vlan,
            address: match dhcp {
                Some((use_dns, use_default_route)) => Addressing::Dhcp { use_dns, use_default_route },
                None => Addressing::Static { cidr: HostAddress { address: at(10), prefix: 24 }, gateway: router },
            },
            lan: Lan { cidrs: vec![lan], dhcp_range: known.then(|| range(100, 150)), gateway: router },
            routing: Routing { table: if (10_000..=10_999).contains(&table) { 2100 } else { table }, mark, rule_priority },
            firewall: Firewall {
                host_ports: ports.into_iter().map(|(tcp, port)| Port { protocol: if tcp { Protocol::Tcp } else { Protocol::Udp }, port }).collect(),
                allow_from: vec![lan],
            },
            vips: Vips {
                pools: (0..u32::from(pools)).map(|pool| range(160 + 10 * pool, 165 + 10 * pool)).collect(),
                announcer: if announcer { Announcer::Metallb } else { Announcer::None },
            },
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_dumped_is_read_as_the_same(profile in any_profile()) {
        let parsed = parse("lni.yaml", &dump(&profile));
        prop_assert_eq!(parsed.profile, Some(profile), "{:#?}", parsed.problems);
    }

    #[test]
    fn serde_gives_back_what_it_got(profile in any_profile()) {
        let value = serde_json::to_value(&profile).unwrap();
        prop_assert_eq!(serde_json::from_value::<Profile>(value).unwrap(), profile);
    }

    #[test]
    fn any_text_is_taken(text in "([a-z]{1,3}|lni|match|mac|[0-9./x-]{1,6}|[:\\-\\[\\]{}&*!|>'\"#%@=,?~/ \n]){0,60}", bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse("f", &text);
        let _ = parse("f", &format!("lni:\n  {text}"));
        let _ = parse("f", &String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn a_changed_profile_is_taken_and_what_is_accepted_is_right(at in 0usize..GOOD.len(), cut in 0usize..8, put in "[0-9a-z.:/, {}\\[\\]-]{0,4}") {
        let text = format!("{}{put}{}", &GOOD[..at], &GOOD[(at + cut).min(GOOD.len())..]);
        let parsed = parse("lni.yaml", &text);
        let errors = parsed.problems.iter().any(|problem| problem.severity == hybridge_report::Severity::Error);
        prop_assert_eq!(parsed.profile.is_none(), errors);
        if let Some(profile) = parsed.profile {
            prop_assert_eq!(parse("lni.yaml", &dump(&profile)).profile, Some(profile));
        }
    }
}
