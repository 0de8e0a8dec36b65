//! What the API server tells: who announces the addresses of Services, what else is put on the LNI, and what a cut service link does to
//! the workloads behind it.
//!
//! Objects come in as the API server has them. What it was not asked, or did not answer, is told as such.

mod metallb;
mod multus;
mod services;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Known;
use crate::profile::{Announcer, Profile};
use crate::resolve::Lni;
use crate::state::{NAME, vlan_name};
use crate::verdict::{Check, Verdict};

/// Objects of the cluster, by kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Objects {
    /// Kind → all its objects. A kind that the cluster does not know is not in here.
    pub kinds: BTreeMap<String, Vec<Value>>,
    /// Kind → why the API server did not tell.
    pub unanswered: BTreeMap<String, String>,
}

/// What is asked of the cluster besides what the profile says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The label that Nodes with an LNI in this LAN carry; none: it is not checked where addresses may be announced.
    pub nodes: Option<(String, String)>,
}

/// What checks of the cluster look at.
struct View<'a> {
    profile: &'a Profile,
    objects: &'a Objects,
    wanted: &'a Wanted,
    /// Names that the LNI goes by: its own here, and that of machines that start from our files.
    names: Vec<String>,
    /// Names of the interface below a VLAN.
    below: Vec<String>,
}

impl<'a> View<'a> {
    /// All objects of a kind; why there are none to look at, otherwise.
    fn kind(&self, kind: &str) -> Result<&'a [Value], String> {
        match (self.objects.kinds.get(kind), self.objects.unanswered.get(kind)) {
            (Some(objects), _) => Ok(objects),
            (None, Some(why)) => Err(format!("{kind}s could not be read: {why}")),
            (None, None) => Err(format!("the cluster has no {kind}s")),
        }
    }

    fn is_lni(&self, name: &str) -> bool {
        self.names.iter().any(|own| own == name)
    }
}

/// Makes the checks of the cluster.
pub(super) fn checks(profile: &Profile, known: &Known, lni: Option<&Lni>, wanted: &Wanted) -> Vec<Verdict> {
    let Some(objects) = &known.cluster else {
        let why = "the API server was not asked: --kubeconfig FILE";
        return metallb::CHECKS.iter().chain(&multus::CHECKS).chain(&services::CHECKS).map(|check| check.skip(why)).collect();
    };
    let usual = profile.vlan.map_or_else(|| NAME.to_owned(), vlan_name);
    let mut names: Vec<String> = lni.map(|lni| lni.name.clone()).into_iter().chain([usual]).collect();
    names.dedup();
    let below = profile.vlan.map(|_| NAME.to_owned()).into_iter();
    let below = below.chain(lni.and_then(|lni| lni.parent.as_ref()).map(|parent| parent.name.clone())).collect();
    let view = View { profile, objects, wanted, names, below };
    let mut verdicts = match profile.vips.announcer {
        Announcer::Metallb => metallb::checks(&view),
        Announcer::None => metallb::CHECKS.map(|check| check.skip("vips.announcer of the profile is not metallb")).to_vec(),
    };
    verdicts.extend(multus::checks(&view));
    verdicts.extend(services::checks(&view));
    verdicts
}

/// `namespace/name`, as people name objects.
fn named(object: &Value) -> String {
    let metadata = &object["metadata"];
    let name = metadata["name"].as_str().unwrap_or_default();
    metadata["namespace"].as_str().map_or_else(|| name.to_owned(), |namespace| format!("{namespace}/{name}"))
}

/// The texts of a list.
fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Whether a label selector (`matchLabels`, `matchExpressions`) selects an object with these labels. An empty one selects everything.
fn selects(selector: &Value, labels: &Value) -> bool {
    let exact = selector["matchLabels"].as_object().into_iter().flatten().all(|(key, value)| labels.get(key) == Some(value));
    exact
        && selector["matchExpressions"].as_array().into_iter().flatten().all(|expression| {
            let label = labels.get(expression["key"].as_str().unwrap_or_default()).and_then(Value::as_str);
            let among = label.is_some_and(|label| texts(&expression["values"]).contains(&label));
            match expression["operator"].as_str().unwrap_or_default() {
                "In" => among,
                "NotIn" => !among,
                "Exists" => label.is_some(),
                "DoesNotExist" => label.is_none(),
                _ => false,
            }
        })
}

/// Skips all of some checks for one reason.
fn skipped(checks: &[Check], why: &str) -> Vec<Verdict> {
    checks.iter().map(|check| check.skip(why)).collect()
}
