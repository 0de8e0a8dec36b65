//! Two servers, one of which announces.

use std::time::{Duration, Instant};

use hybridge_lab::isolate::isolated;
use hybridge_lab::lni::{BRIEF, PATIENT, Port, get, neighbours};

use crate::bench::*;

/// Gratuitous ARP passes the ports of both servers, and the client's kernel follows it. Pods stay where they are: what comes in by another
/// server than theirs comes back by it with policy Cluster, and is dropped there with policy Local.
#[test]
fn a_client_follows_the_server_that_takes_over() {
    isolated(|| {
        let mut bench = Bench::new(2, Port::Lni);
        for server in &bench.world.servers {
            set(server, &wanted(server));
        }
        let whole = ["+++++", "+++++", "+++++"];
        assert_eq!(bench.outcome(whole), whole);
        let cli = bench.client(Client::Cli).ns.clone();
        let vip = *bench.services[0].vip.ip();
        assert_eq!(neighbours(&cli).unwrap()[&vip], bench.world.servers[0].lni_mac.to_string());
        let begin = Instant::now();
        bench.announce(1);
        let new = bench.world.servers[1].lni_mac.to_string();
        while neighbours(&cli).unwrap()[&vip] != new {
            assert!(begin.elapsed() < Duration::from_secs(1), "the client still believes {:?}", neighbours(&cli));
            std::thread::yield_now();
        }
        assert!(get(&cli, bench.services[0].vip, PATIENT).is_good());
        assert!(begin.elapsed() < Duration::from_secs(1), "took {:?}", begin.elapsed());
        let of_others = ["+-+--", "+-+--", "+-+--"];
        assert_eq!(bench.outcome(of_others), of_others);
        assert!(!get(&cli, bench.services[1].vip, BRIEF).is_good());
    });
}
