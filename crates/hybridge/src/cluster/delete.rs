//! `hybridge cluster delete`.

use hybridge_report::Exit;

use crate::args::cluster::Delete;

pub(super) fn run(_asked: &Delete) -> Exit {
    crate::tell::line("hybridge cluster delete is not built yet");
    Exit::Unexpected
}
