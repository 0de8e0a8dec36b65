//! Route 53 Resolver: by which networks outside ask for the private name of an API server.

use hybridge_cluster::world::{ResolverAddress, ResolverEndpoint};
use serde_json::json;

use crate::call::{Call, CallError, Paged};
use crate::endpoint::Service;
use crate::session::Session;

impl Session {
    /// Resolver endpoints of a VPC with their addresses (ListResolverEndpoints, ListResolverEndpointIpAddresses; all pages).
    ///
    /// # Errors
    /// Route 53 Resolver refused, could not be reached, or answered with something else.
    pub async fn resolver_endpoints(&self, vpc: &str) -> Result<Vec<ResolverEndpoint>, CallError> {
        let call = Call::new("ListResolverEndpoints", vpc);
        let body = json!({ "MaxResults": 100, "Filters": [{ "Name": "HostVPCId", "Values": [vpc] }] });
        let paged = Paged { service: Service::Resolver, target: "Route53Resolver.ListResolverEndpoints", body, list: "ResolverEndpoints" };
        let mut endpoints: Vec<ResolverEndpoint> = self.ask_all(&call, &paged).await?;
        for endpoint in &mut endpoints {
            endpoint.ip_addresses = self.resolver_addresses(&endpoint.id).await?;
        }
        Ok(endpoints)
    }

    async fn resolver_addresses(&self, endpoint: &str) -> Result<Vec<ResolverAddress>, CallError> {
        let call = Call::new("ListResolverEndpointIpAddresses", endpoint);
        let body = json!({ "MaxResults": 100, "ResolverEndpointId": endpoint });
        let target = "Route53Resolver.ListResolverEndpointIpAddresses";
        self.ask_all(&call, &Paged { service: Service::Resolver, target, body, list: "IpAddresses" }).await
    }
}

#[cfg(test)]
mod tests;
