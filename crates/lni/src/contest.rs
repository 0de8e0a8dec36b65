//! Who fights over the LNI: the same object taken again and again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::time::Duration;

use hybridge_model::Cidr4;
use hybridge_model::routing::{InterfaceAddress, RoutingChange, Rule, TableRoute};
use serde::{Deserialize, Serialize};

use crate::plan::Change;

/// An object that is taken this often within [`WINDOW`] is contested.
pub const TIMES: usize = 3;
/// How long a taking counts.
pub const WINDOW: Duration = Duration::from_secs(5 * 60);
/// The longest pause before a repair.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The longest pause before the firewall is put back: no security group protects an LNI.
const LONGEST_PAUSE_OPEN: Duration = Duration::from_millis(500);

/// What was taken, or put where it does not belong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Object {
    /// Our nftables tables.
    Ruleset,
    /// State or MTU of the link.
    Link,
    /// The address.
    Address(InterfaceAddress),
    /// An address that somebody puts on the LNI.
    ForeignAddress(InterfaceAddress),
    /// A route.
    Route(TableRoute),
    /// A rule.
    Rule(Rule),
    /// A sysctl.
    Sysctl(String),
    /// A route or rule that somebody adds to our table.
    ForeignRouting(String),
}

impl From<&Change> for Object {
    fn from(change: &Change) -> Self {
        match change {
            Change::Ruleset(_) | Change::DeleteRuleset => Self::Ruleset,
            Change::Sysctl { name, .. } => Self::Sysctl(name.clone()),
            Change::Routing(change) => match change {
                RoutingChange::SetLink { .. } => Self::Link,
                RoutingChange::SetAddress(address) => Self::Address(*address),
                RoutingChange::DeleteAddress(address) => Self::ForeignAddress(*address),
                RoutingChange::SetRoute(route) => Self::Route(*route),
                RoutingChange::SetRule(rule) => Self::Rule(rule.clone()),
                RoutingChange::DeleteRoute(route) => Self::ForeignRouting(route.to_string()),
                RoutingChange::DeleteRule(rule) => Self::ForeignRouting(rule.to_string()),
            },
        }
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ruleset => f.write_str("nftables tables inet hybridge_lni and ip hybridge_lni_nat"),
            Self::Link => f.write_str("state or MTU of the link"),
            Self::Address(address) => write!(f, "address {}/{}", address.address, address.prefix),
            Self::ForeignAddress(address) => write!(f, "foreign address {}/{}", address.address, address.prefix),
            Self::Route(route) => write!(f, "route {route}"),
            Self::Rule(rule) => write!(f, "rule {rule}"),
            Self::Sysctl(name) => write!(f, "sysctl {name}"),
            Self::ForeignRouting(words) => write!(f, "foreign route or rule {words}"),
        }
    }
}

/// What is known about who may have done it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clues {
    /// Units of systemd that are active or enabled.
    pub units: BTreeSet<String>,
    /// Networks of the VPC.
    pub vpc_cidrs: Vec<Cidr4>,
    /// Process that last changed nftables, other than ours.
    pub process: Option<String>,
}

/// Who probably does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Culprit {
    /// The VPC CNI's ipamd, which takes the LNI for an interface of its own.
    Ipamd,
    /// ec2-net-utils (amazon-ec2-net-utils), or the udev manager of the EKS AMI.
    Ec2NetUtils,
    /// nm-cloud-setup of NetworkManager.
    NmCloudSetup,
    /// systemd-networkd, which removes rules and routes that it did not make.
    Networkd,
    /// NetworkManager itself.
    NetworkManager,
    /// firewalld.
    Firewalld,
    /// A unit or person who loads a whole ruleset: nftables.service begins with `flush ruleset`.
    Nftables,
    /// Something that applies sysctls again: systemd-sysctl, tuned.
    Sysctl,
    /// Nobody that we know.
    Unknown,
}

