//! Change sets: what CloudFormation would do, and the order to do it.

use std::collections::BTreeMap;

use super::is_no_stack;
use crate::call::{Call, CallError, Kind, client_token};
use crate::query::{Element, Query};
use crate::session::Session;

/// Where a template is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TemplateSource<'a> {
    /// Here: 51,200 bytes at most.
    Body(&'a str),
    /// In a bucket: the URL that [`Session::put_object`] gives; 1 MB at most.
    Url(&'a str),
}

/// What a change set is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeSetKind {
    /// A stack that does not exist yet, or is in `REVIEW_IN_PROGRESS`.
    Create,
    /// One that does.
    Update,
}

/// A change set to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewChangeSet<'a> {
    /// Name or ARN of the stack.
    pub stack: &'a str,
    /// Name of the change set: letters, digits, hyphens; unique within the stack.
    pub name: &'a str,
    /// For a new stack or an existing one.
    pub kind: ChangeSetKind,
    /// The template.
    pub template: TemplateSource<'a>,
    /// Such as `CAPABILITY_IAM`.
    pub capabilities: &'a [&'a str],
    /// Tags of the stack and of all its resources. Without the old ones, these are taken away.
    pub tags: &'a BTreeMap<String, String>,
    /// What it is for.
    pub description: &'a str,
    /// CloudFormation knows a request again by it; none: one is made.
    pub client_token: Option<&'a str>,
}

/// A change set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeSet {
    /// ARN.
    pub id: String,
    /// Name.
    pub name: String,
    /// ARN of the stack.
    pub stack_id: String,
    /// `CREATE_PENDING`, `CREATE_IN_PROGRESS`, `CREATE_COMPLETE`, `FAILED` and so on.
    pub status: String,
    /// Why it failed.
    pub status_reason: String,
    /// `AVAILABLE` once it may be executed.
    pub execution_status: String,
    /// All changes, once it is complete.
    pub changes: Vec<Change>,
}

impl ChangeSet {
    /// It failed because there is nothing to change. CloudFormation has no code for that, only these sentences.
    pub fn is_without_changes(&self) -> bool {
        const SENTENCES: [&str; 2] = ["didn't contain changes", "No updates are to be performed"];
        self.status == "FAILED" && SENTENCES.iter().any(|sentence| self.status_reason.contains(sentence))
    }

    /// It is being made.
    pub fn is_pending(&self) -> bool {
        matches!(self.status.as_str(), "CREATE_PENDING" | "CREATE_IN_PROGRESS")
    }
}

/// What becomes of a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// `Add`, `Modify`, `Remove`, `Import`, `Dynamic`.
    pub action: String,
    /// Name in the template.
    pub logical_resource_id: String,
    /// Name in AWS; empty: it is new.
    pub physical_resource_id: String,
    /// `AWS::EC2::VPC` and so on.
    pub resource_type: String,
    /// `True`, `False`, `Conditional`; empty: not a modification.
    pub replacement: String,
    /// `Properties`, `Tags` and so on.
    pub scope: Vec<String>,
    /// What of it changes.
    pub details: Vec<ChangeDetail>,
}

/// A part of a resource that changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeDetail {
    /// `Properties`, `Tags` and so on.
    pub attribute: String,
    /// Name of the property.
    pub name: String,
    /// `Never`, `Conditionally`, `Always`.
    pub requires_recreation: String,
    /// `DirectModification`, `ResourceAttribute` and so on.
    pub change_source: String,
    /// What else causes it, such as `ControlPlane.Arn`.
    pub causing_entity: String,
}

impl Session {
    /// Has a change set made (CreateChangeSet) and gives its ARN; see [`Session::describe_change_set`] for what becomes of it.
    ///
    /// # Errors
    /// CloudFormation refused (`AlreadyExistsException`: there is one of this name), or could not be reached.
    pub async fn create_change_set(&self, new: &NewChangeSet<'_>) -> Result<String, CallError> {
        let call = Call::new("CreateChangeSet", format_args!("{} of {}", new.name, new.stack));
        let kind = match new.kind {
            ChangeSetKind::Create => "CREATE",
            ChangeSetKind::Update => "UPDATE",
        };
        let query = Query::cloud_formation("CreateChangeSet").with("StackName", new.stack).with("ChangeSetName", new.name);
        let query = match new.template {
            TemplateSource::Body(body) => query.with("TemplateBody", body),
            TemplateSource::Url(url) => query.with("TemplateURL", url),
        };
        let query = query.with("ChangeSetType", kind).members("Capabilities", new.capabilities.iter().copied()).tags(new.tags);
        let query = query.with_some("Description", new.description);
        let query = query.with("ClientToken", new.client_token.map_or_else(client_token, str::to_owned));
        self.query(&call, &query, |answer| answer.need("Id")).await
    }

