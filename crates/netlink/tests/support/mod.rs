//! What the tests share: a namespace with a runtime, and a foreign hand that changes the kernel without the crate under test.

#![allow(dead_code, clippy::unwrap_used, reason = "each test binary uses a part, and fails by a panic")]

use std::future::Future;
use std::net::Ipv4Addr;

use futures::TryStreamExt;
use hybridge_lab::isolate::isolated;
use hybridge_model::kernel::{Change, FdbEntry, Neighbour, NextHop, Route, Snapshot, Vxlan, VxlanSpec};
use hybridge_model::{Cidr4, MacAddr};
use hybridge_netlink::Netlink;
use netlink_packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;

/// The device of the tests.
pub(crate) const DEVICE: &str = "v0";
/// The protocol number of the tests.
pub(crate) const PROTOCOL: u8 = 104;

/// Runs the future in a fresh network namespace.
pub(crate) fn in_namespace<F: Future<Output = ()>>(body: impl FnOnce() -> F) {
    isolated(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(body());
    });
}

/// A device as a gateway makes it.
pub(crate) fn spec() -> VxlanSpec {
    let vxlan = Vxlan { vni: 2, port: 8472, local: Some(Ipv4Addr::new(10, 0, 1, 10)), learning: false, external: false };
    VxlanSpec { name: DEVICE.into(), mac: mac(1), mtu: 1450, vxlan }
}

/// 192.168.10.n
pub(crate) fn ip(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 168, 10, n)
}

/// 02:00:00:00:00:n
pub(crate) fn mac(n: u8) -> MacAddr {
    MacAddr::new([2, 0, 0, 0, 0, n])
}

/// 10.250.n.0/24
pub(crate) fn cidr(n: u8) -> Cidr4 {
    Cidr4::containing(Ipv4Addr::new(10, 250, n, 0), 24).unwrap()
}

pub(crate) fn route(n: u8, metric: u32, via: NextHop) -> Route {
    Route { destination: cidr(n), metric, via, protocol: PROTOCOL }
}

pub(crate) fn via(n: u8) -> NextHop {
    NextHop::Device(ip(n))
}

pub(crate) fn neighbour(address: u8, mac_number: u8) -> Neighbour {
    Neighbour { address: ip(address), mac: mac(mac_number), permanent: true }
}

pub(crate) fn fdb(mac_number: u8, remote: u8) -> FdbEntry {
    FdbEntry { mac: mac(mac_number), remote: ip(remote), permanent: true }
}

/// A connection and a namespace in which the device exists.
pub(crate) async fn with_device() -> Netlink {
    let netlink = Netlink::connect().unwrap();
    apply(&netlink, &[Change::CreateVxlan(spec())]).await;
    netlink
}

/// Applies changes of which none may fail.
pub(crate) async fn apply(netlink: &Netlink, changes: &[Change]) {
    let failures = netlink.apply(changes, DEVICE).await;
    assert!(failures.is_empty(), "{} failures, the first: {:#?}", failures.len(), failures[0]);
}

pub(crate) async fn snapshot(netlink: &Netlink) -> Snapshot {
    netlink.snapshot(DEVICE, PROTOCOL).await.unwrap()
}

/// Somebody else, who uses another netlink library.
#[derive(Clone)]
pub(crate) struct Foreigner(rtnetlink::Handle);

impl Foreigner {
    pub(crate) fn new() -> Self {
        let (connection, handle, _) = rtnetlink::new_connection().unwrap();
        tokio::spawn(connection);
        Self(handle)
    }

    /// Sends one request, which must succeed; `flags` beside REQUEST and ACK.
    pub(crate) async fn request(&self, message: RouteNetlinkMessage, flags: u16) {
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
        let request = NetlinkMessage::new(header, NetlinkPayload::from(message));
        let mut answers = self.0.clone().request(request).unwrap();
        while let Some(answer) = futures::StreamExt::next(&mut answers).await {
            assert!(!matches!(answer.payload, NetlinkPayload::Error(_)), "{answer:?}");
        }
    }

    pub(crate) async fn create(&self, message: RouteNetlinkMessage) {
        self.request(message, NLM_F_CREATE).await;
    }

    /// A bridge, up, with an address; its index.
    pub(crate) async fn bridge(&self, name: &str, address: Ipv4Addr, prefix: u8) -> u32 {
        self.0.link().add(rtnetlink::LinkBridge::new(name).up().build()).execute().await.unwrap();
        let link = self.0.link().get().match_name(name).execute().try_next().await.unwrap().unwrap();
        self.0.address().add(link.header.index, address.into(), prefix).execute().await.unwrap();
        link.header.index
    }

    pub(crate) async fn vxlan(&self, name: &str, vni: u32, port: u16, external: bool) {
        let link = rtnetlink::LinkVxlan::new(name, vni).port(port).collect_metadata(external).up().build();
        self.0.link().add(link).execute().await.unwrap();
    }

    pub(crate) async fn delete_link(&self, index: u32) {
        self.0.link().del(index).execute().await.unwrap();
    }
}
