//! CiliumVTEPConfig as an agent understands it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;

use hybridge_model::{Cidr4, MacAddr};
use serde_json::Value;

/// The most endpoints that Cilium's VTEP map holds (`cilium_vtep_map`, max_entries).
pub const MAX_ENDPOINTS: usize = 8;

/// A network behind a tunnel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// Its name in the object.
    pub name: String,
    /// What it matches, the mask of the object already applied.
    pub cidr: Cidr4,
    /// Outer destination of packets to it.
    pub tunnel: Ipv4Addr,
    /// Inner destination MAC of packets to it.
    pub mac: MacAddr,
}

/// What one object asks of one node: its usable endpoints, and what is wrong with the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VtepConfig {
    /// Endpoints to obey, by the network they match.
    pub endpoints: BTreeMap<Cidr4, Endpoint>,
    /// Why others are not obeyed, in the order of the object.
    pub problems: Vec<Problem>,
}

/// A part of an object that cannot be obeyed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where in the object, such as `spec.endpoints[2].mac`.
    pub place: String,
    /// What is wrong there.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

impl Problem {
    fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }
}

impl VtepConfig {
    /// Reads an object.
    ///
    /// With `spec.cidrMask` (the first form of the type) one mask serves all endpoints: Cilium's map is a hash whose key is
    /// address & mask, so an endpoint matches exactly one network of the mask's length, the one that begins at its own
    /// address. Without it, each endpoint matches its whole `cidr` and the longest prefix wins.
    pub fn read(object: &Value) -> Self {
        let mut config = Self::default();
        let mask = match mask(&object["spec"]["cidrMask"]) {
            Ok(mask) => mask,
            Err(problem) => {
                config.problems.push(problem);
                return config;
            }
        };
        let Some(endpoints) = object["spec"]["endpoints"].as_array() else {
            config.problems.push(Problem::new("spec.endpoints", "no list of endpoints"));
            return config;
        };
        for (i, value) in endpoints.iter().enumerate() {
            let place = format!("spec.endpoints[{i}]");
            match endpoint(value, &place, mask) {
                Ok(endpoint) => config.take(endpoint, place),
                Err(problem) => config.problems.push(problem),
            }
        }
        config
    }

    fn take(&mut self, endpoint: Endpoint, place: String) {
        if let Some(first) = self.endpoints.get(&endpoint.cidr) {
            let what = format!("{} is already matched by endpoint `{}`", endpoint.cidr, first.name);
            self.problems.push(Problem::new(place, what));
        } else if self.endpoints.len() == MAX_ENDPOINTS {
            self.problems.push(Problem::new(place, format!("more than {MAX_ENDPOINTS} endpoints")));
        } else {
            self.endpoints.insert(endpoint.cidr, endpoint);
        }
    }
}

/// The prefix length of the mask that serves all endpoints, where there is one.
fn mask(value: &Value) -> Result<Option<u8>, Problem> {
    let text = match value {
        Value::Null => return Ok(None),
        Value::String(text) if text.is_empty() => return Ok(None),
        Value::String(text) => text,
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            return Err(Problem::new("spec.cidrMask", "no text"));
        }
    };
    let bad = || Problem::new("spec.cidrMask", format!("`{text}` is no mask such as 255.255.255.0"));
    let bits = u32::from(text.parse::<Ipv4Addr>().map_err(|_| bad())?);
    let length = bits.leading_ones();
    if bits.count_ones() != length {
        return Err(bad());
    }
    Ok(Some(u8::try_from(length).expect("a 32-bit number has at most 32 ones")))
}

fn endpoint(value: &Value, place: &str, mask: Option<u8>) -> Result<Endpoint, Problem> {
    let text = |field: &str| value[field].as_str().ok_or_else(|| Problem::new(format!("{place}.{field}"), "no text"));
    let cidr: Cidr4 = text("cidr")?.parse().map_err(|e| Problem::new(format!("{place}.cidr"), format!("{e}")))?;
    let tunnel = text("tunnelEndpoint")?;
    let tunnel = tunnel.parse().map_err(|_| Problem::new(format!("{place}.tunnelEndpoint"), format!("`{tunnel}` is no IPv4 address")))?;
    let mac: MacAddr = text("mac")?.parse().map_err(|e| Problem::new(format!("{place}.mac"), format!("{e}")))?;
    let cidr = match mask {
        Some(length) => Cidr4::containing(cidr.network(), length).expect("a mask has at most 32 bits"),
        None => cidr,
    };
    Ok(Endpoint { name: text("name")?.into(), cidr, tunnel, mac })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(name: &str, cidr: &str) -> Value {
        json!({"name": name, "cidr": cidr, "tunnelEndpoint": "10.0.1.10", "mac": "b6:f0:38:8f:19:b9"})
    }

    fn matched(config: &VtepConfig) -> Vec<String> {
        config.endpoints.keys().map(ToString::to_string).collect()
    }

    #[test]
    fn without_a_mask_each_endpoint_matches_its_own_network() {
        let object = json!({"spec": {"endpoints": [entry("a", "10.0.0.0/16"), entry("b", "100.64.0.0/16")]}});
        let config = VtepConfig::read(&object);
        assert_eq!(matched(&config), ["10.0.0.0/16", "100.64.0.0/16"]);
        assert_eq!(config.problems, []);
    }

    #[test]
    fn under_a_mask_an_endpoint_matches_one_network_of_its_length() {
        for (mask, cidr, expected) in [
            ("255.255.255.0", "10.0.0.0/16", "10.0.0.0/24"),
            ("255.255.255.0", "10.0.7.0/28", "10.0.7.0/24"),
            ("255.255.0.0", "10.0.0.0/16", "10.0.0.0/16"),
        ] {
            let config = VtepConfig::read(&json!({"spec": {"cidrMask": mask, "endpoints": [entry("a", cidr)]}}));
            assert_eq!(matched(&config), [expected], "{cidr} under {mask}");
        }
    }

    #[test]
    fn a_bad_endpoint_is_named_and_the_others_are_obeyed() {
        let mut bad_mac = entry("b", "10.1.0.0/16");
        bad_mac["mac"] = json!("nonsense");
        let object = json!({"spec": {"endpoints": [entry("a", "10.0.0.0/16"), bad_mac, entry("c", "10.0.0.0/16"), {"name": "d"}]}});
        let config = VtepConfig::read(&object);
        assert_eq!(matched(&config), ["10.0.0.0/16"]);
        let problems: Vec<_> = config.problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            problems,
            [
                "spec.endpoints[1].mac: `nonsense` is no Ethernet address of the form 02:00:c0:a8:0a:0b",
                "spec.endpoints[2]: 10.0.0.0/16 is already matched by endpoint `a`",
                "spec.endpoints[3].cidr: no text",
            ]
        );
    }

    #[test]
    fn a_broken_mask_disables_the_object_instead_of_matching_too_much() {
        for mask in [json!("255.0.255.0"), json!("/24"), json!(24)] {
            let config = VtepConfig::read(&json!({"spec": {"cidrMask": mask, "endpoints": [entry("a", "10.0.0.0/16")]}}));
            assert_eq!((config.endpoints.len(), config.problems.len()), (0, 1), "{mask}");
        }
    }

    #[test]
    fn the_ninth_endpoint_is_refused() {
        let endpoints: Vec<_> = (0..9).map(|i| entry(&format!("e{i}"), &format!("10.{i}.0.0/16"))).collect();
        let config = VtepConfig::read(&json!({"spec": {"endpoints": endpoints}}));
        assert_eq!((config.endpoints.len(), config.problems.len()), (MAX_ENDPOINTS, 1));
    }
}
