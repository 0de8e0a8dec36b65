//! Watches of the Kubernetes API.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::http::{Endpoint, Lines};
use super::kube::{CILIUM_NODES, LEASES, VTEP_CONFIGS, delete, fresh, lease, put, vtep};
use super::kube_lists::{LABEL, cilium_node};
use super::{Case, Wrong, equal, holds};

/// An event comes within milliseconds; a loaded machine gets more.
const SOON: Duration = Duration::from_secs(5);

pub(super) async fn cases(server: &Endpoint) -> Vec<Case> {
    vec![
        Case { name: "a watch tells every change since its version", outcome: changes(server).await },
        Case { name: "a watch by label adds and deletes what gains and loses it", outcome: labels(server).await },
        Case { name: "a watch can be of one name", outcome: one_name(server).await },
        Case { name: "a watch without version starts with what is there", outcome: from_nothing(server).await },
        Case { name: "a streamed list ends with a marked bookmark", outcome: streamed_list(server).await },
        Case { name: "a watch ends in time, and its bookmarks have a version", outcome: end_in_time(server).await },
        Case { name: "a forgotten version is told in the stream", outcome: forgotten(server).await },
    ]
}

/// Type, name and version of the next event.
async fn event(lines: &mut Lines) -> Result<(String, String, String), Wrong> {
    let event = lines.next(SOON).await?.unwrap_or_default();
    let metadata = &event["object"]["metadata"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok((text(&event["type"]), text(&metadata["name"]), text(&metadata["resourceVersion"])))
}

async fn expect(lines: &mut Lines, sort: &str, name: &str) -> Result<String, Wrong> {
    let (actual, of, version) = event(lines).await?;
    equal("the next event", (actual.as_str(), of.as_str()), (sort, name))?;
    Ok(version)
}

async fn version_of_list(server: &Endpoint, path: &str) -> Result<String, Wrong> {
    Ok(server.get(path).await?.json()["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned())
}

async fn changes(server: &Endpoint) -> Result<(), Wrong> {
    delete(server, &format!("{LEASES}/contract-watched")).await?;
    let version = version_of_list(server, LEASES).await?;
    let mut before = server.lines(&format!("{LEASES}?watch=true&resourceVersion={version}")).await?;
    let mut object = fresh(server, LEASES, &lease("contract-watched")).await?;
    object["spec"]["leaseTransitions"] = json!(1);
    let changed = put(server, &format!("{LEASES}/contract-watched"), &object).await?.json();
    delete(server, &format!("{LEASES}/contract-watched")).await?;
    let mut after = server.lines(&format!("{LEASES}?watch=true&resourceVersion={version}")).await?;
    for lines in [&mut before, &mut after] {
        expect(lines, "ADDED", "contract-watched").await?;
        let seen = expect(lines, "MODIFIED", "contract-watched").await?;
        equal("version of the change", &json!(seen), &changed["metadata"]["resourceVersion"])?;
        let last = expect(lines, "DELETED", "contract-watched").await?;
        holds("a deletion has a version of its own", last != seen, last)?;
    }
    Ok(())
}

async fn labels(server: &Endpoint) -> Result<(), Wrong> {
    let path = format!("{CILIUM_NODES}/contract-label");
    fresh(server, CILIUM_NODES, &cilium_node("contract-label", "other")).await?;
    let selected = format!("{CILIUM_NODES}?labelSelector={LABEL}%3Dlabel");
    let version = version_of_list(server, &selected).await?;
    let mut lines = server.lines(&format!("{selected}&watch=1&resourceVersion={version}")).await?;
    for label in ["label", "label", "other", "unseen", "label"] {
        let mut node = server.get(&path).await?.json();
        node["metadata"]["labels"][LABEL] = json!(label);
        // Each write changes something, or it would be no change.
        let serial = node["spec"]["serial"].as_u64().unwrap_or(0) + 1;
        node["spec"]["serial"] = json!(serial);
        equal("the change is taken", put(server, &path, &node).await?.status, 200)?;
    }
    delete(server, &path).await?;
    for sort in ["ADDED", "MODIFIED", "DELETED", "ADDED", "DELETED"] {
        expect(&mut lines, sort, "contract-label").await?;
    }
    Ok(())
}

async fn one_name(server: &Endpoint) -> Result<(), Wrong> {
    for name in ["contract-one", "contract-two"] {
        delete(server, &format!("{VTEP_CONFIGS}/{name}")).await?;
    }
    let version = version_of_list(server, VTEP_CONFIGS).await?;
    let path = format!("{VTEP_CONFIGS}?watch=true&fieldSelector=metadata.name%3Dcontract-two&resourceVersion={version}");
    let mut lines = server.lines(&path).await?;
    for name in ["contract-one", "contract-two"] {
        fresh(server, VTEP_CONFIGS, &vtep(name)).await?;
        delete(server, &format!("{VTEP_CONFIGS}/{name}")).await?;
    }
    expect(&mut lines, "ADDED", "contract-two").await?;
    expect(&mut lines, "DELETED", "contract-two").await.map(drop)
}

async fn from_nothing(server: &Endpoint) -> Result<(), Wrong> {
    fresh(server, CILIUM_NODES, &cilium_node("contract-there", "there")).await?;
    for version in ["", "&resourceVersion=0"] {
        let path = format!("{CILIUM_NODES}?watch=true&labelSelector={LABEL}%3Dthere{version}");
        let mut lines = server.lines(&path).await?;
        expect(&mut lines, "ADDED", "contract-there").await?;
        fresh(server, CILIUM_NODES, &cilium_node("contract-there", "there")).await?;
        expect(&mut lines, "DELETED", "contract-there").await?;
        expect(&mut lines, "ADDED", "contract-there").await?;
    }
    delete(server, &format!("{CILIUM_NODES}/contract-there")).await.map(drop)
}

/// What client-go from 1.35 on asks for instead of a list.
async fn streamed_list(server: &Endpoint) -> Result<(), Wrong> {
    fresh(server, CILIUM_NODES, &cilium_node("contract-streamed", "streamed")).await?;
    let path = format!(
        "{CILIUM_NODES}?watch=true&labelSelector={LABEL}%3Dstreamed&allowWatchBookmarks=true&sendInitialEvents=true\
         &resourceVersionMatch=NotOlderThan&timeoutSeconds=10"
    );
    let mut lines = server.lines(&path).await?;
    expect(&mut lines, "ADDED", "contract-streamed").await?;
    let mark = lines.next(SOON).await?.unwrap_or_default();
    equal("the mark's type", &mark["type"], &json!("BOOKMARK"))?;
    let annotation = &mark["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"];
    equal("the mark's annotation", annotation, &json!("true"))?;
    let wrong = server.get(&format!("{CILIUM_NODES}?watch=true&sendInitialEvents=true")).await?;
    equal("without resourceVersionMatch", wrong.status, 422)?;
    delete(server, &format!("{CILIUM_NODES}/contract-streamed")).await.map(drop)
}

/// Bookmarks are offered, not promised: a real server sends none where it has nothing new to tell, so that none is as good as
/// one. Gateways resume a watch from the version of its last event or bookmark, whichever there was.
async fn end_in_time(server: &Endpoint) -> Result<(), Wrong> {
    let version = version_of_list(server, LEASES).await?;
    let start = Instant::now();
    let path = format!("{LEASES}?watch=true&allowWatchBookmarks=true&timeoutSeconds=3&resourceVersion={version}");
    let mut lines = server.lines(&path).await?;
    while let Some(event) = lines.next(Duration::from_secs(10)).await? {
        // Other leases of a real cluster may be renewed meanwhile.
        if event["type"] == "BOOKMARK" {
            equal("a bookmark's kind", &event["object"]["kind"], &json!("Lease"))?;
            holds("a bookmark has a version", event["object"]["metadata"]["resourceVersion"].is_string(), &event)?;
        }
    }
    let took = start.elapsed();
    holds("it takes the time asked for", (Duration::from_secs(2)..Duration::from_secs(6)).contains(&took), took)
}

async fn forgotten(server: &Endpoint) -> Result<(), Wrong> {
    let mut lines = server.lines(&format!("{CILIUM_NODES}?watch=true&resourceVersion=1")).await?;
    let error = lines.next(SOON).await?.unwrap_or_default();
    let status = &error["object"];
    let seen = (&error["type"], &status["kind"], &status["code"], &status["reason"]);
    equal("the only event", seen, (&json!("ERROR"), &json!("Status"), &json!(410), &json!("Expired")))?;
    equal("then", lines.next(SOON).await?, None)
}
