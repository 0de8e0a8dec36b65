use std::collections::BTreeMap;
use std::time::Duration;

use super::*;

const INDEX: u8 = 14;

fn settings() -> Settings {
    Settings { delete: true, create: true, ..Settings::new("shop") }
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_mins(minutes)
}

fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn attachment(instance: &str, device_index: u8) -> Attachment {
    Attachment { id: "eni-attach-0a".into(), instance: Some(instance.parse().unwrap()), device_index, delete_on_termination: true }
}

/// An LNI that was made for the Node `uid-a` and that nobody has.
fn free(id: &str) -> Interface {
    Interface {
        id: id.parse().unwrap(),
        subnet: "subnet-1".into(),
        status: "available".into(),
        mac: "02:00:00:00:00:01".into(),
        address: "10.50.80.7".into(),
        tags: tags(&[(CLUSTER_TAG, "shop"), (LNI_TAG, "shop/uid-a"), (INSTANCE_TAG, "i-0a"), (NO_MANAGE_TAG, "true")]),
        attachment: None,
    }
}

fn instance(state: &str) -> Instance {
    let (subnet, instance_type) = ("subnet-1".to_owned(), "c6id.8xlarge".to_owned());
    Instance { id: "i-0a".parse().unwrap(), state: state.into(), instance_type, subnet, interfaces: Vec::new() }
}

fn node() -> Node {
    Node { name: "a".into(), uid: "uid-a".into(), instance: Some("i-0a".parse().unwrap()), ..Node::default() }
}

fn world(nodes: Vec<Node>, interfaces: Vec<Interface>, instances: Vec<Instance>) -> World {
    let subnet = Subnet { id: "subnet-1".into(), lni_device_index: Some(INDEX), outpost_arn: "arn:aws:outposts:x".into() };
    World {
        nodes: Answer::Whole(nodes),
        interfaces: Answer::Whole(interfaces),
        instances: Answer::Whole(instances),
        subnets: Answer::Whole(vec![subnet]),
    }
}

/// Looks at the same thing at each of the minutes; what is done at the last one, without what the LAN is told.
fn at(minutes_of: &[u64], world: &World, settings: &Settings) -> Outcome {
    let mut memory = Memory::default();
    let mut last = Outcome::default();
    for minute in minutes_of {
        last = cycle(world, &mut memory, settings, minutes(*minute));
    }
    last.actions.retain(|action| !matches!(action, Action::Greet { .. }));
    last
}

fn deletes(outcome: &Outcome) -> usize {
    outcome.actions.iter().filter(|action| matches!(action, Action::Delete { .. })).count()
}

fn codes(outcome: &Outcome) -> Vec<&str> {
    outcome.findings.iter().map(|finding| finding.code).collect()
}

#[test]
fn an_lni_is_deleted_only_if_every_part_of_the_rule_holds() {
    let gone = || world(vec![], vec![free("eni-0a")], vec![]);
    let with = |change: fn(&mut Interface)| {
        let mut one = free("eni-0a");
        change(&mut one);
        world(vec![], vec![one], vec![])
    };
    let soon = &[0, 1][..];
    for (name, world, looks, expected) in [
        ("its instance is gone", gone(), soon, 1),
        ("its instance is terminated", world(vec![], vec![free("eni-0a")], vec![instance("terminated")]), soon, 1),
        ("seen once", gone(), &[0], 0),
        ("seen twice within moments", gone(), &[0, 0], 0),
        ("its instance ends and is not gone yet", world(vec![], vec![free("eni-0a")], vec![instance("shutting-down")]), soon, 0),
        (
            "its instance runs, without a Node, for less than the grace time",
            world(vec![], vec![free("eni-0a")], vec![instance("running")]),
            &[0, 9, 10],
            0,
        ),
        ("the same for longer", world(vec![], vec![free("eni-0a")], vec![instance("running")]), &[0, 11, 12], 1),
        ("a Node is to have it", world(vec![node()], vec![free("eni-0a")], vec![instance("running")]), &[0, 30, 60], 0),
        (
            "the Node is being deleted",
            world(vec![Node { deleting: true, ..node() }], vec![free("eni-0a")], vec![instance("running")]),
            &[0, 11, 12],
            1,
        ),
        (
            "of two that a Node is to have, one",
            world(vec![node()], vec![free("eni-0a"), free("eni-0b")], vec![instance("running")]),
            &[0, 11, 12],
            1,
        ),
        ("in use", with(|one| (one.status, one.attachment) = ("in-use".into(), Some(attachment("i-0a", INDEX)))), soon, 0),
        ("available and still attached", with(|one| one.attachment = Some(attachment("i-0a", INDEX))), soon, 0),
        ("pending", with(|one| one.status = "pending".into()), soon, 0),
        ("another cluster's", with(|one| one.tags.extend(tags(&[(CLUSTER_TAG, "other")]))), soon, 0),
        ("another cluster's whose name begins alike", with(|one| one.tags.extend(tags(&[(LNI_TAG, "shop-2/uid-a")]))), soon, 0),
        ("no LNI", with(|one| drop(one.tags.remove(LNI_TAG))), soon, 0),
    ] {
        assert_eq!(deletes(&at(looks, &world, &settings())), expected, "{name}");
    }
}

