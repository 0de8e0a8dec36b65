//! Keeps the CiliumVTEPConfig: read, compare, and replace by compare-and-swap while the guard says go.

use std::sync::Arc;
use std::time::Duration;

use hybridge_gateway::detail::SeenConfig;
use hybridge_gateway::lease::Guard;
use hybridge_gateway::vtep::{self, OBJECT_NAME, Plan, Refusal, Schema, Wanted};
use hybridge_kube_io::{CallError, Kube};
use hybridge_report::chain;
use tokio::sync::mpsc;
use tracing::{debug, info, warn};

use crate::context::{Context, WRITE_DEADLINE};

/// Between looks of a leader: a deleted or changed object is repaired within this time. One small GET.
const LEADER_LOOKS: Duration = Duration::from_secs(1);
/// Between looks of a gateway that stands by, for its readiness.
const STANDBY_LOOKS: Duration = Duration::from_secs(10);
/// After a write, or a conflict, or an answer that never came. Doubles up to the longest while none of them settles anything.
const SOON: Duration = Duration::from_millis(50);
/// While the CRD is missing, or its object is not ours to write: one small GET each time.
const RETRY: Duration = Duration::from_secs(2);
/// After failures, and while the CRD is of a form that is not known, which takes megabytes to find out; doubles up to the longest.
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LONGEST_RETRY: Duration = Duration::from_secs(30);

pub(crate) const ENABLE: &str = "the cluster serves no CiliumVTEPConfig; it comes with EKS's build of Cilium 1.17.13-1, 1.18.8-1 or 1.19.2-1 and \
                      later, with `vtep.enabled=true` (and `l7Proxy=false`) in its Helm values";

#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("{ENABLE}")]
    NotServed,
    #[error("the CiliumVTEPConfig `{OBJECT_NAME}` is not written")]
    Refused(#[source] Refusal),
}

/// The task's memory.
pub(crate) struct Vtep {
    context: Arc<Context>,
    kube: Kube,
    /// Tells the election about epochs that were found written.
    outgrow: mpsc::Sender<u32>,
    schema: Option<Schema>,
    complained: Option<String>,
    /// The pause after the next failure.
    retry: Duration,
    /// The pause after the next look that settles nothing.
    soon: Duration,
}

impl Vtep {
    pub(crate) fn new(context: Arc<Context>, kube: Kube, outgrow: mpsc::Sender<u32>) -> Self {
        Self { context, kube, outgrow, schema: None, complained: None, retry: FIRST_RETRY, soon: SOON }
    }

    /// Keeps the object for ever.
    pub(crate) async fn run(mut self) {
        loop {
            // Taken before the look: a guard that comes during it must lead to another one.
            let epoch = self.context.guard().map(|guard| guard.epoch);
            let pause = self.look_and_tell().await;
            self.context.pause(pause, epoch).await;
        }
    }

    async fn look_and_tell(&mut self) -> Duration {
        match self.look().await {
            Ok((here, pause)) => {
                self.retry = FIRST_RETRY;
                if self.complained.take().is_some() {
                    info!("the CiliumVTEPConfig can be kept again");
                }
                self.context.update(|status| {
                    (status.vtep.read, status.vtep.here, status.vtep.error) = (true, here, None);
                });
                pause.unwrap_or_else(|| doubled(&mut self.soon))
            }
            Err(trouble) => {
                let pause = match &trouble {
                    Trouble::NotServed => RETRY,
                    Trouble::Refused(refusal) if !matches!(refusal, Refusal::UnknownSchema(_)) => RETRY,
                    // The form may have changed with an upgrade of Cilium.
                    Trouble::Refused(_) | Trouble::Call(_) => {
                        self.schema = None;
                        doubled(&mut self.retry)
                    }
                };
                let error = chain(&trouble);
                if self.complained.as_ref() != Some(&error) {
                    warn!(error, "CiliumVTEPConfig");
                    self.complained = Some(error.clone());
                }
                self.context.update(|status| (status.vtep.here, status.vtep.error) = (false, Some(error)));
                pause
            }
        }
    }

    /// Whether the object leads here, and when to look again; `None`: soon.
    async fn look(&mut self) -> Result<(bool, Option<Duration>), Trouble> {
        let schema = match &self.schema {
            Some(schema) => schema.clone(),
            None => self.kube.vtep_schema().await?.ok_or(Trouble::NotServed)?,
        };
        self.schema = Some(schema.clone());
        let current = self.kube.vtep(OBJECT_NAME).await?;
        *self.context.seen.config() = Some(SeenConfig { schema: Some(schema.clone()), object: current.clone() });
        if let Some(current) = &current {
            // Once written over, it no longer tells whose the VPC routes were.
            self.context.meet(vtep::tunnel_endpoints(current));
        }
        let guard = self.context.guard();
        let settings = &self.context.settings;
        let wanted = Wanted {
            node_ip: settings.node_ip,
            vpc_cidrs: settings.vpc_cidrs.clone(),
            // Without a guard nothing is written; the highest epoch keeps `Superseded` out of the answer.
            epoch: guard.map_or(u32::MAX, |guard| guard.epoch),
        };
        let here = vtep::leads_to(&schema, current.as_ref(), &wanted);
        let plan = vtep::plan(&schema, current.as_ref(), &wanted);
        let Some(guard) = guard else {
            return match plan {
                Plan::Refused(refusal) => Err(Trouble::Refused(refusal)),
                Plan::Settled | Plan::Create(_) | Plan::Replace(_) | Plan::Superseded(_) => Ok((here, Some(STANDBY_LOOKS))),
            };
        };
        match plan {
            Plan::Settled => {
                self.soon = SOON;
                Ok((true, Some(LEADER_LOOKS)))
            }
            Plan::Refused(refusal) => Err(Trouble::Refused(refusal)),
            Plan::Superseded(epoch) => {
                info!(found = epoch, ours = guard.epoch, "the CiliumVTEPConfig was written under a higher epoch");
                let _ = self.outgrow.send(epoch).await;
                Ok((here, None))
            }
            Plan::Create(object) => self.write(guard, "created", self.kube.create_vtep(&object, WRITE_DEADLINE)).await,
            Plan::Replace(object) => self.write(guard, "replaced", self.kube.replace_vtep(&object, WRITE_DEADLINE)).await,
        }
    }

    async fn write(
        &self,
        guard: Guard,
        verb: &'static str,
        request: impl Future<Output = Result<serde_json::Value, CallError>>,
    ) -> Result<(bool, Option<Duration>), Trouble> {
        let _writing = self.context.writing.read().await;
        if self.context.guard().is_none_or(|now| now.epoch != guard.epoch) {
            return Ok((false, None));
        }
        match request.await {
            Ok(_) => {
                info!(tunnel_endpoint = %self.context.settings.node_ip, epoch = guard.epoch, "CiliumVTEPConfig {verb}");
                Ok((true, None))
            }
            Err(error) if error.is_conflict() || error.outcome_unknown() => {
                debug!(error = chain(&error), "CiliumVTEPConfig is read again");
                Ok((false, None))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The pause that is due; the next one is twice as long.
fn doubled(pause: &mut Duration) -> Duration {
    std::mem::replace(pause, (*pause * 2).min(LONGEST_RETRY))
}
