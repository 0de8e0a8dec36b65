use std::net::SocketAddr;

use super::*;
use crate::contract::Endpoint;
use crate::imds::{TOKEN_HEADER, TTL_HEADER};

/// The service of an EC2 whose only instance is this machine.
async fn service() -> (FakeEc2, Endpoint) {
    let mut state = Ec2State::new("vpc-0a".parse().unwrap(), vec![]);
    let instance = Instance {
        interface: "eni-0a".parse().unwrap(),
        private_ip: Ipv4Addr::LOCALHOST,
        az: "us-west-2a".into(),
        source_dest_check: false,
        vxlan_open: true,
        terminated: false,
    };
    state.instances.insert("i-0a".parse().unwrap(), instance);
    let ec2 = FakeEc2::new(state);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = ec2.imds().into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
    (ec2, Endpoint::plain(address))
}

async fn token_status(server: &Endpoint) -> u16 {
    server.send("PUT", "/latest/api/token", ("", vec![])).await.unwrap().status
}

async fn token(server: &Endpoint) -> String {
    server.clone().with_header(TTL_HEADER, "60").send("PUT", "/latest/api/token", ("", vec![])).await.unwrap().text()
}

#[tokio::test]
async fn a_token_needs_a_lifetime_and_no_proxy() {
    let (_, server) = service().await;
    assert_eq!(token_status(&server).await, 400);
    for (ttl, wanted) in [("0", 400), ("1", 200), ("21600", 200), ("21601", 400), ("long", 400)] {
        assert_eq!(token_status(&server.clone().with_header(TTL_HEADER, ttl)).await, wanted, "{ttl}");
    }
    assert_eq!(token_status(&server.with_header(TTL_HEADER, "60").with_header("X-Forwarded-For", "10.0.0.1")).await, 403);
}

#[tokio::test]
async fn what_is_read_is_about_the_instance_that_asks() {
    let (ec2, server) = service().await;
    assert_eq!(server.get("/latest/meta-data/instance-id").await.unwrap().status, 401);
    let server = server.clone().with_header(TOKEN_HEADER, &token(&server).await);
    for (path, wanted) in [
        ("meta-data/instance-id", "i-0a"),
        ("meta-data/local-ipv4", "127.0.0.1"),
        ("meta-data/placement/availability-zone", "us-west-2a"),
        ("meta-data/placement/region", "us-west-2"),
        ("meta-data/iam/security-credentials/", ROLE),
    ] {
        assert_eq!(server.get(&format!("/latest/{path}")).await.unwrap().text(), wanted, "{path}");
    }
    let document = server.get("/latest/dynamic/instance-identity/document").await.unwrap().json();
    assert_eq!((&document["instanceId"], &document["region"]), (&json!("i-0a"), &json!("us-west-2")));
    let credentials = server.get(&format!("/latest/meta-data/iam/security-credentials/{ROLE}")).await.unwrap().json();
    assert!(credentials["Expiration"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap() > jiff::Timestamp::now());
    assert_eq!(server.get("/latest/meta-data/hostname").await.unwrap().status, 404);

    ec2.update(|state| state.instances.get_mut(&"i-0a".parse().unwrap()).unwrap().terminated = true);
    assert_eq!(server.get("/latest/meta-data/instance-id").await.unwrap().status, 404);
}
