//! `hybridge lni run`.

use hybridge_report::Exit;

use crate::args::lni::Run;

pub(crate) fn run(_flags: &Run) -> Exit {
    todo!()
}
