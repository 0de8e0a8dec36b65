//! From values to a profile: what must be there, and what is taken where nothing is said.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use hybridge_document::{At, Problem, Problems};
use hybridge_model::{Cidr4, MacAddr};
use hybridge_report::Severity;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::checks::{self, Checks};
use super::values::{HostAddress, Port, Range4, mark};
use super::{Addressing, Firewall, Lan, Match, Profile, Routing, Vips};

/// Where values are, by their path below `lni`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Places {
    /// `lni`, `spec.lni`.
    base: String,
    at: BTreeMap<String, At>,
    broken: BTreeSet<String>,
}

impl Places {
    /// For values that came from several documents: none is in one place.
    pub fn new(base: &str) -> Self {
        Self { base: base.to_owned(), ..Self::default() }
    }

    pub(super) fn note(&mut self, path: &str, at: At) {
        self.at.insert(path.to_owned(), at);
    }

    /// What was written at `path` could not be taken: what else is wrong with it cannot be told.
    pub(super) fn broken(&mut self, path: &str) {
        self.broken.insert(path.to_owned());
    }

    pub(super) fn any_broken(&self) -> bool {
        !self.broken.is_empty()
    }

    /// Whether nothing at `path`, below or above could not be taken.
    pub(super) fn sound(&self, path: &str) -> bool {
        let above = |broken: &String| broken.is_empty() || path == broken || path.starts_with(&format!("{broken}."));
        let below = |broken: &String| path.is_empty() || broken.strip_prefix(path).is_some_and(|rest| rest.starts_with(['.', '[']));
        !self.broken.iter().any(|broken| above(broken) || below(broken))
    }

    /// The path in the whole document.
    pub(super) fn whole(&self, path: &str) -> String {
        if path.is_empty() { self.base.clone() } else { format!("{}.{path}", self.base) }
    }

    /// Where it is, or what it should be in.
    pub(super) fn find(&self, path: &str) -> At {
        let mut path = path;
        loop {
            if let Some(at) = self.at.get(path) {
                return *at;
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = &path[..end],
                None => return self.at.get("").copied().unwrap_or_default(),
            }
        }
    }
}

/// The values, with their types.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Draft {
    #[serde(rename = "match")]
    pub(super) which: DraftMatch,
    pub(super) mtu: Option<u16>,
    pub(super) vlan: Option<u16>,
    pub(super) address: DraftAddress,
    pub(super) lan: DraftLan,
    pub(super) routing: DraftRouting,
    pub(super) firewall: DraftFirewall,
    pub(super) vips: Vips,
}

/// `match`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct DraftMatch {
    pub(super) device_index: Option<u8>,
    pub(super) mac: Option<MacAddr>,
}

/// `address`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct DraftAddress {
    pub(super) mode: Option<Mode>,
    pub(super) cidr: Option<HostAddress>,
    pub(super) gateway: Option<Ipv4Addr>,
    pub(super) use_dns: Option<bool>,
    pub(super) use_default_route: Option<bool>,
}

/// `address.mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Mode {
    Dhcp,
    Static,
}

/// `lan`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct DraftLan {
    pub(super) cidrs: Vec<Cidr4>,
    pub(super) dhcp_range: Option<Range4>,
    pub(super) gateway: Option<Ipv4Addr>,
}

/// `routing`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct DraftRouting {
    pub(super) table: Option<u32>,
    mark: Option<String>,
    pub(super) rule_priority: Option<u32>,
}

/// `firewall`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct DraftFirewall {
    pub(super) host_ports: Vec<Port>,
    pub(super) allow_from: Option<Vec<Cidr4>>,
}

impl DraftRouting {
    pub(super) fn mark(&self) -> u32 {
        self.mark.as_deref().map_or(0x2000, |text| mark(text).unwrap_or_default())
    }
}

/// The profile of values that are complete, and everything that is wrong with them together.
pub fn whole(values: &Map<String, Value>, places: &Places, problems: &mut Problems) -> Option<Profile> {
    let draft: Draft = match serde_json::from_value(Value::Object(values.clone())) {
        Ok(draft) => draft,
        // Values are right when they come from a document; these come from a file that somebody has changed.
        Err(error) => {
            problems.look_at(&places.whole(""));
            problems.error("type.wrong", places.find(""), "", format!("is no profile of an LNI: {error}")).fix("write it anew");
            return None;
        }
    };
    checks::all(&mut Checks { draft: &draft, places, problems });
    problems.look_at("");
    complete(draft)
}

/// The same of values whose places are not known: each problem is told at its field.
pub fn whole_of(values: &Map<String, Value>, base: &str) -> (Option<Profile>, Vec<Problem>) {
    let mut problems = Problems::new(base, 0, Vec::new());
    let profile = whole(values, &Places::new(base), &mut problems);
    let mut found = problems.finish();
    for problem in &mut found {
        problem.file = std::mem::take(&mut problem.path);
    }
    let wrong = found.iter().any(|problem| problem.severity == Severity::Error);
    (profile.filter(|_| !wrong), found)
}

fn complete(draft: Draft) -> Option<Profile> {
    let which = match draft.which {
        DraftMatch { device_index: Some(index), .. } => Match::DeviceIndex(index),
        DraftMatch { mac: Some(mac), .. } => Match::Mac(mac),
        DraftMatch { device_index: None, mac: None } => return None,
    };
    let address = match draft.address.mode? {
        Mode::Dhcp => Addressing::Dhcp {
            use_dns: draft.address.use_dns.unwrap_or_default(),
            use_default_route: draft.address.use_default_route.unwrap_or_default(),
        },
        Mode::Static => Addressing::Static { cidr: draft.address.cidr?, gateway: draft.address.gateway },
    };
    let mark = draft.routing.mark();
    let DraftRouting { table, rule_priority, .. } = draft.routing;
    let allow_from = draft.firewall.allow_from.unwrap_or_else(|| draft.lan.cidrs.clone());
    Some(Profile {
        which,
        mtu: draft.mtu.unwrap_or(1500),
        vlan: draft.vlan,
        address,
        lan: Lan { cidrs: draft.lan.cidrs, dhcp_range: draft.lan.dhcp_range, gateway: draft.lan.gateway },
        routing: Routing { table: table.unwrap_or(2100), mark, rule_priority: rule_priority.unwrap_or(600) },
        firewall: Firewall { host_ports: draft.firewall.host_ports, allow_from },
        vips: Vips { pools: draft.vips.pools, announcer: draft.vips.announcer },
    })
}
