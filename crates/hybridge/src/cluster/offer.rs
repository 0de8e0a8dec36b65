//! What to give to whoever may not do something: the smallest policy by which the command works.

use std::collections::BTreeSet;

use hybridge_cluster::config::ClusterConfig;
use hybridge_cluster::permissions::{Command, Scope, policies};
use hybridge_cluster::resolve::Partition;

use crate::tell;

/// Prints the policies (two documents where one would be longer than IAM takes) to standard error, below the finding that says what was
/// refused.
pub(super) fn policy(command: Command, config: &ClusterConfig, account: Option<&str>) {
    let given = config.remote_network_config.as_ref().map(|remote| remote.iam.role_arn.as_str()).filter(|arn| !arn.is_empty());
    let service = Some(config.iam.service_role_arn.as_str()).filter(|arn| !arn.is_empty());
    let roles: Vec<&str> = given.into_iter().chain(service).collect();
    let scope = Scope {
        partition: Partition::of_region(&config.metadata.region).name,
        region: &config.metadata.region,
        account: account.unwrap_or("*"),
        cluster: &config.metadata.name,
        roles: &roles,
        bucket: None,
    };
    tell::line(format_args!("The smallest policy by which `hybridge cluster {}` can do all of its work here:", command.name()));
    for document in policies(command, &BTreeSet::new(), &scope) {
        tell::line(document);
    }
}
