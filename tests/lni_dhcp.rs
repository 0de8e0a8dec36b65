//! The agent's DHCP client against dnsmasq: first lease, renewal, refusal, another address, no server.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by a panic; measurements are told")]

mod lni_setting;

use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use hybridge_lab::isolate::isolated;
use jiff::{SignedDuration, Timestamp};
use lni_setting::{Setting, eventually, ip};
use serde_json::Value;

/// dnsmasq in the LAN, which gives out addresses of 192.168.2.`range` and has them renewed after 2 s; killed when dropped.
struct Server {
    process: Child,
    log: PathBuf,
}

impl Server {
    fn start(setting: &Setting, range: &str) -> Self {
        let (first, last) = range.split_once('-').unwrap();
        let log = setting.files.path().join(format!("dnsmasq-{range}.log"));
        let process = setting
            .lan
            .command("dnsmasq")
            .args(["--keep-in-foreground", "--conf-file=/dev/null", "--no-hosts", "--port=0", "--user=root", "--group=root"])
            .args(["--interface=lan0", "--bind-interfaces", "--dhcp-authoritative", "--no-ping", "--log-dhcp", "--pid-file="])
            .arg(format!("--dhcp-range=192.168.2.{first},192.168.2.{last},255.255.255.0,120"))
            .args(["--dhcp-option=option:T1,2", "--dhcp-option=option:T2,4"])
            .arg(format!("--dhcp-leasefile={}", setting.files.path().join(format!("leases-{range}")).display()))
            .arg(format!("--log-facility={}", log.display()))
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { process, log };
        // It answers as soon as it has opened its socket, which it says.
        eventually(Duration::from_secs(5), || server.logged().contains("DHCP, IP range")).unwrap();
        server
    }

    fn logged(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// How often it said a word of the protocol.
    fn times(&self, word: &str) -> usize {
        self.logged().lines().filter(|line| line.contains(word)).count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// The address that the agent tells, if it is the one in the kernel.
fn address(status: &Value) -> Option<String> {
    let (told, prefix) = status["address"].as_str()?.split_once('/')?;
    let there = ip("-4 -o address show dev eth1").unwrap().contains(&format!("{told}/{prefix}"));
    there.then(|| told.to_owned())
}

/// Lines about this address in the kernel, wherever.
fn traces(address: &str) -> Vec<String> {
    let questions = ["-4 -o address show", "route show table 2100", "route show table main", "rule show"];
    let all = questions.map(|question| ip(question).unwrap_or_default()).join("\n");
    all.lines().filter(|line| line.contains(address)).map(str::to_owned).collect()
}

#[test]
fn a_lease_is_taken_and_renewed() {
    isolated(|| {
        let setting = Setting::new();
        let server = Server::start(&setting, "100-110");
        let start = Instant::now();
        let agent = setting.agent(true);
        let status = setting.until_ready();
        println!("from the start of the agent to an address by DHCP: {:?}", start.elapsed());
        let first = address(&status).unwrap();
        assert!(first.starts_with("192.168.2.10"), "{first}");
        let routes = ip("route show table 2100").unwrap();
        assert!(routes.contains("default via 192.168.2.1") && routes.contains(&format!("src {first}")), "{routes}");
        assert!(!ip("route show table main").unwrap().contains("default"), "the machine's default route was touched");

        // Asked alone after T1, and again after the next.
        eventually(Duration::from_secs(10), || server.times("DHCPACK") >= 3)
            .unwrap_or_else(|| panic!("{}\n{}", server.logged(), setting.logged()));
        assert_eq!((server.times("DHCPDISCOVER"), server.times("DHCPNAK")), (1, 0), "{}", server.logged());
        let renewed = setting.until(5, "renewed", |status| status["lease"]["since"] != Value::Null);
        assert_eq!(address(&renewed).unwrap(), first);
        assert_eq!(renewed["repairs"], 0, "{}", setting.logged());

        // Started again it asks for the same, and nothing changes meanwhile.
        agent.stop();
        let lines = traces(&first);
        let _agent = setting.agent(true);
        setting.until_ready();
        assert_eq!(traces(&first), lines);
        assert_eq!(server.times("DHCPDISCOVER"), 1, "{}", server.logged());
    });
}

#[test]
fn a_refused_address_is_gone_and_another_one_has_all_its_rules() {
    isolated(|| {
        let setting = Setting::new();
        let server = Server::start(&setting, "100-110");
        let _agent = setting.agent(true);
        let first = address(&setting.until_ready()).unwrap();
        drop(server);
        let server = Server::start(&setting, "200-210");
        let status = setting.until(20, "moved", |status| address(status).is_some_and(|address| address.starts_with("192.168.2.20")));
        let second = address(&status).unwrap();
        assert!(server.times("DHCPNAK") >= 1, "{}", server.logged());
        assert_eq!(traces(&first), Vec::<String>::new(), "{}", setting.logged());
        assert!(traces(&second).len() >= 3, "{:?}", traces(&second));
        let log = setting.logged();
        assert!(log.contains("refused the address"), "{log}");
    });
}

/// Rewrites the saved lease so that it ends after `seconds`.
fn shorten(setting: &Setting, seconds: i64) {
    let path = setting.state_dir().join("memory.json");
    let mut memory: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let after = |part: i64| Value::from((Timestamp::now() + SignedDuration::from_millis(seconds * 1000 * part / 8)).to_string());
    for (name, part) in [("renew", 4), ("rebind", 7), ("expires", 8)] {
        memory["lease"][name] = after(part);
    }
    std::fs::write(&path, memory.to_string()).unwrap();
}

#[test]
fn without_a_server_the_saved_lease_is_used_until_its_end() {
    isolated(|| {
        let setting = Setting::new();
        let server = Server::start(&setting, "100-110");
        let agent = setting.agent(true);
        let first = address(&setting.until_ready()).unwrap();
        agent.stop();
        drop(server);

        // The machine was off: nothing in the kernel, a lease in the file, nobody to ask.
        ip("address flush dev eth1").unwrap();
        shorten(&setting, 14);
        let agent = setting.agent(true);
        let status = setting.until(12, "ready with the saved lease", |status| status["phase"] == "ready");
        assert_eq!(address(&status).unwrap(), first);
        assert!(setting.logged().contains("uses the saved lease"), "{}", setting.logged());
        // Then it is over.
        setting.until(20, "without an address", |status| status["phase"] == "no-address");
        assert_eq!(traces(&first), Vec::<String>::new());
        assert!(setting.logged().contains("the address is given up"), "{}", setting.logged());
        // The firewall stays, and as soon as there is a server, there is an address.
        assert!(ip("rule show").unwrap().contains("lookup 2100"));
        let _server = Server::start(&setting, "100-110");
        setting.until(70, "ready again", |status| status["phase"] == "ready");
        agent.stop();
    });
}
