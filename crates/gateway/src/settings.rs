//! Settings of the daemon: from text, with every problem told at once.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use hybridge_model::{Cidr4, InstanceId, RouteTableId};
use hybridge_report::{Finding, Severity};

use crate::lease::Timing;

/// Settings as text, from flags and environment. An empty text counts as not set, as in the reference gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Raw {
    /// `--node-ip`, `NODE_IP`.
    pub node_ip: String,
    /// `--vpc-cidr`, `VPC_CIDR`: one or several, separated by commas.
    pub vpc_cidr: String,
    /// `--pod-cidrs`, `POD_CIDRS`.
    pub pod_cidrs: String,
    /// `--route-table-ids`, `ROUTE_TABLE_IDS`.
    pub route_table_ids: String,
    /// `--leader-election-id`, `LEADER_ELECTION_ID`.
    pub leader_election_id: String,
    /// `--aws-region`, `AWS_REGION`.
    pub aws_region: String,
    /// `--aws-instance-id`, `AWS_INSTANCE_ID`.
    pub aws_instance_id: String,
    /// `--leader-election-lease-duration`.
    pub lease_duration: String,
    /// `--leader-election-renew-deadline`.
    pub renew_deadline: String,
    /// `--leader-election-retry-period`.
    pub retry_period: String,
    /// `--metrics-bind-address`.
    pub metrics_address: String,
    /// `--health-probe-bind-address`.
    pub probe_address: String,
    /// `--mass-delete-hold`.
    pub mass_delete_hold: String,
    /// `--mtu`.
    pub mtu: String,
}

/// Settings, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Address of this gateway node.
    pub node_ip: Ipv4Addr,
    /// Networks of the VPC.
    pub vpc_cidrs: Vec<Cidr4>,
    /// Networks of hybrid pods.
    pub pod_cidrs: Vec<Cidr4>,
    /// Route tables to keep; none: routes are somebody else's business.
    pub route_tables: BTreeSet<RouteTableId>,
    /// Name of the Lease.
    pub lease_name: String,
    /// Region; asked of IMDS if not set.
    pub region: Option<String>,
    /// Own instance; asked of IMDS if not set.
    pub instance: Option<InstanceId>,
    /// Durations of the election.
    pub timing: Timing,
    /// Where metrics are served; `None`: nowhere.
    pub metrics_address: Option<SocketAddr>,
    /// Where probes are answered; `None`: nowhere.
    pub probe_address: Option<SocketAddr>,
    /// How long entries of nodes that vanished together are held.
    pub mass_delete_hold: Duration,
    /// MTU of the device, where the default does not fit.
    pub mtu: Option<u32>,
}

/// Checks all settings. Findings are errors and warnings; there are settings only where no error is among them.
pub fn parse(raw: &Raw) -> (Option<Settings>, Vec<Finding>) {
    let mut check = Check::default();
    let settings = check.settings(raw);
    let failed = check.findings.iter().any(|finding| finding.severity == Severity::Error);
    (settings.filter(|_| !failed), check.findings)
}

/// Networks for special use (RFC 6890) that touch no VPC and no pod; what they are for.
fn special(cidr: Cidr4) -> Option<&'static str> {
    let first = cidr.network();
    let kinds = [(first.is_loopback(), "loopback"), (first.is_link_local(), "link-local"), (first.is_multicast(), "multicast")];
    kinds.into_iter().find_map(|(is, kind)| is.then_some(kind))
}

const NODE_IP: &str = "--node-ip (NODE_IP)";
const VPC_CIDR: &str = "--vpc-cidr (VPC_CIDR)";
const POD_CIDRS: &str = "--pod-cidrs (POD_CIDRS)";
const ROUTE_TABLES: &str = "--route-table-ids (ROUTE_TABLE_IDS)";
const LEASE_NAME: &str = "--leader-election-id (LEADER_ELECTION_ID)";
const INSTANCE: &str = "--aws-instance-id (AWS_INSTANCE_ID)";

#[derive(Default)]
struct Check {
    findings: Vec<Finding>,
}

