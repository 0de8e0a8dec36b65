//! Watching a stack until CloudFormation is done with it, and saying why it failed.

use hybridge_aws::CallError;
use hybridge_cluster::course::{Standing, standing};
use hybridge_cluster::events::{Failure, Live, StackEvent, first_cause};
use hybridge_cluster::world::Stack;
use hybridge_report::Finding;
use jiff::Timestamp;

use super::Deed;
use super::pace::Pace;
use super::stop::{Done, Stop};

/// What is watched.
#[derive(Clone, Copy, Debug)]
pub(in crate::cluster) struct Watched<'a> {
    /// Name, for people.
    pub(in crate::cluster) name: &'a str,
    /// ARN: what is asked for, since a name may come to mean another stack.
    pub(in crate::cluster) id: &'a str,
    /// What is being done, such as `being made`.
    pub(in crate::cluster) doing: &'a str,
    /// How many resources are to change; 0: not known.
    pub(in crate::cluster) resources: usize,
    /// Tell of events from here on; none: of those of the last operation.
    pub(in crate::cluster) after: Option<&'a str>,
}

/// How it ended.
#[derive(Clone, Debug)]
pub(in crate::cluster) struct Ended {
    /// The stack; none: it is gone.
    pub(in crate::cluster) stack: Option<Stack>,
    /// Where it stands.
    pub(in crate::cluster) standing: Standing,
}

impl Ended {
    /// CloudFormation did what it was told, rather than going back.
    pub(in crate::cluster) fn is_good(&self) -> bool {
        let status = self.stack.as_ref().map_or("", |stack| stack.stack_status.as_str());
        match self.standing {
            Standing::Absent => true,
            Standing::Stable => !status.contains("ROLLBACK"),
            Standing::Reviewed
            | Standing::Creating
            | Standing::RollingBack
            | Standing::RolledBack
            | Standing::Broken
            | Standing::Updating
            | Standing::UpdateRollingBack
            | Standing::UpdateBroken
            | Standing::UpdateStuck
            | Standing::Deleting
            | Standing::DeleteFailed
            | Standing::Unknown => false,
        }
    }
}

impl Deed {
    /// Tells what happens to a stack until nothing happens any more.
    ///
    /// Stops when it takes longer than a stack may; CloudFormation then goes on.
    pub(in crate::cluster) async fn watch(&self, watched: Watched<'_>) -> Done<Ended> {
        let Watched { name, id, doing, resources, after } = watched;
        let mut live = Live::new(Timestamp::now(), resources);
        let mut last = after.map(str::to_owned);
        let look = async || -> Result<Option<Ended>, CallError> {
            // The state first: events that come before it changes are then certainly told.
            let stack = self.stack(id).await?;
            let standing = stack.as_ref().map_or(Standing::Absent, |stack| standing(&stack.stack_status));
            let events = match self.events(id, last.as_deref()).await {
                // Gone with its events, where AWS keeps none of deleted stacks.
                Err(error) if standing == Standing::Absent && error.code().is_some() => Vec::new(),
                events => events?,
            };
            self.tell_events(name, &mut live, &events);
            if let Some(newest) = events.last() {
                last = Some(newest.event_id.clone());
            }
            self.screen.progress(format_args!("{name} {}", live.progress(Timestamp::now())));
            Ok((!standing.is_moving()).then_some(Ended { stack, standing }))
        };
        let what = format!("stack {name} is {doing}");
        let ended = self.while_doing(what.clone(), self.until(Pace::stacks(), self.limit, &what, look)).await?;
        self.screen.clear();
        ended.ok_or_else(|| Stop::one(self.slow(name, doing)))
    }

    fn tell_events(&self, name: &str, live: &mut Live, events: &[StackEvent]) {
        let short = name.strip_prefix("eksctl-").unwrap_or(name);
        let short = short.strip_prefix(&self.cluster).unwrap_or(short).trim_start_matches('-');
        for line in live.take(events) {
            self.screen.line(format_args!("{short:<12} {line}"));
        }
    }

    fn slow(&self, name: &str, doing: &str) -> Finding {
        let minutes = self.limit.as_secs() / 60;
        let what = format!("it is still {doing} after {minutes} minutes; CloudFormation goes on");
        Finding::error("stack.slow", format!("stack {name}"), what)
            .fix("run the same command again: it goes on waiting; --timeout gives it longer")
    }

    /// Why the last operation on a stack failed, with what to do about it.
    pub(in crate::cluster) async fn cause(&self, name: &str, id: &str, said: &str) -> Finding {
        let place = format!("stack {name}");
        let failure = match self.events(id, None).await {
            Ok(events) => self.innermost(first_cause(&events)).await,
            Err(error) => return Finding::error("stack.failed", place, format!("{said}; its events cannot be read: {error}")),
        };
        let Some(failure) = failure else { return Finding::error("stack.failed", place, said.to_owned()) };
        let what = format!("{said}: {}", failure.sentence());
        match failure.remedy() {
            Some(remedy) => Finding::error(remedy.code, place, what).fix(remedy.fix),
            None => Finding::error("stack.failed", place, what),
        }
    }

    /// Follows a failure into stacks within the stack.
    async fn innermost(&self, failure: Option<Failure>) -> Option<Failure> {
        let mut failure = failure?;
        // Stacks within stacks: more than a few levels nobody makes.
        for _ in 0..4 {
            let Some(nested) = failure.nested.clone() else { break };
            match self.events(&nested, None).await.ok().and_then(|events| first_cause(&events)) {
                Some(inner) => failure = inner,
                None => break,
            }
        }
        Some(failure)
    }
}
