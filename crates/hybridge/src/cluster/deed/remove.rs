//! Taking a stack away.

use hybridge_cluster::course::{self, Standing, Step};

use super::Deed;
use super::stack::lost;
use super::stop::{Done, Stop};
use super::watch::Watched;

/// Looks at one stack before a person is asked.
const ROUNDS: usize = 6;

impl Deed {
    /// Takes a stack away. False: it was gone.
    pub(in crate::cluster) async fn remove(&self, name: &str) -> Done<bool> {
        let mut there = false;
        for _ in 0..ROUNDS {
            let looked = self.look(name).await?;
            match course::delete(&looked.seen(name, &self.cluster)) {
                Step::Done => return Ok(there),
                Step::Delete => {
                    there = true;
                    let Some(stack) = &looked.stack else { return Ok(there) };
                    self.screen.line(format_args!("stack {name}: deleting it"));
                    self.delete(name, &stack.stack_id, stack.enable_termination_protection).await?;
                }
                Step::Wait(doing) => {
                    there = true;
                    self.touch();
                    self.settle(name, &looked, &doing).await?;
                }
                Step::Refuse(finding) => return Err(self.refusal(name, finding, &looked).await),
                Step::Create | Step::Change | Step::Discard(_) | Step::Clear => return Err(lost(name)),
            }
        }
        Err(lost(name))
    }

    /// Waits for something to end before the stack is deleted; how it ends does not matter, unless it is a deletion that fails.
    async fn settle(&self, name: &str, looked: &super::look::Looked, doing: &str) -> Done<()> {
        let Some(stack) = &looked.stack else { return Ok(()) };
        self.screen.line(format_args!("stack {name}: {doing}; waiting"));
        let after = looked.events.last().map(|event| event.event_id.as_str());
        let ended = self.watch(Watched { name, id: &stack.stack_id, doing, resources: 0, after }).await?;
        if ended.standing == Standing::DeleteFailed {
            return Err(Stop::one(self.cause(name, &stack.stack_id, "it cannot be deleted").await));
        }
        Ok(())
    }

    /// Deletes a stack and watches until it is gone.
    pub(in crate::cluster) async fn delete(&self, name: &str, id: &str, protected: bool) -> Done<()> {
        if protected {
            self.session.update_termination_protection(name, false).await?;
            self.touch();
        }
        let before = self.events(id, None).await?;
        let after = before.last().map(|event| event.event_id.as_str());
        let token = format!("{}-delete", self.token);
        self.session.delete_stack(id, Some(&token)).await?;
        self.touch();
        let ended = self.watch(Watched { name, id, doing: "being deleted", resources: 0, after }).await?;
        if ended.standing == Standing::Absent {
            return Ok(());
        }
        let mut cause = self.cause(name, id, "it cannot be deleted").await;
        if cause.fix.is_none() {
            cause = cause.fix("take away what the reason names, then run the same command again");
        }
        Err(Stop::one(cause))
    }
}
