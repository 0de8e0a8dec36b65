use hybridge_gateway::settings::{Raw, parse};
use hybridge_model::kernel::FdbEntry;

use super::*;

fn settings() -> Settings {
    let raw = Raw {
        node_ip: "10.0.1.10".into(),
        vpc_cidr: "10.0.0.0/16,100.64.0.0/16".into(),
        pod_cidrs: "10.250.0.0/16".into(),
        route_table_ids: "rtb-0a".into(),
        leader_election_id: "hybrid-gateway-leader".into(),
        lease_duration: "3s".into(),
        renew_deadline: "2s".into(),
        retry_period: "1s".into(),
        mass_delete_hold: "5m".into(),
        ..Raw::default()
    };
    parse(&raw).0.unwrap()
}

fn metrics() -> Metrics {
    Metrics::new(&settings(), "node-a", "eth0")
}

/// Of a leader that is not ready for one reason.
fn status() -> Status {
    let mut status = Status::default();
    (status.nodes.listed, status.kernel.in_step, status.vtep.read, status.routes.read) = (true, true, true, true);
    (status.leader.leading, status.leader.epoch, status.leader.holder) = (true, Some(7), Some("me".into()));
    (status.kernel.nodes, status.kernel.fdb, status.kernel.routes) = (2, 2, 3);
    (status.vtep.here, status.nodes.held) = (true, 4);
    status
}

fn changes() -> Vec<Change> {
    let entry = |host: u8| FdbEntry { mac: "02:00:00:00:00:01".parse().unwrap(), remote: [192, 168, 10, host].into(), permanent: true };
    vec![Change::SetFdb(entry(1)), Change::SetFdb(entry(2)), Change::SetFdb(entry(3)), Change::DeleteFdb(entry(4))]
}

/// The text in which every metric has a sample.
pub(crate) fn of_everything() -> String {
    let metrics = metrics();
    let changes = changes();
    metrics.count_changes(&changes, changes[..1].iter());
    metrics.count_route_update(Duration::from_millis(80), true);
    metrics.count_route_update(Duration::from_millis(80), false);
    metrics.observe_take(Some(7), Duration::from_millis(120));
    let (vxlan, nic) = (
        LinkCounters { up: true, rx_bytes: 1, tx_bytes: 2, rx_packets: 3, tx_packets: 4, ..LinkCounters::default() },
        LinkCounters { up: true, rx_dropped: 5, tx_dropped: 6, rx_errors: 7, tx_errors: 8, ..LinkCounters::default() },
    );
    metrics.text(&status(), Some(&vxlan), Some(&nic))
}

#[test]
fn the_text_is_of_the_form_and_under_the_names_of_the_reference_gateway() {
    insta::assert_snapshot!(of_everything());
}

#[test]
fn every_sample_has_a_type_under_its_own_name_or_that_of_its_histogram() {
    let text = metrics().text(&status(), None, None);
    let types: BTreeSet<_> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(samples.len() > 60, "{text}");
    for sample in samples {
        let name = sample.split(['{', ' ']).next().unwrap();
        let histogram =
            ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix)).filter(|family| types.contains(family));
        assert!(types.contains(name) || histogram.is_some(), "{name} has no type");
    }
}

#[test]
fn reasons_that_are_over_are_no_longer_shown() {
    let metrics = metrics();
    assert!(metrics.text(&status(), None, None).contains("hybrid_gateway_not_ready{reason=\"nodes.held\"} 1\n"));
    let mut status = status();
    status.nodes.held = 0;
    let text = metrics.text(&status, None, None);
    assert!(!text.contains("nodes.held") && text.contains("hybrid_gateway_ready 1\n"), "{text}");
}

#[test]
fn a_device_that_is_gone_is_down() {
    let metrics = metrics();
    let up = LinkCounters { up: true, ..LinkCounters::default() };
    for (seen, value) in [(Some(&up), 1), (None, 0)] {
        let text = metrics.text(&status(), seen, None);
        for name in ["vxlan_interface_up", "vxlan_up"] {
            assert!(text.contains(&format!("hybrid_gateway_{name} {value}\n")), "{text}");
        }
    }
}
