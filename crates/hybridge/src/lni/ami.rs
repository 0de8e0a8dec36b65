//! `hybridge lni ami`.

use hybridge_report::Exit;

use crate::args::lni::Ami;

pub(crate) fn run(_flags: &Ami) -> Exit {
    todo!()
}
