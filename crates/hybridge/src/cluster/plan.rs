//! `hybridge cluster plan`.

use hybridge_report::Exit;

use crate::args::cluster::Plan;

pub(super) fn run(_asked: &Plan) -> Exit {
    crate::tell::line("hybridge cluster plan is not built yet");
    Exit::Unexpected
}
