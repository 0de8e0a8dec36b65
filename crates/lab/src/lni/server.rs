//! An EC2 instance on an Outposts server, with two pods: what is there before anybody sets up its LNI.

use std::net::Ipv4Addr;

use futures::TryStreamExt as _;
use hybridge_model::Cidr4;
use netlink_packet_route::link::MacVlanMode;
use rtnetlink::{LinkMacVlan, LinkUnspec};

use super::lan::{Lan, Mac, Port};
use super::plan::{PORT, ServerPlan, Service, VPC_ROUTER, lan_cidr};
use super::request::serve;
use super::vpc::Vpc;
use super::{Host, LniError, cni, namespace, rules};
use crate::netns::{Netns, Task};
use crate::nft;
use crate::topology::wire::{self, Interface, Path, in_namespace};
use crate::topology::{POD_NEXT_HOP, UPLINK, VPC_MTU};

/// A server.
#[derive(Debug)]
pub struct Server {
    /// Names and addresses.
    pub plan: ServerPlan,
    /// Its network namespace.
    pub node: Netns,
    /// The first pod has an address of the primary interface, the second one of the secondary interface.
    pub pods: [Host; 2],
    /// MAC address of the LNI.
    pub lni_mac: Mac,
    answering: Vec<Task>,
}

/// What an EKS node has: strict reverse-path filtering as RHEL and Amazon Linux set it, forwarding, nothing of IPv6 in the way.
const NODE: [(&str, &str); 5] = [
    ("net/ipv4/ip_forward", "1"),
    ("net/ipv4/conf/all/rp_filter", "1"),
    ("net/ipv4/conf/default/rp_filter", "1"),
    ("net/ipv6/conf/all/disable_ipv6", "1"),
    ("net/ipv6/conf/default/disable_ipv6", "1"),
];

impl Server {
    pub(super) fn new(number: u8, vpc: &mut Vpc, lan: &Lan, port: Port) -> Result<Self, LniError> {
        let plan = ServerPlan::new(number);
        let node = namespace(&format!("server-{number}"))?;
        wire::sysctls(&node, &NODE)?;
        vpc.attach(&node, &plan.names.vpc, &[plan.primary, plan.pods[0]])?;
        connect_primary(&node, &plan)?;
        // As the VPC CNI sets it, on the primary interface alone.
        wire::sysctls(&node, &[(&format!("net/ipv4/conf/{}/rp_filter", plan.names.vpc), "2")])?;
        let lni_mac = lan.plug_server(number, (&node, &plan.names.lni), port)?;
        vpc.attach(&node, &plan.names.eni, &[plan.secondary, plan.pods[1]])?;
        let [one, two] = [0, 1].map(|which| attach_pod(&node, &plan, which));
        nft::load(&node, &cni::firewall(&plan))?;
        cni::program(&node, &plan)?;
        let pods = [one?, two?];
        let mut answering = Vec::new();
        for (host, name) in pods.iter().map(|pod| (&pod.ns, pod.name().to_owned())).chain([(&node, node.name().to_owned())]) {
            answering.push(serve(host, PORT, &name)?);
        }
        Ok(Self { plan, node, pods, lni_mac, answering })
    }

    /// kube-proxy learns of these Services; it forgets those of before.
    pub fn proxy(&self, services: &[Service]) -> Result<(), LniError> {
        let replace = format!("table ip kube_proxy\ndelete table ip kube_proxy\n{}", cni::proxy(&self.plan, services));
        Ok(nft::load(&self.node, &replace)?)
    }

    /// The VPC CNI starts again: deletes its rules, sets them anew.
    pub fn restart_cni(&self) -> Result<(), LniError> {
        cni::restart(&self.node, &self.plan)
    }

    /// The way to the region goes: the primary interface loses its carrier's use, and its routes with it.
    pub fn disconnect(&self) -> Result<(), LniError> {
        Ok(wire::set_up(&self.node, &self.plan.names.vpc, false)?)
    }

