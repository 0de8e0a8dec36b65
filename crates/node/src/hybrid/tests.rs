use super::*;
use crate::facts::{Firewall, FirewallKind, Swap};
use crate::plan::Edit;

const HELPER_CONFIG: &str = include_str!("../../../../tests/fixtures/nodeadm/hybrid/hybrid-node-system-aspects/expected-aws-config");
const SYSCTL: &str = include_str!("../../../../tests/fixtures/nodeadm/hybrid/hybrid-node-system-aspects/expected-99-nodeadm.conf");
const AGENT_CONFIG: &str = include_str!("../../../../tests/fixtures/nodeadm/hybrid/install-with-ssm/expected-ssm-agent-config.json");

fn config(spec: &str) -> NodeConfig {
    serde_json::from_str(spec).unwrap()
}

/// The document of the case hybrid-node-system-aspects, with `more` in its Roles Anywhere settings.
fn roles_anywhere(share: bool, more: &str) -> NodeConfig {
    config(&format!(
        r#"{{"cluster":{{"name":"my-cluster","region":"us-west-2"}},"hybrid":{{"enableCredentialsFile":{share},"iamRolesAnywhere":{{
            "nodeName":"mock-hybrid-node","awsConfigPath":"/.aws/config","roleArn":"arn:aws:iam::123456789010:role/mockHybridNodeRole",
            "profileArn":"arn:aws:iam::123456789010:instance-profile/mockHybridNodeRole",
            "trustAnchorArn":"arn:aws:acm-pca:us-west-2:123456789010:certificate-authority/fc32b514-4aca-4a4b-91a5-602294a6f4b7"{more}}}}}}}"#
    ))
}

fn ssm_config(share: bool) -> NodeConfig {
    config(&format!(
        r#"{{"cluster":{{"name":"c","region":"us-west-2"}},"hybrid":{{"enableCredentialsFile":{share},
            "ssm":{{"activationCode":"not-to-be-seen-anywhere","activationId":"fc32b514-4aca-4a4b-91a5-602294a6f4b7"}}}}}}"#
    ))
}

fn agent_facts() -> Facts {
    Facts { programs: vec![ssm::AGENTS[0].to_owned()], ..Facts::default() }
}

fn file<'a>(steps: &'a [Step], path: &str) -> &'a File {
    let is_it = |step: &'a Step| if let Step::Write(file) = step { Some(file).filter(|file| file.path == path) } else { None };
    steps.iter().find_map(is_it).unwrap_or_else(|| panic!("no {path} in {steps:?}"))
}

#[test]
fn the_aws_configuration_is_that_of_upstream_to_the_byte() {
    let steps = credentials(&roles_anywhere(false, ""), &Facts::default(), Plugins::External, "/usr/local/bin/hybridge").unwrap();
    assert_eq!(file(&steps, "/.aws/config").content, HELPER_CONFIG);
    assert_eq!(steps.len(), 1);
}

#[test]
fn built_in_the_same_flags_go_to_this_program() {
    let steps = credentials(&roles_anywhere(false, ""), &Facts::default(), Plugins::Builtin, "/usr/local/bin/hybridge").unwrap();
    let expected = HELPER_CONFIG.replace("/usr/local/bin/aws_signing_helper credential-process", "/usr/local/bin/hybridge sign");
    assert_eq!(file(&steps, "/.aws/config").content, expected);
}

#[test]
fn a_proxy_is_passed_on_wherever_it_is_set() {
    let by_shell = Facts { proxies: vec!["https_proxy".to_owned()], ..Facts::default() };
    let only_exceptions = Facts { proxies: vec!["NO_PROXY".to_owned()], ..Facts::default() };
    let mut documented = roles_anywhere(false, "");
    documented.instance.environment.entry("default".to_owned()).or_default().insert("HTTPS_PROXY".to_owned(), "http://p".to_owned());
    for (config, facts, expected) in [
        (roles_anywhere(false, ""), &by_shell, true),
        (roles_anywhere(false, ""), &only_exceptions, false),
        (documented, &only_exceptions, true),
    ] {
        let steps = credentials(&config, facts, Plugins::External, "/h").unwrap();
        let content = &file(&steps, "/.aws/config").content;
        assert_eq!(
            content.matches("--role-session-name mock-hybrid-node --with-proxy\n").count(),
            if expected { 2 } else { 0 },
            "{content}"
        );
    }
}

