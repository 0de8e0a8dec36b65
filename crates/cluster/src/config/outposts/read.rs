//! The annotation's text to servers.

use std::collections::BTreeMap;

use hybridge_document::{Form, Problems, nearest, value};
use hybridge_model::Cidr4;
use serde_json::{Map, Value};

use super::{INSTANCE_TYPES, InstanceType, OutpostSubnet, OutpostsServer, PATH};
use crate::config::{Places, Taint};

const FORM: Form = Form { kind: "list of Outposts servers", nodes: 5_000, second: "put all servers into one list" };
const KEYS: [&str; 13] = [
    "name",
    "outpostArn",
    "zone",
    "subnet",
    "instanceType",
    "lniDeviceIndex",
    "lanCidrs",
    "minSize",
    "maxSize",
    "desiredCapacity",
    "ami",
    "labels",
    "taints",
];
/// Keys of a taint.
const TAINT: [&str; 3] = ["key", "value", "effect"];

/// Reads the list. What is wrong with it is told at the annotation's place, by the path inside.
pub(in crate::config) fn read(text: &str, places: &Places, problems: &mut Problems) -> Vec<OutpostsServer> {
    let mut inner = Problems::new("", 0, Vec::new());
    let tree = hybridge_document::read(text, FORM, &mut inner);
    let value = tree.ok().flatten().map(|tree| value(&tree, &mut inner)).unwrap_or_default();
    let broken = inner.finish();
    for problem in &broken {
        let what = format!("line {} of the list: {} {}", problem.line, problem.text, problem.what);
        problems.look_at(PATH);
        problems.error("outposts.document", places.at(PATH), "", what).fix(problem.fix.clone().unwrap_or_default());
    }
    let items = match value {
        Value::Array(items) if !items.is_empty() => items,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) | Value::Array(_) => {
            if broken.is_empty() {
                problems.look_at(PATH);
                problems
                    .error("outposts.list", places.at(PATH), "", "is no list of servers")
                    .fix("write `|`, and below it a list: `- name: press`, `outpostArn: arn:aws:outposts:…`, `zone: …`, `subnet: …`, `instanceType: …`");
            }
            return Vec::new();
        }
    };
    let read = items.iter().enumerate().map(|(index, item)| Item { index, item, places, problems }.server());
    read.collect::<Vec<_>>().into_iter().flatten().collect()
}

/// One entry while it is read.
struct Item<'a> {
    index: usize,
    item: &'a Value,
    places: &'a Places,
    problems: &'a mut Problems,
}

