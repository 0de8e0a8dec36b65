use super::*;

const NAME: &str = "eksctl-shop-cluster";

fn stack(status: &str, cluster: Option<&str>) -> Stack {
    let tags = cluster.map(|cluster| Tag { key: CLUSTER_TAGS[0].into(), value: cluster.into() });
    Stack { stack_name: NAME.into(), stack_status: status.into(), tags: tags.into_iter().collect(), ..Stack::default() }
}

fn began(token: &str) -> Vec<StackEvent> {
    vec![StackEvent {
        stack_name: NAME.into(),
        logical_resource_id: NAME.into(),
        resource_type: "AWS::CloudFormation::Stack".into(),
        resource_status: "UPDATE_IN_PROGRESS".into(),
        client_request_token: token.into(),
        ..StackEvent::default()
    }]
}

/// A step in a word: what it is, or the code of the refusal.
fn word(step: &Step) -> &str {
    match step {
        Step::Create => "create",
        Step::Change => "change",
        Step::Wait(_) => "wait",
        Step::Discard(_) => "discard",
        Step::Clear => "clear",
        Step::Delete => "delete",
        Step::Done => "done",
        Step::Refuse(finding) => finding.code,
    }
}

/// Every state that CloudFormation documents, for a stack of ours that an earlier run of ours was at work on.
#[test]
fn every_state_has_its_step_in_each_command() {
    for (status, on_create, on_update, on_delete) in [
        ("", "create", "stack.missing", "done"),
        ("DELETE_COMPLETE", "create", "stack.missing", "done"),
        ("REVIEW_IN_PROGRESS", "discard", "stack.unfinished", "delete"),
        ("CREATE_IN_PROGRESS", "wait", "wait", "wait"),
        ("CREATE_FAILED", "stack.left", "stack.left", "delete"),
        ("CREATE_COMPLETE", "done", "change", "delete"),
        ("ROLLBACK_IN_PROGRESS", "wait", "wait", "wait"),
        ("ROLLBACK_FAILED", "stack.left", "stack.left", "delete"),
        ("ROLLBACK_COMPLETE", "clear", "stack.unfinished", "delete"),
        ("UPDATE_IN_PROGRESS", "wait", "wait", "wait"),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "wait", "wait", "wait"),
        ("UPDATE_COMPLETE", "done", "change", "delete"),
        ("UPDATE_FAILED", "stack.broken", "stack.broken", "delete"),
        ("UPDATE_ROLLBACK_IN_PROGRESS", "wait", "wait", "wait"),
        ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "wait", "wait", "wait"),
        ("UPDATE_ROLLBACK_COMPLETE", "done", "change", "delete"),
        ("UPDATE_ROLLBACK_FAILED", "stack.stuck", "stack.stuck", "delete"),
        ("IMPORT_IN_PROGRESS", "wait", "wait", "wait"),
        ("IMPORT_COMPLETE", "done", "change", "delete"),
        ("IMPORT_ROLLBACK_IN_PROGRESS", "wait", "wait", "wait"),
        ("IMPORT_ROLLBACK_COMPLETE", "done", "change", "delete"),
        ("IMPORT_ROLLBACK_FAILED", "stack.stuck", "stack.stuck", "delete"),
        ("DELETE_IN_PROGRESS", "wait", "stack.deleting", "wait"),
        ("DELETE_FAILED", "stack.left", "stack.left", "delete"),
        ("FROZEN", "stack.state", "stack.state", "stack.state"),
    ] {
        let stack = stack(status, Some("shop"));
        let (change_sets, events) = (vec!["hybridge-1".to_owned()], began("hybridge-run"));
        let stack = (!status.is_empty()).then_some(&stack);
        let seen = Seen { name: NAME, cluster: "shop", stack, resources: Some(0), change_sets: &change_sets, events: &events };
        let steps = [create(&seen), update(&seen), delete(&seen)];
        assert_eq!(steps.each_ref().map(word), [on_create, on_update, on_delete], "{status}");
    }
}

#[test]
fn what_somebody_else_does_is_not_disturbed_and_is_told() {
    for (status, on_create, on_update, on_delete) in [
        // Nothing but `create` makes such a stack, so somebody else makes what is wanted.
        ("CREATE_IN_PROGRESS", "wait", "stack.busy", "stack.busy"),
        ("UPDATE_IN_PROGRESS", "stack.busy", "stack.busy", "stack.busy"),
        ("UPDATE_ROLLBACK_IN_PROGRESS", "stack.busy", "wait", "wait"),
        ("DELETE_IN_PROGRESS", "wait", "stack.deleting", "wait"),
    ] {
        let (stack, events) = (stack(status, Some("shop")), began("console-1"));
        let seen = Seen { name: NAME, cluster: "shop", stack: Some(&stack), resources: None, change_sets: &[], events: &events };
        let steps = [create(&seen), update(&seen), delete(&seen)];
        assert_eq!(steps.each_ref().map(word), [on_create, on_update, on_delete], "{status}");
    }
    let (stack, events) = (stack("UPDATE_IN_PROGRESS", Some("shop")), began("console-1"));
    let seen = Seen { name: NAME, cluster: "shop", stack: Some(&stack), resources: None, change_sets: &[], events: &events };
    let Step::Refuse(finding) = update(&seen) else { panic!("somebody else's work goes on") };
    assert!(finding.what.contains("request token console-1") && finding.what.contains("00:00:00 UTC"), "{}", finding.what);
}

#[test]
fn what_is_not_ours_is_refused_in_every_state() {
    for status in ["CREATE_COMPLETE", "ROLLBACK_COMPLETE", "CREATE_IN_PROGRESS", "DELETE_FAILED", "REVIEW_IN_PROGRESS"] {
        for (cluster, change_sets) in [(Some("other"), vec![]), (None, vec!["by-hand".to_owned()])] {
            let stack = stack(status, cluster);
            let seen =
                Seen { name: NAME, cluster: "shop", stack: Some(&stack), resources: Some(0), change_sets: &change_sets, events: &[] };
            let steps = [create(&seen), update(&seen), delete(&seen)];
            assert_eq!(steps.each_ref().map(word), ["stack.foreign"; 3], "{status} {cluster:?}");
        }
    }
}

#[test]
fn a_failed_stack_is_cleared_only_if_nothing_is_left_in_it() {
    for (resources, expected) in [(Some(0), "clear"), (Some(2), "stack.left"), (None, "stack.left")] {
        let stack = stack("ROLLBACK_COMPLETE", Some("shop"));
        let seen = Seen { name: NAME, cluster: "shop", stack: Some(&stack), resources, change_sets: &[], events: &[] };
        assert_eq!(word(&create(&seen)), expected);
    }
}
