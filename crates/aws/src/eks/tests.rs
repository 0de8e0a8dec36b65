use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::call::Kind;
use crate::fake::{Fake, Reply, Request};

/// As in the EKS API reference, "DescribeCluster", with remote networks.
const CLUSTER: &str = r#"{"cluster": {"name": "demo", "arn": "arn:aws:eks:eu-central-1:123456789012:cluster/demo", "status": "ACTIVE",
    "version": "1.34", "endpoint": "https://ABC.gr7.eu-central-1.eks.amazonaws.com", "platformVersion": "eks.9",
    "certificateAuthority": {"data": "LS0tCg=="}, "kubernetesNetworkConfig": {"serviceIpv4Cidr": "172.20.0.0/16", "ipFamily": "ipv4"}, "accessConfig": {"authenticationMode": "API"},
    "remoteNetworkConfig": {"remoteNodeNetworks": [{"cidrs": ["10.80.0.0/16"]}, {"cidrs": ["10.82.0.0/16"]}],
                            "remotePodNetworks": [{"cidrs": ["10.85.0.0/16"]}]}}}"#;

fn json(body: &str) -> Reply {
    Reply::Answer(200, "Content-Type: application/json\r\n", body.into())
}

#[tokio::test]
async fn a_cluster_is_described_by_a_signed_request() {
    let fake = Fake::start(|_| json(CLUSTER)).await;
    let facts = Session::to_fake(&fake).cluster("demo").await.unwrap();
    assert_eq!(
        facts,
        ClusterFacts {
            status: "ACTIVE".into(),
            version: Some("1.34".into()),
            endpoint: "https://ABC.gr7.eu-central-1.eks.amazonaws.com".into(),
            certificate_authority: "LS0tCg==".into(),
            service_ipv4_cidr: Some("172.20.0.0/16".into()),
            service_ipv6_cidr: None,
            authentication_mode: Some("API".into()),
            remote_node_networks: Some(vec!["10.80.0.0/16".into(), "10.82.0.0/16".into()]),
            remote_pod_networks: vec!["10.85.0.0/16".into()],
        }
    );
    let request = &fake.seen()[0];
    assert_eq!(request.line, "GET /clusters/demo HTTP/1.1");
    let authorization = request.header("authorization").unwrap();
    assert!(authorization.contains("/eu-central-1/eks/aws4_request, SignedHeaders=host;x-amz-date,"), "{authorization}");
}

#[tokio::test]
async fn a_cluster_in_creation_has_no_endpoint_yet_and_nonsense_is_refused() {
    let fake = Fake::start(|_| json(r#"{"cluster": {"status": "CREATING"}}"#)).await;
    let facts = Session::to_fake(&fake).cluster("demo").await.unwrap();
    assert_eq!((facts.status.as_str(), facts.endpoint.as_str(), facts.remote_node_networks), ("CREATING", "", None));
    for nonsense in ["{}", "[]", "<html>", r#"{"cluster": {"status": "ACTIVE", "certificateAuthority": {"data": "?"}}}"#] {
        let fake = Fake::start(move |_| json(nonsense)).await;
        let error = Session::to_fake(&fake).cluster("demo").await.unwrap_err();
        assert!(matches!(error, CallError::Unintelligible { .. }), "{error}");
    }
}

#[tokio::test]
async fn all_pages_of_access_entries_are_read() {
    let fake = Fake::start(|request: &Request| {
        if request.line.contains("nextToken=a%2Bb%3D") {
            json(r#"{"accessEntries": ["arn:aws:iam::123456789012:role/b"]}"#)
        } else {
            json(r#"{"accessEntries": ["arn:aws:iam::123456789012:role/a"], "nextToken": "a+b="}"#)
        }
    })
    .await;
    let entries = Session::to_fake(&fake).access_entries("demo").await.unwrap();
    assert_eq!(entries, ["arn:aws:iam::123456789012:role/a", "arn:aws:iam::123456789012:role/b"]);
}

#[tokio::test]
async fn pages_without_end_are_an_error() {
    let fake = Fake::start(|_| json(r#"{"accessEntries": [], "nextToken": "again"}"#)).await;
    let error = Session::to_fake(&fake).access_entries("demo").await.unwrap_err();
    assert!(error.to_string().contains("no end after 500 pages"), "{error}");
}

#[tokio::test]
async fn the_type_of_an_entry_is_asked_by_its_principal() {
    let fake = Fake::start(|_| json(r#"{"accessEntry": {"type": "HYBRID_LINUX"}}"#)).await;
    let principal = "arn:aws:iam::123456789012:role/Hybrid";
    assert_eq!(Session::to_fake(&fake).access_entry_type("demo", principal).await.unwrap(), "HYBRID_LINUX");
    let line = "GET /clusters/demo/access-entries/arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2FHybrid HTTP/1.1";
    assert_eq!(fake.seen()[0].line, line);
}

#[tokio::test]
async fn throttling_passes_and_refusals_are_told_at_once_with_a_remedy() {
    let asked = AtomicUsize::new(0);
    let fake = Fake::start(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::Answer(429, "x-amzn-errortype: ThrottlingException\r\n", r#"{"message": "Rate exceeded"}"#.into()),
        1 => Reply::Answer(503, "", String::new()),
        _ => json(CLUSTER),
    })
    .await;
    assert!(Session::to_fake(&fake).cluster("demo").await.is_ok());

    for (status, code, kind, fix) in [
        (403, "x-amzn-errortype: AccessDeniedException\r\n", Kind::AccessDenied, "`eks:DescribeCluster`"),
        (404, "x-amzn-errortype: ResourceNotFoundException\r\n", Kind::NotFound, "`demo`"),
        (403, "x-amzn-errortype: ExpiredTokenException\r\n", Kind::BadCredentials, "renew"),
        (403, "x-amzn-errortype: InvalidSignatureException\r\nDate: Thu, 01 Jan 2015 00:00:00 GMT\r\n", Kind::ClockSkew, "clock"),
    ] {
        let fake = Fake::start(move |_| Reply::Answer(status, code, r#"{"message": "no"}"#.into())).await;
        let error = Session::to_fake(&fake).cluster("demo").await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.fix().unwrap().contains(fix), "{:?}", error.fix());
        assert_eq!(fake.seen().len(), 1);
    }
}

#[tokio::test]
async fn the_caller_is_named_by_sts() {
    const ANSWER: &str = r#"<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
        <Arn>arn:aws:sts::123456789012:assumed-role/Node/i-0123456789abcdef0</Arn><UserId>AROA:i-0123456789abcdef0</UserId>
        <Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"#;
    let fake = Fake::start(|_| Reply::ok(ANSWER)).await;
    let caller = Session::to_fake(&fake).caller().await.unwrap();
    assert_eq!(caller.account, "123456789012");
    assert_eq!(caller.arn, "arn:aws:sts::123456789012:assumed-role/Node/i-0123456789abcdef0");

    let fake = Fake::start(|_| {
        let error = "<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code><Message>old</Message></Error></ErrorResponse>";
        Reply::Answer(403, "Content-Type: text/xml\r\n", error.into())
    })
    .await;
    assert_eq!(Session::to_fake(&fake).caller().await.unwrap_err().kind(), Kind::BadCredentials);
    drop(fake);
}

#[tokio::test]
async fn nobody_there_is_told_as_such() {
    let fake = Fake::start(|_| Reply::HangUp).await;
    let session = Session::to_fake(&fake);
    let error = session.caller().await.unwrap_err();
    assert_eq!(error.kind(), Kind::NoNetwork, "{error:?}");
}