#[test]
fn what_an_instance_still_tells_of_is_not_deleted() {
    let held = Held { id: "eni-0a".parse().unwrap(), attachment: attachment("i-0b", INDEX) };
    let other = Instance { id: "i-0b".parse().unwrap(), interfaces: vec![held], ..instance("running") };
    assert_eq!(deletes(&at(&[0, 1, 30], &world(vec![], vec![free("eni-0a")], vec![other]), &settings())), 0);
}

#[test]
fn an_answer_that_is_missing_decides_nothing_and_begins_the_count_anew() {
    let whole = world(vec![], vec![free("eni-0a")], vec![]);
    for what in 0..4 {
        let mut part = whole.clone();
        match what {
            0 => part.nodes = Answer::Missing("x".into()),
            1 => part.interfaces = Answer::Missing("x".into()),
            2 => part.instances = Answer::Missing("x".into()),
            _ => part.subnets = Answer::Missing("x".into()),
        }
        let mut memory = Memory::default();
        let mut look = |world: &World, minute| deletes(&cycle(world, &mut memory, &settings(), minutes(minute)));
        assert_eq!([look(&whole, 0), look(&part, 1), look(&whole, 2), look(&whole, 3)], [0, 0, 0, 1], "{what}");
        assert_eq!(codes(&at(&[0], &part, &settings())), ["lni.answer-missing"]);
    }
}

#[test]
fn deletions_are_capped_and_without_the_flag_told() {
    let many = world(vec![], (0..9).map(|number| free(&format!("eni-0{number}"))).collect(), vec![]);
    let outcome = at(&[0, 1], &many, &settings());
    assert_eq!((deletes(&outcome), outcome.gauges.orphans, codes(&outcome)), (5, 9, vec!["lni.orphans-many"]));
    let told = at(&[0, 1], &many, &Settings::new("shop"));
    assert_eq!((deletes(&told), told.withheld.len(), codes(&told)[0]), (0, 5, "lni.orphan"));
}

#[test]
fn a_node_without_gets_one_step_after_the_other() {
    let mut memory = Memory::default();
    let bare = world(vec![node()], vec![], vec![instance("running")]);
    let mut look = |world: &World, minute| {
        let mut actions = cycle(world, &mut memory, &settings(), minutes(minute)).actions;
        actions.retain(|action| !matches!(action, Action::Greet { .. } | Action::Release { .. }));
        if let [action @ Action::Create { .. }] = &actions[..] {
            memory.done(action, Some("eni-0a".parse().unwrap()), minutes(minute));
        }
        actions
    };
    // Seen once: EC2's answer may be old.
    assert_eq!(look(&bare, 0), []);
    let Action::Create { token: first, .. } = look(&bare, 1).remove(0) else { panic!() };
    // EC2 may not tell of it yet.
    assert_eq!(look(&bare, 2), []);
    let made = world(vec![node()], vec![free("eni-0a")], vec![instance("running")]);
    assert!(matches!(&look(&made, 3)[..], [Action::Attach { device_index: INDEX, .. }]));
    let mut one = free("eni-0a");
    let held = Attachment { delete_on_termination: false, ..attachment("i-0a", INDEX) };
    (one.status, one.attachment) = ("in-use".into(), Some(held));
    assert!(matches!(&look(&world(vec![node()], vec![one.clone()], vec![instance("running")]), 4)[..], [Action::ConfirmDeletion { .. }]));
    one.attachment = Some(attachment("i-0a", INDEX));
    assert_eq!(look(&world(vec![node()], vec![one], vec![instance("running")]), 5), []);
    // It is deleted by somebody: its token gives no other one, so that another one is taken.
    look(&bare, 6);
    assert!(matches!(&look(&bare, 7)[..], [Action::Create { token, .. }] if *token == first));
    assert!(matches!(&look(&bare, 10)[..], [Action::Create { token, .. }] if *token != first));
}

