//! `hybridge cluster update`.

use hybridge_report::Exit;

use crate::args::cluster::Update;

pub(super) fn run(_asked: &Update) -> Exit {
    crate::tell::line("hybridge cluster update is not built yet");
    Exit::Unexpected
}
