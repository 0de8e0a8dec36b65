//! Where events go: to stderr, as JSON or text.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::args::{Arguments, LogFormat};

/// Starts logging. `RUST_LOG` beats `--debug`.
pub(crate) fn start(arguments: &Arguments) {
    let level = if arguments.debug() {
        "info,kube_client=off,hybridge=debug,hybridge_gateway=debug,hybridge_kube_io=debug,hybridge_netlink=debug"
    } else {
        "info,kube_client=off"
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    match arguments.log_format {
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).with_span_list(false).init(),
        LogFormat::Text => builder.init(),
    }
}
