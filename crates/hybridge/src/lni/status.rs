//! `hybridge lni status`.

use hybridge_report::Exit;

use crate::args::lni::Status;

pub(crate) fn run(_flags: &Status) -> Exit {
    todo!()
}
