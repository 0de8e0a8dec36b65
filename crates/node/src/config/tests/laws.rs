//! What holds for any bytes and any configuration.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::Strategy;
use serde_json::{Map, Value, json};

use super::super::chain::{Cached, Source, UserData, resolve};
use super::super::{
    Cluster, Containerd, Hybrid, Instance, Kubelet, LocalStorage, Network, NodeConfig, RolesAnywhere, Shape, Ssm, check_whole, dump, merge,
    parse,
};
use super::mutations::{any_change, changed};
use super::{DOCUMENTS, languages};

/// A configuration of any fields, most of them absent.
fn any_config() -> impl Strategy<Value = NodeConfig> {
    let word = "[a-z]{0,3}";
    let words = || prop::collection::vec("[a-z]{1,3}", 0..3);
    let names = prop::collection::btree_map("[a-b]", prop::collection::btree_map("[A-C]", word, 0..3), 0..3);
    let free = any_document;
    let gates = prop::collection::btree_map("[a-c]", any::<bool>(), 0..3);
    let texts = (word, word, word, word, prop::option::of(any::<bool>()));
    let hybrid =
        prop::option::of((any::<bool>(), prop::option::of((word, word)), prop::option::of((word, prop::option::of("[a-z]{1,3}")))));
    (texts, words(), words(), names, free(), free(), gates, hybrid).prop_map(
        |((name, region, mount, pods, outpost), flags, servers, environment, kubelet, runtime, gates, hybrid)| NodeConfig {
            cluster: Cluster { name, region, enable_outpost: outpost, ..Cluster::default() },
            containerd: Containerd { base_runtime_spec: runtime.into_iter().collect(), ..Containerd::default() },
            instance: Instance {
                local_storage: LocalStorage { mount_path: mount, ..LocalStorage::default() },
                environment,
                network: Network { nameservers: servers, ..Network::default() },
                ..Instance::default()
            },
            kubelet: Kubelet { config: kubelet.into_iter().collect(), flags, max_pods_expression: pods },
            feature_gates: gates,
            hybrid: hybrid.map(|(enable_credentials_file, anywhere, ssm)| Hybrid {
                enable_credentials_file,
                iam_roles_anywhere: anywhere.map(|(node_name, role_arn)| RolesAnywhere { node_name, role_arn, ..RolesAnywhere::default() }),
                ssm: ssm.map(|(activation_id, code)| Ssm { activation_id, activation_code: code.map(crate::secret::Secret::new) }),
            }),
            ..NodeConfig::default()
        },
    )
}

/// A free-form document whose keys `a` and `b` are never mappings and whose `c` always is one: where the two change places, even nodeadm's
/// merge depends on the grouping (null clears a mapping, an empty mapping does not bring it back).
fn any_document() -> impl Strategy<Value = BTreeMap<String, Value>> {
    let leaf = || {
        prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), (0..3).prop_map(Value::from), Just(json!([])), Just(json!(""))]
    };
    let leaves = move || prop::collection::btree_map("[ab]", leaf(), 0..3);
    leaves()
        .prop_map(|map| map.into_iter().collect::<Map<_, _>>())
        .prop_recursive(3, 8, 2, move |inner| {
            (leaves(), inner)
                .prop_map(|(map, inner)| map.into_iter().chain([("c".to_owned(), Value::Object(inner))]).collect::<Map<_, _>>())
        })
        .prop_map(|map| map.into_iter().collect())
}

fn merged(mut base: NodeConfig, later: NodeConfig) -> NodeConfig {
    merge(&mut base, later, languages()).unwrap();
    base
}

const CODE: &str = "Zq9-activation-Xw7-code-Vv5";
const PASSWORD: &str = "Pw8hunterQk2";

/// A document with secrets in all places that may have some.
fn secretive() -> String {
    format!(
        "apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  cluster:
    name: my-cluster
    region: us-west-2
  instance:
    environment:
      default:
        HTTPS_PROXY: http://user:{PASSWORD}@proxy:8080
        NO_PROXY: localhost
  hybrid:
    ssm:
      activationCode: {CODE}
      activationId: 57be8cce-1137-32d4-ce32-ba044ea5df48
"
    )
}

const SHAPES: [Option<Shape>; 3] = [None, Some(Shape::Ec2), Some(Shape::Hybrid)];

