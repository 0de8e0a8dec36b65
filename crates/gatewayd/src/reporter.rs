//! Tells people: Events for what they should look at, log lines when readiness changes, and the duration of a take.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use hybridge_gateway::status::Status;
use hybridge_kube_io::{EventNote, Kube, Regarding};
use hybridge_report::chain;
use tracing::{info, warn};

use crate::context::Context;

/// Watches the status for ever. Only the leader posts Events, so that each appears once.
pub(crate) async fn run(context: Arc<Context>, kube: Kube) {
    let mut changes = context.status.subscribe();
    let mut told: BTreeSet<(String, String)> = BTreeSet::new();
    let mut reasons: Option<Vec<_>> = None;
    let mut taking = None;
    loop {
        let status = changes.borrow_and_update().clone();
        let now = status.reasons();
        if reasons.as_ref() != Some(&now) {
            match now.as_slice() {
                [] => info!("ready"),
                open => info!(reasons = ?open.iter().map(|reason| &reason.what).collect::<Vec<_>>(), "not ready"),
            }
            reasons = Some(now);
        }
        observe_take(&context, &status, &mut taking);
        if status.leader.leading {
            let current = notes(&context, &status);
            // What is over may be told again when it comes back.
            told.retain(|(reason, message)| current.iter().any(|note| note.reason == *reason && note.message == *message));
            for note in current {
                if told.insert((note.reason.clone(), note.message.clone())) {
                    post(&context, &kube, &note).await;
                }
            }
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}

async fn post(context: &Context, kube: &Kube, note: &EventNote) {
    match kube.post_event(note).await {
        Ok(()) => {}
        Err(error) if error.is_forbidden() => context.lesser("create events", "conflicts are seen in log, metrics and /status only"),
        Err(error) => warn!(error = chain(&error), reason = note.reason, "Event not posted"),
    }
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
    let conflicts = status.nodes.conflicts.iter().map(|conflict| {
        let message = format!("{} conflicts with {} of older node {}, which keeps it", conflict.claim, conflict.owned, conflict.owner);
        note(cilium_node(conflict.loser.as_str()), "HybridGatewayConflict", message)
    });
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
