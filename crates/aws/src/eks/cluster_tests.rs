//! What a cluster is made of.

use serde_json::{Value, json};

use super::*;
use crate::fake::{Fake, Reply, Request};

const PRINCIPAL: &str = "arn:aws:iam::123456789012:role/Hybrid";

fn body(request: &Request) -> Value {
    let mut body: Value = serde_json::from_str(&request.body).unwrap();
    // Each request has one of its own.
    let token = body.as_object_mut().unwrap().remove("clientRequestToken");
    assert!(token.is_none_or(|token| token.as_str().unwrap().len() == 32));
    body
}

fn target(request: &Request) -> &str {
    request.line.strip_suffix(" HTTP/1.1").unwrap()
}

fn not_found() -> Reply {
    Reply::Answer(404, "x-amzn-errortype: ResourceNotFoundException\r\n", r#"{"message": "No such thing"}"#.into())
}

#[tokio::test]
async fn clusters_are_listed_page_by_page_and_described_with_their_remote_networks() {
    let fake = Fake::start(|request: &Request| match target(request) {
        "GET /clusters?maxResults=100" => Reply::json(json!({"clusters": ["a"], "nextToken": "n="})),
        "GET /clusters?maxResults=100&nextToken=n%3D" => Reply::json(json!({"clusters": ["b"], "nextToken": null})),
        "GET /clusters/a" => Reply::json(json!({"cluster": {
            "name": "a", "version": "1.34", "status": "ACTIVE", "endpoint": null, "tags": {"x": "y"},
            "resourcesVpcConfig": {"subnetIds": ["subnet-1"], "vpcId": "vpc-1", "endpointPublicAccess": true, "publicAccessCidrs": ["0.0.0.0/0"]},
            "remoteNetworkConfig": {"remoteNodeNetworks": [{"cidrs": ["10.80.0.0/16"]}]}, "accessConfig": {"authenticationMode": "API"}}})),
        _ => not_found(),
    })
    .await;
    let session = Session::to_fake(&fake);
    assert_eq!(session.clusters().await.unwrap(), ["a", "b"]);
    let live = session.live_cluster("a").await.unwrap().unwrap();
    assert_eq!(live.remote_network_config.unwrap().remote_node_networks[0].cidrs, ["10.80.0.0/16"]);
    assert_eq!((live.endpoint.as_str(), live.resources_vpc_config.vpc_id.as_str()), ("", "vpc-1"));
    assert_eq!(session.live_cluster("c").await.unwrap(), None);
    assert_eq!(session.addon("a", "x").await.unwrap(), None);
    assert_eq!(session.node_group("a", "x").await.unwrap(), None);
    assert_eq!(session.access_entry("a", PRINCIPAL).await.unwrap(), None);
    session.delete_addon("a", "x", true).await.unwrap();
    assert_eq!(target(fake.seen().last().unwrap()), "DELETE /clusters/a/addons/x?preserve=true");
}

#[tokio::test]
async fn a_change_is_begun_and_followed() {
    let fake = Fake::start(|request: &Request| {
        let status = if request.line.starts_with("POST") { "InProgress" } else { "Failed" };
        Reply::json(json!({"update": {"id": "u/1", "status": status, "type": "RemoteNetworkConfigUpdate", "createdAt": 1.5,
            "errors": [{"errorCode": "Unknown", "errorMessage": "why", "resourceIds": ["r"]}]}}))
    })
    .await;
    let session = Session::to_fake(&fake);
    let change = json!({"remoteNetworkConfig": {"remoteNodeNetworks": [], "remotePodNetworks": []}});
    let begun = session.update_cluster_config("shop", change.clone()).await.unwrap();
    assert_eq!((begun.id.as_str(), begun.status.as_str(), begun.kind.as_str()), ("u/1", "InProgress", "RemoteNetworkConfigUpdate"));
    let followed = session.cluster_update("shop", &begun.id, Some("coredns")).await.unwrap();
    assert_eq!(followed.errors[0].error_message, "why");
    session.update_cluster_version("shop", "1.35").await.unwrap();
    let seen = fake.seen();
    assert_eq!((target(&seen[0]), body(&seen[0])), ("POST /clusters/shop/update-config", change));
    assert_eq!(seen[0].header("content-type"), Some("application/json"));
    assert_eq!(target(&seen[1]), "GET /clusters/shop/updates/u%2F1?addonName=coredns");
    assert_eq!((target(&seen[2]), body(&seen[2])), ("POST /clusters/shop/updates", json!({"version": "1.35"})));
}

#[tokio::test]
async fn an_entry_has_its_type_and_only_those_of_people_have_policies() {
    let fake = Fake::start(|request: &Request| {
        let kind = if request.line.contains("Admin") { "STANDARD" } else { "HYBRID_LINUX" };
        if request.line.contains("access-policies") {
            Reply::json(
                json!({"associatedAccessPolicies": [{"policyArn": "arn:p", "accessScope": {"type": "namespace", "namespaces": ["a"]}}]}),
            )
        } else {
            Reply::json(
                json!({"accessEntry": {"principalArn": PRINCIPAL, "type": kind, "username": "u", "kubernetesGroups": ["g"], "tags": {}}}),
            )
        }
    })
    .await;
    let session = Session::to_fake(&fake);
    let hybrid = session.access_entry("shop", PRINCIPAL).await.unwrap().unwrap();
    assert_eq!((hybrid.kind.as_str(), hybrid.policies.len(), fake.seen().len()), ("HYBRID_LINUX", 0, 1));
    let admin = session.access_entry("shop", "arn:aws:iam::123456789012:role/Admin").await.unwrap().unwrap();
    assert_eq!((admin.policies[0].access_scope.kind.as_str(), admin.kubernetes_groups), ("namespace", vec!["g".to_owned()]));
    let path = "GET /clusters/shop/access-entries/arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2FAdmin/access-policies?maxResults=100";
    assert_eq!(target(&fake.seen()[2]), path);
}

#[tokio::test]
async fn add_ons_are_listed_made_changed_and_their_versions_known() {
    let fake = Fake::start(|request: &Request| match target(request) {
        "GET /clusters/shop/addons?maxResults=100" => Reply::json(json!({"addons": ["coredns"]})),
        "GET /clusters/shop/addons/coredns" => Reply::json(json!({"addon": {"addonName": "coredns", "addonVersion": "v1", "status": "DEGRADED",
            "health": {"issues": []}}})),
        "GET /addons/supported-versions?addonName=coredns&kubernetesVersion=1.34&maxResults=100" => {
            let version = |name: &str, default: bool| {
                json!({"addonVersion": name, "computeTypes": ["ec2", "hybrid"], "compatibilities": [{"clusterVersion": "1.34", "defaultVersion": default}]})
            };
            Reply::json(json!({"addons": [{"addonName": "coredns", "addonVersions": [version("v2", false), version("v1", true)]}]}))
        }
        "POST /clusters/shop/addons/coredns/update" => Reply::json(json!({"update": {"id": "u"}})),
        "POST /clusters/shop/addons" => Reply::json(json!({"addon": {}})),
        other => panic!("{other}"),
    })
    .await;
    let session = Session::to_fake(&fake);
    assert_eq!(session.addons("shop").await.unwrap(), ["coredns"]);
    assert_eq!(session.addon("shop", "coredns").await.unwrap().unwrap().status, "DEGRADED");
    let versions = session.addon_versions("coredns", "1.34").await.unwrap();
    assert_eq!((versions[0].version.as_str(), versions[0].is_default, versions[1].is_default), ("v2", false, true));
    assert_eq!(versions[0].compute_types, ["ec2", "hybrid"]);
    let addon = NewAddon {
        name: "coredns",
        version: "v2",
        resolve_conflicts: "OVERWRITE",
        pod_identities: &[("sa", "arn:r")],
        tags: [("k".to_owned(), "v".to_owned())].into(),
        ..NewAddon::default()
    };
    session.create_addon("shop", &addon).await.unwrap();
    assert_eq!(session.update_addon("shop", &addon).await.unwrap().id, "u");
    let seen = fake.seen();
    let change = json!({"addonVersion": "v2", "resolveConflicts": "OVERWRITE", "podIdentityAssociations": [{"serviceAccount": "sa", "roleArn": "arn:r"}]});
    assert_eq!(body(seen.last().unwrap()), change);
    let mut new = change;
    (new["addonName"], new["tags"]) = ("coredns".into(), json!({"k": "v"}));
    assert_eq!(body(&seen[seen.len() - 2]), new);
}

#[tokio::test]
async fn node_groups_pod_identities_and_versions_are_read() {
    let fake = Fake::start(|request: &Request| match target(request) {
        "GET /clusters/shop/node-groups?maxResults=100" => Reply::json(json!({"nodegroups": ["gw"]})),
        "GET /clusters/shop/node-groups/gw" => Reply::json(json!({"nodegroup": {"nodegroupName": "gw", "status": "ACTIVE", "diskSize": 80,
            "scalingConfig": {"minSize": 2, "maxSize": 4, "desiredSize": 2}, "instanceTypes": ["m7g.large"]}})),
        "GET /clusters/shop/pod-identity-associations?maxResults=100" => {
            Reply::json(json!({"associations": [{"associationId": "a-1", "namespace": "n", "serviceAccount": "s"}]}))
        }
        "POST /clusters/shop/pod-identity-associations" => Reply::json(json!({"association": {"associationId": "a-2"}})),
        "GET /clusters/shop/pod-identity-associations/a-2" => {
            Reply::json(json!({"association": {"associationId": "a-2", "roleArn": "arn:r", "tags": {"k": "v"}, "createdAt": 1.5}}))
        }
        "POST /clusters/shop/pod-identity-associations/a-2" => Reply::json(json!({"association": {"associationId": "a-2"}})),
        "GET /clusters/shop/pod-identity-associations/a-3" => not_found(),
        "GET /cluster-versions?maxResults=100" => Reply::json(json!({"clusterVersions": [
            {"clusterVersion": "1.34", "defaultVersion": true, "versionStatus": "STANDARD_SUPPORT", "releaseDate": 1.0}]})),
        other => panic!("{other}"),
    })
    .await;
    let session = Session::to_fake(&fake);
    assert_eq!(session.node_groups("shop").await.unwrap(), ["gw"]);
    let group = session.node_group("shop", "gw").await.unwrap().unwrap();
    assert_eq!((group.scaling_config.desired_size, group.instance_types), (2, vec!["m7g.large".to_owned()]));
    assert_eq!(session.pod_identities("shop").await.unwrap()[0].association_id, "a-1");
    let new = NewPodIdentity { namespace: "n", service_account: "s", role_arn: "arn:r", tags: &Default::default() };
    assert_eq!(session.create_pod_identity("shop", &new).await.unwrap(), "a-2");
    assert_eq!(body(&fake.seen()[3]), json!({"namespace": "n", "serviceAccount": "s", "roleArn": "arn:r"}));
    let known = session.pod_identity("shop", "a-2").await.unwrap().unwrap();
    assert_eq!((known.role_arn.as_str(), known.tags["k"].as_str()), ("arn:r", "v"));
    assert_eq!(session.pod_identity("shop", "a-3").await.unwrap(), None);
    session.update_pod_identity("shop", "a-2", "arn:other").await.unwrap();
    assert_eq!(body(fake.seen().last().unwrap()), json!({"roleArn": "arn:other"}));
    assert!(session.cluster_versions().await.unwrap()[0].default_version);
}

#[tokio::test]
async fn a_request_that_is_repeated_is_the_same_one() {
    let count = std::sync::atomic::AtomicUsize::new(0);
    let fake = Fake::start(move |_| match count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
        0 => Reply::HangUp,
        _ => Reply::json(json!({"association": {"associationId": "a-2"}})),
    })
    .await;
    let new = NewPodIdentity { namespace: "n", service_account: "s", role_arn: "arn:r", tags: &Default::default() };
    Session::to_fake(&fake).create_pod_identity("shop", &new).await.unwrap();
    let seen = fake.seen();
    assert!(seen.len() == 2 && seen[0].body == seen[1].body && seen[0].body.contains("clientRequestToken"));
}
