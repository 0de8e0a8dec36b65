//! `hybridge lni apply`.

use hybridge_report::Exit;

use crate::args::lni::Apply;

pub(crate) fn run(_flags: &Apply) -> Exit {
    todo!()
}