impl Check {
    fn settings(&mut self, raw: &Raw) -> Option<Settings> {
        let node_ip = self.node_ip(&raw.node_ip);
        let vpc_cidrs = self.cidrs(VPC_CIDR, &raw.vpc_cidr, "the networks of the cluster's VPC, for example `10.0.0.0/16`");
        let pod_cidrs = self.cidrs(POD_CIDRS, &raw.pod_cidrs, "the networks of hybrid pods, for example `10.250.0.0/16`");
        self.overlaps(&vpc_cidrs, &pod_cidrs);
        let route_tables = self.route_tables(&raw.route_table_ids);
        let timing = self.timing(raw);
        let instance = Some(raw.aws_instance_id.as_str()).filter(|id| !id.is_empty()).and_then(|id| {
            id.parse().map_err(|error: hybridge_model::IdError| self.error("instance.syntax", INSTANCE, &error.to_string())).ok()
        });
        let lease_name = self.lease_name(&raw.leader_election_id);
        let metrics_address = self.address("--metrics-bind-address", &raw.metrics_address);
        let probe_address = self.address("--health-probe-bind-address", &raw.probe_address);
        let mass_delete_hold = self.duration("--mass-delete-hold", &raw.mass_delete_hold);
        let mtu = self.mtu(&raw.mtu);
        // Nothing may end this before everything has been looked at.
        Some(Settings {
            node_ip: node_ip?,
            vpc_cidrs,
            pod_cidrs,
            route_tables,
            lease_name: lease_name?,
            region: Some(raw.aws_region.clone()).filter(|region| !region.is_empty()),
            instance,
            timing: timing?,
            metrics_address,
            probe_address,
            mass_delete_hold: mass_delete_hold?,
            mtu,
        })
    }

    fn error(&mut self, code: &'static str, place: &str, what: &str) {
        self.findings.push(Finding::error(code, place, what));
    }

    fn mend(&mut self, fix: impl Into<String>) {
        if let Some(last) = self.findings.pop() {
            self.findings.push(last.fix(fix));
        }
    }

    fn node_ip(&mut self, text: &str) -> Option<Ipv4Addr> {
        if text.is_empty() {
            self.error("node-ip.missing", NODE_IP, "is required");
            self.mend("the address of this node in the VPC; in a pod, by the downward API: `fieldPath: status.hostIP`");
            return None;
        }
        match text.trim().parse::<Ipv4Addr>() {
            Ok(ip) if !ip.is_loopback() && !ip.is_unspecified() && !ip.is_multicast() => Some(ip),
            Ok(ip) => {
                self.error("node-ip.unusable", NODE_IP, &format!("{ip} cannot be the outer address of a tunnel"));
                None
            }
            Err(_) => {
                self.error("node-ip.syntax", NODE_IP, &format!("`{text}` is no IPv4 address"));
                None
            }
        }
    }