    /// Undoes [`Self::disconnect`].
    pub fn reconnect(&self) -> Result<(), LniError> {
        connect_primary(&self.node, &self.plan)
    }

    /// Makes the LAN's network reachable by the LNI without giving it an address.
    pub fn lead_to_the_lan(&self) -> Result<(), LniError> {
        let paths = vec![Path::direct(lan_cidr())];
        Ok(wire::configure(&Interface { ns: &self.node, name: &self.plan.names.lni, addresses: Vec::new(), paths })?)
    }

    /// Tells this server the MAC address of another one's LNI, as if it had asked.
    pub fn know(&self, other: &Self) -> Result<(), LniError> {
        Ok(rules::set_neighbour(&self.node, &self.plan.names.lni, other.plan.lni, other.lni_mac.0)?)
    }

    /// Writes a sysctl of the LNI: `rp_filter`.
    pub fn set_lni_sysctl(&self, key: &str, value: &str) -> Result<(), LniError> {
        Ok(wire::sysctls(&self.node, &[(&format!("net/ipv4/conf/{}/{key}", self.plan.names.lni), value)])?)
    }

    /// One more thing that answers on a port of the server itself.
    pub fn serve_on(&mut self, port: u16) -> Result<(), LniError> {
        self.answering.push(serve(&self.node, port, self.node.name())?);
        Ok(())
    }

    /// A pod with an interface of its own in the LAN, as a macvlan attachment of Multus makes it: a child of the LNI with a MAC address of
    /// its own.
    pub fn macvlan_pod(&self, address: Ipv4Addr) -> Result<Host, LniError> {
        let ns = namespace("macvlan-pod")?;
        let parent = wire::index(&self.node, &self.plan.names.lni)?;
        let target = std::os::fd::AsRawFd::as_raw_fd(&ns.fd());
        let message = LinkMacVlan::new("child", parent, MacVlanMode::Bridge).build();
        in_namespace(&self.node, "make a macvlan child of the LNI", async move |handle| {
            handle.link().add(message).execute().await?;
            let child = handle.link().get().match_name("child".to_owned()).execute().try_next().await?;
            let index = child.map_or(0, |link| link.header.index);
            handle.link().set(LinkUnspec::new_with_index(index).setns_by_fd(target).build()).execute().await
        })?;
        wire::configure(&Interface { ns: &ns, name: "child", addresses: vec![(address, 24)], paths: Vec::new() })?;
        Ok(Host { ns, address })
    }
}

fn connect_primary(node: &Netns, plan: &ServerPlan) -> Result<(), LniError> {
    let paths = vec![Path::default_via(VPC_ROUTER)];
    Ok(wire::configure(&Interface { ns: node, name: &plan.names.vpc, addresses: vec![(plan.primary, 24)], paths })?)
}

/// A pod as the VPC CNI makes it: the node's end has no address; the pod knows the MAC address of its next hop.
fn attach_pod(node: &Netns, plan: &ServerPlan, which: usize) -> Result<Host, LniError> {
    let (name, address) = (&plan.names.pods[which], plan.pods[which]);
    let ns = namespace(&format!("pod-{}-{}", plan.number, which + 1))?;
    wire::connect((node, name), (&ns, UPLINK), VPC_MTU)?;
    let to_pod = vec![Path::direct(Cidr4::host(address))];
    wire::configure(&Interface { ns: node, name, addresses: Vec::new(), paths: to_pod })?;
    let paths = vec![Path::direct(Cidr4::host(POD_NEXT_HOP)), Path::default_via(POD_NEXT_HOP)];
    wire::configure(&Interface { ns: &ns, name: UPLINK, addresses: vec![(address, 32)], paths })?;
    rules::set_neighbour(&ns, UPLINK, POD_NEXT_HOP, wire::mac(node, name)?)?;
    Ok(Host { ns, address })
}
