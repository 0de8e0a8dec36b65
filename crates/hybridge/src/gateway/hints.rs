//! What to do about each problem.

/// The advice for a problem's code, where there is one that always fits.
pub(crate) fn hint(code: &str) -> Option<&'static str> {
    Some(match code {
        "nodes.unknown" | "nodes.watch" => {
            "see that the gateway reaches the API server, and that its role has `list, watch` on `ciliumnodes`"
        }
        "nodes.held" | "node.held" => {
            "if the nodes are really gone, wait, or set `--mass-delete-hold`; else see why Cilium removed its CiliumNodes"
        }
        "node.conflict" => "give each hybrid node networks and an address of its own, or delete the CiliumNode that is out of date",
        "node.left-out" => "correct the CiliumNode: it needs an InternalIP and IPv4 pod CIDRs outside the VPC's networks",
        "node.pending" | "kernel.pending" | "kernel.error" => "read the log of the gateway; it tries again each second",
        "lease.error" => "see that the gateway reaches the API server, and that its role has `get, create, update` on `leases`",
        "lease.vacant" | "lease.expired" => "a gateway takes the Lease within seconds if one is fit to lead; read the logs of the gateways",
        "leader.silent" => "if its pod is gone, another gateway takes over when the Lease expires",
        "routes.error" => "check the gateway's IAM policy and its way to EC2",
        "route.foreign" => "remove the route with `aws ec2 delete-route`, or start the gateways with `--adopt-routes`",
        "route-table.missing" | "route.no-table" => "correct `routeTableIDs` in the chart's values",
        "instance.source-dest-check" => "`aws ec2 modify-network-interface-attribute --network-interface-id ENI --no-source-dest-check`",
        "vtep.error" | "vtep.unknown" => {
            "enable VTEP in Cilium (`vtep.enabled=true`), and see that the role has `get, create, update` on `ciliumvtepconfigs`"
        }
        "vtep.foreign" => "remove the endpoint of somebody else from the CiliumVTEPConfig",
        "gateway.none" => "install the chart `hybridge-gateway`, or name the namespace of the gateways with `-n`",
        "gateway.silent" => "see `kubectl describe pod` and `kubectl logs`",
        "gateway.namespaces" => {
            "choose one with `-n`; remove what is installed twice, since both write the same routes and CiliumVTEPConfig"
        }
        _ => return None,
    })
}
