//! The agent of an LNI on a machine of its own: from nothing to answering, what others undo, what goes away and comes back.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by a panic; measurements are told")]

mod lni_setting;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use hybridge_lab::imds::{Imds, Interface, Metadata};
use hybridge_lab::isolate::isolated;
use hybridge_lab::netns::Netns;
use hybridge_lni::plan::Change;
use hybridge_lni_host::machine::Machine;
use hybridge_lni_host::store::Store;
use lni_setting::{MAC, Setting, block_on, eventually, ip, routing, run, seen};
use serde_json::Value;

#[test]
fn from_the_carrier_to_an_answer_in_the_lan() {
    isolated(|| {
        let setting = Setting::new();
        setting.in_lan("link set lan0 down");
        let agent = setting.agent(false);
        setting.until(10, "waiting for the carrier", |status| status["phase"] == "no-carrier");
        // Protected before it can be reached.
        assert!(run("nft", "list table inet hybridge_lni").is_ok());
        setting.in_lan("link set lan0 up");
        let carrier = Instant::now();
        eventually(Duration::from_secs(10), || {
            setting.lan.run(|| std::net::TcpStream::connect_timeout(&([192, 168, 2, 10], 9).into(), Duration::from_millis(50)).is_err())
                && setting
                    .lan
                    .command("ip")
                    .args(["neigh", "show", "192.168.2.10"])
                    .output()
                    .unwrap()
                    .stdout
                    .windows(17)
                    .any(|it| it == MAC.as_bytes())
        })
        .unwrap();
        println!("from the carrier until the LAN knows the machine: {:?}", carrier.elapsed());
        let status = setting.until_ready();
        assert_eq!((&status["address"], &status["interface"]), (&Value::from("192.168.2.10/24"), &Value::from("eth1")));
        assert_eq!(status["repairs"], 0, "{}", setting.logged());
        agent.stop();
    });
}

#[test]
fn what_others_undo_is_put_back_at_once() {
    isolated(|| {
        let setting = Setting::new();
        let agent = setting.agent(false);
        setting.until_ready();
        let whole = seen();
        agent.stop();
        for (actor, program, command) in [
            ("an address is flushed, as the VPC CNI does", "ip", "address flush dev eth1"),
            ("rules are deleted, as networkd does", "ip", "rule flush table 2100"),
            ("the routes are flushed", "ip", "route flush table 2100"),
            ("the link is taken down", "ip", "link set eth1 down"),
            ("the ruleset is flushed, as nftables.service does", "nft", "flush ruleset"),
            ("one rule of ours is taken from nftables", "nft", "flush chain inet hybridge_lni lni_in"),
            ("a sysctl is set", "sysctl", "-qw net.ipv4.conf.eth1.rp_filter=1"),
            ("an address of the VPC is put on the LNI", "ip", "address add 10.50.80.77/20 dev eth1"),
            ("a route of others is put into our table", "ip", "route add 10.9.0.0/16 dev eth1 table 2100"),
        ] {
            // A new one each time, as repairs of what was taken often wait on purpose.
            let agent = setting.agent(false);
            setting.until_ready();
            run(program, command).unwrap();
            let took = eventually(Duration::from_secs(5), || seen() == whole);
            let took = took.unwrap_or_else(|| panic!("{actor}: {:#?} instead of {whole:#?}\n{}", seen(), setting.logged()));
            let status = setting.until(5, "told", |status| status["phase"] == "ready" && status["repairs"].as_u64() > Some(0));
            let own = status["lastRepair"]["milliseconds"].as_u64().unwrap();
            println!("{own:>4} ms by the agent's clock, seen from outside after {took:.0?}: {actor}");
            agent.stop();
        }
        let _agent = setting.agent(false);
        setting.until_ready();
        // Foreign things stay.
        ip("rule add from 10.0.0.7 lookup 77 priority 1536").unwrap();
        ip("route add 10.9.0.0/16 dev eth0 table 77").unwrap();
        ip("address flush dev eth1").unwrap();
        eventually(Duration::from_secs(5), || seen() == whole).unwrap();
        assert!(ip("rule show").unwrap().contains("lookup 77") && ip("route show table 77").unwrap().contains("10.9.0.0/16"));
    });
}