/// All that is told of a source, however wrong it is.
fn told(text: &str) -> String {
    let problems = SHAPES.into_iter().flat_map(|shape| {
        let parsed = parse("f", text.as_bytes(), shape, languages());
        let missing = parsed.draft.as_ref().map(check_whole).unwrap_or_default();
        parsed.problems.into_iter().chain(missing)
    });
    problems.map(|problem| format!("{problem:?}{}{}", json!(problem), hybridge_report::Finding::from(problem.clone()))).collect()
}

#[test]
fn a_configuration_does_not_show_its_secrets() {
    // Proxies are EC2's, codes are hybrid nodes'.
    let config = |shape, text: &str| (parse("f", text.as_bytes(), Some(shape), languages()), text.to_owned());
    let ec2 = secretive().replace("    region: us-west-2\n", "");
    let (ec2, _) = ec2.split_once("  hybrid:").unwrap();
    let (start, end) = secretive().split_once("  instance:").map(|(start, end)| (start.to_owned(), end.to_owned())).unwrap();
    let hybrid = format!("{start}  hybrid:{}", end.split_once("  hybrid:").unwrap().1);
    for ((parsed, text), secret) in [(config(Shape::Ec2, ec2), PASSWORD), (config(Shape::Hybrid, &hybrid), CODE)] {
        assert!(text.contains(secret));
        let config = parsed.config.clone().unwrap_or_else(|| panic!("{:#?}", parsed.problems));
        let shown = format!("{parsed:?}{config:#?}{}{}", dump(&config), Cached::of(&config).to_json());
        let resolved = format!("{:?}", resolve(vec![(Source::Read(Box::new(parsed)), UserData::Yes)], languages()));
        assert!(!shown.contains(secret) && !resolved.contains(secret), "{shown}{resolved}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse("f", &bytes, None, languages());
        let _ = parse("f", &[&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], bytes.as_slice()].concat(), None, languages());
        let _ = Cached::from_json(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_text_of_the_grammars_is_taken(text in "([a-z]{1,3}|[:\\-\\[\\]{}&*!|>'\"#%@=,?~/ \n]|--b|multipart/mixed; boundary=b|Content-Type: |\t){0,60}") {
        let _ = parse("f", text.as_bytes(), None, languages());
        let _ = parse("f", format!("Content-Type: multipart/mixed; boundary=b\n\n{text}").as_bytes(), None, languages());
    }

    #[test]
    fn changed_documents_are_taken_and_stay_bounded(at in any::<prop::sample::Index>(), changes in prop::collection::vec(any_change(), 1..6)) {
        let (_, bytes) = DOCUMENTS[at.index(DOCUMENTS.len())];
        let text = changed(std::str::from_utf8(bytes).unwrap(), &changes);
        let parsed = parse("f", text.as_bytes(), None, languages());
        prop_assert!(parsed.problems.len() <= 202);
        if let Some(config) = parsed.config {
            prop_assert_eq!(Cached::from_json(&Cached::of(&config).to_json()).unwrap(), Cached::of(&config));
        }
    }

    #[test]
    fn problems_show_no_secrets(changes in prop::collection::vec(any_change(), 0..4)) {
        let text = changed(&secretive(), &changes);
        // Where a change went through a secret, it is not that secret any more.
        let shown = told(&text);
        for secret in [CODE, PASSWORD] {
            prop_assert!(!text.contains(secret) || !shown.contains(secret), "{}\n{}", text, shown);
        }
    }

    #[test]
    fn merging_with_nothing_changes_nothing(config in any_config()) {
        prop_assert_eq!(merged(config.clone(), NodeConfig::default()), config.clone());
        prop_assert_eq!(merged(NodeConfig::default(), config.clone()), config);
    }

    #[test]
    fn the_later_wins_and_order_of_grouping_does_not_matter(one in any_config(), two in any_config(), three in any_config()) {
        let all = merged(merged(one.clone(), two.clone()), three.clone());
        prop_assert_eq!(&all, &merged(one.clone(), merged(two, three.clone())));
        if !three.cluster.name.is_empty() {
            prop_assert_eq!(&all.cluster.name, &three.cluster.name);
        }
        prop_assert!(all.kubelet.flags.ends_with(&three.kubelet.flags) && all.kubelet.flags.starts_with(&one.kubelet.flags));
        for (gate, value) in &three.feature_gates {
            prop_assert_eq!(all.feature_gates.get(gate), Some(value));
        }
    }
}
