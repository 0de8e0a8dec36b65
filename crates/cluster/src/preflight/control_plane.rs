//! The control plane: how it is reached, its version, its place.

use super::{Check, Told, View, When};
use crate::path::hops;

pub(super) const CHECKS: &[Check] = &[
    Check {
        code: "endpoint.mode",
        about: "the Kubernetes API has one endpoint, public or private",
        when: When::Always,
        needs: &[],
        run: mode,
    },
    Check { code: "endpoint.public", about: "the site may use the public endpoint", when: When::Always, needs: &[], run: public },
    Check {
        code: "version.supported",
        about: "EKS offers the version of Kubernetes",
        when: When::Before,
        needs: &["DescribeClusterVersions"],
        run: version,
    },
    Check { code: "region.hybrid", about: "EKS takes hybrid nodes in this region", when: When::Always, needs: &[], run: region },
    Check {
        code: "access.mode",
        about: "the cluster that is there takes access entries, and is of IPv4",
        when: When::Always,
        needs: &["DescribeCluster"],
        run: access,
    },
];

/// P4: with both, the name resolves to public addresses outside the VPC.
fn mode(view: &View<'_>, told: &mut Told) {
    let endpoints = hops::endpoints(view.cluster, &view.world);
    if endpoints.public && endpoints.private {
        told.warning(
            "vpc.clusterEndpoints",
            "both endpoints are on: outside the VPC the name resolves to public addresses, so hybrid nodes use the public one",
            "choose one of publicAccess and privateAccess",
        );
    }
    if !endpoints.public && !endpoints.private {
        told.error("vpc.clusterEndpoints", "no endpoint is on", "set publicAccess or privateAccess to true");
    }
}

/// P4: which address the site has is not known here.
fn public(view: &View<'_>, told: &mut Told) {
    let endpoints = hops::endpoints(view.cluster, &view.world);
    if !endpoints.public {
        return told.idle();
    }
    if !endpoints.from.is_empty() && !endpoints.from.iter().any(|network| network == "0.0.0.0/0") {
        told.warning(
            "vpc.publicAccessCIDRs",
            format!("only {} may use the public endpoint: hybrid nodes come from the site's public address", endpoints.from.join(", ")),
            "have that address in the list (`curl https://checkip.amazonaws.com` on a node shows it)",
        );
    }
}

/// P5.
fn version(view: &View<'_>, told: &mut Told) {
    let (versions, version) = (&view.before.cluster_versions, &view.cluster.version);
    if versions.is_empty() {
        return told.unknown(
            "metadata.version",
            format!("which versions EKS offers is not known, so whether {version} is one of them is not either"),
        );
    }
    let offered = |wanted: &str| {
        versions.iter().filter(|it| it.version_status != wanted).map(|it| it.cluster_version.as_str()).collect::<Vec<_>>().join(", ")
    };
    match versions.iter().find(|it| it.cluster_version == *version) {
        None => told.error(
            "metadata.version",
            format!("EKS does not offer Kubernetes {version}"),
            format!("choose one of {}", offered("UNSUPPORTED")),
        ),
        Some(it) if it.version_status == "UNSUPPORTED" => {
            told.error(
                "metadata.version",
                format!("EKS no longer supports Kubernetes {version}"),
                format!("choose one of {}", offered("UNSUPPORTED")),
            );
        }
        Some(it) if it.version_status == "EXTENDED_SUPPORT" => {
            told.warning(
                "metadata.version",
                format!("Kubernetes {version} is in extended support, which costs more"),
                "choose a later version",
            );
        }
        Some(_) => {}
    }
}

/// P5. AWS's GovCloud guide ("Amazon EKS in AWS GovCloud (US)", how it differs) says that hybrid nodes are not available there; eksctl
/// has the principals nevertheless, and AWS may open them any day. Of other partitions nobody knows principals.
fn region(view: &View<'_>, told: &mut Told) {
    let region = &view.cluster.config.metadata.region;
    match view.cluster.partition {
        "aws" => {}
        "aws-us-gov" => told.warning(
            "metadata.region",
            format!("AWS's GovCloud guide said that EKS has no hybrid nodes in {region} when this was written"),
            "look whether it still says so (\"Amazon EKS in AWS GovCloud (US)\"), or choose a region of the commercial partition",
        ),
        partition => told.error(
            "metadata.region",
            format!("{region} is of the partition {partition}, where Systems Manager and Roles Anywhere cannot hand roles to hybrid nodes"),
            "choose a region of the commercial partition",
        ),
    }
}

/// P5, of the live cluster; the file's own values are checked when it is read.
fn access(view: &View<'_>, told: &mut Told) {
    let Some(live) = &view.before.cluster else { return told.idle() };
    if live.access_config.authentication_mode == "CONFIG_MAP"
        && view.world.cluster.as_ref().is_some_and(|after| after.access_config.authentication_mode == "CONFIG_MAP")
    {
        let name = &live.name;
        told.error(
            name,
            "its authentication mode is CONFIG_MAP, so it takes no access entry of hybrid nodes",
            crate::path::remedy::aws(
                view.cluster,
                &format!("eks update-cluster-config --name {name} --access-config authenticationMode=API_AND_CONFIG_MAP"),
            ),
        );
    }
    if live.kubernetes_network_config.ip_family == "ipv6" {
        told.error(&live.name, "it is of IPv6; hybrid nodes need IPv4, and the family cannot be changed", "make a new cluster");
    }
}
