use proptest::prelude::*;

use super::*;

const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 168, 2, 77);
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 168, 2, 1);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).unwrap()
}

fn reply(client: &Client, answer: Answer, lease: u32) -> Reply {
    Reply {
        transaction: client.transaction,
        answer,
        address: ADDRESS,
        server: SERVER,
        prefix: Some(24),
        routers: vec![SERVER],
        dns: Vec::new(),
        lease: Some(lease),
        renew: None,
        rebind: None,
        text: Some("no".into()),
    }
}

fn asked(output: &Output) -> Vec<Ask> {
    output.send.iter().map(|message| message.ask).collect()
}

/// A client with a lease of 120 s since second 0.
fn bound() -> (Client, Lease) {
    let mut client = Client::new(None, at(0), 1);
    assert_eq!(asked(&client.poll(at(0))), [Ask::Discover { last: None }]);
    let taken = client.receive(&reply(&client, Answer::Offer, 120), at(0));
    assert_eq!(asked(&taken), [Ask::Take { address: ADDRESS, server: SERVER }]);
    let Some(Event::Leased(lease)) = client.receive(&reply(&client, Answer::Ack, 120), at(0)).event else { panic!("no lease") };
    (client, lease)
}

/// What is done at each due time until `end`: (second, questions, what happened).
fn story(client: &mut Client, end: i64) -> Vec<(i64, Vec<Ask>, Option<Event>)> {
    let mut story = Vec::new();
    while client.due() <= at(end) {
        let now = client.due();
        let output = client.poll(now);
        story.push((now.duration_since(at(0)).as_secs(), asked(&output), output.event));
    }
    story
}

#[test]
fn a_lease_is_renewed_at_half_its_time() {
    let (mut client, first) = bound();
    assert_eq!((first.renew, first.rebind, first.expires), (at(60), at(105), at(120)));
    assert!(!client.listens());
    assert_eq!(client.poll(at(59)), Output::default());
    let output = client.poll(at(60));
    assert_eq!(asked(&output), [Ask::Extend { address: ADDRESS }]);
    assert_eq!(output.send[0].to, Some(SERVER));
    let Some(Event::Leased(second)) = client.receive(&reply(&client, Answer::Ack, 120), at(61)).event else { panic!("not renewed") };
    assert_eq!((second.since, second.renew), (at(61), at(121)));
}

#[test]
fn without_a_server_every_one_is_asked_and_then_the_address_is_given_up() {
    let (mut client, lease) = bound();
    let extend = vec![Ask::Extend { address: ADDRESS }];
    let lost = Some(Event::Lost { lease, why: Loss::Expired });
    let mut told = story(&mut client, 120);
    // Then it looks for any server.
    assert_eq!(told.pop().unwrap(), (120, vec![Ask::Discover { last: Some(ADDRESS) }], None));
    assert_eq!(told, [(60, extend.clone(), None), (105, extend, None), (120, vec![], lost)]);
}

#[test]
fn a_refusal_ends_the_lease_at_once() {
    for second in [60, 105] {
        let (mut client, lease) = bound();
        story(&mut client, second);
        let output = client.receive(&reply(&client, Answer::Nak, 0), at(second));
        assert_eq!(output.event, Some(Event::Lost { lease, why: Loss::Refused(Some("no".into())) }));
        assert_eq!(asked(&client.poll(at(second))), [Ask::Discover { last: None }]);
    }
}

#[test]
fn refused_again_and_again_it_slows_down() {
    let (mut client, _) = bound();
    story(&mut client, 60);
    client.receive(&reply(&client, Answer::Nak, 0), at(60));
    let mut waits = Vec::new();
    for _ in 0..6 {
        let now = client.due();
        client.poll(now);
        client.receive(&reply(&client, Answer::Offer, 120), now);
        client.receive(&reply(&client, Answer::Nak, 0), now);
        waits.push(client.due().duration_since(now).as_secs());
    }
    assert!(waits.windows(2).all(|pair| pair[0] <= pair[1] + 2) && waits[0] <= 3 && waits[5] >= 30, "{waits:?}");
}

#[test]
fn a_saved_lease_is_asked_about_and_used_if_nobody_answers() {
    let (_, saved) = bound();
    let mut client = Client::new(Some(saved.clone()), at(10), 1);
    let confirm = vec![Ask::Confirm { address: ADDRESS }];
    let told = story(&mut client, 40);
    assert_eq!(told[..2].iter().map(|(_, asks, _)| asks.clone()).collect::<Vec<_>>(), [confirm.clone(), confirm]);
    assert_eq!(told[2].2, Some(Event::Resumed(saved.clone())));
    assert!(told[2].0 - 10 <= 9, "{told:?}");
    // Its times go on as they were.
    assert_eq!(client.due(), saved.renew);

    let mut client = Client::new(Some(saved.clone()), at(10), 1);
    client.poll(at(10));
    let Some(Event::Leased(lease)) = client.receive(&reply(&client, Answer::Ack, 120), at(11)).event else { panic!("not confirmed") };
    assert_eq!(lease.since, at(11));

    let mut client = Client::new(Some(saved.clone()), at(10), 1);
    client.poll(at(10));
    let refused = client.receive(&reply(&client, Answer::Nak, 0), at(11)).event;
    assert_eq!(refused, Some(Event::Lost { lease: saved.clone(), why: Loss::Refused(Some("no".into())) }));

    // One that is over is good for a wish.
    let mut client = Client::new(Some(saved), at(120), 1);
    assert_eq!(asked(&client.poll(at(120))), [Ask::Discover { last: Some(ADDRESS) }]);
}

