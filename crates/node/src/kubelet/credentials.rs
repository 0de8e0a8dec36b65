//! Which images the kubelet asks the ECR credential provider for (`kubelet.config.k8s.io/v1`, CredentialProviderConfig).

use serde_json::{Map, Value, json};

use super::gates::{self, Effect};
use super::{Kind, ecr_provider, kubeconfig};
use crate::node::{Node, Plugins};

/// Registries of all partitions, as EC2's nodeadm has them.
const IMAGES_EC2: [&str; 12] = [
    "*.dkr.ecr.*.amazonaws.com",
    "*.dkr-ecr.*.on.aws",
    "*.dkr.ecr.*.amazonaws.com.cn",
    "*.dkr-ecr.*.on.amazonwebservices.com.cn",
    "*.dkr.ecr-fips.*.amazonaws.com",
    "*.dkr-ecr-fips.*.on.aws",
    "*.dkr.ecr.*.c2s.ic.gov",
    "*.dkr.ecr.*.sc2s.sgov.gov",
    "*.dkr.ecr.*.cloud.adc-e.uk",
    "*.dkr.ecr.*.csp.hci.ic.gov",
    "*.dkr.ecr.*.amazonaws.eu",
    "public.ecr.aws",
];

/// As nodeadm for hybrid nodes has them.
const IMAGES_HYBRID: [&str; 5] = [
    "*.dkr.ecr.*.amazonaws.com",
    "*.dkr.ecr.*.amazonaws.com.cn",
    "*.dkr.ecr-fips.*.amazonaws.com",
    "*.dkr.ecr.*.c2s.ic.gov",
    "*.dkr.ecr.*.sc2s.sgov.gov",
];

/// The whole file.
pub(super) fn config(node: &Node<'_>) -> Map<String, Value> {
    let kind = Kind::of(node);
    let known: &[&str] = if kind == Kind::Ec2 { &IMAGES_EC2 } else { &IMAGES_HYBRID };
    let gated = gates::open(kind, node.kubelet).filter_map(|gate| match gate.effect {
        Effect::Images(pattern) => Some(pattern),
        Effect::Feature(_)
        | Effect::Text(..)
        | Effect::GpuLabel
        | Effect::DropInVariable
        | Effect::UserConfigInMainFile
        | Effect::SandboxImageFlag => None,
    });
    let images: Vec<&str> = known.iter().copied().chain(gated).collect();
    let mut provider = Map::from_iter([
        ("name".to_owned(), json!(ecr_provider(node).rsplit('/').next())),
        ("matchImages".to_owned(), json!(images)),
        ("defaultCacheDuration".to_owned(), json!("12h0m0s")),
        ("apiVersion".to_owned(), json!("credentialprovider.kubelet.k8s.io/v1")),
    ]);
    if node.plugins == Plugins::Builtin {
        provider.insert("args".to_owned(), json!(["ecr-credential-provider"]));
    }
    if let Some(anywhere) = kubeconfig::roles_anywhere(node) {
        let env = [
            ("AWS_CONFIG_FILE", anywhere.aws_config_path.as_str()),
            ("AWS_PROFILE", "default"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/eks-hybrid/.aws/credentials"),
        ];
        provider.insert("env".to_owned(), env.iter().map(|(name, value)| json!({"name": name, "value": value})).collect());
    }
    Map::from_iter([
        ("apiVersion".to_owned(), json!("kubelet.config.k8s.io/v1")),
        ("kind".to_owned(), json!("CredentialProviderConfig")),
        ("providers".to_owned(), json!([provider])),
    ])
}
