//! `hybridge lni verify`.

use hybridge_report::Exit;

use crate::args::lni::Verify;

pub(crate) fn run(_flags: &Verify) -> Exit {
    todo!()
}
