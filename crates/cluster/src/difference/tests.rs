use serde_json::json;

use super::*;

fn template(resource: Json) -> Json {
    json!({ "Resources": { "It": resource } })
}

fn change(old: Json, new: Json) -> Option<(Action, Vec<(String, bool)>)> {
    let difference = difference(&template(old), &template(new));
    let change = difference.resources.into_iter().next()?;
    Some((change.action, change.properties.into_iter().map(|property| (property.path, property.replaces)).collect()))
}

#[test]
fn what_means_the_same_is_no_difference() {
    let rule = |more: Json| {
        let mut resource = json!({"Type": "AWS::EC2::SecurityGroupIngress", "Properties": {"IpProtocol": "-1"}});
        resource["Properties"].as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        resource
    };
    let same = [
        (rule(json!({"FromPort": 0, "ToPort": 65535})), rule(json!({}))),
        (
            json!({"Type": "AWS::EKS::Cluster", "Properties": {"KubernetesNetworkConfig": {}, "Tags": [], "A": {"SubnetIds": ["b", "a"]}}}),
            json!({"Type": "AWS::EKS::Cluster", "Properties": {"A": {"SubnetIds": ["a", "b"]}}}),
        ),
        (
            json!({"Type": "X", "DependsOn": "A", "Properties": {"P": {"Fn::GetAtt": "R.Arn"}, "J": {"Fn::Join": [",", ["a", "b"]]}}}),
            json!({"Type": "X", "DependsOn": ["A"], "Properties": {"P": {"Fn::GetAtt": ["R", "Arn"]}, "J": {"Fn::Join": [",", ["b", "a"]]}}}),
        ),
    ];
    for (old, new) in same {
        assert_eq!(change(old.clone(), new.clone()), None, "{old} {new}");
    }
}

#[test]
fn changes_are_told_where_they_are_and_whether_they_replace() {
    let route = |cidr: &str, gateway: &str| json!({"Type": "AWS::EC2::Route", "Properties": {"DestinationCidrBlock": cidr, "TransitGatewayId": gateway}});
    let cluster = |network: Json| json!({"Type": "AWS::EKS::Cluster", "Properties": {"KubernetesNetworkConfig": network}});
    let at = |path: &str, replaces: bool| vec![(path.to_owned(), replaces)];
    let cases = [
        (route("10.0.0.0/8", "tgw-1"), route("10.0.0.0/8", "tgw-2"), Action::Change, at("TransitGatewayId", false)),
        (route("10.0.0.0/8", "tgw-1"), route("10.1.0.0/16", "tgw-1"), Action::Replace, at("DestinationCidrBlock", true)),
        // A property of a property that is new as a whole.
        (cluster(json!({})), cluster(json!({"IpFamily": "ipv4"})), Action::Replace, at("KubernetesNetworkConfig", true)),
        (
            cluster(json!({})),
            cluster(json!({"ElasticLoadBalancing": {"Enabled": true}})),
            Action::Change,
            at("KubernetesNetworkConfig", false),
        ),
        (json!({"Type": "AWS::EC2::VPC"}), json!({"Type": "AWS::EC2::Subnet"}), Action::Replace, vec![]),
    ];
    for (old, new, action, properties) in cases {
        assert_eq!(change(old.clone(), new.clone()), Some((action, properties)), "{old} {new}");
    }
}

#[test]
fn resources_and_outputs_come_and_go() {
    let old = json!({"Resources": {"A": {"Type": "X"}}, "Outputs": {"K": {"Value": "1"}, "L": {"Value": "1"}}});
    let new = json!({"Resources": {"B": {"Type": "Y"}}, "Outputs": {"K": {"Value": "2"}, "M": {"Value": "1"}}});
    let found = difference(&old, &new);
    let resources: Vec<_> = found.resources.iter().map(|change| (change.id.as_str(), change.kind.as_str(), change.action)).collect();
    assert_eq!(resources, [("A", "X", Action::Remove), ("B", "Y", Action::Add)]);
    let outputs: Vec<_> = found.outputs.iter().map(|change| (change.key.as_str(), change.action)).collect();
    assert_eq!(outputs, [("K", Action::Change), ("L", Action::Remove), ("M", Action::Add)]);
}