#[test]
fn discovery_goes_on_for_ever_and_ever_more_slowly() {
    let mut client = Client::new(None, at(0), 1);
    let times: Vec<_> = story(&mut client, 1000).into_iter().map(|(second, asks, _)| (second, asks.len())).collect();
    assert!(times.iter().all(|(_, asks)| *asks == 1));
    let waits: Vec<_> = times.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    assert!(waits[0] <= 3 && waits.iter().all(|wait| *wait <= 65) && *waits.last().unwrap() >= 62, "{waits:?}");
}

#[test]
fn a_duplicate_address_is_declined_and_nothing_is_asked_for_ten_seconds() {
    let (mut client, lease) = bound();
    let output = client.decline(at(1));
    assert_eq!(asked(&output), [Ask::Decline { address: ADDRESS, server: SERVER }]);
    assert_eq!(output.event, Some(Event::Lost { lease, why: Loss::Duplicate }));
    assert_eq!(client.poll(at(10)), Output::default());
    assert_eq!(asked(&client.poll(at(11))), [Ask::Discover { last: None }]);
}

#[test]
fn after_the_cable_was_out_the_lease_is_asked_about() {
    let (mut client, _) = bound();
    client.restart(at(5));
    assert_eq!(asked(&client.poll(at(5))), [Ask::Confirm { address: ADDRESS }]);
}

#[test]
fn an_offer_that_is_never_acknowledged_is_given_up() {
    let mut client = Client::new(None, at(0), 1);
    client.poll(at(0));
    client.receive(&reply(&client, Answer::Offer, 120), at(0));
    let told = story(&mut client, 200);
    assert!(told.iter().any(|(_, asks, _)| asks == &[Ask::Discover { last: None }]), "{told:?}");
}

#[test]
fn what_an_ack_lacks_is_filled_in_or_makes_it_worthless() {
    let (client, _) = bound();
    let ack = |change: fn(&mut Reply)| {
        let mut reply = reply(&client, Answer::Ack, 120);
        change(&mut reply);
        let lease = lease(&reply, at(0))?;
        let after = |time: Timestamp| time.duration_since(at(0)).as_secs();
        Some((after(lease.renew), after(lease.rebind), after(lease.expires)))
    };
    assert_eq!(ack(|_| ()), Some((60, 105, 120)));
    assert_eq!(ack(|reply| (reply.renew, reply.rebind) = (Some(2), Some(4))), Some((2, 4, 120)));
    assert_eq!(ack(|reply| (reply.renew, reply.rebind) = (Some(500), Some(400))), Some((60, 105, 120)));
    assert_eq!(ack(|reply| reply.rebind = Some(10)), Some((10, 10, 120)));
    assert_eq!(ack(|reply| reply.lease = Some(u32::MAX)).map(|times| times.2), Some(i64::from(i32::MAX)));
    assert_eq!(ack(|reply| reply.lease = None), None);
    assert_eq!(ack(|reply| reply.prefix = None), None);
    assert_eq!(ack(|reply| reply.address = Ipv4Addr::UNSPECIFIED), None);
}

proptest! {
    /// Whatever servers answer and whenever: time never stands still, and no lease is used for longer than it was granted.
    #[test]
    fn no_address_is_used_after_its_time(steps in proptest::collection::vec((0..3u8, 0..400u32, 0..40u8, any::<bool>()), 1..80), seed: u64) {
        let mut client = Client::new(None, at(0), seed);
        let mut now = at(0);
        let mut lease: Option<Lease> = None;
        for (answer, duration, wait, known) in steps {
            let mut outputs = Vec::new();
            let target = later(now, SignedDuration::from_secs(i64::from(wait)));
            while client.due() <= target {
                let before = client.due();
                now = before.max(now);
                outputs.push(client.poll(now));
                prop_assert!(client.due() > before || outputs.last().is_some_and(|output| output.event.is_some()));
            }
            now = target;
            let answer = [Answer::Offer, Answer::Ack, Answer::Nak][usize::from(answer)];
            let mut reply = reply(&client, answer, duration);
            reply.transaction ^= u32::from(!known);
            outputs.push(client.receive(&reply, now));
            for event in outputs.into_iter().filter_map(|output| output.event) {
                lease = match event {
                    Event::Leased(lease) | Event::Resumed(lease) => Some(lease),
                    Event::Lost { .. } => None,
                };
            }
            prop_assert!(lease.as_ref().is_none_or(|lease| now <= lease.expires), "{lease:?} at {now}");
        }
    }
}
