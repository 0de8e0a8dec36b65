use super::*;
use crate::aws::key::Principal;

/// The example of AWS General Reference, "Signature Version 4 signing process": ListUsers of IAM at 20150830T123600Z.
fn example() -> Message {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Message {
        method: "GET".into(),
        path: "/".into(),
        query: "Action=ListUsers&Version=2010-05-08".into(),
        headers: vec![
            header("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
            header("host", "iam.amazonaws.com"),
            header("x-amz-date", "20150830T123600Z"),
            header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
                 SignedHeaders=content-type;host;x-amz-date, \
                 Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
            ),
        ],
        body: vec![],
    }
}

fn keys() -> BTreeMap<String, AccessKey> {
    let key = AccessKey {
        id: "AKIDEXAMPLE".into(),
        secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
        token: None,
        expires: None,
        principal: Principal::User("lab".into()),
    };
    BTreeMap::from([(key.id.clone(), key)])
}

fn at(text: &str) -> Timestamp {
    instant(text).unwrap()
}

fn verdict(message: &Message, now: &str) -> Result<String, Unproven> {
    verify(message, &keys(), at(now)).map(|(key, _)| key.id.clone())
}

#[test]
fn the_published_example_is_taken_within_five_minutes() {
    for (now, good) in [
        ("20150830T123600Z", true),
        ("20150830T124100Z", true),
        ("20150830T124101Z", false),
        ("20150830T123100Z", true),
        ("20150830T123059Z", false),
    ] {
        assert_eq!(verdict(&example(), now).is_ok(), good, "{now}");
    }
    let late = verdict(&example(), "20150830T130000Z").unwrap_err().to_string();
    assert_eq!(late, "Signature expired: 20150830T123600Z is now earlier than 20150830T125500Z (20150830T130000Z - 5 min.)");
}

#[test]
fn what_is_changed_on_the_way_is_noticed() {
    let now = "20150830T123600Z";
    type Change = fn(&mut Message);
    type Noticed = fn(&Unproven) -> bool;
    let changes: [(Change, Noticed); 7] = [
        (|m| m.method = "POST".into(), |e| *e == Unproven::Mismatch),
        (|m| m.path = "/x".into(), |e| *e == Unproven::Mismatch),
        (|m| m.query.push_str("&PathPrefix=x"), |e| *e == Unproven::Mismatch),
        (|m| m.body = b"x".to_vec(), |e| *e == Unproven::Mismatch),
        (|m| m.headers[1].1 = "sts.amazonaws.com".into(), |e| *e == Unproven::Mismatch),
        (|m| m.headers.push(("x-amz-target".into(), "x".into())), |e| matches!(e, Unproven::Incomplete(_))),
        (|m| m.headers.truncate(3), |e| *e == Unproven::Missing),
    ];
    for (number, (change, expected)) in changes.into_iter().enumerate() {
        let mut message = example();
        change(&mut message);
        let error = verdict(&message, now).unwrap_err();
        assert!(expected(&error), "{number}: {error:?}");
    }
}

#[test]
fn a_temporary_key_needs_its_token_and_ends() {
    let now = at("20260102T030405Z");
    let principal = Principal::Session { role: "node".into(), session: "i-0a".into() };
    let key = AccessKey::temporary(principal, now, SignedDuration::from_mins(15));
    let keys = BTreeMap::from([(key.id.clone(), key.clone())]);
    let signed = |key: &AccessKey, at: Timestamp| {
        let mut message =
            Message { method: "GET".into(), path: "/".into(), headers: vec![("host".into(), "lab".into())], ..Message::default() };
        key.sign(&mut message, ("us-west-2", "sts"), at);
        message
    };
    assert_eq!(verify(&signed(&key, now), &keys, now).unwrap().0.id, key.id);
    let without = AccessKey { token: None, ..key.clone() };
    assert_eq!(verify(&signed(&without, now), &keys, now), Err(Unproven::UnknownKey));
    let wrong = AccessKey { secret: "other".into(), ..key.clone() };
    assert_eq!(verify(&signed(&wrong, now), &keys, now), Err(Unproven::Mismatch));
    let end = now + SignedDuration::from_mins(15);
    assert_eq!(verify(&signed(&key, end), &keys, end), Err(Unproven::EndedKey));
}
