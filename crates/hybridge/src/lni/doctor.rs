//! `hybridge lni doctor`.

use hybridge_report::Exit;

use crate::args::lni::Doctor;

pub(crate) fn run(_flags: &Doctor) -> Exit {
    todo!()
}
