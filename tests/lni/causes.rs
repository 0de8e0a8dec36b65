//! What `hybridge lni verify` finds when a part of the profile is missing: the cause that belongs to it.

use std::net::Ipv4Addr;

use hybridge_lab::isolate::isolated;
use hybridge_lab::lni::{Answer, Port, Server, hostile};
use hybridge_lni::causes::{Attempt, Evidence, Outcome, causes, others};
use hybridge_lni::state::State;
use hybridge_lni_host::verify;
use hybridge_model::MacAddr;

use crate::bench::*;

/// The numbers of the causes that are found after each client has tried each Service, and the codes of whatever else is told.
fn told(bench: &Bench) -> (Vec<u8>, Vec<&'static str>) {
    let server = bench.server();
    let before = in_node(server, async || verify::filtered());
    let rows = bench.answers(|_, _| false);
    let mac = MacAddr::new(server.lni_mac.0);
    let mut attempts = Vec::new();
    for (client, row) in CLIENTS.into_iter().zip(rows) {
        for (service, answer) in bench.services.iter().zip(row) {
            let outcome = match answer {
                Answer::From { .. } => Outcome::Answered,
                Answer::Refused => Outcome::Refused,
                Answer::Silence | Answer::Other(_) => Outcome::Silent,
            };
            attempts.push(Attempt {
                client: bench.client(client).address,
                vip: service.vip,
                outcome,
                announced_by: Some(mac),
                backends: vec![*service.backend.ip()],
                on_the_node: Some(hybridge_lab::lni::get(&server.node, service.vip, hybridge_lab::lni::PATIENT).is_good()),
            });
        }
    }
    // As the probe on the machine of the LAN sees whoever speaks to it.
    let seen_as = hybridge_lab::lni::get(&server.node, port_of(bench.client(Client::Cli).address), hybridge_lab::lni::BRIEF).client();
    weigh(server, &attempts, before, seen_as)
}

fn weigh(server: &Server, attempts: &[Attempt], before: u64, seen_as: Option<Ipv4Addr>) -> (Vec<u8>, Vec<&'static str>) {
    let lni = lni_of(server);
    let (facts, ruleset, filtered) = in_node(server, async || {
        let netlink = hybridge_netlink::Netlink::connect().unwrap();
        let facts = hybridge_lni_host::facts::gather(&netlink).await.unwrap();
        (facts, verify::tables().await.unwrap(), verify::filtered() - before)
    });
    let evidence = Evidence { lni: &lni, facts: &facts, ruleset: &ruleset, attempts, filtered, seen_as };
    let numbers = causes(&evidence).iter().map(|diagnosis| diagnosis.cause.number()).collect();
    (numbers, others(&evidence).into_iter().map(|finding| finding.code).collect())
}

/// Each part that is missing alone is found alone, beside the first cause, which says that the node's own curl proves nothing.
#[test]
fn a_missing_part_is_named_by_its_cause() {
    let table = [
        (None, vec![]),
        (Some(Knob::ReversePath), vec![1, 2]),
        (Some(Knob::Address), vec![1, 3, 9]),
        (Some(Knob::MarkRule), vec![1, 4]),
        (Some(Knob::Marks), vec![1, 4]),
        (Some(Knob::Masquerade), vec![6]),
    ];
    isolated(|| {
        for (knob, expected) in table {
            let bench = Bench::new(1, Port::Lni);
            let whole = wanted(bench.server());
            set(bench.server(), &knob.map_or(whole.clone(), |knob| without(whole, knob)));
            assert_eq!(told(&bench), (expected, vec![]), "without {knob:?}");
        }
    });
}

/// From the bare interface on: all causes that apply are told at once, as fixing one uncovers the next.
#[test]
fn what_people_try_is_told_with_all_that_is_still_missing() {
    isolated(|| {
        let numbered = |server: &Server| State { addresses: wanted(server).addresses, ..nothing(server) };
        let advised = |server: &Server| {
            let from = hybridge_model::routing::Selector::From(hybridge_lab::lni::lan_cidr());
            let rule = hybridge_model::routing::Rule { priority: 600, selector: from, table: 2100, protocol: 0 };
            State { sysctls: wanted(server).sysctls, routes: wanted(server).routes, rules: [rule].into(), ..numbered(server) }
        };
        type Make<'a> = &'a dyn Fn(&Server) -> State;
        let table: [(&str, Make<'_>, Vec<u8>); 3] = [
            ("a bare interface", &nothing, vec![1, 3, 4, 9]),
            ("an address", &numbered, vec![1, 2, 4, 6]),
            ("the rule that is usually advised", &advised, vec![1, 4, 5, 6]),
        ];
        for (name, make, expected) in table {
            let bench = Bench::new(1, Port::Lni);
            set(bench.server(), &make(bench.server()));
            assert_eq!(told(&bench), (expected, vec![]), "{name}");
        }
    });
}

/// Causes 7 and 8: who did it.
#[test]
fn hostile_actors_are_named_by_what_they_leave() {
    isolated(|| {
        for (act, expected) in [(hostile::vpc_cni as fn(&Server) -> _, 7), (hostile::networkd, 8)] {
            let bench = Bench::new(1, Port::Lni);
            set(bench.server(), &wanted(bench.server()));
            act(bench.server()).unwrap();
            let (numbers, others) = told(&bench);
            assert!(numbers.contains(&expected), "{expected} is not among {numbers:?}");
            assert!(!numbers.contains(&(15 - expected)), "the other one is told, too: {numbers:?}");
            assert_eq!(others, [""; 0]);
        }
    });
}

/// Where no probe can be asked, the packet's way tells as much as it can.
#[test]
fn without_a_probe_the_way_of_the_packets_is_followed() {
    isolated(|| {
        let bench = Bench::new(1, Port::Lni);
        let server = bench.server();
        let attempt = |client: Client| Attempt {
            client: bench.client(client).address,
            vip: bench.services[0].vip,
            outcome: Outcome::NotTried,
            announced_by: None,
            backends: Vec::new(),
            on_the_node: Some(true),
        };
        let attempts = CLIENTS.map(attempt);
        set(server, &nothing(server));
        assert_eq!(weigh(server, &attempts, 0, None), (vec![1, 3, 4, 9], vec![]));
        set(server, &wanted(server));
        let attempts = attempts.map(|attempt| Attempt { on_the_node: None, ..attempt });
        assert_eq!(weigh(server, &attempts, 0, None), (vec![], vec![]));
    });
}
