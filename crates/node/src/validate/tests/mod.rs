mod proxies;

use hybridge_report::Severity;
use hybridge_report::Severity::{Error, Warning};
use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::facts::{Answer, CertificateFacts, ClusterFacts, Firewall, FirewallKind, Interface, Mount, Swap};
use crate::hybrid::ssm::AGENTS;
use crate::version::Version;

const CERTIFICATE: &str = include_str!("../../../../../tests/fixtures/node-certificates/node.pem");
const PUBLIC: &str = include_str!("../../../../../tests/fixtures/node-certificates/node.spki");
const AUTHORITY: &str = include_str!("../../../../../tests/fixtures/node-certificates/cluster-one.pem");
const OTHER_AUTHORITY: &str = include_str!("../../../../../tests/fixtures/node-certificates/cluster-other.pem");
const SERVING: &str = include_str!("../../../../../tests/fixtures/node-certificates/kubelet.pem");
const ROLE: &str = "arn:aws:sts::123456789012:assumed-role/hybrid/node-1";
const DROP_IN: &str = "/etc/systemd/system/kubelet.service.d/http-proxy.conf";

struct Case {
    config: NodeConfig,
    facts: Facts,
    now: Timestamp,
}

fn good(answer: &str) -> Option<Answer> {
    Some(Answer::Good(answer.to_owned()))
}

