//! What nodes become part of AWS with: certificates, keys that are never shown, and what annotations add.

use super::problems::{HEAD, hybrid, nodes};
use super::*;

/// A file with this bundle.
fn with_bundle(bundle: &str) -> String {
    let bundle: String = bundle.lines().map(|line| format!("      {line}\n")).collect();
    hybrid(&format!("  iam:\n    provider: ira\n    caBundleCert: |\n{bundle}{}", nodes("10.80.0.0/16")), "")
}

macro_rules! certificate {
    ($name:literal) => {
        include_str!(concat!("../../../../../tests/fixtures/cluster-certificates/", $name, ".pem"))
    };
}

#[test]
fn certificates_are_read_and_judged() {
    let good = certificate!("authority");
    let key = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg\n-----END PRIVATE KEY-----\n";
    for (bundle, wanted) in [
        (good.to_owned(), &[][..]),
        (format!("# ours\n{good}{}", certificate!("another")), &[]),
        (format!("{good}{good}{good}"), &["ca.many"]),
        (certificate!("leaf").to_owned(), &["ca.authority", "ca.key-usage"]),
        (certificate!("usage").to_owned(), &["ca.key-usage"]),
        (certificate!("public").to_owned(), &["ca.public"]),
        (certificate!("weak").to_owned(), &["ca.signature"]),
        ("/etc/pki/ca.pem".to_owned(), &["ca.unreadable"]),
        (good.replace("MII", "MI"), &["ca.unreadable"]),
        (good.replace("-----END CERTIFICATE-----", ""), &["ca.unreadable"]),
        (format!("{good}{key}"), &["ca.private-key"]),
    ] {
        let parsed = read(&with_bundle(&bundle));
        let codes: Vec<&str> = parsed.problems.iter().map(|problem| problem.code).collect();
        assert_eq!(codes, wanted, "{bundle}{}", told(&parsed));
        assert!(parsed.problems.iter().all(|problem| (problem.line, problem.column) == (9, 7)), "{}", told(&parsed));
    }
    for (day, code) in
        [("2120-01-02", Some("ca.expired")), ("2119-12-15", Some("ca.soon")), ("2119-11-15", None), ("2019-12-31", Some("ca.early"))]
    {
        let parsed = parse("f", &with_bundle(good), &[], format!("{day}T00:00:00Z").parse().unwrap());
        assert_eq!(parsed.problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), Vec::from_iter(code), "{day}");
        assert_eq!(parsed.config.is_some(), matches!(code, None | Some("ca.soon")), "{day}");
    }
}

#[test]
fn private_keys_are_never_shown() {
    let line = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg";
    for text in [
        format!("{HEAD}vpc:\n  cidr: |\n    -----BEGIN PRIVATE KEY-----\n    {line}\n    -----END PRIVATE KEY-----\n"),
        format!("{HEAD}-----BEGIN PRIVATE KEY-----: x\n{line}: y\n"),
        with_bundle(&format!("-----BEGIN EC PRIVATE KEY-----\n{line}\n-----END EC PRIVATE KEY-----\n")),
    ] {
        let parsed = read(&text);
        assert!(!parsed.problems.is_empty());
        let shown = told(&parsed) + &serde_json::to_string(&parsed.problems).unwrap();
        assert!(!shown.contains("MIGHAgEA"), "{shown}");
    }
}

#[test]
fn annotations_say_what_eksctl_has_no_key_for() {
    let anchor = "arn:aws:rolesanywhere:us-west-2:000011112222:trust-anchor/x";
    let file = |annotations: &str, iam: &str| {
        hybrid(&format!("  iam: {{{iam}}}\n{}", nodes("10.80.0.0/16")), "")
            .replace("region", &format!("annotations: {{{annotations}}}, region"))
    };
    let all = format!(
        "hybridge/trust-anchor-arn: '{anchor}', hybridge/profile-arn: '{}', hybridge/role-arns: 'arn:aws:iam::000011112222:role/a,arn:aws:iam::000011112222:role/b', \
         hybridge/session-name: any, hybridge/pod-routes: hybridge-gateway, hybridge/pod-identity: 'true'",
        anchor.replace("trust-anchor", "profile")
    );
    let parsed = read(&file(&all, "provider: ira"));
    assert!(parsed.config.is_some(), "{}", told(&parsed));
    let annotations = parsed.annotations;
    assert_eq!(annotations.trust_anchor_arn.as_deref(), Some(anchor));
    assert_eq!(annotations.role_arns.len(), 2);
    assert!(
        annotations.any_session_name && annotations.pod_routes_by_gateway && annotations.pod_identity && !annotations.carrier_grade_nat
    );
    for (annotation, iam, code) in [
        (format!("hybridge/trust-anchor-arn: '{anchor}'"), "provider: ssm", "annotation.provider"),
        (format!("hybridge/trust-anchor-arn: '{}'", anchor.replace("us-west-2", "us-west-1")), "provider: ira", "arn.region"),
        (
            format!("hybridge/trust-anchor-arn: '{anchor}', hybridge/profile-arn: '{}'", anchor.replace("trust-anchor", "profile")),
            "provider: ira",
            "annotation.profile",
        ),
        ("hybridge/trust-anchor-arn: x".to_owned(), "provider: ssm", "annotation.value"),
        ("hybridge/session-seconds: '899'".to_owned(), "provider: ssm", "annotation.value"),
        (
            "hybridge/role-arns: 'arn:aws:iam::000011112222:role/a arn:aws:iam::000011112222:role/a'".to_owned(),
            "provider: ssm",
            "annotation.role",
        ),
    ] {
        let parsed = read(&file(&annotation, iam));
        assert_eq!(parsed.problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), [code], "{annotation}: {}", told(&parsed));
    }
    let both = with_bundle(certificate!("authority"))
        .replace("region", &format!("annotations: {{hybridge/trust-anchor-arn: '{anchor}'}}, region"));
    assert_eq!(codes(&read(&both)), ["anchor.both 9:7"]);
}
