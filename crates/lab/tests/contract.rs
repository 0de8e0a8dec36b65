//! The contract suite against the built-in servers, on loopback.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;

use axum::Router;
use hybridge_lab::contract::{self, Endpoint, Vpc, failures};
use hybridge_lab::ec2::{Ec2State, FakeEc2, Instance};
use hybridge_lab::kube::{FakeKube, VtepCrd};

async fn serve(router: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

async fn the_built_in_api_server_keeps_the_contract(crd: VtepCrd) {
    let kube = FakeKube::new(crd);
    let server = Endpoint::plain(serve(kube.api()).await);
    for run in ["the first time", "the second time"] {
        assert_eq!(failures(&contract::kube(&server, crd).await), Vec::<String>::new(), "{run}");
    }
    assert_eq!(kube.unexpected(), Vec::<String>::new());
}

#[tokio::test]
async fn the_built_in_api_server_with_one_network_an_endpoint_keeps_the_contract() {
    the_built_in_api_server_keeps_the_contract(VtepCrd::LongestPrefix).await;
}

#[tokio::test]
async fn the_built_in_api_server_with_one_mask_keeps_the_contract() {
    the_built_in_api_server_keeps_the_contract(VtepCrd::OneMask).await;
}

/// More than a real one promises, and what resuming a quiet watch is tested with.
#[tokio::test]
async fn the_built_in_api_server_sends_a_bookmark_before_a_watch_ends() {
    let address = serve(FakeKube::new(VtepCrd::LongestPrefix).api()).await;
    let text = tokio::task::spawn_blocking(move || {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        let path = "/apis/cilium.io/v2/ciliumnodes?watch=true&allowWatchBookmarks=true&timeoutSeconds=3";
        write!(stream, "GET {path} HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    });
    let text = text.await.unwrap();
    assert!(text.contains("\"BOOKMARK\""), "{text}");
}

#[tokio::test]
async fn the_built_in_ec2_keeps_the_contract() {
    let vpc = Vpc {
        vpc: "vpc-0a".parse().unwrap(),
        instance: "i-0a".parse().unwrap(),
        interface: "eni-0a".parse().unwrap(),
        table: "rtb-0a".parse().unwrap(),
    };
    let mut state = Ec2State::new(vpc.vpc.clone(), vec!["10.0.0.0/16".parse().unwrap()]);
    let instance = Instance {
        interface: vpc.interface.clone(),
        private_ip: "10.0.1.10".parse().unwrap(),
        az: "us-west-2a".into(),
        source_dest_check: true,
        vxlan_open: true,
        terminated: false,
    };
    state.instances.insert(vpc.instance.clone(), instance);
    state.add_table(vpc.table.clone(), vec![]);
    let ec2 = FakeEc2::new(state.clone());
    let server = Endpoint::plain(serve(ec2.api()).await);
    assert_eq!(failures(&contract::ec2(&server, &vpc).await), Vec::<String>::new());
    assert_eq!(ec2.state(), state);
    assert_eq!(ec2.unexpected(), ["PaintInstances: The action PaintInstances is not valid for this web service."]);
}
