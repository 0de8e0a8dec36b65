//! The programs that kubelet and the AWS SDKs start for credentials. Each is started often, so each does only what it must: one
//! thread, no certificates read before the first TLS connection.

mod ecr;
mod get_token;
mod sign;

use std::error::Error;
use std::io::{ErrorKind, Write as _};

use hybridge_report::{Exit, chain};

pub(crate) use self::ecr::ecr_credential_provider;
pub(crate) use self::get_token::get_token;
pub(crate) use self::sign::sign;

/// Why a plug-in has nothing to give: an error with its causes, and what to do about it.
struct Failure {
    what: String,
    fix: Option<String>,
}

impl Failure {
    fn new(error: &(dyn Error + 'static), fix: Option<String>) -> Self {
        Self { what: chain(error), fix }
    }
}

/// Runs a plug-in on one thread and prints what it gives. Whatever fails ends with 1, as kubelet and SDKs expect.
fn run<F: Future<Output = Result<String, Failure>>>(work: F) -> Exit {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => {
            let result = runtime.block_on(work);
            // Dropping the runtime would wait for a name server that does not answer.
            runtime.shutdown_background();
            result
        }
        Err(error) => Err(Failure::new(&error, None)),
    };
    match result.and_then(|text| print(&text)) {
        Ok(()) => Exit::Ok,
        Err(failure) => {
            tell("error", &failure);
            Exit::Input
        }
    }
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::new(&error, None)),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[expect(clippy::print_stderr, reason = "the command line's own edge")]
fn tell(severity: &str, failure: &Failure) {
    eprintln!("{severity}: {}", failure.what);
    if let Some(fix) = &failure.fix {
        eprintln!("  hint: {fix}");
    }
}