impl Culprit {
    /// What to do about it; one sentence without a full stop.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Ipamd => "tag the network interface node.k8s.amazonaws.com/no_manage=true when it is created, and restart aws-node",
            Self::Ec2NetUtils => {
                "disable policy-routes@ and refresh-policy-routes@ for this interface; `hybridge lni render` writes the file that does"
            }
            Self::NmCloudSetup => "disable it: `systemctl disable --now nm-cloud-setup.timer nm-cloud-setup.service`",
            Self::Networkd => "set ManageForeignRoutingPolicyRules=no and ManageForeignRoutes=no in /etc/systemd/networkd.conf.d",
            Self::NetworkManager => "render the profile for NetworkManager: `hybridge lni render --for network-manager`",
            Self::Firewalld => "let firewalld leave other tables alone: FlushAllOnReload=no, or disable it on this node",
            Self::Nftables => "let nobody run `nft flush ruleset`: flush only the tables that your own file defines",
            Self::Sysctl => "set the same values in /etc/sysctl.d; `hybridge lni render` writes them",
            Self::Unknown => "`ip monitor address route rule` and `nft monitor` show when it happens; auditd shows who",
        }
    }
}

impl fmt::Display for Culprit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ipamd => "the VPC CNI (ipamd)",
            Self::Ec2NetUtils => "ec2-net-utils or the udev manager of the EKS AMI",
            Self::NmCloudSetup => "nm-cloud-setup",
            Self::Networkd => "systemd-networkd",
            Self::NetworkManager => "NetworkManager",
            Self::Firewalld => "firewalld",
            Self::Nftables => "somebody who loads a whole ruleset (nftables.service, nft -f)",
            Self::Sysctl => "somebody who applies sysctls (systemd-sysctl, tuned)",
            Self::Unknown => "somebody unknown",
        })
    }
}

/// A contested object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Contest {
    /// What is taken.
    pub object: Object,
    /// How often within [`WINDOW`].
    pub times: usize,
    /// Who probably does it.
    pub culprit: Culprit,
}

/// What was repaired lately. Times are those of a clock that only goes forward, since any moment.
#[derive(Clone, Debug, Default)]
pub struct Repairs {
    taken: BTreeMap<Object, VecDeque<Duration>>,
}

impl Repairs {
    /// Remembers a repair: what was put back although nothing else was wanted than before.
    pub fn record(&mut self, now: Duration, changes: &[Change]) {
        for change in changes {
            let times = self.taken.entry(Object::from(change)).or_default();
            times.push_back(now);
            // No more is ever asked for than when contested and for how long to pause.
            if times.len() > TIMES + 32 {
                times.pop_front();
            }
        }
    }

    /// Forgets what is older than [`WINDOW`].
    pub fn forget(&mut self, now: Duration) {
        for times in self.taken.values_mut() {
            while times.front().is_some_and(|time| now.saturating_sub(*time) > WINDOW) {
                times.pop_front();
            }
        }
        self.taken.retain(|_, times| !times.is_empty());
    }

    /// How long to wait before these changes are made: not at all at first, then longer each time that the same object is taken.
    pub fn pause(&self, changes: &[Change]) -> Duration {
        let open = changes.iter().any(|change| matches!(change, Change::Ruleset(_)));
        let often = changes.iter().filter_map(|change| self.taken.get(&Object::from(change))).map(VecDeque::len).max().unwrap_or(0);
        let Some(more) = often.checked_sub(TIMES) else { return Duration::ZERO };
        let pause = Duration::from_millis(250).saturating_mul(1 << more.min(10));
        pause.min(if open { LONGEST_PAUSE_OPEN } else { LONGEST_PAUSE })
    }

    /// What is contested now, and by whom probably.
    pub fn contested(&self, clues: &Clues) -> Vec<Contest> {
        let often: Vec<_> = self.taken.iter().filter(|(_, times)| times.len() >= TIMES).collect();
        let objects: BTreeSet<&Object> = often.iter().map(|(object, _)| *object).collect();
        let contest = |(object, times): &(&Object, &VecDeque<Duration>)| Contest {
            object: (*object).clone(),
            times: times.len(),
            culprit: culprit(object, &objects, clues),
        };
        often.iter().map(contest).collect()
    }
}

