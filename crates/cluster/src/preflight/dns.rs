//! Names: the VPC's DNS attributes, and who resolves a private endpoint's name.

use super::{Check, Told, View, When};
use crate::path::{hops, remedy};
use crate::world::ResolverEndpoint;

pub(super) const CHECKS: &[Check] = &[
    Check {
        code: "dns.attributes",
        about: "the VPC has DNS support and DNS host names",
        when: When::Always,
        needs: &["DescribeVpcAttribute"],
        run: attributes,
    },
    Check {
        code: "dns.private",
        about: "the site can resolve the name of a private endpoint",
        when: When::Always,
        needs: &["ListResolverEndpoints"],
        run: private,
    },
];

/// P11.
fn attributes(view: &View<'_>, told: &mut Told) {
    let id = view.vpc();
    let Some(vpc) = view.world.vpcs.iter().find(|vpc| vpc.vpc_id == id) else {
        if id.is_empty() {
            return told.idle();
        }
        return told.unknown(id, "the VPC's DNS attributes are not known");
    };
    for (value, name, flag) in [
        (vpc.enable_dns_support, "DNS support", "enable-dns-support"),
        (vpc.enable_dns_hostnames, "DNS host names", "enable-dns-hostnames"),
    ] {
        match value {
            Some(true) => {}
            Some(false) => told.error(
                &id,
                format!("{name} are off, and EKS needs them for its endpoint"),
                remedy::aws(view.cluster, &format!("ec2 modify-vpc-attribute --vpc-id {id} --{flag} Value=true")),
            ),
            None => told.unknown(&id, format!("whether {name} are on is not known")),
        }
    }
}

/// P11. What the site's resolvers do is not seen from here; whether they have somebody to ask in the VPC is.
fn private(view: &View<'_>, told: &mut Told) {
    let endpoints = hops::endpoints(view.cluster, &view.world);
    if endpoints.public || !endpoints.private || view.without_remote() {
        return told.idle();
    }
    let id = view.vpc();
    let inbound = |it: &ResolverEndpoint| it.host_vpc_id == id && it.direction.starts_with("INBOUND") && it.status == "OPERATIONAL";
    if view.before.resolver_endpoints.iter().any(inbound) {
        return;
    }
    let name =
        view.before.cluster.as_ref().map(|live| live.endpoint.trim_start_matches("https://").to_owned()).filter(|name| !name.is_empty());
    told.warning(
        "vpc.clusterEndpoints",
        format!("the endpoint is private: resolvers of the site have to answer {} with addresses of the control plane's interfaces", name.unwrap_or_else(|| "its name".into())),
        "forward the name's zone to an inbound endpoint of Route 53 Resolver in the VPC, or enter the addresses (the firewall sheet of hybridge cluster handover has them; they change at upgrades)",
    );
}
