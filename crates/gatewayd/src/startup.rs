//! Everything that is checked before anything is touched.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use hybridge_aws::{Metadata, Network};
use hybridge_gateway::datapath::{self, DEVICE, ROUTE_PROTOCOL};
use hybridge_gateway::routes::{self, Recognised, Wanted};
use hybridge_gateway::settings::{self, Settings};
use hybridge_gateway::vpc::RouteTable;
use hybridge_model::kernel::Snapshot;
use hybridge_netlink::Netlink;
use hybridge_report::{Finding, Severity, chain};
use tokio::time::timeout;

use crate::args::Arguments;
use crate::cloud::{Cloud, Session};

/// How long start-up waits for EC2 before it goes on without its answer.
const PATIENCE: Duration = Duration::from_secs(4);

/// What the checks have found out.
pub(crate) struct Checked {
    pub(crate) settings: Option<Settings>,
    pub(crate) netlink: Arc<Netlink>,
    pub(crate) observed: Snapshot,
    pub(crate) cloud: Cloud,
    pub(crate) found: Option<(Session, Vec<RouteTable>)>,
    /// Errors and warnings, errors first.
    pub(crate) findings: Vec<Finding>,
}

/// Checks settings, host and route tables. `Err` where the kernel cannot even be asked.
pub(crate) async fn check(arguments: &Arguments) -> anyhow::Result<Checked> {
    let (settings, mut findings) = settings::parse(&arguments.raw());
    let netlink = Arc::new(Netlink::connect()?);
    let observed = netlink.snapshot(DEVICE, ROUTE_PROTOCOL).await?;
    findings.extend(host(arguments.raw().node_ip.parse().ok(), &observed));
    let (network, problems) = match Network::from_env() {
        Ok(network) => (network, Vec::new()),
        Err(errors) => (Network::default(), errors),
    };
    findings.extend(problems.iter().map(|error| Finding::error("network", "environment", chain(error)).fix(error.fix())));
    let raw = arguments.raw();
    let cloud = Cloud {
        network,
        metadata: Metadata::from_env(),
        region: Some(raw.aws_region).filter(|region| !region.is_empty()),
        instance: raw.aws_instance_id.parse().ok(),
    };
    let found = match &settings {
        Some(settings) if problems.is_empty() && !settings.route_tables.is_empty() => {
            let (found, told) = tables(settings, &cloud, arguments.adopt_routes).await;
            findings.extend(told);
            found
        }
        Some(_) | None => None,
    };
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    Ok(Checked { settings, netlink, observed, cloud, found, findings })
}

fn host(node_ip: Option<Ipv4Addr>, observed: &Snapshot) -> Vec<Finding> {
    let mut findings = node_ip.map_or_else(Vec::new, |node_ip| datapath::preflight(observed, node_ip));
    match hybridge_netlink::ip_forward() {
        Ok(true) => {}
        Ok(false) => findings.push(
            Finding::error("ip-forward.off", "net.ipv4.ip_forward", "is 0, so this host forwards nothing")
                .fix("`sysctl -w net.ipv4.ip_forward=1`, and in /etc/sysctl.d for the next boot; on a node the kubelet sees to it"),
        ),
        Err(error) => findings.push(Finding::error("ip-forward.unknown", "net.ipv4.ip_forward", format!("cannot be read: {error}"))),
    }
    if !hybridge_netlink::has_net_admin() {
        findings.push(
            Finding::error("capability.net-admin", "capabilities", "CAP_NET_ADMIN is missing, so the kernel will not take the data path")
                .fix("in a pod: `securityContext.capabilities.add: [NET_ADMIN]`; else run as root"),
        );
    }
    findings
}

/// What EC2 says of the tables. EC2 that cannot be reached is a warning: the data path does not wait for it.
async fn tables(settings: &Settings, cloud: &Cloud, adopt: bool) -> (Option<(Session, Vec<RouteTable>)>, Vec<Finding>) {
    match timeout(PATIENCE, cloud.connect(&settings.route_tables)).await {
        Ok(Ok((session, tables))) => {
            let wanted = Wanted {
                tables: settings.route_tables.clone(),
                pod_cidrs: settings.pod_cidrs.iter().copied().collect(),
                interface: session.instance.primary_interface.clone(),
                adopt,
            };
            // Which routes are foreign is told later: history and labelled nodes are not known yet.
            let mut findings = routes::findings(&tables, &wanted, &Recognised::default(), &session.instance.vpc);
            findings.retain(|finding| finding.severity == Severity::Error);
            (Some((session, tables)), findings)
        }
        Ok(Err(error)) => (None, vec![error.finding()]),
        Err(_) => {
            let finding =
                Finding::warning("ec2.slow", "AWS", format!("EC2 did not answer within {PATIENCE:?}; it is tried again, for ever"));
            (None, vec![finding])
        }
    }
}