#[test]
fn words_are_quoted_for_their_readers() {
    let settings = r#","certificatePath":"/etc/my pki/a'b%c$d.pem""#;
    let steps = credentials(&roles_anywhere(true, settings), &Facts::default(), Plugins::Builtin, "/h").unwrap();
    let aws = &file(&steps, "/.aws/config").content;
    assert!(aws.contains(r"--certificate '/etc/my pki/a'\''b%c$d.pem' --private-key"), "{aws}");
    let unit = &file(&steps, "/etc/systemd/system/aws_signing_helper_update.service").content;
    assert!(unit.contains(r#"--certificate "/etc/my pki/a'b%%c$$d.pem" --private-key"#), "{unit}");
}

#[test]
fn values_that_would_begin_another_line_are_refused() {
    for name in ["a\\nb", "a\\\"b"] {
        let config = roles_anywhere(false, &format!(r#","privateKeyPath":"{name}""#));
        let findings = credentials(&config, &Facts::default(), Plugins::External, "/h").unwrap_err();
        assert_eq!(findings[0].code, "roles-anywhere.value");
        assert!(findings[0].fix.is_some() && findings.len() == 1);
    }
}

#[test]
fn shared_credentials_come_from_a_unit_of_one_name_whoever_signs() {
    for (plugins, command) in [
        (Plugins::External, "ExecStart=/usr/local/bin/aws_signing_helper update --certificate /etc/iam/pki/server.pem "),
        (Plugins::Builtin, "ExecStart=/opt/hybridge sign --certificate /etc/iam/pki/server.pem "),
    ] {
        let steps = credentials(&roles_anywhere(true, ""), &Facts::default(), plugins, "/opt/hybridge").unwrap();
        let unit = &file(&steps, "/etc/systemd/system/aws_signing_helper_update.service").content;
        assert!(unit.contains(command), "{unit}");
        let built_in = unit.contains("--write-credentials /eks-hybrid/.aws/credentials\n");
        assert_eq!(built_in, plugins == Plugins::Builtin, "{unit}");
        assert!(matches!(&steps[3], Step::Service { unit, enable: true, .. } if unit == roles_anywhere::UNIT), "{steps:?}");
        assert!(matches!(&steps[4], Step::WaitForFile { path, .. } if path == "/eks-hybrid/.aws/credentials"), "{steps:?}");
    }
    let steps = credentials(&ssm_config(true), &agent_facts(), Plugins::Builtin, "/h").unwrap();
    assert!(matches!(steps.last().unwrap(), Step::Symlink { path, target } if path == "/eks-hybrid/.aws" && target == "/root/.aws"));
}

#[test]
fn the_agent_is_configured_registered_started_and_awaited() {
    let steps = credentials(&ssm_config(false), &agent_facts(), Plugins::Builtin, "/h").unwrap();
    assert_eq!(file(&steps, ssm::CONFIG).content, AGENT_CONFIG);
    assert!(matches!(&steps[1], Step::RegisterSsm { agent, region, .. } if agent == "/usr/bin/amazon-ssm-agent" && region == "us-west-2"));
    assert!(matches!(&steps[2], Step::Service { unit, enable: true, .. } if unit == "amazon-ssm-agent.service"));
    assert!(matches!(&steps[3], Step::WaitForFile { path, wait: 120, .. } if path == "/root/.aws/credentials"));
    let shown = format!("{steps:?} {}", serde_json::to_string(&steps).unwrap());
    assert!(!shown.contains("not-to-be-seen"), "{shown}");

    let snap = Facts { programs: ssm::AGENTS.map(str::to_owned).to_vec(), ..Facts::default() };
    let steps = credentials(&ssm_config(false), &snap, Plugins::Builtin, "/h").unwrap();
    assert!(matches!(&steps[2], Step::Service { unit, .. } if unit == "snap.amazon-ssm-agent.amazon-ssm-agent.service"));
}

#[test]
fn settings_of_the_agent_that_others_made_stay() {
    let mut facts = agent_facts();
    facts.files.insert(
        ssm::CONFIG.to_owned(),
        r#"{"Mds":{"StopTimeoutMillis":1},"Identity":{"CustomIdentities":[{"InstanceID":"x"}]},"Ssm":{"Endpoint":"e","CredentialRetryMaxSleepSeconds":1}}"#.to_owned(),
    );
    let steps = credentials(&ssm_config(false), &facts, Plugins::Builtin, "/h").unwrap();
    let written: serde_json::Value = serde_json::from_str(&file(&steps, ssm::CONFIG).content).unwrap();
    assert_eq!(written["Mds"]["StopTimeoutMillis"], 1);
    assert_eq!(written["Identity"]["CustomIdentities"][0]["InstanceID"], "x");
    assert_eq!(written["Ssm"], serde_json::json!({"Endpoint": "e", "CredentialRetryMaxSleepSeconds": 60}));
    // What we wrote is what we would write.
    facts.files.insert(ssm::CONFIG.to_owned(), AGENT_CONFIG.to_owned());
    let steps = credentials(&ssm_config(false), &facts, Plugins::Builtin, "/h").unwrap();
    assert_eq!(file(&steps, ssm::CONFIG).content, AGENT_CONFIG);
}

#[test]
fn what_keeps_ssm_from_working_is_told_at_once() {
    let mut config = ssm_config(false);
    config.hybrid.as_mut().unwrap().ssm.as_mut().unwrap().activation_code = None;
    let mut facts = Facts::default();
    facts.files.insert(ssm::CONFIG.to_owned(), "{".to_owned());
    facts.files.insert(ssm::REGISTRATION.to_owned(), r#"{"ManagedInstanceID":"mi-1","Region":"eu-west-1"}"#.to_owned());
    let findings = credentials(&config, &facts, Plugins::Builtin, "/h").unwrap_err();
    assert_eq!(
        findings.iter().map(|finding| finding.code).collect::<Vec<_>>(),
        ["ssm.agent", "ssm.region", "ssm.code", "ssm.agent-config"]
    );
    assert!(findings.iter().all(|finding| finding.fix.is_some()));
    facts.files.insert(ssm::REGISTRATION.to_owned(), "{}".to_owned());
    assert_eq!(ssm::registration(&facts).unwrap_err().code, "ssm.registration");
}

#[test]
fn the_machine_gets_upstreams_kernel_settings_no_swap_and_open_ports() {
    let mut facts = Facts {
        swaps: vec![Swap { path: "/swapfile".to_owned(), partition: false }],
        firewall: Some(Firewall { kind: FirewallKind::Firewalld, open: Vec::new() }),
        ..Facts::default()
    };
    facts.files.insert("/etc/fstab".to_owned(), "/swapfile none swap sw 0 0\n".to_owned());
    let steps = system::steps(&roles_anywhere(false, ""), &facts).unwrap();
    assert_eq!(file(&steps, "/etc/sysctl.d/99-nodeadm.conf").content, SYSCTL);
    let ports = ["10250/tcp", "10256/tcp", "30000-32767/tcp"].map(str::to_owned).to_vec();
    assert_eq!(
        steps[1..],
        [
            Step::Sysctl { path: "/etc/sysctl.d/99-nodeadm.conf".to_owned() },
            Step::SwapOff { path: "/swapfile".to_owned() },
            Step::Edit { path: "/etc/fstab".to_owned(), edit: Edit::NoSwap },
            Step::OpenPorts { firewall: FirewallKind::Firewalld, ports },
        ]
    );
    facts = Facts { files: [("/etc/fstab".to_owned(), "# none\n".to_owned())].into(), ..Facts::default() };
    assert_eq!(system::steps(&roles_anywhere(false, ""), &facts).unwrap().len(), 2);
}

#[test]
fn a_swap_partition_is_refused_unless_kubelet_bears_it() {
    let partition = |path: &str| Facts { swaps: vec![Swap { path: path.to_owned(), partition: true }], ..Facts::default() };
    let mut config = roles_anywhere(false, "");
    for (path, fix) in [("/dev/sda2", "swapoff /dev/sda2"), ("/dev/zram0", "zram-generator")] {
        let findings = system::steps(&config, &partition(path)).unwrap_err();
        assert_eq!(findings[0].code, "swap.partition");
        assert!(findings[0].fix.as_ref().unwrap().contains(fix), "{findings:?}");
    }
    config.kubelet.config.insert("failSwapOn".to_owned(), false.into());
    assert_eq!(system::steps(&config, &partition("/dev/sda2")).unwrap().len(), 2);
    let findings = system::partitions(&config, &partition("/dev/sda2"));
    assert!(findings[0].severity == hybridge_report::Severity::Warning && findings[0].fix.is_some());
}
