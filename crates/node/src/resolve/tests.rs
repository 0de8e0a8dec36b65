use super::*;
use crate::validate::Skips;

const EC2: &str = r#"{"cluster":{"name":"c","apiServerEndpoint":"https://example.com","certificateAuthority":"Y2VydGlmaWNhdGVBdXRob3JpdHk=","cidr":"10.100.0.0/16"}}"#;

fn config(text: &str) -> NodeConfig {
    let mut config: NodeConfig = serde_json::from_str(text).unwrap();
    if config.hybrid.is_some() || !config.cluster.region.is_empty() {
        config.shape = Shape::Hybrid;
    }
    config
}

fn roles_anywhere() -> NodeConfig {
    config(r#"{"cluster":{"name":"c","region":"eu-west-1"},"hybrid":{"iamRolesAnywhere":{"nodeName":"node-1"}}}"#)
}

fn activation() -> NodeConfig {
    config(r#"{"cluster":{"name":"c","region":"eu-west-1"},"hybrid":{"ssm":{"activationId":"i"}}}"#)
}

fn facts() -> Facts {
    Facts {
        kubelet: Some(Version::new(1, 34)),
        containerd: Some(Version::new(2, 0)),
        instance: Some(InstanceFacts {
            id: "i-1".to_owned(),
            region: "us-west-2".to_owned(),
            private_dns_name: Some("ip-1.ec2.internal".to_owned()),
            ..InstanceFacts::default()
        }),
        cluster: Some(ClusterFacts {
            status: "ACTIVE".to_owned(),
            version: Some("1.34".to_owned()),
            endpoint: "https://ABC.gr7.eu-west-1.eks.amazonaws.com".to_owned(),
            certificate_authority: STANDARD.encode("described"),
            service_ipv4_cidr: Some("172.20.0.0/16".to_owned()),
            remote_node_networks: Some(vec!["10.0.0.0/8".to_owned()]),
            ..ClusterFacts::default()
        }),
        files: [(ssm::REGISTRATION.to_owned(), r#"{"ManagedInstanceID":"mi-7","Region":"eu-west-1"}"#.to_owned())].into(),
        ..Facts::default()
    }
}

#[test]
fn an_ec2_node_takes_its_name_and_region_from_the_instance() {
    let resolved = resolve(&config(EC2), &facts(), Plugins::Builtin, "/h").unwrap();
    let node = resolved.node();
    assert_eq!((node.name, node.region, node.cluster.host.as_str()), ("ip-1.ec2.internal", "us-west-2", "example.com"));
    assert_eq!(node.cluster.certificate_authority, "certificateAuthority");
    let mut gated = config(EC2);
    gated.feature_gates.insert(INSTANCE_ID_NODE_NAME.to_owned(), true);
    let mut facts = facts();
    facts.instance.as_mut().unwrap().private_dns_name = None;
    assert_eq!(resolve(&gated, &facts, Plugins::Builtin, "/h").unwrap().name, "i-1");
}

#[test]
fn a_node_outside_takes_from_eks_what_the_document_leaves_out() {
    let resolved = resolve(&roles_anywhere(), &facts(), Plugins::Builtin, "/h").unwrap();
    assert_eq!((resolved.name.as_str(), resolved.region.as_str()), ("node-1", "eu-west-1"));
    assert_eq!(resolved.cluster.service_cidr.to_string(), "172.20.0.0/16");
    assert_eq!(resolved.cluster.certificate_authority, "described");
    let mut partly = roles_anywhere();
    partly.cluster.cidr = "10.1.0.0/16".to_owned();
    assert_eq!(resolve(&partly, &facts(), Plugins::Builtin, "/h").unwrap().cluster.service_cidr.to_string(), "10.1.0.0/16");
    assert_eq!(resolve(&activation(), &facts(), Plugins::Builtin, "/h").unwrap().name, "mi-7");
}

#[test]
fn a_document_of_hybrid_shape_without_its_block_is_a_node_on_ec2() {
    let old = config(&EC2.replace(r#""name":"c""#, r#""name":"c","region":"eu-north-1""#));
    let resolved = resolve(&old, &facts(), Plugins::External, "/h").unwrap();
    assert_eq!((resolved.name.as_str(), resolved.region.as_str()), ("ip-1.ec2.internal", "eu-north-1"));
    assert_eq!(resolve(&old, &Facts { instance: None, ..facts() }, Plugins::External, "/h").unwrap_err()[0].code, "facts.instance");
}

type Change = fn(&mut NodeConfig, &mut Facts);
type Missing = (fn() -> NodeConfig, Change, &'static [&'static str]);

#[test]
fn each_thing_that_is_missing_has_its_finding() {
    let cases: [Missing; 16] = [
        (|| config(EC2), |_, facts| facts.instance = None, &["facts.instance"]),
        (|| config(EC2), |_, facts| facts.instance.as_mut().unwrap().private_dns_name = None, &["node.name"]),
        (|| config(EC2), |_, facts| facts.instance.as_mut().unwrap().region.clear(), &["cluster.region"]),
        (|| config(EC2), |config, _| config.cluster.cidr.clear(), &["cluster.incomplete"]),
        (|| config(EC2), |config, _| config.cluster.cidr = "10.100.0.0".to_owned(), &["cluster.cidr"]),
        (|| config(EC2), |config, _| config.cluster.api_server_endpoint = "https://".to_owned(), &["cluster.endpoint"]),
        (|| config(EC2), |config, _| config.cluster.certificate_authority = "%".to_owned(), &["cluster.certificate-authority"]),
        (|| config(EC2), |_, facts| facts.kubelet = None, &["node.not-installed"]),
        (roles_anywhere, |_, facts| facts.containerd = None, &["node.not-installed"]),
        (roles_anywhere, |_, facts| facts.cluster = None, &["cluster.unknown"]),
        (roles_anywhere, |_, facts| facts.cluster.as_mut().unwrap().status = "CREATING".to_owned(), &["cluster.inactive"]),
        (roles_anywhere, |_, facts| facts.cluster.as_mut().unwrap().remote_node_networks = None, &["cluster.remote-networks"]),
        (roles_anywhere, |_, facts| facts.cluster.as_mut().unwrap().service_ipv4_cidr = None, &["cluster.ipv6"]),
        (activation, |_, facts| facts.files.clear(), &["ssm.unregistered"]),
        (activation, |_, facts| drop(facts.files.insert(ssm::REGISTRATION.to_owned(), "{}".to_owned())), &["ssm.registration"]),
        (
            || config(EC2),
            |config, facts| {
                config.cluster.cidr = "x".to_owned();
                *facts = Facts::default();
            },
            &["facts.instance", "cluster.cidr", "node.not-installed", "node.not-installed"],
        ),
    ];
    for (base, change, codes) in cases {
        let (mut config, mut facts) = (base(), facts());
        change(&mut config, &mut facts);
        let findings = resolve(&config, &facts, Plugins::Builtin, "/h").unwrap_err();
        assert_eq!(findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), codes, "{findings:?}");
        assert!(findings.iter().all(|finding| finding.fix.is_some()), "{findings:?}");
    }
}

#[test]
fn why_a_fact_is_missing_is_told() {
    let facts = Facts { cluster: None, missing: [("cluster".to_owned(), "AccessDeniedException".to_owned())].into(), ..facts() };
    let findings = resolve(&roles_anywhere(), &facts, Plugins::Builtin, "/h").unwrap_err();
    assert!(findings[0].what.ends_with(": AccessDeniedException"), "{findings:?}");
}

#[test]
fn nothing_is_asked_that_a_configuration_does_not_need() {
    let plain = wanted(&config(EC2));
    assert!(plain.instance && plain.private_dns_name && plain.instance_type && !plain.cluster && !plain.disks && !plain.system);
    assert!(plain.questions.is_empty() && plain.names.is_empty() && plain.certificate.is_none());
    let mut lean = config(EC2);
    lean.feature_gates.insert(INSTANCE_ID_NODE_NAME.to_owned(), true);
    lean.kubelet.config.insert("maxPods".to_owned(), 20.into());
    let lean = wanted(&lean);
    assert!(lean.instance && !lean.private_dns_name && !lean.instance_type);

    let mut outpost = config(EC2);
    outpost.cluster.enable_outpost = Some(true);
    assert!(wanted(&outpost).names.contains("example.com"));

    let outside = wanted(&roles_anywhere());
    assert!(!outside.instance && outside.cluster && outside.system && outside.names.contains("node-1"));
    assert_eq!(outside.certificate.as_ref().unwrap().certificate, "/etc/iam/pki/server.pem");
    assert!(outside.questions.contains(&Question::RolesAnywhereEndpoint) && !outside.questions.contains(&Question::SsmEndpoint));

    let by_agent = wanted(&activation());
    assert!(by_agent.files.contains(ssm::REGISTRATION) && by_agent.certificate.is_none());
    let skips = Skips::parse(&["ssm-api-network,proxy-validation".to_owned()]).unwrap();
    let fewer = by_agent.clone().without(&skips);
    assert_eq!(by_agent.questions.difference(&fewer.questions).copied().collect::<Vec<_>>(), [Question::SsmEndpoint, Question::ProxyFiles]);
    let skips = Skips::parse(&["credentials-validation".to_owned()]).unwrap();
    assert!(outside.without(&skips).certificate.is_none());
}
