//! Objects of S3: templates that are too long to be sent.

use crate::call::{Call, CallError};
use crate::endpoint::Service;
use crate::session::Session;

impl Session {
    /// Puts a text into a bucket (PutObject) and gives the `https://` URL that CloudFormation takes as a template's. S3 is told the
    /// SHA-256 of the text and refuses anything else.
    ///
    /// # Errors
    /// S3 refused (`NoSuchBucket`, `AccessDenied`, `PermanentRedirect` where the bucket is in another region), or could not be reached.
    pub async fn put_object(&self, bucket: &str, key: &str, text: &str) -> Result<String, CallError> {
        let call = Call::new("PutObject", format_args!("{bucket}/{key}"));
        let mut out = self.outgoing(Service::S3, "PUT", "");
        out.url = self.object_url(bucket, key);
        out.headers.push(("content-type", "application/json".into()));
        out.body = text;
        self.send(&call, &out).await?;
        Ok(out.url)
    }

    /// Takes an object away (DeleteObject). One that is not there is no error.
    ///
    /// # Errors
    /// S3 refused, or could not be reached.
    pub async fn delete_object(&self, bucket: &str, key: &str) -> Result<(), CallError> {
        let call = Call::new("DeleteObject", format_args!("{bucket}/{key}"));
        let mut out = self.outgoing(Service::S3, "DELETE", "");
        out.url = self.object_url(bucket, key);
        self.send(&call, &out).await.map(drop)
    }

    /// With the bucket in the host's name, as S3 wants it; in the path where a certificate does not hold for such a name (a dot in the
    /// bucket's name), and at an endpoint of the user's, which may have no such names.
    fn object_url(&self, bucket: &str, key: &str) -> String {
        let endpoint = self.endpoints.of(Service::S3, &self.region).url;
        let endpoint = endpoint.trim_end_matches('/');
        let key: Vec<String> = key.split('/').map(encoded).collect();
        let key = key.join("/");
        match endpoint.split_once("://") {
            Some((scheme, host)) if !self.endpoints.given.contains_key(&Service::S3) && !bucket.contains('.') => {
                format!("{scheme}://{}.{host}/{key}", encoded(bucket))
            }
            Some(_) | None => format!("{endpoint}/{}/{key}", encoded(bucket)),
        }
    }
}

/// SHA-256 of a text, as 64 hexadecimal digits: a name for what is in an object.
pub fn text_digest(text: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    crate::token::push_encoded(&mut encoded, text);
    encoded
}

#[cfg(test)]
mod tests;
