//! Making a stack: by a change set that is looked at before it is carried out.

use std::collections::BTreeMap;
use std::time::Duration;

use hybridge_aws::cloudformation::{ChangeSet, ChangeSetKind, NewChangeSet, TemplateSource};
use hybridge_aws::{CallError, Kind};
use hybridge_cluster::course::{self, Standing, Step};
use hybridge_cluster::world::Stack;
use hybridge_report::Finding;

use super::Deed;
use super::look::Looked;
use super::pace::Pace;
use super::stop::{Done, Stop};
use super::watch::Watched;

/// Looks at one stack before a person is asked: each state leads to an end in fewer.
const ROUNDS: usize = 8;
/// Bytes of a template that CloudFormation takes in a request (CloudFormation user guide, "Quotas").
pub(in crate::cluster) const LONGEST_BODY: usize = 51_200;
/// For a change set to be made.
const CHANGE_SET: Duration = Duration::from_secs(300);

/// A stack that is wanted.
#[derive(Clone, Copy, Debug)]
pub(in crate::cluster) struct Wish<'a> {
    /// Name.
    pub(in crate::cluster) name: &'a str,
    /// Template, compact JSON.
    pub(in crate::cluster) body: &'a str,
    /// Such as `CAPABILITY_IAM`.
    pub(in crate::cluster) capabilities: &'a [&'a str],
    /// Tags of the stack and its resources.
    pub(in crate::cluster) tags: &'a BTreeMap<String, String>,
    /// What it is, for the change set.
    pub(in crate::cluster) what: &'a str,
}

/// A stack that is there.
#[derive(Clone, Debug)]
pub(in crate::cluster) struct Made {
    /// The stack with its outputs.
    pub(in crate::cluster) stack: Stack,
    /// This run made it, or waited for it.
    pub(in crate::cluster) new: bool,
}

impl Deed {
    /// Makes a stack unless it is there; goes on with what an earlier run began.
    pub(in crate::cluster) async fn make(&self, wish: &Wish<'_>) -> Done<Made> {
        let mut new = false;
        for _ in 0..ROUNDS {
            let looked = self.look(wish.name).await?;
            match course::create(&looked.seen(wish.name, &self.cluster)) {
                Step::Done => {
                    let stack = looked.stack.ok_or_else(|| lost(wish.name))?;
                    return Ok(Made { stack, new });
                }
                Step::Create => {
                    new = true;
                    self.create(wish).await?;
                }
                Step::Wait(doing) => {
                    // A change that was waited for is somebody's wish of another time, which has to be compared with this one.
                    new |= looked.standing() == Standing::Creating;
                    self.touch();
                    self.wait(wish.name, &looked, &doing).await?;
                }
                Step::Discard(names) => self.discard(wish.name, &names).await?,
                Step::Clear => self.clear(wish.name, &looked).await?,
                Step::Refuse(finding) => return Err(self.refusal(wish.name, finding, &looked).await),
                Step::Change | Step::Delete => return Err(lost(wish.name)),
            }
        }
        Err(lost(wish.name))
    }

    async fn create(&self, wish: &Wish<'_>) -> Done<()> {
        self.screen.line(format_args!("stack {}: making {}", wish.name, wish.what));
        let set = self.change_set(wish, ChangeSetKind::Create).await?;
        let Some(set) = set else { return Err(lost(wish.name)) };
        let wrong: Vec<_> =
            set.changes.iter().filter(|change| change.action != "Add").map(|change| change.logical_resource_id.as_str()).collect();
        if !wrong.is_empty() {
            self.session.delete_change_set(&set.id).await?;
            let what = format!("CloudFormation would not only make new resources, but touch {}", wrong.join(", "));
            return Err(Finding::error("change.unexpected", format!("stack {}", wish.name), what).into());
        }
        self.carry_out(wish.name, &set, "being made").await
    }

    /// Carries a change set out, watches it, and stops with the first real cause if it failed.
    pub(in crate::cluster) async fn carry_out(&self, name: &str, set: &ChangeSet, doing: &str) -> Done<()> {
        let before = self.events(&set.stack_id, None).await?;
        self.execute(set).await?;
        self.touch();
        let after = before.last().map(|event| event.event_id.as_str());
        let ended = self.watch(Watched { name, id: &set.stack_id, doing, resources: set.changes.len(), after }).await?;
        if ended.is_good() {
            return Ok(());
        }
        let status = ended.stack.map(|stack| stack.stack_status).unwrap_or_default();
        Err(Stop::one(self.cause(name, &set.stack_id, &format!("it failed ({status})")).await))
    }

    /// Waits for what an earlier run, or CloudFormation by itself, is doing.
    pub(in crate::cluster) async fn wait(&self, name: &str, looked: &Looked, doing: &str) -> Done<()> {
        let Some(stack) = &looked.stack else { return Ok(()) };
        self.screen.line(format_args!("stack {name}: {doing}; waiting"));
        let after = looked.events.last().map(|event| event.event_id.as_str());
        let ended = self.watch(Watched { name, id: &stack.stack_id, doing, resources: 0, after }).await?;
        if ended.is_good() {
            return Ok(());
        }
        let status = ended.stack.map(|stack| stack.stack_status).unwrap_or_default();
        Err(Stop::one(self.cause(name, &stack.stack_id, &format!("it failed ({status})")).await))
    }

