//! The hops of a way, one function each.

use std::net::Ipv4Addr;

use hybridge_model::Cidr4;

use super::acl::{self, EPHEMERAL};
use super::group::{self, Admission, Side};
use super::network::{self, Face, Network, Target};
use super::{API_PORT, Flow, Hop, KUBELET_PORT, Path, Step, Verdict, WEBHOOK_PORTS};
use super::{prefix, remedy};
use crate::resolve::Cluster;
use crate::world::{Subnet, World};

/// What a way is looked up with.
pub(super) struct Way4<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) network: Network<'a>,
    pub(super) face: &'a Face,
    pub(super) subnet: Option<&'a Subnet>,
    pub(super) address: Ipv4Addr,
}

pub(super) fn follow(cluster: &Cluster, world: &World, address: Ipv4Addr) -> Vec<Path> {
    let site = site(cluster, address);
    let pod = cluster.pod_cidrs.iter().any(|network| network.contains(address));
    let endpoints = endpoints(cluster, world);
    let mut paths = Vec::new();
    if endpoints.public {
        paths.push(Path { flow: Flow::Api, address, interface: String::new(), hops: vec![site.clone(), over_the_internet(&endpoints)] });
    }
    let faces = network::faces(cluster, world);
    for face in &faces {
        let network = Network::of(world);
        let way = Way4 { cluster, network, face, subnet: network.subnet(&face.subnet), address };
        // Pods reach the API server at its interfaces' addresses, whatever its name resolves to.
        if !endpoints.public || pod {
            let hops = [vec![site.clone()], way.inwards((API_PORT, API_PORT), false), way.outwards(&[EPHEMERAL], true)].concat();
            paths.push(Path { flow: Flow::Api, address, interface: face.id.clone(), hops });
        }
        let (flow, ports) = if pod { (Flow::Webhook, webhook_ports()) } else { (Flow::Kubelet, vec![(KUBELET_PORT, KUBELET_PORT)]) };
        let hops = [way.outwards(&ports, false), vec![site.clone()], way.inwards(EPHEMERAL, true)].concat();
        paths.push(Path { flow, address, interface: face.id.clone(), hops });
    }
    if faces.is_empty() {
        let sentence = "nothing is known of the control plane's interfaces or subnets".to_owned();
        let hop = Hop { step: Step::Vpc, answer: false, id: String::new(), verdict: Verdict::Unknown, sentence, fix: None };
        paths.push(Path { flow: Flow::Kubelet, address, interface: String::new(), hops: vec![site, hop] });
    }
    paths
}

fn webhook_ports() -> Vec<(u16, u16)> {
    WEBHOOK_PORTS.iter().map(|port| (*port, *port)).collect()
}

fn site(cluster: &Cluster, address: Ipv4Addr) -> Hop {
    let hop = |verdict, sentence: String, fix| Hop { step: Step::Site, answer: false, id: address.to_string(), verdict, sentence, fix };
    let within = |networks: &[Cidr4]| networks.iter().find(|network| network.contains(address)).copied();
    if let Some(network) = within(&cluster.node_cidrs) {
        return hop(Verdict::Pass, format!("{address} lies in {network} of the remote node networks"), None);
    }
    if let Some(network) = within(&cluster.pod_cidrs) {
        return hop(Verdict::Pass, format!("{address} lies in {network} of the remote pod networks"), None);
    }
    let fix = "add its network to remoteNetworkConfig.remoteNodeNetworks, or give the machine an address in one of them";
    hop(
        Verdict::Broken,
        format!("{address} lies in no remote network, so EKS does not take the machine for a hybrid node and calls none of its ports"),
        Some(fix.into()),
    )
}

/// How the API server can be reached.
pub(crate) struct Endpoints {
    pub(crate) public: bool,
    pub(crate) private: bool,
    /// Who may use the public one.
    pub(crate) from: Vec<String>,
}

/// The live cluster's endpoints, or those that are wanted.
pub(crate) fn endpoints(cluster: &Cluster, world: &World) -> Endpoints {
    if let Some(live) = &world.cluster {
        let config = &live.resources_vpc_config;
        let (public, private) = (config.endpoint_public_access, config.endpoint_private_access);
        return Endpoints { public, private, from: config.public_access_cidrs.clone() };
    }
    wanted_endpoints(cluster)
}

/// The endpoints that the file asks for.
pub(crate) fn wanted_endpoints(cluster: &Cluster) -> Endpoints {
    let vpc = &cluster.config.vpc;
    if cluster.config.private_cluster.enabled {
        return Endpoints { public: false, private: true, from: Vec::new() };
    }
    let asked = &vpc.cluster_endpoints;
    let (public, private) = (asked.public_access.unwrap_or(true), asked.private_access.unwrap_or(false));
    Endpoints { public, private, from: vpc.public_access_cidrs.clone() }
}

