//! `hybridge-gateway`: connects pods on hybrid nodes to the VPC of their EKS cluster.

mod admin;
mod app;
mod args;
mod clock;
mod cloud;
mod context;
mod election;
mod kernel;
mod logging;
mod metrics;
mod nodes;
mod reporter;
mod routes;
mod startup;
mod vtep;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = match args::parse(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(exit) => return exit,
    };
    logging::start(&arguments);
    // kube and the AWS SDK share one TLS provider; the first to come installs it.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime needs only descriptors");
    runtime.block_on(app::run(arguments)).into()
}
