//! CiliumVTEPConfig: which form of it the cluster serves, and what to write into it.
//!
//! The object tells Cilium on hybrid nodes where packets for the VPC go. It may hold endpoints of others, so it is changed by
//! read, modify and compare-and-swap; ours are the endpoints named `vpc-gateway` or `vpc-gateway-<n>`.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use hybridge_model::{Cidr4, MacAddr};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::lease::HIGHEST_EPOCH;

/// Name of the one object that gateways write.
pub const OBJECT_NAME: &str = "hybrid-gateway";
/// Name of our first endpoint; further ones are `vpc-gateway-2` and so on.
const ENDPOINT: &str = "vpc-gateway";
/// Annotation with the epoch of the writer. Nobody writes over a higher one.
pub const EPOCH: &str = "hybridge/epoch";
/// The most endpoints that the CRD admits.
const MOST: usize = 8;

/// The form of CiliumVTEPConfig that a cluster serves, read from its published OpenAPI schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Schema {
    /// `spec.endpoints[]`, each with its own `cidr`; longest prefix wins.
    LongestPrefix,
    /// `spec.endpoints[]` with one `spec.cidrMask` for all; the key is address & mask.
    OneMask,
    /// Served, but of a form we do not know; holds what was found, for people.
    Unknown(String),
}

/// What the object should say of us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// `tunnelEndpoint`: node IP of the leader.
    pub node_ip: Ipv4Addr,
    /// Networks of the VPC.
    pub vpc_cidrs: Vec<Cidr4>,
    /// Epoch of the leader, its Lease's `leaseTransitions`.
    pub epoch: u32,
}

/// What to do about the object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// It is as it should be.
    Settled,
    /// There is none; create this.
    Create(Value),
    /// Replace it by this, which names the version that was read.
    Replace(Value),
    /// Nothing can be written, for this reason.
    Refused(Refusal),
    /// A holder with this higher epoch has written.
    Superseded(u32),
}

/// Why nothing is written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The CRD has another form.
    #[error("the cluster serves a CiliumVTEPConfig of a form that this version does not know ({0})")]
    UnknownSchema(String),
    /// More than the CRD admits.
    #[error("{ours} endpoints of ours and {foreign} of others are more than the 8 that Cilium takes")]
    TooMany {
        /// How many we need.
        ours: usize,
        /// How many others there are.
        foreign: usize,
    },
    /// One mask serves all endpoints, and others need another one.
    #[error("endpoints of others are written for the mask {theirs}, ours need {ours}")]
    OtherMask {
        /// `spec.cidrMask` that is there.
        theirs: String,
        /// The one we need.
        ours: Ipv4Addr,
    },
    /// Somebody else's endpoint leads one of the VPC's networks elsewhere.
    #[error("endpoint `{name}` of somebody else already leads {cidr} elsewhere")]
    Taken {
        /// Its name.
        name: String,
        /// Its network.
        cidr: Cidr4,
    },
    /// The object is not of the form its own CRD prescribes.
    #[error("the object has no list `spec.endpoints`")]
    Malformed,
}

/// Compares the object as it was read (`None`: there is none) with what it should say.
pub fn plan(schema: &Schema, current: Option<&Value>, wanted: &Wanted) -> Plan {
    match try_plan(schema, current, wanted) {
        Ok(plan) => plan,
        Err(refusal) => Plan::Refused(refusal),
    }
}

