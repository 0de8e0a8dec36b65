//! `hybridge cluster validate`.

use hybridge_report::Exit;

use crate::args::cluster::Validate;

pub(super) fn run(_asked: &Validate) -> Exit {
    crate::tell::line("hybridge cluster validate is not built yet");
    Exit::Unexpected
}
