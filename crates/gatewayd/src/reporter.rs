//! Tells people: Events for what they should look at, log lines when readiness changes, and the duration of a take.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hybridge_gateway::status::Status;
use hybridge_kube_io::{EventNote, Kube, Regarding};
use hybridge_report::chain;
use tokio::time::timeout;
use tracing::{debug, info};

use crate::context::Context;

/// Events that are told at a time. Thousands of conflicts have one cause; all of them stand in /status.
const MOST_EVENTS: usize = 50;
/// An Event that could not be posted is tried again after this time, if nothing else happens.
const POST_AGAIN: Duration = Duration::from_secs(30);

/// Watches the status for ever. Only the leader posts Events, so that each appears once.
pub(crate) async fn run(context: Arc<Context>, kube: Kube) {
    let mut changes = context.status.subscribe();
    let mut told: BTreeSet<(String, String)> = BTreeSet::new();
    let mut codes: Option<BTreeSet<Cow<'static, str>>> = None;
    let mut taking = None;
    loop {
        let status = changes.borrow_and_update().clone();
        let reasons = status.reasons();
        // Sentences hold numbers and answers that are never twice the same.
        let now = reasons.iter().map(|reason| reason.code.clone()).collect();
        if codes.as_ref() != Some(&now) {
            match reasons.as_slice() {
                [] => info!("ready"),
                open => info!(reasons = ?open.iter().map(|reason| &reason.what).collect::<Vec<_>>(), "not ready"),
            }
            codes = Some(now);
        }
        observe_take(&context, &status, &mut taking);
        let all_told = !status.leader.leading || tell(&context, &kube, notes(&context, &status), &mut told).await;
        let changed =
            async { if all_told { changes.changed().await } else { timeout(POST_AGAIN, changes.changed()).await.unwrap_or(Ok(())) } };
        if changed.await.is_err() {
            return;
        }
    }
}

/// Posts what has not been `told` yet; whether all of it is.
async fn tell(context: &Context, kube: &Kube, mut notes: Vec<EventNote>, told: &mut BTreeSet<(String, String)>) -> bool {
    notes.truncate(MOST_EVENTS);
    // What is over may be told again when it comes back.
    told.retain(|(reason, message)| notes.iter().any(|note| note.reason == *reason && note.message == *message));
    for note in notes {
        let key = (note.reason.clone(), note.message.clone());
        if told.contains(&key) {
            continue;
        }
        match kube.post_event(&note).await {
            Ok(()) => {}
            Err(error) if error.is_forbidden() => context.lesser("create events", "conflicts are seen in log, metrics and /status only"),
            Err(error) => {
                debug!(error = chain(&error), reason = note.reason, "Event not posted");
                return false;
            }
        }
        told.insert(key);
    }
    true
}

fn observe_take(context: &Context, status: &Status, taking: &mut Option<Instant>) {
    if !status.leader.leading {
        *taking = None;
        return;
    }
    // Set back to now for each holding; `None` in the epoch's stead once it is observed.
    let epoch = status.leader.epoch;
    if context.metrics.take_observed(epoch) {
        return;
    }
    let since = *taking.get_or_insert_with(Instant::now);
    let routes_here = !status.routes.wanted || (status.routes.read && status.routes.open == 0 && status.routes.here > 0);
    if routes_here && status.vtep.here {
        context.metrics.observe_take(epoch, since.elapsed());
    }
}

/// What should be told at the moment.
fn notes(context: &Context, status: &Status) -> Vec<EventNote> {
    let note = |regarding, reason: &str, message: String| EventNote {
        regarding,
        reason: reason.into(),
        message,
        warning: true,
        instance: context.identity.clone(),
    };
    let cilium_node = |name: &str| Regarding {
        api_version: "cilium.io/v2".into(),
        kind: "CiliumNode".into(),
        namespace: None,
        name: name.into(),
        uid: None,
    };
    let lease = || Regarding {
        api_version: "coordination.k8s.io/v1".into(),
        kind: "Lease".into(),
        namespace: Some(context.namespace.clone()),
        name: context.settings.lease_name.clone(),
        uid: None,
    };
    let conflicts = status
        .nodes
        .conflicts
        .iter()
        .map(|conflict| note(cilium_node(conflict.loser.as_str()), "HybridGatewayConflict", conflict.to_string()));
    let undecodable =
        status.nodes.undecodable.iter().map(|(name, error)| {
            note(cilium_node(name), "HybridGatewayLeftOut", format!("this node gets no traffic from the VPC: {error}"))
        });
    let foreign = status.routes.foreign.iter().map(|foreign| {
        let finding = foreign.finding();
        note(lease(), "HybridGatewayForeignRoute", format!("{}: {}", finding.place, finding.what))
    });
    let held = (status.nodes.held > 0)
        .then(|| note(lease(), "HybridGatewayMassDeletion", "many hybrid nodes vanished together; their entries are held".into()));
    conflicts.chain(undecodable).chain(foreign).chain(held).collect()
}
