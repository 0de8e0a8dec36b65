//! Signature version 4 for requests that no client of the SDK makes (AWS general reference, "Create a signed AWS API request").
//!
//! Both functions are pure: they take the time of the signature, so that a test can repeat it.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningError, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;

/// For which service and region, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'a> {
    /// Name of the service in signatures.
    pub(crate) service: &'a str,
    /// Region.
    pub(crate) region: &'a str,
    /// Time of the signature.
    pub(crate) now: SystemTime,
}

/// The parameters of a presigned GET request, in the order that botocore writes them: the signature last.
pub(crate) fn presign(
    url: &str,
    headers: &[(&str, &str)],
    lifetime: Duration,
    credentials: &Credentials,
    scope: Scope<'_>,
) -> Result<Vec<(&'static str, Cow<'static, str>)>, SigningError> {
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(lifetime);
    let identity = Identity::from(credentials.clone());
    let params = params(&identity, settings, scope).into();
    let request = SignableRequest::new("GET", url, headers.iter().copied(), SignableBody::empty())?;
    let (instructions, _) = sign(request, &params)?.into_parts();
    let (_, mut query) = instructions.into_parts();
    // The order is of no importance to AWS: it sorts before it verifies.
    query.sort_by_key(|(name, _)| *name == "X-Amz-Signature");
    Ok(query)
}

/// The headers that sign a request with this body.
pub(crate) fn sign_headers(
    (method, url): (&str, &str),
    headers: &[(&str, &str)],
    body: &[u8],
    credentials: &Credentials,
    scope: Scope<'_>,
) -> Result<Vec<(String, String)>, SigningError> {
    let identity = Identity::from(credentials.clone());
    let params = params(&identity, settings(scope.service), scope).into();
    let request = SignableRequest::new(method, url, headers.iter().copied(), SignableBody::Bytes(body))?;
    let (instructions, _) = sign(request, &params)?.into_parts();
    Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// S3 takes paths as they are, encoded once, and wants the body's checksum in a header (S3 API reference, "Signature Calculations").
fn settings(service: &str) -> SigningSettings {
    let mut settings = SigningSettings::default();
    if service == "s3" {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    settings
}

fn params<'a>(identity: &'a Identity, settings: SigningSettings, scope: Scope<'a>) -> v4::SigningParams<'a, SigningSettings> {
    let params = v4::SigningParams::builder().identity(identity).region(scope.region).name(scope.service).time(scope.now);
    params.settings(settings).build().expect("all that is required is given")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake_session::keys;

    /// The credentials and the time of AWS's test suite for signature version 4.
    const AT: u64 = 1_440_938_160;

    fn suite() -> (Credentials, SystemTime) {
        let credentials = keys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None);
        (credentials, SystemTime::UNIX_EPOCH + Duration::from_secs(AT))
    }

    /// `get-vanilla`, `post-vanilla` and `post-x-www-form-urlencoded` of AWS's test suite (aws-sig-v4-test-suite).
    #[test]
    fn headers_are_signed_as_in_the_published_test_suite() {
        let (credentials, now) = suite();
        let scope = Scope { service: "service", region: "us-east-1", now };
        let form: &[(&str, &str)] = &[("content-type", "application/x-www-form-urlencoded")];
        for (method, headers, body, signature) in [
            ("GET", &[][..], "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            ("POST", &[][..], "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
            ("POST", form, "Param1=value1", "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"),
        ] {
            let url = "https://example.amazonaws.com/";
            let signed = sign_headers((method, url), headers, body.as_bytes(), &credentials, scope).unwrap();
            let authorization = &signed.iter().find(|(name, _)| name == "authorization").unwrap().1;
            assert!(authorization.ends_with(&format!("Signature={signature}")), "{method} {authorization}");
        }
    }

    /// `get-vanilla` as a presigned URL, from the suite of AWS's common runtime (awslabs/aws-c-auth).
    #[test]
    fn urls_are_presigned_as_in_the_published_test_suite() {
        let (credentials, now) = suite();
        let scope = Scope { service: "service", region: "us-east-1", now };
        let query = presign("https://example.amazonaws.com/", &[], Duration::from_secs(3600), &credentials, scope).unwrap();
        let names: Vec<_> = query.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature"]);
        assert_eq!(query[1].1, "AKIDEXAMPLE/20150830/us-east-1/service/aws4_request");
        assert_eq!(query[5].1, "e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d");
    }

    /// `get-vanilla-with-session-token` of the same suites.
    #[test]
    fn a_session_token_is_signed_and_stands_before_the_signature() {
        let (plain, now) = suite();
        let token = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
        let credentials = keys(plain.access_key_id(), plain.secret_access_key(), Some(token));
        let scope = Scope { service: "service", region: "us-east-1", now };
        let url = "https://example.amazonaws.com/";
        let query = presign(url, &[], Duration::from_secs(3600), &credentials, scope).unwrap();
        let last: Vec<_> = query.iter().skip(5).map(|(name, value)| (*name, value.as_ref())).collect();
        let signature = "7ff2b50b376cb4d151970630573d6291dc128cc5c2a12ffb237f73cc53f67b6c";
        assert_eq!(last, [("X-Amz-Security-Token", token), ("X-Amz-Signature", signature)]);

        let headers = sign_headers(("GET", url), &[], b"", &credentials, scope).unwrap();
        let authorization = &headers.iter().find(|(name, _)| name == "authorization").unwrap().1;
        assert!(authorization.ends_with("Signature=07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"), "{authorization}");
    }
}
