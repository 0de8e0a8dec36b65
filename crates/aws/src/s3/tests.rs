use super::*;
use crate::call::Kind;
use crate::endpoint::Endpoints;
use crate::fake::{Fake, Reply, Request};

/// SHA-256 of `{}` (RFC 6234 by `sha256sum`).
const DIGEST: &str = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

#[tokio::test]
async fn a_template_is_put_with_its_digest_and_taken_away() {
    let fake = Fake::start(|request: &Request| {
        let status = if request.line.starts_with("PUT") { 200 } else { 204 };
        Reply::Answer(status, "", String::new())
    })
    .await;
    let session = Session::to_fake(&fake);
    let url = session.put_object("templates", "hybridge/shop ä.json", "{}").await.unwrap();
    assert_eq!(url, format!("{}/templates/hybridge/shop%20%C3%A4.json", fake.url()));
    session.delete_object("templates", "hybridge/shop ä.json").await.unwrap();
    let seen = fake.seen();
    assert_eq!(seen[0].line, "PUT /templates/hybridge/shop%20%C3%A4.json HTTP/1.1");
    assert_eq!((seen[0].body.as_str(), seen[0].header("x-amz-content-sha256")), ("{}", Some(DIGEST)));
    assert_eq!(seen[0].scope(), "s3/eu-central-1");
    assert!(seen[0].header("authorization").unwrap().contains("SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date,"));
    assert_eq!(seen[1].line, "DELETE /templates/hybridge/shop%20%C3%A4.json HTTP/1.1");
}

#[test]
fn a_text_is_named_by_its_digest() {
    assert_eq!(text_digest("{}"), DIGEST);
}

#[tokio::test]
async fn the_bucket_is_in_the_hosts_name_where_its_certificate_allows_that() {
    let fake = Fake::start(|_| Reply::HangUp).await;
    let mut session = Session::to_fake(&fake);
    session.endpoints = Endpoints::default();
    assert_eq!(session.object_url("templates", "a/b.json"), "https://templates.s3.eu-central-1.amazonaws.com/a/b.json");
    assert_eq!(session.object_url("my.templates", "b.json"), "https://s3.eu-central-1.amazonaws.com/my.templates/b.json");
    session.endpoints.given.insert(Service::S3, "http://127.0.0.1:1/".into());
    assert_eq!(session.object_url("templates", "b.json"), "http://127.0.0.1:1/templates/b.json");
}

#[tokio::test]
async fn a_bucket_that_is_not_there_or_not_ours_is_told() {
    let fake = Fake::start(|_| {
        Reply::Answer(404, "", "<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message></Error>".into())
    })
    .await;
    let error = Session::to_fake(&fake).put_object("templates", "x", "{}").await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::NotFound, Some("NoSuchBucket")));

    let message = "<Error><Code>AccessDenied</Code><Message>User: arn:aws:iam::123456789012:user/me is not authorized to perform: \
        s3:PutObject on resource: \"arn:aws:s3:::templates/x\" because no identity-based policy allows it</Message></Error>";
    let fake = Fake::start(move |_| Reply::Answer(403, "", message.into())).await;
    let error = Session::to_fake(&fake).put_object("templates", "x", "{}").await.unwrap_err();
    assert_eq!(error.fix().unwrap(), "allow `s3:PutObject` on `arn:aws:s3:::templates/x` in the policy of the caller's role");
}
