//! What the API server checks of built-in kinds, as far as gateways can get it wrong.
//!
//! Sources: `pkg/apis/coordination/validation`, `pkg/apis/core/validation/events.go` and `MicroTime` of Kubernetes 1.34.

use serde_json::Value;

use super::kind::Kind;
use super::status::{Cause, Refusal};

/// Drops the fields that a typed server does not know, and fills in its defaults.
pub(super) fn normalise(kind: Kind, object: &mut Value) {
    let known: &[&str] = match kind {
        Kind::Lease => &["spec"],
        Kind::ConfigMap => &["data", "binaryData", "immutable"],
        Kind::Secret => &["data", "stringData", "type", "immutable"],
        // Of these nobody here writes anything odd.
        Kind::Event | Kind::Node | Kind::CiliumNode | Kind::CiliumVtepConfig => return,
    };
    keep(object, &[&["apiVersion", "kind", "metadata"], known].concat());
    match kind {
        // `strategy` and `preferredHolder` are behind a gate, CoordinatedLeaderElection, that is off.
        Kind::Lease => {
            keep(&mut object["spec"], &["holderIdentity", "leaseDurationSeconds", "acquireTime", "renewTime", "leaseTransitions"]);
        }
        Kind::Secret if object["type"].is_null() => object["type"] = "Opaque".into(),
        Kind::Secret | Kind::ConfigMap | Kind::Event | Kind::Node | Kind::CiliumNode | Kind::CiliumVtepConfig => {}
    }
}

fn keep(object: &mut Value, known: &[&str]) {
    if let Some(fields) = object.as_object_mut() {
        fields.retain(|name, value| known.contains(&name.as_str()) && !value.is_null());
    }
}

/// Checks an object that is about to be stored.
///
/// # Errors
/// 400 for what a typed server could not decode, 422 for what it would decode and refuse.
pub(super) fn check(kind: Kind, name: &str, object: &Value) -> Result<(), Refusal> {
    let causes = match kind {
        Kind::Lease => lease(object)?,
        Kind::Event => event(object),
        Kind::ConfigMap => texts(object, "data").map(|()| vec![])?,
        Kind::Secret if object.get("stringData").is_some() => return Err(Refusal::NotServed("stringData of Secrets".into())),
        Kind::Secret => texts(object, "data").map(|()| vec![])?,
        Kind::Node | Kind::CiliumNode | Kind::CiliumVtepConfig => vec![],
    };
    if causes.is_empty() { Ok(()) } else { Err(Refusal::Invalid { kind, name: name.to_owned(), causes }) }
}

fn lease(object: &Value) -> Result<Vec<Cause>, Refusal> {
    let spec = &object["spec"];
    for field in ["acquireTime", "renewTime"] {
        let time = &spec[field];
        if !time.is_null() && !time.as_str().is_some_and(is_micro_time) {
            return Err(undecodable("Lease", &format!("parsing time {time} as \"2006-01-02T15:04:05.000000Z07:00\"")));
        }
    }
    let mut causes = Vec::new();
    for (field, least, rule) in
        [("leaseDurationSeconds", 1, "must be greater than 0"), ("leaseTransitions", 0, "must be greater than or equal to 0")]
    {
        let value = &spec[field];
        if value.is_null() {
            continue;
        }
        let number = value.as_i64().filter(|number| i32::try_from(*number).is_ok());
        let number = number.ok_or_else(|| undecodable("Lease", &format!("spec.{field} is no int32")))?;
        if number < least {
            causes.push(Cause::invalid(&format!("spec.{field}"), number, rule));
        }
    }
    Ok(causes)
}

/// RFC 3339 with exactly six fraction digits, the only form that Go's `MicroTime` reads.
fn is_micro_time(text: &str) -> bool {
    let fraction = text.split_once('.').map(|(_, rest)| rest.bytes().take_while(u8::is_ascii_digit).count());
    fraction == Some(6) && text.parse::<jiff::Timestamp>().is_ok()
}

