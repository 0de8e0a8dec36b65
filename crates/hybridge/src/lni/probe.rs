//! `hybridge lni probe`.

use std::io;

use hybridge_lni_host::probe::{ProbeError, Token, serve};
use hybridge_report::{Exit, Finding, chain};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::lni::Probe;
use crate::tell;

pub(crate) fn run(flags: &Probe) -> Exit {
    let token = match Token::read(&flags.token.token_file) {
        Ok(token) => token,
        Err(error) => {
            tell::line(finding(&error));
            return Exit::Input;
        }
    };
    match crate::runtime::block_on(listen(flags, token)) {
        Ok(()) => Exit::Ok,
        Err(error) => {
            let what = format!("cannot listen: {error}");
            tell::line(
                Finding::error("lni.probe", flags.listen.to_string(), what).fix("an address of this machine and a free port are needed"),
            );
            Exit::Input
        }
    }
}

/// What is wrong with a probe, or with its token.
pub(super) fn finding(error: &ProbeError) -> Finding {
    let finding = Finding::error("lni.probe", "probe", chain(error));
    error.hint().map(|hint| finding.clone().fix(hint)).unwrap_or(finding)
}

async fn listen(flags: &Probe, token: Token) -> io::Result<()> {
    let listener = TcpListener::bind(flags.listen).await?;
    let (mut ended, mut interrupted) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let allowed: Vec<_> = flags.allow.iter().map(ToString::to_string).collect();
    tell::line(format_args!("listens on {}; tries {} for whoever knows the token", listener.local_addr()?, allowed.join(", ")));
    let stop = async {
        tokio::select! {
            _ = ended.recv() => {}
            _ = interrupted.recv() => {}
        }
    };
    serve(listener, token, flags.allow.clone(), stop).await;
    Ok(())
}
