//! Everything that is checked before anything is touched.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use hybridge_aws::{Metadata, Network};
use hybridge_gateway::datapath::{self, DEVICE, ROUTE_PROTOCOL};
use hybridge_gateway::routes::{self, Foreign, Recognised, Wanted};
use hybridge_gateway::settings::{self, Settings};
use hybridge_gateway::vpc::RouteTable;
use hybridge_gateway::vtep::Schema;
use hybridge_kube_io::Kube;
use hybridge_model::kernel::Snapshot;
use hybridge_netlink::Netlink;
use hybridge_report::{Finding, Severity, chain};
use tokio::time::timeout;

use crate::args::Arguments;
use crate::cloud::{Cloud, Session};
use crate::recognition::{Gap, Sources};
use crate::vtep::ENABLE;

/// How long start-up waits for EC2 before it goes on without its answer.
const PATIENCE: Duration = Duration::from_secs(4);

/// How long start-up waits for the API server, where only that can say whether a route is a gateway's.
const RECOGNITION: Duration = Duration::from_secs(1);

/// Warnings of what keeps a gateway from being ready: it goes on without, but `--check` has failed.
const NOT_READY: [&str; 8] =
    ["ec2", "ec2.slow", "imds", "instance.source-dest-check", "kubernetes.unreachable", "route.foreign", "route.unrecognised", "vtep.crd"];

/// What the checks have found out.
pub(crate) struct Checked {
    pub(crate) settings: Option<Settings>,
    pub(crate) kube: Option<Kube>,
    pub(crate) netlink: Arc<Netlink>,
    pub(crate) observed: Snapshot,
    pub(crate) cloud: Cloud,
    pub(crate) found: Option<Found>,
    /// Errors and warnings, errors first.
    pub(crate) findings: Vec<Finding>,
}

/// What EC2 has said.
pub(crate) struct Found {
    pub(crate) session: Session,
    pub(crate) tables: Vec<RouteTable>,
    /// Whose routes count as ours, as far as it had to be known.
    pub(crate) known: Recognised,
}

/// Checks settings, host and route tables; with `--check` the cluster, too. `Err` where the kernel cannot even be asked.
pub(crate) async fn check(arguments: &Arguments) -> anyhow::Result<Checked> {
    let (settings, mut findings) = settings::parse(&arguments.raw());
    let kube = match Kube::connect(arguments.kubeconfig.as_deref()).await {
        Ok(kube) => Some(kube),
        Err(error) => {
            findings.push(Finding::error("kubernetes.config", "--kubeconfig (KUBECONFIG)", chain(&error)));
            None
        }
    };
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
            let (found, told) = tables(settings, &cloud, arguments, kube.as_ref()).await;
            findings.extend(told);
            found
        }
        Some(_) | None => None,
    };
    if arguments.check {
        if let Some(kube) = &kube {
            findings.extend(cluster(kube).await);
        }
        for finding in findings.iter_mut().filter(|finding| NOT_READY.contains(&finding.code)) {
            finding.severity = Severity::Error;
        }
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    Ok(Checked { settings, kube, netlink, observed, cloud, found, findings })
}

/// The namespace of Lease, state ConfigMap and Events.
pub(crate) fn namespace(kube: &Kube) -> String {
    let given = std::env::var("POD_NAMESPACE").ok().filter(|namespace| !namespace.is_empty());
    given.unwrap_or_else(|| kube.default_namespace().to_owned())
}

/// Whether the API server answers, and serves a CiliumVTEPConfig that can be written.
async fn cluster(kube: &Kube) -> Option<Finding> {
    match kube.vtep_schema().await {
        Ok(Some(Schema::LongestPrefix | Schema::OneMask)) => None,
        Ok(Some(Schema::Unknown(found))) => {
            Some(Finding::warning("vtep.crd", "CiliumVTEPConfig", format!("is of an unknown form: {found}")))
        }
        Ok(None) => Some(Finding::warning("vtep.crd", "CiliumVTEPConfig", ENABLE)),
        Err(error) => Some(Finding::warning("kubernetes.unreachable", kube.server(), chain(&error))),
    }
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
async fn tables(settings: &Settings, cloud: &Cloud, arguments: &Arguments, kube: Option<&Kube>) -> (Option<Found>, Vec<Finding>) {
    let (session, tables) = match timeout(PATIENCE, cloud.connect(&settings.route_tables)).await {
        Ok(Ok(answers)) => answers,
        Ok(Err(error)) => return (None, vec![error.finding()]),
        Err(_) => {
            let finding =
                Finding::warning("ec2.slow", "AWS", format!("EC2 did not answer within {PATIENCE:?}; it is tried again, for ever"));
            return (None, vec![finding]);
        }
    };
    let wanted = Wanted {
        tables: settings.route_tables.clone(),
        pod_cidrs: settings.pod_cidrs.iter().copied().collect(),
        interface: session.instance.primary_interface.clone(),
        adopt: arguments.adopt_routes,
    };
    let mut found = Found { session, tables, known: Recognised::default() };
    let mut findings = found.findings(&wanted);
    // Only the routes of others need the API server, so that a first start does not wait for it.
    if findings.iter().any(Foreign::is_told_by)
        && let Some(kube) = kube
    {
        let complete = found.recognise(settings, arguments, kube).await;
        findings = found.findings(&wanted);
        if !complete {
            let foreign = findings.extract_if(.., |finding| Foreign::is_told_by(finding)).map(|finding| finding.place).collect::<Vec<_>>();
            findings.push(
                Finding::warning("route.unrecognised", foreign.join(", "), "may be a gateway's or somebody else's; not all sources answer")
                    .fix("see that the API server and EC2 can be reached"),
            );
        }
    }
    if found.session.instance.source_dest_check {
        findings.push(routes::source_dest_check());
    }
    (Some(found), findings)
}

impl Found {
    fn findings(&self, wanted: &Wanted) -> Vec<Finding> {
        routes::findings(&self.tables, wanted, &self.known, &self.session.instance.vpc)
    }

    /// Learns whose routes count as ours; whether every source has answered, or will not whatever happens.
    async fn recognise(&mut self, settings: &Settings, arguments: &Arguments, kube: &Kube) -> bool {
        let sources = Sources { kube, namespace: &namespace(kube), node_label: &arguments.node_label };
        let others = |mut named: BTreeSet<Ipv4Addr>| {
            named.remove(&settings.node_ip);
            named
        };
        match timeout(RECOGNITION, sources.recognise(&self.session, others)).await {
            Ok((known, gaps)) => {
                self.known = known;
                gaps.iter().all(Gap::is_forbidden)
            }
            Err(_) => false,
        }
    }
}
