use serde_json::json;

use super::*;
use crate::fake::{Fake, Reply, Request};

/// A trust policy as IAM writes it.
const TRUST: &str = "%7B%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22sts%3AAssumeRole%22%7D%5D%7D";

fn role() -> Reply {
    Reply::result(
        "GetRole",
        &format!(
            "<Role><Path>/ops/</Path><RoleName>Hybrid</RoleName><Arn>arn:aws:iam::123456789012:role/ops/Hybrid</Arn>\
             <AssumeRolePolicyDocument>{TRUST}</AssumeRolePolicyDocument><MaxSessionDuration>3600</MaxSessionDuration></Role>"
        ),
    )
}

#[tokio::test]
async fn a_role_is_described_with_its_managed_policies() {
    let fake = Fake::start(|request: &Request| match request.action() {
        "GetRole" => role(),
        _ if request.form().contains_key("Marker") => Reply::result(
            "ListAttachedRolePolicies",
            "<AttachedPolicies><member><PolicyName>b</PolicyName><PolicyArn>arn:b</PolicyArn></member></AttachedPolicies>\
             <IsTruncated>false</IsTruncated>",
        ),
        _ => Reply::result(
            "ListAttachedRolePolicies",
            "<AttachedPolicies><member><PolicyName>a</PolicyName><PolicyArn>arn:a</PolicyArn></member></AttachedPolicies>\
             <IsTruncated>true</IsTruncated><Marker>m</Marker>",
        ),
    })
    .await;
    let found = Session::to_fake(&fake).role("arn:aws:iam::123456789012:role/ops/Hybrid").await.unwrap().unwrap();
    assert_eq!(
        found,
        Role {
            arn: "arn:aws:iam::123456789012:role/ops/Hybrid".into(),
            assume_role_policy_document: json!({"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole"}]}),
            max_session_duration: Some(3600),
            attached_policies: vec!["arn:a".into(), "arn:b".into()],
            denied_actions: Vec::new(),
        }
    );
    let seen = fake.seen();
    assert_eq!((seen[0].form()["RoleName"].as_str(), seen[0].scope().as_str()), ("Hybrid", "iam/us-east-1"));
    assert!(seen[0].body.contains("Version=2010-05-08"));
}

#[tokio::test]
async fn what_does_not_exist_is_none_and_gone_is_gone() {
    let fake = Fake::start(|_| Reply::error_response(404, "NoSuchEntity", "The role with name X cannot be found.")).await;
    let session = Session::to_fake(&fake);
    assert_eq!(session.role("X").await.unwrap(), None);
    assert_eq!(session.oidc_provider("arn:x").await.unwrap(), None);
    session.delete_oidc_provider("arn:x").await.unwrap();
}

#[tokio::test]
async fn actions_that_are_not_allowed_are_found_by_simulation() {
    let fake = Fake::start(|_| {
        let result = |action: &str, decision: &str| {
            format!(
                "<member><EvalActionName>{action}</EvalActionName><EvalResourceName>*</EvalResourceName><EvalDecision>{decision}</EvalDecision>\
                 <MissingContextValues/></member>"
            )
        };
        let depends = |decision: &str| {
            result("iam:PassRole", decision)
                .replace("<MissingContextValues/>", "<MissingContextValues><member>iam:PassedToService</member></MissingContextValues>")
        };
        let results = [
            result("eks:DescribeCluster", "allowed"),
            result("eks:ListAccessEntries", "implicitDeny"),
            result("a:B", "explicitDeny"),
            result("a:B", "explicitDeny"),
            depends("implicitDeny"),
        ];
        Reply::result("SimulatePrincipalPolicy", &format!("<EvaluationResults>{}</EvaluationResults><IsTruncated>false</IsTruncated>", results.concat()))
    })
    .await;
    let actions = ["eks:DescribeCluster", "eks:ListAccessEntries", "a:B"];
    let denied = Session::to_fake(&fake).denied_actions("arn:r", &actions, &["arn:c"]).await.unwrap();
    assert_eq!(denied, ["a:B", "eks:ListAccessEntries"]);
    let form = fake.seen()[0].form();
    assert_eq!(
        (form["PolicySourceArn"].as_str(), form["ActionNames.member.3"].as_str(), form["ResourceArns.member.1"].as_str()),
        ("arn:r", "a:B", "arn:c")
    );
}

#[tokio::test]
async fn openid_providers_are_made_and_shown() {
    let fake = Fake::start(|request: &Request| match request.action() {
        "CreateOpenIDConnectProvider" => {
            Reply::result("CreateOpenIDConnectProvider", "<OpenIDConnectProviderArn>arn:p</OpenIDConnectProviderArn>")
        }
        _ => Reply::result(
            "GetOpenIDConnectProvider",
            "<Url>oidc.eks/id/1</Url><ClientIDList><member>sts.amazonaws.com</member></ClientIDList><ThumbprintList><member>ab</member>\
             </ThumbprintList><Tags><member><Key>k</Key><Value>v</Value></member></Tags>",
        ),
    })
    .await;
    let session = Session::to_fake(&fake);
    let tags = [("k".to_owned(), "v".to_owned())].into();
    assert_eq!(session.create_oidc_provider("https://oidc.eks/id/1", &["sts.amazonaws.com"], &tags).await.unwrap(), "arn:p");
    let form = fake.seen()[0].form();
    assert_eq!((form["Url"].as_str(), form["ClientIDList.member.1"].as_str()), ("https://oidc.eks/id/1", "sts.amazonaws.com"));
    let found = session.oidc_provider("arn:p").await.unwrap().unwrap();
    assert_eq!((found.url.as_str(), found.thumbprints, found.tags), ("oidc.eks/id/1", vec!["ab".to_owned()], tags));
}

#[test]
fn policies_are_read_whether_encoded_or_not() {
    assert_eq!(document("{\"a\": \"%41%\"}").unwrap(), json!({"a": "A%"}));
    assert!(document("%7B").is_err());
}
