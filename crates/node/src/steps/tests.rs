use super::*;

fn step(id: &str, phase: StepPhase, script: &str) -> UserStep {
    UserStep { id: id.to_owned(), phase: Some(phase), script: script.to_owned(), ..UserStep::default() }
}

fn stamp(result: Outcome, boot: &str) -> Stamp {
    Stamp { result, code: Some(0), boot: boot.to_owned(), at: jiff::Timestamp::UNIX_EPOCH, milliseconds: 1 }
}

#[test]
fn a_step_runs_until_it_has_succeeded_once_or_once_a_boot() {
    let once = Script::of(&step("a", StepPhase::PreKubelet, "true")).unwrap();
    let each = Script { run_once: false, ..once.clone() };
    for (script, stamp, due) in [
        (&once, None, true),
        (&once, Some(stamp(Outcome::Failed, "b1")), true),
        (&once, Some(stamp(Outcome::TimedOut, "b1")), true),
        (&once, Some(stamp(Outcome::Done, "b0")), false),
        (&each, Some(stamp(Outcome::Done, "b1")), false),
        (&each, Some(stamp(Outcome::Done, "b0")), true),
    ] {
        assert_eq!(is_due(script, stamp.as_ref(), "b1"), due, "{script:?} {stamp:?}");
    }
}

#[test]
fn another_content_is_another_step_and_another_time_is_not() {
    let one = Script::of(&step("a", StepPhase::PreKubelet, "one")).unwrap();
    let later = Script::of(&UserStep { timeout: "9s".to_owned(), ..step("a", StepPhase::PreKubelet, "one") }).unwrap();
    let other = Script::of(&step("a", StepPhase::PreKubelet, "two")).unwrap();
    assert_eq!(one.stem(), later.stem());
    assert_ne!(one.stem(), other.stem());
}

#[test]
fn neither_plan_nor_debug_show_a_script() {
    let script = Script::of(&step("a", StepPhase::PostJoin, "curl -u me:hunter2")).unwrap();
    let shown = format!("{script:?} {} {:?}", serde_json::to_string(&script).unwrap(), step("a", StepPhase::PostJoin, "hunter2"));
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn the_condition_names_what_failed_then_what_is_left() {
    let steps = [step("a", StepPhase::PreKubelet, "1"), step("b", StepPhase::PostJoin, "2")];
    let scripts: Vec<Script> = steps.iter().filter_map(Script::of).collect();
    let of = |stamps: &[(usize, Outcome)]| {
        let stamps = stamps.iter().map(|(at, result)| (scripts[*at].stem(), stamp(*result, "b"))).collect();
        let condition = condition(&status(&scripts, &stamps, "b"));
        (condition.status, condition.reason, condition.message)
    };
    assert_eq!(of(&[]), ("Unknown", "StepsPending", "not run yet: a (preKubelet), b (postJoin)".to_owned()));
    assert_eq!(of(&[(0, Outcome::Done)]).0, "Unknown");
    assert_eq!(of(&[(0, Outcome::Done), (1, Outcome::Done)]), ("True", "StepsDone", "2 of 2 steps done".to_owned()));
    let (status, reason, message) = of(&[(0, Outcome::TimedOut), (1, Outcome::Done)]);
    assert_eq!((status, reason), ("False", "StepFailed"));
    assert!(message.starts_with("failed: a (preKubelet);"), "{message}");
}