    fn cidrs(&mut self, place: &'static str, text: &str, what: &str) -> Vec<Cidr4> {
        let mut cidrs: Vec<Cidr4> = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            match part.parse() {
                Ok(cidr) if cidrs.contains(&cidr) => {
                    self.findings.push(Finding::warning("cidr.twice", place, format!("{cidr} is listed twice")));
                }
                Ok(cidr) if let Some(kind) = special(cidr) => {
                    self.error("cidr.special", place, &format!("{cidr} is {kind}, where neither a VPC nor a pod can be"));
                    self.mend(what);
                }
                Ok(cidr) => cidrs.push(cidr),
                Err(error) => {
                    self.error(cidr_code(&error), place, &error.to_string());
                    self.mend(error.fix());
                }
            }
        }
        if text.split(',').all(|part| part.trim().is_empty()) {
            self.error("cidr.missing", place, "is required");
            self.mend(what);
        }
        cidrs
    }

    fn overlaps(&mut self, vpc: &[Cidr4], pods: &[Cidr4]) {
        for (place, list) in [(VPC_CIDR, vpc), (POD_CIDRS, pods)] {
            for (i, a) in list.iter().enumerate() {
                for b in list[i + 1..].iter().filter(|b| a.overlaps(**b)) {
                    self.error("cidr.overlap", place, &format!("{a} and {b} overlap"));
                    self.mend("each address can belong to one network only");
                }
            }
        }
        for pod in pods {
            for vpc in vpc.iter().filter(|vpc| vpc.overlaps(*pod)) {
                self.error("cidr.overlap", POD_CIDRS, &format!("{pod} overlaps {vpc} of {VPC_CIDR}"));
                self.mend("hybrid pods need networks outside the VPC's");
            }
        }
    }

    fn route_tables(&mut self, text: &str) -> BTreeSet<RouteTableId> {
        let mut tables = BTreeSet::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            match part.parse() {
                Ok(id) => {
                    tables.insert(id);
                }
                Err(error) => self.error("route-table.syntax", ROUTE_TABLES, &format!("{error}")),
            }
        }
        if text.split(',').all(|part| part.trim().is_empty()) {
            self.findings.push(
                Finding::warning("route-table.none", ROUTE_TABLES, "is empty, so no VPC route will be written")
                    .fix("name every route table of subnets that hybrid pods are reached from"),
            );
        }
        tables
    }

    fn timing(&mut self, raw: &Raw) -> Option<Timing> {
        let lease = self.duration("--leader-election-lease-duration", &raw.lease_duration);
        let renew_deadline = self.duration("--leader-election-renew-deadline", &raw.renew_deadline);
        let retry = self.duration("--leader-election-retry-period", &raw.retry_period);
        let timing = Timing { lease: lease?, renew_deadline: renew_deadline?, retry: retry? };
        if timing.retry.is_zero() || timing.renew_deadline <= timing.retry || timing.lease <= timing.renew_deadline {
            self.error(
                "lease.timing",
                "--leader-election-*",
                &format!(
                    "lease duration {:?}, renew deadline {:?}, retry period {:?} are out of order",
                    timing.lease, timing.renew_deadline, timing.retry
                ),
            );
            self.mend("lease duration > renew deadline > retry period > 0");
        }
        Some(timing)
    }

    fn lease_name(&mut self, name: &str) -> Option<String> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        if name.len() <= 253 && name.chars().all(allowed) && name.starts_with(ends) && name.ends_with(ends) {
            return Some(name.to_owned());
        }
        self.error("lease.name", LEASE_NAME, &format!("`{name}` cannot be the name of a Lease"));
        self.mend("small letters, digits, `-` and `.`, such as `hybrid-gateway-leader`");
        None
    }

    fn duration(&mut self, place: &str, text: &str) -> Option<Duration> {
        let parsed =
            if text == "0" { Some(Duration::ZERO) } else { text.parse::<jiff::SignedDuration>().ok().and_then(|d| d.try_into().ok()) };
        if parsed.is_none() {
            self.error("duration.syntax", place, &format!("`{text}` is no duration"));
            self.mend("write it as `3s`, `500ms` or `1m30s`");
        }
        parsed
    }

    fn address(&mut self, place: &str, text: &str) -> Option<SocketAddr> {
        // As controller-runtime reads it: `0` or nothing switches it off, `:8088` means every address.
        if text.is_empty() || text == "0" {
            return None;
        }
        let full = match text.strip_prefix("localhost:") {
            Some(port) => format!("127.0.0.1:{port}"),
            None if text.starts_with(':') => format!("0.0.0.0{text}"),
            None => text.to_owned(),
        };
        let parsed = full.parse().ok();
        if parsed.is_none() {
            self.error("address.syntax", place, &format!("`{text}` is no address to listen on"));
            self.mend("write it as `:8088` or `127.0.0.1:8088`; `0` switches it off");
        }
        parsed
    }

    fn mtu(&mut self, text: &str) -> Option<u32> {
        if text.is_empty() {
            return None;
        }
        // 576 is what every IPv4 host must take (RFC 791); 9951 leaves 50 bytes for headers within the kernel's 10001.
        let parsed = text.parse().ok().filter(|mtu| (576..=9951).contains(mtu));
        if parsed.is_none() {
            self.error("mtu.range", "--mtu", &format!("`{text}` is no MTU between 576 and 9951"));
            self.mend("the smallest MTU between here and any hybrid node, less 50");
        }
        parsed
    }
}

