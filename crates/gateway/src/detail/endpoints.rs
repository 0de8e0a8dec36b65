//! The CiliumVTEPConfig: every configured network of the VPC.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use hybridge_model::Cidr4;
use serde_json::Value;

use super::{Endpoint, NOT_LEADING, Role, Whose};
use crate::vtep::{self, Schema, Wanted, is_ours};

/// What the API server said last.
#[derive(Clone, Debug)]
pub struct SeenConfig {
    /// The form that the cluster serves; `None` where it was not asked.
    pub schema: Option<Schema>,
    /// The object; `None`: there is none.
    pub object: Option<Value>,
}

/// Every network and how it stands with it. `node_ip` is that of the gateway that answers.
pub fn endpoints(node_ip: Option<Ipv4Addr>, vpc_cidrs: &[Cidr4], seen: Option<&SeenConfig>, role: Role<'_>) -> Vec<Endpoint> {
    let described = |vpc_cidr: &Cidr4| {
        let desired = node_ip.filter(|_| role.leading);
        let (whose, observed, why) = match seen {
            Some(seen) => judged(*vpc_cidr, node_ip, (seen, vpc_cidrs), role),
            None => {
                let why = role.error.unwrap_or("the CiliumVTEPConfig has not been read yet");
                (Whose::Unknown, BTreeSet::new(), Some(why.to_owned()))
            }
        };
        Endpoint { vpc_cidr: *vpc_cidr, desired, observed: observed.into_iter().collect(), whose, why }
    };
    vpc_cidrs.iter().map(described).collect()
}

type Judgement = (Whose, BTreeSet<Ipv4Addr>, Option<String>);

fn judged(cidr: Cidr4, node_ip: Option<Ipv4Addr>, (seen, vpc_cidrs): (&SeenConfig, &[Cidr4]), role: Role<'_>) -> Judgement {
    let Some(object) = &seen.object else {
        return (Whose::Missing, BTreeSet::new(), Some(role.unwritten("there is no such object")));
    };
    let listed = object.pointer("/spec/endpoints").and_then(Value::as_array);
    let text = |endpoint: &Value, key: &str| endpoint.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let leading: Vec<_> = listed
        .into_iter()
        .flatten()
        .filter(|endpoint| text(endpoint, "cidr").parse::<Cidr4>().is_ok_and(|other| other.overlaps(cidr)))
        .collect();
    let observed: BTreeSet<Ipv4Addr> = leading.iter().filter_map(|endpoint| text(endpoint, "tunnelEndpoint").parse().ok()).collect();
    let (whose, why) = if let Some(foreign) = leading.iter().find(|endpoint| !is_ours(endpoint)) {
        let name = text(foreign, "name");
        (Whose::Foreign, Some(role.unwritten(&format!("endpoint `{name}` of somebody else leads it elsewhere"))))
    } else if observed.is_empty() {
        (Whose::Missing, Some(role.unwritten("no endpoint for it")))
    } else if node_ip.is_some_and(|node_ip| observed == BTreeSet::from([node_ip])) {
        (Whose::Here, here(node_ip, (seen, vpc_cidrs), role))
    } else {
        (Whose::Gateway, role.leading.then(|| role.unwritten("leads to another gateway")))
    };
    (whose, observed, why)
}

