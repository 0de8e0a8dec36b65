//! CloudFormation's limits.

use super::{Check, Told, View, When};

pub(super) const CHECKS: &[Check] = &[
    Check { code: "template.size", about: "CloudFormation takes a template of this size", when: When::Before, needs: &[], run: size },
    Check { code: "template.resources", about: "CloudFormation takes so many resources", when: When::Before, needs: &[], run: resources },
];

/// CloudFormation's quotas: a template in the call, one in S3, and resources of a stack.
const INLINE: usize = 51_200;
const IN_S3: usize = 1_000_000;
const RESOURCES: usize = 500;

/// P15.
fn size(view: &View<'_>, told: &mut Told) {
    let Some(wanted) = view.wanted else { return told.idle() };
    let bytes = wanted.bytes;
    if bytes > IN_S3 {
        told.error(
            "template",
            format!("{bytes} bytes; CloudFormation takes {IN_S3} at most"),
            "give fewer networks: join neighbours to larger ones",
        );
    } else if bytes > INLINE && !wanted.by_s3 {
        told.error(
            "template",
            format!("{bytes} bytes; CloudFormation takes {INLINE} in a call, and more by way of S3"),
            "give a bucket with --template-bucket, or join networks to larger ones",
        );
    }
}

/// P15.
fn resources(view: &View<'_>, told: &mut Told) {
    let Some(wanted) = view.wanted else { return told.idle() };
    let count = wanted.template["Resources"].as_object().map_or(0, serde_json::Map::len);
    if count > RESOURCES {
        told.error(
            "template",
            format!("{count} resources; CloudFormation takes {RESOURCES} in a stack"),
            "give fewer networks or zones: each pair is a route",
        );
    }
}
