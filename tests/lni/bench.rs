//! A world with one server or more, what the profile wants of each, and ways to have less than that.

use std::net::Ipv4Addr;
use std::thread;

use hybridge_lab::lni::{Announcer, Answer, BRIEF, Host, PATIENT, PORT, Port, Server, Service, World, far_cidr, get, lan_cidr};
use hybridge_lni::desired::desired;
use hybridge_lni::plan::plan;
use hybridge_lni::profile::{self, Addressing, Firewall, HostAddress, Lan, Match, Profile, Protocol, Range4, Vips};
use hybridge_lni::resolve::Lni;
use hybridge_lni::state::State;
use hybridge_lni_host::machine::Machine;
use hybridge_lni_host::store::Store;
use hybridge_model::MacAddr;
use hybridge_model::routing::Selector;
use hybridge_netlink::Netlink;

/// A port of the server that the profile opens.
pub(crate) const DECLARED: u16 = 9100;

/// A world, its Services and who announces them.
pub(crate) struct Bench {
    pub(crate) world: World,
    pub(crate) services: Vec<Service>,
    pub(crate) announcer: Option<Announcer>,
}

/// The machines that look from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// In the LAN.
    Cli,
    /// Behind the LAN's router, in a network that the profile names.
    Far,
    /// Behind the LAN's router, in a network that it does not name.
    Remote,
}

pub(crate) const CLIENTS: [Client; 3] = [Client::Cli, Client::Far, Client::Remote];

impl Bench {
    /// A world whose Services have their pods on the first server, which announces them.
    pub(crate) fn new(servers: u8, port: Port) -> Self {
        let mut world = World::build(servers, port).unwrap();
        for server in &mut world.servers {
            server.serve_on(DECLARED).unwrap();
        }
        let services = Service::all_of(&world.servers[0].plan);
        for server in &world.servers {
            server.proxy(&services).unwrap();
        }
        let mut bench = Self { world, services, announcer: None };
        bench.announce(0);
        bench
    }

    /// Only this server announces from now on.
    pub(crate) fn announce(&mut self, server: usize) {
        if let Some(before) = self.announcer.take() {
            before.stop();
        }
        let vips = self.services.iter().map(|service| *service.vip.ip());
        self.announcer = Some(Announcer::start(&self.world.servers[server], vips).unwrap());
    }

    pub(crate) fn server(&self) -> &Server {
        &self.world.servers[0]
    }

    pub(crate) fn client(&self, client: Client) -> &Host {
        match client {
            Client::Cli => &self.world.lan.cli,
            Client::Far => &self.world.lan.far,
            Client::Remote => &self.world.lan.remote,
        }
    }

    /// What each client gets of each Service, all asked at once: one row a client. Waits as long as `good` says that there is hope.
    pub(crate) fn answers(&self, good: impl Fn(Client, usize) -> bool) -> Vec<Vec<Answer>> {
        thread::scope(|scope| {
            let row = |client| {
                let asked = self.services.iter().enumerate().map(|(number, service)| {
                    let (from, to) = (self.client(client).ns.clone(), service.vip);
                    let patience = if good(client, number) { PATIENT } else { BRIEF };
                    scope.spawn(move || get(&from, to, patience))
                });
                asked.collect::<Vec<_>>()
            };
            let rows: Vec<_> = CLIENTS.map(row).into_iter().collect();
            rows.into_iter().map(|row| row.into_iter().map(|asked| asked.join().unwrap()).collect()).collect()
        })
    }

    /// As [`Self::answers`], told: one word of `+` and `-` a client, one sign a Service.
    pub(crate) fn outcome(&self, expected: [&str; 3]) -> [String; 3] {
        let hope = |client: Client, number: usize| expected[client as usize].as_bytes()[number] == b'+';
        let rows = self.answers(hope).into_iter();
        let told = rows.map(|row| row.iter().map(|answer| if answer.is_good() { '+' } else { '-' }).collect());
        told.collect::<Vec<String>>().try_into().unwrap()
    }
}

/// What the profile says for a server.
pub(crate) fn profile_of(server: &Server) -> Profile {
    let range = |first, last| Range4 { first: Ipv4Addr::new(192, 168, 2, first), last: Ipv4Addr::new(192, 168, 2, last) };
    Profile {
        which: Match::Mac(MacAddr::new(server.lni_mac.0)),
        mtu: 1500,
        vlan: None,
        address: Addressing::Static {
            cidr: HostAddress { address: server.plan.lni, prefix: 24 },
            gateway: Some(hybridge_lab::lni::LAN_ROUTER),
        },
        lan: Lan { cidrs: vec![lan_cidr(), far_cidr()], dhcp_range: None, gateway: None },
        routing: profile::Routing { table: 2100, mark: 0x2000, rule_priority: 600 },
        firewall: Firewall { host_ports: vec![profile::Port { protocol: Protocol::Tcp, port: DECLARED }], allow_from: vec![lan_cidr()] },
        vips: Vips { pools: vec![range(160, 190)], announcer: profile::Announcer::Metallb },
    }
}

