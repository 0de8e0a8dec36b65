//! Prometheus metrics, under the names that the reference gateway's code uses, and its README's where those differ.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use hybridge_gateway::datapath::DEVICE;
use hybridge_gateway::settings::Settings;
use hybridge_gateway::status::Status;
use hybridge_model::kernel::Change;
use hybridge_netlink::LinkCounters;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

type Labels = Vec<(&'static str, String)>;

/// The interface counters of one device, in the order of their names.
struct Device {
    up: Gauge,
    counters: [(&'static str, Counter<u64, AtomicU64>); 8],
}

/// All metrics.
pub(crate) struct Metrics {
    registry: Registry,
    vtep_add: Counter,
    vtep_add_errors: Counter,
    vtep_remove: Counter,
    vtep_remove_errors: Counter,
    route_update: Counter,
    route_update_errors: Counter,
    route_update_duration: Histogram,
    setup_duration: Histogram,
    observed_epoch: Mutex<Option<u32>>,
    nodes: Gauge,
    leading: Gauge,
    epoch: Gauge,
    ready: Gauge,
    conflicts: Gauge,
    held: Gauge,
    undecodable: Gauge,
    foreign: Gauge,
    reasons: Family<Labels, Gauge>,
    vxlan: Device,
    fdb: Gauge,
    routes: Gauge,
    nic: Device,
}

impl Metrics {
    /// Registers everything for a gateway on `node_name` whose address is on `nic`.
    pub(crate) fn new(settings: &Settings, node_name: &str, nic: &str) -> Self {
        let mut registry = Registry::with_prefix("hybrid_gateway");
        let r = &mut registry;
        let gauge = |r: &mut Registry, name: &str, help: &str| {
            let gauge = Gauge::default();
            r.register(name, help, gauge.clone());
            gauge
        };
        let counter = |r: &mut Registry, names: &[&str], help: &str| {
            let counter = Counter::default();
            names.iter().for_each(|name| r.register(*name, help, counter.clone()));
            counter
        };
        // Buckets of the reference gateway, in seconds, with finer ones below.
        let route_update_duration = Histogram::new([0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0]);
        for name in ["aws_route_table_update_duration_seconds", "route_table_update_duration_seconds"] {
            r.register(name, "Time to write all VPC routes that were due", route_update_duration.clone());
        }
        let setup_duration = Histogram::new([0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0]);
        r.register("leader_setup_duration_seconds", "From taking the lead to routes and CiliumVTEPConfig in place", setup_duration.clone());
        register_info(r, settings, node_name, nic);
        let reasons = Family::default();
        r.register("not_ready", "1 for each reason why this gateway is not ready", reasons.clone());
        Self {
            vtep_add: counter(r, &["vtep_add"], "Hybrid nodes added to the data path"),
            vtep_add_errors: counter(r, &["vtep_add_errors"], "Entries of hybrid nodes that the kernel refused"),
            vtep_remove: counter(r, &["vtep_remove"], "Hybrid nodes removed from the data path"),
            vtep_remove_errors: counter(r, &["vtep_remove_errors"], "Entries of hybrid nodes that could not be removed"),
            route_update: counter(r, &["aws_route_table_update", "route_table_update"], "Rounds of VPC route writes that succeeded"),
            route_update_errors: counter(r, &["aws_route_table_update_errors", "route_table_update_errors"], "Rounds with a failed write"),
            nodes: gauge(r, "hybrid_nodes_configured", "Hybrid nodes with entries in the data path"),
            leading: gauge(r, "leader_is_active", "1 while this gateway leads"),
            epoch: gauge(r, "leader_epoch", "leaseTransitions of this gateway's holding, 0 while it stands by"),
            ready: gauge(r, "ready", "1 while /readyz says so"),
            conflicts: gauge(r, "node_conflicts", "Claims of hybrid nodes that lost against older ones"),
            held: gauge(r, "nodes_held", "Hybrid nodes that vanished together and are held"),
            undecodable: gauge(r, "nodes_undecodable", "CiliumNodes that are left out since they cannot be understood"),
            foreign: gauge(r, "foreign_routes", "VPC routes for pod CIDRs that lead to somebody else's target"),
            vxlan: device(r, "vxlan", &["vxlan_interface_up", "vxlan_up"]),
            fdb: gauge(r, "vxlan_fdb_entries", "Forwarding entries of the VXLAN device"),
            routes: gauge(r, "vxlan_route_count", "Routes over the VXLAN device"),
            nic: device(r, "primary_nic", &["primary_nic_up"]),
            route_update_duration,
            setup_duration,
            observed_epoch: Mutex::new(None),
            reasons,
            registry,
        }
    }

    /// Counts hybrid nodes that came and went, by their forwarding entries.
    pub(crate) fn count_changes<'a>(&self, changes: &[Change], failed: impl Iterator<Item = &'a Change>) {
        let adds = |change: &&Change| matches!(change, Change::SetFdb(_));
        let removes = |change: &&Change| matches!(change, Change::DeleteFdb(_));
        let failed: Vec<_> = failed.collect();
        let count = |all: usize, bad: usize, good_counter: &Counter, bad_counter: &Counter| {
            good_counter.inc_by(all.saturating_sub(bad) as u64);
            bad_counter.inc_by(bad as u64);
        };
        let bad = |which: &dyn Fn(&&Change) -> bool| failed.iter().filter(|change| which(change)).count();
        count(changes.iter().filter(adds).count(), bad(&adds), &self.vtep_add, &self.vtep_add_errors);
        count(changes.iter().filter(removes).count(), bad(&removes), &self.vtep_remove, &self.vtep_remove_errors);
    }

    /// Counts one round of VPC route writes.
    pub(crate) fn count_route_update(&self, took: Duration, ok: bool) {
        if ok {
            self.route_update.inc();
            self.route_update_duration.observe(took.as_secs_f64());
        } else {
            self.route_update_errors.inc();
        }
    }

    /// Whether the take of this epoch has been observed.
    pub(crate) fn take_observed(&self, epoch: Option<u32>) -> bool {
        epoch.is_some() && *self.observed_epoch.lock().expect("nothing panics while holding it") == epoch
    }

    /// Observes how long it took from the lead to routes and CiliumVTEPConfig in place.
    pub(crate) fn observe_take(&self, epoch: Option<u32>, took: Duration) {
        *self.observed_epoch.lock().expect("nothing panics while holding it") = epoch;
        self.setup_duration.observe(took.as_secs_f64());
    }

    /// All metrics as text of Prometheus' format 0.0.4, whatever a scraper asks for: the reference gateway serves no other, and in
    /// OpenMetrics the labels of histograms would have other values.
    pub(crate) fn text(&self, status: &Status, vxlan: Option<&LinkCounters>, nic: Option<&LinkCounters>) -> String {
        let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let reasons = status.reasons();
        self.nodes.set(number(status.kernel.nodes));
        self.leading.set(i64::from(status.leader.leading));
        self.epoch.set(status.leader.epoch.map_or(0, i64::from));
        self.ready.set(i64::from(reasons.is_empty()));
        self.conflicts.set(number(status.nodes.conflicts.len()));
        self.held.set(number(status.nodes.held));
        self.undecodable.set(number(status.nodes.undecodable.len()));
        self.foreign.set(number(status.routes.foreign.len()));
        self.fdb.set(number(status.kernel.fdb));
        self.routes.set(number(status.kernel.routes));
        self.reasons.clear();
        for reason in &reasons {
            self.reasons.get_or_create(&vec![("reason", reason.code.to_string())]).set(1);
        }
        self.vxlan.set(vxlan);
        self.nic.set(nic);
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a String cannot fail");
        classic(&text)
    }
}

/// OpenMetrics text in the form 0.0.4 (<https://prometheus.io/docs/instrumenting/exposition_formats/>): a counter's family is named
/// as its samples are, bounds of buckets are whole numbers where they can be, and nothing marks the end.
fn classic(open_metrics: &str) -> String {
    let lines: Vec<_> = open_metrics.lines().filter(|line| *line != "# EOF").collect();
    let counters: BTreeSet<_> = lines.iter().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter")).collect();
    let mut text = String::with_capacity(open_metrics.len());
    for line in lines {
        let words =
            line.strip_prefix("# ").and_then(|rest| rest.split_once(' ')).and_then(|(key, rest)| Some((key, rest.split_once(' ')?)));
        match words {
            Some((key, (name, rest))) if counters.contains(name) => text.push_str(&format!("# {key} {name}_total {rest}")),
            None if line.contains("_bucket{le=\"") => text.push_str(&line.replace(".0\"} ", "\"} ")),
            Some(_) | None => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

/// `info` with both spellings of the label that the reference's code and README spell differently, and `primary_nic_info`.
fn register_info(registry: &mut Registry, settings: &Settings, node_name: &str, nic: &str) {
    let list = |cidrs: &[hybridge_model::Cidr4]| cidrs.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let pods = list(&settings.pod_cidrs);
    let labels = vec![
        ("node_ip", settings.node_ip.to_string()),
        ("node_name", node_name.to_owned()),
        ("vxlan_interface", DEVICE.to_owned()),
        ("vpc_cidr", list(&settings.vpc_cidrs)),
        ("pod_cidr", pods.clone()),
        ("pod_cidrs", pods),
    ];
    let info: Family<Labels, Gauge> = Family::default();
    info.get_or_create(&labels).set(1);
    registry.register("info", "What this gateway is configured for; always 1", info);
    let nic_info: Family<Labels, Gauge> = Family::default();
    nic_info.get_or_create(&vec![("interface_name", nic.to_owned())]).set(1);
    registry.register("primary_nic_info", "The interface that has the node's address; always 1", nic_info);
}

fn device(registry: &mut Registry, prefix: &str, up_names: &[&str]) -> Device {
    let up = Gauge::default();
    for name in up_names {
        registry.register(*name, "1 while the interface is up", up.clone());
    }
    let names = ["rx_bytes", "tx_bytes", "rx_packets", "tx_packets", "rx_dropped", "tx_dropped", "rx_errors", "tx_errors"];
    let counters = names.map(|name| {
        let counter = Counter::<u64, AtomicU64>::default();
        registry.register(format!("{prefix}_{name}"), "The kernel's counter of the interface", counter.clone());
        (name, counter)
    });
    Device { up, counters }
}

impl Device {
    fn set(&self, seen: Option<&LinkCounters>) {
        self.up.set(i64::from(seen.is_some_and(|seen| seen.up)));
        let Some(seen) = seen else { return };
        let values = [
            seen.rx_bytes,
            seen.tx_bytes,
            seen.rx_packets,
            seen.tx_packets,
            seen.rx_dropped,
            seen.tx_dropped,
            seen.rx_errors,
            seen.tx_errors,
        ];
        for ((_, counter), value) in self.counters.iter().zip(values) {
            counter.inner().store(value, std::sync::atomic::Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
