//! What must be true of a configuration once all its documents are merged.

use hybridge_document::Problem;

use super::{NodeConfig, RolesAnywhere, Shape, Ssm, own};

const DESCRIBE: &str = "see `aws eks describe-cluster`";

/// What is missing or contradicts itself. The sentences are nodeadm's own; it stops at the first, here all are told.
pub fn check_whole(config: &NodeConfig) -> Vec<Problem> {
    let mut missing = Vec::new();
    // Documents for hybrid nodes from before `hybrid:` are asked for what EC2 nodes' documents have.
    let old = config.hybrid.is_none() && config.cluster.region.is_empty();
    match config.shape {
        Shape::Hybrid if !old => hybrid(config, &mut missing),
        Shape::Ec2 | Shape::Hybrid => ec2(config, &mut missing),
    }
    let flag = |flag: &&String| flag.split(['=', ' ']).next() == Some("--hostname-override");
    if config.shape == Shape::Hybrid
        && let Some(flag) = config.kubelet.flags.iter().find(flag)
    {
        let found = flag.split_once(['=', ' ']).map_or("", |(_, value)| value);
        let what = format!("hostname-override kubelet flag is not supported for hybrid nodes but found override: {found}");
        missing.push(Problem::at_field(
            "flag.hostname-override",
            "spec.kubelet.flags",
            what,
            "leave it out; the name comes from nodeName, or from SSM",
        ));
    }
    lni(config, &mut missing);
    missing.extend(own::check(&config.instance));
    missing
}

/// The LNI: what its own crate asks, and that the LAN leaves the cluster's addresses alone.
fn lni(config: &NodeConfig, missing: &mut Vec<Problem>) {
    if config.lni.is_empty() {
        return;
    }
    let (profile, problems) = hybridge_lni::profile::whole_of(&config.lni, "spec.lni");
    missing.extend(problems);
    let services: Option<hybridge_model::Cidr4> = config.cluster.cidr.parse().ok();
    let lan = profile.into_iter().flat_map(|profile| profile.lan.cidrs);
    for lan in lan.filter(|lan| services.is_some_and(|services| services.overlaps(*lan))) {
        let what = format!("{lan} overlaps spec.cluster.cidr, {}: what goes to Services would leave by the LNI", config.cluster.cidr);
        let fix = "name only networks that are on the LAN; if they really overlap, the cluster needs another service range";
        missing.push(Problem::at_field("lni.service-overlap", "spec.lni.lan.cidrs", what, fix));
    }
}

fn require(text: &str, field: &str, what: &str, fix: &str, missing: &mut Vec<Problem>) {
    if text.is_empty() {
        missing.push(Problem::at_field("required.missing", field, what, fix));
    }
}

fn ec2(config: &NodeConfig, missing: &mut Vec<Problem>) {
    let cluster = &config.cluster;
    for (text, field, what) in [
        (&cluster.name, "spec.cluster.name", "Name is missing in cluster configuration"),
        (&cluster.api_server_endpoint, "spec.cluster.apiServerEndpoint", "Apiserver endpoint is missing in cluster configuration"),
        (&cluster.certificate_authority, "spec.cluster.certificateAuthority", "Certificate authority is missing in cluster configuration"),
        (&cluster.cidr, "spec.cluster.cidr", "CIDR is missing in cluster configuration"),
    ] {
        require(text, field, what, DESCRIBE, missing);
    }
    if cluster.enable_outpost == Some(true) && cluster.id.is_empty() {
        let what = "cluster ID must be provided for outposts";
        missing.push(Problem::at_field(
            "outpost.id",
            "spec.cluster.id",
            what,
            "write `id` of `aws eks describe-cluster`, or leave enableOutpost out",
        ));
    }
}

fn hybrid(config: &NodeConfig, missing: &mut Vec<Problem>) {
    require(&config.cluster.name, "spec.cluster.name", "Name is missing in cluster configuration", DESCRIBE, missing);
    let fix = "write the region that the cluster is in, such as us-west-2";
    require(&config.cluster.region, "spec.cluster.region", "Region is missing in cluster configuration", fix, missing);
    let block = config.hybrid.clone().unwrap_or_default();
    match (&block.iam_roles_anywhere, &block.ssm) {
        (None, None) => missing.push(Problem::at_field(
            "hybrid.provider",
            "spec.hybrid",
            "Either IAMRolesAnywhere or SSM must be provided for hybrid node configuration",
            "write hybrid.ssm with activationCode and activationId, or hybrid.iamRolesAnywhere",
        )),
        (Some(_), Some(_)) => missing.push(Problem::at_field(
            "hybrid.provider",
            "spec.hybrid",
            "Only one of IAMRolesAnywhere or SSM must be provided for hybrid node configuration",
            "keep the one that the node is to use",
        )),
        (Some(anywhere), None) => roles_anywhere(anywhere, missing),
        (None, Some(ssm)) => activation(ssm, missing),
    }
}

fn roles_anywhere(anywhere: &RolesAnywhere, missing: &mut Vec<Problem>) {
    let base = "spec.hybrid.iamRolesAnywhere";
    for (text, name, go) in [
        (&anywhere.role_arn, "roleArn", "RoleARN is missing"),
        (&anywhere.profile_arn, "profileArn", "ProfileARN is missing"),
        (&anywhere.trust_anchor_arn, "trustAnchorArn", "TrustAnchorARN is missing"),
        (&anywhere.node_name, "nodeName", "NodeName can't be empty"),
    ] {
        let what = format!("{go} in hybrid iam roles anywhere configuration");
        require(text, &format!("{base}.{name}"), &what, &format!("write {name}"), missing);
    }
}

fn activation(ssm: &Ssm, missing: &mut Vec<Problem>) {
    let fix = "see `aws ssm create-activation`";
    let code = ssm.activation_code.as_ref().map_or("", |code| code.reveal());
    require(code, "spec.hybrid.ssm.activationCode", "ActivationCode is missing in hybrid ssm configuration", fix, missing);
    require(&ssm.activation_id, "spec.hybrid.ssm.activationId", "ActivationID is missing in hybrid ssm configuration", fix, missing);
}
