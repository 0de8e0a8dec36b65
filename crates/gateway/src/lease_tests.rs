//! The election against a model of an API server with delays, losses, pauses, partitions and clocks that run apart.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const TIMING: Timing =
    Timing { lease: Duration::from_millis(3000), renew_deadline: Duration::from_millis(2000), retry: Duration::from_millis(1000) };

fn ms(n: u64) -> Moment {
    Moment::at(Duration::from_millis(n))
}

fn observed(version: u64, holder: &str, transitions: u32) -> ObservedLease {
    ObservedLease { version: version.to_string(), record: LeaseRecord { holder: holder.into(), duration_seconds: 3, transitions } }
}

#[test]
fn a_missing_lease_is_created_and_the_guard_counts_from_before_the_request() {
    let mut election = Election::new("a", TIMING);
    assert_eq!(election.step(ms(0)), Step::Send(Request::Read));
    election.reply(ms(0), ms(5), Reply::Read(None), 0.0);
    let Step::Send(Request::Create(record)) = election.step(ms(5)) else { panic!("no create") };
    assert_eq!(record, LeaseRecord { holder: "a".into(), duration_seconds: 3, transitions: 0 });
    election.reply(ms(5), ms(900), Reply::Written(observed(1, "a", 0)), 0.0);
    assert_eq!(election.guard(ms(2004)), Some(Guard { until: ms(2005), epoch: 0 }));
    assert_eq!(election.guard(ms(2005)), None);
    assert_eq!(election.step(ms(900)), Step::Wait(ms(1005)));
}

#[test]
fn a_lease_of_another_is_taken_only_after_its_version_stood_still_for_its_whole_duration() {
    let mut election = Election::new("b", TIMING);
    let mut seen = observed(1, "a", 4);
    seen.record.duration_seconds = 15;
    election.reply(ms(0), ms(10), Reply::Read(Some(seen.clone())), 0.0);
    election.reply(ms(9000), ms(9010), Reply::Read(Some(seen.clone())), 0.0);
    assert!(matches!(election.step(ms(15_009)), Step::Send(Request::Read)));
    let Step::Send(Request::Update { version, record }) = election.step(ms(15_010)) else { panic!("not taken") };
    assert_eq!((version.as_str(), record.transitions, record.holder.as_str()), ("1", 5, "b"));
}

#[test]
fn a_lease_that_somebody_deletes_is_made_again_only_when_its_holder_must_have_stopped() {
    let mut election = Election::new("b", TIMING);
    let mut seen = observed(1, "a", 4);
    seen.record.duration_seconds = 15;
    election.reply(ms(0), ms(10), Reply::Read(Some(seen)), 0.0);
    election.reply(ms(1000), ms(1010), Reply::Read(None), 0.0);
    assert_eq!(election.step(ms(1010)), Step::Wait(ms(2010)));
    assert_eq!(election.step(ms(2010)), Step::Send(Request::Read));
    let Step::Send(Request::Create(record)) = election.step(ms(16_010)) else { panic!("not made") };
    assert_eq!(record.transitions, 5, "the epoch must not begin anew");
}

#[test]
fn a_released_lease_is_taken_at_once() {
    let mut election = Election::new("b", TIMING);
    election.reply(ms(0), ms(10), Reply::Read(Some(observed(7, "", 4))), 0.0);
    assert!(matches!(election.step(ms(10)), Step::Send(Request::Update { .. })));
}

#[test]
fn releasing_stops_the_guard_before_anything_is_sent_and_ends_with_an_empty_holder() {
    let mut election = Election::new("a", TIMING);
    election.reply(ms(0), ms(1), Reply::Written(observed(1, "a", 2)), 0.0);
    election.release();
    assert_eq!(election.guard(ms(1)), None);
    let Step::Send(Request::Update { record, .. }) = election.step(ms(1)) else { panic!("no release") };
    assert_eq!(record.holder, "");
    election.reply(ms(1), ms(2), Reply::Written(observed(2, "", 2)), 0.0);
    assert_eq!(election.step(ms(2)), Step::Done);
}

#[test]
fn releasing_a_lease_of_somebody_else_changes_nothing() {
    let mut election = Election::new("a", TIMING);
    election.reply(ms(0), ms(1), Reply::Read(Some(observed(1, "b", 2))), 0.0);
    election.release();
    assert_eq!(election.step(ms(2)), Step::Done);
}

