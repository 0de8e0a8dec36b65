//! Where events go: to stderr, as JSON or text.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::args::{Arguments, LogFormat};

/// Starts logging. `RUST_LOG` beats `--debug`.
pub(crate) fn start(arguments: &Arguments) {
    let level = if arguments.debug() {
        "info,kube_client=off,hybridge_gateway=debug,hybridge_aws=debug,hybridge_kube_io=debug,hybridge_netlink=debug"
    } else {
        "info,kube_client=off"
    };
    // An empty variable would be a filter that lets errors through only.
    let given = std::env::var("RUST_LOG").ok().filter(|directives| !directives.is_empty());
    let filter = given.and_then(|directives| EnvFilter::try_new(directives).ok()).unwrap_or_else(|| EnvFilter::new(level));
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).with_ansi(std::io::stderr().is_terminal());
    match arguments.log_format {
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).with_span_list(false).init(),
        LogFormat::Text => builder.init(),
    }
}
