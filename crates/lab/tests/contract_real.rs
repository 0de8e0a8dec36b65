//! The contract suite against real parts: etcd with kube-apiserver, and moto. Needs what `cargo xtask real` makes.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

use std::future::Future;
use std::net::Ipv4Addr;

use hybridge_lab::contract::{self, Endpoint, Vpc, failures};
use hybridge_lab::ec2::{Ec2State, Instance};
use hybridge_lab::isolate::isolated;
use hybridge_lab::kube::{CILIUM_NODE_CRD, VtepCrd};
use hybridge_lab::netns::Netns;
use hybridge_lab::real::{Kube, Moto, Subnet, User};

fn within<T: Send>(ns: &Netns, future: impl Future<Output = T> + Send) -> T {
    ns.run(|| tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future))
}

fn a_real_api_server_keeps_the_contract(crd: VtepCrd) {
    let directory = tempfile::tempdir().unwrap();
    let ns = Netns::new("api").unwrap();
    let mut kube = Kube::start(&ns, Ipv4Addr::LOCALHOST, directory.path()).unwrap();
    kube.install_crd(CILIUM_NODE_CRD).unwrap();
    kube.install_crd(crd.yaml().unwrap()).unwrap();
    let server = Endpoint {
        address: kube.address(),
        authority: Some(kube.authority().as_bytes().to_vec()),
        headers: vec![("Authorization".into(), format!("Bearer {}", User::Admin.token()))],
    };
    let cases = within(&ns, contract::kube(&server, crd));
    assert_eq!(failures(&cases), Vec::<String>::new());
}

#[test]
fn a_real_api_server_with_one_network_an_endpoint_keeps_the_contract() {
    isolated(|| a_real_api_server_keeps_the_contract(VtepCrd::LongestPrefix));
}

#[test]
fn a_real_api_server_with_one_mask_keeps_the_contract() {
    isolated(|| a_real_api_server_keeps_the_contract(VtepCrd::OneMask));
}

/// Where moto 5.2 is known to differ from EC2's documentation. If one of these begins to pass, it belongs off the list.
const MOTO_DIFFERS: &[&str] = &[
    // 500 from a NotImplementedError.
    "an unknown filter is refused",
    // `.NotFound` instead.
    "a malformed id is called malformed",
    // Only routes to instances show them.
    "a route shows its instance",
    // With a NetworkInterfaceId the route is overwritten without a word.
    "a destination has one route",
    // Destinations are neither parsed nor brought into canonical form.
    "host bits are cleared",
    "a destination that is no network is refused",
    // 500, or a table named None.
    "missing parameters are named",
    // The same for them, and DeleteRoute takes them.
    "local routes cannot be created or deleted",
    // 500, as for everything that is not implemented.
    "an unknown action is refused",
    // DescribeRouteTables knows no pages.
    "a page token must be one given out",
    // Without a credential scope it takes the request for one to S3.
    "a request without signature is refused",
];

#[test]
fn moto_keeps_the_contract_but_for_known_differences() {
    isolated(|| {
        let directory = tempfile::tempdir().unwrap();
        let ns = Netns::new("ec2").unwrap();
        let address = "127.0.0.1:80".parse().unwrap();
        let moto = Moto::start(&ns, address, directory.path()).unwrap();
        let subnet = Subnet { name: "subnet-01".into(), cidr: "10.0.1.0/24".parse().unwrap(), az: "us-west-2a".into() };
        let vpc = moto.build(&wanted(&subnet), std::slice::from_ref(&subnet)).unwrap();
        let state = vpc.state().unwrap();
        let (id, instance) = state.instances.first_key_value().unwrap();
        let vpc = Vpc {
            vpc: state.vpc.clone(),
            instance: id.clone(),
            interface: instance.interface.clone(),
            table: state.tables.keys().next().unwrap().clone(),
        };
        let cases = within(&ns, contract::ec2(&Endpoint::plain(address), &vpc));
        let failed: Vec<_> = cases.iter().filter(|case| case.outcome.is_err()).map(|case| case.name).collect();
        assert_eq!(failed, MOTO_DIFFERS, "{:#?}", failures(&cases));
    });
}

fn wanted(subnet: &Subnet) -> Ec2State {
    let mut state = Ec2State::new("vpc-01".parse().unwrap(), vec!["10.0.0.0/16".parse().unwrap()]);
    let instance = Instance {
        interface: "eni-01".parse().unwrap(),
        private_ip: "10.0.1.10".parse().unwrap(),
        az: subnet.az.clone(),
        source_dest_check: true,
        vxlan_open: true,
        terminated: false,
    };
    state.instances.insert("i-01".parse().unwrap(), instance);
    state.add_table("rtb-01".parse().unwrap(), vec![subnet.name.clone()]);
    state
}
