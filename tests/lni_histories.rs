//! Random histories of launches, crashes, detachments, terminations, faults and late answers, against the model of EC2: no LNI that
//! somebody has, or is to have, is deleted, and none that nobody can have stays.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

use std::collections::BTreeMap;
use std::time::Duration;

use hybridge_lab::lni_ec2::{self as ec2, Conduct, Launched, Model, New};
use hybridge_lni::lifecycle::{
    Action, Answer, Attachment, CLUSTER_TAG, Held, INTENT_TAG, Instance, Interface, LNI_TAG, Memory, NO_MANAGE_TAG, Node, Settings, Subnet,
    World, cycle,
};
use proptest::prelude::*;

const CLUSTER: &str = "shop";
const SUBNET: &str = "subnet-0a";
const INDEX: u8 = 14;
const LOOK: Duration = Duration::from_secs(30);

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    /// An instance starts and joins, with an LNI of its launch template or without.
    Launch { template: bool, goes: bool },
    /// An instance ends; its Node stays for a while.
    Terminate(usize),
    /// A Node is deleted, whatever becomes of its instance.
    Leave(usize),
    /// Somebody detaches an LNI by hand.
    Detach(usize),
    /// Somebody deletes an LNI that nobody has.
    DeleteFree(usize),
    /// Something that made an LNI crashed before it was attached; its Node is unknown.
    Stray,
    /// The controller is killed and started again.
    Restart,
    /// The controller looks; one of its answers may be missing.
    Look { blind: Option<u8>, wait: u16 },
    /// The next write is lost before, or after, it was carried out.
    Lose { after: bool },
}

fn step() -> impl Strategy<Value = Step> {
    let blind = prop_oneof![6 => Just(None), 1 => (0u8..4).prop_map(Some)];
    prop_oneof![
        3 => (any::<bool>(), any::<bool>()).prop_map(|(template, goes)| Step::Launch { template, goes }),
        2 => (0usize..8).prop_map(Step::Terminate),
        1 => (0usize..8).prop_map(Step::Leave),
        1 => (0usize..8).prop_map(Step::Detach),
        1 => (0usize..8).prop_map(Step::DeleteFree),
        1 => Just(Step::Stray),
        1 => Just(Step::Restart),
        8 => (blind, 1u16..400).prop_map(|(blind, wait)| Step::Look { blind, wait }),
        1 => any::<bool>().prop_map(|after| Step::Lose { after }),
    ]
}

/// The world of one history.
struct Story {
    ec2: Model,
    nodes: Vec<Node>,
    memory: Memory,
    settings: Settings,
    now: Duration,
    made: usize,
    lose: Option<bool>,
}

