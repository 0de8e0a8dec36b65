//! `hybridge-gateway`: connects pods on hybrid nodes to the VPC of their EKS cluster.

mod admin;
mod app;
mod args;
mod clock;
mod cloud;
mod context;
#[cfg(test)]
mod documented;
mod election;
mod kernel;
mod logging;
mod metrics;
mod nodes;
mod recognition;
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
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let random = provider.secure_random;
    let _ = provider.install_default();
    // Its first random number costs tens of milliseconds of CPU, for gathering jitter: drawn here, it does not hold up the first
    // connection. A failure would show there again.
    let _seeding = std::thread::spawn(move || random.fill(&mut [0]));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime needs only descriptors");
    let exit = runtime.block_on(app::run(arguments));
    // Dropping the runtime would wait for a name server that does not answer.
    runtime.shutdown_background();
    exit.into()
}