/// Why an endpoint that leads to `node_ip` is not as it should be.
fn here(node_ip: Option<Ipv4Addr>, (seen, vpc_cidrs): (&SeenConfig, &[Cidr4]), role: Role<'_>) -> Option<String> {
    if !role.leading {
        return Some(NOT_LEADING.into());
    }
    // Without a guard nothing is written; the highest epoch keeps `Superseded` out of the answer.
    let wanted = Wanted { node_ip: node_ip?, vpc_cidrs: vpc_cidrs.to_vec(), epoch: u32::MAX };
    let whole = seen.schema.as_ref().is_none_or(|schema| vtep::leads_to(schema, seen.object.as_ref(), &wanted));
    (!whole).then(|| role.unwritten("MAC, mask or a part of the networks is not as it should be"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vtep::Plan;
    use serde_json::json;

    const HERE: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 10);
    const OTHER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 10);

    fn written(node_ip: Ipv4Addr, schema: &Schema) -> Value {
        let wanted = Wanted { node_ip, vpc_cidrs: vec!["10.0.0.0/16".parse().unwrap()], epoch: 1 };
        let Plan::Create(object) = vtep::plan(schema, None, &wanted) else { panic!("nothing to create") };
        object
    }

    fn one(object: Option<Value>, schema: &Schema, role: Role<'_>) -> Endpoint {
        let seen = SeenConfig { schema: Some(schema.clone()), object };
        let all = endpoints(Some(HERE), &["10.0.0.0/16".parse().unwrap()], Some(&seen), role);
        assert_eq!(all.len(), 1);
        all.into_iter().next().unwrap()
    }

    #[test]
    fn an_endpoint_says_where_it_leads_and_why_not_to_the_leader() {
        let leader = Role { leading: true, error: None };
        let refused = Role { leading: true, error: Some("forbidden") };
        let standby = Role::default();
        let schema = Schema::LongestPrefix;
        let wrong_mac = || {
            let mut object = written(HERE, &schema);
            object["spec"]["endpoints"][0]["mac"] = json!("02:00:00:00:00:01");
            Some(object)
        };
        let theirs = json!({"name": "appliance", "cidr": "10.0.0.0/20", "tunnelEndpoint": "10.9.9.9"});
        let foreign = || Some(json!({"spec": {"endpoints": [theirs.clone()]}}));
        let unwritten = "; the leader has not written it yet";
        let cases: Vec<(Option<Value>, Role<'_>, Whose, Option<String>)> = vec![
            (Some(written(HERE, &schema)), leader, Whose::Here, None),
            (wrong_mac(), leader, Whose::Here, Some(format!("MAC, mask or a part of the networks is not as it should be{unwritten}"))),
            (
                Some(written(HERE, &schema)),
                standby,
                Whose::Here,
                Some("leads to this gateway, which did not lead when it was asked".into()),
            ),
            (Some(written(OTHER, &schema)), standby, Whose::Gateway, None),
            (Some(written(OTHER, &schema)), refused, Whose::Gateway, Some("leads to another gateway: forbidden".into())),
            (foreign(), standby, Whose::Foreign, Some("endpoint `appliance` of somebody else leads it elsewhere".into())),
            (Some(json!({"spec": {"endpoints": []}})), leader, Whose::Missing, Some(format!("no endpoint for it{unwritten}"))),
            (Some(json!({"spec": "?"})), standby, Whose::Missing, Some("no endpoint for it".into())),
            (None, refused, Whose::Missing, Some("there is no such object: forbidden".into())),
        ];
        for (object, role, whose, why) in cases {
            let case = format!("{object:?} {role:?}");
            let found = one(object, &schema, role);
            assert_eq!((found.whose, found.why), (whose, why), "{case}");
            assert_eq!(found.desired.is_some(), role.leading, "{case}");
        }
    }

    #[test]
    fn the_pieces_of_a_network_under_one_mask_count_together() {
        let schema = Schema::OneMask;
        let leader = Role { leading: true, error: None };
        let whole = one(Some(written(HERE, &schema)), &schema, leader);
        assert_eq!((whole.whose, whole.why, whole.observed), (Whose::Here, None, vec![HERE]));
    }

    #[test]
    fn what_was_not_read_is_unknown() {
        let all = endpoints(Some(HERE), &["10.0.0.0/16".parse().unwrap()], None, Role { leading: false, error: Some("no CRD") });
        assert_eq!((all[0].whose, all[0].why.as_deref()), (Whose::Unknown, Some("no CRD")));
    }
}
