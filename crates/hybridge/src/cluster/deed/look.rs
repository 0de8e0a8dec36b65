//! What is there: a stack with as much as its state asks for.

use hybridge_aws::CallError;
use hybridge_cluster::course::{Seen, Standing, standing};
use hybridge_cluster::events::StackEvent;
use hybridge_cluster::world::{Stack, StackResource};

use super::Deed;

/// A stack as it was a moment ago.
#[derive(Clone, Debug, Default)]
pub(in crate::cluster) struct Looked {
    pub(in crate::cluster) stack: Option<Stack>,
    pub(in crate::cluster) resources: Option<usize>,
    pub(in crate::cluster) change_sets: Vec<String>,
    pub(in crate::cluster) events: Vec<StackEvent>,
}

impl Looked {
    pub(in crate::cluster) fn seen<'a>(&'a self, name: &'a str, cluster: &'a str) -> Seen<'a> {
        let Self { stack, resources, change_sets, events } = self;
        Seen { name, cluster, stack: stack.as_ref(), resources: *resources, change_sets, events }
    }

    pub(in crate::cluster) fn standing(&self) -> Standing {
        self.stack.as_ref().map_or(Standing::Absent, |stack| standing(&stack.stack_status))
    }
}

impl Deed {
    /// Looks at a stack, by its name, or by its ARN where one is meant that may be gone.
    pub(in crate::cluster) async fn look(&self, stack: &str) -> Result<Looked, CallError> {
        let mut looked = Looked { stack: self.stack(stack).await?, ..Looked::default() };
        match looked.standing() {
            Standing::Reviewed => looked.change_sets = self.session.change_sets(stack).await?,
            Standing::RolledBack | Standing::Broken => {
                let left = self.session.stack_resources(stack).await?;
                looked.resources = Some(left.iter().filter(|resource| exists(resource)).count());
                looked.events = self.events(stack, None).await?;
            }
            Standing::Creating
            | Standing::RollingBack
            | Standing::Updating
            | Standing::UpdateRollingBack
            | Standing::UpdateBroken
            | Standing::UpdateStuck
            | Standing::Deleting
            | Standing::DeleteFailed => looked.events = self.events(stack, None).await?,
            Standing::Absent | Standing::Stable | Standing::Unknown => {}
        }
        Ok(looked)
    }

    /// A stack; none: it is not there, or was deleted.
    pub(in crate::cluster) async fn stack(&self, stack: &str) -> Result<Option<Stack>, CallError> {
        let found = self.session.stacks(Some(stack)).await?;
        Ok(found.into_iter().find(|stack| standing(&stack.stack_status) != Standing::Absent))
    }

    /// Events of a stack, oldest first, those after `after` only.
    pub(in crate::cluster) async fn events(&self, stack: &str, after: Option<&str>) -> Result<Vec<StackEvent>, CallError> {
        let mut found = self.session.stack_events(stack, after).await?;
        found.reverse();
        Ok(found.into_iter().map(event).collect())
    }
}

/// Whether a resource has something in AWS.
fn exists(resource: &StackResource) -> bool {
    !resource.physical_resource_id.is_empty() && resource.resource_status != "DELETE_COMPLETE"
}

fn event(event: hybridge_aws::cloudformation::StackEvent) -> StackEvent {
    // `arn:aws:cloudformation:REGION:ACCOUNT:stack/NAME/UUID`
    let stack_name = event.stack_id.split('/').nth(1).unwrap_or_default().to_owned();
    StackEvent {
        event_id: event.event_id,
        stack_id: event.stack_id,
        stack_name,
        logical_resource_id: event.logical_resource_id,
        physical_resource_id: event.physical_resource_id,
        resource_type: event.resource_type,
        resource_status: event.resource_status,
        resource_status_reason: event.resource_status_reason,
        timestamp: event.timestamp.parse().unwrap_or_default(),
        client_request_token: event.client_request_token,
    }
}
