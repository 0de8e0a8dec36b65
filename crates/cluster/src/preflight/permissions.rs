//! What the caller may do.

use super::{Check, Told, View, When};

pub(super) const CHECKS: &[Check] = &[Check {
    code: "caller.permissions",
    about: "the caller may do every call that is made",
    when: When::Before,
    needs: &["GetCallerIdentity", "SimulatePrincipalPolicy"],
    run: caller,
}];

/// P16: the answer of IAM SimulatePrincipalPolicy for the caller; service control policies of the organisation are not in it.
fn caller(view: &View<'_>, told: &mut Told) {
    let Some(caller) = &view.before.caller else {
        return told.unknown("caller", "who asks is not known, so what they may do is not either");
    };
    match &view.before.denied_actions {
        Some(denied) if denied.is_empty() => {}
        Some(denied) => told.warning(
            &caller.arn,
            format!("not allowed: {}", denied.join(", ")),
            "have the actions allowed, or go on: a refused call is told with its action and resource",
        ),
        // Refused questions are told with the call.
        None if super::unanswered(view.before, "SimulatePrincipalPolicy").is_some() => {}
        None => told.unknown(&caller.arn, "IAM was not asked what the caller may do"),
    }
}
