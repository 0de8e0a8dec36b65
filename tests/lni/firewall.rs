//! What the LAN may not reach, and what an LNI's port does not carry.

use std::net::{Ipv4Addr, SocketAddrV4};

use hybridge_lab::isolate::isolated;
use hybridge_lab::lni::{BRIEF, Host, PATIENT, PORT, Port, get, neighbours};

use crate::bench::*;

/// No security group guards an LNI: a host of the LAN needs one route to reach each pod, and no route to reach the server.
#[test]
fn the_lan_reaches_services_and_declared_ports_and_nothing_else() {
    isolated(|| {
        let bench = Bench::new(1, Port::Lni);
        let (server, cli, far) = (bench.server(), bench.client(Client::Cli), bench.client(Client::Far));
        set(server, &without(wanted(server), Knob::Firewall));
        for address in server.plan.pods.into_iter().chain([server.plan.primary]) {
            bench.world.lan.lead_back(address, server.plan.lni).unwrap();
        }
        let pods = server.plan.pods.map(port_of);
        let closed = [pods[0], pods[1], port_of(server.plan.lni), port_of(server.plan.primary)];
        for to in closed {
            let answer = get(&cli.ns, to, PATIENT);
            assert!(answer.is_good(), "without the firewall {to} is open: {answer}");
        }
        set(server, &wanted(server));
        let declared = SocketAddrV4::new(server.plan.lni, DECLARED);
        for (from, to, good) in closed.map(|to| (cli, to, false)).into_iter().chain([(cli, declared, true), (far, declared, false)]) {
            let answer = get(&from.ns, to, if good { PATIENT } else { BRIEF });
            assert_eq!(answer.is_good(), good, "{} to {to}: {answer}", from.name());
        }
        assert_eq!(bench.outcome(["+++++"; 3]), ["+++++"; 3]);
    });
}

/// Each interface answers for its own addresses alone.
#[test]
fn arp_for_addresses_of_the_vpc_is_not_answered_in_the_lan() {
    isolated(|| {
        for knob in [Some(Knob::Arp), None] {
            let bench = Bench::new(1, Port::Lni);
            let (server, cli) = (bench.server(), bench.client(Client::Cli));
            let whole = wanted(server);
            set(server, &knob.map_or(whole.clone(), |knob| without(whole, knob)));
            bench.world.lan.search(server.plan.primary).unwrap();
            let _refused = get(&cli.ns, SocketAddrV4::new(server.plan.primary, PORT), BRIEF);
            assert_eq!(neighbours(&cli.ns).unwrap().contains_key(&server.plan.primary), knob.is_some(), "without {knob:?}");
            // The announcer is not held back by that.
            assert!(get(&cli.ns, bench.services[0].vip, PATIENT).is_good());
        }
    });
}

/// S11: a child with a MAC address of its own works behind a switch, and not behind an LNI; addresses of Services work behind both.
#[test]
fn macvlan_works_on_a_switch_and_not_on_an_lni() {
    isolated(|| {
        for (port, good) in [(Port::Switch, true), (Port::Lni, false)] {
            let bench = Bench::new(1, port);
            let (server, cli) = (bench.server(), bench.client(Client::Cli));
            set(server, &wanted(server));
            let child: Host = server.macvlan_pod(Ipv4Addr::new(192, 168, 2, 77)).unwrap();
            let answer = get(&child.ns, port_of(cli.address), if good { PATIENT } else { BRIEF });
            assert_eq!(answer.is_good(), good, "{port:?}: {answer}");
            assert!(get(&cli.ns, bench.services[0].vip, PATIENT).is_good(), "{port:?}");
        }
    });
}
