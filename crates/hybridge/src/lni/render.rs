//! `hybridge lni render`.

use hybridge_report::Exit;

use crate::args::lni::Render;

pub(crate) fn run(_flags: &Render) -> Exit {
    todo!()
}
