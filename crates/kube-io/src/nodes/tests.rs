//! The stream of hybrid nodes against a server that does everything an API server can do to it.

use std::pin::pin;

use futures::StreamExt;
use serde_json::json;

use super::*;
use crate::testing::{Reply, Server};

/// What [`decode`] makes of a spec: its `ip`, or what it is instead.
type Decoded = Result<String, String>;

fn decode(_: &str, _: i64, spec: &Value) -> Decoded {
    spec["ip"].as_str().map(Into::into).ok_or_else(|| spec.to_string())
}

fn node(name: &str, version: u32, spec: &Value) -> Value {
    json!({
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNode",
        "metadata": { "name": name, "resourceVersion": version.to_string(), "creationTimestamp": "2026-01-02T03:04:05Z" },
        "spec": spec,
    })
}

fn page(version: u32, next: &str, nodes: &[Value]) -> Reply {
    Reply::json(json!({ "metadata": { "resourceVersion": version.to_string(), "continue": next }, "items": nodes }))
}

fn line(kind: &str, object: &Value) -> String {
    json!({ "type": kind, "object": object }).to_string()
}

/// Events as short texts.
fn shown(event: NodeEvent<Decoded>) -> String {
    let node = |(name, node): &(NodeName, Decoded)| match node {
        Ok(ip) => format!("{name}={ip}"),
        Err(spec) => format!("{name}?{spec}"),
    };
    match event {
        NodeEvent::Listed(nodes) => format!("listed {}", nodes.iter().map(node).collect::<Vec<_>>().join(" ")),
        NodeEvent::Applied(name, decoded) => format!("applied {}", node(&(name, decoded))),
        NodeEvent::Deleted(name) => format!("deleted {name}"),
        NodeEvent::Failed(error) => format!("failed {}", error.kind()),
        NodeEvent::Recovered => "recovered".into(),
    }
}

/// The first events of the stream against these replies, and the requests it sent for them.
async fn events(count: usize, replies: impl IntoIterator<Item = Reply>) -> (Vec<String>, Vec<String>) {
    let (server, kube) = Server::start(replies).await;
    let events = pin!(kube.nodes(decode)).take(count).map(shown).collect().await;
    (events, server.lines())
}

fn ip(ip: &str) -> Value {
    json!({ "ip": ip })
}

const LIST: &str = "GET /apis/cilium.io/v2/ciliumnodes?&labelSelector=eks.amazonaws.com%2Fcompute-type%3Dhybrid&limit=500";

fn watch(version: &str) -> String {
    format!(
        "GET /apis/cilium.io/v2/ciliumnodes?&watch=true&timeoutSeconds=25&labelSelector=eks.amazonaws.com%2Fcompute-type%3Dhybrid\
         &allowWatchBookmarks=true&resourceVersion={version}"
    )
}

#[tokio::test]
async fn pages_become_one_list_and_the_watch_starts_where_it_ended() {
    let changes =
        [line("ADDED", &node("c", 8, &ip("3"))), line("MODIFIED", &node("a", 9, &ip("4"))), line("DELETED", &node("b", 10, &ip("2")))];
    let (events, asked) = events(
        4,
        [page(7, "more=", &[node("a", 1, &ip("1"))]), page(7, "", &[node("b", 2, &ip("2"))]), Reply::ThenSilence(changes.into())],
    )
    .await;
    assert_eq!(events, ["listed a=1 b=2", "applied c=3", "applied a=4", "deleted b"]);
    assert_eq!(asked, [LIST.to_owned(), format!("{LIST}&continue=more%3D"), watch("7")]);
}