fn bad() -> Option<Answer> {
    Some(Answer::Bad("connection refused".to_owned()))
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// First and last second of the node's certificate.
fn validity() -> (Timestamp, Timestamp) {
    let pem = x509_parser::pem::Pem::iter_from_buffer(CERTIFICATE.as_bytes()).next().unwrap().unwrap();
    let certificate = pem.parse_x509().unwrap();
    let at = |time: x509_parser::time::ASN1Time| Timestamp::from_second(time.timestamp()).unwrap();
    (at(certificate.validity().not_before), at(certificate.validity().not_after))
}

fn interface(name: &str, address: &str) -> Interface {
    Interface { name: name.to_owned(), addresses: vec![address.parse().unwrap()], mtu: 1500 }
}

fn firewall(kind: FirewallKind, open: &str) -> Option<Firewall> {
    Some(Firewall { kind, open: vec![open.to_owned()] })
}

/// A node outside with which all is well.
fn roles_anywhere() -> Case {
    let config = r#"{"cluster":{"name":"c","region":"eu-west-1"},"hybrid":{"iamRolesAnywhere":{"nodeName":"node-1"}}}"#;
    let mut facts = Facts {
        kubelet: Some(Version::new(1, 33)),
        containerd: Some(Version::new(2, 0)),
        interfaces: vec![interface("lo", "127.0.0.1/8"), interface("eth0", "10.1.0.5/24"), interface("eth1", "192.168.1.5/24")],
        default_interface: Some("eth0".to_owned()),
        certificate: Some(CertificateFacts {
            certificate: Some(CERTIFICATE.to_owned()),
            key_problem: None,
            key_public: Some(PUBLIC.trim().to_owned()),
        }),
        cluster: Some(ClusterFacts {
            status: "ACTIVE".to_owned(),
            version: Some("1.34".to_owned()),
            endpoint: "https://abc.eks.amazonaws.com".to_owned(),
            certificate_authority: base64(AUTHORITY),
            authentication_mode: Some("API".to_owned()),
            remote_node_networks: Some(vec!["10.1.0.0/16".to_owned()]),
            ..ClusterFacts::default()
        }),
        firewall: firewall(FirewallKind::Ufw, "8472/udp"),
        ..Facts::default()
    };
    let answers = &mut facts.answers;
    answers.roles_anywhere_endpoint = good("");
    answers.caller = good(ROLE);
    answers.api_endpoint_resolved = good("10.0.0.1");
    answers.api_endpoint = good("401 Unauthorized");
    answers.api_authentication = good("system:node:node-1");
    answers.access_entries = good("arn:aws:iam::123456789012:role/other STANDARD\narn:aws:iam::123456789012:role/hybrid HYBRID_LINUX");
    answers.kubelet_certificate = Some(SERVING.to_owned());
    answers.clock_offset = Some(-3);
    let now = validity().0.checked_add(SignedDuration::from_hours(24)).unwrap();
    Case { config: serde_json::from_str(config).unwrap(), facts, now }
}

/// The same by an SSM activation.
fn activation() -> Case {
    let mut case = roles_anywhere();
    case.config = serde_json::from_str(r#"{"cluster":{"name":"c","region":"cn-north-1"},"hybrid":{"ssm":{"activationId":"i"}}}"#).unwrap();
    case.facts.programs = vec![AGENTS[0].to_owned()];
    case.facts.answers.ssm_endpoint = good("");
    case
}

fn proxied() -> Case {
    let mut case = roles_anywhere();
    case.facts.proxies = vec!["HTTPS_PROXY".to_owned()];
    let proxy = || [("HTTPS_PROXY".to_owned(), "http://proxy:3128".to_owned())].into();
    let containerd = "/usr/lib/systemd/system/containerd.service.d/http-proxy.conf";
    for path in ["environment", DROP_IN, containerd, "/etc/apt/apt.conf.d/proxy"] {
        case.facts.answers.proxy_files.insert(path.to_owned(), proxy());
    }
    case
}

fn run(case: &Case, skips: &[&str]) -> Vec<Finding> {
    let skips = Skips::parse(&skips.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    validate(&case.config, &case.facts, &skips, case.now)
}

#[test]
fn where_all_is_well_nothing_is_said() {
    for case in [roles_anywhere(), activation(), proxied()] {
        assert_eq!(run(&case, &[]), []);
    }
    let mut case = roles_anywhere();
    case.facts = Facts { kubelet: case.facts.kubelet, containerd: case.facts.containerd, ..Facts::default() };
    case.facts.default_interface = Some("eth0".to_owned());
    case.facts.interfaces = vec![interface("eth0", "10.1.0.5/24")];
    assert_eq!(run(&case, &[]), [], "what was not asked is not judged");
    case.config.hybrid = None;
    case.facts = Facts::default();
    assert_eq!(run(&case, &[]), [], "EC2");
}

type Change = fn(&mut Case);

/// A node, what happens to it, the code of the finding, whether it stops, and the name that skips it.
type Trouble = (fn() -> Case, Change, &'static str, Severity, &'static str);

const CASES: [Trouble; 48] = [
    (roles_anywhere, |case| case.facts.kubelet = None, "node.not-installed", Error, "install-validation"),
    (roles_anywhere, |case| case.facts.containerd = None, "node.not-installed", Error, "install-validation"),
    (activation, |case| case.facts.programs.clear(), "node.not-installed", Error, "install-validation"),
    (
        roles_anywhere,
        |case| case.facts.swaps = vec![Swap { path: "/dev/sda2".to_owned(), partition: true }],
        "swap.partition",
        Error,
        "system-validation",
    ),
    (roles_anywhere, |case| mounted(case, "/opt", "noexec"), "mount.noexec", Error, "system-validation"),
    (roles_anywhere, |case| case.facts.selinux_enforcing = Some(true), "selinux.enforcing", Warning, "system-validation"),
    (roles_anywhere, |case| case.facts.answers.clock_offset = Some(301), "clock.wrong", Error, "clock-validation"),
    (roles_anywhere, |case| case.facts.answers.clock_offset = Some(-60), "clock.off", Warning, "clock-validation"),
    (roles_anywhere, |case| case.facts.answers.kubelet_active = Some(true), "node.active", Warning, "node-inactive-validation"),
    (roles_anywhere, |case| case.facts.firewall = firewall(FirewallKind::Ufw, "22/tcp"), "firewall.vxlan", Error, "cni-validation"),
    (roles_anywhere, |case| case.facts.firewall = firewall(FirewallKind::Firewalld, "8472/tcp"), "firewall.vxlan", Error, "cni-validation"),
    (
        roles_anywhere,
        |case| certificate(case).key_problem = Some("encrypted".to_owned()),
        "certificate.key",
        Error,
        "credentials-validation",
    ),
    (roles_anywhere, |case| certificate(case).certificate = None, "certificate.missing", Error, "credentials-validation"),
    (
        roles_anywhere,
        |case| certificate(case).certificate = Some("x".to_owned()),
        "certificate.unreadable",
        Error,
        "credentials-validation",
    ),
    (
        roles_anywhere,
        |case| certificate(case).key_public = Some("AAAA".to_owned()),
        "certificate.other-key",
        Error,
        "credentials-validation",
    ),
    (
        roles_anywhere,
        |case| certificate(case).certificate = Some(AUTHORITY.to_owned()),
        "certificate.other-key",
        Error,
        "credentials-validation",
    ),
    (roles_anywhere, |case| case.now = shift(validity().0, -1), "certificate.early", Error, "credentials-validation"),
    (roles_anywhere, |case| case.now = shift(validity().1, 1), "certificate.expired", Error, "credentials-validation"),
    (roles_anywhere, |case| case.now = shift(validity().1, -240), "certificate.soon", Warning, "credentials-validation"),
    (roles_anywhere, |case| named(case, "node-2"), "certificate.name", Warning, "credentials-validation"),
    (activation, |case| registered(case, "{}"), "ssm.registration", Error, "credentials-validation"),
    (activation, |case| case.facts.answers.ssm_endpoint = bad(), "ssm.endpoint", Error, "ssm-api-network-validation"),
    (roles_anywhere, |case| case.facts.answers.roles_anywhere_endpoint = bad(), "roles-anywhere.endpoint", Error, "iam-ra-api-network"),
    (roles_anywhere, |case| case.facts.answers.caller = bad(), "aws.caller", Error, "aws-auth-validation"),
    (activation, |case| case.facts.answers.caller = bad(), "aws.caller", Error, "aws-auth-validation"),
    (
        roles_anywhere,
        |case| case.facts.answers.api_endpoint_resolved = bad(),
        "api.resolution",
        Error,
        "api-server-endpoint-resolution-validation",
    ),
    (roles_anywhere, |case| case.facts.answers.api_endpoint = bad(), "api.endpoint", Error, "k8s-endpoint-network-validation"),
    (roles_anywhere, |case| case.facts.answers.api_endpoint = good("302 Found"), "api.answer", Error, "k8s-endpoint-network-validation"),
    (roles_anywhere, |case| case.facts.answers.api_authentication = bad(), "api.authentication", Error, "k8s-authentication-validation"),
    (
        roles_anywhere,
        |case| cluster(case).certificate_authority = base64(OTHER_AUTHORITY),
        "kubelet.certificate",
        Error,
        "kubelet-cert-validation",
    ),
    (
        roles_anywhere,
        |case| case.facts.answers.kubelet_certificate_signed = Some(false),
        "kubelet.certificate",
        Error,
        "kubelet-cert-validation",
    ),
    (
        roles_anywhere,
        |case| case.facts.answers.kubelet_certificate = Some("x".to_owned()),
        "kubelet.certificate-unknown",
        Warning,
        "kubelet-cert-validation",
    ),
    (roles_anywhere, |case| case.facts.kubelet = Some(Version::new(1, 35)), "kubelet.skew", Error, "kubelet-version-skew-validation"),
    (roles_anywhere, |case| case.facts.kubelet = Some(Version::new(1, 30)), "kubelet.skew", Error, "kubelet-version-skew-validation"),
    (roles_anywhere, |case| case.facts.default_interface = Some("eth1".to_owned()), "node-ip.outside", Error, "node-ip-validation"),
    (roles_anywhere, |case| case.facts.default_interface = Some("lo".to_owned()), "node-ip.none", Error, "node-ip-validation"),
    (roles_anywhere, |case| flag(case, "10.1.0.77"), "node-ip.not-local", Warning, "node-ip-validation"),
    (roles_anywhere, |case| flag(case, "10.1.0.5,10.1.0.6"), "node-ip.flag", Error, "node-ip-validation"),
    (roles_anywhere, |case| flag(case, "2001:db8::1"), "node-ip.flag", Error, "node-ip-validation"),
    (roles_anywhere, |case| flag(case, "127.0.0.1"), "node-ip.flag", Error, "node-ip-validation"),
    (roles_anywhere, |case| flag(case, "eth0"), "node-ip.flag", Error, "node-ip-validation"),
    (
        roles_anywhere,
        |case| cluster(case).authentication_mode = Some("CONFIG_MAP".to_owned()),
        "access.config-map",
        Warning,
        "cluster-access-validation",
    ),
    (
        roles_anywhere,
        |case| case.facts.answers.access_entries = Some(Answer::Forbidden("no".to_owned())),
        "access.unread",
        Warning,
        "cluster-access-validation",
    ),
    (roles_anywhere, |case| case.facts.answers.access_entries = bad(), "access.unread", Warning, "cluster-access-validation"),
    (
        roles_anywhere,
        |case| {
            case.facts.answers.access_entries =
                good("arn:aws:iam::123456789012:role/hybrid STANDARD\narn:aws:iam::123456789012:role/other -")
        },
        "access.type",
        Error,
        "cluster-access-validation",
    ),
    (
        roles_anywhere,
        |case| case.facts.answers.access_entries = good("arn:aws:iam::123456789012:role/hybridge HYBRID_LINUX"),
        "access.no-entry",
        Error,
        "cluster-access-validation",
    ),
    (
        roles_anywhere,
        |case| case.facts.answers.caller = good("arn:aws:iam::123456789012:user/me"),
        "access.caller",
        Error,
        "cluster-access-validation",
    ),
    (
        roles_anywhere,
        |case| {
            cluster(case).authentication_mode = Some("API_AND_CONFIG_MAP".to_owned());
            case.facts.answers.access_entries = good("");
        },
        "access.no-entry",
        Warning,
        "cluster-access-validation",
    ),
];

#[test]
fn each_trouble_has_its_finding_with_a_fix_and_can_be_skipped() {
    for (number, (base, change, code, severity, skip)) in CASES.into_iter().enumerate() {
        let mut case = base();
        change(&mut case);
        let findings = run(&case, &[]);
        let found = findings.iter().find(|finding| finding.code == code);
        assert!(found.is_some_and(|finding| finding.severity == severity && finding.fix.is_some()), "{number} {code}: {findings:?}");
        assert!(run(&case, &[skip]).iter().all(|finding| finding.code != code), "{skip} does not skip {code}");
        // The others say nothing of it; an authority's certificate in the node's place has the wrong name too.
        assert!(findings.iter().all(|finding| finding.code == code || finding.code == "certificate.name"), "{number} {code}: {findings:?}");
    }
}

fn certificate(case: &mut Case) -> &mut CertificateFacts {
    case.facts.certificate.as_mut().unwrap()
}

fn cluster(case: &mut Case) -> &mut ClusterFacts {
    case.facts.cluster.as_mut().unwrap()
}

fn named(case: &mut Case, name: &str) {
    case.config.hybrid.as_mut().unwrap().iam_roles_anywhere.as_mut().unwrap().node_name = name.to_owned();
}

fn registered(case: &mut Case, text: &str) {
    case.facts.files.insert(crate::hybrid::ssm::REGISTRATION.to_owned(), text.to_owned());
}

fn mounted(case: &mut Case, path: &str, option: &str) {
    let mount = |path: &str, option: &str| Mount { path: path.to_owned(), options: vec![option.to_owned()], ..Mount::default() };
    case.facts.mounts = vec![mount("/", "rw"), mount(path, option)];
}

fn flag(case: &mut Case, address: &str) {
    case.config.kubelet.flags = vec!["--node-ip=1.1.1.1".to_owned(), format!("--node-ip={address}")];
}

fn shift(time: Timestamp, hours: i64) -> Timestamp {
    time.checked_add(SignedDuration::from_hours(hours)).unwrap()
}

#[test]
fn the_address_is_the_one_that_kubelet_would_take() {
    // The documents of upstream's case init-with-node-ip-validation, with its remote network.
    for (address, outside) in [("172.16.0.1", false), ("1.2.3.4", true)] {
        let mut case = roles_anywhere();
        case.config.kubelet.flags = vec![format!("--node-ip={address}")];
        cluster(&mut case).remote_node_networks = Some(vec!["172.16.0.0/16".to_owned()]);
        assert_eq!(run(&case, &[]).iter().any(|finding| finding.severity == Severity::Error), outside, "{address}");
    }
    // By name before the default route's interface, but only what is on an interface.
    let mut case = roles_anywhere();
    case.facts.resolved.insert("node-1".to_owned(), ["127.0.0.1", "203.0.113.1", "192.168.1.5"].map(|text| text.parse().unwrap()).to_vec());
    let findings = run(&case, &[]);
    assert!(findings.len() == 1 && findings[0].place == "192.168.1.5", "{findings:?}");
    // 0.0.0.0 leaves the choice to kubelet.
    flag(&mut case, "0.0.0.0");
    assert_eq!(run(&case, &[])[0].place, "192.168.1.5");
}

#[test]
fn the_nearest_mount_decides_whether_programs_start() {
    let mut case = roles_anywhere();
    mounted(&mut case, "/", "noexec");
    case.facts.mounts.extend(["/usr", "/opt", "/var/lib", "/etc"].map(|path| Mount { path: path.to_owned(), ..Mount::default() }));
    assert_eq!(run(&case, &[]), []);
    mounted(&mut case, "/opt/cni", "noexec");
    assert_eq!(run(&case, &[])[0].place, "/opt/cni/bin");
    mounted(&mut case, "/opt/cn", "noexec");
    assert_eq!(run(&case, &[]), []);
}

#[test]
fn old_kubelets_are_allowed_as_kubernetes_allows_them() {
    for (server, kubelet, allowed) in [("1.34", 31, true), ("1.34", 30, false), ("1.34", 34, true), ("1.27", 25, true), ("1.27", 24, false)]
    {
        let mut case = roles_anywhere();
        cluster(&mut case).version = Some(server.to_owned());
        case.facts.kubelet = Some(Version::new(1, kubelet));
        assert_eq!(run(&case, &[]).is_empty(), allowed, "{server} {kubelet}");
    }
}

#[test]
fn an_access_entry_whose_type_may_not_be_read_is_enough() {
    let mut case = roles_anywhere();
    case.facts.answers.access_entries = good("arn:aws:iam::123456789012:role/hybrid -");
    assert_eq!(run(&case, &[]), []);
}
