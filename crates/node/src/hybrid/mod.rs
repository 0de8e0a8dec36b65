//! What a node outside AWS has besides containerd and kubelet: credentials, kernel settings, no swap, open ports.

pub mod roles_anywhere;
pub mod ssm;
pub mod system;

use hybridge_report::Finding;

use crate::config::NodeConfig;
use crate::facts::Facts;
use crate::node::Plugins;
use crate::plan::{File, Step};

/// Directory that pods mount to have the node's credentials (`enableCredentialsFile`).
pub const SHARED: &str = "/eks-hybrid/.aws";

/// Steps that give the machine its credentials. They need neither the cluster nor a name, so that they can be done before anything is
/// asked of AWS.
///
/// # Errors
/// What is missing on the machine, or cannot be expressed.
pub fn credentials(config: &NodeConfig, facts: &Facts, plugins: Plugins, executable: &str) -> Result<Vec<Step>, Vec<Finding>> {
    let Some(hybrid) = &config.hybrid else { return Ok(Vec::new()) };
    let mut steps = Vec::new();
    if let Some(activation) = &hybrid.ssm {
        steps.extend(ssm::steps(activation, &config.cluster.region, facts)?);
        if hybrid.enable_credentials_file {
            steps.push(Step::Symlink { path: SHARED.to_owned(), target: ssm::HOME.to_owned() });
        }
    }
    if let Some(settings) = &hybrid.iam_roles_anywhere {
        let signer = roles_anywhere::Signer { settings, plugins, executable, proxied: proxied(config, facts) };
        let file = signer.aws_config(&config.cluster.region)?;
        let files = vec![file.path.clone(), settings.certificate_path.clone()];
        steps.push(Step::Write(file));
        if hybrid.enable_credentials_file {
            steps.extend(shared(&signer, &files));
        }
    }
    Ok(steps)
}

/// Keeps `/eks-hybrid/.aws/credentials` fresh.
fn shared(signer: &roles_anywhere::Signer<'_>, files: &[String]) -> Vec<Step> {
    let unit = signer.unit();
    let mut files = files.to_vec();
    files.push(unit.path.clone());
    let wait = 120;
    let path = format!("{SHARED}/credentials");
    vec![
        Step::Write(unit),
        Step::DaemonReload,
        Step::Service { unit: roles_anywhere::UNIT.to_owned(), enable: true, files, wait: 60 },
        Step::WaitForFile { path, by: roles_anywhere::UNIT.to_owned(), wait },
    ]
}

/// Whether a proxy stands between the machine and AWS: by our own environment, or by the one that the document gives to services.
pub fn proxied(config: &NodeConfig, facts: &Facts) -> bool {
    let documented = ["default", "kubelet"].into_iter().filter_map(|service| config.instance.environment.get(service));
    let mut names = facts.proxies.iter().chain(documented.flat_map(std::collections::BTreeMap::keys));
    names.any(|name| name.eq_ignore_ascii_case("HTTP_PROXY") || name.eq_ignore_ascii_case("HTTPS_PROXY"))
}

/// The kernel settings of every node outside.
pub fn sysctl() -> File {
    File::new(system::SYSCTL, system::SETTINGS)
}

#[cfg(test)]
mod tests;