fn tags(value: &str) -> BTreeMap<String, String> {
    let tags = [(CLUSTER_TAG, CLUSTER), (LNI_TAG, value), (NO_MANAGE_TAG, "true")];
    tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

impl Story {
    fn new(conduct: Conduct) -> Self {
        let subnet = ec2::Subnet {
            vpc: "vpc-0a".into(),
            network: "10.50.80".into(),
            outpost_arn: "arn:aws:outposts:eu-central-1:123456789012:outpost/op-1".into(),
            lni_device_index: Some(INDEX),
            tags: BTreeMap::new(),
        };
        let state = ec2::State { subnets: [(SUBNET.to_owned(), subnet)].into(), ..Default::default() };
        let settings = Settings { delete: true, create: true, apart: LOOK, most_deletes: 50, ..Settings::new(CLUSTER) };
        let ec2 = Model::new(state, conduct);
        Self { ec2, nodes: Vec::new(), memory: Memory::default(), settings, now: Duration::ZERO, made: 0, lose: None }
    }

    fn happen(&mut self, step: &Step) {
        match step {
            Step::Launch { template, goes } => self.launch(*template, *goes),
            Step::Terminate(which) => {
                let running: Vec<_> =
                    self.ec2.state.instances.iter().filter(|(_, one)| one.state == "running").map(|(id, _)| id.clone()).collect();
                if let Some(id) = running.get(which % running.len().max(1)) {
                    self.ec2.terminate(id).unwrap();
                }
            }
            Step::Leave(which) => {
                if !self.nodes.is_empty() {
                    self.nodes.remove(which % self.nodes.len());
                }
            }
            Step::Detach(which) => {
                let held = self.ours(|one| one.attachment.as_ref().is_some_and(|held| held.status == "attached"));
                if let Some((_, one)) = held.get(which % held.len().max(1)) {
                    self.ec2.detach(&one.attachment.as_ref().unwrap().id).unwrap();
                }
            }
            Step::DeleteFree(which) => {
                let free = self.ours(|one| one.attachment.is_none());
                if let Some((id, _)) = free.get(which % free.len().max(1)) {
                    self.ec2.delete(id).unwrap();
                }
            }
            Step::Stray => {
                self.made += 1;
                let new = New { subnet: SUBNET.into(), description: String::new(), tags: tags(&format!("{CLUSTER}/gone-{}", self.made)) };
                self.ec2.create(new, &format!("stray-{}", self.made)).unwrap();
            }
            Step::Restart => self.memory = Memory::default(),
            Step::Look { blind, wait } => {
                self.now += Duration::from_secs(u64::from(*wait));
                self.look(*blind);
            }
            Step::Lose { after } => self.lose = Some(*after),
        }
    }

    fn launch(&mut self, template: bool, goes: bool) {
        self.made += 1;
        let first = Launched { device_index: 0, subnet: SUBNET.into(), delete_on_termination: true };
        let lni = Launched { device_index: INDEX, subnet: SUBNET.into(), delete_on_termination: goes };
        let interfaces = if template { vec![first, lni] } else { vec![first] };
        // A launch template tags all of its interfaces alike, also the first one.
        let tags = if template { tags(CLUSTER) } else { BTreeMap::new() };
        let instance = ec2::Instance { instance_type: "c6id.8xlarge".into(), subnet: SUBNET.into(), ..Default::default() };
        let Ok(id) = self.ec2.run(instance, &interfaces, &tags) else { return };
        let (name, uid) = (format!("node-{}", self.made), format!("uid-{}", self.made));
        self.nodes.push(Node { name, uid, instance: Some(id.parse().unwrap()), ..Node::default() });
    }

    fn ours(&self, which: impl Fn(&ec2::Interface) -> bool) -> Vec<(String, ec2::Interface)> {
        let ours = self.ec2.state.interfaces.iter().filter(|(_, one)| one.tags.contains_key(LNI_TAG) && which(one));
        let lnis = ours.filter(|(_, one)| one.attachment.as_ref().is_none_or(|held| held.device_index != 0));
        lnis.map(|(id, one)| (id.clone(), one.clone())).collect()
    }

    /// What the controller is told, as late as EC2 tells it.
    fn world(&mut self, blind: Option<u8>) -> World {
        let nodes = self.nodes.clone();
        let mut tell = || {
            self.ec2.call();
            self.ec2.visible().clone()
        };
        let (first, second, third) = (tell(), tell(), tell());
        let interfaces = first.interfaces.iter().filter(|(_, one)| one.tags.get(CLUSTER_TAG).is_some_and(|name| name == CLUSTER));
        let missing = |what: u8| blind == Some(what);
        fn answer<T>(missing: bool, all: T) -> Answer<T> {
            if missing { Answer::Missing("lost".into()) } else { Answer::Whole(all) }
        }
        World {
            nodes: answer(missing(0), nodes),
            interfaces: answer(missing(1), interfaces.map(|(id, one)| interface(id, one)).collect()),
            instances: answer(missing(2), second.instances.iter().map(|(id, one)| instance(&second, id, one)).collect()),
            subnets: answer(missing(3), third.subnets.iter().map(|(id, one)| subnet(id, one)).collect()),
        }
    }

    fn look(&mut self, blind: Option<u8>) {
        let world = self.world(blind);
        let outcome = cycle(&world, &mut self.memory, &self.settings, self.now);
        if blind.is_some() {
            let touches = |action: &Action| !matches!(action, Action::Release { .. });
            assert!(!outcome.actions.iter().any(touches), "decided by an answer in part: {:?}", outcome.actions);
        }
        for action in &outcome.actions {
            self.ec2.call();
            let lost = self.lose.take();
            if lost == Some(false) {
                continue;
            }
            let made = self.carry_out(action);
            if lost.is_none()
                && let Some(made) = made
            {
                self.memory.done(action, made, self.now);
            }
        }
    }

    /// None: EC2 refused.
    fn carry_out(&mut self, action: &Action) -> Option<Option<hybridge_model::InterfaceId>> {
        match action {
            Action::Create { subnet, token, tags, .. } => {
                assert!(tags[INTENT_TAG] == *token && tags.contains_key(NO_MANAGE_TAG));
                let new = New { subnet: subnet.clone(), description: String::new(), tags: tags.clone() };
                Some(Some(self.ec2.create(new, token).unwrap().parse().unwrap()))
            }
            Action::Attach { interface, instance, device_index } => {
                self.ec2.attach(interface.as_str(), instance.as_str(), *device_index).ok().map(|_| None)
            }
            Action::ConfirmDeletion { interface, attachment } => {
                self.ec2.set_delete_on_termination(interface.as_str(), attachment, true).ok().map(|()| None)
            }
            Action::Delete { interface, why, .. } => {
                self.assert_nobodys(interface.as_str(), why);
                self.ec2.delete(interface.as_str()).ok().map(|()| None)
            }
            Action::Release { interface, .. } => {
                assert!(
                    !self.ec2.state.interfaces.contains_key(interface.as_str()),
                    "{interface} is there, and the LAN is told to forget it"
                );
                Some(None)
            }
            Action::Greet { .. } => Some(None),
        }
    }

    /// By what is true now, not by what the controller was told.
    fn assert_nobodys(&self, id: &str, why: &str) {
        let Some(one) = self.ec2.state.interfaces.get(id) else { return };
        assert!(one.attachment.is_none(), "{id} is attached, and was to be deleted: {why}");
        let Some(uid) = one.tags[LNI_TAG].split_once('/').map(|(_, uid)| uid) else { return };
        let Some(node) = self.nodes.iter().find(|node| node.uid == uid) else { return };
        let instance = node.instance.as_ref().unwrap().as_str();
        let runs = self.ec2.state.instances.get(instance).is_some_and(|one| one.state == "running");
        let has = self.ec2.state.held(instance).any(|(_, _, held)| held.device_index == INDEX);
        let other = self.ours(|other| other.tags[LNI_TAG] == one.tags[LNI_TAG]).len() > 1;
        assert!(!runs || has || other, "{id} is to be {}'s, and was to be deleted: {why}", node.name);
    }

    /// Nothing happens any more, and every answer comes: the grace time and two looks later all is clean.
    fn calm_down(&mut self) {
        self.lose = None;
        // Late answers tell of the last change, and EC2 finishes what it began.
        for _ in 0..self.ec2.conduct.lag + self.ec2.conduct.slow {
            self.ec2.call();
        }
        self.look(None);
        let end = self.now + self.settings.grace + 2 * LOOK;
        while self.now < end {
            self.now += LOOK;
            self.look(None);
        }
        let free = self.ours(|one| one.attachment.is_none());
        assert!(free.is_empty(), "nobody has them, and they stay: {free:#?}");
        for node in &self.nodes {
            let instance = node.instance.as_ref().unwrap().as_str();
            if self.ec2.state.instances.get(instance).is_some_and(|one| one.state == "running") {
                let lni = self.ec2.state.held(instance).find(|(_, _, held)| held.device_index == INDEX);
                assert!(lni.is_some_and(|(_, _, held)| held.delete_on_termination), "{} has no LNI that goes with it: {lni:?}", node.name);
            }
        }
    }
}

fn attachment(held: &ec2::Attachment) -> Attachment {
    let ec2::Attachment { id, instance, device_index, delete_on_termination, .. } = held.clone();
    Attachment { id, instance: Some(instance.parse().unwrap()), device_index, delete_on_termination }
}

fn interface(id: &str, one: &ec2::Interface) -> Interface {
    let ec2::Interface { subnet, status, mac, address, tags, attachment: held, .. } = one.clone();
    Interface { id: id.parse().unwrap(), subnet, status, mac, address, tags, attachment: held.as_ref().map(attachment) }
}

fn instance(state: &ec2::State, id: &str, one: &ec2::Instance) -> Instance {
    let held = |(id, _, held): (&String, &ec2::Interface, &ec2::Attachment)| Held { id: id.parse().unwrap(), attachment: attachment(held) };
    let ec2::Instance { state: name, instance_type, subnet, .. } = one.clone();
    Instance { id: id.parse().unwrap(), state: name, instance_type, subnet, interfaces: state.held(id).map(held).collect() }
}

fn subnet(id: &str, one: &ec2::Subnet) -> Subnet {
    Subnet { id: id.to_owned(), lni_device_index: one.lni_device_index, outpost_arn: one.outpost_arn.clone() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_lni_that_lives_is_deleted_and_none_that_is_nobodys_stays(
        steps in proptest::collection::vec(step(), 1..60), lag in 0u64..7, slow in 0u64..5, forget in 1u64..60,
    ) {
        let mut story = Story::new(Conduct { lag, slow, forget, page: 1000 });
        steps.iter().for_each(|step| story.happen(step));
        story.calm_down();
    }
}
