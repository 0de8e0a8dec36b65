//! Services with addresses of the LAN, and what a cut service link does to the workloads behind them.

use std::net::Ipv4Addr;

use hybridge_report::Finding;
use serde_json::Value;

use super::{View, named, skipped};
use crate::profile::Range4;
use crate::verdict::{Check, Verdict};

const POLICY: Check = Check::new("service.traffic-policy", "Services with an address of the LAN are announced where their pods are");
const CLASS: Check = Check::new("service.load-balancer-class", "AWS makes no load balancer for Services of the LAN");
const DISCONNECT: Check = Check::new("workload.disconnect", "workloads behind the LAN's addresses outlast a cut service link");

/// All of these.
pub(super) const CHECKS: [Check; 3] = [POLICY, CLASS, DISCONNECT];

/// How long Kubernetes waits on a node that it does not hear of, unless a pod says otherwise (admission plug-in DefaultTolerationSeconds).
const DEFAULT_SECONDS: u64 = 300;
/// The taints of nodes that are not heard of.
const TAINTS: [&str; 2] = ["node.kubernetes.io/unreachable", "node.kubernetes.io/not-ready"];

pub(super) fn checks(view: &View<'_>) -> Vec<Verdict> {
    let services = match view.kind("Service") {
        Ok(services) => services,
        Err(why) => return skipped(&CHECKS, &why),
    };
    let ours: Vec<_> = services.iter().filter(|service| is_of_lan(view, service)).collect();
    if ours.is_empty() {
        return skipped(&CHECKS, "no Service has an address of the LAN");
    }
    vec![policy(&ours), class(&ours), disconnect(view, &ours)]
}

/// Addresses that a Service has or asks for.
fn addresses(service: &Value) -> Vec<Ipv4Addr> {
    let given = service["status"]["loadBalancer"]["ingress"].as_array().into_iter().flatten().filter_map(|one| one["ip"].as_str());
    given.chain(service["spec"]["loadBalancerIP"].as_str()).filter_map(|text| text.parse().ok()).collect()
}

fn is_of_lan(view: &View<'_>, service: &Value) -> bool {
    let lan = view.profile.lan.cidrs.first().map(|cidr| Range4::of(*cidr));
    service["spec"]["type"] == "LoadBalancer" && addresses(service).iter().any(|address| lan.is_some_and(|lan| lan.contains(*address)))
}

/// With Local, only a node with a ready pod announces, and the client's address is kept; with Cluster, every node may, and a second server
/// answers through the announcer.
fn policy(services: &[&Value]) -> Verdict {
    let local = |service: &&&Value| service["spec"]["externalTrafficPolicy"] == "Local";
    let mut findings = Vec::new();
    for service in services.iter().filter(local) {
        if service["spec"]["selector"].as_object().is_none_or(serde_json::Map::is_empty) {
            let what = "externalTrafficPolicy: Local without a selector: no node has a pod of its own, so nobody announces the address";
            findings.push(Finding::error(POLICY.code, named(service), what).fix("write Cluster, or a selector"));
        }
    }
    let (local, all) = (services.iter().filter(local).count(), services.len());
    POLICY.of(format!("{local} Local (pods see the client's address), {} Cluster (pods see a node's)", all - local), findings)
}

/// The controller in EKS's control plane makes a Classic Load Balancer for each Service of type LoadBalancer without a class.
fn class(services: &[&Value]) -> Verdict {
    let mut findings = Vec::new();
    for service in services {
        let hostname = |one: &&Value| one["hostname"].as_str().is_some_and(|name| name.contains(".elb."));
        let made = service["status"]["loadBalancer"]["ingress"].as_array().into_iter().flatten().any(|one| hostname(&one));
        let classless = service["spec"]["loadBalancerClass"].as_str().is_none_or(str::is_empty);
        let fix = "start MetalLB with --lb-class=metallb.io/metallb and write `loadBalancerClass: metallb.io/metallb` (it is set once, when a \
                   Service is made)";
        if made {
            let what = "AWS has made a load balancer for it, too, which cannot reach the LAN and costs money";
            findings.push(Finding::error(CLASS.code, named(service), what).fix(fix));
        } else if classless {
            let what = "it names no class, so EKS makes a Classic Load Balancer for it as well";
            findings.push(Finding::warning(CLASS.code, named(service), what).fix(fix));
        }
    }
    CLASS.of(format!("{} Services", services.len()), findings)
}

fn disconnect(view: &View<'_>, services: &[&Value]) -> Verdict {
    let kinds = ["Deployment", "StatefulSet"].map(|kind| view.kind(kind));
    if let Some(why) = kinds.iter().find_map(|kind| kind.as_ref().err()) {
        return DISCONNECT.skip(why);
    }
    let workloads: Vec<&Value> =
        kinds.iter().flatten().copied().flatten().filter(|one| services.iter().any(|service| is_behind(one, service))).collect();
    let mut findings = Vec::new();
    let mut seen = Vec::new();
    for workload in &workloads {
        match stays(workload) {
            Stay::Forever => seen.push(format!("{} stays", named(workload))),
            Stay::Seconds(seconds) => {
                let what = format!(
                    "its pods are given up {seconds} s after the region lost the server: when the service link is back, they are deleted \
                     there, though they never stopped"
                );
                let fix = "tolerate node.kubernetes.io/unreachable and node.kubernetes.io/not-ready (NoExecute) without tolerationSeconds, or \
                           with as many as the longest cut that is to be outlasted";
                findings.push(Finding::warning(DISCONNECT.code, named(workload), what).fix(fix));
            }
        }
    }
    let evidence = if seen.is_empty() { format!("{} workloads", workloads.len()) } else { seen.join(", ") };
    DISCONNECT.of(evidence, findings)
}

/// Whether a Service leads to the pods of a workload.
fn is_behind(workload: &Value, service: &Value) -> bool {
    let labels = &workload["spec"]["template"]["metadata"]["labels"];
    let selector = service["spec"]["selector"].as_object().filter(|selector| !selector.is_empty());
    workload["metadata"]["namespace"] == service["metadata"]["namespace"]
        && selector.is_some_and(|selector| selector.iter().all(|(key, value)| labels.get(key) == Some(value)))
}

/// How long pods stay on a node that is not heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stay {
    Seconds(u64),
    Forever,
}

/// The shorter one for both taints.
fn stays(workload: &Value) -> Stay {
    let tolerations = workload["spec"]["template"]["spec"]["tolerations"].as_array().map_or(&[][..], Vec::as_slice);
    let of_taint = |taint| {
        let fits = tolerations.iter().filter(|toleration| tolerates(toleration, taint));
        // The shortest of those that fit counts, as in the API server.
        fits.map(|toleration| toleration["tolerationSeconds"].as_u64().map_or(Stay::Forever, Stay::Seconds)).min()
    };
    TAINTS.into_iter().map(|taint| of_taint(taint).unwrap_or(Stay::Seconds(DEFAULT_SECONDS))).min().unwrap_or(Stay::Forever)
}

/// The taints carry no value.
fn tolerates(toleration: &Value, taint: &str) -> bool {
    let text = |field: &str| toleration[field].as_str().unwrap_or_default();
    let exists = text("operator") == "Exists";
    let key = text("key") == taint || text("key").is_empty() && exists;
    key && (exists || text("value").is_empty()) && matches!(text("effect"), "" | "NoExecute")
}
