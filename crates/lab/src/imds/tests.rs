use super::*;
use crate::aws::{AccessKey, Principal};
use crate::contract::Endpoint;

const FIXTURE: &str = include_str!("../../../../tests/fixtures/nodeadm/ec2/imds.json");

#[test]
fn a_token_is_good_for_its_owner_until_it_ends() {
    let (start, owner, other) = (Instant::now(), Ipv4Addr::new(10, 0, 1, 10), Ipv4Addr::new(10, 0, 2, 10));
    let mut tokens = Tokens::default();
    let token = tokens.issue(owner, Duration::from_secs(60), start);
    assert!(tokens.valid(&token, owner, start + Duration::from_secs(59)));
    assert!(!tokens.valid(&token, owner, start + Duration::from_secs(60)));
    assert!(!tokens.valid(&token, other, start));
    assert!(!tokens.valid("", owner, start));
}

async fn served(imds: &Imds) -> Endpoint {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = imds.router().into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
    let server = Endpoint::plain(address);
    let token = server.clone().with_header(TTL_HEADER, "60").send("PUT", "/latest/api/token", ("", vec![])).await.unwrap().text();
    server.with_header(TOKEN_HEADER, &token)
}

async fn read(server: &Endpoint, path: &str) -> (u16, String) {
    let answer = server.get(&format!("/latest/{path}")).await.unwrap();
    (answer.status, answer.text())
}

#[tokio::test]
async fn the_mocks_file_makes_the_instance_it_describes() {
    let mut instance = Metadata::from_aemm(FIXTURE).unwrap();
    let principal = Principal::Session { role: "node".into(), session: instance.instance_id.clone() };
    instance.credentials = Some(AccessKey::temporary(principal, jiff::Timestamp::now(), jiff::SignedDuration::from_hours(1)));
    let server = served(&Imds::of_one(&instance)).await;
    let macs = "meta-data/network/interfaces/macs";
    for (path, expected) in [
        ("meta-data/instance-id".into(), "i-1234567890abcdef0"),
        ("meta-data/local-hostname".into(), "ip-172-16-34-43.ec2.internal"),
        ("meta-data/local-ipv4".into(), "172.16.34.43"),
        ("meta-data/mac".into(), "0e:49:61:0f:c3:11"),
        (format!("{macs}/"), "0e:49:61:0f:c3:11/"),
        (format!("{macs}/0e:49:61:0f:c3:11/network-card"), "0"),
        (format!("{macs}/0e:49:61:0f:c3:11/device-number"), "0"),
        ("meta-data/iam/security-credentials/".into(), "node"),
    ] {
        assert_eq!(read(&server, &path).await, (200, expected.into()), "{path}");
    }
    let document: serde_json::Value = serde_json::from_str(&read(&server, "dynamic/instance-identity/document").await.1).unwrap();
    assert_eq!(document["availabilityZone"], "us-west-2f");
    assert!(read(&server, "user-data").await.1.starts_with("---\napiVersion: node.eks.aws/v1alpha1\n"));
    let credentials: serde_json::Value = serde_json::from_str(&read(&server, "meta-data/iam/security-credentials/node").await.1).unwrap();
    assert_eq!(credentials["Token"].as_str(), instance.credentials.unwrap().token.as_deref());
    assert_eq!(read(&server, &format!("{macs}/0e:49:61:0f:c3:11/ipv6s")).await.0, 404);
}

#[tokio::test]
async fn an_instance_without_user_data_has_none_and_one_with_ipv6_lists_it() {
    let mut instance = Metadata::from_aemm(FIXTURE).unwrap();
    instance.user_data = None;
    instance.interfaces[0].ipv6s = vec!["2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap()];
    let server = served(&Imds::of_one(&instance)).await;
    assert_eq!(read(&server, "user-data").await.0, 404);
    assert_eq!(read(&server, "meta-data/network/interfaces/macs/0e:49:61:0f:c3:11/ipv6s").await.1, "2001:db8::1\n2001:db8::2");
}

#[tokio::test]
async fn faults_are_for_the_first_requests_they_are_about() {
    let imds = Imds::of_one(&Metadata::from_aemm(FIXTURE).unwrap());
    let server = served(&imds).await;
    imds.fail(MetadataFault::Missing("meta-data/mac".into()), 1);
    assert_eq!(read(&server, "meta-data/local-ipv4").await.0, 200);
    assert_eq!([read(&server, "meta-data/mac").await.0, read(&server, "meta-data/mac").await.0], [404, 200]);
    imds.fail(MetadataFault::BadToken, 2);
    let statuses = [read(&server, "meta-data/mac").await.0, read(&server, "meta-data/mac").await.0, read(&server, "meta-data/mac").await.0];
    assert_eq!(statuses, [401, 401, 200]);
    imds.fail(MetadataFault::Slow(Duration::from_millis(200)), 1);
    let start = Instant::now();
    assert_eq!(read(&server, "meta-data/mac").await.0, 200);
    assert!(start.elapsed() >= Duration::from_millis(200));
    imds.fail(MetadataFault::Absent, 1);
    assert!(tokio::time::timeout(Duration::from_millis(200), server.get("/latest/meta-data/mac")).await.is_err());
    assert_eq!(read(&server, "meta-data/mac").await.0, 200);
    assert!(imds.requests().iter().any(|request| request.status.is_none() && request.request == "GET /latest/meta-data/mac"));
}

#[test]
fn instances_are_told_apart_and_a_strange_file_is_refused() {
    let error = Metadata::from_aemm(&FIXTURE.replace("\"hostname\"", "\"colour\"")).unwrap_err();
    assert!(matches!(&error, AemmError::UnknownKey(key) if key == "colour"), "{error}");
    assert!(Metadata::from_aemm("{}").is_err());
    let (one, two) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
    let imds = Imds::of(BTreeMap::from([(one, Metadata::from_aemm(FIXTURE).unwrap())]));
    assert!((imds.source)(one, "meta-data/mac").is_some());
    assert!((imds.source)(two, "meta-data/mac").is_none());
}
