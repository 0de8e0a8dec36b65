use std::io::Write as _;
use std::process::{Command, Stdio};

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA256_ASN1, ECDSA_P521_SHA256_ASN1, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
    VerificationAlgorithm,
};

use super::*;
use crate::fake::{Fake, Reply};

const NOW: &str = "2026-01-02T03:04:05Z";

/// Runs openssl with a text on its standard input and gives what it prints.
fn openssl(arguments: &[&str], input: &str) -> String {
    let mut child =
        Command::new("openssl").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A certificate for a key in PEM, with this serial number.
fn certificate_for(key: &str, serial: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, key).unwrap();
    let file = file.to_str().unwrap();
    openssl(&["req", "-x509", "-key", file, "-subj", "/O=Test/CN=node-1", "-days", "3650", "-set_serial", serial], "")
}

fn wish() -> SessionWish {
    SessionWish {
        duration_seconds: 3600,
        profile_arn: "arn:aws:rolesanywhere:eu-central-1:123456789012:profile/p".into(),
        role_arn: "arn:aws:iam::123456789012:role/Hybrid".into(),
        role_session_name: Some("node-1".into()),
        trust_anchor_arn: "arn:aws:rolesanywhere:eu-central-1:123456789012:trust-anchor/t".into(),
    }
}

fn identity(key: &str) -> Identity {
    let certificate = Certificate::from_pem(certificate_for(key, "74565").as_bytes()).unwrap();
    Identity { certificate, key: PrivateKey::from_pem(key.as_bytes()).unwrap(), intermediates: Vec::new() }
}

/// What the signature at the end of `authorization` is, checked with the public key of the certificate.
fn verify(signed: &SignedRequest, identity: &Identity, algorithm: &'static dyn VerificationAlgorithm) {
    let (_, authorization) = signed.headers.last().unwrap();
    let (_, signature) = authorization.rsplit_once("Signature=").unwrap();
    let bytes: Vec<u8> = (0..signature.len()).step_by(2).map(|at| u8::from_str_radix(&signature[at..at + 2], 16).unwrap()).collect();
    let public = UnparsedPublicKey::new(algorithm, identity.certificate.public());
    public.verify(signed.string_to_sign.as_bytes(), &bytes).unwrap();
}

#[test]
fn every_kind_of_key_in_every_form_signs_verifiably() {
    let rsa = openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], "");
    let rsa_pkcs1 = openssl(&["rsa", "-traditional"], &rsa);
    assert!(rsa_pkcs1.starts_with("-----BEGIN RSA PRIVATE KEY-----"), "{}", &rsa_pkcs1[..40]);
    for key in [&rsa, &rsa_pkcs1] {
        let identity = identity(key);
        let signed = create_session(&identity, &wish(), "https://x", "eu-central-1", NOW.parse().unwrap()).unwrap();
        assert!(signed.string_to_sign.starts_with("AWS4-X509-RSA-SHA256\n"));
        verify(&signed, &identity, &RSA_PKCS1_2048_8192_SHA256);
    }
    let curves: [(&str, &'static dyn VerificationAlgorithm); 3] =
        [("prime256v1", &ECDSA_P256_SHA256_ASN1), ("secp384r1", &ECDSA_P384_SHA256_ASN1), ("secp521r1", &ECDSA_P521_SHA256_ASN1)];
    for (curve, algorithm) in curves {
        // With the block of parameters before the key, as openssl writes it unless told not to.
        let sec1 = openssl(&["ecparam", "-name", curve, "-genkey"], "");
        assert!(sec1.contains("-----BEGIN EC PARAMETERS-----") && sec1.contains("-----BEGIN EC PRIVATE KEY-----"));
        let pkcs8 = openssl(&["pkcs8", "-topk8", "-nocrypt"], &sec1);
        for key in [&sec1, &pkcs8] {
            let identity = identity(key);
            let signed = create_session(&identity, &wish(), "https://x", "eu-central-1", NOW.parse().unwrap()).unwrap();
            assert!(signed.string_to_sign.starts_with("AWS4-X509-ECDSA-SHA256\n"));
            verify(&signed, &identity, algorithm);
        }
    }
}

fn ec_key() -> String {
    openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], "")
}

