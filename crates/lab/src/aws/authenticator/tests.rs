use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::aws::canonical::{Scope, canonical_request, string_to_sign};
use crate::aws::key::AccessKey;
use crate::aws::message::Message;
use crate::aws::sigv4::{compact, signature};
use crate::aws::{AccessEntry, Cluster, EntryKind, Principal};
use crate::ec2::{Ec2State, FakeEc2};

const HOST: &str = "sts.us-west-2.amazonaws.com";

/// A token made step by step, so that each step can be made wrong.
struct Maker {
    host: &'static str,
    cluster: &'static str,
    signed: &'static str,
    extra: &'static str,
    expires: &'static str,
    at: Timestamp,
}

impl Maker {
    fn good() -> Self {
        Self { host: HOST, cluster: "one", signed: "host;x-k8s-aws-id", extra: "", expires: "60", at: Timestamp::now() }
    }

    fn make(&self, key: &AccessKey) -> String {
        let date = compact(self.at);
        let scope = Scope { date: date[..8].into(), region: "us-west-2".into(), service: "sts".into() };
        let encode = |text: &str| text.replace('/', "%2F").replace(';', "%3B").replace('+', "%2B").replace('=', "%3D");
        let credential = encode(&format!("{}/{}", key.id, scope.text()));
        let token = key.token.as_deref().map(|token| format!("&X-Amz-Security-Token={}", encode(token))).unwrap_or_default();
        let query = format!(
            "Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={credential}\
             &X-Amz-Date={date}&X-Amz-Expires={}&X-Amz-SignedHeaders={}{token}{}",
            self.expires,
            encode(self.signed),
            self.extra,
        );
        let headers = [("host", self.host), ("x-k8s-aws-id", self.cluster)].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let message = Message { method: "GET".into(), path: "/".into(), query, headers: headers.into(), body: vec![] };
        let signed: Vec<_> = self.signed.split(';').map(str::to_owned).collect();
        let text = string_to_sign("AWS4-HMAC-SHA256", &date, &scope, &canonical_request(&message, &signed).unwrap());
        let signature = signature(&key.secret, &scope, &text);
        encode_url(&format!("https://{}/?{}&X-Amz-Signature={signature}", self.host, message.query))
    }
}

fn encode_url(url: &str) -> String {
    format!("k8s-aws-v1.{}", URL_SAFE_NO_PAD.encode(url))
}

fn account() -> Aws {
    let aws = Aws::new("us-west-2", "123456789012", FakeEc2::new(Ec2State::new("vpc-0a".parse().unwrap(), vec![])));
    let mut cluster = Cluster::new("one", "https://10.0.0.1", "");
    cluster.entries.insert("arn:aws:iam::123456789012:role/path/hybrid".into(), AccessEntry::of_nodes(EntryKind::HybridLinux));
    cluster.entries.insert("arn:aws:iam::123456789012:role/node".into(), AccessEntry::of_nodes(EntryKind::Ec2Linux));
    aws.add_cluster(cluster);
    aws
}

#[test]
fn another_address_of_sts_is_taken_where_callers_were_told_of_it() {
    let aws = account();
    let key = aws.session("hybrid", "press-7", SignedDuration::from_hours(1));
    let token = Maker { host: "sts.lab", ..Maker::good() }.make(&key);
    let authenticator = Authenticator::new(&aws, "one");
    assert!(matches!(authenticator.authenticate(&token), Err(NotAuthenticated::Token(TokenError::Host(_)))));
    assert_eq!(authenticator.clone().also_at("https://sts.lab").authenticate(&token).unwrap().name, "system:node:press-7");
    assert!(authenticator.also_at("http://sts.lab").authenticate(&token).is_err());
}

#[test]
fn a_hybrid_node_is_named_like_its_session() {
    let aws = account();
    let key = aws.session("hybrid", "mi-0a", SignedDuration::from_hours(1));
    let user = Authenticator::new(&aws, "one").authenticate(&Maker::good().make(&key)).unwrap();
    assert_eq!(user.name, "system:node:mi-0a");
    assert_eq!(user.groups, ["system:nodes", "system:bootstrappers"]);
}