#[test]
fn a_lost_reply_to_a_take_is_found_out_by_reading_and_gives_no_guard_before_a_renewal() {
    let mut election = Election::new("b", TIMING);
    election.reply(ms(0), ms(10), Reply::Read(Some(observed(7, "", 4))), 0.0);
    election.reply(ms(10), ms(510), Reply::Failed, 0.0);
    assert!(matches!(election.step(ms(510)), Step::Wait(_)));
    assert_eq!(election.step(ms(700)), Step::Send(Request::Read));
    election.reply(ms(700), ms(710), Reply::Read(Some(observed(8, "b", 5))), 0.0);
    assert_eq!(election.guard(ms(710)), None);
    assert!(matches!(election.step(ms(710)), Step::Send(Request::Update { .. })));
}

#[test]
fn a_failed_renewal_is_tried_again_while_the_guard_still_says_go() {
    let mut election = Election::new("a", TIMING);
    election.reply(ms(0), ms(5), Reply::Written(observed(1, "a", 2)), 0.0);
    election.reply(ms(1000), ms(1500), Reply::Failed, 1.0);
    assert!(matches!(election.step(ms(1750)), Step::Send(Request::Update { .. })));
    assert!(election.guard(ms(1750)).is_some());
}

#[test]
fn a_conflict_stops_the_guard_and_is_looked_into_before_anything_is_written() {
    let mut election = Election::new("a", TIMING);
    election.reply(ms(0), ms(5), Reply::Written(observed(1, "a", 2)), 0.0);
    election.reply(ms(1000), ms(1005), Reply::Conflict, 0.0);
    assert_eq!(election.guard(ms(1005)), None);
    assert_eq!(election.step(ms(1200)), Step::Send(Request::Read));
    election.reply(ms(1200), ms(1205), Reply::Read(Some(observed(2, "b", 3))), 0.0);
    assert_eq!((election.guard(ms(1205)), election.step(ms(1205))), (None, Step::Wait(ms(2205))));
}

#[test]
fn an_api_server_that_refuses_at_once_is_asked_ever_less() {
    for refusal in [Reply::Conflict, Reply::Failed] {
        let mut election = Election::new("a", TIMING);
        let (mut now, mut sent) = (0, 0);
        while now < 60_000 {
            match election.step(ms(now)) {
                Step::Send(Request::Read) => election.reply(ms(now), ms(now), Reply::Read(None), 0.0),
                Step::Send(Request::Create(_) | Request::Update { .. }) => election.reply(ms(now), ms(now), refusal.clone(), 0.0),
                Step::Wait(_) | Step::Done => {
                    now += 1;
                    continue;
                }
            }
            sent += 1;
        }
        assert!((60..180).contains(&sent), "{sent} requests in a minute of {refusal:?}");
    }
}

#[test]
fn others_wait_for_the_whole_lease_though_the_field_holds_whole_seconds() {
    let mut election = Election::new("a", Timing { lease: Duration::from_millis(1500), ..TIMING });
    election.reply(ms(0), ms(1), Reply::Read(None), 0.0);
    let Step::Send(Request::Create(record)) = election.step(ms(1)) else { panic!("not made") };
    assert_eq!(record.duration_seconds, 2);
}

#[test]
fn epochs_stay_within_what_the_lease_can_hold() {
    let mut election = Election::new("b", TIMING);
    election.reply(ms(0), ms(10), Reply::Read(Some(observed(7, "", HIGHEST_EPOCH))), 0.0);
    election.outgrow(u32::MAX);
    let Step::Send(Request::Update { record, .. }) = election.step(ms(10)) else { panic!("not taken") };
    assert_eq!(record.transitions, HIGHEST_EPOCH);
}

#[test]
fn two_requests_fit_between_a_due_renewal_and_the_end_of_the_guard() {
    assert!(TIMING.retry + 2 * TIMING.request_deadline() <= TIMING.renew_deadline);
    let tight = Timing { retry: Duration::from_millis(1990), ..TIMING };
    assert_eq!(tight.request_deadline(), Duration::from_millis(250));
}

#[test]
fn an_epoch_lower_than_one_already_written_is_outgrown_by_the_next_renewal() {
    let mut election = Election::new("a", TIMING);
    election.reply(ms(0), ms(5), Reply::Written(observed(1, "a", 0)), 0.0);
    election.outgrow(17);
    let Step::Send(Request::Update { record, .. }) = election.step(ms(6)) else { panic!("no renewal") };
    assert_eq!(record.transitions, 18);
}

