//! Each part of the profile is taken away alone: something fails without it.

use hybridge_lab::isolate::isolated;
use hybridge_lab::lni::{Answer, BRIEF, Host, PATIENT, Port, Server, get};

use crate::bench::*;

/// What comes in: without the part, the packets of one client are lost, and the place where tells why.
#[test]
fn replies_need_address_filter_marks_and_rule() {
    let table = [
        (Knob::Address, Lost::AtTheFilter),
        (Knob::ReversePath, Lost::AtTheFilter),
        (Knob::MarkRule, Lost::InTheVpc),
        (Knob::Marks, Lost::InTheVpc),
    ];
    isolated(|| {
        for (knob, lost) in table {
            let bench = Bench::new(1, Port::Lni);
            let server = bench.server();
            set(server, &without(wanted(server), knob));
            let before = filtered_by_reverse_path(server);
            // The rules for the LAN's own networks bring back all others.
            let expected = ["+++++", "+++++", "-----"];
            assert_eq!(bench.outcome(expected), expected, "{knob:?}");
            let where_ = (filtered_by_reverse_path(server) > before, bench.world.vpc.dropped().unwrap() > 0);
            assert_eq!(where_, (lost == Lost::AtTheFilter, lost == Lost::InTheVpc), "{knob:?}");
            set(server, &wanted(server));
            assert_eq!(bench.outcome(["+++++"; 3]), ["+++++"; 3], "{knob:?} put back");
        }
    });
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lost {
    AtTheFilter,
    InTheVpc,
}

/// The pods and the server itself, who begin something.
fn inside(server: &Server) -> [Host; 3] {
    let node = Host { ns: server.node.clone(), address: server.plan.primary };
    [server.pods[0].clone(), server.pods[1].clone(), node]
}

/// What goes out: with the profile, everybody reaches the LAN and what is behind it with the LNI's address, and the VPC with their own.
#[test]
fn who_begins_a_connection_has_the_right_address() {
    isolated(|| {
        let bench = Bench::new(1, Port::Lni);
        let (server, world) = (bench.server(), &bench.world);
        set(server, &wanted(server));
        for from in inside(server) {
            for (to, seen) in [(&world.lan.cli, server.plan.lni), (&world.lan.far, server.plan.lni), (&world.vpc_host, from.address)] {
                let answer = get(&from.ns, port_of(to.address), PATIENT);
                assert_eq!(answer, Answer::From { name: to.name().into(), client: seen }, "{} to {}", from.name(), to.name());
            }
            let answer = get(&world.vpc_host.ns, port_of(from.address), PATIENT);
            assert_eq!(answer, Answer::From { name: from.name().into(), client: world.vpc_host.address }, "VPC to {}", from.name());
        }
        assert_eq!(world.vpc.dropped().unwrap(), 0);
    });
}

/// New connections to a routed LAN follow the rules for its networks; else they go into the VPC.
#[test]
fn what_pods_begin_needs_the_rules_for_the_lan() {
    isolated(|| {
        let bench = Bench::new(1, Port::Lni);
        let (server, far) = (bench.server(), &bench.world.lan.far);
        set(server, &without(wanted(server), Knob::LanRules));
        for from in inside(server) {
            let answer = get(&from.ns, port_of(far.address), BRIEF);
            assert!(!answer.is_good(), "{}: {answer}", from.name());
        }
        set(server, &wanted(server));
        for from in inside(server) {
            let answer = get(&from.ns, port_of(far.address), PATIENT);
            assert!(answer.is_good(), "{}: {answer}", from.name());
        }
    });
}

/// Cause 6: the VPC CNI writes the first interface's address on whatever leaves the VPC's networks. The client has a way back here, so that
/// it can tell.
#[test]
fn without_masquerading_the_lan_sees_an_address_of_the_vpc() {
    isolated(|| {
        let bench = Bench::new(1, Port::Lni);
        let (server, cli) = (bench.server(), &bench.world.lan.cli);
        set(server, &without(wanted(server), Knob::Masquerade));
        for from in &server.pods {
            let answer = get(&from.ns, port_of(cli.address), BRIEF);
            assert!(!answer.is_good(), "nobody in the LAN knows {}: {answer}", server.plan.primary);
        }
        bench.world.lan.lead_back(server.plan.primary, server.plan.lni).unwrap();
        for from in &server.pods {
            assert_eq!(get(&from.ns, port_of(cli.address), PATIENT).client(), Some(server.plan.primary), "{}", from.name());
        }
        set(server, &wanted(server));
        for from in &server.pods {
            assert_eq!(get(&from.ns, port_of(cli.address), PATIENT).client(), Some(server.plan.lni), "{}", from.name());
        }
    });
}

/// Cause 9: a server whose LNI has no address sends with that of the VPC, which the other one does not expect there.
#[test]
fn between_two_servers_both_need_an_address() {
    isolated(|| {
        let bench = Bench::new(2, Port::Lni);
        let [receiver, sender] = &bench.world.servers[..] else { unreachable!("two servers were asked for") };
        set(receiver, &hybridge_lni::state::State { addresses: wanted(receiver).addresses, ..nothing(receiver) });
        set(sender, &nothing(sender));
        sender.lead_to_the_lan().unwrap();
        let before = filtered_by_reverse_path(receiver);
        let answer = get(&sender.node, port_of(receiver.plan.lni), BRIEF);
        assert!(!answer.is_good(), "{answer}");
        // It asks for the receiver's MAC address with an address of the VPC, too, and gets no answer.
        sender.know(receiver).unwrap();
        let answer = get(&sender.node, port_of(receiver.plan.lni), BRIEF);
        assert!(!answer.is_good(), "{answer}");
        assert!(filtered_by_reverse_path(receiver) > before);
        for server in [receiver, sender] {
            set(server, &wanted(server));
        }
        let answer = get(&sender.node, std::net::SocketAddrV4::new(receiver.plan.lni, DECLARED), PATIENT);
        assert_eq!(answer, Answer::From { name: receiver.node.name().into(), client: sender.plan.lni });
    });
}