/// Who probably takes `object`, judged by all that is taken, and by who is there to do it.
fn culprit(object: &Object, all: &BTreeSet<&Object>, clues: &Clues) -> Culprit {
    let active = |names: &[&str]| clues.units.iter().any(|unit| names.iter().any(|name| unit.starts_with(name)));
    let foreign: Vec<_> = all
        .iter()
        .filter_map(|object| match object {
            Object::ForeignAddress(address) => Some(address.address),
            Object::Ruleset | Object::Link | Object::Address(_) | Object::Route(_) | Object::Rule(_) => None,
            Object::Sysctl(_) | Object::ForeignRouting(_) => None,
        })
        .collect();
    let of_the_vpc = foreign.iter().any(|address| clues.vpc_cidrs.iter().any(|cidr| cidr.contains(*address)));
    match object {
        Object::Ruleset => match clues.process.as_deref() {
            Some("firewalld") => Culprit::Firewalld,
            // firewalld runs python3 and loads libnftables; older ones run nft.
            Some(process) if process.starts_with("python") && active(&["firewalld"]) => Culprit::Firewalld,
            Some("nft") => Culprit::Nftables,
            Some(_) | None if active(&["firewalld"]) => Culprit::Firewalld,
            Some(_) | None if active(&["nftables"]) => Culprit::Nftables,
            Some(_) | None => Culprit::Unknown,
        },
        Object::Sysctl(_) => Culprit::Sysctl,
        // ipamd removes every address of an interface that it manages and adds EC2's; nm-cloud-setup and ec2-net-utils only add.
        Object::Address(_) | Object::ForeignAddress(_) | Object::Route(_) if of_the_vpc => {
            let ours_goes = all.iter().any(|object| matches!(object, Object::Address(_)));
            if ours_goes || !active(&["nm-cloud-setup", "policy-routes@", "refresh-policy-routes@", "udev-net-manager@"]) {
                Culprit::Ipamd
            } else {
                adder(&active)
            }
        }
        Object::ForeignAddress(_) | Object::ForeignRouting(_) => adder(&active),
        Object::Address(_) | Object::Route(_) | Object::Rule(_) | Object::Link => {
            if active(&["policy-routes@", "refresh-policy-routes@", "udev-net-manager@"]) {
                Culprit::Ec2NetUtils
            } else if active(&["nm-cloud-setup"]) {
                Culprit::NmCloudSetup
            } else if active(&["systemd-networkd.service"]) {
                Culprit::Networkd
            } else if active(&["NetworkManager.service"]) {
                Culprit::NetworkManager
            } else {
                Culprit::Unknown
            }
        }
    }
}

