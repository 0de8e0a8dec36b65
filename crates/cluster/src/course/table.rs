//! The tables: one function a command, one arm a state.

use hybridge_report::Finding;

use super::{PREFIX, Seen, Standing, Step};

/// What `create` does next with one of the cluster's stacks.
pub fn create(seen: &Seen<'_>) -> Step {
    if let Some(refusal) = foreign(seen) {
        return refusal;
    }
    match seen.standing() {
        Standing::Absent => Step::Create,
        Standing::Reviewed => reviewed(seen),
        Standing::Creating => Step::Wait("being made".into()),
        Standing::RollingBack => Step::Wait("being taken back after a failure".into()),
        // Nobody can use such a stack for anything, and nothing is in it: what is lost are its events, whose cause is told before.
        Standing::RolledBack if seen.resources == Some(0) => Step::Clear,
        Standing::RolledBack | Standing::Broken => left(seen),
        Standing::Stable => Step::Done,
        Standing::Updating | Standing::UpdateRollingBack => others_work(seen, "being changed"),
        Standing::UpdateBroken => update_broken(seen),
        Standing::UpdateStuck => stuck(seen),
        Standing::Deleting => Step::Wait("being deleted".into()),
        Standing::DeleteFailed => delete_failed(seen),
        Standing::Unknown => unknown(seen),
    }
}

/// What `update` does next with one of the cluster's stacks, as long as it differs from what is wanted.
pub fn update(seen: &Seen<'_>) -> Step {
    if let Some(refusal) = foreign(seen) {
        return refusal;
    }
    match seen.standing() {
        Standing::Absent => refuse(
            seen,
            "stack.missing",
            "there is no such stack",
            "run `hybridge cluster create`, or `update --import` for a cluster that was made by others",
        ),
        Standing::Reviewed | Standing::RolledBack => {
            refuse(seen, "stack.unfinished", "the stack was never made to its end", "run `hybridge cluster create`")
        }
        Standing::Creating => others_work(seen, "being made"),
        Standing::RollingBack => Step::Wait("being taken back after a failure".into()),
        Standing::Broken => left(seen),
        Standing::Stable => Step::Change,
        Standing::Updating => others_work(seen, "being changed"),
        Standing::UpdateRollingBack => Step::Wait("going back to what it was before an update that failed".into()),
        Standing::UpdateBroken => update_broken(seen),
        Standing::UpdateStuck => stuck(seen),
        Standing::Deleting => {
            refuse(seen, "stack.deleting", "the stack is being deleted", "wait until it is gone, then run `hybridge cluster create`")
        }
        Standing::DeleteFailed => delete_failed(seen),
        Standing::Unknown => unknown(seen),
    }
}

/// What `delete` does next with one of the cluster's stacks.
pub fn delete(seen: &Seen<'_>) -> Step {
    if let Some(refusal) = foreign(seen) {
        return refusal;
    }
    match seen.standing() {
        Standing::Absent => Step::Done,
        Standing::Reviewed
        | Standing::RolledBack
        | Standing::Broken
        | Standing::Stable
        | Standing::UpdateBroken
        | Standing::UpdateStuck
        | Standing::DeleteFailed => Step::Delete,
        // CloudFormation deletes a stack that is being made, and leaves behind what it was just making.
        Standing::Creating => others_work(seen, "being made"),
        Standing::RollingBack => Step::Wait("being taken back after a failure".into()),
        Standing::Updating => others_work(seen, "being changed"),
        Standing::UpdateRollingBack => Step::Wait("going back to what it was before an update that failed".into()),
        Standing::Deleting => Step::Wait("being deleted".into()),
        Standing::Unknown => unknown(seen),
    }
}

fn foreign(seen: &Seen<'_>) -> Option<Step> {
    if seen.is_ours() || seen.standing() == Standing::Absent {
        return None;
    }
    let stack = seen.stack?;
    let (what, fix) = match super::tagged_cluster(&stack.tags) {
        Some(other) => (format!("the stack belongs to cluster `{other}`"), "choose another `metadata.name`"),
        None if seen.standing() == Standing::Reviewed => {
            let others: Vec<_> = seen.change_sets.iter().filter(|name| !name.starts_with(PREFIX)).map(String::as_str).collect();
            (
                format!("somebody else is about to make this stack, by {}", others.join(", ")),
                "choose another `metadata.name`, or delete that stack",
            )
        }
        None => {
            ("a stack of this name exists and carries no tag of a cluster".into(), "choose another `metadata.name`, or delete that stack")
        }
    };
    Some(Step::Refuse(Finding::error("stack.foreign", format!("stack {}", seen.name), what).fix(fix)))
}

/// A change set that nobody carried out: what it says may be out of date.
fn reviewed(seen: &Seen<'_>) -> Step {
    if seen.change_sets.is_empty() { Step::Create } else { Step::Discard(seen.change_sets.to_vec()) }
}

/// Waits for our own earlier run, and disturbs nobody else.
fn others_work(seen: &Seen<'_>, doing: &str) -> Step {
    let (who, ours) = seen.who();
    if ours {
        return Step::Wait(format!("{doing} by {who}"));
    }
    refuse(seen, "stack.busy", &format!("the stack is {doing} by {who}"), "wait until that is done, then run the same command again")
}

fn left(seen: &Seen<'_>) -> Step {
    let status = seen.stack.map_or("", |stack| stack.stack_status.as_str());
    let what = match seen.resources {
        Some(count) if count > 0 => format!("making it failed ({status}), and {count} of its resources are left"),
        Some(_) | None => format!("making it failed ({status}), and resources may be left"),
    };
    refuse(seen, "stack.left", &what, "run `hybridge cluster delete`, then the same command again")
}

fn update_broken(seen: &Seen<'_>) -> Step {
    let fix = format!("run `aws cloudformation rollback-stack --stack-name {}`, then the same command again", seen.name);
    refuse(seen, "stack.broken", "an update failed, and was told not to go back (UPDATE_FAILED)", &fix)
}

fn stuck(seen: &Seen<'_>) -> Step {
    let fix = format!(
        "mend the cause, run `aws cloudformation continue-update-rollback --stack-name {}` (with `--resources-to-skip` for what \
         cannot be mended), then the same command again",
        seen.name
    );
    refuse(seen, "stack.stuck", "an update failed, and so did going back (UPDATE_ROLLBACK_FAILED)", &fix)
}

fn delete_failed(seen: &Seen<'_>) -> Step {
    refuse(
        seen,
        "stack.left",
        "deleting it failed (DELETE_FAILED)",
        "run `hybridge cluster delete` until it is gone, then the same command again",
    )
}

fn unknown(seen: &Seen<'_>) -> Step {
    let status = seen.stack.map_or("", |stack| stack.stack_status.as_str());
    refuse(
        seen,
        "stack.state",
        &format!("its state `{status}` is not known to this program"),
        "look at the stack in the console, and use a newer hybridge",
    )
}

fn refuse(seen: &Seen<'_>, code: &'static str, what: &str, fix: &str) -> Step {
    Step::Refuse(Finding::error(code, format!("stack {}", seen.name), what).fix(fix))
}
