//! x
#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]
use hybridge_lab::isolate::isolated;
use hybridge_lab::lni::*;

#[test]
fn s1() {
    isolated(|| {
        let t=std::time::Instant::now();
        let w = World::build(1, Port::Lni).unwrap();
        eprintln!("built in {:?}", t.elapsed());
        let s=&w.servers[0];
        let services = Service::all_of(&s.plan);
        s.proxy(&services).unwrap();
        let _a = Announcer::start(s, services.iter().map(|s| *s.vip.ip())).unwrap();
        eprintln!("{}", String::from_utf8_lossy(&s.node.command("nft").args(["list","ruleset"]).output().unwrap().stdout));
        for service in &services {
            eprintln!("{:?} node {} cli {}", service, get(&s.node, service.vip, BRIEF), get(&w.lan.cli.ns, service.vip, BRIEF));
        }
        eprintln!("{:?} {:?}", neighbours(&w.lan.cli.ns), s.lni_mac.to_string());
        eprintln!("rpf {:?}", kernel_counter(&s.node, "TcpExt", "IPReversePathFilter"));
        eprintln!("vpc pod1 {} pod2 {} host {}", get(&s.pods[0].ns, std::net::SocketAddrV4::new(w.vpc_host.address, 80), BRIEF), get(&s.pods[1].ns, std::net::SocketAddrV4::new(w.vpc_host.address, 80), BRIEF),get(&s.node, std::net::SocketAddrV4::new(w.vpc_host.address, 80), BRIEF));
        eprintln!("vpc drops {:?}", w.vpc.dropped());
        eprintln!("to pod1 {} pod2 {}", get(&w.vpc_host.ns, std::net::SocketAddrV4::new(s.pods[0].address, 80), BRIEF), get(&w.vpc_host.ns, std::net::SocketAddrV4::new(s.pods[1].address, 80), BRIEF));
        panic!("look");
    });
}
