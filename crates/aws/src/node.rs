//! What EC2 says of a node: its name, and the limits of its instance type.

use std::time::Duration;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::operation::describe_instances::DescribeInstancesOutput;
use aws_sdk_ec2::types::{self, InstanceTypeHypervisor};
use hybridge_node::facts::InstanceTypeFacts;
use tokio::time::{Instant, sleep};

use crate::call::{Call, CallError, Kind, jittered};
use crate::endpoint::Service;
use crate::session::Session;

/// Before the second question, doubled before each further one up to the longest.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(16);

/// Why the private DNS name of an instance is not known.
#[derive(Debug, thiserror::Error)]
pub enum NodeNameError {
    /// EC2 does not say.
    #[error(transparent)]
    Call(#[from] CallError),
    /// EC2 knows the instance, but gave it no name in all the time.
    #[error("DescribeInstances {instance}: no private DNS name after {} s", waited.as_secs())]
    NoName {
        /// The instance.
        instance: String,
        /// How long was waited.
        waited: Duration,
    },
}

impl NodeNameError {
    /// What to do about it, where we know it.
    pub fn fix(&self) -> Option<String> {
        let without = "with the feature gate InstanceIdNodeName the node is called by its instance id, and EC2 is not asked";
        match self {
            Self::Call(error) => Some(error.fix().map_or_else(|| without.to_owned(), |fix| format!("{fix}; or: {without}"))),
            Self::NoName { .. } => Some(without.into()),
        }
    }
}

impl Session {
    /// The private DNS name of an instance (DescribeInstances), which it may get only some time after its start.
    ///
    /// Asks again while EC2 does not know the instance or its name yet, is throttling or cannot be reached, `patience` at most.
    ///
    /// # Errors
    /// There is no name in time, or EC2 refused for good.
    pub async fn private_dns_name(&self, instance: &str, patience: Duration) -> Result<String, NodeNameError> {
        let call = Call::new("DescribeInstances", instance);
        let client = Client::new(&self.sdk_config(Service::Ec2));
        let start = Instant::now();
        let mut pause = PAUSE;
        loop {
            let answer = client.describe_instances().instance_ids(instance).send().await;
            let failed = match answer.map(|answer| name_of(&answer, instance)) {
                Ok(Some(name)) => return Ok(name),
                Ok(None) => NodeNameError::NoName { instance: instance.to_owned(), waited: start.elapsed() },
                Err(error) => {
                    let error = CallError::from_sdk(&call, &error);
                    // EC2 learns of an instance with some delay.
                    if !(error.is_passing() || error.kind() == Kind::NotFound) {
                        return Err(error.into());
                    }
                    error.into()
                }
            };
            // Nodes that start together do not ask together.
            let wait = jittered(pause);
            if start.elapsed() + wait >= patience {
                return Err(failed);
            }
            tracing::debug!(error = %failed, "asking EC2 again");
            sleep(wait).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// The limits of an instance type (DescribeInstanceTypes).
    ///
    /// # Errors
    /// EC2 refused, could not be reached, or answered with something else.
    pub async fn instance_type(&self, name: &str) -> Result<InstanceTypeFacts, CallError> {
        let call = Call::new("DescribeInstanceTypes", name);
        let request = Client::new(&self.sdk_config(Service::Ec2)).describe_instance_types();
        let answer = request.instance_types(name.into()).send().await.map_err(|error| CallError::from_sdk(&call, &error))?;
        let found = answer.instance_types().iter().find(|info| info.instance_type().is_some_and(|known| known.as_str() == name));
        let facts = found.ok_or("the type asked for is not in it").and_then(limits);
        facts.map_err(|what| CallError::Unintelligible { call, status: 200, what: what.into() })
    }
}

fn name_of(answer: &DescribeInstancesOutput, instance: &str) -> Option<String> {
    let instances = answer.reservations().iter().flat_map(types::Reservation::instances);
    let found = instances.into_iter().find(|found| found.instance_id() == Some(instance))?;
    found.private_dns_name().filter(|name| !name.is_empty()).map(str::to_owned)
}

/// Interfaces are counted on the default network card alone: the VPC CNI attaches none to others (as nodeadm counts them).
fn limits(info: &types::InstanceTypeInfo) -> Result<InstanceTypeFacts, &'static str> {
    let network = info.network_info().ok_or("networkInfo is missing")?;
    let card = network.default_network_card_index().unwrap_or(0);
    let card = network.network_cards().iter().find(|known| known.network_card_index() == Some(card));
    let interfaces = card.and_then(types::NetworkCardInfo::maximum_network_interfaces).or(network.maximum_network_interfaces());
    let count = |value: Option<i32>, missing| value.and_then(|value| u32::try_from(value).ok()).filter(|&value| value > 0).ok_or(missing);
    Ok(InstanceTypeFacts {
        default_enis: count(interfaces, "maximumNetworkInterfaces is missing")?,
        ipv4_per_eni: count(network.ipv4_addresses_per_interface(), "ipv4AddressesPerInterface is missing")?,
        hypervisor: info.hypervisor().map(InstanceTypeHypervisor::as_str).map(str::to_owned),
        bare_metal: info.bare_metal().unwrap_or(false),
        vcpus: count(info.v_cpu_info().and_then(types::VCpuInfo::default_v_cpus), "vCpuInfo is missing")?,
    })
}

#[cfg(test)]
mod tests;
