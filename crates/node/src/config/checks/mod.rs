//! What texts have to look like, each for itself.

mod aws;
mod kubelet;
mod machine;
mod network;
mod own;

use hybridge_document::{At, Problems, Scalar};

use super::Languages;
use super::fields::Check;
use super::walk::Taken;

pub(super) use machine::{service, variable, variable_value};

/// A text in its document.
pub(super) struct Place<'a> {
    pub(super) at: At,
    pub(super) scalar: &'a Scalar,
    pub(super) source: &'a str,
}

impl Place<'_> {
    fn text(&self) -> &str {
        &self.scalar.text
    }
}

/// Holds `place` against `check`.
pub(super) fn text(check: Check, place: &Place<'_>, taken: Taken, languages: &Languages<'_>, problems: &mut Problems) {
    match check {
        Check::Any => {}
        Check::Endpoint => network::endpoint(place, problems),
        Check::Cidr => network::cidr(place, problems),
        Check::Nameserver => network::nameserver(place, problems),
        Check::Domain => network::domain(place, problems),
        Check::Authority => aws::authority(place, problems),
        Check::Region => aws::region(place, problems),
        Check::TrustAnchor => aws::arn(place, &aws::TRUST_ANCHOR, problems),
        Check::Profile => aws::arn(place, &aws::PROFILE, problems),
        Check::Role => aws::arn(place, &aws::ROLE, problems),
        Check::ActivationCode => aws::activation_code(place, problems),
        Check::ActivationId => aws::activation_id(place, problems),
        Check::NodeName => aws::node_name(place, problems),
        Check::Toml => machine::toml(place, problems),
        Check::Path => machine::path(place, problems),
        Check::Flag => kubelet::flag(place, taken.shape, problems),
        Check::StepId => own::step_id(place, problems),
        Check::Duration => own::duration(place, problems),
        Check::Size => own::size(place, problems),
        Check::Count => own::count(place, problems),
        Check::Label => own::label(place, problems),
        Check::Cel => kubelet::expression(place, languages.cel, problems),
    }
}
