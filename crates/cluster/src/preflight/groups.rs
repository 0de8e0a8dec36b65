//! Security groups of the control plane's interfaces.

use hybridge_model::Cidr4;

use super::{Check, Told, View, When};
use crate::path::group::{self, Admission, Side};
use crate::path::network::Face;
use crate::path::{API_PORT, KUBELET_PORT, WEBHOOK_PORTS, hops, remedy};
use crate::world::SecurityGroup;

pub(super) const CHECKS: &[Check] = &[
    Check {
        code: "groups.api",
        about: "security groups let every remote network in at 443",
        when: When::Always,
        needs: &["DescribeSecurityGroups"],
        run: api,
    },
    Check {
        code: "groups.kubelet",
        about: "security groups let the control plane out to kubelets at 10250",
        when: When::Always,
        needs: &["DescribeSecurityGroups"],
        run: kubelet,
    },
    Check {
        code: "groups.webhooks",
        about: "security groups let the control plane out to webhooks on hybrid nodes",
        when: When::Always,
        needs: &["DescribeSecurityGroups"],
        run: webhooks,
    },
    Check {
        code: "groups.quota",
        about: "security groups stay within EC2's quota of 60 rules a direction",
        when: When::Always,
        needs: &["DescribeSecurityGroups"],
        run: quota,
    },
];

/// EC2's default, of inbound and of outbound rules each; adjustable (Amazon VPC User Guide, quotas).
const QUOTA: usize = 60;

/// Its code in Service Quotas: "Inbound or outbound rules per security group" of `vpc`.
const QUOTA_CODE: &str = "L-0EA8095F";

/// The groups of an interface, and the names of those that nothing is known of.
fn known<'a>(view: &'a View<'_>, face: &Face) -> (Vec<&'a SecurityGroup>, Vec<String>) {
    let (known, unknown): (Vec<_>, Vec<_>) =
        face.groups.iter().map(|id| (id, view.network().group(id))).partition(|(_, group)| group.is_some());
    (known.into_iter().filter_map(|(_, group)| group).collect(), unknown.into_iter().map(|(id, _)| id.clone()).collect())
}

/// Faces with different groups; most have the same.
fn faces<'a>(view: &'a View<'_>) -> Vec<&'a Face> {
    let mut faces: Vec<&Face> = Vec::new();
    for face in &view.faces {
        if !faces.iter().any(|known| known.groups == face.groups) {
            faces.push(face);
        }
    }
    faces
}

/// P9. Group rules add up, so one of all groups is enough.
fn api(view: &View<'_>, told: &mut Told) {
    // Nodes of a public endpoint come over the internet; pods reach the interfaces even so.
    let endpoints = hops::endpoints(view.cluster, &view.world);
    let inside: Vec<Cidr4> =
        view.remote().filter(|it| !endpoints.public || endpoints.private || view.cluster.pod_cidrs.contains(it)).collect();
    if inside.is_empty() {
        return told.idle();
    }
    each(view, told, Side::In, (&inside, API_PORT));
}

fn kubelet(view: &View<'_>, told: &mut Told) {
    if view.cluster.node_cidrs.is_empty() {
        return told.idle();
    }
    each(view, told, Side::Out, (&view.cluster.node_cidrs, KUBELET_PORT));
}

/// Whether TCP at a port passes between each interface and each network.
fn each(view: &View<'_>, told: &mut Told, side: Side, (networks, port): (&[Cidr4], u16)) {
    let (verb, preposition) = if side == Side::In { ("ingress", "from") } else { ("egress", "to") };
    for face in faces(view) {
        let (groups, missing) = known(view, face);
        for network in networks {
            match group::admits(&groups, side, *network, ("tcp", port)) {
                Admission::Yes => {}
                Admission::Perhaps(list) => {
                    told.unknown(
                        &list,
                        format!("only this prefix list may let TCP {port} {preposition} {network} pass, and what is in it is not known"),
                    );
                }
                Admission::No if !missing.is_empty() || groups.is_empty() => {
                    let what = format!("no known rule lets TCP {port} {preposition} {network} pass, and not all groups are known");
                    told.unknown(place(&missing, face), what);
                }
                Admission::No => told.error(
                    face.groups.join(", "),
                    format!("no rule lets TCP {port} {preposition} {network} pass"),
                    remedy::aws(
                        view.cluster,
                        &format!(
                            "ec2 authorize-security-group-{verb} --group-id {} {}",
                            groups[0].group_id,
                            remedy::permission(verb, port, *network)
                        ),
                    ),
                ),
            }
        }
    }
}

fn place(missing: &[String], face: &Face) -> String {
    if missing.is_empty() { face.id.clone() } else { missing.join(", ") }
}

/// P9: which ports webhooks use is the user's; usual ones are tried.
fn webhooks(view: &View<'_>, told: &mut Told) {
    if view.cluster.pod_cidrs.is_empty() {
        return told.idle();
    }
    for face in faces(view) {
        let (groups, missing) = known(view, face);
        for network in &view.cluster.pod_cidrs {
            let closed: Vec<String> = WEBHOOK_PORTS
                .iter()
                .filter(|port| group::admits(&groups, Side::Out, *network, ("tcp", **port)) == Admission::No)
                .map(ToString::to_string)
                .collect();
            if closed.is_empty() {
                continue;
            }
            if !missing.is_empty() || groups.is_empty() {
                told.unknown(
                    place(&missing, face),
                    format!("no known rule lets webhook ports to {network} pass, and not all groups are known"),
                );
                continue;
            }
            let fix = remedy::aws(
                view.cluster,
                &format!(
                    "ec2 authorize-security-group-egress --group-id {} {}",
                    groups[0].group_id,
                    remedy::permission("egress", WEBHOOK_PORTS[2], *network)
                ),
            );
            if closed.len() == WEBHOOK_PORTS.len() {
                told.error(face.groups.join(", "), format!("no rule lets the control plane call webhooks in {network}"), fix);
            } else {
                let what = format!("no rule lets TCP {} to {network} pass; webhooks that listen there are not called", closed.join(", "));
                told.warning(face.groups.join(", "), what, fix);
            }
        }
    }
}

fn quota(view: &View<'_>, told: &mut Told) {
    let ids = view.faces.iter().flat_map(|face| &face.groups);
    let groups: Vec<&SecurityGroup> = ids.filter_map(|id| view.network().group(id)).collect();
    if groups.is_empty() {
        told.unknown("vpc", "security groups are not known");
    }
    for group in groups {
        for (side, name) in [(Side::In, "inbound"), (Side::Out, "outbound")] {
            let count = group::count(group, side);
            if count > QUOTA {
                told.error(
                    &group.group_id,
                    format!("{count} {name} rules; EC2 takes {QUOTA} in accounts whose quota was not raised"),
                    format!(
                        "join networks to larger ones, or ask for more ({}) and leave this check out with --skip groups.quota",
                        remedy::more(view.cluster, QUOTA_CODE, count)
                    ),
                );
            }
        }
    }
}
