//! Others who believe that the LNI is theirs.

use hybridge_model::Cidr4;
use hybridge_model::routing::{Rule, Selector};

use super::plan::VPC_ROUTER;
use super::server::Server;
use super::{LniError, rules};
use crate::nft;
use crate::topology::VPC_MTU;
use crate::topology::wire::{self, Interface, Path};

/// The table that the VPC CNI would give to the LNI.
const CNI_TABLE: u32 = 15;

/// Does what the VPC CNI does to an interface that it manages, after `setupENINetwork` of amazon-vpc-cni-k8s: deletes each address that is
/// there, adds the one that EC2 shows, and gives it a routing table of its own.
pub fn vpc_cni(server: &Server) -> Result<(), LniError> {
    let (node, lni) = (&server.node, server.plan.names.lni.as_str());
    rules::flush_addresses(node, lni)?;
    let router = Path::direct(Cidr4::host(VPC_ROUTER)).in_table(CNI_TABLE);
    let paths = vec![router, Path::default_via(VPC_ROUTER).in_table(CNI_TABLE)];
    Ok(wire::configure(&Interface { ns: node, name: lni, addresses: vec![(server.plan.lni_in_ec2, 24)], paths })?)
}

/// Does what systemd-networkd does with the files that the EKS AMI writes for an interface that was there before nodeadm: it deletes rules
/// that it does not know (`ManageForeignRoutingPolicyRules=yes`, which all but the EKS AMI leave so), sets jumbo frames, and makes a rule
/// from the address that EC2 shows. The VPC CNI puts its own rules back.
pub fn networkd(server: &Server) -> Result<(), LniError> {
    const KERNEL: [u32; 3] = [0, 32_766, 32_767];
    rules::delete(&server.node, |priority| !KERNEL.contains(&priority))?;
    rules::set_mtu(&server.node, &server.plan.names.lni, VPC_MTU)?;
    let from = Selector::From(Cidr4::host(server.plan.lni_in_ec2));
    rules::add(&server.node, &[Rule { priority: 10_014, selector: from, table: 10_014, protocol: 4 }])?;
    server.restart_cni()
}

/// Drops every table of netfilter whose name begins with `hybridge`, as somebody who tidies up does.
pub fn tidy_up_nftables(server: &Server) -> Result<(), LniError> {
    for table in nft::tables(&server.node)?.iter().filter(|table| table.contains("hybridge")) {
        nft::load(&server.node, &format!("delete table {table}\n"))?;
    }
    Ok(())
}
