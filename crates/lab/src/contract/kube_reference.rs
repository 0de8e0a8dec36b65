//! What only the reference gateway sends (aws/eks-hybrid-nodes-gateway e0ceb78, controller-runtime 0.22, client-go 0.35): protobuf.

use serde_json::json;

use super::http::Endpoint;
use super::kube::{LEASES, delete, lease, put};
use super::{Case, Wrong, equal};

/// What client-go names first in requests for built-in kinds, and what it sends them in.
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

pub(super) async fn cases(server: &Endpoint) -> Vec<Case> {
    vec![
        Case { name: "a lease can be written in protobuf", outcome: lease_in_protobuf(server).await },
        Case { name: "json is answered to who would rather have something newer", outcome: fallback(server).await },
    ]
}

async fn lease_in_protobuf(server: &Endpoint) -> Result<(), Wrong> {
    let path = format!("{LEASES}/contract-protobuf");
    delete(server, &path).await?;
    let made = server.send("POST", &format!("{LEASES}?timeout=1s"), (PROTOBUF, message("", ""))).await?;
    equal("creation", made.status, 201)?;
    let stored = server.get(&path).await?.json();
    let spec = json!({
        "holderIdentity": "",
        "leaseDurationSeconds": 3,
        "acquireTime": "2026-01-02T03:04:05.000120Z",
        "renewTime": "2026-01-02T03:04:05.000120Z",
        "leaseTransitions": 0,
    });
    equal("the spec", &stored["spec"], &spec)?;
    equal("the label", &stored["metadata"]["labels"], &json!({"k": "v"}))?;
    let version = stored["metadata"]["resourceVersion"].as_str().unwrap_or_default();
    let renewed = server.send("PUT", &format!("{path}?timeout=1s"), (PROTOBUF, message("a", version))).await?;
    equal("renewal", renewed.status, 200)?;
    let stale = server.send("PUT", &path, (PROTOBUF, message("b", version))).await?;
    equal("a stale version", stale.status, 409)?;
    let held = server.get(&path).await?.json();
    equal("the holder", &held["spec"]["holderIdentity"], &json!("a"))?;
    delete(server, &path).await.map(drop)
}

async fn fallback(server: &Endpoint) -> Result<(), Wrong> {
    let discovery = "application/json;g=apidiscovery.k8s.io;v=v2;as=NoSuchList,application/json";
    let groups = server.clone().with_header("Accept", discovery).get("/apis").await?.json();
    equal("groups", &groups["kind"], &json!("APIGroupList"))?;
    let path = format!("{LEASES}/contract-json");
    delete(server, &path).await?;
    let made = put(server, &path, &lease("contract-json")).await?;
    equal("creation", made.status, 201)?;
    let table = "application/json;as=NoSuchTable;v=v1;g=meta.k8s.io,application/json";
    let read = server.clone().with_header("Accept", table).get(&path).await?.json();
    equal("a lease", &read["kind"], &json!("Lease"))?;
    delete(server, &path).await.map(drop)
}

/// A Lease `contract-protobuf` as client-go encodes it: all texts of the metadata, empty ones too.
fn message(holder: &str, version: &str) -> Vec<u8> {
    // 1767323045 s, 120,000 ns.
    let time = [&[0x08][..], &[0xa5, 0xeb, 0xdc, 0xca, 0x06], &[0x10, 0xc0, 0xa9, 0x07]].concat();
    let label = [field(1, b"k"), field(2, b"v")].concat();
    let metadata = [
        field(1, b"contract-protobuf"),
        field(2, b""),
        field(3, b"default"),
        field(4, b""),
        field(5, b""),
        field(6, version.as_bytes()),
        vec![0x38, 0],
        field(8, b""),
        field(11, &label),
    ];
    let spec = [field(1, holder.as_bytes()), vec![0x10, 3], field(3, &time), field(4, &time), vec![0x28, 0]];
    let object = [field(1, &metadata.concat()), field(2, &spec.concat())].concat();
    let types = [field(1, b"coordination.k8s.io/v1"), field(2, b"Lease")].concat();
    [b"k8s\0".to_vec(), field(1, &types), field(2, &object), field(3, b""), field(4, b"")].concat()
}

/// A field of bytes: its number, the length as a varint, the bytes.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    let mut length = content.len();
    while length > 0x7f {
        field.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    field.push((length & 0x7f) as u8);
    field.extend_from_slice(content);
    field
}
