use serde_json::json;

use super::*;
use crate::call::Kind;
use crate::fake::{Fake, Reply, Request as Asked};

/// `AWS:a:password`.
const TOKEN: &str = "QVdTOmE6cGFzc3dvcmQ=";

async fn login(image: &str, answer: serde_json::Value) -> (Result<Login, CallError>, Asked) {
    let body = answer.to_string();
    let fake = Fake::start(move |_| Reply::Answer(200, "Content-Type: application/x-amz-json-1.1\r\n", body.clone())).await;
    let login = Session::to_fake(&fake).login(&Registry::of_image(image).unwrap()).await;
    let seen = fake.seen();
    (login, seen[0].clone())
}

#[tokio::test]
async fn a_private_registry_is_asked_for_in_its_own_region() {
    let answer =
        json!({"authorizationData": [{"authorizationToken": TOKEN, "expiresAt": 1_767_355_200.123, "proxyEndpoint": "https://x"}]});
    let (login, asked) = login("123456789012.dkr.ecr.us-west-2.amazonaws.com/app:1", answer).await;
    let login = login.unwrap();
    assert_eq!((login.user.as_str(), login.password.as_str()), ("AWS", "a:password"));
    assert_eq!(login.expires.unwrap().to_string(), "2026-01-02T12:00:00Z");
    assert_eq!((asked.line.as_str(), asked.body.as_str()), ("POST / HTTP/1.1", "{}"));
    assert_eq!(asked.header("x-amz-target"), Some("AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken"));
    assert_eq!(asked.header("content-type"), Some("application/x-amz-json-1.1"));
    let authorization = asked.header("authorization").unwrap();
    let signed = "/us-west-2/ecr/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-target,";
    assert!(authorization.contains(signed), "{authorization}");
}

#[tokio::test]
async fn the_public_registry_is_asked_for_in_its_one_region() {
    let answer = json!({"authorizationData": {"authorizationToken": TOKEN, "expiresAt": 1_767_355_200}});
    let (login, asked) = login("public.ecr.aws/docker/library/redis:8", answer).await;
    assert_eq!(login.unwrap().user, "AWS");
    assert_eq!(asked.header("x-amz-target"), Some("SpencerFrontendService.GetAuthorizationToken"));
    assert!(asked.header("authorization").unwrap().contains("/us-east-1/ecr-public/aws4_request"));
}

#[tokio::test]
async fn nonsense_is_refused_without_being_repeated() {
    for answer in [
        json!({}),
        json!({"authorizationData": []}),
        json!({"authorizationData": [{"authorizationToken": 5}]}),
        json!({"authorizationData": [{"authorizationToken": "c2VjcmV0"}]}),
        json!({"authorizationData": [{"authorizationToken": "~secret~"}]}),
    ] {
        let (login, _) = login("public.ecr.aws/a", answer).await;
        let error = login.unwrap_err();
        assert!(matches!(error, CallError::Unintelligible { .. }), "{error}");
        assert!(!format!("{error:?}").contains("secret") && !format!("{error:?}").contains("c2Vj"), "{error:?}");
    }
}

#[tokio::test]
async fn a_refusal_names_the_permission() {
    let fake = Fake::start(|_| {
        let body = r#"{"__type":"AccessDeniedException","message":"User is not authorized"}"#;
        Reply::Answer(400, "Content-Type: application/x-amz-json-1.1\r\n", body.into())
    })
    .await;
    for (image, permission) in [
        ("123456789012.dkr-ecr.eu-west-1.on.aws/a", "`ecr:GetAuthorizationToken`"),
        ("ecr-public.aws.com/a", "ecr-public:GetAuthorizationToken"),
    ] {
        let error = Session::to_fake(&fake).login(&Registry::of_image(image).unwrap()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::AccessDenied);
        assert!(error.fix().unwrap().contains(permission), "{:?}", error.fix());
    }
}

#[tokio::test]
async fn an_image_from_elsewhere_gets_no_credentials_and_aws_is_not_asked() {
    let response = respond("docker.io/library/redis:8").await.unwrap();
    let value: serde_json::Value = serde_json::from_str(response.reveal()).unwrap();
    assert_eq!(
        value,
        json!({"kind": "CredentialProviderResponse", "apiVersion": "credentialprovider.kubelet.k8s.io/v1",
               "cacheKeyType": "Registry", "cacheDuration": "0s", "auth": {}})
    );
}
