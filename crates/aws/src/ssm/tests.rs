use serde_json::json;

use super::*;
use crate::fake::{Fake, Reply, Request};

fn new(tags: &BTreeMap<String, String>) -> NewActivation<'_> {
    NewActivation {
        role: "HybridNodes",
        limit: 20,
        expires: "2026-01-02T03:04:05.9Z".parse().unwrap(),
        description: "nodes of shop",
        instance_name: "",
        tags,
    }
}

fn body(request: &Request) -> Value {
    serde_json::from_str(&request.body).unwrap()
}

#[tokio::test]
async fn an_activation_is_asked_for_and_its_code_is_never_shown() {
    let fake = Fake::start(|_| Reply::json(r#"{"ActivationId": "0a1b", "ActivationCode": "topsecretcode0123456"}"#)).await;
    let tags = [("EKSClusterARN".to_owned(), "arn:c".to_owned())].into();
    let made = Session::to_fake(&fake).create_activation(&new(&tags)).await.unwrap();
    assert_eq!((made.id.as_str(), made.code.reveal()), ("0a1b", "topsecretcode0123456"));
    assert!(!format!("{made:?}").contains("topsecret"));
    let request = &fake.seen()[0];
    assert_eq!((request.header("x-amz-target"), request.scope().as_str()), (Some("AmazonSSM.CreateActivation"), "ssm/eu-central-1"));
    assert_eq!(
        body(request),
        json!({"IamRole": "HybridNodes", "RegistrationLimit": 20, "ExpirationDate": 1_767_323_045, "Description": "nodes of shop",
               "Tags": [{"Key": "EKSClusterARN", "Value": "arn:c"}]})
    );
}

#[tokio::test]
async fn an_answer_that_cannot_be_understood_does_not_show_the_code_either() {
    let fake = Fake::start(|_| Reply::json(r#"{"ActivationId": 7, "ActivationCode": "topsecretcode0123456"}"#)).await;
    let error = Session::to_fake(&fake).create_activation(&new(&BTreeMap::new())).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("topsecret"), "{error:?}");
}

#[tokio::test]
async fn an_activation_is_not_asked_for_twice_unless_it_was_certainly_not_made() {
    for reply in [|_: &Request| Reply::HangUp, |_: &Request| Reply::Answer(500, "", String::new())] {
        let fake = Fake::start(reply).await;
        assert!(Session::to_fake(&fake).create_activation(&new(&BTreeMap::new())).await.is_err());
        assert_eq!(fake.seen().len(), 1);
    }
    let count = std::sync::atomic::AtomicUsize::new(0);
    let fake = Fake::start(move |_| match count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
        0 => Reply::Answer(400, "", r#"{"__type": "ThrottlingException", "message": "Rate exceeded"}"#.into()),
        _ => Reply::json(r#"{"ActivationId": "0a1b", "ActivationCode": "c"}"#),
    })
    .await;
    assert!(Session::to_fake(&fake).create_activation(&new(&BTreeMap::new())).await.is_ok());
}

#[tokio::test]
async fn activations_and_machines_are_listed_page_by_page() {
    let fake = Fake::start(|request: &Request| {
        let more = body(request).get("NextToken").is_none();
        let token = if more { json!("n") } else { Value::Null };
        match request.header("x-amz-target") {
            Some("AmazonSSM.DescribeActivations") => Reply::json(json!({
                "ActivationList": [{"ActivationId": if more { "a" } else { "b" }, "IamRole": "HybridNodes", "RegistrationLimit": 5,
                    "RegistrationsCount": 2, "ExpirationDate": 1_767_323_045.5, "Expired": false, "Tags": [{"Key": "k", "Value": "v"}]}],
                "NextToken": token})),
            _ => Reply::json(json!({
                "InstanceInformationList": [{"InstanceId": if more { "mi-1" } else { "mi-2" }, "PingStatus": "Online", "IPAddress": "10.80.1.2",
                    "IamRole": "HybridNodes", "ActivationId": "a", "ComputerName": "press-7", "LastPingDateTime": 1.0}],
                "NextToken": token})),
        }
    })
    .await;
    let session = Session::to_fake(&fake);
    let found = session.activations(Some("HybridNodes")).await.unwrap();
    let ids: Vec<_> = found.iter().map(|one| one.activation_id.as_str()).collect();
    assert_eq!((ids, found[0].registrations_count, found[0].expiration_date), (vec!["a", "b"], 2, Some(1_767_323_045.5)));
    let machines = session.managed_instances(&[("IamRole", &["HybridNodes"])]).await.unwrap();
    assert_eq!((machines.len(), machines[1].instance_id.as_str(), machines[0].ip_address.as_str()), (2, "mi-2", "10.80.1.2"));
    let seen = fake.seen();
    assert_eq!(body(&seen[0])["Filters"], json!([{"FilterKey": "IamRole", "FilterValues": ["HybridNodes"]}]));
    assert_eq!(
        body(&seen[2])["Filters"],
        json!([{"Key": "ResourceType", "Values": ["ManagedInstance"]}, {"Key": "IamRole", "Values": ["HybridNodes"]}])
    );
    assert_eq!(body(&seen[3])["NextToken"], "n");
}

#[tokio::test]
async fn what_is_gone_already_is_no_error() {
    for code in ["InvalidActivation", "InvalidActivationId", "InvalidInstanceId"] {
        let fake = Fake::start(move |_| Reply::Answer(400, "", json!({"__type": code}).to_string())).await;
        let session = Session::to_fake(&fake);
        assert_eq!(session.delete_activation("0a1b").await.is_ok(), code != "InvalidInstanceId", "{code}");
        assert_eq!(session.deregister_managed_instance("mi-1").await.is_ok(), code == "InvalidInstanceId", "{code}");
    }
    let fake = Fake::start(|_| Reply::json("{}")).await;
    Session::to_fake(&fake).deregister_managed_instance("mi-1").await.unwrap();
    assert_eq!(fake.seen()[0].header("x-amz-target"), Some("AmazonSSM.DeregisterManagedInstance"));
    assert_eq!(body(&fake.seen()[0]), json!({"InstanceId": "mi-1"}));
}
