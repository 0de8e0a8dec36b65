//! `hybridge cluster handover`.

use hybridge_report::Exit;

use crate::args::cluster::Handover;

pub(super) fn run(_asked: &Handover) -> Exit {
    crate::tell::line("hybridge cluster handover is not built yet");
    Exit::Unexpected
}
