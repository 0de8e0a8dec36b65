//! Stacks that are wanted, as they are sent; many at once.

use futures::StreamExt as _;
use hybridge_cluster::template::{Purpose, StackPlan};
use hybridge_cluster::world::Stack;
use hybridge_report::{Exit, Finding};

use super::Deed;
use super::stack::{LONGEST_BODY, Made, Wish};
use super::stop::{Done, Stop};

/// Stacks at once: CloudFormation's and EC2's quotas of calls are an account's, not a stack's.
const AT_ONCE: usize = 4;

/// A stack that is wanted, as it is sent.
#[derive(Clone, Debug)]
pub(in crate::cluster) struct Draft {
    pub(in crate::cluster) plan: StackPlan,
    /// The template.
    pub(in crate::cluster) body: String,
}

impl Draft {
    pub(in crate::cluster) fn new(plan: StackPlan) -> Self {
        let body = plan.template.render();
        Self { plan, body }
    }

    pub(in crate::cluster) fn wish(&self) -> Wish<'_> {
        let StackPlan { name, capabilities, tags, purpose, .. } = &self.plan;
        Wish { name, body: &self.body, capabilities, tags, what: purpose.name() }
    }

    /// On one line, for a dry run.
    pub(in crate::cluster) fn line(&self) -> String {
        let by_bucket = if self.body.len() > LONGEST_BODY { ", by way of a bucket" } else { "" };
        let resources = self.plan.template.resources.len();
        format!("{}: {} ({resources} resources, {} bytes{by_bucket})", self.plan.name, self.plan.purpose.name(), self.body.len())
    }

    /// What CloudFormation would refuse for its size alone, told before anything is begun.
    pub(in crate::cluster) fn too_long(&self, bucket: Option<&str>) -> Option<Finding> {
        (self.body.len() > LONGEST_BODY && bucket.is_none()).then(|| too_long(&self.plan.name, self.body.len()))
    }
}

/// A template that does not fit into a request.
pub(in crate::cluster) fn too_long(name: &str, bytes: usize) -> Finding {
    let what = format!("its template has {bytes} bytes, and CloudFormation takes {LONGEST_BODY} in a request");
    Finding::error("template.size", format!("stack {name}"), what)
        .fix("name a bucket of this region that you may write to: --template-bucket NAME")
}

/// Those of a purpose.
pub(in crate::cluster) fn of(drafts: &[Draft], purpose: Purpose) -> Vec<&Draft> {
    drafts.iter().filter(|draft| draft.plan.purpose == purpose).collect()
}

impl Deed {
    /// Makes a stack unless it is there, and protects it from deletion.
    pub(in crate::cluster) async fn make_protected(&self, draft: &Draft) -> Done<Made> {
        let made = self.make(&draft.wish()).await?;
        self.protect(&made.stack, draft.plan.termination_protection).await?;
        Ok(made)
    }

    /// Protects a stack from deletion if that is wanted; whether it was not so.
    pub(in crate::cluster) async fn protect(&self, stack: &Stack, protect: bool) -> Done<bool> {
        let lacking = protect && !stack.enable_termination_protection;
        if lacking {
            self.touch();
            self.session.update_termination_protection(&stack.stack_name, true).await?;
        }
        Ok(lacking)
    }

    /// Does something for some stacks at once. One that fails does not stop others; all failures are told together.
    pub(in crate::cluster) async fn each<'a, I: 'a, T>(
        &self,
        all: impl IntoIterator<Item = &'a I>,
        work: impl AsyncFn(&'a I) -> Done<T>,
    ) -> Done<Vec<T>> {
        let work = &work;
        let results: Vec<Done<T>> = futures::stream::iter(all.into_iter().map(|one| work(one))).buffered(AT_ONCE).collect().await;
        let (mut done, mut findings, mut worst) = (Vec::new(), Vec::new(), Exit::Input);
        for result in results {
            match result {
                Ok(result) => done.push(result),
                Err(stop) => {
                    findings.extend(stop.findings);
                    worst = if stop.exit == Exit::Input { worst } else { stop.exit };
                }
            }
        }
        if findings.is_empty() { Ok(done) } else { Err(Stop { findings, exit: worst }) }
    }

    /// Makes some stacks at once; says which are new.
    pub(in crate::cluster) async fn make_all(&self, drafts: &[&Draft]) -> Done<Vec<String>> {
        let made = self.each(drafts.iter().copied(), async |draft: &'_ Draft| Ok((draft, self.make_protected(draft).await?))).await?;
        Ok(made
            .into_iter()
            .filter(|(_, made)| made.new)
            .map(|(draft, _)| format!("made stack {} ({})", draft.plan.name, draft.plan.purpose.name()))
            .collect())
    }
}
