//! What AWS says of a call that it does not allow.

use serde_json::{Value, json};

/// Who may not do what, as AWS's message has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Denied {
    /// User or role session; none: the message does not say.
    pub principal: Option<String>,
    /// Permission, such as `eks:CreateCluster`.
    pub action: String,
    /// What it would be needed on; none: the message does not say.
    pub resource: Option<String>,
    /// A policy forbids it (an explicit deny), so that allowing it elsewhere does not help.
    pub forbidden: bool,
}

impl Denied {
    /// Reads `User: … is not authorized to perform: … on resource: …`, in which services differ by quotes, and by what follows.
    pub(super) fn read(message: &str) -> Option<Self> {
        let (before, after) =
            message.split_once("is not authorized to perform: ").or_else(|| message.split_once("not authorized to perform "))?;
        let principal = before.split_once("User: ").and_then(|(_, rest)| word(rest));
        let action = word(after).filter(|action| action.contains(':'))?;
        let resource = after.split_once("on resource: ").and_then(|(_, rest)| word(rest));
        Some(Self { principal, action, resource, forbidden: message.contains("explicit deny") })
    }

    /// The statement of a policy that allows it.
    pub fn statement(&self) -> Value {
        json!({ "Effect": "Allow", "Action": self.action, "Resource": self.resource.as_deref().unwrap_or("*") })
    }
}

/// The first word, without what sentences put around it.
fn word(text: &str) -> Option<String> {
    let word =
        text.split_whitespace().next()?.trim_matches(|c| matches!(c, '"' | '\'' | '`' | ',' | ';' | '(' | ')')).trim_end_matches('.');
    (!word.is_empty()).then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_not_do_what_on_what_is_read_from_each_services_message() {
        let read = |message: &str| {
            let denied = Denied::read(message)?;
            Some((denied.principal.unwrap_or_default(), denied.action, denied.resource.unwrap_or_default(), denied.forbidden))
        };
        let me = "arn:aws:iam::123456789012:user/me".to_owned();
        for (message, expected) in [
            (
                "User: arn:aws:iam::123456789012:user/me is not authorized to perform: eks:DescribeCluster on resource: \
                 arn:aws:eks:eu-central-1:123456789012:cluster/shop",
                Some((me.clone(), "eks:DescribeCluster".into(), "arn:aws:eks:eu-central-1:123456789012:cluster/shop".into(), false)),
            ),
            (
                "User: arn:aws:iam::123456789012:user/me is not authorized to perform: s3:PutObject on resource: \"arn:aws:s3:::b/k\" \
                 because no identity-based policy allows the s3:PutObject action",
                Some((me.clone(), "s3:PutObject".into(), "arn:aws:s3:::b/k".into(), false)),
            ),
            (
                "You are not authorized to perform this operation. User: arn:aws:iam::123456789012:user/me is not authorized to perform: \
                 ec2:DescribeVpcs because no identity-based policy allows the ec2:DescribeVpcs action",
                Some((me.clone(), "ec2:DescribeVpcs".into(), String::new(), false)),
            ),
            (
                "User: arn:aws:iam::123456789012:user/me is not authorized to perform: iam:GetRole on resource: role X with an explicit deny in \
                 a service control policy",
                Some((me, "iam:GetRole".into(), "role".into(), true)),
            ),
            ("You are not authorized to perform this operation.", None),
            ("Access Denied", None),
        ] {
            assert_eq!(read(message), expected, "{message}");
        }
    }

    #[test]
    fn a_statement_allows_no_more_than_was_refused() {
        let denied = Denied { action: "eks:DescribeCluster".into(), resource: Some("arn:x".into()), ..Denied::default() };
        assert_eq!(denied.statement(), json!({"Effect": "Allow", "Action": "eks:DescribeCluster", "Resource": "arn:x"}));
    }
}
