//! How the kubelet reaches the API server: where it is, and who makes its tokens.

use std::fmt::Write as _;

use super::{CA, Kind, local_cluster};
use crate::config::RolesAnywhere;
use crate::node::{Node, Plugins};

/// A program that prints an `ExecCredential`.
struct Exec<'a> {
    command: String,
    env: Vec<(&'static str, &'a str)>,
    args: Vec<&'a str>,
}

/// The kubeconfig, as the two nodeadms write it; with [`Plugins::Builtin`] the token is made by ourselves.
pub(super) fn text(node: &Node<'_>) -> String {
    let mut text = format!(
        "---\napiVersion: v1\nkind: Config\nclusters:\n  - name: kubernetes\n    cluster:\n      certificate-authority: {CA}\n      server: {}\n\
         current-context: kubelet\ncontexts:\n  - name: kubelet\n    context:\n      cluster: kubernetes\n      user: kubelet\n\
         users:\n  - name: kubelet\n    user:\n      exec:\n        apiVersion: client.authentication.k8s.io/v1beta1\n",
        plain(&node.cluster.endpoint)
    );
    let Exec { command, env, args } = exec(node);
    let _ = writeln!(text, "        command: {command}");
    if !env.is_empty() {
        text.push_str("        env:\n");
    }
    for (name, value) in env {
        let _ = writeln!(text, "          - name: {}\n            value: {}", quoted(name), quoted(value));
    }
    text.push_str("        args:\n");
    for arg in args {
        let _ = writeln!(text, "          - {}", quoted(arg));
    }
    text
}

fn exec<'a>(node: &Node<'a>) -> Exec<'a> {
    let local = local_cluster(node);
    let cluster = local.unwrap_or(&node.cluster.name);
    let anywhere = roles_anywhere(node);
    let env = anywhere.map(|anywhere| vec![("AWS_PROFILE", "default"), ("AWS_CONFIG_FILE", anywhere.aws_config_path.as_str())]);
    let (command, mut args) = match (node.plugins, Kind::of(node)) {
        // `aws eks get-token` calls the id of a local cluster --cluster-id, and so do we.
        (Plugins::Builtin, _) => {
            (quoted(node.executable), vec!["get-token", if local.is_some() { "--cluster-id" } else { "--cluster-name" }])
        }
        (Plugins::External, Kind::Ec2 | Kind::HybridOnEc2) => ("aws".to_owned(), vec!["eks", "get-token", "--cluster-name"]),
        (Plugins::External, Kind::Hybrid) => (quoted("/usr/local/bin/aws-iam-authenticator"), vec!["token", "--cluster-id"]),
    };
    args.extend([cluster, "--region", node.region]);
    Exec { command, env: env.unwrap_or_default(), args }
}

/// Roles Anywhere, if it gives the node its credentials.
pub(super) fn roles_anywhere<'a>(node: &Node<'a>) -> Option<&'a RolesAnywhere> {
    node.config.hybrid.as_ref()?.iam_roles_anywhere.as_ref()
}

/// A text in double quotes: JSON's are YAML's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A URL as it is where YAML reads it as text, in quotes otherwise.
fn plain(url: &str) -> String {
    let ordinary = |char: char| char.is_ascii_alphanumeric() || "-._~:/[]@".contains(char);
    if url.starts_with(|char: char| char.is_ascii_alphabetic()) && url.chars().all(ordinary) && !url.ends_with(':') {
        url.to_owned()
    } else {
        quoted(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_yaml_could_misread_is_quoted() {
        assert_eq!(plain("https://A1.gr7.us-west-2.eks.amazonaws.com"), "https://A1.gr7.us-west-2.eks.amazonaws.com");
        assert_eq!(plain("https://[fd00::1]:443"), "https://[fd00::1]:443");
        for odd in ["", "https://x #y", "https:", "- x", "x: y", "\"x"] {
            assert_eq!(plain(odd), serde_json::to_string(odd).unwrap());
        }
    }
}