    /// Change sets of ours that nobody carried out.
    async fn discard(&self, stack: &str, names: &[String]) -> Done<()> {
        for name in names {
            self.screen.line(format_args!("stack {stack}: change set {name} of an earlier run was not carried out; deleting it"));
            match self.session.describe_change_set(Some(stack), name).await? {
                Some(set) => self.session.delete_change_set(&set.id).await?,
                None => continue,
            }
        }
        Ok(())
    }

    /// Tells why the last attempt failed and deletes what is left of it: a stack without resources.
    async fn clear(&self, name: &str, looked: &Looked) -> Done<()> {
        let Some(stack) = &looked.stack else { return Ok(()) };
        let mut cause = self.cause(name, &stack.stack_id, "an earlier attempt failed").await;
        cause.severity = hybridge_report::Severity::Warning;
        self.screen.line(&cause);
        self.screen.line(format_args!("stack {name}: nothing is in it any more, and it can only be deleted; deleting it"));
        self.delete(name, &stack.stack_id, stack.enable_termination_protection).await
    }

    /// A refusal, with the cause where something failed before.
    pub(in crate::cluster) async fn refusal(&self, name: &str, finding: Finding, looked: &Looked) -> Stop {
        let Some(stack) = looked.stack.as_ref().filter(|_| !looked.standing().is_moving() && !looked.events.is_empty()) else {
            return Stop::one(finding);
        };
        let cause = self.cause(name, &stack.stack_id, "the last operation failed").await;
        Stop::input(vec![cause, finding])
    }

    /// Has a change set made and reads it. None: there is nothing to change.
    pub(in crate::cluster) async fn change_set(&self, wish: &Wish<'_>, kind: ChangeSetKind) -> Done<Option<ChangeSet>> {
        let url = self.uploaded(wish).await?;
        let set = self.asked_for(wish, kind, url.as_deref()).await;
        self.unload(wish, url.is_some()).await;
        let set = set?
            .ok_or_else(|| Finding::error("change.slow", format!("stack {}", wish.name), "its change set is not ready after 5 minutes"))?;
        if set.is_without_changes() {
            self.session.delete_change_set(&set.id).await?;
            return Ok(None);
        }
        if set.status != "CREATE_COMPLETE" {
            self.session.delete_change_set(&set.id).await?;
            let what = format!("CloudFormation refuses the change set ({}): {}", set.status, set.status_reason);
            return Err(Finding::error("change.refused", format!("stack {}", wish.name), what).into());
        }
        Ok(Some(set))
    }

    /// Asks for a change set and waits until CloudFormation has made it or refuses it. None: it takes too long.
    async fn asked_for(&self, wish: &Wish<'_>, kind: ChangeSetKind, url: Option<&str>) -> Done<Option<ChangeSet>> {
        let new = NewChangeSet {
            stack: wish.name,
            name: &self.token,
            kind,
            template: url.map_or(TemplateSource::Body(wish.body), TemplateSource::Url),
            capabilities: wish.capabilities,
            tags: wish.tags,
            description: wish.what,
            client_token: Some(&self.token),
        };
        let id = match self.session.create_change_set(&new).await {
            // The same request, whose first answer was lost.
            Err(error) if error.code() == Some("AlreadyExistsException") => self.token.clone(),
            id => id?,
        };
        if kind == ChangeSetKind::Create {
            // The stack is there from now on, with nothing in it.
            self.touch();
        }
        let look = async || {
            let set = self.session.describe_change_set(Some(wish.name), &id).await?;
            Ok(set.filter(|set| !set.is_pending()))
        };
        self.until(Pace::stacks(), CHANGE_SET, "change set", look).await
    }

    /// Carries a change set out. Whether it was begun is seen by the stack, where the answer is lost.
    async fn execute(&self, set: &ChangeSet) -> Result<(), CallError> {
        match self.session.execute_change_set(&set.id, Some(&self.token)).await {
            Err(error) if error.kind() == Kind::NoNetwork || error.code() == Some("InvalidChangeSetStatus") => {
                let stack = self.stack(&set.stack_id).await?;
                let begun = stack.is_some_and(|stack| !matches!(stack.stack_status.as_str(), "REVIEW_IN_PROGRESS"));
                if begun { Ok(()) } else { Err(error) }
            }
            result => result,
        }
    }
}

/// CloudFormation's answers contradict each other, or somebody interferes all the time.
pub(in crate::cluster) fn lost(name: &str) -> Stop {
    let finding = Finding::error("stack.restless", format!("stack {name}"), "its state changed whenever it was looked at");
    Stop {
        findings: vec![finding.fix("see that nobody else is at work on it, then run the same command again")],
        exit: hybridge_report::Exit::Unexpected,
    }
}
