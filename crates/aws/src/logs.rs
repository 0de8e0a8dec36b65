//! Log groups of CloudWatch Logs: how long a control plane's logs are kept.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::call::{Call, CallError, JsonCall, Kind, Repeat, parsed};
use crate::endpoint::Service;
use crate::session::Session;

/// A log group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LogGroup {
    /// Name, such as `/aws/eks/shop/cluster`.
    pub log_group_name: String,
    /// Days; none: for ever.
    pub retention_in_days: Option<u32>,
}

impl Session {
    /// The log group of exactly this name (DescribeLogGroups). None: there is none.
    ///
    /// # Errors
    /// CloudWatch Logs refused, could not be reached, or answered with something else.
    pub async fn log_group(&self, name: &str) -> Result<Option<LogGroup>, CallError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            #[serde(default)]
            log_groups: Vec<LogGroup>,
        }
        let call = Call::new("DescribeLogGroups", name);
        // Names that begin with this one come in their order, so that the name itself is the first.
        let answer = self.logs(&call, "Logs_20140328.DescribeLogGroups", &json!({ "logGroupNamePrefix": name, "limit": 1 })).await?;
        Ok(parsed::<Answer>(&call, answer)?.log_groups.into_iter().find(|group| group.log_group_name == name))
    }

    /// Makes a log group (CreateLogGroup). One that is there is no error.
    ///
    /// # Errors
    /// CloudWatch Logs refused, or could not be reached.
    pub async fn create_log_group(&self, name: &str) -> Result<(), CallError> {
        let call = Call::new("CreateLogGroup", name);
        match self.logs(&call, "Logs_20140328.CreateLogGroup", &json!({ "logGroupName": name })).await {
            Err(error) if error.code() == Some("ResourceAlreadyExistsException") => Ok(()),
            result => result.map(drop),
        }
    }

    /// Says how many days a log group keeps what it gets (PutRetentionPolicy). False: there is no such group.
    ///
    /// # Errors
    /// CloudWatch Logs refused (days that it does not know), or could not be reached.
    pub async fn keep_logs(&self, name: &str, days: u32) -> Result<bool, CallError> {
        let call = Call::new("PutRetentionPolicy", name);
        match self.logs(&call, "Logs_20140328.PutRetentionPolicy", &json!({ "logGroupName": name, "retentionInDays": days })).await {
            Err(error) if error.kind() == Kind::NotFound => Ok(false),
            result => result.map(|_| true),
        }
    }

    async fn logs(&self, call: &Call, target: &'static str, body: &Value) -> Result<Value, CallError> {
        let (body, repeat) = (body.to_string(), Repeat::Freely);
        self.ask(call, &JsonCall { service: Service::Logs, method: "POST", path: "/".into(), target: Some(target), body: &body, repeat })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Fake, Reply};

    #[tokio::test]
    async fn only_the_group_of_the_very_name_counts() {
        let fake = Fake::start(|_| Reply::ok(r#"{"logGroups":[{"logGroupName":"/aws/eks/shop/cluster-old","retentionInDays":7}]}"#)).await;
        let session = Session::to_fake(&fake);
        assert_eq!(session.log_group("/aws/eks/shop/cluster").await.unwrap(), None);
        let found = session.log_group("/aws/eks/shop/cluster-old").await.unwrap().unwrap();
        assert_eq!(found.retention_in_days, Some(7));
        assert_eq!(fake.seen()[0].header("x-amz-target"), Some("Logs_20140328.DescribeLogGroups"));
    }

    #[tokio::test]
    async fn a_group_that_is_there_or_is_not_is_no_error() {
        let fake = Fake::start(|request| {
            let code = if request.body.contains("retention") { "ResourceNotFoundException" } else { "ResourceAlreadyExistsException" };
            Reply::Answer(400, "", format!("{{\"__type\":\"{code}\",\"message\":\"no\"}}"))
        })
        .await;
        let session = Session::to_fake(&fake);
        session.create_log_group("/aws/eks/shop/cluster").await.unwrap();
        assert!(!session.keep_logs("/aws/eks/shop/cluster", 7).await.unwrap());
    }
}
