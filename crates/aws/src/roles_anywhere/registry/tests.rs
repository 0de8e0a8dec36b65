use serde_json::json;

use super::*;
use crate::fake::{Fake, Reply, Request};

const PROFILE: &str = "arn:aws:rolesanywhere:eu-central-1:123456789012:profile/01234567-89ab-cdef-0123-456789abcdef";
const ANCHOR: &str = "arn:aws:rolesanywhere:eu-central-1:123456789012:trust-anchor/01234567-89ab-cdef-0123-456789abcdef";

fn profile() -> serde_json::Value {
    json!({"profileArn": PROFILE, "name": "nodes", "enabled": true, "roleArns": ["arn:r"], "acceptRoleSessionName": true, "durationSeconds": 3600})
}

#[tokio::test]
async fn a_profile_and_a_trust_anchor_are_had_by_their_arns() {
    let fake = Fake::start(|request: &Request| {
        if request.line.starts_with("GET /profile/") {
            Reply::json(json!({"profile": profile()}))
        } else {
            Reply::json(json!({"trustAnchor": {"trustAnchorArn": ANCHOR, "name": "CA", "enabled": false, "source": {}}}))
        }
    })
    .await;
    let session = Session::to_fake(&fake);
    let found = session.anywhere_profile(PROFILE).await.unwrap().unwrap();
    assert_eq!((found.profile_arn.as_str(), found.accept_role_session_name, found.duration_seconds), (PROFILE, true, Some(3600)));
    let anchor = session.trust_anchor(ANCHOR).await.unwrap().unwrap();
    assert_eq!((anchor.trust_anchor_arn.as_str(), anchor.enabled), (ANCHOR, false));
    let seen = fake.seen();
    assert_eq!(seen[0].line, "GET /profile/01234567-89ab-cdef-0123-456789abcdef HTTP/1.1");
    assert_eq!(seen[1].line, "GET /trustanchor/01234567-89ab-cdef-0123-456789abcdef HTTP/1.1");
    assert_eq!(seen[0].scope(), "rolesanywhere/eu-central-1");
}

#[tokio::test]
async fn what_is_not_there_is_none() {
    let fake = Fake::start(|_| Reply::Answer(404, "x-amzn-errortype: ResourceNotFoundException\r\n", r#"{"message": "no"}"#.into())).await;
    let session = Session::to_fake(&fake);
    assert_eq!(session.anywhere_profile(PROFILE).await.unwrap(), None);
    assert_eq!(session.trust_anchor(ANCHOR).await.unwrap(), None);
}
