//! Changing a stack: by a change set that is looked at before it is carried out.

use hybridge_aws::cloudformation::{ChangeSet, ChangeSetKind};
use hybridge_cluster::course::{self, PREFIX, Step};
use hybridge_report::Finding;

use super::Deed;
use super::stack::{Wish, lost};
use super::stop::{Done, Stop};

/// Looks at one stack before a person is asked.
const ROUNDS: usize = 6;

impl Deed {
    /// Makes a stack what it should be. `check` sees what CloudFormation would do and may refuse. False: there was nothing to change.
    pub(in crate::cluster) async fn change(&self, wish: &Wish<'_>, check: &dyn Fn(&ChangeSet) -> Vec<Finding>) -> Done<bool> {
        for _ in 0..ROUNDS {
            let looked = self.look(wish.name).await?;
            match course::update(&looked.seen(wish.name, &self.cluster)) {
                Step::Change => {
                    self.tidy(wish.name).await?;
                    let Some(set) = self.change_set(wish, ChangeSetKind::Update).await? else { return Ok(false) };
                    let findings = check(&set);
                    if !findings.is_empty() {
                        self.session.delete_change_set(&set.id).await?;
                        return Err(Stop::input(findings));
                    }
                    self.screen.line(format_args!("stack {}: {}", wish.name, wish.what));
                    self.carry_out(wish.name, &set, "being changed").await?;
                    return Ok(true);
                }
                Step::Wait(doing) => self.wait(wish.name, &looked, &doing).await?,
                Step::Refuse(finding) => return Err(self.refusal(wish.name, finding, &looked).await),
                Step::Create | Step::Discard(_) | Step::Clear | Step::Delete | Step::Done => return Err(lost(wish.name)),
            }
        }
        Err(lost(wish.name))
    }

    /// Waits until nothing is at work on a stack that is to be compared and changed: from its first moment on, an operation shows the
    /// template that it works towards, though it may never arrive there. True: there was something to wait for.
    pub(in crate::cluster) async fn at_rest(&self, name: &str) -> Done<bool> {
        let mut waited = false;
        for _ in 0..ROUNDS {
            let looked = self.look(name).await?;
            match course::update(&looked.seen(name, &self.cluster)) {
                Step::Change => return Ok(waited),
                Step::Wait(doing) => {
                    self.wait(name, &looked, &doing).await?;
                    waited = true;
                }
                Step::Refuse(finding) => return Err(self.refusal(name, finding, &looked).await),
                Step::Create | Step::Discard(_) | Step::Clear | Step::Delete | Step::Done => return Err(lost(name)),
            }
        }
        Err(lost(name))
    }

    /// Change sets that an earlier run made and did not carry out.
    async fn tidy(&self, stack: &str) -> Done<()> {
        let left = self.session.change_sets(stack).await?;
        for name in left.iter().filter(|name| name.starts_with(PREFIX)) {
            if let Some(set) = self.session.describe_change_set(Some(stack), name).await? {
                self.session.delete_change_set(&set.id).await?;
            }
        }
        Ok(())
    }
}
