//! Trust policies of roles, as far as Roles Anywhere goes
//! (<https://docs.aws.amazon.com/rolesanywhere/latest/userguide/trust-model.html>).

use serde_json::Value;

/// The service, as policies name it.
const SERVICE: &str = "rolesanywhere.amazonaws.com";

/// What a policy has to allow the service: it sets the certificate's subject as source identity and its fields as tags.
const ACTIONS: [&str; 3] = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"];

/// The trust policy of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust(Value);

/// Who wants to be the role.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller<'a> {
    /// ARN of the trust anchor that vouches for the certificate.
    pub(super) anchor: &'a str,
    /// Name of the session.
    pub(super) session: &'a str,
    /// Common name of the certificate.
    pub(super) common_name: Option<&'a str>,
}

impl Trust {
    /// Of a policy document.
    pub fn new(document: Value) -> Self {
        Self(document)
    }

    /// Whether all that is needed is allowed. A condition that is not known here is not fulfilled, and a `Deny` that might be meant is.
    pub(super) fn admits(&self, caller: Caller<'_>) -> bool {
        let statements = each(&self.0["Statement"]);
        let (denials, grants): (Vec<&Value>, Vec<&Value>) = statements.into_iter().partition(|statement| statement["Effect"] != "Allow");
        let allows = |action: &&str| grants.iter().any(|grant| grants_to_service(grant, action) && fulfilled(grant, caller));
        denials.is_empty() && ACTIONS.iter().all(allows)
    }
}

fn grants_to_service(statement: &Value, action: &str) -> bool {
    let has = |value: &Value, wanted: &str| each(value).into_iter().any(|one| one == wanted);
    has(&statement["Principal"]["Service"], SERVICE) && has(&statement["Action"], action)
}

fn fulfilled(statement: &Value, caller: Caller<'_>) -> bool {
    let operators = statement["Condition"].as_object().into_iter().flatten();
    let all =
        operators.flat_map(|(operator, keys)| keys.as_object().into_iter().flatten().map(move |(key, values)| (operator, key, values)));
    all.into_iter().all(|(operator, key, values)| {
        let known = matches!(operator.as_str(), "StringEquals" | "ArnEquals" | "ArnLike");
        let is = match key.as_str() {
            "aws:SourceArn" => Some(caller.anchor),
            "sts:RoleSessionName" => Some(caller.session),
            "aws:PrincipalTag/x509Subject/CN" => caller.common_name,
            _ => None,
        };
        let equals = |value: &Value| is.is_some() && value.as_str().and_then(|text| filled_in(text, caller)) == is;
        known && each(values).into_iter().any(equals)
    })
}

/// A value with its variable filled in.
fn filled_in<'a>(text: &'a str, caller: Caller<'a>) -> Option<&'a str> {
    match text {
        "${aws:PrincipalTag/x509Subject/CN}" => caller.common_name,
        plain => Some(plain),
    }
}

/// One or several: policies have it both ways.
fn each(value: &Value) -> Vec<&Value> {
    match value.as_array() {
        Some(several) => several.iter().collect(),
        None if value.is_null() => Vec::new(),
        None => vec![value],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ANCHOR: &str = "arn:aws:rolesanywhere:us-west-2:123456789012:trust-anchor/1";
    const OWN: Caller<'_> = Caller { anchor: ANCHOR, session: "press-7", common_name: Some("press-7") };

    fn policy(condition: &Value) -> Value {
        json!({"Effect": "Allow", "Principal": {"Service": [SERVICE]}, "Action": ACTIONS, "Condition": condition})
    }

    fn admits(statements: &[Value], caller: Caller<'_>) -> bool {
        Trust::new(json!({"Statement": statements})).admits(caller)
    }

    #[test]
    fn a_certificate_is_good_for_its_own_name_and_anchor_where_the_policy_says_so() {
        let conditions = json!({
            "ArnEquals": {"aws:SourceArn": ANCHOR},
            "StringEquals": {"sts:RoleSessionName": "${aws:PrincipalTag/x509Subject/CN}"},
        });
        let bound = [policy(&conditions)];
        assert!(admits(&bound, OWN));
        for other in [
            Caller { session: "press-8", ..OWN },
            Caller { common_name: Some("press-8"), ..OWN },
            Caller { common_name: None, ..OWN },
            Caller { anchor: "arn:aws:rolesanywhere:us-west-2:123456789012:trust-anchor/2", ..OWN },
        ] {
            assert!(!admits(&bound, other), "{other:?}");
        }
    }

    #[test]
    fn all_three_actions_are_needed_of_the_service_and_nothing_is_guessed() {
        assert!(admits(&[policy(&Value::Null)], OWN));
        let mut without = policy(&Value::Null);
        without["Action"] = json!(["sts:AssumeRole", "sts:TagSession"]);
        let mut other = policy(&Value::Null);
        other["Principal"]["Service"] = json!("ssm.amazonaws.com");
        let strange = policy(&json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}));
        let denial = json!({"Effect": "Deny", "Action": "*"});
        for statements in [vec![without], vec![other], vec![strange], vec![policy(&Value::Null), denial], vec![]] {
            assert!(!admits(&statements, OWN), "{statements:?}");
        }
    }
}