/// Derived by hand from the Roles Anywhere user guide, "Signing process".
#[test]
fn the_canonical_request_is_the_documented_one() {
    let mut identity = identity(&ec_key());
    let sign = |identity: &Identity| {
        create_session(identity, &wish(), "https://rolesanywhere.eu-central-1.amazonaws.com", "eu-central-1", NOW.parse().unwrap()).unwrap()
    };
    let signed = sign(&identity);
    let x509 = &identity.certificate.encoded;
    // printf '%s' BODY | sha256sum
    let body = r#"{"durationSeconds":3600,"profileArn":"arn:aws:rolesanywhere:eu-central-1:123456789012:profile/p","roleArn":"arn:aws:iam::123456789012:role/Hybrid","roleSessionName":"node-1","trustAnchorArn":"arn:aws:rolesanywhere:eu-central-1:123456789012:trust-anchor/t"}"#;
    assert_eq!(signed.body, body);
    let body_hash = openssl(&["dgst", "-sha256", "-r"], body);
    let expected = format!(
        "POST\n/sessions\n\ncontent-type:application/json\nhost:rolesanywhere.eu-central-1.amazonaws.com\nx-amz-date:20260102T030405Z\n\
         x-amz-x509:{x509}\n\ncontent-type;host;x-amz-date;x-amz-x509\n{}",
        &body_hash[..64]
    );
    assert_eq!(signed.canonical, expected);
    let canonical_hash = openssl(&["dgst", "-sha256", "-r"], &expected);
    let scope = "20260102/eu-central-1/rolesanywhere/aws4_request";
    assert_eq!(signed.string_to_sign, format!("AWS4-X509-ECDSA-SHA256\n20260102T030405Z\n{scope}\n{}", &canonical_hash[..64]));
    let (name, authorization) = signed.headers.last().unwrap();
    assert_eq!(*name, "authorization");
    // The serial number is decimal.
    let begin =
        format!("AWS4-X509-ECDSA-SHA256 Credential=74565/{scope}, SignedHeaders=content-type;host;x-amz-date;x-amz-x509, Signature=");
    assert!(authorization.starts_with(&begin), "{authorization}");
    assert_eq!(signed.url, "https://rolesanywhere.eu-central-1.amazonaws.com/sessions");

    let ca = certificate_for(&ec_key(), "1");
    identity.intermediates = intermediates(format!("{ca}{ca}").as_bytes()).unwrap();
    let signed = sign(&identity);
    let chain = format!("x-amz-x509-chain:{0},{0}\n", identity.intermediates[0]);
    assert!(signed.canonical.contains(&format!("x-amz-x509:{x509}\n{chain}\n")), "{}", signed.canonical);
    assert!(signed.canonical.contains("content-type;host;x-amz-date;x-amz-x509;x-amz-x509-chain\n"));
}

#[test]
fn keys_that_cannot_be_used_are_told_apart() {
    let key = ec_key();
    let read = |text: &str| PrivateKey::from_pem(text.as_bytes()).unwrap_err();
    assert_eq!(read(""), KeyError::NoKey);
    assert_eq!(read(&certificate_for(&key, "1")), KeyError::NoKey);
    assert_eq!(read(&openssl(&["pkcs8", "-topk8", "-passout", "pass:secret"], &key)), KeyError::Encrypted);
    assert_eq!(read(&openssl(&["ec", "-aes128", "-passout", "pass:secret"], &key)), KeyError::Encrypted);
    assert_eq!(read(&openssl(&["genpkey", "-algorithm", "ED25519"], "")), KeyError::Unusable);
    assert_eq!(read(&openssl(&["ecparam", "-name", "secp256k1", "-genkey", "-noout"], "")), KeyError::Unusable);
}

#[test]
fn the_public_part_of_a_key_is_that_of_its_certificate() {
    for key in [ec_key(), openssl(&["genpkey", "-algorithm", "RSA"], "")] {
        let pem = openssl(&["pkey", "-pubout"], &key);
        let expected: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        assert_eq!(public_part(key.as_bytes()).unwrap(), expected);
    }
}

#[test]
fn a_certificate_must_be_in_date_and_belong_to_the_key() {
    let (key, other) = (ec_key(), ec_key());
    let identity = identity(&key);
    let certificate = &identity.certificate;
    let hour = SignedDuration::from_hours(1);
    assert_eq!(certificate.common_name.as_deref(), Some("node-1"));
    assert_eq!(certificate.check(&identity.key, Timestamp::now() + hour), Ok(()));
    let (before, after) = (certificate.not_before, certificate.not_after);
    assert_eq!(certificate.check(&identity.key, after + hour), Err(CertificateError::Expired(after)));
    assert_eq!(certificate.check(&identity.key, before - hour), Err(CertificateError::NotYetValid(before)));
    let other = PrivateKey::from_pem(other.as_bytes()).unwrap();
    assert_eq!(certificate.check(&other, Timestamp::now()), Err(CertificateError::OtherKey));
    for text in ["", &key, "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n"] {
        assert_eq!(Certificate::from_pem(text.as_bytes()), Err(CertificateError::NoCertificate));
        assert!(intermediates(text.as_bytes()).is_err());
    }
}

async fn roles_anywhere(fake: &Fake) -> RolesAnywhere {
    let way = Way { endpoint: Some(fake.url()), ..Way::default() };
    RolesAnywhere::new(identity(&ec_key()), wish(), &way).await.unwrap()
}

const ANSWER: &str = r#"{"credentialSet": [{"assumedRoleUser": {"arn": "arn", "assumedRoleId": "id"}, "credentials": {
    "accessKeyId": "ASIAEXAMPLE", "secretAccessKey": "se/cret", "sessionToken": "to+ken", "expiration": "2026-01-02T04:04:05Z"},
    "packedPolicySize": 10, "roleArn": "arn", "sourceIdentity": "CN=node-1"}], "subjectArn": "arn"}"#;