#[test]
fn what_is_attached_is_confirmed_and_judged() {
    let attached = |change: fn(&mut Interface)| {
        let mut one = free("eni-0a");
        (one.status, one.attachment) = ("in-use".into(), Some(attachment("i-0a", INDEX)));
        change(&mut one);
        one
    };
    let told = |interface, conditions: &[&str]| {
        let conditions = conditions.iter().map(|name| ((*name).to_owned(), true)).collect();
        let outcome = at(&[0], &world(vec![Node { conditions, ..node() }], vec![interface], vec![instance("running")]), &settings());
        (outcome.nodes[0].phase, codes(&outcome).join(" "))
    };
    for (interface, conditions, expected) in [
        (attached(|_| ()), &[][..], (Phase::DotConfirmed, "")),
        (attached(|_| ()), &[CONFIGURED], (Phase::Configured, "")),
        (attached(|_| ()), &[CONFIGURED, ANNOUNCING], (Phase::Announcing, "")),
        (attached(|one| one.attachment.as_mut().unwrap().delete_on_termination = false), &[CONFIGURED], (Phase::Attached, "")),
        (attached(|one| drop(one.tags.remove(NO_MANAGE_TAG))), &[], (Phase::DotConfirmed, "lni.managed-by-cni")),
        (attached(|one| one.attachment.as_mut().unwrap().device_index = 3), &[], (Phase::Intended, "lni.missing")),
    ] {
        let (phase, codes) = told(interface, conditions);
        assert_eq!((phase, codes.as_str()), expected, "{conditions:?}");
    }
    // The VPC CNI's, or of a template that tags nothing.
    let held = Held { id: "eni-0f".parse().unwrap(), attachment: Attachment { delete_on_termination: false, ..attachment("i-0a", INDEX) } };
    let foreign = world(vec![node()], vec![], vec![Instance { interfaces: vec![held], ..instance("running") }]);
    let outcome = at(&[0, 1], &foreign, &settings());
    assert_eq!((codes(&outcome), outcome.actions.len()), (vec!["lni.untagged"], 0));
}

#[test]
fn the_lan_is_told_of_what_went_until_that_succeeds() {
    let mut memory = Memory::default();
    let there = world(vec![], vec![free("eni-0a")], vec![instance("running")]);
    let gone = world(vec![], vec![], vec![instance("running")]);
    let mut look = |world: &World, minute| {
        let actions = cycle(world, &mut memory, &Settings::new("shop"), minutes(minute)).actions;
        let release = actions.into_iter().find(|action| matches!(action, Action::Release { .. }));
        if minute == 5 {
            release.iter().for_each(|action| memory.done(action, None, minutes(minute)));
        }
        release.is_some()
    };
    let looks: Vec<bool> = [(&there, 0), (&gone, 1), (&there, 2), (&gone, 3), (&gone, 4), (&gone, 5), (&gone, 6)]
        .map(|(world, minute)| look(world, minute))
        .into();
    assert_eq!(looks, [false, false, false, false, true, true, false]);
}

#[test]
fn events_are_for_what_is_new() {
    let bare = world(vec![node()], vec![], vec![instance("running")]);
    let mut memory = Memory::default();
    let mut reasons = |world: &World, minute| {
        let notes = cycle(world, &mut memory, &Settings::new("shop"), minutes(minute)).notes;
        notes.into_iter().map(|note| note.reason).collect::<Vec<_>>()
    };
    assert_eq!(reasons(&bare, 0), ["LniIntended", "LniMissing"]);
    assert_eq!(reasons(&bare, 1), [""; 0]);
    let made = world(vec![node()], vec![free("eni-0a")], vec![instance("running")]);
    assert_eq!(reasons(&made, 2), ["LniCreated"]);
}

#[test]
fn machines_outside_and_subnets_without_lnis_are_left_alone() {
    let outside = Node { instance: None, ..node() };
    assert_eq!(at(&[0, 1], &world(vec![outside], vec![], vec![]), &settings()).nodes, []);
    let mut without = world(vec![node()], vec![], vec![instance("running")]);
    for index in [None, Some(0)] {
        without.subnets = Answer::Whole(vec![Subnet { id: "subnet-1".into(), lni_device_index: index, outpost_arn: String::new() }]);
        let outcome = at(&[0, 1], &without, &settings());
        assert_eq!((outcome.nodes.len(), outcome.actions.len()), (0, 0));
    }
}
