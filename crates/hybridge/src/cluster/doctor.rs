//! `hybridge cluster doctor`.

use hybridge_report::Exit;

use crate::args::cluster::Doctor;

pub(super) fn run(_asked: &Doctor) -> Exit {
    crate::tell::line("hybridge cluster doctor is not built yet");
    Exit::Unexpected
}