fn over_the_internet(endpoints: &Endpoints) -> Hop {
    let hop = |verdict, sentence: String, fix| Hop { step: Step::Endpoint, answer: false, id: String::new(), verdict, sentence, fix };
    let whole: Cidr4 = Cidr4::containing(Ipv4Addr::UNSPECIFIED, 0).expect("0 is a prefix length");
    let from: Vec<Cidr4> = endpoints.from.iter().filter_map(|text| text.parse().ok()).collect();
    let open = endpoints.from.is_empty() || prefix::covered(&from, whole);
    let mode = if endpoints.private {
        "the public endpoint is on, so the name resolves to public addresses outside the VPC, although the private one is on, too"
    } else {
        "the endpoint is public"
    };
    if open {
        return hop(Verdict::Pass, format!("{mode}: these packets go over the internet, not through the VPC"), None);
    }
    hop(
        Verdict::Unknown,
        format!(
            "{mode}: these packets go over the internet and come from the site's public address, which has to be in {}",
            endpoints.from.join(", ")
        ),
        Some(
            "see which public address the site has (`curl https://checkip.amazonaws.com` on a node), and have it in vpc.publicAccessCIDRs"
                .into(),
        ),
    )
}

impl Way4<'_> {
    pub(super) fn hop(&self, step: Step, answer: bool, id: &str) -> Hop {
        Hop { step, answer, id: id.into(), verdict: Verdict::Pass, sentence: String::new(), fix: None }
    }

    /// From the site to the interface.
    fn inwards(&self, ports: (u16, u16), answer: bool) -> Vec<Hop> {
        let mut hops = vec![self.gateway_in(answer), self.vpc(answer), self.acl(false, &[ports], answer)];
        if !answer {
            hops.push(self.group(Side::In, &[ports.0]));
        }
        hops
    }

    /// From the interface to the site.
    fn outwards(&self, ports: &[(u16, u16)], answer: bool) -> Vec<Hop> {
        let mut hops = Vec::new();
        if !answer {
            hops.push(self.group(Side::Out, &ports.iter().map(|(port, _)| *port).collect::<Vec<_>>()));
        }
        hops.extend([self.acl(true, ports, answer), self.route(answer), self.gateway_out(answer)]);
        hops
    }

    fn group(&self, side: Side, ports: &[u16]) -> Hop {
        let step = if side == Side::In { Step::GroupIn } else { Step::GroupOut };
        let known: Vec<_> = self.face.groups.iter().filter_map(|id| self.network.group(id)).collect();
        let hop = self.hop(step, false, &self.face.groups.join(", "));
        let (address, preposition) = (self.address, if side == Side::In { "from" } else { "to" });
        let host = Cidr4::host(address);
        let judged: Vec<(u16, Admission)> = ports.iter().map(|port| (*port, group::admits(&known, side, host, ("tcp", *port)))).collect();
        let of = |wanted: fn(&Admission) -> bool| list(judged.iter().filter(|(_, it)| wanted(it)).map(|(port, _)| *port));
        let passing = of(|it| matches!(it, Admission::Yes));
        if !passing.is_empty() {
            return Hop { sentence: format!("a rule lets TCP {passing} {preposition} {address} pass"), ..hop };
        }
        let all = list(ports.iter().copied());
        if let Some(name) = judged.iter().find_map(|(_, it)| if let Admission::Perhaps(name) = it { Some(name) } else { None }) {
            let sentence = format!(
                "only a rule with the prefix list {name} may let TCP {all} {preposition} {address} pass, and what is in it is not known"
            );
            return Hop { verdict: Verdict::Unknown, sentence, ..hop };
        }
        if known.len() < self.face.groups.len() || known.is_empty() {
            let sentence =
                format!("no known rule lets TCP {all} {preposition} {address} pass, and not all groups of {} are known", self.face.id);
            return Hop { verdict: Verdict::Unknown, sentence, ..hop };
        }
        let (verb, group) = (if side == Side::In { "ingress" } else { "egress" }, &known[0].group_id);
        let network = self.remote_network().unwrap_or(host);
        let fix =
            self.aws(&format!("ec2 authorize-security-group-{verb} --group-id {group} {}", remedy::permission(verb, ports[0], network)));
        let sentence = format!("no rule of the security groups of {} lets TCP {all} {preposition} {address} pass", self.face.id);
        Hop { verdict: Verdict::Broken, sentence, fix: Some(fix), ..hop }
    }

    fn acl(&self, egress: bool, ports: &[(u16, u16)], answer: bool) -> Hop {
        let step = if egress { Step::AclOut } else { Step::AclIn };
        let Some(acl) = self.subnet.and_then(|subnet| self.network.acl(subnet)) else {
            return self.unknown(step, answer, &self.face.subnet, "the network ACL of its subnet is not known");
        };
        let hop = self.hop(step, answer, &acl.network_acl_id);
        let (address, preposition) = (self.address, if egress { "to" } else { "from" });
        let judged: Vec<_> = ports.iter().map(|range| acl::refused(acl, egress, Cidr4::host(address), *range)).collect();
        let text = ports.iter().map(|(from, to)| if from == to { from.to_string() } else { format!("{from}-{to}") });
        let text = text.collect::<Vec<_>>().join(", ");
        let Some(refused) = judged.iter().copied().collect::<Option<Vec<_>>>().and_then(|all| all.first().copied()) else {
            return Hop { sentence: format!("the network ACL lets TCP {text} {preposition} {address} pass"), ..hop };
        };
        let what = if answer { "answers at" } else { "TCP" };
        let why =
            if refused.rule == 32767 { "no rule allows it".into() } else { format!("rule {} denies port {}", refused.rule, refused.port) };
        let sentence = format!("the network ACL of {} does not let {what} {text} {preposition} {address} pass: {why}", self.face.subnet);
        let (from, to) = ports[0];
        let (flag, network) = (if egress { "--egress" } else { "--ingress" }, self.remote_network().unwrap_or(Cidr4::host(address)));
        let number = remedy::free_number(acl, egress, refused.rule);
        let fix = self.aws(&format!(
            "ec2 create-network-acl-entry --network-acl-id {} {flag} --rule-number {number} --protocol 6 --port-range From={from},To={to} --cidr-block {network} --rule-action allow",
            acl.network_acl_id
        ));
        Hop { verdict: Verdict::Broken, sentence, fix: Some(fix), ..hop }
    }

    /// Where the subnet's route table leads packets to the address.
    pub(super) fn target(&self) -> Option<(String, Option<(Target, bool)>)> {
        let table = self.network.table(self.subnet?)?;
        let found = prefix::longest(&network::routes(table), self.address).map(|(_, route)| route);
        Some((table.route_table_id.clone(), found.map(|route| (network::target(route), route.state == "blackhole"))))
    }

    fn route(&self, answer: bool) -> Hop {
        let Some((table, found)) = self.target() else {
            return self.unknown(Step::Route, answer, &self.face.subnet, "its subnet's route table is not known");
        };
        let hop = self.hop(Step::Route, answer, &table);
        let (address, subnet) = (self.address, &self.face.subnet);
        let broken = |sentence: String| Hop { verdict: Verdict::Broken, sentence, fix: Some(self.make_route(&table)), ..hop.clone() };
        match found {
            None => broken(format!("the route table of {subnet} has no route to {address}")),
            Some((_, true)) => broken(format!("the route of {subnet} to {address} is a blackhole: what it led to is gone or not attached")),
            Some((Target::Internet(id), false)) => {
                broken(format!("the route table of {subnet} leads packets to {address} to {id}, into the internet"))
            }
            Some((Target::Local, false)) => Hop {
                verdict: Verdict::Broken,
                sentence: format!("{address} lies in the VPC's own networks: packets to it never leave the VPC"),
                fix: Some("give hybrid nodes and pods networks that are not the VPC's".into()),
                ..hop
            },
            Some((Target::Transit(id) | Target::VirtualPrivate(id) | Target::Machine(id) | Target::Elsewhere(id), false)) => {
                Hop { sentence: format!("the route table of {subnet} leads packets to {address} to {id}"), ..hop }
            }
        }
    }

    fn make_route(&self, table: &str) -> String {
        let pods = self.cluster.pod_cidrs.iter().any(|network| network.contains(self.address));
        if pods && self.cluster.annotations.pod_routes_by_gateway {
            return "start the gateways: they point this route at themselves".into();
        }
        let network = self.remote_network().unwrap_or(Cidr4::host(self.address));
        self.aws(&remedy::create_route(self.cluster, table, network))
    }

    pub(super) fn unknown(&self, step: Step, answer: bool, id: &str, why: &str) -> Hop {
        let subject = if id.is_empty() { String::new() } else { format!("{id}: ") };
        Hop { verdict: Verdict::Unknown, sentence: format!("{subject}{why}"), ..self.hop(step, answer, id) }
    }

    /// The remote network that the address lies in.
    fn remote_network(&self) -> Option<Cidr4> {
        self.cluster.node_cidrs.iter().chain(&self.cluster.pod_cidrs).find(|network| network.contains(self.address)).copied()
    }

    pub(super) fn aws(&self, rest: &str) -> String {
        remedy::aws(self.cluster, rest)
    }
}

fn list(ports: impl Iterator<Item = u16>) -> String {
    ports.map(|port| port.to_string()).collect::<Vec<_>>().join(", ")
}
