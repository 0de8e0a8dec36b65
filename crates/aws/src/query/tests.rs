use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::call::Kind;
use crate::fake::{Fake, Reply, Request};

/// Asks for names, page by page.
async fn names(fake: &Fake) -> Result<Vec<String>, CallError> {
    let call = Call::new("ListStacks", "");
    Session::to_fake(fake).query_all(&call, &Query::cloud_formation("ListStacks"), "StackSummaries", |one| one.need("StackName")).await
}

fn summaries(names: &str, more: &str) -> Reply {
    let members: String = names.split(' ').map(|name| format!("<member><StackName>{name}</StackName></member>")).collect();
    Reply::result("ListStacks", &format!("<StackSummaries>{members}</StackSummaries>{more}"))
}

#[tokio::test]
async fn a_call_is_a_signed_form_and_its_answer_is_read_page_by_page() {
    let fake = Fake::start(|request: &Request| match request.form().get("NextToken").map(String::as_str) {
        None => summaries("a b", "<NextToken>x+/=&amp;y</NextToken>"),
        Some("x+/=&y") => summaries("c", "<NextToken/>"),
        Some(other) => panic!("{other}"),
    })
    .await;
    assert_eq!(names(&fake).await.unwrap(), ["a", "b", "c"]);
    let seen = fake.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].line, "POST / HTTP/1.1");
    assert_eq!(seen[0].body, "Action=ListStacks&Version=2010-05-15");
    assert_eq!(seen[0].header("content-type"), Some("application/x-www-form-urlencoded; charset=utf-8"));
    assert_eq!(seen[0].scope(), "cloudformation/eu-central-1");
}

#[tokio::test]
async fn each_service_has_its_own_way_to_the_next_page() {
    let fake = Fake::start(|request: &Request| match (request.action(), request.form().len()) {
        ("DescribeSubnets", 0) => Reply::ok(
            "<DescribeSubnetsResponse><subnetSet><item><id>1</id></item></subnetSet><nextToken>n</nextToken></DescribeSubnetsResponse>",
        ),
        ("DescribeSubnets", _) => {
            assert_eq!(request.form()["NextToken"], "n");
            Reply::ok("<DescribeSubnetsResponse><subnetSet><item><id>2</id></item></subnetSet></DescribeSubnetsResponse>")
        }
        (action, 0) => Reply::result(action, "<L><member><id>1</id></member></L><IsTruncated>true</IsTruncated><Marker>m</Marker>"),
        (action, _) => {
            assert_eq!(request.form()["Marker"], "m");
            Reply::result(action, "<L><member><id>2</id></member></L><IsTruncated>false</IsTruncated><Marker>m</Marker>")
        }
    })
    .await;
    let session = Session::to_fake(&fake);
    let call = Call::new("DescribeSubnets", "");
    let id = |one: Element<'_, '_>| one.need("id");
    assert_eq!(session.query_all(&call, &Query::ec2("DescribeSubnets"), "subnetSet", id).await.unwrap(), ["1", "2"]);
    assert_eq!(session.query_all(&call, &Query::iam("ListRolePolicies"), "L", id).await.unwrap(), ["1", "2"]);
    assert_eq!(fake.seen()[3].scope(), "iam/us-east-1");
}

#[tokio::test]
async fn pages_without_end_are_an_error() {
    let fake = Fake::start(|_| summaries("a", "<NextToken>again</NextToken>")).await;
    let error = names(&fake).await.unwrap_err();
    assert!(error.to_string().contains("followed by itself"), "{error}");
    assert_eq!(fake.seen().len(), 2);

    let count = AtomicUsize::new(0);
    let fake = Fake::start(move |_| summaries("a", &format!("<NextToken>{}</NextToken>", count.fetch_add(1, Ordering::SeqCst)))).await;
    let error = names(&fake).await.unwrap_err();
    assert!(error.to_string().contains("no end after 500 pages"), "{error}");
}

#[tokio::test]
async fn errors_are_read_in_both_forms_and_sorted() {
    type Case = (fn() -> Reply, Kind, &'static str);
    let cases: [Case; 2] = [
        (
            || Reply::error_response(400, "ExpiredToken", "The security token included in the request is expired"),
            Kind::BadCredentials,
            "ExpiredToken: The security token included in the request is expired",
        ),
        (|| Reply::error(403, "UnauthorizedOperation", "no"), Kind::AccessDenied, "UnauthorizedOperation: no"),
    ];
    for (reply, kind, shown) in cases {
        let fake = Fake::start(move |_| reply()).await;
        let error = names(&fake).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(shown), "{error}");
        assert_eq!(fake.seen().len(), 1);
    }
}

