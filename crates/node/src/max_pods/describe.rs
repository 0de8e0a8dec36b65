//! What DescribeInstanceTypes answers, as `aws ec2 describe-instance-types` prints it, and the lines that amazon-eks-ami keeps of it.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::facts::InstanceTypeFacts;
use crate::max_pods::table::TableError;

/// One JSON document: an answer with many types, one type of an answer, or a line of upstream's `instance-info.jsonl`.
#[derive(Deserialize)]
struct Document {
    #[serde(rename = "InstanceTypes")]
    many: Option<Vec<Described>>,
    #[serde(flatten)]
    one: Option<Described>,
    #[serde(flatten)]
    line: Option<Line>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    instance_type: String,
    #[serde(rename = "defaultMaxENIs")]
    default_max_enis: u32,
    ipv4_addresses_per_interface: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    instance_type: String,
    hypervisor: Option<String>,
    #[serde(default)]
    bare_metal: bool,
    v_cpu_info: Option<Vcpus>,
    network_info: Option<Network>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Vcpus {
    default_v_cpus: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Network {
    ipv4_addresses_per_interface: u32,
    #[serde(default)]
    default_network_card_index: u32,
    #[serde(default)]
    network_cards: Vec<Card>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Card {
    #[serde(default)]
    network_card_index: u32,
    maximum_network_interfaces: u32,
}

/// All types of all documents in `text`.
pub(super) fn types(text: &str) -> Result<BTreeMap<String, InstanceTypeFacts>, TableError> {
    let mut table = BTreeMap::new();
    for document in serde_json::Deserializer::from_str(text).into_iter::<Document>() {
        let Document { many, one, line } = document?;
        for described in many.into_iter().flatten().chain(one) {
            let facts = facts(&described).map_err(|what| TableError::Type { name: described.instance_type.clone(), what })?;
            table.insert(described.instance_type, facts);
        }
        if let Some(Line { instance_type, default_max_enis: default_enis, ipv4_addresses_per_interface: ipv4_per_eni }) = line {
            table.insert(instance_type, InstanceTypeFacts { default_enis, ipv4_per_eni, ..InstanceTypeFacts::default() });
        }
    }
    Ok(table)
}

/// Limits of the default network card: interfaces of other cards take no pods.
fn facts(described: &Described) -> Result<InstanceTypeFacts, &'static str> {
    let network = described.network_info.as_ref().ok_or("it has no NetworkInfo")?;
    let card = network.network_cards.iter().find(|card| card.network_card_index == network.default_network_card_index);
    let card = card.ok_or("its default network card is not among its NetworkCards")?;
    if card.maximum_network_interfaces == 0 || network.ipv4_addresses_per_interface == 0 {
        return Err("its default network card has no interface, or no address");
    }
    Ok(InstanceTypeFacts {
        default_enis: card.maximum_network_interfaces,
        ipv4_per_eni: network.ipv4_addresses_per_interface,
        hypervisor: described.hypervisor.clone().filter(|_| !described.bare_metal),
        bare_metal: described.bare_metal,
        vcpus: described.v_cpu_info.as_ref().map_or(0, |vcpus| vcpus.default_v_cpus),
    })
}

#[cfg(test)]
mod tests {
    use crate::max_pods::table::Table;

    const ANSWER: &str = r#"{
        "InstanceTypes": [
            {"InstanceType": "m5.large", "BareMetal": false, "Hypervisor": "nitro", "VCpuInfo": {"DefaultVCpus": 2},
             "NetworkInfo": {"Ipv4AddressesPerInterface": 10, "DefaultNetworkCardIndex": 0, "MaximumNetworkInterfaces": 3,
                             "NetworkCards": [{"NetworkCardIndex": 0, "MaximumNetworkInterfaces": 3}]}},
            {"InstanceType": "c6in.metal", "BareMetal": true, "VCpuInfo": {"DefaultVCpus": 128},
             "NetworkInfo": {"Ipv4AddressesPerInterface": 50, "DefaultNetworkCardIndex": 1, "MaximumNetworkInterfaces": 16,
                             "NetworkCards": [{"NetworkCardIndex": 0, "MaximumNetworkInterfaces": 7},
                                              {"NetworkCardIndex": 1, "MaximumNetworkInterfaces": 8}]}}
        ]
    }"#;

    #[test]
    fn answers_of_the_api_become_lines() {
        let text = Table::parse(ANSWER).unwrap().render("");
        assert_eq!(text, "c6in.metal 8 50 metal 128\nm5.large 3 10 nitro 2\n");
    }

    #[test]
    fn pages_single_types_and_upstreams_lines_are_read_too() {
        let line = r#"{"instanceType":"z9.large","defaultMaxENIs":4,"ipv4AddressesPerInterface":15}"#;
        let one = r#"{"InstanceType": "m6.large", "NetworkInfo": {"Ipv4AddressesPerInterface": 10,
                      "NetworkCards": [{"MaximumNetworkInterfaces": 3}]}}"#;
        let text = Table::parse(&format!("{ANSWER}\n{line}\n{one}")).unwrap().render("");
        assert_eq!(text, "c6in.metal 8 50 metal 128\nm5.large 3 10 nitro 2\nm6.large 3 10 - -\nz9.large 4 15 - -\n");
    }

    #[test]
    fn an_answer_without_limits_is_refused_by_name() {
        for (text, error) in [
            (r#"{"InstanceTypes": [{"InstanceType": "m5.large"}]}"#, "instance type m5.large: it has no NetworkInfo"),
            (
                r#"{"InstanceType": "m5.large", "NetworkInfo": {"Ipv4AddressesPerInterface": 1, "DefaultNetworkCardIndex": 1,
                    "NetworkCards": [{"NetworkCardIndex": 0, "MaximumNetworkInterfaces": 3}]}}"#,
                "instance type m5.large: its default network card is not among its NetworkCards",
            ),
            (r#"{"InstanceTypes": []}"#, "there is no instance type in it"),
        ] {
            assert_eq!(Table::parse(text).unwrap_err().to_string(), error);
        }
        let error = Table::parse("{\n\"InstanceTypes\": [\n{]}").unwrap_err();
        assert!(hybridge_report::chain(&error).contains("line 3"), "{}", hybridge_report::chain(&error));
    }
}
