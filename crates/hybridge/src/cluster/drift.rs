//! `hybridge cluster drift`.

use hybridge_report::Exit;

use crate::args::cluster::Look;

pub(super) fn run(_asked: &Look) -> Exit {
    crate::tell::line("hybridge cluster drift is not built yet");
    Exit::Unexpected
}