#[test]
fn who_takes_the_same_again_and_again_is_named_and_still_undone() {
    isolated(|| {
        let setting = Setting::new();
        let _agent = setting.agent(false);
        setting.until_ready();
        let whole = seen();
        for _ in 0..4 {
            run("nft", "flush ruleset").unwrap();
            eventually(Duration::from_secs(5), || seen() == whole).unwrap();
        }
        let status = setting.until(5, "contested", |status| !status["contested"].as_array().unwrap().is_empty());
        assert_eq!((&status["contested"][0]["object"], &status["contested"][0]["culprit"]), (&"ruleset".into(), &"nftables".into()));
        let log = setting.logged();
        assert!(log.contains("LniContested") && log.contains("flush only the tables"), "{log}");
    });
}

#[test]
fn the_interface_vanishes_and_comes_back() {
    isolated(|| {
        let setting = Setting::new();
        let _agent = setting.agent(false);
        setting.until_ready();
        let whole = seen();
        // With another index, as one that is detached and attached again has.
        ip("link del eth1").unwrap();
        setting.until(5, "without interface", |status| status["phase"] == "no-interface");
        ip("link add other type bridge").unwrap();
        setting.plug_in();
        setting.until_ready();
        eventually(Duration::from_secs(5), || seen() == whole).unwrap_or_else(|| panic!("{:#?}\n{}", seen(), setting.logged()));

        setting.in_lan("link set lan0 down");
        setting.until(5, "without carrier", |status| status["phase"] == "no-carrier");
        setting.in_lan("link set lan0 up");
        setting.until_ready();
        assert_eq!(setting.status()["repairs"], 0, "{}", setting.logged());
    });
}

/// Instance metadata with two interfaces, of which the LNI is the one at index 14.
fn metadata() -> Metadata {
    let interface =
        |mac: &str, device_number, address| Interface { mac: mac.into(), device_number, ipv4s: vec![address], ..Interface::default() };
    let first = Ipv4Addr::new(10, 50, 80, 10);
    Metadata {
        instance_id: "i-0123456789abcdef0".into(),
        instance_type: "c6id.8xlarge".into(),
        architecture: "x86_64".into(),
        availability_zone: "us-west-2a".into(),
        region: "us-west-2".into(),
        account: "123456789012".into(),
        local_ipv4: first,
        local_hostname: "ip-10-50-80-10.us-west-2.compute.internal".into(),
        interfaces: vec![interface("02:00:00:00:00:aa", 0, first), interface(MAC, 14, Ipv4Addr::new(10, 50, 80, 77))],
        user_data: None,
        credentials: None,
        more: BTreeMap::new(),
    }
}

#[test]
fn instance_metadata_is_needed_once() {
    isolated(|| {
        let setting = Setting::new();
        setting.by_device_index(14);
        let here = Netns::current("machine").unwrap();
        let endpoint: SocketAddr = "127.0.0.1:8169".parse().unwrap();
        let served = Imds::of_one(&metadata()).serve(&here, endpoint).unwrap();
        let agent = setting.agent(false);
        setting.until_ready();
        let whole = seen();
        agent.stop();

        // The region is gone, and the machine starts again.
        served.stop();
        ip("address flush dev eth1").unwrap();
        let agent = setting.agent(false);
        setting.until_ready();
        assert_eq!(seen(), whole);
        agent.stop();

        // A machine that has never been told does not guess.
        assert!(setting.apply(&["--cleanup"]).status.success());
        let _agent = setting.agent(false);
        let status = setting.until(20, "without interface", |status| status["phase"] == "no-interface");
        assert_eq!(status["findings"][0]["code"], "lni.metadata", "{status:#}");
    });
}

#[test]
fn an_address_that_somebody_else_has_is_not_taken() {
    isolated(|| {
        let setting = Setting::new();
        setting.in_lan("address add 192.168.2.10/24 dev lan0");
        let refused = setting.apply(&[]);
        assert_eq!(refused.status.code(), Some(1));
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(said.contains("lni.duplicate-address"), "{said}");
        let _agent = setting.agent(false);
        let status = setting.until(10, "duplicate", |status| status["phase"] == "duplicate-address");
        assert_eq!(status["findings"][0]["code"], "lni.duplicate-address");
        assert!(!ip("-4 address show dev eth1").unwrap().contains("192.168.2.10"));
        assert!(run("nft", "list table inet hybridge_lni").is_ok());
        setting.in_lan("address del 192.168.2.10/24 dev lan0");
        setting.until(15, "ready", |status| status["phase"] == "ready" && status["findings"].as_array().unwrap().is_empty());
    });
}

