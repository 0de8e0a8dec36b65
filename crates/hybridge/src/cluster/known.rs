//! What looks at a cluster begin with: the file, AWS's answers, and both put together.

use hybridge_cluster::resolve::{Cluster, resolve};
use hybridge_cluster::world::World;
use hybridge_report::Exit;
use jiff::Timestamp;

use super::{file, gather};
use crate::args::cluster::Look;
use crate::{runtime, tell};

/// Reads the file, asks AWS or takes its answers from a file, and completes one by the other. What is wrong is printed.
pub(super) fn known(look: &Look) -> Result<(Cluster, World), Exit> {
    let read = file::read(&look.file, Timestamp::now())?;
    let world = match runtime::block_on(gather::known(&read.config, &read.annotations, &look.facts)) {
        Ok((world, _)) => world,
        Err(finding) => {
            tell::findings([&finding]);
            return Err(Exit::Input);
        }
    };
    match resolve(&read.config, &read.annotations, &world) {
        Ok(cluster) => Ok((cluster, world)),
        Err(findings) => {
            tell::findings(&findings);
            Err(Exit::Input)
        }
    }
}