fn try_plan(schema: &Schema, current: Option<&Value>, wanted: &Wanted) -> Result<Plan, Refusal> {
    let (ours, mask) = match schema {
        Schema::LongestPrefix => (wanted.vpc_cidrs.clone(), None),
        Schema::OneMask => {
            let longest = wanted.vpc_cidrs.iter().max_by_key(|cidr| cidr.prefix());
            let prefix = longest.map_or(24, Cidr4::prefix);
            // A /8 under a /28 is a million endpoints: count before making them.
            let count = wanted.vpc_cidrs.iter().map(|cidr| 1usize << (prefix - cidr.prefix())).sum();
            if count > MOST {
                return Err(Refusal::TooMany { ours: count, foreign: foreign(current)?.len() });
            }
            (wanted.vpc_cidrs.iter().flat_map(|cidr| cidr.split(prefix)).collect(), longest.map(Cidr4::mask))
        }
        Schema::Unknown(found) => return Err(Refusal::UnknownSchema(found.clone())),
    };
    let foreign = foreign(current)?;
    if ours.len() + foreign.len() > MOST {
        return Err(Refusal::TooMany { ours: ours.len(), foreign: foreign.len() });
    }
    check_foreign(&foreign, &ours, current, mask)?;
    let Some(current) = current else {
        let fresh = json!({"apiVersion": "cilium.io/v2", "kind": "CiliumVTEPConfig", "metadata": {"name": OBJECT_NAME}, "spec": {}});
        return Ok(Plan::Create(written(fresh, endpoints(&ours, None, wanted), mask, wanted.epoch)));
    };
    let epoch = current.pointer("/metadata/annotations").and_then(|a| a.get(EPOCH)?.as_str()?.parse().ok());
    // One that no Lease can reach was written by hand.
    if let Some(epoch) = epoch.filter(|epoch| *epoch > wanted.epoch && *epoch <= HIGHEST_EPOCH) {
        return Ok(Plan::Superseded(epoch));
    }
    // Ours come first: the reference gateway looks at the first endpoint only.
    let all = endpoints(&ours, Some(current), wanted).into_iter().chain(foreign).collect();
    let next = written(current.clone(), all, mask, wanted.epoch);
    Ok(if next == *current { Plan::Settled } else { Plan::Replace(next) })
}

/// Whether the object leads every network of `wanted` to its node IP, whatever the epoch and whatever else is in it.
pub fn leads_to(schema: &Schema, current: Option<&Value>, wanted: &Wanted) -> bool {
    match plan(schema, current, wanted) {
        Plan::Settled => true,
        Plan::Replace(next) => current.is_some_and(|current| next.get("spec") == current.get("spec")),
        Plan::Create(_) | Plan::Refused(_) | Plan::Superseded(_) => false,
    }
}

/// Where our endpoints lead: node IPs of the gateways that wrote them.
pub fn tunnel_endpoints(current: &Value) -> BTreeSet<Ipv4Addr> {
    let endpoints = current.pointer("/spec/endpoints").and_then(Value::as_array).into_iter().flatten();
    endpoints.filter(|endpoint| is_ours(endpoint)).filter_map(|endpoint| endpoint.get("tunnelEndpoint")?.as_str()?.parse().ok()).collect()
}

fn foreign(current: Option<&Value>) -> Result<Vec<Value>, Refusal> {
    let Some(endpoints) = current.and_then(|object| object.pointer("/spec/endpoints")) else { return Ok(Vec::new()) };
    let endpoints = endpoints.as_array().ok_or(Refusal::Malformed)?;
    Ok(endpoints.iter().filter(|endpoint| !is_ours(endpoint)).cloned().collect())
}

pub(crate) fn is_ours(endpoint: &Value) -> bool {
    let name = endpoint.get("name").and_then(Value::as_str).unwrap_or_default();
    let rest = name.strip_prefix(ENDPOINT);
    rest.is_some_and(|rest| {
        rest.is_empty() || rest.strip_prefix('-').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    })
}

fn check_foreign(foreign: &[Value], ours: &[Cidr4], current: Option<&Value>, mask: Option<Ipv4Addr>) -> Result<(), Refusal> {
    let text = |endpoint: &Value, key: &str| endpoint.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    for endpoint in foreign {
        let cidr = text(endpoint, "cidr").parse::<Cidr4>().ok();
        if let Some(cidr) = cidr.filter(|cidr| ours.contains(cidr)) {
            return Err(Refusal::Taken { name: text(endpoint, "name"), cidr });
        }
    }
    let theirs = current.and_then(|object| object.pointer("/spec/cidrMask")).and_then(Value::as_str);
    match (mask, theirs) {
        (Some(ours), Some(theirs)) if !foreign.is_empty() && theirs != ours.to_string() => {
            Err(Refusal::OtherMask { theirs: theirs.into(), ours })
        }
        (Some(_) | None, Some(_) | None) => Ok(()),
    }
}

/// Our endpoints. Fields that we do not know stay as they are: a later CRD may give them defaults, and leaving these out would
/// look like a difference for ever.
fn endpoints(ours: &[Cidr4], current: Option<&Value>, wanted: &Wanted) -> Vec<Value> {
    let present = current.and_then(|object| object.pointer("/spec/endpoints")).and_then(Value::as_array);
    let mac = MacAddr::of_gateway(wanted.node_ip);
    let endpoint = |(i, cidr): (usize, &Cidr4)| {
        let name = if i == 0 { ENDPOINT.to_owned() } else { format!("{ENDPOINT}-{}", i + 1) };
        let before = present.into_iter().flatten().find(|endpoint| endpoint["name"] == name.as_str());
        let mut fields = before.and_then(Value::as_object).cloned().unwrap_or_default();
        fields.extend([
            ("name".to_owned(), json!(name)),
            ("tunnelEndpoint".to_owned(), json!(wanted.node_ip)),
            ("cidr".to_owned(), json!(cidr)),
            ("mac".to_owned(), json!(mac)),
        ]);
        Value::Object(fields)
    };
    ours.iter().enumerate().map(endpoint).collect()
}