// ── The model ────────────────────────────────────────────────────────────────────────────────────────────────────────

/// What happens to one request: how long both ways take, in milliseconds, and which way is lost.
#[derive(Clone, Copy, Debug)]
struct Fate {
    there: u64,
    back: u64,
    lose_request: bool,
    lose_reply: bool,
}

#[derive(Clone, Debug)]
struct Replica {
    election: Election,
    timing: Timing,
    /// Local clock = offset + true time × rate.
    offset: u64,
    rate: f64,
    /// True times at which the process stands still.
    pauses: Vec<(u64, u64)>,
    /// True times at which nothing gets through.
    partitions: Vec<(u64, u64)>,
    in_flight: Option<InFlight>,
    fates: Vec<Fate>,
    sent: usize,
}

#[derive(Clone, Debug)]
struct InFlight {
    sent_local: Moment,
    gives_up: u64,
    reply: Option<(u64, Reply)>,
}

impl Replica {
    fn local(&self, now: u64) -> Moment {
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "test clock of seconds")]
        ms(self.offset + (now as f64 * self.rate) as u64)
    }

    fn paused(&self, now: u64) -> bool {
        self.pauses.iter().any(|(from, to)| (*from..*to).contains(&now))
    }

    fn cut(&self, now: u64) -> bool {
        self.partitions.iter().any(|(from, to)| (*from..*to).contains(&now))
    }
}

#[derive(Default)]
struct Server {
    version: u64,
    lease: Option<LeaseRecord>,
    /// Requests on their way: arrival time -> who, what.
    arriving: BTreeMap<u64, Vec<(usize, u64, Request, Fate)>>,
}

impl Server {
    fn observe(&self) -> Option<ObservedLease> {
        self.lease.clone().map(|record| ObservedLease { version: self.version.to_string(), record })
    }

    fn serve(&mut self, request: Request) -> Reply {
        let record = match request {
            Request::Read => return Reply::Read(self.observe()),
            Request::Create(_) if self.lease.is_some() => return Reply::Conflict,
            Request::Update { version, .. } if self.lease.is_none() || version != self.version.to_string() => return Reply::Conflict,
            Request::Create(record) | Request::Update { record, .. } => record,
        };
        self.version += 1;
        self.lease = Some(record);
        Reply::Written(self.observe().expect("just written"))
    }

    /// Somebody deletes the Lease. Left out are a replica that has not seen its holder, which cannot know how long that one's guard
    /// lasts, and a creation that is still on its way.
    fn delete(&mut self, replicas: &[Replica]) {
        let creating = |(_, _, request, _): &(usize, u64, Request, Fate)| matches!(request, Request::Create(_));
        let Some(holder) = self.lease.as_ref().map(|lease| lease.holder.as_str()) else { return };
        let known = replicas.iter().all(|replica| replica.election.lease().is_some_and(|lease| lease.record.holder == holder));
        if known && !self.arriving.values().flatten().any(creating) {
            self.lease = None;
        }
    }
}

/// What came of a run.
struct Outcome {
    /// For each millisecond, who said go.
    going: Vec<(u64, BTreeSet<usize>)>,
    /// How many requests each has sent.
    sent: Vec<usize>,
}

/// Runs the world for `end` milliseconds. Somebody deletes the Lease at `deletions`.
fn run(mut replicas: Vec<Replica>, deletions: &[u64], end: u64) -> Outcome {
    let mut server = Server::default();
    let mut history = Vec::new();
    for now in 0..end {
        if deletions.contains(&now) {
            server.delete(&replicas);
        }
        for (who, sent, request, fate) in server.arriving.remove(&now).unwrap_or_default() {
            if replicas[who].cut(now) {
                continue;
            }
            let reply = server.serve(request);
            let still_awaited = sent == replicas[who].sent as u64;
            if let Some(flight) = &mut replicas[who].in_flight
                && !fate.lose_reply
                && flight.gives_up > now
                && still_awaited
            {
                flight.reply = Some((now + fate.back, reply));
            }
        }
        for (who, replica) in replicas.iter_mut().enumerate() {
            if replica.paused(now) {
                continue;
            }
            drive(replica, who, now, &mut server);
        }
        history.push((now, (0..replicas.len()).filter(|i| replicas[*i].election.guard(replicas[*i].local(now)).is_some()).collect()));
    }
    Outcome { going: history, sent: replicas.iter().map(|replica| replica.sent).collect() }
}

