//! What holds for any bytes and any configuration.

use std::time::Instant;

use proptest::prelude::*;

use super::configs::generate;
use super::mutations::{any_change, changed};
use super::*;

#[test]
fn generated_files_are_right_and_say_what_was_meant() {
    for seed in 0..2000 {
        let (config, text) = generate(seed);
        let parsed = read(&text);
        assert!(parsed.config.is_some(), "{seed}: {}{text}", told(&parsed));
        assert_eq!(parsed.config.unwrap(), config, "{seed}: {text}");
    }
}

/// JSON is YAML: other tools write it so.
#[test]
fn json_is_read_as_well() {
    for seed in 0..200 {
        let (config, _) = generate(seed);
        let mut value = serde_json::to_value(&config).unwrap();
        value["apiVersion"] = API_VERSION.into();
        value["kind"] = KIND.into();
        for text in [value.to_string(), format!("{value:#}")] {
            assert_eq!(read(&text).config.as_ref(), Some(&config), "{seed}: {text}");
        }
    }
}

#[test]
fn the_generator_reaches_every_section() {
    let all: Vec<ClusterConfig> = (0..300).map(|seed| generate(seed).0).collect();
    let used = |what: fn(&ClusterConfig) -> bool| all.iter().filter(|config| what(config)).count() > 10;
    assert!(used(|config| config.remote_network_config.is_none()));
    assert!(used(|config| config.remote_network_config.as_ref().is_some_and(|remote| remote.iam.provider == Provider::Ira)));
    assert!(used(|config| !config.vpc.id.is_empty()));
    assert!(used(|config| config.private_cluster.enabled));
    assert!(used(|config| !config.managed_node_groups.is_empty()));
    assert!(used(|config| !config.iam.service_accounts.is_empty()));
    assert!(used(|config| !config.iam.pod_identity_associations.is_empty()));
    assert!(used(|config| config.auto_mode_config.enabled == Some(true)));
    assert!(used(|config| config.addons_config.disable_default_addons));
}

/// 15 s on a busy machine of two cores would be a hang; the file of 10,000 lines takes a fraction of a second.
#[test]
fn files_of_ten_thousand_lines_are_read_in_time() {
    let head = "apiVersion: eksctl.io/v1alpha5\nkind: ClusterConfig\nmetadata: {name: a, region: us-west-2}\n";
    let many = |line: &dyn Fn(usize) -> String| (0..10_000).map(line).collect::<String>();
    let cidrs = |line: &dyn Fn(usize) -> String| format!("{head}remoteNetworkConfig:\n  remoteNodeNetworks:\n  - cidrs:\n{}", many(line));
    let entry = |n: usize| format!("  - {{principalARN: 'arn:aws:iam::000011112222:role/r{n}'}}\n");
    for (name, text) in [
        ("entries", format!("{head}accessConfig:\n  accessEntries:\n{}", many(&entry))),
        ("networks", cidrs(&|n| format!("    - 10.{}.{}.0/24\n", n / 256, n % 256))),
        ("the same network", cidrs(&|_| "    - 10.0.0.0/24\n".to_owned())),
        ("nested networks", cidrs(&|n| format!("    - 10.0.0.0/{}\n", 8 + n % 24))),
        (
            "extra networks",
            format!(
                "{head}vpc:\n  extraCIDRs:\n{}",
                many(&|n| if n < 5000 { "  - 10.0.0.0/8\n".to_owned() } else { format!("  - 10.{}.{}.0/24\n", (n - 5000) / 256, n % 256) })
            ),
        ),
        ("nulls", cidrs(&|_| "    -\n".to_owned())),
        ("unknown keys", format!("{head}{}", many(&|n| format!("key{n}: 1\n")))),
        ("one key again and again", format!("{head}{}", many(&|_| "vpc: {}\n".to_owned()))),
        ("tags", format!("{head}    \n").replace("us-west-2}", "us-west-2, tags: {a0: x") + &many(&|n| format!(", b{n}: y\n")) + "}}\n"),
        ("blank lines", format!("{head}{}", many(&|_| "\n".to_owned()))),
        ("deep", format!("{head}vpc: {}", "[".repeat(10_000))),
        ("anchors", format!("{head}x: &a [{}]\n{}", "y,".repeat(900), many(&|n| format!("k{n}: *a\n")))),
        ("merges", format!("{head}x: &a {{b: c}}\nvpc:\n{}", many(&|_| "  <<: *a\n".to_owned()))),
    ] {
        let start = Instant::now();
        let parsed = read(&text);
        let took = start.elapsed();
        assert!(took.as_secs() < 15, "{name}: {took:?}");
        assert!(parsed.problems.len() <= 101, "{name}");
        assert_eq!(parsed.config.is_some(), matches!(name, "entries" | "blank lines"), "{name}: {}", told(&parsed));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text_is_taken(text in "\\PC{0,200}", allow in "[a-zA-Z.\\[\\]]{0,20}") {
        let _ = parse("f", &text, &[allow], now());
    }

    #[test]
    fn any_text_of_the_grammar_is_taken(text in "([a-z]{1,3}|[:\\-\\[\\]{}&*!|>'\"#%@=,?~/ \n]|metadata|vpc|cidrs|remoteNetworkConfig|\t){0,60}") {
        let _ = read(&format!("apiVersion: eksctl.io/v1alpha5\nkind: ClusterConfig\n{text}"));
    }

    #[test]
    fn changed_files_are_taken_and_stay_bounded(seed in 0u64..1_000_000, changes in prop::collection::vec(any_change(), 1..6)) {
        let parsed = read(&changed(&generate(seed).1, &changes));
        prop_assert!(parsed.problems.len() <= 101);
        let sorted = parsed.problems.windows(2).all(|two| (two[0].line, two[0].column) <= (two[1].line, two[1].column) || two[1].line == 0);
        prop_assert!(sorted, "{}", told(&parsed));
        if let Some(config) = parsed.config {
            let again = read(&dump(&config));
            prop_assert_eq!(&again.config, &Some(config), "{}", told(&again));
        }
    }
}
