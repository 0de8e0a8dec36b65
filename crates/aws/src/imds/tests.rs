use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::*;
use crate::fake::{Fake, Reply, Request};

/// As in the EC2 user guide, "Instance identity documents".
const DOCUMENT: &str = r#"{
  "accountId" : "123456789012", "architecture" : "x86_64", "availabilityZone" : "us-west-2-lax-1a", "billingProducts" : null,
  "devpayProductCodes" : null, "marketplaceProductCodes" : null, "imageId" : "ami-5fb8c835", "instanceId" : "i-1234567890abcdef0",
  "instanceType" : "t2.micro", "kernelId" : null, "pendingTime" : "2016-11-19T16:32:11Z", "privateIp" : "10.158.112.84",
  "ramdiskId" : null, "region" : "us-west-2", "version" : "2017-09-30"
}"#;

fn service(request: &Request) -> Reply {
    match request.line.as_str() {
        "PUT /latest/api/token HTTP/1.1" if request.header(TTL_HEADER) == Some("60") => {
            Reply::Answer(200, "x-aws-ec2-metadata-token-ttl-seconds: 60\r\nServer: EC2ws\r\n", "AQAEAAxx==".into())
        }
        "GET /latest/dynamic/instance-identity/document HTTP/1.1" if request.header(TOKEN_HEADER) == Some("AQAEAAxx==") => {
            Reply::Answer(200, "Server: EC2ws\r\n", DOCUMENT.into())
        }
        _ => Reply::Answer(401, "Server: EC2ws\r\n", String::new()),
    }
}

async fn ask(endpoint: &str) -> (Result<Identity, ImdsError>, Duration) {
    let start = Instant::now();
    let result = instance_identity(&Metadata { endpoint: endpoint.into(), disabled: false }).await;
    (result, start.elapsed())
}

async fn ask_fake(reply: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> (ImdsError, usize, Duration) {
    let fake = Fake::start(reply).await;
    let (result, took) = ask(&fake.url()).await;
    (result.unwrap_err(), fake.seen().len(), took)
}

#[tokio::test]
async fn region_and_instance_come_from_the_identity_document() {
    let fake = Fake::start(service).await;
    let (identity, _) = ask(&fake.url()).await;
    // In a Local Zone the region is not the zone's name without its last letter.
    assert_eq!(identity.unwrap(), Identity { region: "us-west-2".into(), instance: "i-1234567890abcdef0".parse().unwrap() });
    assert_eq!(fake.seen().len(), 2);
}

#[tokio::test]
async fn a_token_that_never_comes_is_told_as_the_hop_limit() {
    let (error, requests, took) = ask_fake(|_| Reply::Silence).await;
    assert!(matches!(error, ImdsError::NoToken { .. }), "{error}");
    assert!(error.fix().contains("--http-put-response-hop-limit 2") && error.fix().contains("AWS_INSTANCE_ID"), "{}", error.fix());
    assert_eq!(requests, 3);
    assert!(took < Duration::from_millis(4500), "{took:?}");
}

#[tokio::test]
async fn silence_after_the_token_is_bounded_too() {
    let (error, _, took) = ask_fake(|request| if request.line.starts_with("PUT") { service(request) } else { Reply::Silence }).await;
    assert!(matches!(error, ImdsError::NoAnswer { .. }), "{error}");
    assert!(took < Duration::from_millis(4500), "{took:?}");
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let body = "x".repeat(1 << 20);
    let (error, _, _) = ask_fake(move |_| Reply::Answer(200, "", body.clone())).await;
    assert!(matches!(error, ImdsError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn a_service_that_is_turned_off_is_not_asked_again() {
    let (error, requests, _) = ask_fake(|_| Reply::Answer(403, "Server: EC2ws\r\n", String::new())).await;
    assert!(matches!(error, ImdsError::Forbidden { .. }), "{error}");
    assert!(error.fix().contains("--http-endpoint enabled"));
    assert_eq!(requests, 1);
}

#[tokio::test]
async fn another_web_server_is_told_by_what_it_calls_itself() {
    for (status, headers, body, named) in [
        (403, "Via: 1.1 proxy.corp (squid/5.7)\r\n", "<html>denied</html>", "`1.1 proxy.corp (squid/5.7)`"),
        (200, "Server: nginx\r\n", "<html>login</html>", "`nginx`"),
        (200, "", "no-lifetime-is-repeated", "another web server"),
        (404, "", "", "another web server"),
        (405, "Server: kiam\r\n", "", "`kiam`"),
        (502, "Server: squid\r\n", "", "`squid`"),
    ] {
        let (error, requests, _) = ask_fake(move |_| Reply::Answer(status, headers, body.into())).await;
        assert!(matches!(error, ImdsError::Foreign { .. }), "{error}");
        assert!(error.to_string().starts_with(named), "{error}");
        assert_eq!(requests, 1);
    }
}

#[tokio::test]
async fn one_failure_passes() {
    let failed = std::sync::atomic::AtomicBool::new(false);
    let fake = Fake::start(move |request| {
        if failed.swap(true, std::sync::atomic::Ordering::SeqCst) { service(request) } else { Reply::Answer(503, "", String::new()) }
    })
    .await;
    assert!(ask(&fake.url()).await.0.is_ok());
}

#[tokio::test]
async fn a_refused_connection_and_a_bad_document_are_told() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (result, took) = ask(&format!("http://{closed}")).await;
    let error = result.unwrap_err();
    assert!(matches!(error, ImdsError::Unreachable { .. }), "{error}");
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("Connection refused"), "{error:?}");
    assert!(took < Duration::from_millis(4500), "{took:?}");

    for document in ["{}", r#"{"region": "eu-west-1", "instanceId": "mi-0a"}"#, "<html/>"] {
        let reply = move |request: &Request| if request.line.starts_with("PUT") { service(request) } else { Reply::ok(document) };
        assert!(matches!(ask_fake(reply).await.0, ImdsError::Document { .. }));
    }
    assert!(matches!(ask("169.254.169.254").await.0, Err(ImdsError::Endpoint { .. })));
}

#[tokio::test]
async fn who_forbids_to_ask_is_obeyed() {
    let fake = Fake::start(service).await;
    let result = instance_identity(&Metadata { endpoint: fake.url(), disabled: true }).await;
    assert!(matches!(result, Err(ImdsError::Disabled)));
    assert!(fake.seen().is_empty());
}

#[test]
fn settings_come_from_the_variables_of_the_sdks() {
    let read = |vars: &[(&str, &str)]| Metadata::from_vars(|name| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()));
    assert_eq!(read(&[]), Metadata::default());
    assert_eq!(read(&[("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6")]).endpoint, IPV6_ENDPOINT);
    let both = [("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6"), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://10.0.0.1:1338/")];
    assert_eq!(read(&both).endpoint, "http://10.0.0.1:1338");
    assert!(read(&[("AWS_EC2_METADATA_DISABLED", "True")]).disabled);
    assert!(!read(&[("AWS_EC2_METADATA_DISABLED", "1")]).disabled);
}
