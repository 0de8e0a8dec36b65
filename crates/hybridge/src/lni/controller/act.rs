//! Does what was decided, while this controller leads.

use hybridge_aws::lni::NewInterface;
use hybridge_aws::{CallError, Kind};
use hybridge_kube_io::{EventNote, Regarding};
use hybridge_lni::lifecycle::{Action, Note, Outcome};
use hybridge_model::InterfaceId;
use hybridge_report::{Finding, chain};

use super::{Watch, hook};
use crate::tell;

/// `source.component` of Events.
const COMPONENT: &str = "hybridge-lni-controller";

pub(super) struct Hands<'a, 'b> {
    pub(super) watch: &'a mut Watch<'b>,
    pub(super) failed: &'a mut Vec<Finding>,
}

impl Hands<'_, '_> {
    /// Leaves the actions that were done.
    pub(super) async fn carry_out(&mut self, outcome: &mut Outcome) {
        for action in std::mem::take(&mut outcome.actions) {
            // Asked before each: the Lease may be lost in between.
            if !self.watch.leads() {
                return;
            }
            if self.one(&action).await {
                outcome.actions.push(action);
            }
        }
        for note in &outcome.notes {
            self.event(note).await;
        }
    }

    async fn one(&mut self, action: &Action) -> bool {
        let result = self.call(action).await;
        self.watch.metrics.count(action, result.is_ok());
        match result {
            Ok(made) => {
                tell::progress(line(action));
                self.watch.memory.done(action, made, self.watch.start.elapsed());
                true
            }
            Err(finding) => {
                self.failed.push(*finding);
                false
            }
        }
    }

    async fn call(&self, action: &Action) -> Result<Option<InterfaceId>, Box<Finding>> {
        let session = &self.watch.session;
        match action {
            Action::Create { node, subnet, token, tags, .. } => {
                let description = format!("LNI of node {node} in {}", self.watch.flags.cluster);
                let new = NewInterface { subnet, description: &description, token, tags };
                session.create_interface(new).await.map(Some).map_err(|error| told(&error))
            }
            Action::Attach { interface, instance, device_index } => {
                settled(session.attach_interface(interface, instance, *device_index).await.map(drop))
            }
            Action::ConfirmDeletion { interface, attachment } => settled(session.delete_on_termination(interface, attachment).await),
            Action::Delete { interface, .. } => settled(session.delete_interface(interface).await),
            Action::Release { .. } | Action::Greet { .. } => match &self.watch.flags.release_hook {
                None => Ok(None),
                Some(program) => match hook::run(program, action, self.watch.flags.hook_timeout).await {
                    Ok(()) => Ok(None),
                    Err(why) => {
                        let finding = Finding::warning("lni.release-hook", program.display().to_string(), why);
                        Err(Box::new(finding.fix("it is run again until it ends with 0; addresses of the LAN may be kept until then")))
                    }
                },
            },
        }
    }

    async fn event(&mut self, note: &Note) {
        let Note { node, uid, reason, message, warning } = note.clone();
        let regarding = Regarding { api_version: "v1".into(), kind: "Node".into(), namespace: None, name: node, uid: Some(uid) };
        let instance = self.watch.flags.cluster.clone();
        let event = EventNote { regarding, reason, message, warning, instance };
        if let Err(error) = self.watch.kube.post_event_as(COMPONENT, &event).await {
            self.failed.push(Finding::warning("kubernetes.event", format!("node {}", note.node), chain(&error)));
        }
    }
}

/// What is gone is deleted, and what is in use was attached, or is somebody's: the next look tells.
fn settled(result: Result<(), CallError>) -> Result<Option<InterfaceId>, Box<Finding>> {
    match result {
        Ok(()) => Ok(None),
        Err(error) if error.kind() == Kind::NotFound || error.is_in_use() => Ok(None),
        Err(error) => Err(told(&error)),
    }
}

fn told(error: &CallError) -> Box<Finding> {
    let finding = Finding::warning("lni.call-failed", error.call().to_string(), chain(error));
    Box::new(match error.fix() {
        Some(fix) => finding.fix(fix),
        None => finding,
    })
}

/// An action in a line.
pub(super) fn line(action: &Action) -> String {
    match action {
        Action::Create { node, subnet, .. } => format!("make an LNI for {node} in {subnet}"),
        Action::Attach { interface, instance, device_index } => format!("attach {interface} to {instance} at {device_index}"),
        Action::ConfirmDeletion { interface, .. } => format!("let {interface} go with its instance"),
        Action::Delete { interface, why, .. } => format!("delete {interface}: {why}"),
        Action::Release { interface, mac, .. } => format!("tell the LAN that {interface} ({mac}) is gone"),
        Action::Greet { live } => format!("tell the LAN which LNIs there are: {}", live.len()),
    }
}