#[tokio::test]
async fn an_object_that_cannot_be_decoded_is_shown_as_such_and_stops_nothing() {
    let odd = [
        line("MODIFIED", &node("b", 8, &json!([1]))),
        line("ADDED", &json!({ "metadata": { "name": 5 } })),
        line("ADDED", &node("c", 9, &ip("3"))),
    ];
    let listed = page(7, "", &[node("a", 1, &ip("1")), node("b", 2, &json!("broken")), json!({})]);
    let (events, _) = events(4, [listed, Reply::ThenSilence(odd.into())]).await;
    assert_eq!(events, [r#"listed a=1 b?"broken" ?null"#, "applied b?[1]", "applied ?null", "applied c=3"]);
}

#[tokio::test]
async fn a_watch_that_ends_is_resumed_from_the_last_bookmark_without_a_word() {
    let first = [line("ADDED", &node("a", 8, &ip("1"))), line("BOOKMARK", &node("", 20, &Value::Null))];
    let second = [line("ADDED", &node("b", 21, &ip("2")))];
    let (events, asked) = events(3, [page(7, "", &[]), Reply::Lines(first.into()), Reply::ThenSilence(second.into())]).await;
    assert_eq!(events, ["listed ", "applied a=1", "applied b=2"]);
    assert_eq!(asked, [LIST.to_owned(), watch("7"), watch("20")]);
}

#[tokio::test]
async fn a_version_that_is_no_longer_kept_means_a_new_list_wherever_it_shows() {
    let expired = line("ERROR", &json!({ "kind": "Status", "code": 410, "message": "too old resource version" }));
    let (events, asked) = events(
        4,
        [
            page(7, "more", &[node("half", 1, &ip("0"))]),
            Reply::status(410, "The provided continue parameter is too old"),
            page(8, "", &[node("a", 1, &ip("1"))]),
            Reply::Lines(vec![expired]),
            page(30, "", &[node("b", 2, &ip("2"))]),
            Reply::status(410, "too old resource version"),
            page(40, "", &[]),
            Reply::ThenSilence(vec![line("ADDED", &node("c", 41, &ip("3")))]),
        ],
    )
    .await;
    assert_eq!(events, ["listed a=1", "listed b=2", "listed ", "applied c=3"]);
    assert_eq!(asked.last(), Some(&watch("40")));
}

#[tokio::test]
async fn silence_is_a_failure_after_which_the_watch_is_resumed() {
    let (events, asked) = events(
        4,
        [
            page(7, "", &[]),
            Reply::ThenSilence(vec![line("BOOKMARK", &node("", 9, &Value::Null))]),
            Reply::ThenSilence(vec![line("ADDED", &node("a", 10, &ip("1")))]),
        ],
    )
    .await;
    assert_eq!(events, ["listed ", "failed no answer within 300ms", "recovered", "applied a=1"]);
    assert_eq!(asked, [LIST.to_owned(), watch("7"), watch("9")]);
}

#[tokio::test]
async fn a_broken_connection_or_a_busy_server_loses_nothing() {
    let (events, asked) = events(
        6,
        [
            page(7, "", &[]),
            Reply::ThenBreak(vec![line("ADDED", &node("a", 8, &ip("1")))]),
            Reply::status(503, "apiserver is shutting down"),
            Reply::ThenSilence(vec![line("ADDED", &node("b", 9, &ip("2")))]),
        ],
    )
    .await;
    let refused = "failed refused with status 503: apiserver is shutting down";
    assert_eq!(events, ["listed ", "applied a=1", "failed the connection broke", refused, "recovered", "applied b=2"]);
    assert_eq!(asked, [LIST.to_owned(), watch("7"), watch("8"), watch("8")]);
}

#[tokio::test]
async fn refusals_and_nonsense_mean_that_nothing_is_known_any_more() {
    let (events, asked) = events(
        7,
        [
            Reply::status(403, "not allowed"),
            page(7, "", &[]),
            Reply::status(404, "the server could not find the requested resource"),
            page(8, "", &[]),
            Reply::ThenSilence(vec!["no JSON".into()]),
            page(9, "", &[]),
            Reply::ThenSilence(vec![]),
        ],
    )
    .await;
    let nothing = "failed the answer cannot be understood";
    assert_eq!(
        events,
        ["failed forbidden: not allowed", "listed ", "failed it does not exist", "listed ", "recovered", nothing, "listed "]
    );
    assert_eq!(asked[3..5], [LIST.to_owned(), watch("8")]);
}

#[tokio::test]
async fn a_server_that_ends_watches_at_once_is_not_asked_in_a_tight_loop() {
    let ends = (0..200).map(|_| Reply::Lines(vec![]));
    let (server, kube) = Server::start([page(7, "", &[])].into_iter().chain(ends)).await;
    let mut nodes = pin!(kube.nodes(decode));
    assert_eq!(shown(nodes.next().await.unwrap()), "listed ");
    // 50 + 100 + 200 + 400 ms at least, before the fifth.
    assert!(tokio::time::timeout(Duration::from_millis(600), nodes.next()).await.is_err());
    assert!((2..=5).contains(&server.asked().len()), "{}", server.asked().len());
}

#[tokio::test]
async fn it_goes_on_when_a_server_comes_that_was_never_there() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let kube = crate::testing::client(&format!("http://{address}")).await;
    let mut nodes = pin!(kube.nodes(decode));
    for _ in 0..2 {
        assert_eq!(shown(nodes.next().await.unwrap()), "failed the API server cannot be reached");
    }
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let (server, _) = Server::start([page(7, "", &[node("a", 1, &ip("1"))]), Reply::ThenSilence(vec![])]).await;
    tokio::spawn(server.serve(listener));
    let mut event = nodes.next().await.unwrap();
    while matches!(event, NodeEvent::Failed(_)) {
        event = nodes.next().await.unwrap();
    }
    assert_eq!(shown(event), "listed a=1");
    assert_eq!(shown(nodes.next().await.unwrap()), "recovered");
}
