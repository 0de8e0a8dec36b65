//! Network ACLs of the subnets that EKS is given.

use super::{Check, Told, View, When};
use crate::path::acl::{self, EPHEMERAL};
use crate::path::{API_PORT, KUBELET_PORT, remedy};

pub(super) const CHECKS: &[Check] = &[Check {
    code: "acls.remote",
    about: "network ACLs let packets of remote networks and their answers pass, both ways",
    when: When::Always,
    needs: &["DescribeNetworkAcls", "DescribeSubnets"],
    run: remote,
}];

/// P10. An ACL knows no connections: 443 in and its answers out, 10250 out and its answers in.
fn remote(view: &View<'_>, told: &mut Told) {
    if view.without_remote() {
        return told.idle();
    }
    let networks = view.cluster.node_cidrs.iter().map(|it| (*it, true)).chain(view.cluster.pod_cidrs.iter().map(|it| (*it, false)));
    let networks: Vec<_> = networks.collect();
    for id in view.face_subnets() {
        let Some(acl) = view.network().subnet(id).and_then(|subnet| view.network().acl(subnet)) else {
            told.unknown(id, "the subnet's network ACL is not known");
            continue;
        };
        for (network, nodes) in &networks {
            let mut ways = vec![(false, (API_PORT, API_PORT), "calls of the API server"), (true, EPHEMERAL, "answers of the API server")];
            if *nodes {
                ways.extend([(true, (KUBELET_PORT, KUBELET_PORT), "calls of kubelets"), (false, EPHEMERAL, "answers of kubelets")]);
            }
            for (egress, ports, what) in ways {
                let Some(refused) = acl::refused(acl, egress, *network, ports) else { continue };
                let (from, to) = ports;
                let flag = if egress { "--egress" } else { "--ingress" };
                let direction = if egress { "to" } else { "from" };
                let why = if refused.rule == 32767 { "no rule allows it".into() } else { format!("rule {} denies it", refused.rule) };
                told.warning(
                    &acl.network_acl_id,
                    format!("{what} do not pass {direction} {} at port {}: {why}", refused.network, refused.port),
                    remedy::aws(
                        view.cluster,
                        &format!(
                            "ec2 create-network-acl-entry --network-acl-id {} {flag} --rule-number {} --protocol 6 --port-range From={from},To={to} --cidr-block {network} --rule-action allow",
                            acl.network_acl_id,
                            remedy::free_number(acl, egress, refused.rule)
                        ),
                    ),
                );
            }
        }
    }
}
