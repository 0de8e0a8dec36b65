use super::*;

#[test]
fn proxies_that_disagree_are_told() {
    let cases: [(Change, &str, &str); 6] = [
        (|case| drop(case.facts.answers.proxy_files.remove(DROP_IN)), "proxy.service", "kubelet.service"),
        (|case| set(case, DROP_IN, "HTTPS_PROXY", "http://other:1"), "proxy.differs", DROP_IN),
        (|case| set(case, DROP_IN, "https_proxy", "http://other:1"), "proxy.case", DROP_IN),
        (|case| set(case, "environment", "https_proxy", "http://other:1"), "proxy.case", "environment"),
        (|case| drop(case.facts.answers.proxy_files.remove("/etc/apt/apt.conf.d/proxy")), "proxy.packages", "package manager"),
        (|case| case.facts.proxies.push("no_proxy".to_owned()), "proxy.service", "kubelet.service"),
    ];
    for (change, code, place) in cases {
        let mut case = proxied();
        change(&mut case);
        let findings = run(&case, &[]);
        assert!(findings.iter().any(|finding| finding.code == code && finding.place == place), "{code}: {findings:?}");
        assert!(findings.iter().all(|finding| finding.fix.is_some()));
        assert_eq!(run(&case, &["proxy-validation"]), []);
    }
}

#[test]
fn a_service_may_get_its_proxy_from_any_place_that_systemd_reads() {
    for path in [
        "/etc/systemd/system/kubelet.service.d/a.conf",
        "/run/systemd/system/kubelet.service.d/a.conf",
        "/etc/systemd/system.conf.d/environment.conf",
        "/usr/lib/systemd/system/kubelet.service",
        "/run/systemd/system.conf.d/proxy.conf",
        "/etc/systemd/system.conf",
    ] {
        let mut case = proxied();
        let value = case.facts.answers.proxy_files.remove(DROP_IN).unwrap();
        case.facts.answers.proxy_files.insert(path.to_owned(), value);
        assert_eq!(run(&case, &[]), [], "{path}");
    }
    let mut case = proxied();
    case.facts.answers.proxy_files.remove(DROP_IN);
    let variables = case.config.instance.environment.entry("kubelet".to_owned()).or_default();
    variables.insert("HTTPS_PROXY".to_owned(), "http://user:word@proxy:3128".to_owned());
    assert_eq!(run(&case, &[]), [], "the document gives it");
}

fn set(case: &mut Case, file: &str, name: &str, value: &str) {
    case.facts.answers.proxy_files.get_mut(file).unwrap().insert(name.to_owned(), value.to_owned());
}
