//! STS: who am I (<https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>).

use axum::response::Response;
use serde_json::json;

use super::Aws;
use super::answer;
use super::key::Principal;
use super::message::Message;
use super::refusal::Refusal;
use crate::ec2::{Xml, request_id};

pub(super) fn answer(aws: &Aws, action: &str, message: &Message, principal: &Principal) -> Result<Response, Refusal> {
    if action != "GetCallerIdentity" {
        return Err(Refusal::new(400, "InvalidAction", format!("Could not find operation {action} for version 2011-06-15")));
    }
    let (arn, user, account) = (principal.arn(aws.account()), principal.user_id(), aws.account());
    // aws-iam-authenticator asks for JSON.
    if message.header("accept") == Some("application/json") {
        let body = json!({"GetCallerIdentityResponse": {
            "GetCallerIdentityResult": {"Account": account, "Arn": arn, "UserId": user},
            "ResponseMetadata": {"RequestId": request_id()},
        }});
        return Ok(answer::text("application/json", body.to_string()));
    }
    let mut body = Xml::default();
    body.nest("GetCallerIdentityResult", |result| {
        result.text("Arn", arn);
        result.text("UserId", user);
        result.text("Account", account);
    });
    body.nest("ResponseMetadata", |metadata| metadata.text("RequestId", request_id()));
    let namespace = "https://sts.amazonaws.com/doc/2011-06-15/";
    Ok(answer::text("text/xml", format!("<GetCallerIdentityResponse xmlns=\"{namespace}\">{body}</GetCallerIdentityResponse>")))
}