/// `object` with our parts set and everything else as it was.
fn written(mut object: Value, endpoints: Vec<Value>, mask: Option<Ipv4Addr>, epoch: u32) -> Value {
    let spec = child(&mut object, "spec");
    spec.insert("endpoints".into(), Value::Array(endpoints));
    if let Some(mask) = mask {
        spec.insert("cidrMask".into(), json!(mask));
    }
    let Some(metadata) = object.get_mut("metadata") else { return object };
    child(metadata, "annotations").insert(EPOCH.into(), json!(epoch.to_string()));
    object
}

/// The object under `key`, made if it is missing or of another type.
fn child<'a>(parent: &'a mut Value, key: &str) -> &'a mut Map<String, Value> {
    if !parent.get(key).is_some_and(Value::is_object) {
        parent[key] = json!({});
    }
    parent[key].as_object_mut().expect("just made sure that it is an object")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(cidrs: &[&str], epoch: u32) -> Wanted {
        Wanted { node_ip: Ipv4Addr::new(10, 0, 1, 10), vpc_cidrs: cidrs.iter().map(|cidr| cidr.parse().unwrap()).collect(), epoch }
    }

    fn object(spec: Value, epoch: Option<&str>) -> Value {
        let mut metadata = json!({"name": OBJECT_NAME, "resourceVersion": "12", "labels": {"team": "net"}});
        if let Some(epoch) = epoch {
            metadata["annotations"] = json!({"keep": "me", EPOCH: epoch});
        }
        json!({"apiVersion": "cilium.io/v2", "kind": "CiliumVTEPConfig", "metadata": metadata, "spec": spec, "status": {"endpointCount": 1}})
    }

    fn foreign_endpoint(cidr: &str) -> Value {
        json!({"name": "lab", "tunnelEndpoint": "10.9.9.9", "cidr": cidr, "mac": "02:00:00:00:00:01", "extra": true})
    }

    #[test]
    fn a_missing_object_is_created_as_the_reference_gateway_would() {
        let Plan::Create(object) = plan(&Schema::LongestPrefix, None, &wanted(&["10.0.0.0/16"], 3)) else { panic!() };
        assert_eq!(object["metadata"]["name"], "hybrid-gateway");
        assert_eq!(
            object["spec"],
            json!({"endpoints": [{"name": "vpc-gateway", "tunnelEndpoint": "10.0.1.10", "cidr": "10.0.0.0/16", "mac": "b6:f0:38:8f:19:b9"}]})
        );
    }

    #[test]
    fn endpoints_labels_and_annotations_of_others_stay() {
        let theirs = foreign_endpoint("172.16.0.0/16");
        let stale = json!({"name": "vpc-gateway", "tunnelEndpoint": "10.0.2.10", "cidr": "10.0.0.0/16", "mac": "02:00:00:00:00:02"});
        let before = object(json!({"endpoints": [theirs, stale], "nodeSelector": {"a": "b"}}), Some("2"));
        let wanted = wanted(&["10.0.0.0/16", "100.64.0.0/16"], 3);
        let Plan::Replace(after) = plan(&Schema::LongestPrefix, Some(&before), &wanted) else { panic!() };
        let names: Vec<_> = after["spec"]["endpoints"].as_array().unwrap().iter().map(|e| e["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["vpc-gateway", "vpc-gateway-2", "lab"]);
        assert_eq!(after["spec"]["endpoints"][2], foreign_endpoint("172.16.0.0/16"));
        assert_eq!(after["spec"]["nodeSelector"], json!({"a": "b"}));
        assert_eq!(after["metadata"]["annotations"], json!({"keep": "me", EPOCH: "3"}));
        assert_eq!(after["metadata"]["resourceVersion"], "12");
        assert_eq!(plan(&Schema::LongestPrefix, Some(&after), &wanted), Plan::Settled);
        assert!(leads_to(&Schema::LongestPrefix, Some(&after), &Wanted { epoch: 9, ..wanted }));
    }

    #[test]
    fn one_mask_takes_the_longest_prefix_and_splits_the_others() {
        let Plan::Create(object) = plan(&Schema::OneMask, None, &wanted(&["10.0.0.0/16", "10.4.0.0/18"], 0)) else { panic!() };
        assert_eq!(object["spec"]["cidrMask"], "255.255.192.0");
        let cidrs: Vec<_> = object["spec"]["endpoints"].as_array().unwrap().iter().map(|e| e["cidr"].as_str().unwrap()).collect();
        assert_eq!(cidrs, ["10.0.0.0/18", "10.0.64.0/18", "10.0.128.0/18", "10.0.192.0/18", "10.4.0.0/18"]);
    }

    #[test]
    fn nobody_writes_over_a_higher_epoch() {
        let before = object(json!({"endpoints": []}), Some("7"));
        assert_eq!(plan(&Schema::LongestPrefix, Some(&before), &wanted(&["10.0.0.0/16"], 6)), Plan::Superseded(7));
    }

    #[test]
    fn an_epoch_that_no_lease_can_reach_stops_nobody() {
        for odd in ["2147483648", "4294967295", "-1", "seven"] {
            let before = object(json!({"endpoints": []}), Some(odd));
            let Plan::Replace(after) = plan(&Schema::LongestPrefix, Some(&before), &wanted(&["10.0.0.0/16"], 6)) else { panic!("{odd}") };
            assert_eq!(after["metadata"]["annotations"][EPOCH], "6");
        }
    }

    #[test]
    fn what_the_api_server_adds_to_our_endpoints_is_no_difference() {
        let wanted = wanted(&["10.0.0.0/16"], 3);
        let Plan::Create(mut stored) = plan(&Schema::LongestPrefix, None, &wanted) else { panic!() };
        stored["spec"]["endpoints"][0]["defaulted"] = json!(true);
        assert_eq!(plan(&Schema::LongestPrefix, Some(&stored), &wanted), Plan::Settled);
    }

    #[test]
    fn what_cannot_be_written_is_refused_with_the_reason() {
        let mask = |theirs: &str| object(json!({"cidrMask": theirs, "endpoints": [foreign_endpoint("172.16.0.0/24")]}), None);
        let cases = [
            (
                Schema::OneMask,
                mask("255.255.255.0"),
                &["10.0.0.0/16"][..],
                "endpoints of others are written for the mask 255.255.255.0, ours need 255.255.0.0",
            ),
            (
                Schema::OneMask,
                mask("255.255.255.0"),
                &["10.0.0.0/16", "10.9.0.0/28"],
                "4097 endpoints of ours and 1 of others are more than the 8 that Cilium takes",
            ),
            (
                Schema::LongestPrefix,
                object(json!({"endpoints": [foreign_endpoint("10.0.0.0/16")]}), None),
                &["10.0.0.0/16"],
                "endpoint `lab` of somebody else already leads 10.0.0.0/16 elsewhere",
            ),
            (
                Schema::LongestPrefix,
                object(json!({"endpoints": "none"}), None),
                &["10.0.0.0/16"],
                "the object has no list `spec.endpoints`",
            ),
            (
                Schema::Unknown("spec.vtepEndpoints".into()),
                object(json!({}), None),
                &["10.0.0.0/16"],
                "the cluster serves a CiliumVTEPConfig of a form that this version does not know (spec.vtepEndpoints)",
            ),
        ];
        for (schema, before, cidrs, reason) in cases {
            let Plan::Refused(refusal) = plan(&schema, Some(&before), &wanted(cidrs, 1)) else { panic!("{reason}") };
            assert_eq!(refusal.to_string(), reason);
        }
    }

    #[test]
    fn former_gateways_are_known_by_their_endpoints() {
        let object = object(
            json!({"endpoints": [foreign_endpoint("172.16.0.0/16"), {"name": "vpc-gateway", "tunnelEndpoint": "10.0.2.10"},
            {"name": "vpc-gateway-2", "tunnelEndpoint": 7}]}),
            None,
        );
        assert_eq!(tunnel_endpoints(&object), [Ipv4Addr::new(10, 0, 2, 10)].into());
    }

    #[test]
    fn only_names_of_our_form_are_ours() {
        for (name, ours) in
            [("vpc-gateway", true), ("vpc-gateway-2", true), ("vpc-gateway-x", false), ("vpc-gateways", false), ("vpc-gateway-", false)]
        {
            assert_eq!(is_ours(&json!({"name": name})), ours, "{name}");
        }
    }
}