fn cidr_code(error: &hybridge_model::CidrError) -> &'static str {
    use hybridge_model::CidrError;
    match error {
        CidrError::Syntax(_) => "cidr.syntax",
        CidrError::NoPrefix(_) => "cidr.no-prefix",
        CidrError::Ipv6(_) => "cidr.ipv6",
        CidrError::HostBits { .. } => "cidr.host-bits",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Raw {
        Raw {
            node_ip: "10.0.1.10".into(),
            vpc_cidr: "10.0.0.0/16".into(),
            pod_cidrs: "10.250.0.0/16, 10.251.0.0/16".into(),
            route_table_ids: "rtb-0a,rtb-0b,".into(),
            leader_election_id: "hybrid-gateway-leader".into(),
            lease_duration: "3s".into(),
            renew_deadline: "2s".into(),
            retry_period: "1s".into(),
            metrics_address: ":10080".into(),
            probe_address: "127.0.0.1:8088".into(),
            mass_delete_hold: "5m".into(),
            ..Raw::default()
        }
    }

    #[test]
    fn what_the_reference_chart_passes_is_taken() {
        let (settings, findings) = parse(&good());
        let settings = settings.unwrap();
        assert_eq!(findings, []);
        assert_eq!((settings.pod_cidrs.len(), settings.route_tables.len()), (2, 2));
        assert_eq!(settings.metrics_address.unwrap().to_string(), "0.0.0.0:10080");
        assert_eq!(settings.timing.retry, Duration::from_secs(1));
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let raw = Raw {
            node_ip: "127.0.0.1".into(),
            vpc_cidr: "10.0.0.5/16,fd00::/8".into(),
            pod_cidrs: String::new(),
            route_table_ids: "tgw-1".into(),
            aws_instance_id: "instance".into(),
            leader_election_id: "My Lease".into(),
            mass_delete_hold: "never".into(),
            lease_duration: "2s".into(),
            retry_period: "soon".into(),
            metrics_address: "here".into(),
            mtu: "60".into(),
            ..good()
        };
        let (settings, findings) = parse(&raw);
        assert_eq!(settings, None);
        let codes: Vec<_> = findings.iter().map(|finding| finding.code).collect();
        assert_eq!(
            codes,
            [
                "node-ip.unusable",
                "cidr.host-bits",
                "cidr.ipv6",
                "cidr.missing",
                "route-table.syntax",
                "duration.syntax",
                "instance.syntax",
                "lease.name",
                "address.syntax",
                "duration.syntax",
                "mtu.range"
            ]
        );
    }

    #[test]
    fn overlaps_and_disorder_are_errors_with_the_way_out() {
        let cases = [
            (Raw { pod_cidrs: "10.0.128.0/24".into(), ..good() }, "10.0.128.0/24 overlaps 10.0.0.0/16 of --vpc-cidr (VPC_CIDR)"),
            (Raw { pod_cidrs: "10.250.0.0/16,10.250.9.0/24".into(), ..good() }, "10.250.0.0/16 and 10.250.9.0/24 overlap"),
            (
                Raw { pod_cidrs: "10.250.0.0/16,169.254.0.0/16".into(), ..good() },
                "169.254.0.0/16 is link-local, where neither a VPC nor a pod can be",
            ),
            (
                Raw { vpc_cidr: "10.0.0.0/16,10.0.0.0/8".into(), pod_cidrs: "172.16.0.0/16".into(), ..good() },
                "10.0.0.0/16 and 10.0.0.0/8 overlap",
            ),
            (Raw { lease_duration: "2s".into(), ..good() }, "lease duration 2s, renew deadline 2s, retry period 1s are out of order"),
            (Raw { metrics_address: "here".into(), ..good() }, "`here` is no address to listen on"),
            (Raw { mtu: "60".into(), ..good() }, "`60` is no MTU between 576 and 9951"),
        ];
        for (raw, what) in cases {
            let (settings, findings) = parse(&raw);
            assert_eq!((settings.is_none(), findings.len(), findings[0].what.as_str()), (true, 1, what));
            assert!(findings[0].fix.is_some(), "{what}");
        }
    }

    #[test]
    fn several_vpc_networks_and_go_durations_are_taken() {
        let raw = Raw {
            vpc_cidr: "10.0.0.0/16,100.64.0.0/16".into(),
            lease_duration: "1m30s".into(),
            retry_period: "500ms".into(),
            probe_address: "0".into(),
            ..good()
        };
        let settings = parse(&raw).0.unwrap();
        assert_eq!(settings.vpc_cidrs.len(), 2);
        assert_eq!((settings.timing.lease, settings.timing.retry), (Duration::from_secs(90), Duration::from_millis(500)));
        assert_eq!(settings.probe_address, None);
        for (text, duration) in [("1.5s", 1500), ("1h2m3s", 3_723_000), ("250ms", 250), ("90000us", 90)] {
            let raw = Raw { mass_delete_hold: text.into(), ..good() };
            assert_eq!(parse(&raw).0.unwrap().mass_delete_hold, Duration::from_millis(duration), "{text}");
        }
        for (text, address) in [("localhost:8088", "127.0.0.1:8088"), ("[::1]:8088", "[::1]:8088"), (":8088", "0.0.0.0:8088")] {
            let raw = Raw { probe_address: text.into(), ..good() };
            assert_eq!(parse(&raw).0.unwrap().probe_address.unwrap().to_string(), address);
        }
    }

    #[test]
    fn without_route_tables_there_is_a_warning_only() {
        let (settings, findings) = parse(&Raw { route_table_ids: " ,".into(), ..good() });
        assert!(settings.unwrap().route_tables.is_empty());
        assert_eq!((findings.len(), findings[0].severity), (1, Severity::Warning));
    }
}