#[tokio::test]
async fn who_is_refused_is_told_what_to_allow_on_what() {
    let fake = Fake::start(|_| {
        let message = "User: arn:aws:iam::123456789012:user/me is not authorized to perform: cloudformation:ListStacks on resource: \
                       arn:aws:cloudformation:eu-central-1:123456789012:stack/*/*";
        Reply::error_response(403, "AccessDenied", message)
    })
    .await;
    let error = names(&fake).await.unwrap_err();
    let denied = error.denied().unwrap();
    assert_eq!(denied.principal.as_deref(), Some("arn:aws:iam::123456789012:user/me"));
    assert_eq!(
        error.fix().unwrap(),
        "allow `cloudformation:ListStacks` on `arn:aws:cloudformation:eu-central-1:123456789012:stack/*/*` in the policy of the caller's role"
    );

    // EC2 may say nothing of it.
    let fake = Fake::start(|_| Reply::error(403, "UnauthorizedOperation", "You are not authorized to perform this operation.")).await;
    let error = names(&fake).await.unwrap_err();
    assert_eq!(error.fix().unwrap(), "allow `cloudformation:ListStacks` in the policy of the caller's role");
}

#[tokio::test]
async fn throttling_passes_after_more_patience_than_other_failures() {
    let asked = AtomicUsize::new(0);
    let fake = Fake::start(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        0..=4 => Reply::error_response(400, "Throttling", "Rate exceeded"),
        _ => summaries("a", ""),
    })
    .await;
    assert_eq!(names(&fake).await.unwrap(), ["a"]);
    assert_eq!(fake.seen().len(), 6);

    let fake = Fake::start(|_| Reply::error_response(500, "InternalFailure", "sorry")).await;
    assert!(names(&fake).await.unwrap_err().to_string().contains("InternalFailure: sorry"));
    assert_eq!(fake.seen().len(), 4);
}

#[tokio::test]
async fn what_is_no_answer_to_the_call_is_refused() {
    for (nonsense, why) in [
        ("", "no XML"),
        ("<html><body>hello</body></html>", "it begins with `html`, not with `ListStacksResponse`"),
        ("<DescribeStacksResponse/>", "it begins with `DescribeStacksResponse`"),
        ("<ListStacksResponse>", "no XML"),
        (
            "<ListStacksResponse><ListStacksResult><StackSummaries><member/></StackSummaries></ListStacksResult></ListStacksResponse>",
            "StackName is missing",
        ),
    ] {
        let fake = Fake::start(move |_| Reply::ok(nonsense)).await;
        let error = names(&fake).await.unwrap_err();
        assert!(matches!(&error, CallError::Unintelligible { status: 200, .. }) && error.to_string().contains(why), "{error}");
    }
}

#[test]
fn forms_have_lists_filters_and_tags_as_each_service_writes_them() {
    let body = |query: &Query| query.body(None).split('&').skip(2).collect::<Vec<_>>().join("&");
    let query = Query::ec2("DescribeSubnets").filter("vpc-id", &["vpc-1"]).filter("state", &["a", "b"]);
    assert_eq!(body(&query), "Filter.1.Name=vpc-id&Filter.1.Value.1=vpc-1&Filter.2.Name=state&Filter.2.Value.1=a&Filter.2.Value.2=b");
    let tags: std::collections::BTreeMap<_, _> = [("a b".to_owned(), "ä=&".to_owned())].into();
    let query = Query::iam("X").members("Names", ["x", "y"]).tags(&tags).with_some("Empty", "");
    assert_eq!(body(&query), "Names.member.1=x&Names.member.2=y&Tags.member.1.Key=a%20b&Tags.member.1.Value=%C3%A4%3D%26");
}

#[test]
fn an_error_is_found_in_every_services_xml() {
    let s3 = b"<?xml version=\"1.0\"?>\n<Error><Code>NoSuchBucket</Code><Message>gone</Message><BucketName>b</BucketName></Error>";
    assert_eq!(error_of(s3), Some(("NoSuchBucket".into(), "gone".into())));
    assert_eq!(error_of(b"<Error><Code/></Error>"), None);
    assert_eq!(error_of(b"<html/>"), None);
    assert_eq!(error_of(b"{\"__type\":\"x\"}"), None);
    assert_eq!(error_of(b"<<"), None);
}
