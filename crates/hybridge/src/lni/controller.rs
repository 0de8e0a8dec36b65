//! `hybridge lni controller`.

use hybridge_report::Exit;

use crate::args::lni::Controller;

pub(crate) fn run(_flags: &Controller) -> Exit {
    todo!()
}
