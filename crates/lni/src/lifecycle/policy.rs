//! What a controller must be allowed, and no more.

use serde_json::{Value, json};

use super::world::{CLUSTER_TAG, LNI_TAG};

/// The IAM policy of a controller of one cluster. It can change no interface that does not carry the cluster's tag, and set tags only
/// with a creation; without `create`, it can make and attach none at all.
pub fn policy(cluster: &str, create: bool) -> Value {
    let tagged = json!({ "StringEquals": { format!("aws:ResourceTag/{CLUSTER_TAG}"): cluster } });
    let interfaces = "arn:*:ec2:*:*:network-interface/*";
    let mut statements = vec![
        json!({
            "Sid": "Look", "Effect": "Allow", "Resource": "*",
            "Action": ["ec2:DescribeNetworkInterfaces", "ec2:DescribeInstances", "ec2:DescribeSubnets"],
        }),
        json!({
            "Sid": "ConfirmAndDelete", "Effect": "Allow", "Resource": interfaces, "Condition": tagged,
            "Action": ["ec2:ModifyNetworkInterfaceAttribute", "ec2:DeleteNetworkInterface"],
        }),
        // The attachment that is changed has two ends.
        json!({ "Sid": "ConfirmAt", "Effect": "Allow", "Action": "ec2:ModifyNetworkInterfaceAttribute", "Resource": "arn:*:ec2:*:*:instance/*" }),
    ];
    if create {
        statements.extend([
            json!({
                "Sid": "Create", "Effect": "Allow", "Action": "ec2:CreateNetworkInterface", "Resource": interfaces,
                "Condition": { "StringEquals": { format!("aws:RequestTag/{CLUSTER_TAG}"): cluster }, "Null": { format!("aws:RequestTag/{LNI_TAG}"): "false" } },
            }),
            json!({
                "Sid": "CreateIn", "Effect": "Allow", "Action": "ec2:CreateNetworkInterface",
                "Resource": ["arn:*:ec2:*:*:subnet/*", "arn:*:ec2:*:*:security-group/*"],
            }),
            json!({
                "Sid": "TagWithCreation", "Effect": "Allow", "Action": "ec2:CreateTags", "Resource": interfaces,
                "Condition": { "StringEquals": { "ec2:CreateAction": "CreateNetworkInterface" } },
            }),
            json!({ "Sid": "Attach", "Effect": "Allow", "Action": "ec2:AttachNetworkInterface", "Resource": interfaces, "Condition": tagged }),
            json!({ "Sid": "AttachTo", "Effect": "Allow", "Action": "ec2:AttachNetworkInterface", "Resource": "arn:*:ec2:*:*:instance/*" }),
        ]);
    }
    json!({ "Version": "2012-10-17", "Statement": statements })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_of_an_interface_is_bound_to_the_clusters_tag() {
        for create in [false, true] {
            let policy = policy("shop", create);
            for statement in policy["Statement"].as_array().unwrap() {
                let text = statement.to_string();
                let looks = statement["Sid"] == "Look";
                let other = text.contains(":subnet/") || text.contains(":instance/") || text.contains("CreateTags");
                assert!(looks || other || (text.contains(CLUSTER_TAG) && text.contains("shop")), "{text}");
            }
            assert_eq!(policy.to_string().contains("AttachNetworkInterface"), create);
        }
    }
}
