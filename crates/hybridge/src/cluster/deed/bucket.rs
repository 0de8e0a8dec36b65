//! Templates that are too long for a request go to CloudFormation by a bucket.

use hybridge_aws::{CallError, text_digest};
use hybridge_report::Finding;

use super::Deed;
use super::draft::too_long;
use super::stack::{LONGEST_BODY, Wish};
use super::stop::{Done, Stop};

impl Deed {
    /// Puts a template that is too long for a request into the bucket, and gives its URL. None: it fits into the request.
    pub(super) async fn uploaded(&self, wish: &Wish<'_>) -> Done<Option<String>> {
        if wish.body.len() <= LONGEST_BODY {
            return Ok(None);
        }
        let Some(bucket) = &self.bucket else {
            return Err(too_long(wish.name, wish.body.len()).into());
        };
        let put = self.session.put_object(bucket, &key(wish), wish.body).await;
        put.map(Some).map_err(|error| refused(bucket, self.session.region(), error))
    }

    /// Takes it away again: CloudFormation has read it by now. One that stays is no harm.
    pub(super) async fn unload(&self, wish: &Wish<'_>, uploaded: bool) {
        if let (true, Some(bucket)) = (uploaded, &self.bucket)
            && let Err(error) = self.session.delete_object(bucket, &key(wish)).await
        {
            self.screen.line(format_args!("warning: the template stays in bucket {bucket}: {error}"));
        }
    }
}

/// Named by what is in it: a template that a killed run has left is written over and taken away by the next one.
fn key(wish: &Wish<'_>) -> String {
    format!("hybridge/{}/{}.json", wish.name, text_digest(wish.body))
}

/// Codes by which S3 says that a bucket is in another region than the one that is asked (S3 API reference, "Error responses").
const ELSEWHERE: [&str; 4] =
    ["PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"];

/// What is wrong with the bucket, where S3 says so.
fn refused(bucket: &str, region: &str, error: CallError) -> Stop {
    let place = format!("--template-bucket {bucket}");
    let finding = match error.code() {
        Some("NoSuchBucket") => Finding::error("bucket.missing", place, "S3 knows no bucket of this name")
            .fix(format!("write the name right, or make the bucket: aws s3 mb s3://{bucket} --region {region}")),
        Some("InvalidBucketName") => Finding::error("bucket.name", place, "no bucket can have this name")
            .fix("write the bucket's name alone, as in `my-templates`: no URL, no ARN, no path"),
        Some(code) if ELSEWHERE.contains(&code) => {
            Finding::error("bucket.region", place, "the bucket is in another region than the cluster")
                .fix(format!("name a bucket of {region}, or make one: aws s3 mb s3://NAME --region {region}"))
        }
        Some(_) | None => return error.into(),
    };
    finding.into()
}
