//! `hybridge cluster get`.

use hybridge_report::Exit;

use crate::args::cluster::Get;

pub(super) fn run(_asked: &Get) -> Exit {
    crate::tell::line("hybridge cluster get is not built yet");
    Exit::Unexpected
}
