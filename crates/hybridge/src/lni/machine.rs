//! What this machine is, for decisions about its LNI.

use hybridge_aws::{Imds, ImdsError, Metadata};
use hybridge_lni::facts::{Ec2Interface, Facts};
use hybridge_lni_host::error::HostError;
use hybridge_lni_host::facts::{self, Ec2};
use hybridge_lni_host::machine::Machine;
use hybridge_model::Cidr4;
use hybridge_report::chain;

/// Asks instance metadata for interfaces and networks of the VPC.
pub(super) async fn ask_ec2() -> Result<Ec2, String> {
    asked().await.map_err(|error| chain(&error))
}

async fn asked() -> Result<Ec2, ImdsError> {
    let imds = Imds::open(&Metadata::from_env()).await?;
    let mut ec2 = Ec2::default();
    for mac in imds.macs().await? {
        let name = mac.to_string();
        let property = async |property| imds.interface(&name, property).await;
        let number = property("device-number").await?.and_then(|text| text.trim().parse().ok());
        let address = property("local-ipv4s").await?.and_then(|text| text.lines().next()?.trim().parse().ok());
        let id = property("interface-id").await?.unwrap_or_default().trim().to_owned();
        let Some(device_index) = number else { continue };
        ec2.interfaces.push(Ec2Interface { mac, device_index, id, address });
        if device_index == 0 {
            let cidrs = property("vpc-ipv4-cidr-blocks").await?.unwrap_or_default();
            ec2.vpc_cidrs.extend(cidrs.lines().filter_map(|line| line.trim().parse::<Cidr4>().ok()));
        }
    }
    ec2.interfaces.sort_by_key(|interface| (interface.device_index, interface.mac));
    Ok(ec2)
}

/// All facts; without instance metadata those that were remembered.
pub(super) async fn facts(machine: &Machine) -> Result<Facts, HostError> {
    let (facts, ec2) = tokio::join!(facts::gather(&machine.netlink), ask_ec2());
    let mut facts = facts?;
    match ec2 {
        Ok(ec2) => facts::put(&mut facts, ec2),
        Err(why) => {
            facts.interfaces.clone_from(&machine.memory.interfaces);
            facts.vpc_cidrs.clone_from(&machine.memory.vpc_cidrs);
            if facts.interfaces.is_empty() {
                facts.missing.insert("interfaces".into(), why);
            }
        }
    }
    Ok(facts)
}
