//! The four EC2 calls of a gateway.
//!
//! Reads are repeated once and wait for seconds. Writes are one attempt each, bound by the caller's deadline.

mod connect;
mod decode;
mod error;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::types::Filter;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use hybridge_gateway::vpc::{GatewayInstance, RouteTable};
use hybridge_model::{Cidr4, InstanceId, InterfaceId, RouteTableId, VpcId};
use tokio::time::timeout;

pub use self::error::Ec2Error;
use crate::call::Call;

/// Values that one filter takes (EC2 API reference, "Filter").
const FILTER_VALUES: usize = 200;

/// EC2 in one region. Cheap to clone; all clones share connections and credentials.
#[derive(Clone)]
pub struct Ec2 {
    reader: Client,
    writer: Client,
    region: String,
}

impl fmt::Debug for Ec2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ec2").field("region", &self.region).finish_non_exhaustive()
    }
}

impl Ec2 {
    /// What EC2 says of an instance (DescribeInstances).
    ///
    /// # Errors
    /// Also where the instance has no primary interface: it is being terminated, or it is not ours to see.
    pub async fn instance(&self, instance: &InstanceId) -> Result<GatewayInstance, Ec2Error> {
        let call = Call::new("DescribeInstances", instance);
        let request = self.reader.describe_instances().instance_ids(instance.as_str());
        let answer = request.send().await.map_err(|error| Ec2Error::from_sdk(&call, &error))?;
        decode::instance(&call, instance, &answer)
    }

    /// Primary interfaces of the instances in a VPC whose primary private addresses are `addresses` (DescribeInstances, one call for up
    /// to 200 of them). Addresses that no instance has are left out.
    ///
    /// # Errors
    /// EC2 refused, could not be reached, or answered with something that is no instance.
    pub async fn interfaces_at(&self, vpc: &VpcId, addresses: &BTreeSet<Ipv4Addr>) -> Result<BTreeSet<InterfaceId>, Ec2Error> {
        let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        let mut found = BTreeSet::new();
        for some in addresses.chunks(FILTER_VALUES) {
            let call = Call::new("DescribeInstances", some.join(", "));
            let of_vpc = Filter::builder().name("vpc-id").values(vpc.as_str()).build();
            let at = Filter::builder().name("private-ip-address").set_values(Some(some.to_vec())).build();
            let mut pages = self.reader.describe_instances().filters(of_vpc).filters(at).into_paginator().send();
            while let Some(page) = pages.next().await {
                let page = page.map_err(|error| Ec2Error::from_sdk(&call, &error))?;
                found.extend(decode::primary_interfaces(&page));
            }
        }
        Ok(found)
    }

    /// What EC2 says of route tables, in no particular order (DescribeRouteTables, one call for up to 200 of them).
    ///
    /// Asked for by filter: tables that do not exist are left out of the answer, so that the caller can name all of them at once.
    ///
    /// # Errors
    /// EC2 refused, could not be reached, or answered with something that is no route table.
    pub async fn route_tables(&self, tables: &[RouteTableId]) -> Result<Vec<RouteTable>, Ec2Error> {
        let mut found = Vec::with_capacity(tables.len());
        for some in tables.chunks(FILTER_VALUES) {
            let call = Call::new("DescribeRouteTables", list(some));
            let values = some.iter().map(|table| table.as_str().to_owned()).collect();
            let filter = Filter::builder().name("route-table-id").set_values(Some(values)).build();
            let mut pages = self.reader.describe_route_tables().filters(filter).into_paginator().send();
            while let Some(page) = pages.next().await {
                let page = page.map_err(|error| Ec2Error::from_sdk(&call, &error))?;
                for table in page.route_tables() {
                    found.push(decode::route_table(&call, table)?);
                }
            }
        }
        Ok(found)
    }

    /// Makes a route to an interface (CreateRoute): one attempt, over after `deadline`.
    ///
    /// # Errors
    /// [`Ec2Error::already_exists`] where the table has a route of this destination. Look at [`Ec2Error::outcome_unknown`] before
    /// anything is concluded from another error.
    pub async fn create_route(
        &self,
        table: &RouteTableId,
        destination: Cidr4,
        interface: &InterfaceId,
        deadline: Duration,
    ) -> Result<(), Ec2Error> {
        let call = Call::new("CreateRoute", format_args!("{destination} to {interface} in {table}"));
        let request = self.writer.create_route().route_table_id(table.as_str());
        let request = request.destination_cidr_block(destination.to_string()).network_interface_id(interface.as_str());
        match once(&call, deadline, request.send()).await?.r#return() {
            Some(false) => Err(Ec2Error::unintelligible(&call, "neither an error nor success")),
            Some(true) | None => Ok(()),
        }
    }

    /// Points an existing route at an interface (ReplaceRoute): one attempt, over after `deadline`.
    ///
    /// # Errors
    /// [`Ec2Error::not_found`] where the table has no route of this destination. Look at [`Ec2Error::outcome_unknown`] before
    /// anything is concluded from another error.
    pub async fn replace_route(
        &self,
        table: &RouteTableId,
        destination: Cidr4,
        interface: &InterfaceId,
        deadline: Duration,
    ) -> Result<(), Ec2Error> {
        let call = Call::new("ReplaceRoute", format_args!("{destination} to {interface} in {table}"));
        let request = self.writer.replace_route().route_table_id(table.as_str());
        let request = request.destination_cidr_block(destination.to_string()).network_interface_id(interface.as_str());
        once(&call, deadline, request.send()).await.map(drop)
    }
}

/// One attempt, over after `deadline`.
async fn once<T, E>(
    call: &Call,
    deadline: Duration,
    sent: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
) -> Result<T, Ec2Error>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let answer = timeout(deadline, sent).await.map_err(|_| Ec2Error::late(call, deadline))?;
    answer.map_err(|error| Ec2Error::from_sdk(call, &error))
}

fn list(tables: &[RouteTableId]) -> String {
    tables.iter().map(RouteTableId::as_str).collect::<Vec<_>>().join(", ")
}
