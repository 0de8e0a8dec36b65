//! Clusters of further kinds in the emulated AWS: private ones, ones with long templates, ones that others made, ones with gateways;
//! and callers who have no credentials, or ask in the wrong place.

#![allow(clippy::unwrap_used, reason = "what a test cannot do without fails it")]

mod emulated;

#[path = "cluster_cases"]
mod with_real_parts {
    mod credentials;
    mod gateway;
    mod import;
    mod long_templates;
    mod outposts;
    mod private;
}
