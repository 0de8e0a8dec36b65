//! `hybridge lni run`: the agent.

use std::io::IsTerminal as _;

use hybridge_lni_host::agent::{self, Options};
use hybridge_report::{Exit, chain};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::LevelFilter;

use super::{machine, source};
use crate::args::lni::{LogFormat, Run};
use crate::tell;

pub(crate) fn run(flags: &Run) -> Exit {
    let profile = match source::read(&flags.profile.file) {
        Ok(profile) => profile,
        Err(exit) => return exit,
    };
    log(flags);
    let options = Options { profile, directory: flags.state.state_dir.clone(), ask_ec2: Box::new(|| Box::pin(machine::ask_ec2())) };
    let ended = crate::runtime::block_on(async {
        let mut terminate = signal(SignalKind::terminate()).expect("signals can be waited for");
        let mut interrupt = signal(SignalKind::interrupt()).expect("signals can be waited for");
        let stop = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        agent::run(options, stop).await
    });
    match ended {
        Ok(()) => Exit::Ok,
        Err(error) => {
            let hint = error.hint().map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
            tell::line(format_args!("error: {}{hint}", chain(&error)));
            Exit::Unexpected
        }
    }
}

fn log(flags: &Run) {
    let level = if flags.debug { LevelFilter::DEBUG } else { LevelFilter::INFO };
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal());
    match flags.log_format {
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).with_span_list(false).init(),
        LogFormat::Text => builder.init(),
    }
}
