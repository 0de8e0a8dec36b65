//! Stacks of CloudFormation: what is there, what happened, and what is to be done.

mod change_set;
mod events;

use hybridge_cluster::world::{Output, Stack, StackResource, Tag};
use serde_json::Value;

pub use self::change_set::{Change, ChangeDetail, ChangeSet, ChangeSetKind, NewChangeSet, TemplateSource};
pub use self::events::StackEvent;
use crate::call::{Call, CallError, client_token};
use crate::query::{Element, Query};
use crate::session::Session;

impl Session {
    /// The stack of this name or ARN, or, without one, all that are not deleted (DescribeStacks, all pages).
    ///
    /// A stack that does not exist is no error: the list is empty. A deleted one is found by its ARN only.
    ///
    /// # Errors
    /// CloudFormation refused, could not be reached, or answered with something else.
    pub async fn stacks(&self, name: Option<&str>) -> Result<Vec<Stack>, CallError> {
        let call = Call::new("DescribeStacks", name.unwrap_or_default());
        let query = Query::cloud_formation("DescribeStacks").with_some("StackName", name.unwrap_or_default());
        match self.query_all(&call, &query, "Stacks", stack).await {
            Err(error) if is_no_stack(&error) => Ok(Vec::new()),
            result => result,
        }
    }

    /// Names of all stacks that are not deleted (ListStacks, all pages): a page holds a hundred of them, and no outputs.
    ///
    /// # Errors
    /// CloudFormation refused, could not be reached, or answered with something else.
    pub async fn stack_names(&self) -> Result<Vec<String>, CallError> {
        let call = Call::new("ListStacks", "");
        let query = Query::cloud_formation("ListStacks").members("StackStatusFilter", PRESENT);
        self.query_all(&call, &query, "StackSummaries", |summary| summary.need("StackName")).await
    }

    /// The template of a stack as it was given (GetTemplate). JSON becomes its value, YAML a text. None: there is no such stack, or
    /// it is in REVIEW_IN_PROGRESS, where it has only a change set and CloudFormation answers with an empty text.
    ///
    /// # Errors
    /// CloudFormation refused, could not be reached, or answered with something else.
    pub async fn template(&self, stack: &str) -> Result<Option<Value>, CallError> {
        let call = Call::new("GetTemplate", stack);
        let query = Query::cloud_formation("GetTemplate").with("StackName", stack).with("TemplateStage", "Original");
        match self.query(&call, &query, |answer| Ok(answer.some("TemplateBody").unwrap_or_default())).await {
            Ok(body) if body.is_empty() => Ok(None),
            Ok(body) => Ok(Some(serde_json::from_str(&body).unwrap_or(Value::String(body)))),
            Err(error) if is_no_stack(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The resources of a stack, deleted ones too (ListStackResources, all pages). Empty where there is no such stack.
    ///
    /// # Errors
    /// CloudFormation refused, could not be reached, or answered with something else.
    pub async fn stack_resources(&self, stack: &str) -> Result<Vec<StackResource>, CallError> {
        let call = Call::new("ListStackResources", stack);
        let query = Query::cloud_formation("ListStackResources").with("StackName", stack);
        match self.query_all(&call, &query, "StackResourceSummaries", resource).await {
            Err(error) if is_no_stack(&error) => Ok(Vec::new()),
            result => result,
        }
    }

    /// Begins to delete a stack (DeleteStack). One that does not exist is no error. `token` marks the events of the deletion; without
    /// one, any is made.
    ///
    /// # Errors
    /// CloudFormation refused (termination protection: `ValidationError`), or could not be reached.
    pub async fn delete_stack(&self, stack: &str, token: Option<&str>) -> Result<(), CallError> {
        let call = Call::new("DeleteStack", stack);
        let token = token.map_or_else(client_token, str::to_owned);
        let query = Query::cloud_formation("DeleteStack").with("StackName", stack).with("ClientRequestToken", token);
        self.command(&call, &query).await
    }

    /// Protects a stack from deletion, or no longer (UpdateTerminationProtection).
    ///
    /// # Errors
    /// CloudFormation refused, or could not be reached.
    pub async fn update_termination_protection(&self, stack: &str, protect: bool) -> Result<(), CallError> {
        let call = Call::new("UpdateTerminationProtection", stack);
        let query = Query::cloud_formation("UpdateTerminationProtection").with("StackName", stack);
        self.command(&call, &query.with("EnableTerminationProtection", protect.to_string())).await
    }
}

/// All statuses but `DELETE_COMPLETE`, which stays listed for 90 days (CloudFormation API reference, "ListStacks").
const PRESENT: [&str; 22] = [
    "CREATE_IN_PROGRESS",
    "CREATE_FAILED",
    "CREATE_COMPLETE",
    "ROLLBACK_IN_PROGRESS",
    "ROLLBACK_FAILED",
    "ROLLBACK_COMPLETE",
    "DELETE_IN_PROGRESS",
    "DELETE_FAILED",
    "UPDATE_IN_PROGRESS",
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
    "UPDATE_COMPLETE",
    "UPDATE_FAILED",
    "UPDATE_ROLLBACK_IN_PROGRESS",
    "UPDATE_ROLLBACK_FAILED",
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
    "UPDATE_ROLLBACK_COMPLETE",
    "REVIEW_IN_PROGRESS",
    "IMPORT_IN_PROGRESS",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_IN_PROGRESS",
    "IMPORT_ROLLBACK_FAILED",
    "IMPORT_ROLLBACK_COMPLETE",
];

/// CloudFormation has no code of its own for a stack that is not there.
fn is_no_stack(error: &CallError) -> bool {
    let message = error.message().unwrap_or_default();
    error.code() == Some("ValidationError") && message.contains("tack") && message.contains("does not exist")
}

fn tag(element: Element<'_, '_>) -> Result<Tag, String> {
    Ok(Tag { key: element.need("Key")?, value: element.text("Value") })
}

fn stack(element: Element<'_, '_>) -> Result<Stack, String> {
    let output = |output: Element<'_, '_>| -> Result<Output, String> {
        let (output_key, output_value) = (output.need("OutputKey")?, output.text("OutputValue"));
        Ok(Output { output_key, output_value, export_name: output.text("ExportName") })
    };
    Ok(Stack {
        stack_name: element.need("StackName")?,
        stack_id: element.text("StackId"),
        stack_status: element.need("StackStatus")?,
        stack_status_reason: element.text("StackStatusReason"),
        outputs: element.items("Outputs").map(output).collect::<Result<_, _>>()?,
        tags: element.items("Tags").map(tag).collect::<Result<_, _>>()?,
        enable_termination_protection: element.flag("EnableTerminationProtection"),
    })
}

fn resource(element: Element<'_, '_>) -> Result<StackResource, String> {
    Ok(StackResource {
        logical_resource_id: element.need("LogicalResourceId")?,
        physical_resource_id: element.text("PhysicalResourceId"),
        resource_type: element.need("ResourceType")?,
        resource_status: element.need("ResourceStatus")?,
    })
}

#[cfg(test)]
mod tests;
