//! Version, commit and date of the source, never of the build: one source gives one binary, on any day.
//!
//! They come from the workspace's git repository, else from what `git archive` wrote into `commit.txt`. Changes that are not
//! committed do not count: to see them, every build would have to look at every file.
//!
//! For clap: `#[command(version = hybridge_version::LONG)]`.

/// The version, as `0.1.0`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Version, commit and date, as `0.1.0 (0123456789ab 2026-11-21)`; `0.1.0 (unknown)` for a source that does not know its commit.
pub const LONG: &str = env!("HYBRIDGE_LONG");

/// The first 12 digits of the commit's hash, or `unknown`.
pub const COMMIT: &str = env!("HYBRIDGE_SHORT");

/// The whole hash of the commit, or `unknown`.
pub const REVISION: &str = env!("HYBRIDGE_HASH");

/// The day of the commit in its committer's time zone, as `2026-11-21`; empty if unknown.
pub const DATE: &str = env!("HYBRIDGE_DATE");

/// When the commit was made: seconds since 1970, as text; `0` if unknown.
pub const SECONDS: &str = env!("HYBRIDGE_SECONDS");