    /// A change set with all its changes (DescribeChangeSet, all pages). None: there is none of this name or ARN.
    ///
    /// `stack` is not needed with an ARN.
    ///
    /// # Errors
    /// CloudFormation refused, could not be reached, or answered with something else.
    pub async fn describe_change_set(&self, stack: Option<&str>, change_set: &str) -> Result<Option<ChangeSet>, CallError> {
        let call = Call::new("DescribeChangeSet", change_set);
        let query = Query::cloud_formation("DescribeChangeSet").with("ChangeSetName", change_set);
        let query = query.with_some("StackName", stack.unwrap_or_default());
        let mut found = ChangeSet::default();
        let asked = self.query_pages(&call, &query, |page| {
            found = ChangeSet { changes: std::mem::take(&mut found.changes), ..head(page)? };
            for element in page.items("Changes") {
                found.changes.extend(element.child("ResourceChange").map(change).transpose()?);
            }
            Ok(true)
        });
        match asked.await {
            Ok(()) => Ok(Some(found)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Names of a stack's change sets (ListChangeSets, all pages). None, if there is no such stack.
    ///
    /// # Errors
    /// CloudFormation refused, could not be reached, or answered with something else.
    pub async fn change_sets(&self, stack: &str) -> Result<Vec<String>, CallError> {
        let call = Call::new("ListChangeSets", stack);
        let query = Query::cloud_formation("ListChangeSets").with("StackName", stack);
        match self.query_all(&call, &query, "Summaries", |summary| summary.need("ChangeSetName")).await {
            Err(error) if is_missing(&error) => Ok(Vec::new()),
            result => result,
        }
    }

    /// Begins to do what a change set says (ExecuteChangeSet). `token` marks the events; without one, any is made.
    ///
    /// # Errors
    /// CloudFormation refused (`InvalidChangeSetStatus`: it is not available, or no longer), or could not be reached.
    pub async fn execute_change_set(&self, change_set: &str, token: Option<&str>) -> Result<(), CallError> {
        let call = Call::new("ExecuteChangeSet", change_set);
        let query = Query::cloud_formation("ExecuteChangeSet").with("ChangeSetName", change_set);
        self.command(&call, &query.with("ClientRequestToken", token.map_or_else(client_token, str::to_owned))).await
    }

    /// Throws a change set away (DeleteChangeSet). One that is not there is no error.
    ///
    /// # Errors
    /// CloudFormation refused, or could not be reached.
    pub async fn delete_change_set(&self, change_set: &str) -> Result<(), CallError> {
        let call = Call::new("DeleteChangeSet", change_set);
        let query = Query::cloud_formation("DeleteChangeSet").with("ChangeSetName", change_set);
        match self.command(&call, &query).await {
            Err(error) if is_missing(&error) => Ok(()),
            result => result,
        }
    }
}

/// The change set is not there, or its stack is not.
fn is_missing(error: &CallError) -> bool {
    error.kind() == Kind::NotFound || is_no_stack(error)
}

fn head(page: Element<'_, '_>) -> Result<ChangeSet, String> {
    Ok(ChangeSet {
        id: page.text("ChangeSetId"),
        name: page.text("ChangeSetName"),
        stack_id: page.text("StackId"),
        status: page.need("Status")?,
        status_reason: page.text("StatusReason"),
        execution_status: page.text("ExecutionStatus"),
        changes: Vec::new(),
    })
}

fn change(element: Element<'_, '_>) -> Result<Change, String> {
    let detail = |detail: Element<'_, '_>| {
        let target = |name| detail.child("Target").map(|target| target.text(name)).unwrap_or_default();
        ChangeDetail {
            attribute: target("Attribute"),
            name: target("Name"),
            requires_recreation: target("RequiresRecreation"),
            change_source: detail.text("ChangeSource"),
            causing_entity: detail.text("CausingEntity"),
        }
    };
    Ok(Change {
        action: element.need("Action")?,
        logical_resource_id: element.need("LogicalResourceId")?,
        physical_resource_id: element.text("PhysicalResourceId"),
        resource_type: element.text("ResourceType"),
        replacement: element.text("Replacement"),
        scope: element.texts("Scope"),
        details: element.items("Details").map(detail).collect(),
    })
}