impl Item<'_> {
    fn server(mut self) -> Option<OutpostsServer> {
        let Value::Object(entries) = self.item else {
            self.wrong("outposts.server", "name", "", "is no server: keys are expected", "write `name: …` and so on");
            return None;
        };
        self.unknown(entries, &KEYS, "");
        // All of them are read before one that is missing ends it, so that everything is told at once.
        let name = self.name();
        let outpost_arn = self.arn();
        let zone = self.need("zone", "the zone that the Outpost is connected with, such as us-west-2a");
        let subnet = self.subnet();
        let instance_type = self.instance_type();
        let index = self.number("lniDeviceIndex");
        let lan_cidrs = self.lan_cidrs();
        let min = self.number("minSize");
        let max = self.number("maxSize");
        let desired = self.number("desiredCapacity");
        let ami = self.ami();
        let labels = self.labels();
        let taints = self.taints();
        let instance_type = instance_type?;
        let desired_capacity = desired.or(min).unwrap_or(1);
        let min_size = min.unwrap_or(desired_capacity);
        let server = OutpostsServer {
            name: name?,
            outpost_arn: outpost_arn?,
            zone: zone?,
            subnet: subnet?,
            instance_type,
            lni_device_index: index.unwrap_or(instance_type.last_index()),
            lan_cidrs,
            min_size,
            max_size: max.unwrap_or(desired_capacity.max(min_size)),
            desired_capacity,
            ami,
            labels,
            taints,
        };
        Some(server)
    }

    fn wrong(&mut self, code: &'static str, key: &str, text: &str, what: impl Into<String>, fix: impl Into<String>) {
        self.problems.look_at(&OutpostsServer::path(self.index, key));
        self.problems.error(code, self.places.at(PATH), text, what).fix(fix);
    }

    fn unknown(&mut self, entries: &Map<String, Value>, known: &[&str], below: &str) {
        for key in entries.keys().filter(|key| !known.contains(&key.as_str())) {
            let fix = match nearest(key, known.iter().copied()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("there are {}", known.join(", ")),
            };
            self.wrong("outposts.key", &format!("{below}{key}"), key, "is no key here", fix);
        }
    }

    /// A text, if there is one.
    fn text(&mut self, key: &str) -> Option<String> {
        match self.item.get(key) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
            Some(_) => {
                self.wrong("outposts.text", key, key, "has to be a text", "write a text, in quotes if it looks like a number");
                None
            }
        }
    }

    fn need(&mut self, key: &str, what: &str) -> Option<String> {
        if matches!(self.item.get(key), None | Some(Value::Null)) {
            self.wrong("required.missing", key, "", format!("{key} is missing"), format!("write {key}: {what}"));
        }
        self.text(key)
    }

    fn number(&mut self, key: &str) -> Option<u32> {
        match self.item.get(key) {
            None | Some(Value::Null) => None,
            Some(value) => {
                let number = value.as_u64().and_then(|number| u32::try_from(number).ok()).filter(|number| *number <= 1000);
                if number.is_none() {
                    self.wrong("outposts.number", key, key, "has to be a whole number from 0 to 1000", "write such a number");
                }
                number
            }
        }
    }

    fn name(&mut self) -> Option<String> {
        let name = self.need("name", "a name of its own, such as press")?;
        let letters = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if letters && name.len() <= 40 && !name.ends_with('-') {
            return Some(name);
        }
        let fix = "write 1 to 40 small letters, digits and hyphens, a letter first";
        self.wrong("outposts.name", "name", &name, "is no name for a group of nodes", fix);
        None
    }

    fn arn(&mut self) -> Option<String> {
        let arn = self.need("outpostArn", "arn:aws:outposts:REGION:ACCOUNT:outpost/op-0123456789abcdef0")?;
        let good = crate::config::arn::Arn::parse(&arn).is_some_and(|arn| {
            let id = arn.resource.strip_prefix("outpost/op-").unwrap_or_default();
            arn.service == "outposts" && !arn.account.is_empty() && !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit())
        });
        if !good {
            let fix = "write arn:aws:outposts:REGION:ACCOUNT:outpost/op-0123456789abcdef0, as `aws outposts list-outposts` tells it";
            self.wrong("outposts.arn", "outpostArn", &arn, "is no ARN of an Outpost", fix);
        }
        good.then_some(arn)
    }

    fn subnet(&mut self) -> Option<OutpostSubnet> {
        let text = self.need("subnet", "a network such as 192.168.250.0/26, or subnet-… of one that exists")?;
        if let Some(id) = text.strip_prefix("subnet-") {
            if (8..=32).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return Some(OutpostSubnet::Given(text));
            }
            self.wrong("id.invalid", "subnet", &text, "is no identifier of a subnet", "write it as subnet-0123456789abcdef0");
            return None;
        }
        self.cidr("subnet", &text).map(OutpostSubnet::Made)
    }

    fn cidr(&mut self, key: &str, text: &str) -> Option<Cidr4> {
        text.parse::<Cidr4>().map_err(|error| self.wrong("cidr.invalid", key, text, error.to_string(), error.fix())).ok()
    }

    fn instance_type(&mut self) -> Option<&'static InstanceType> {
        let known = || INSTANCE_TYPES.iter().map(|known| known.name);
        let text = self.need("instanceType", &known().collect::<Vec<_>>().join(", "))?;
        let found = InstanceType::named(&text);
        if found.is_none() {
            let fix = format!("write one of {}", known().collect::<Vec<_>>().join(", "));
            self.wrong("outposts.instance-type", "instanceType", &text, "is no type that nodes on Outposts servers have", fix);
        }
        found
    }

    fn lan_cidrs(&mut self) -> Vec<Cidr4> {
        let texts = match self.item.get("lanCidrs") {
            None | Some(Value::Null) => return Vec::new(),
            Some(Value::Array(items)) => items.iter().map(|item| item.as_str().unwrap_or_default().to_owned()).collect(),
            Some(value) => vec![value.as_str().unwrap_or_default().to_owned()],
        };
        texts.iter().filter_map(|text| self.cidr("lanCidrs", text)).collect()
    }

    fn ami(&mut self) -> Option<String> {
        let text = self.text("ami")?;
        let id = text.strip_prefix("ami-").is_some_and(|id| (8..=17).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_hexdigit()));
        if !id {
            let fix = "write ami-0123456789abcdef0, or leave it out: then EKS's newest AL2023 is taken";
            self.wrong("outposts.ami", "ami", &text, "is no identifier of an image", fix);
        }
        id.then_some(text)
    }

    fn labels(&mut self) -> BTreeMap<String, String> {
        let mut labels = BTreeMap::new();
        let entries = match self.item.get("labels") {
            None | Some(Value::Null) => return labels,
            Some(Value::Object(entries)) => entries,
            Some(_) => {
                self.wrong("outposts.labels", "labels", "", "has to be keys with texts", "write `labels: {site: press}`");
                return labels;
            }
        };
        for (key, value) in entries {
            match value.as_str().filter(|value| is_label(key, value)) {
                Some(value) => drop(labels.insert(key.clone(), value.to_owned())),
                None => {
                    let fix =
                        "write a key and a text of letters, digits, `-`, `_`, `.`, at most 63 of them; quote what looks like a number";
                    self.wrong("outposts.labels", &format!("labels.{key}"), key, "is no label that Kubernetes takes", fix);
                }
            }
        }
        labels
    }

    fn taints(&mut self) -> Vec<Taint> {
        let items = match self.item.get("taints") {
            None | Some(Value::Null) => return Vec::new(),
            Some(Value::Array(items)) => items,
            Some(_) => {
                self.wrong("outposts.taints", "taints", "", "has to be a list", "write `taints: [{key: …, value: …, effect: NoSchedule}]`");
                return Vec::new();
            }
        };
        items.iter().filter_map(|item| self.taint(item)).collect()
    }

    fn taint(&mut self, item: &Value) -> Option<Taint> {
        if let Value::Object(entries) = item {
            self.unknown(entries, &TAINT, "taints.");
        }
        let text = |key: &str| item.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let taint = Taint { key: text("key"), value: text("value"), effect: text("effect") };
        let known = ["NoSchedule", "PreferNoSchedule", "NoExecute"].contains(&taint.effect.as_str());
        if known && is_label(&taint.key, &taint.value) {
            return Some(taint);
        }
        let fix = "write key, value and effect: NoSchedule, PreferNoSchedule or NoExecute";
        self.wrong("outposts.taints", "taints", &taint.key, "is no taint that Kubernetes takes", fix);
        None
    }
}

/// Whether Kubernetes takes it for a label or a taint (names are also written into a command line of the kubelet's).
fn is_label(key: &str, value: &str) -> bool {
    let letters = |text: &str, more: &[u8]| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte));
    let ends = |text: &str| {
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        edge(text.chars().next()) && edge(text.chars().next_back())
    };
    let (prefix, name) = key.rsplit_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let prefix = prefix.is_none_or(|prefix| prefix.len() <= 253 && ends(prefix) && letters(prefix, b"-."));
    let name = name.len() <= 63 && ends(name) && letters(name, b"-_.");
    prefix && name && (value.is_empty() || value.len() <= 63 && ends(value) && letters(value, b"-_."))
}
