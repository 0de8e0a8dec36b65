//! What a deployed template says, as the file would have said it.

use std::net::Ipv4Addr;

use hybridge_model::Cidr4;
use serde_json::Value as Json;

use crate::config::{Provider, RemoteIam, RemoteNetwork, RemoteNetworkConfig};
use crate::world::Deployed;

/// Whether it is the stack of a cluster.
pub(super) fn has_control_plane(deployed: &Deployed) -> bool {
    property(deployed, "ControlPlane", "/Name").is_some()
}

/// Zones of its private subnets, in the order of their networks: the order they were once given in.
pub(super) fn zones(deployed: &Deployed) -> Vec<String> {
    let mut zones: Vec<(Ipv4Addr, String)> = resources(deployed)
        .filter(|(id, _)| id.starts_with("SubnetPrivate"))
        .filter_map(|(_, resource)| {
            let network: Cidr4 = text(resource, "/Properties/CidrBlock")?.parse().ok()?;
            Some((network.network(), text(resource, "/Properties/AvailabilityZone")?))
        })
        .collect();
    zones.sort();
    zones.into_iter().map(|(_, zone)| zone).collect()
}

/// Network of a VPC that was made.
pub(super) fn vpc_cidr(deployed: &Deployed) -> Option<String> {
    property(deployed, "VPC", "/CidrBlock")
}

/// Remote networks, provider and gateway; none: no hybrid nodes.
pub(super) fn remote_networks(deployed: &Deployed) -> Option<RemoteNetworkConfig> {
    let body = &deployed.template_body;
    let remote = body.pointer("/Resources/ControlPlane/Properties/RemoteNetworkConfig");
    let networks = |key: &str| -> Vec<RemoteNetwork> {
        let cidrs = remote.and_then(|remote| remote.pointer(&format!("/{key}/0/Cidrs"))).and_then(Json::as_array);
        let cidrs: Vec<String> = cidrs.into_iter().flatten().filter_map(|cidr| cidr.as_str().map(str::to_owned)).collect();
        if cidrs.is_empty() { Vec::new() } else { vec![RemoteNetwork { cidrs }] }
    };
    let entry = body.pointer("/Resources/RemoteNodesAccessEntry")?;
    let anchor = text(body, "/Resources/TrustAnchor/Properties/Source/SourceData/X509CertificateData");
    let ira = body.pointer("/Resources/HybridNodesIRARole").is_some() || body.pointer("/Outputs/RemoteNodesTrustAnchorARN").is_some();
    let gateway = property(deployed, "TransitGatewayAttachment", "/TransitGatewayId");
    let gateway = gateway.or_else(|| property(deployed, "VirtualPrivateGatewayAttachment", "/VpnGatewayId"));
    Some(RemoteNetworkConfig {
        iam: RemoteIam {
            provider: if ira { Provider::Ira } else { Provider::Ssm },
            role_arn: text(entry, "/Properties/PrincipalArn").unwrap_or_default(),
            ca_bundle_cert: anchor.unwrap_or_default(),
        },
        vpc_gateway_id: gateway.unwrap_or_default(),
        remote_node_networks: Some(networks("RemoteNodeNetworks")),
        remote_pod_networks: Some(networks("RemotePodNetworks")),
    })
}

fn resources(deployed: &Deployed) -> impl Iterator<Item = (&String, &Json)> {
    deployed.template_body.get("Resources").and_then(Json::as_object).into_iter().flatten()
}

fn property(deployed: &Deployed, id: &str, pointer: &str) -> Option<String> {
    text(&deployed.template_body, &format!("/Resources/{id}/Properties{pointer}"))
}

fn text(value: &Json, pointer: &str) -> Option<String> {
    value.pointer(pointer)?.as_str().map(str::to_owned)
}
