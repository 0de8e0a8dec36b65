//! kubelet against the API server.

use hybridge_report::Finding;

use super::Subject;
use crate::version::Version;

/// Kubernetes' version skew policy: kubelet is never newer; three minor versions older at most, two before 1.28.
pub(super) fn skew(subject: &Subject<'_>) -> Vec<Finding> {
    let server = subject.facts.cluster.as_ref().and_then(|cluster| cluster.version.as_deref()?.parse::<Version>().ok());
    let (Some(server), Some(kubelet)) = (server, subject.facts.kubelet) else { return Vec::new() };
    let allowed = if server >= Version::new(1, 28) { 3 } else { 2 };
    let version = |version: Version| format!("{}.{}", version.major, version.minor);
    let what = if (kubelet.major, kubelet.minor) > (server.major, server.minor) {
        format!("is {}, newer than the cluster's {}", version(kubelet), version(server))
    } else if server.minor.saturating_sub(kubelet.minor) > allowed {
        format!("is {}, more than {allowed} minor versions older than the cluster's {}", version(kubelet), version(server))
    } else {
        return Vec::new();
    };
    vec![
        Finding::error("kubelet.skew", "kubelet", what)
            .fix(format!("install kubelet {0}: nodeadm install {0} (or nodeadm upgrade {0} on a node that has joined)", version(server))),
    ]
}