fn drive(replica: &mut Replica, who: usize, now: u64, server: &mut Server) {
    let local = replica.local(now);
    if let Some(flight) = replica.in_flight.clone() {
        let (reply, over) = match flight.reply {
            Some((at, reply)) if at <= now && !replica.cut(now) => (reply, true),
            Some(_) | None => (Reply::Failed, flight.gives_up <= now),
        };
        if over {
            replica.in_flight = None;
            replica.election.reply(flight.sent_local, local, reply, 0.5);
        }
        return;
    }
    if let Step::Send(request) = replica.election.step(local) {
        let fate = replica.fates[replica.sent % replica.fates.len()];
        replica.sent += 1;
        let patience = u64::try_from(replica.timing.request_deadline().as_millis()).expect("short");
        replica.in_flight = Some(InFlight { sent_local: local, gives_up: now + patience, reply: None });
        if !fate.lose_request && !replica.cut(now) {
            server.arriving.entry(now + fate.there.max(1)).or_default().push((who, replica.sent as u64, request, fate));
        }
    }
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    // A request may arrive long after its sender gave it up.
    let fate = (prop_oneof![4 => 1u64..20, 1 => 1u64..6000], prop_oneof![4 => 1u64..20, 1 => 1u64..3000], 0u8..10, 0u8..10)
        .prop_map(|(there, back, a, b)| Fate { there, back, lose_request: a == 0, lose_reply: b == 0 });
    proptest::collection::vec(fate, 1..24)
}

fn spans() -> impl Strategy<Value = Vec<(u64, u64)>> {
    proptest::collection::vec((0u64..30_000, 1u64..8_000).prop_map(|(from, len)| (from, from + len)), 0..4)
}

/// Durations that differ between replicas, some with next to nothing between the end of the guard and the end of the Lease:
/// clocks that run 5 % apart in both directions need a tenth.
fn timing() -> impl Strategy<Value = Timing> {
    let timing = |lease, renew_deadline, retry| {
        Just(Timing {
            lease: Duration::from_millis(lease),
            renew_deadline: Duration::from_millis(renew_deadline),
            retry: Duration::from_millis(retry),
        })
    };
    prop_oneof![timing(3000, 2000, 1000), timing(3000, 2700, 1000), timing(5000, 4500, 500), timing(1500, 1300, 300)]
}

fn replica(index: usize) -> impl Strategy<Value = Replica> {
    let world = (spans(), spans(), fates());
    (0u64..100_000, 0.95f64..1.05, timing(), world).prop_map(move |(offset, rate, timing, (pauses, partitions, fates))| Replica {
        election: Election::new(format!("gateway-{index}"), timing),
        timing,
        offset,
        rate,
        pauses,
        partitions,
        in_flight: None,
        fates,
        sent: 0,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn never_do_two_guards_say_go(
        a in replica(0), b in replica(1), c in replica(2), deletions in proptest::collection::vec(500u64..30_000, 0..3)
    ) {
        for (at, going) in run(vec![a, b, c], &deletions, 40_000).going {
            prop_assert!(going.len() <= 1, "at {} ms {:?} say go", at, going);
        }
    }

    #[test]
    fn once_the_network_heals_somebody_leads_and_requests_stay_few(a in replica(0), b in replica(1)) {
        let mut replicas = vec![a, b];
        for replica in &mut replicas {
            // Faults lie before 40 s; from then on every request takes its 2 ms.
            let faulty = replica.fates.clone();
            replica.fates = faulty.into_iter().cycle().take(12).chain(std::iter::repeat_n(Fate { there: 1, back: 1, lose_request: false, lose_reply: false }, 400)).collect();
        }
        let outcome = run(replicas.clone(), &[], 60_000);
        prop_assert!(outcome.going[59_000..].iter().all(|(_, going)| going.len() == 1), "nobody leads at the end");
        for (replica, sent) in replicas.iter().zip(outcome.sent) {
            // One a retry period, and what faults and takes add to it.
            let most = 60_000 / usize::try_from(replica.timing.retry.as_millis()).expect("short") + 40;
            prop_assert!(sent <= most, "{} requests in a minute", sent);
        }
    }
}
