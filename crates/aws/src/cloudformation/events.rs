//! What happened to a stack.

use crate::call::{Call, CallError};
use crate::query::{Element, Query};
use crate::session::Session;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StackEvent {
    /// Unique.
    pub event_id: String,
    /// When, as ISO 8601.
    pub timestamp: String,
    /// Name in the template; for the stack itself, the stack's name.
    pub logical_resource_id: String,
    /// Name in AWS; for the stack itself, its ARN.
    pub physical_resource_id: String,
    /// `AWS::EC2::VPC` and so on; `AWS::CloudFormation::Stack` for the stack itself.
    pub resource_type: String,
    /// `CREATE_FAILED` and so on.
    pub resource_status: String,
    /// Why.
    pub resource_status_reason: String,
    /// Token of the request that it belongs to; empty: none was given.
    pub client_request_token: String,
    /// ARN of the stack.
    pub stack_id: String,
}

impl Session {
    /// The events of a stack, newest first, down to but without the event `until` (DescribeStackEvents, as many pages as it takes).
    ///
    /// # Errors
    /// CloudFormation refused (`ValidationError` where there is no such stack), could not be reached, or answered with something else.
    pub async fn stack_events(&self, stack: &str, until: Option<&str>) -> Result<Vec<StackEvent>, CallError> {
        let call = Call::new("DescribeStackEvents", stack);
        let query = Query::cloud_formation("DescribeStackEvents").with("StackName", stack);
        let mut found = Vec::new();
        self.query_pages(&call, &query, |page| {
            for element in page.items("StackEvents") {
                let event = event(element)?;
                if until == Some(event.event_id.as_str()) {
                    return Ok(false);
                }
                found.push(event);
            }
            Ok(true)
        })
        .await?;
        Ok(found)
    }
}

fn event(element: Element<'_, '_>) -> Result<StackEvent, String> {
    Ok(StackEvent {
        event_id: element.need("EventId")?,
        timestamp: element.need("Timestamp")?,
        logical_resource_id: element.text("LogicalResourceId"),
        physical_resource_id: element.text("PhysicalResourceId"),
        resource_type: element.text("ResourceType"),
        resource_status: element.text("ResourceStatus"),
        resource_status_reason: element.text("ResourceStatusReason"),
        client_request_token: element.text("ClientRequestToken"),
        stack_id: element.text("StackId"),
    })
}
