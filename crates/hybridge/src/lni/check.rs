//! `hybridge lni check`.

use hybridge_report::Exit;

use crate::args::lni::Check;

pub(crate) fn run(_flags: &Check) -> Exit {
    todo!()
}
