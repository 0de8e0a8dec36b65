//! An LNI from outside: what fails without which part of the profile, and that nothing fails with all of it.
//!
//! The signs of a row stand for the Services of `Service::all_of`: pod on the primary interface (policy Cluster, Local), pod on the
//! secondary interface (Cluster, Local), pod in the network of the host. Each row is what one client sees: in the LAN, behind its router,
//! behind its router in a network that the profile does not name.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

#[path = "lni/bench.rs"]
mod bench;

use bench::*;
use hybridge_lab::isolate::isolated;
use hybridge_lab::lni::{Port, PATIENT, get};
use hybridge_lni::state::State;
use hybridge_model::routing::{Rule, Selector};

#[test]
fn look() {
    isolated(|| {
        let show = |name: &str, make: &dyn Fn(&Bench) -> State| {
            let bench = Bench::new(1, Port::Lni);
            set(bench.server(), &make(&bench));
            eprintln!("{name}: {:?} vpc dropped {}", bench.outcome(["-----"; 3]), bench.world.vpc.dropped().unwrap());
        };
        show("S1", &|b| nothing(b.server()));
        let addr = |b: &Bench| State { addresses: wanted(b.server()).addresses, ..nothing(b.server()) };
        let rp2 = |b: &Bench| State { sysctls: wanted(b.server()).sysctls, ..addr(b) };
        show("S2-5", &addr);
        show("S6", &rp2);
        show("S7", &|b| State { routes: wanted(b.server()).routes, rules: [Rule{priority: 600, selector: Selector::From("192.168.2.0/24".parse().unwrap()), table: 2100, protocol: 0}].into(), ..rp2(b)});
        show("S8", &|b| without(wanted(b.server()), Knob::LanRules));
        show("S9", &|b| without(without(wanted(b.server()), Knob::LanRules), Knob::ReversePath));
        show("all", &|b| wanted(b.server()));
        for knob in [Knob::Address, Knob::ReversePath, Knob::Arp, Knob::MarkRule, Knob::LanRules, Knob::Marks, Knob::Masquerade, Knob::Firewall] {
            show(&format!("without {knob:?}"), &|b| without(wanted(b.server()), knob));
        }
        let _ = PATIENT;
        let _ = get;
        panic!();
    });
}
