//! The default credential chain, which reads the environment: each test runs itself again as a process of its own.

use std::process::{Command, Output};

use super::*;

/// Set in the second process, where it names the EC2 endpoint.
const CHILD: &str = "AWS_ENDPOINT_URL_EC2";
const TABLES: &str = "<DescribeRouteTablesResponse><routeTableSet/></DescribeRouteTablesResponse>";

/// Runs the test `name` again with nothing but `vars` in its environment.
async fn run_again(name: &str, vars: Vec<(&'static str, String)>) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("ec2::tests::credentials::{name}"), "--nocapture"]).env_clear().envs(vars);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

/// What the second process does: one read with the environment that it was given.
async fn call() -> Result<usize, Ec2Error> {
    let network = Network::from_env().unwrap();
    let ec2 = Ec2::connect("eu-west-1", &network).await;
    ec2.route_tables(&[table("rtb-0a")]).await.map(|tables| tables.len())
}

fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// Runs the test again and expects its call to be signed with `key`.
async fn expect_key(name: &str, key: &str, vars: Vec<(&'static str, String)>) {
    let ec2 = Fake::start(|_| Reply::ok(TABLES)).await;
    let vars = vars.into_iter().chain([(CHILD, ec2.url())]).collect();
    let output = run_again(name, vars).await;
    assert!(output.status.success(), "{output:?}");
    let seen = ec2.seen();
    assert_eq!(seen.len(), 1, "{output:?}");
    let signed = seen[0].header("authorization").unwrap();
    assert!(signed.contains(&format!("Credential={key}/")), "{signed}");
}

/// The answer of the container and the instance role sources ("IAM roles for Amazon EC2", EC2 user guide).
fn role(key: &str) -> String {
    format!(
        r#"{{"Code": "Success", "LastUpdated": "2026-01-01T00:00:00Z", "Type": "AWS-HMAC", "AccessKeyId": "{key}", "SecretAccessKey": "{SECRET}",
        "Token": "{SESSION}", "Expiration": "2126-01-01T00:00:00Z"}}"#
    )
}

/// A proxy that nobody may ask for credentials.
async fn no_proxy_for_this() -> Fake {
    Fake::start(|_| Reply::Answer(500, "", String::new())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_the_environment_sign_the_call() {
    if is_child() {
        return assert_eq!(call().await.unwrap(), 0);
    }
    let vars = vec![("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT".into()), ("AWS_SECRET_ACCESS_KEY", SECRET.into())];
    expect_key("keys_of_the_environment_sign_the_call", "AKIAENVIRONMENT", vars).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_signs_the_call() {
    if is_child() {
        return assert_eq!(call().await.unwrap(), 0);
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("[site]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = {SECRET}\n")).unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    let vars = vec![("AWS_PROFILE", "site".into()), ("AWS_SHARED_CREDENTIALS_FILE", path), ("AWS_CONFIG_FILE", "/dev/null".into())];
    expect_key("a_profile_signs_the_call", "AKIAPROFILE", vars).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_identity_token_is_exchanged_at_sts_for_keys() {
    if is_child() {
        return assert_eq!(call().await.unwrap(), 0);
    }
    let sts = Fake::start(|_| {
        Reply::ok(format!(
            "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleWithWebIdentityResult><Credentials>\
             <SessionToken>{SESSION}</SessionToken><SecretAccessKey>{SECRET}</SecretAccessKey><Expiration>2126-01-01T00:00:00Z</Expiration>\
             <AccessKeyId>ASIAWEBIDENTITY</AccessKeyId></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
        ))
    })
    .await;
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), "the.web.token").unwrap();
    let vars = vec![
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.path().to_str().unwrap().to_owned()),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/gateway".into()),
        ("AWS_ENDPOINT_URL_STS", sts.url()),
    ];
    expect_key("a_web_identity_token_is_exchanged_at_sts_for_keys", "ASIAWEBIDENTITY", vars).await;
    assert!(sts.seen()[0].body.contains("WebIdentityToken=the.web.token"));
}

#[tokio::test(flavor = "multi_thread")]
async fn container_credentials_are_fetched_without_a_proxy() {
    if is_child() {
        return assert_eq!(call().await.unwrap(), 0);
    }
    let agent = Fake::start(|_| Reply::ok(role("ASIACONTAINER"))).await;
    let proxy = no_proxy_for_this().await;
    let vars = vec![
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/v1/credentials", agent.url())),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "the-pod-token".into()),
        ("HTTP_PROXY", proxy.url()),
    ];
    expect_key("container_credentials_are_fetched_without_a_proxy", "ASIACONTAINER", vars).await;
    assert_eq!(agent.seen()[0].header("authorization"), Some("the-pod-token"));
    assert_eq!(proxy.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_instance_role_is_fetched_without_a_proxy() {
    if is_child() {
        return assert_eq!(call().await.unwrap(), 0);
    }
    let metadata = Fake::start(|request| match request.line.split(' ').nth(1).unwrap_or_default() {
        "/latest/api/token" => Reply::Answer(200, "x-aws-ec2-metadata-token-ttl-seconds: 21600\r\n", "token".into()),
        "/latest/meta-data/iam/security-credentials/" => Reply::ok("gateway-role"),
        "/latest/meta-data/iam/security-credentials/gateway-role" => Reply::ok(role("ASIAINSTANCE")),
        _ => Reply::Answer(404, "", String::new()),
    })
    .await;
    let proxy = no_proxy_for_this().await;
    // An address of this host, but none of those that are never proxied anyway.
    let endpoint = format!("http://0.0.0.0:{}", metadata.address.port());
    let vars = vec![("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint), ("HTTP_PROXY", proxy.url())];
    expect_key("the_instance_role_is_fetched_without_a_proxy", "ASIAINSTANCE", vars).await;
    assert_eq!(proxy.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_are_no_credentials_the_places_are_named() {
    if is_child() {
        let error = call().await.unwrap_err();
        assert!(matches!(error, Ec2Error::Credentials { none_found: true, .. }) && !error.outcome_unknown(), "{error:?}");
        for place in ["AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "Pod Identity", "instance role"] {
            assert!(error.fix().unwrap().contains(place), "{:?}", error.fix());
        }
        return println!("told: {}", told(&error));
    }
    let vars = vec![("AWS_EC2_METADATA_DISABLED", "true".into())];
    let told = error_of("where_there_are_no_credentials_the_places_are_named", vars).await;
    assert!(told.contains("told: DescribeRouteTables rtb-0a: no AWS credentials: "), "{told}");
}

/// Runs the test again, where it must print the error of its call, and returns what it printed.
async fn error_of(name: &str, vars: Vec<(&'static str, String)>) -> String {
    let ec2 = Fake::start(|_| Reply::ok(TABLES)).await;
    let vars = vars.into_iter().chain([(CHILD, ec2.url()), ("HOME", "/nonexistent".into())]).collect();
    let output = run_again(name, vars).await;
    assert!(output.status.success() && ec2.seen().is_empty(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_sts_refuses_is_told() {
    if is_child() {
        let error = call().await.unwrap_err();
        assert!(matches!(error, Ec2Error::Credentials { none_found: false, .. }), "{error:?}");
        return println!("told: {}", told(&error));
    }
    let sts = Fake::start(|_| {
        let body = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>\
                    <Message>Not authorized to perform sts:AssumeRoleWithWebIdentity</Message></Error><RequestId>1</RequestId></ErrorResponse>";
        Reply::Answer(403, "", body.into())
    })
    .await;
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), "the.web.token").unwrap();
    let vars = vec![
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.path().to_str().unwrap().to_owned()),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/gateway".into()),
        ("AWS_ENDPOINT_URL_STS", sts.url()),
    ];
    let told = error_of("a_role_that_sts_refuses_is_told", vars).await;
    assert!(told.contains("AccessDenied") && told.contains("Not authorized to perform"), "{told}");
    assert!(!told.contains("the.web.token"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_metadata_service_does_not_hold_up_a_call_for_long() {
    if is_child() {
        let start = std::time::Instant::now();
        let error = call().await.unwrap_err();
        assert!(matches!(error, Ec2Error::Credentials { .. }), "{error:?}");
        assert!(start.elapsed() < Duration::from_secs(7), "{:?}", start.elapsed());
        return println!("told in {:?}: {}", start.elapsed(), told(&error));
    }
    let metadata = Fake::start(|_| Reply::Silence).await;
    let vars = vec![("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.url())];
    let told = error_of("a_silent_metadata_service_does_not_hold_up_a_call_for_long", vars).await;
    assert!(told.contains("could not communicate with IMDS") && told.contains("no answer within 800 ms"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_without_certificates_says_so() {
    if is_child() {
        // With the endpoint the child is told to ask, over TLS.
        let error = call().await.unwrap_err();
        assert!(matches!(error, Ec2Error::Unreachable { .. }), "{error:?}");
        return println!("told: {}", told(&error));
    }
    let vars = vec![
        ("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT".into()),
        ("AWS_SECRET_ACCESS_KEY", SECRET.into()),
        ("SSL_CERT_FILE", "/nowhere/ca.pem".into()),
        (CHILD, "https://localhost:9".into()),
    ];
    let output = run_again("a_host_without_certificates_says_so", vars).await;
    assert!(output.status.success(), "{output:?}");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains("no CA certificate on this host") && stdout.contains("/nowhere/ca.pem"), "{output:?}");
}