#[test]
fn applied_twice_there_is_nothing_to_do_and_cleanup_leaves_nothing() {
    isolated(|| {
        let setting = Setting::new();
        let bare = seen();
        let planned = setting.apply(&["--dry-run"]);
        assert_eq!(seen(), bare, "a dry run changed something");
        let done = setting.apply(&[]);
        let text = |output: &std::process::Output| String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(done.status.success() && text(&done) == text(&planned) && text(&done).lines().count() > 8, "{done:?} {planned:?}");
        let whole = seen();
        assert_eq!(text(&setting.apply(&[])), "nothing to do\n");
        // The agent goes on from there, and leaves everything when it is told to stop.
        let agent = setting.agent(false);
        setting.until_ready();
        agent.stop();
        assert_eq!(seen(), whole);
        assert_eq!(setting.status()["phase"], "stopped");

        assert!(setting.apply(&["--cleanup", "--dry-run"]).status.success());
        assert_eq!(seen(), whole);
        let cleaned = setting.apply(&["--cleanup"]);
        assert!(cleaned.status.success(), "{cleaned:?}");
        assert_eq!(seen(), bare);
        assert!(!setting.state_dir().exists());
        assert_eq!(text(&setting.apply(&["--cleanup"])), "nothing to do\n");
    });
}

#[test]
fn killed_at_any_step_the_next_run_ends_where_it_should() {
    isolated(|| {
        let setting = Setting::new();
        let planned = setting.apply(&["--dry-run", "-o", "json"]);
        let report: Value = serde_json::from_slice(&planned.stdout).unwrap();
        let changes: Vec<Change> = serde_json::from_value(report["changes"].clone()).unwrap();
        assert!(setting.apply(&[]).status.success());
        let whole = seen();
        for steps in 0..=changes.len() {
            assert!(setting.apply(&["--cleanup"]).status.success());
            ip("link set eth1 down").unwrap();
            block_on(async {
                let mut machine = Machine::open(Store::new(&setting.state_dir())).unwrap();
                assert!(machine.apply(&changes[..steps]).await.is_empty());
            });
            let again = setting.apply(&[]);
            assert!(again.status.success(), "{again:?}");
            assert_eq!(seen(), whole, "after {steps} steps");
        }
    });
}

#[test]
fn systemd_is_told_and_an_idle_agent_takes_no_time_and_little_memory() {
    isolated(|| {
        let setting = Setting::new();
        let path = setting.files.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let agent = setting.agent_with("NOTIFY_SOCKET", &path);
        let mut buffer = [0; 100];
        let mut told = Vec::new();
        while !told.iter().any(|text| text == "READY=1") {
            let length = socket.recv(&mut buffer).unwrap();
            told.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
        }
        setting.until_ready();
        // What it did for our own questions is over when nothing is left to hear.
        let ticks = || {
            let stat = agent.proc("stat");
            let fields: Vec<u64> = stat.rsplit(") ").next().unwrap().split(' ').filter_map(|field| field.parse().ok()).collect();
            // utime and stime, fields 14 and 15 of the file; state is no number.
            fields[10] + fields[11]
        };
        let switches = || {
            let status = agent.proc("status");
            let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches")).unwrap().to_owned();
            line.rsplit('\t').next().unwrap().parse::<u64>().unwrap()
        };
        std::thread::sleep(Duration::from_millis(200));
        let (before, woken) = (ticks(), switches());
        std::thread::sleep(Duration::from_secs(3));
        let (spent, wakings) = (ticks() - before, switches() - woken);
        let kilobytes = |name: &str| {
            let status = agent.proc("status");
            let line = status.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
            line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
        };
        println!(
            "idle for 3 s: {spent} ticks, {wakings} wakings; resident {} kB, of that anonymous {} kB",
            kilobytes("VmRSS"),
            kilobytes("RssAnon")
        );
        assert_eq!((spent, wakings), (0, 0));
        assert!(kilobytes("RssAnon") < 10_000);
        let count = agent.proc("status").lines().find(|line| line.starts_with("Threads")).unwrap().to_owned();
        println!("{count}; {} links", routing().links.len());
        agent.stop();
    });
}
