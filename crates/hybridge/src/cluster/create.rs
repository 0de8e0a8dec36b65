//! `hybridge cluster create`.

use hybridge_report::Exit;

use crate::args::cluster::Create;

pub(super) fn run(_asked: &Create) -> Exit {
    crate::tell::line("hybridge cluster create is not built yet");
    Exit::Unexpected
}
