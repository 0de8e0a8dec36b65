//! `--skip`: names of checks and of halves of `init`.

use std::collections::BTreeSet;

use hybridge_report::Finding;

use crate::plan::Half;

/// One check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// kubelet and containerd are there.
    Installed,
    /// Host firewall and overlay of the CNI.
    Cni,
    /// The node's address.
    NodeIp,
    /// Certificate and key, or SSM's registration.
    Credentials,
    /// kubelet's serving certificate is of this cluster.
    KubeletCertificate,
    /// SSM's endpoint.
    SsmEndpoint,
    /// Roles Anywhere's endpoint.
    RolesAnywhereEndpoint,
    /// STS knows the credentials.
    AwsAuthentication,
    /// The API server answers.
    ApiEndpoint,
    /// The API server knows the node.
    ApiAuthentication,
    /// kubelet is not too new and not too old.
    VersionSkew,
    /// The API endpoint's name has addresses.
    ApiEndpointResolution,
    /// Proxies are set alike everywhere.
    Proxy,
    /// No other node runs here.
    NodeInactive,
    /// The cluster lets the role in.
    ClusterAccess,
    /// The clock is right.
    Clock,
    /// Swap, noexec, SELinux.
    System,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Check(Check),
    Half(Half),
}

/// Names of upstream's `init`: the documented ones, the two that its program really knows where those differ (`ssm-api-network`,
/// `iam-ra-api-network`), `cluster-access-validation`, which is not documented; then two of our own.
const NAMES: [(&str, What); 22] = [
    ("install-validation", What::Check(Check::Installed)),
    ("cni-validation", What::Check(Check::Cni)),
    ("node-ip-validation", What::Check(Check::NodeIp)),
    ("credentials-validation", What::Check(Check::Credentials)),
    ("kubelet-cert-validation", What::Check(Check::KubeletCertificate)),
    ("ssm-api-network-validation", What::Check(Check::SsmEndpoint)),
    ("ssm-api-network", What::Check(Check::SsmEndpoint)),
    ("iam-ra-api-network-validation", What::Check(Check::RolesAnywhereEndpoint)),
    ("iam-ra-api-network", What::Check(Check::RolesAnywhereEndpoint)),
    ("aws-auth-validation", What::Check(Check::AwsAuthentication)),
    ("k8s-endpoint-network-validation", What::Check(Check::ApiEndpoint)),
    ("k8s-authentication-validation", What::Check(Check::ApiAuthentication)),
    ("kubelet-version-skew-validation", What::Check(Check::VersionSkew)),
    ("api-server-endpoint-resolution-validation", What::Check(Check::ApiEndpointResolution)),
    ("proxy-validation", What::Check(Check::Proxy)),
    ("node-inactive-validation", What::Check(Check::NodeInactive)),
    ("cluster-access-validation", What::Check(Check::ClusterAccess)),
    ("clock-validation", What::Check(Check::Clock)),
    ("system-validation", What::Check(Check::System)),
    ("preprocess", What::Half(Half::Preprocess)),
    ("config", What::Half(Half::Config)),
    ("run", What::Half(Half::Run)),
];

/// Names that upstream has for other commands.
const UPGRADE: [&str; 4] = ["init-validation", "pod-validation", "node-validation", "containerd-major-version-upgrade"];

/// What is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skips(BTreeSet<What>);

impl Skips {
    /// Reads the values of `--skip`, each a name or several with commas between.
    ///
    /// # Errors
    /// The first name that is none of `init`'s, with the nearest one.
    pub fn parse(values: &[String]) -> Result<Self, Finding> {
        let names = values.iter().flat_map(|value| value.split(',')).map(str::trim).filter(|name| !name.is_empty());
        names.map(what).collect::<Result<_, _>>().map(Self)
    }

    /// Everything that only looks: what `config explain` needs no answer to.
    pub fn checks() -> Self {
        Self(NAMES.into_iter().map(|(_, what)| what).filter(|what| matches!(what, What::Check(_))).collect())
    }

    /// Whether this check is left out.
    pub fn skips(&self, check: Check) -> bool {
        self.0.contains(&What::Check(check))
    }

    /// Whether this half is left out.
    pub fn half(&self, half: Half) -> bool {
        self.0.contains(&What::Half(half))
    }

    /// Leaves this half out, too.
    pub fn leave_out(&mut self, half: Half) {
        self.0.insert(What::Half(half));
    }

    /// Does not leave this half out any more.
    pub fn take_in(&mut self, half: Half) {
        self.0.remove(&What::Half(half));
    }

