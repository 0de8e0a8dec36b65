//! What `config explain` tells of the LNI.

use hybridge_lni::profile;

use crate::config::NodeConfig;
use crate::explain::Setting;

/// Each value of the profile, and whether the user has said it.
pub fn explain(config: &NodeConfig) -> Vec<Setting> {
    let rows = config.lni().map(|lni| profile::explain(&lni, &config.lni)).unwrap_or_default();
    let source = |said| if said { "user" } else { "hybridge default" };
    rows.into_iter().map(|(path, value, said)| Setting { path, value, source: source(said).to_owned() }).collect()
}