fn event(object: &Value) -> Vec<Cause> {
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
    let about = object["involvedObject"]["namespace"].as_str().unwrap_or_default();
    let mut causes = Vec::new();
    let timed = !object["eventTime"].is_null();
    let fits = match about {
        "" => namespace == "default" || (timed && namespace == "kube-system"),
        // With eventTime set, only the emptiness of the namespace is looked at.
        about => timed || about == namespace,
    };
    if !fits {
        causes.push(Cause::invalid("involvedObject.namespace", Value::from(about), "does not match event.namespace"));
    }
    if timed {
        for field in ["reportingComponent", "reportingInstance", "action", "reason"] {
            if object[field].as_str().unwrap_or_default().is_empty() {
                causes.push(Cause { reason: "FieldValueRequired", field: field.into(), message: "Required value".into() });
            }
        }
    }
    causes
}

fn texts(object: &Value, field: &str) -> Result<(), Refusal> {
    if object[field].is_null() {
        return Ok(());
    }
    let fields = object[field].as_object().ok_or_else(|| undecodable("object", &format!("{field} is no map")))?;
    match fields.iter().find(|(_, value)| !value.is_string()) {
        Some((name, _)) => Err(undecodable("object", &format!("{field}.{name} is no string"))),
        None => Ok(()),
    }
}

fn undecodable(what: &str, why: &str) -> Refusal {
    Refusal::BadRequest(format!("{what} in version \"v1\" cannot be handled as a {what}: {why}"))
}

impl Cause {
    fn invalid(field: &str, value: impl std::fmt::Display, rule: &str) -> Self {
        Self { reason: "FieldValueInvalid", field: field.to_owned(), message: format!("Invalid value: {value}: {rule}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn code(kind: Kind, object: &Value) -> u16 {
        check(kind, "a", object).map_or_else(|refusal| refusal.code(), |()| 200)
    }

    #[test]
    fn times_of_a_lease_have_six_fraction_digits() {
        for (time, wanted) in [
            ("2026-01-02T03:04:05.000000Z", 200),
            ("2026-01-02T03:04:05.123456+01:00", 200),
            ("2026-01-02T03:04:05Z", 400),
            ("2026-01-02T03:04:05.123Z", 400),
            ("2026-01-02T03:04:05.123456789Z", 400),
            ("soon", 400),
        ] {
            assert_eq!(code(Kind::Lease, &json!({"spec": {"renewTime": time}})), wanted, "{time}");
        }
    }

    #[test]
    fn numbers_of_a_lease_are_in_range() {
        for (spec, wanted) in [
            (json!({"leaseDurationSeconds": 3, "leaseTransitions": 0}), 200),
            (json!({"leaseDurationSeconds": 0}), 422),
            (json!({"leaseTransitions": -1}), 422),
            (json!({"leaseDurationSeconds": "3"}), 400),
            (json!({"leaseDurationSeconds": 1.5}), 400),
        ] {
            assert_eq!(code(Kind::Lease, &json!({ "spec": spec })), wanted, "{spec}");
        }
    }

    #[test]
    fn an_event_is_in_the_namespace_of_what_it_is_about() {
        for (namespace, about, wanted) in
            [("default", "", 200), ("kube-system", "", 422), ("kube-system", "kube-system", 200), ("default", "kube-system", 422)]
        {
            let event = json!({"metadata": {"namespace": namespace}, "involvedObject": {"namespace": about}});
            assert_eq!(code(Kind::Event, &event), wanted, "{namespace} {about}");
        }
    }

    #[test]
    fn fields_behind_a_gate_are_dropped_with_the_unknown_ones() {
        let mut lease = json!({"kind": "Lease", "metadata": {}, "spec": {"holderIdentity": "a", "preferredHolder": "b"}, "extra": 1});
        normalise(Kind::Lease, &mut lease);
        assert_eq!(lease, json!({"kind": "Lease", "metadata": {}, "spec": {"holderIdentity": "a"}}));
    }

    #[test]
    fn data_is_text() {
        assert_eq!(code(Kind::ConfigMap, &json!({"data": {"a": "1"}})), 200);
        assert_eq!(code(Kind::ConfigMap, &json!({"data": {"a": 1}})), 400);
        assert_eq!(code(Kind::Secret, &json!({"stringData": {"a": "1"}})), 501);
    }
}
