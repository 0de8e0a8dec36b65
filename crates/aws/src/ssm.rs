//! Activations of Systems Manager, and the machines that came with them.

use std::collections::BTreeMap;

use hybridge_cluster::world::{Activation, ManagedInstance};
use hybridge_node::secret::Secret;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::call::{Call, CallError, JsonCall, Kind, Paged, Repeat, not_understood};
use crate::endpoint::Service;
use crate::session::Session;

/// An activation to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewActivation<'a> {
    /// Name of the role, with its path but without `arn:…:role/`.
    pub role: &'a str,
    /// How many machines it takes; 1 to 1000.
    pub limit: u32,
    /// When it ends; 30 days ahead at most.
    pub expires: Timestamp,
    /// What it is for.
    pub description: &'a str,
    /// Name of the machines; empty: none.
    pub instance_name: &'a str,
    /// Tags, which the machines get, too.
    pub tags: &'a BTreeMap<String, String>,
}

/// A new activation. Its code cannot be had again.
#[derive(Clone, Debug)]
pub struct NewlyActivated {
    /// UUID.
    pub id: String,
    /// With which machines register.
    pub code: Secret,
}

/// Filters of DescribeInstanceInformation, such as `IamRole`, `ActivationIds`, `tag:EKSClusterARN`.
pub type InstanceFilter<'a> = (&'a str, &'a [&'a str]);

impl Session {
    /// Makes an activation (CreateActivation). It is asked for once only: if the answer is lost, there may be an activation without
    /// anybody who knows its code, which [`Session::activations`] shows.
    ///
    /// # Errors
    /// Systems Manager refused (`ValidationException` also where the role does not trust it), could not be reached, or the answer was lost.
    pub async fn create_activation(&self, new: &NewActivation<'_>) -> Result<NewlyActivated, CallError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Answer {
            activation_id: String,
            activation_code: Secret,
        }
        let call = Call::new("CreateActivation", format_args!("for {}", new.role));
        let tags: Vec<Value> = new.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        let mut body = json!({
            "IamRole": new.role,
            "RegistrationLimit": new.limit,
            "ExpirationDate": new.expires.as_second(),
            "Description": new.description,
            "Tags": tags,
        });
        if !new.instance_name.is_empty() {
            body["DefaultInstanceName"] = new.instance_name.into();
        }
        let answer = self.ssm(&call, "AmazonSSM.CreateActivation", &body, Repeat::IfUndone).await?;
        // No message of a parser: it may quote the code.
        let answer = serde_json::from_value(answer).map_err(|_| not_understood(&call, "it has no ActivationId with an ActivationCode"))?;
        let Answer { activation_id, activation_code } = answer;
        Ok(NewlyActivated { id: activation_id, code: activation_code })
    }

    /// Takes an activation away (DeleteActivation): machines that came with it stay. One that is not there is no error.
    ///
    /// # Errors
    /// Systems Manager refused, or could not be reached.
    pub async fn delete_activation(&self, id: &str) -> Result<(), CallError> {
        let call = Call::new("DeleteActivation", id);
        let done = self.ssm(&call, "AmazonSSM.DeleteActivation", &json!({ "ActivationId": id }), Repeat::Freely).await;
        gone(done, &["InvalidActivation", "InvalidActivationId"])
    }

    /// Activations (DescribeActivations, all pages): those of a role by its name, or all.
    ///
    /// # Errors
    /// Systems Manager refused, could not be reached, or answered with something else.
    pub async fn activations(&self, role: Option<&str>) -> Result<Vec<Activation>, CallError> {
        let call = Call::new("DescribeActivations", role.unwrap_or_default());
        let filters: Vec<Value> = role.into_iter().map(|role| json!({ "FilterKey": "IamRole", "FilterValues": [role] })).collect();
        let body = json!({ "MaxResults": 50, "Filters": filters });
        let paged = Paged { service: Service::Ssm, target: "AmazonSSM.DescribeActivations", body, list: "ActivationList" };
        self.ask_all(&call, &paged).await
    }

    /// Machines that Systems Manager knows and that are no instances of EC2 (DescribeInstanceInformation, all pages).
    ///
    /// # Errors
    /// Systems Manager refused, could not be reached, or answered with something else.
    pub async fn managed_instances(&self, filters: &[InstanceFilter<'_>]) -> Result<Vec<ManagedInstance>, CallError> {
        let subject: Vec<String> = filters.iter().map(|(key, values)| format!("{key}={}", values.join(","))).collect();
        let call = Call::new("DescribeInstanceInformation", subject.join(" "));
        let only = json!({ "Key": "ResourceType", "Values": ["ManagedInstance"] });
        let more = filters.iter().map(|(key, values)| json!({ "Key": key, "Values": values }));
        let filters: Vec<Value> = std::iter::once(only).chain(more).collect();
        let body = json!({ "MaxResults": 50, "Filters": filters });
        let target = "AmazonSSM.DescribeInstanceInformation";
        self.ask_all(&call, &Paged { service: Service::Ssm, target, body, list: "InstanceInformationList" }).await
    }

    /// Has Systems Manager forget a machine (DeregisterManagedInstance). One that it does not know is no error.
    ///
    /// # Errors
    /// Systems Manager refused, or could not be reached.
    pub async fn deregister_managed_instance(&self, id: &str) -> Result<(), CallError> {
        let call = Call::new("DeregisterManagedInstance", id);
        let done = self.ssm(&call, "AmazonSSM.DeregisterManagedInstance", &json!({ "InstanceId": id }), Repeat::Freely).await;
        gone(done, &["InvalidInstanceId"])
    }

    async fn ssm(&self, call: &Call, target: &'static str, body: &Value, repeat: Repeat) -> Result<Value, CallError> {
        let body = body.to_string();
        self.ask(call, &JsonCall { service: Service::Ssm, method: "POST", path: "/".into(), target: Some(target), body: &body, repeat })
            .await
    }
}

/// What was to be taken away is not there.
fn gone(done: Result<Value, CallError>, codes: &[&str]) -> Result<(), CallError> {
    match done {
        Err(error) if error.kind() == Kind::NotFound || error.code().is_some_and(|code| codes.contains(&code)) => Ok(()),
        result => result.map(drop),
    }
}

#[cfg(test)]
mod tests;
