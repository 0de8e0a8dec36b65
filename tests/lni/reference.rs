//! The table S1 to S9 of what people try, in its order: from a bare interface to marks and a table of its own.

use hybridge_lab::isolate::isolated;
use hybridge_lab::lni::{BRIEF, PATIENT, Policy, Port, get};
use hybridge_lni::state::State;
use hybridge_model::routing::{Rule, Selector};

use crate::bench::*;

/// What is set on the server.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// S1: up, no address.
    Bare,
    /// S2 to S5: an address.
    Numbered,
    /// S6: and loose reverse-path filtering.
    Loose,
    /// S7: and the rule that is usually advised, from the LAN's addresses.
    SourceRule,
    /// S8: marks instead of that rule, loose.
    Marks,
    /// S9: the same, strict.
    MarksStrict,
    /// All.
    Profile,
}

fn state(bench: &Bench, stage: Stage) -> State {
    let whole = wanted(bench.server());
    let numbered = State { addresses: whole.addresses.clone(), ..nothing(bench.server()) };
    let loose = State { sysctls: whole.sysctls.clone(), ..numbered.clone() };
    match stage {
        Stage::Bare => nothing(bench.server()),
        Stage::Numbered => numbered,
        Stage::Loose => loose,
        Stage::SourceRule => {
            let from = Selector::From(hybridge_lab::lni::lan_cidr());
            let rule = Rule { priority: 600, selector: from, table: 2100, protocol: 0 };
            State { routes: whole.routes, rules: [rule].into(), ..loose }
        }
        Stage::Marks => without(whole, Knob::LanRules),
        Stage::MarksStrict => without(without(whole, Knob::LanRules), Knob::ReversePath),
        Stage::Profile => whole,
    }
}

/// What people try, and what each client then sees. Causes 2, 4 and 5 are the steps between the rows: loose filtering does not bring the
/// reply back by the LNI, and a rule from the address of the Service, which is written after routing, matches no reply of a pod.
#[test]
fn what_people_try_fails_where_it_should() {
    let table = [
        (Stage::Bare, ["-----", "-----", "-----"]),
        (Stage::Numbered, ["++--+", "-----", "-----"]),
        (Stage::Loose, ["++--+", "-----", "-----"]),
        (Stage::SourceRule, ["++--+", "-----", "-----"]),
        (Stage::Marks, ["+++++", "+++++", "+++++"]),
        (Stage::MarksStrict, ["++--+", "-----", "-----"]),
        (Stage::Profile, ["+++++", "+++++", "+++++"]),
    ];
    isolated(|| {
        for (stage, expected) in table {
            let bench = Bench::new(1, Port::Lni);
            set(bench.server(), &state(&bench, stage));
            assert_eq!(bench.outcome(expected), expected, "{stage:?}");
        }
    });
}

/// Cause 1: the seed's observation. The node's own packets never touch the LNI.
#[test]
fn a_curl_from_the_node_proves_nothing() {
    isolated(|| {
        let bench = Bench::new(1, Port::Lni);
        set(bench.server(), &nothing(bench.server()));
        for service in &bench.services {
            let answer = get(&bench.server().node, service.vip, PATIENT);
            assert!(answer.is_good(), "{service:?}: {answer}");
        }
        assert_eq!(bench.outcome(["-----"; 3]), ["-----"; 3]);
    });
}

/// Where the packets die: arriving ones by the filter of reverse paths, replies at the VPC's check of sources.
#[test]
fn the_counters_tell_where_packets_die() {
    isolated(|| {
        for (stage, filtered, elsewhere) in
            [(Stage::Bare, true, false), (Stage::Numbered, true, false), (Stage::Loose, false, true), (Stage::Profile, false, false)]
        {
            let bench = Bench::new(1, Port::Lni);
            set(bench.server(), &state(&bench, stage));
            let service = bench.services[3];
            let (before, from) = (filtered_by_reverse_path(bench.server()), &bench.client(Client::Far).ns);
            let answer = get(from, service.vip, if filtered || elsewhere { BRIEF } else { PATIENT });
            assert_eq!(answer.is_good(), !filtered && !elsewhere, "{stage:?}: {answer}");
            assert_eq!(filtered_by_reverse_path(bench.server()) > before, filtered, "{stage:?}");
            assert_eq!(bench.world.vpc.dropped().unwrap() > 0, elsewhere, "{stage:?}");
        }
    });
}

/// With either kind of port: pods answer, and see who asks where the policy says so.
#[test]
fn with_the_whole_profile_everybody_is_answered_by_the_right_pod() {
    isolated(|| {
        for port in [Port::Lni, Port::Switch] {
            let bench = Bench::new(1, port);
            let (server, plan) = (bench.server(), &bench.server().plan);
            set(server, &wanted(server));
            let rows = bench.answers(|_, _| true);
            for (client, row) in CLIENTS.into_iter().zip(rows) {
                for (service, answer) in bench.services.iter().zip(row) {
                    let seen = match service.policy {
                        Policy::Cluster => plan.primary,
                        Policy::Local => bench.client(client).address,
                    };
                    let hosts = server.pods.iter().map(|pod| (pod.address, pod.name())).chain([(plan.primary, server.node.name())]);
                    let (_, name) = hosts.into_iter().find(|(address, _)| address == service.backend.ip()).unwrap();
                    let right = hybridge_lab::lni::Answer::From { name: name.to_owned(), client: seen };
                    assert_eq!(answer, right, "{client:?} {service:?} {port:?}");
                }
            }
            assert_eq!(bench.world.vpc.dropped().unwrap(), 0);
        }
    });
}

/// The behaviour that the profile is built on, so that a kernel that changes it is noticed (cause 3): an interface without an address
/// drops whatever the filter is set to, except off; a /32 is enough.
#[test]
fn loose_filtering_needs_an_address() {
    isolated(|| {
        for (prefix, filter, good) in
            [(None, "2", false), (None, "1", false), (None, "0", true), (Some(32), "2", true), (Some(32), "1", false)]
        {
            let bench = Bench::new(1, Port::Lni);
            let server = bench.server();
            let whole = wanted(server);
            let mut state = match prefix {
                None => without(whole.clone(), Knob::Address),
                Some(prefix) => {
                    let short = whole.addresses.iter().map(|address| hybridge_model::routing::InterfaceAddress { prefix, ..*address });
                    State { addresses: short.collect(), ..whole.clone() }
                }
            };
            state.sysctls.insert("net.ipv4.conf.all.rp_filter".into(), "0".into());
            state.sysctls.insert(format!("net.ipv4.conf.{}.rp_filter", server.plan.names.lni), filter.into());
            set(server, &state);
            let before = filtered_by_reverse_path(server);
            // From where no rule leads back by the LNI before the reply is marked.
            let answer = get(&bench.client(Client::Remote).ns, bench.services[1].vip, if good { PATIENT } else { BRIEF });
            assert_eq!(answer.is_good(), good, "address {prefix:?}, rp_filter {filter}: {answer}");
            assert_eq!(filtered_by_reverse_path(server) > before, !good, "address {prefix:?}, rp_filter {filter}");
        }
    });
}
