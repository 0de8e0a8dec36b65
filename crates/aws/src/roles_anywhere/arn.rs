//! Checks of the three ARNs that CreateSession takes.

use super::request::SessionWish;

/// Why an ARN cannot be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArnError {
    /// Not the shape of such an ARN.
    #[error("{flag}: `{given}` is no ARN of a {what}")]
    Shape {
        /// The flag that gave it.
        flag: &'static str,
        /// What was given.
        given: String,
        /// What it should be.
        what: &'static str,
        /// How such a one is written.
        example: &'static str,
    },
    /// Trust anchor and profile must be in one region.
    #[error("--trust-anchor-arn is in {anchor}, --profile-arn in {profile}")]
    Regions {
        /// Region of the trust anchor.
        anchor: String,
        /// Region of the profile.
        profile: String,
    },
}

impl ArnError {
    /// What to do about it.
    pub fn fix(&self) -> String {
        match self {
            Self::Shape { example, .. } => format!("write it as in `{example}`"),
            Self::Regions { .. } => "give a trust anchor and a profile of the same region".into(),
        }
    }
}

const ANCHOR: (&str, &str, &str) = (
    "--trust-anchor-arn",
    "trust anchor",
    "arn:aws:rolesanywhere:eu-central-1:123456789012:trust-anchor/01234567-89ab-cdef-0123-456789abcdef",
);
const PROFILE: (&str, &str, &str) = (
    "--profile-arn",
    "profile of Roles Anywhere",
    "arn:aws:rolesanywhere:eu-central-1:123456789012:profile/01234567-89ab-cdef-0123-456789abcdef",
);
const ROLE: (&str, &str, &str) = ("--role-arn", "role", "arn:aws:iam::123456789012:role/HybridNodes");

/// The region of the trust anchor.
pub(super) fn region(wish: &SessionWish) -> Result<String, ArnError> {
    parts(ANCHOR, &wish.trust_anchor_arn, "rolesanywhere", "trust-anchor/").map(str::to_owned)
}

/// Whether all three have the right shape, and anchor and profile are in one region.
pub(super) fn check(wish: &SessionWish) -> Result<(), ArnError> {
    let anchor = region(wish)?;
    let profile = parts(PROFILE, &wish.profile_arn, "rolesanywhere", "profile/")?;
    parts(ROLE, &wish.role_arn, "iam", "role/")?;
    if anchor != profile { Err(ArnError::Regions { anchor, profile: profile.to_owned() }) } else { Ok(()) }
}

/// The region of an ARN of this service and kind; empty for IAM.
fn parts<'a>(
    (flag, what, example): (&'static str, &'static str, &'static str),
    arn: &'a str,
    service: &str,
    kind: &str,
) -> Result<&'a str, ArnError> {
    let fields: Vec<&str> = arn.splitn(6, ':').collect();
    match fields[..] {
        ["arn", partition, of, region, account, resource]
            if partition.starts_with("aws")
                && of == service
                && (region.is_empty() == (service == "iam"))
                && account.len() == 12
                && account.bytes().all(|byte| byte.is_ascii_digit())
                && resource.strip_prefix(kind).is_some_and(|name| !name.is_empty()) =>
        {
            Ok(region)
        }
        _ => Err(ArnError::Shape { flag, given: arn.to_owned(), what, example }),
    }
}
