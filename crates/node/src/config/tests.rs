//! Whole documents: nodeadm's own cases, and the laws that hold for any.

mod laws;
mod merging;
#[path = "../../../document/tests/mutations/mod.rs"]
mod mutations;
mod problems;
mod schema;

use super::*;

/// Sources of one shape, with a stand-in for CEL and the plainest TOML merge.
pub(crate) fn languages() -> Languages<'static> {
    fn cel(text: &str) -> Result<(), String> {
        if text.contains("nonsense") { Err("unknown name nonsense".to_owned()) } else { Ok(()) }
    }
    fn merge(base: &mut toml::Table, later: toml::Table) {
        for (key, later) in later {
            match (base.get_mut(&key), later) {
                (Some(toml::Value::Table(base)), toml::Value::Table(later)) => merge(base, later),
                (_, later) => {
                    base.insert(key, later);
                }
            }
        }
    }
    fn toml(base: &str, later: &str) -> Result<String, String> {
        let mut table: toml::Table = base.parse().map_err(|_| "not TOML".to_owned())?;
        merge(&mut table, later.parse().map_err(|_| "not TOML".to_owned())?);
        Ok(serde_json::to_string(&table).expect("a table is data"))
    }
    Languages { cel: &cel, toml: &toml }
}

/// Problems as `code line:column`.
pub(super) fn codes(parsed: &Parsed) -> Vec<String> {
    parsed.problems.iter().map(|problem| format!("{} {}:{}", problem.code, problem.line, problem.column)).collect()
}

/// Documents of the two nodeadms' cases, compiled in: nothing here reads files.
macro_rules! documents {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_bytes!(concat!("../../../../tests/fixtures/nodeadm/", $name)))),*]
    };
}

/// Every document of the two nodeadms' cases, by path.
pub(super) static DOCUMENTS: &[(&str, &[u8])] = documents![
    "ec2/config-check/config-bad.yaml",
    "ec2/config-check/config-good.yaml",
    "ec2/containerdv1-config/configv2.yaml",
    "ec2/containerdv1-config/configv3.yaml",
    "ec2/containerdv2-config/configv2.yaml",
    "ec2/containerdv2-config/configv3.yaml",
    "ec2/custom-max-pods-expression/config.yaml",
    "ec2/custom-max-pods-expression/scenarios/custom-networking/config.yaml",
    "ec2/custom-max-pods-expression/scenarios/kubelet-config-max-pods/config.yaml",
    "ec2/image-credential-provider/config.yaml",
    "ec2/kubeconfig/config.yaml",
    "ec2/kubelet-config-dir/config.kubelet-config-json.yaml",
    "ec2/kubelet-config-dir/config.kubelet-config-yaml.yaml",
    "ec2/kubelet-flags/config.yaml",
    "ec2/mime-userdata-merge/config.yaml",
    "ec2/nodeadm-environment-config/config-basic-env.yaml",
    "ec2/nodeadm-environment-config/config-empty-env.yaml",
    "ec2/nodeadm-environment-config/config-no-env.yaml",
    "ec2/nodeadm-environment-config/config-quote-escaping.yaml",
    "ec2/nodeadm-environment-config/config-service-only.yaml",
    "ec2/nodeadm-environment-config/config-service-specific.yaml",
    "hybrid/containerd-config/config.yaml",
    "hybrid/hybrid-node-system-aspects/config.yaml",
    "hybrid/init-with-node-ip-validation/config-ip-in-range.yaml",
    "hybrid/init-with-node-ip-validation/config-ip-out-of-range.yaml",
    "hybrid/kubeconfig/config.yaml",
    "hybrid/kubelet-config/config.kubelet-config-json.yaml",
    "hybrid/kubelet-config/config.kubelet-config-yaml.yaml",
    "hybrid/upgrade-with-ssm/config.yaml",
];

/// One of them.
pub(super) fn document(name: &str) -> &'static [u8] {
    DOCUMENTS.iter().find(|(found, _)| *found == name).expect("the fixture is in the list").1
}

#[test]
fn documents_of_both_nodeadms_are_accepted() {
    for (name, bytes) in DOCUMENTS {
        let shape = name.starts_with("hybrid/").then_some(Shape::Hybrid);
        let parsed = parse(name, bytes, shape, languages());
        if *name == "ec2/config-check/config-bad.yaml" {
            assert_eq!(codes(&parsed), ["key.unknown 6:5", "ca.not-pem 8:27"], "{:#?}", parsed.problems);
            let missing = check_whole(parsed.draft.as_ref().unwrap());
            assert_eq!(missing[0].what, "Name is missing in cluster configuration");
            continue;
        }
        let Some(config) = &parsed.config else { panic!("{name}: {:#?}", parsed.problems) };
        let missing = check_whole(config);
        assert!(missing.is_empty(), "{name}: {missing:#?}");
        if shape == Some(Shape::Hybrid) && config.hybrid.is_some() {
            assert_eq!(parse(name, bytes, None, languages()).config.unwrap().shape, Shape::Hybrid, "{name}");
        }
    }
}