/// The server's LNI, as it is there.
pub(crate) fn lni_of(server: &Server) -> Lni {
    let mac = MacAddr::new(server.lni_mac.0);
    let routing = in_node(server, async || Netlink::connect().unwrap().routing().await.unwrap());
    let link = routing.links.iter().find(|link| link.mac == Some(mac)).unwrap();
    assert_eq!(link.name, server.plan.names.lni, "the MAC address finds the LNI");
    Lni { profile: profile_of(server), link: link.index, name: link.name.clone(), mac, parent: None, vpc_routes: Vec::new() }
}

/// All that the profile wants.
pub(crate) fn wanted(server: &Server) -> State {
    desired(&lni_of(server), None)
}

/// One thing of the profile that can be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Knob {
    /// The address of the LNI.
    Address,
    /// Loose reverse-path filtering.
    ReversePath,
    /// ARP for addresses of this interface alone.
    Arp,
    /// The rule for marked packets.
    MarkRule,
    /// The rules for the LAN's networks.
    LanRules,
    /// The marks of connections and replies.
    Marks,
    /// The LNI's own address on what leaves by it.
    Masquerade,
    /// The firewall.
    Firewall,
}

/// The same without one thing.
pub(crate) fn without(mut state: State, knob: Knob) -> State {
    let strike = |state: &mut State, words: &str| {
        let text = state.ruleset.take().unwrap();
        assert!(text.contains(words), "nothing of `{words}` to take away");
        state.ruleset = Some(text.lines().filter(|line| !line.contains(words)).map(|line| format!("{line}\n")).collect());
    };
    match knob {
        Knob::Address => {
            state.addresses.clear();
            // The kernel takes no preferred source that is not there.
            state.routes = state.routes.into_iter().map(|route| hybridge_model::routing::TableRoute { source: None, ..route }).collect();
        }
        Knob::ReversePath => state.sysctls.retain(|name, _| !name.ends_with("rp_filter")),
        Knob::Arp => state.sysctls.retain(|name, _| !name.contains(".arp_")),
        Knob::MarkRule => state.rules.retain(|rule| !matches!(rule.selector, Selector::Mark { .. })),
        Knob::LanRules => state.rules.retain(|rule| !matches!(rule.selector, Selector::To(_))),
        Knob::Marks => strike(&mut state, " mark set "),
        Knob::Masquerade => strike(&mut state, " masquerade"),
        Knob::Firewall => strike(&mut state, "counter drop"),
    }
    state
}

/// Only the LNI itself: up, nothing else.
pub(crate) fn nothing(server: &Server) -> State {
    let wanted = wanted(server);
    State { link: wanted.link, up: true, mtu: wanted.mtu, ..State::default() }
}

/// Makes the LNI of a server like this, as `hybridge lni apply` does; a second look finds nothing left to do.
pub(crate) fn set(server: &Server, state: &State) {
    let lni = lni_of(server);
    let directory = tempfile::tempdir().unwrap();
    in_node(server, async || {
        let mut machine = Machine::open(Store::new(directory.path())).unwrap();
        for last in [false, true] {
            let routing = machine.netlink.routing().await.unwrap();
            let observed = machine.observe(&lni, state, &routing).await.unwrap();
            let changes = plan(state, &observed);
            assert!(!last || changes.is_empty(), "still to be done: {changes:#?}");
            let failures = machine.apply(&changes).await;
            assert!(failures.is_empty(), "{failures:?}");
        }
    });
}

/// Works inside a server.
pub(crate) fn in_node<T: Send>(server: &Server, work: impl AsyncFnOnce() -> T + Send) -> T {
    server.node.run(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(work())
    })
}

/// `host:80`.
pub(crate) fn port_of(host: Ipv4Addr) -> std::net::SocketAddrV4 {
    std::net::SocketAddrV4::new(host, PORT)
}

/// How many packets the server's kernel dropped because they came by another way than they would go.
pub(crate) fn filtered_by_reverse_path(server: &Server) -> u64 {
    hybridge_lab::lni::kernel_counter(&server.node, "TcpExt", "IPReversePathFilter").unwrap()
}
