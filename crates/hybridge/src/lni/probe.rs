//! `hybridge lni probe`.

use hybridge_report::Exit;

use crate::args::lni::Probe;

pub(crate) fn run(_flags: &Probe) -> Exit {
    todo!()
}