#[test]
fn who_is_unknown_to_the_cluster_or_has_no_name_is_nobody() {
    let aws = account();
    let authenticator = Authenticator::new(&aws, "one");
    let refused = |key: &AccessKey| authenticator.authenticate(&Maker::good().make(key)).unwrap_err().to_string();
    let stranger = aws.session("other", "i-0a", SignedDuration::from_hours(1));
    assert_eq!(refused(&stranger), "ARN is not mapped: arn:aws:sts::123456789012:assumed-role/other/i-0a");
    let no_instance = aws.session("node", "i-0a", SignedDuration::from_hours(1));
    assert!(refused(&no_instance).starts_with("cannot give "));
    let wrong = AccessKey { secret: "wrong".into(), ..aws.session("hybrid", "mi-0a", SignedDuration::from_hours(1)) };
    assert!(refused(&wrong).contains("signature we calculated does not match"));
    let user = aws.accept(AccessKey::permanent(Principal::User("lab".into())));
    assert!(refused(&user).starts_with("ARN is not mapped"));
}

#[test]
fn each_flaw_of_a_token_is_found() {
    let aws = account();
    let key = aws.session("hybrid", "mi-0a", SignedDuration::from_hours(1));
    let ago = |seconds| Timestamp::now() - SignedDuration::from_secs(seconds);
    for (maker, expected) in [
        (Maker { host: "sts.eu-west-1.amazonaws.com", ..Maker::good() }, Some(TokenError::Host("sts.eu-west-1.amazonaws.com".into()))),
        (Maker { host: "evil.example", ..Maker::good() }, Some(TokenError::Host("evil.example".into()))),
        (Maker { signed: "host", ..Maker::good() }, Some(TokenError::ClusterNotSigned)),
        (Maker { extra: "&X=1", ..Maker::good() }, Some(TokenError::Parameter("X".into()))),
        (Maker { extra: "&action=GetCallerIdentity", ..Maker::good() }, Some(TokenError::Twice("action".into()))),
        (Maker { expires: "901", ..Maker::good() }, Some(TokenError::Expires)),
        (Maker { expires: "soon", ..Maker::good() }, Some(TokenError::Expires)),
        (Maker { at: ago(901), ..Maker::good() }, Some(TokenError::Old)),
        (Maker { at: ago(880), ..Maker::good() }, None),
    ] {
        let outcome = Authenticator::new(&aws, "one").authenticate(&maker.make(&key));
        match (outcome, expected) {
            (Ok(_), None) => {}
            (Err(NotAuthenticated::Token(error)), Some(expected)) => assert_eq!(error, expected),
            (outcome, expected) => panic!("{outcome:?} instead of {expected:?}"),
        }
    }
}

#[test]
fn a_token_is_for_one_cluster_alone() {
    let aws = account();
    let key = aws.session("hybrid", "mi-0a", SignedDuration::from_hours(1));
    let token = Maker { cluster: "two", ..Maker::good() }.make(&key);
    let error = Authenticator::new(&aws, "one").authenticate(&token).unwrap_err();
    assert!(matches!(error, NotAuthenticated::Sts(Unproven::Mismatch)), "{error:?}");
}

#[test]
fn what_is_no_token_at_all_is_told_apart() {
    let aws = account();
    let too_long = format!("k8s-aws-v1.{}", "a".repeat(5000));
    for (token, expected) in [
        ("", TokenError::Prefix),
        ("token-of-admin", TokenError::Prefix),
        (too_long.as_str(), TokenError::Long),
        ("k8s-aws-v1.aHR0cHM=", TokenError::Encoding),
        (&encode_url("http://sts.us-west-2.amazonaws.com/?x"), TokenError::Scheme),
        (&encode_url("https://sts.us-west-2.amazonaws.com/x?x"), TokenError::Path),
        (&encode_url("https://sts.us-west-2.amazonaws.com/?Action=AssumeRole"), TokenError::Action),
    ] {
        let error = Authenticator::new(&aws, "one").authenticate(token).unwrap_err();
        assert!(matches!(&error, NotAuthenticated::Token(error) if *error == expected), "{token}: {error:?}");
    }
}