    /// All names, for help texts.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.into_iter().map(|(name, _)| name)
    }

    /// All names with what each leaves out, for documents; names of the same thing stand together.
    pub fn meanings() -> Vec<(Vec<&'static str>, &'static str)> {
        let mut rows: Vec<(What, Vec<&'static str>)> = Vec::new();
        for (name, what) in NAMES {
            match rows.iter_mut().find(|(known, _)| *known == what) {
                Some((_, names)) => names.push(name),
                None => rows.push((what, vec![name])),
            }
        }
        rows.into_iter().map(|(what, names)| (names, meaning(what))).collect()
    }
}

fn meaning(what: What) -> &'static str {
    match what {
        What::Check(Check::Installed) => "kubelet and containerd are installed",
        What::Check(Check::Cni) => "ufw or firewalld lets in the overlay of the CNI, 8472/udp or 4789/udp",
        What::Check(Check::NodeIp) => "the node's address is its own, and in the cluster's remote node networks",
        What::Check(Check::Credentials) => "certificate and key are there, in date, belong together, and have the node's name",
        What::Check(Check::KubeletCertificate) => "a serving certificate that is there is of this cluster",
        What::Check(Check::SsmEndpoint) => "Systems Manager's endpoint can be reached",
        What::Check(Check::RolesAnywhereEndpoint) => "Roles Anywhere's endpoint can be reached",
        What::Check(Check::AwsAuthentication) => "STS knows the node's credentials",
        What::Check(Check::ApiEndpoint) => "the API server answers, with a certificate of the cluster",
        What::Check(Check::ApiAuthentication) => "the API server knows the node",
        What::Check(Check::VersionSkew) => "the kubelet is not newer than the API server, and not too old",
        What::Check(Check::ApiEndpointResolution) => "the API server's name has an address",
        What::Check(Check::Proxy) => "shell, services and package manager have the same proxy",
        What::Check(Check::NodeInactive) => "no other node runs here (a warning)",
        What::Check(Check::ClusterAccess) => "the cluster has an access entry for the node's role, of type HYBRID_LINUX",
        What::Check(Check::Clock) => "the clock is that of AWS",
        What::Check(Check::System) => "no swap partition, no noexec where programs lie; SELinux (a warning)",
        What::Half(Half::Preprocess) => "the first half outside: credentials, kernel settings, swap, firewall",
        What::Half(Half::Config) => "files",
        What::Half(Half::Run) => "disks and services",
    }
}

fn what(name: &str) -> Result<What, Finding> {
    if let Some((_, what)) = NAMES.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
        return Ok(what);
    }
    let finding = Finding::error("skip.unknown", "--skip", format!("{name:?} is nothing that init can skip"));
    if UPGRADE.contains(&name) {
        return Err(finding.fix(format!("leave it out: {name} belongs to the upgrade of a node")));
    }
    let near = Skips::names().map(|known| (strsim::osa_distance(known, &name.to_ascii_lowercase()), known)).min();
    let all = Skips::names().collect::<Vec<_>>().join(", ");
    Err(finding.fix(match near {
        // A third of the letters may be wrong; further away a guess misleads.
        Some((distance, known)) if distance * 3 <= known.len() => format!("did you mean {known}?"),
        Some(_) | None => format!("write one of {all}"),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(values: &[&str]) -> Result<Skips, Finding> {
        Skips::parse(&values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn each_name_skips_something_and_lists_are_read() {
        for name in Skips::names() {
            assert_ne!(parse(&[name]).unwrap(), Skips::default(), "{name}");
        }
        let skips = parse(&["run, node-ip-validation", "Config"]).unwrap();
        assert!(skips.half(Half::Run) && skips.half(Half::Config) && !skips.half(Half::Preprocess));
        assert!(skips.skips(Check::NodeIp) && !skips.skips(Check::Clock));
        let mut other = parse(&["run"]).unwrap();
        other.take_in(Half::Run);
        assert_eq!(other, Skips::default());
        other.leave_out(Half::Config);
        assert_eq!(other, parse(&["config"]).unwrap());
        assert_eq!(parse(&["ssm-api-network"]), parse(&["ssm-api-network-validation"]));
    }

    #[test]
    fn unknown_names_are_refused_with_the_nearest_one() {
        for (name, fix) in [
            ("node-ip-validaton", "did you mean node-ip-validation?"),
            ("runn", "did you mean run?"),
            ("pod-validation", "leave it out: pod-validation belongs to the upgrade of a node"),
            ("kubelet-version-skew", "write one of install-validation"),
            ("everything", "write one of install-validation"),
        ] {
            let finding = parse(&[name]).unwrap_err();
            assert!(finding.fix.as_deref().unwrap().starts_with(fix), "{name}: {finding}");
        }
    }
}