#[tokio::test]
async fn credentials_are_printed_as_a_credential_process_does() {
    let fake = Fake::start(|_| Reply::Answer(201, "Content-Type: application/json\r\n", ANSWER.into())).await;
    let credentials = roles_anywhere(&fake).await.session().await.unwrap();
    let value: serde_json::Value = serde_json::from_str(&credentials.reveal()).unwrap();
    assert_eq!(
        value,
        serde_json::json!({"Version": 1, "AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": "se/cret", "SessionToken": "to+ken",
                           "Expiration": "2026-01-02T04:04:05Z"})
    );
    assert!(!format!("{credentials:?}").contains("cret"));
    let request = &fake.seen()[0];
    assert_eq!(request.line, "POST /sessions HTTP/1.1");
    assert_eq!(request.header("host").unwrap(), fake.address.to_string());
    assert!(request.header("x-amz-x509").is_some());
}

#[tokio::test]
async fn refusals_come_with_the_remedy_that_fits() {
    for (date, message, fix) in [
        ("", "Untrusted certificate. Insufficient certificate", "trust anchor issued this certificate"),
        ("", "Unable to assume role for arn:aws:iam::123456789012:role/Hybrid", "sts:TagSession"),
        ("", "Custom roleSessionName is not enabled in profile", "--accept-role-session-name"),
        ("", "Trust anchor is disabled", "enable-trust-anchor"),
        ("", "Who knows", "arn:aws:rolesanywhere:eu-central-1:123456789012:profile/p"),
        ("Date: Thu, 01 Jan 2015 00:00:00 GMT\r\n", "Signature expired", "ahead of AWS"),
        ("Date: Fri, 01 Jan 2100 00:00:00 GMT\r\n", "no", "behind AWS"),
    ] {
        let headers: &'static str = Box::leak(format!("x-amzn-errortype: AccessDeniedException\r\n{date}").into_boxed_str());
        let fake = Fake::start(move |_| Reply::Answer(403, headers, serde_json::json!({"message": message}).to_string())).await;
        let error = roles_anywhere(&fake).await.session().await.unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        assert!(error.fix().unwrap().contains(fix), "{message}: {:?}", error.fix());
        assert_eq!(fake.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_wrong_pair_is_told_before_anything_is_asked() {
    let fake = Fake::start(|_| Reply::HangUp).await;
    let mut roles_anywhere = roles_anywhere(&fake).await;
    roles_anywhere.identity.key = PrivateKey::from_pem(ec_key().as_bytes()).unwrap();
    let error = roles_anywhere.session().await.unwrap_err();
    assert!(matches!(error, RolesAnywhereError::Certificate(CertificateError::OtherKey)), "{error}");
    assert!(fake.seen().is_empty());
}

#[tokio::test]
async fn a_failure_of_the_service_passes_and_nonsense_is_not_repeated() {
    let asked = std::sync::atomic::AtomicBool::new(false);
    let fake = Fake::start(move |_| {
        let again = asked.swap(true, std::sync::atomic::Ordering::SeqCst);
        if again { Reply::Answer(201, "", ANSWER.into()) } else { Reply::Answer(503, "", String::new()) }
    })
    .await;
    assert!(roles_anywhere(&fake).await.session().await.is_ok());

    let fake =
        Fake::start(|_| Reply::Answer(201, "", r#"{"credentialSet": [{"credentials": {"secretAccessKey": "secret"}}]}"#.into())).await;
    let error = roles_anywhere(&fake).await.session().await.unwrap_err();
    assert!(!format!("{error:?}").contains("\"secret\""), "{error:?}");
}

#[tokio::test]
async fn arns_of_the_wrong_shape_or_region_are_refused_with_an_example() {
    let with = async |change: fn(&mut SessionWish)| {
        let mut wish = wish();
        change(&mut wish);
        let error = RolesAnywhere::new(identity(&ec_key()), wish, &Way::default()).await.unwrap_err();
        format!("{error}; {}", error.fix().unwrap())
    };
    let text = with(|wish| wish.role_arn = wish.profile_arn.clone()).await;
    assert!(text.starts_with("--role-arn: `arn:aws:rolesanywhere") && text.contains("arn:aws:iam::123456789012:role/"), "{text}");
    let text = with(|wish| wish.trust_anchor_arn = "anchor".into()).await;
    assert!(text.starts_with("--trust-anchor-arn: `anchor` is no ARN of a trust anchor"), "{text}");
    let text = with(|wish| wish.profile_arn = wish.profile_arn.replace("eu-central-1", "eu-west-1")).await;
    assert!(text.contains("eu-central-1, --profile-arn in eu-west-1"), "{text}");
}

#[test]
fn credentials_are_renewed_five_minutes_ahead_or_at_half_their_time() {
    let now: Timestamp = NOW.parse().unwrap();
    let minutes = SignedDuration::from_mins;
    assert_eq!(refresh_at(now, now + minutes(60)), now + minutes(55));
    assert_eq!(refresh_at(now, now + minutes(15)), now + minutes(10));
    assert_eq!(refresh_at(now, now + minutes(4)), now + minutes(2));
    assert_eq!(refresh_at(now, now - minutes(9)), now + SignedDuration::from_secs(1));
}