/// Who adds addresses, routes and rules for interfaces of EC2.
fn adder(active: &impl Fn(&[&str]) -> bool) -> Culprit {
    if active(&["nm-cloud-setup"]) {
        Culprit::NmCloudSetup
    } else if active(&["policy-routes@", "refresh-policy-routes@", "udev-net-manager@"]) {
        Culprit::Ec2NetUtils
    } else {
        Culprit::Unknown
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use hybridge_model::routing::Selector;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn address(octets: [u8; 4]) -> InterfaceAddress {
        InterfaceAddress { link: 3, address: Ipv4Addr::from(octets), prefix: 24 }
    }

    fn ours_back() -> Change {
        Change::Routing(RoutingChange::SetAddress(address([192, 168, 2, 10])))
    }

    fn theirs_away() -> Change {
        Change::Routing(RoutingChange::DeleteAddress(address([10, 50, 80, 77])))
    }

    fn rule_back() -> Change {
        let selector = Selector::Mark { mark: 0x2000, mask: 0x2000 };
        Change::Routing(RoutingChange::SetRule(Rule { priority: 600, selector, table: 2100, protocol: 105 }))
    }

    fn ruleset_back() -> Change {
        Change::Ruleset("table".into())
    }

    fn clues(units: &[&str], process: Option<&str>) -> Clues {
        Clues {
            units: units.iter().map(|unit| (*unit).to_owned()).collect(),
            vpc_cidrs: vec!["10.50.0.0/16".parse().unwrap()],
            process: process.map(str::to_owned),
        }
    }

    #[test]
    fn the_third_time_in_five_minutes_is_a_contest_and_quiet_ends_it() {
        let mut repairs = Repairs::default();
        for minute in [0, 2, 4] {
            assert!(repairs.contested(&Clues::default()).is_empty());
            repairs.record(SECOND * 60 * minute, &[rule_back()]);
        }
        let contested = repairs.contested(&Clues::default());
        assert_eq!(contested.iter().map(|contest| contest.times).collect::<Vec<_>>(), [3]);
        // The first is older than the window.
        repairs.forget(SECOND * 301);
        assert!(repairs.contested(&Clues::default()).is_empty());
        repairs.forget(SECOND * 1000);
        assert!(repairs.taken.is_empty());
    }

    #[test]
    fn three_objects_taken_once_are_no_contest() {
        let mut repairs = Repairs::default();
        repairs.record(SECOND, &[rule_back(), ours_back(), ruleset_back()]);
        assert!(repairs.contested(&Clues::default()).is_empty());
        assert_eq!(repairs.pause(&[rule_back()]), Duration::ZERO);
    }

    #[test]
    fn pauses_grow_to_their_limit_and_the_firewall_hardly_waits() {
        let mut repairs = Repairs::default();
        let mut pauses = Vec::new();
        for at in 0..12 {
            pauses.push(repairs.pause(&[rule_back()]).as_millis());
            repairs.record(SECOND * at, &[rule_back(), ruleset_back()]);
        }
        assert_eq!(pauses, [0, 0, 0, 250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
        assert_eq!(repairs.pause(&[ruleset_back()]).as_millis(), 500);
        assert_eq!(repairs.pause(&[ours_back()]), Duration::ZERO);
        // Repairs never stop, and what is remembered is bounded.
        for at in 0..1000 {
            repairs.record(SECOND * at, &[rule_back()]);
        }
        assert!(repairs.taken.values().all(|times| times.len() <= TIMES + 33));
    }

    #[test]
    fn the_culprit_is_who_does_such_things_and_is_there() {
        let networkd = "systemd-networkd.service";
        for (name, changes, clues, expected) in [
            ("address of the VPC instead of ours", vec![ours_back(), theirs_away()], clues(&[networkd], None), Culprit::Ipamd),
            (
                "the same under ec2-net-utils",
                vec![ours_back(), theirs_away()],
                clues(&["policy-routes@eth1.service"], None),
                Culprit::Ipamd,
            ),
            ("address of the VPC beside ours", vec![theirs_away()], clues(&["nm-cloud-setup.timer"], None), Culprit::NmCloudSetup),
            ("rule, networkd runs", vec![rule_back()], clues(&[networkd], None), Culprit::Networkd),
            (
                "rule, ec2-net-utils too",
                vec![rule_back()],
                clues(&[networkd, "refresh-policy-routes@eth1.timer"], None),
                Culprit::Ec2NetUtils,
            ),
            ("rule, NetworkManager runs", vec![rule_back()], clues(&["NetworkManager.service"], None), Culprit::NetworkManager),
            ("rule, nobody runs", vec![rule_back()], clues(&[], None), Culprit::Unknown),
            ("ruleset by nft", vec![ruleset_back()], clues(&["firewalld.service"], Some("nft")), Culprit::Nftables),
            ("ruleset by firewalld", vec![ruleset_back()], clues(&["firewalld.service"], Some("python3")), Culprit::Firewalld),
            ("ruleset by who knows", vec![ruleset_back()], clues(&[], Some("kube-proxy")), Culprit::Unknown),
            ("sysctl", vec![Change::Sysctl { name: "a".into(), value: "2".into() }], clues(&[], None), Culprit::Sysctl),
        ] {
            let mut repairs = Repairs::default();
            (0..3).for_each(|at| repairs.record(SECOND * at, &changes));
            let contested = repairs.contested(&clues);
            assert_eq!(contested.len(), changes.len(), "{name}");
            assert_eq!(contested[0].culprit, expected, "{name}");
        }
    }
}
