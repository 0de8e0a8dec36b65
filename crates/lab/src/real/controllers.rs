//! kube-controller-manager and kube-scheduler: what makes pods of a Deployment and puts them on nodes.

#[cfg(test)]
mod with_real_parts;

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::process::{Process, write};
use super::{Kube, Parts, RealError};
use crate::netns::Netns;

/// The part of Kubernetes' controllers that runs. Each further one would cost watches, and could interfere with what a test does.
///
/// Left out on purpose: `taint-eviction-controller` and `pod-garbage-collector-controller`, so that no pod is deleted because its node
/// is away (minutes later, at that); `serviceaccount-token-controller`, as pods get their tokens from the API server; whatever is for
/// services, volumes and other workloads.
const CONTROLLERS: [&str; 9] = [
    "deployment-controller",
    "replicaset-controller",
    // Takes away the taint `node.kubernetes.io/not-ready`, with which the API server admits every node.
    "node-lifecycle-controller",
    // Without `status.disruptionsAllowed` of a PodDisruptionBudget every eviction is refused.
    "disruption-controller",
    // Deletes ReplicaSets and pods after their Deployment, as `helm uninstall` supposes.
    "garbage-collector-controller",
    // Empties a namespace that is deleted, which is never gone without it.
    "namespace-controller",
    // Makes the account `default` of a new namespace, and `kube-root-ca.crt`, which every pod mounts.
    "serviceaccount-controller",
    "root-ca-certificate-publisher-controller",
    // Signs the serving certificates of kubelets, once somebody has approved them.
    "certificatesigningrequest-signing-controller",
];

/// Between two looks at the audit log, which is read whole.
const PAUSE: Duration = Duration::from_millis(100);

/// The running controllers and the scheduler. Dropping kills both; nodes go on running the pods that they have.
#[derive(Debug)]
pub struct Controllers {
    _manager: Process,
    _scheduler: Process,
}

/// One of the two programs, and what tells that it has begun.
struct Program {
    name: &'static str,
    /// Its user. What it may do is in bindings that the API server makes by itself
    /// (<https://kubernetes.io/docs/reference/access-authn-authz/rbac/#core-component-roles>).
    user: &'static str,
    /// Resources that it watches when it works.
    watches: &'static [&'static str],
}

const MANAGER: Program = Program {
    name: "kube-controller-manager",
    user: "system:kube-controller-manager",
    watches: &["deployments", "replicasets", "pods", "nodes", "namespaces", "serviceaccounts"],
};

const SCHEDULER: Program = Program { name: "kube-scheduler", user: "system:kube-scheduler", watches: &["pods", "nodes"] };

impl Controllers {
    /// Starts both in a namespace that has a route to the API server, and waits until they watch what they are for.
    ///
    /// They listen nowhere. Logs (`kube-controller-manager.log`, `kube-scheduler.log`) go below `directory`, which must exist.
    pub fn start(kube: &Kube, ns: &Netns, directory: &Path) -> Result<Self, RealError> {
        let before = kube.audit()?.len();
        let home = directory.join("controllers");
        fs::create_dir_all(&home).map_err(|source| RealError::File { path: home.clone(), source })?;
        let authority = home.join("authority.crt");
        write(&authority, kube.authority())?;
        let signing = kube.authority_files();
        let flags = [
            format!("--controllers={}", CONTROLLERS.join(",")),
            // The user's own rights are few: each controller has an account with a role, which it makes a token for.
            "--use-service-account-credentials=true".into(),
            format!("--root-ca-file={}", authority.display()),
            format!("--cluster-signing-cert-file={}", signing[0].display()),
            format!("--cluster-signing-key-file={}", signing[1].display()),
        ];
        let mut manager = MANAGER.start(kube, ns, directory, &flags)?;
        let mut scheduler = SCHEDULER.start(kube, ns, directory, &[])?;
        MANAGER.wait(&mut manager, kube, before)?;
        SCHEDULER.wait(&mut scheduler, kube, before)?;
        Ok(Self { _manager: manager, _scheduler: scheduler })
    }
}

impl Program {
    fn start(&self, kube: &Kube, ns: &Netns, directory: &Path, flags: &[String]) -> Result<Process, RealError> {
        let kubeconfig = directory.join("controllers").join(self.name).with_extension("kubeconfig");
        write(&kubeconfig, &kube.kubeconfig_for_certificate(self.user, self.name)?)?;
        let mut command = ns.command(Parts::find()?.program(self.name)?);
        command
            .arg(format!("--kubeconfig={}", kubeconfig.display()))
            // There is one of each, which works at once and not after a lease.
            .args(["--leader-elect=false", "--secure-port=0"])
            .args(flags);
        Process::start(command, self.name, directory)
    }

    /// Waits until it watches, as the API server's audit log has it after the first `before` entries.
    fn wait(&self, process: &mut Process, kube: &Kube, before: usize) -> Result<(), RealError> {
        process.wait_until(|| {
            thread::sleep(PAUSE);
            let Ok(entries) = kube.audit() else { return false };
            let watches = |resource: &str| {
                let mut new = entries.iter().skip(before).filter(|entry| entry.user == self.user && entry.verb == "watch");
                new.any(|entry| entry.resource == resource && entry.code == 200)
            };
            self.watches.iter().all(|resource| watches(resource))
        })
    }
}
