//! What looks at a cluster begin with: the file, AWS's answers, and both put together.

use hybridge_cluster::config::Places;
use hybridge_cluster::preflight::Outcome;
use hybridge_cluster::resolve::{Cluster, resolve};
use hybridge_cluster::world::World;
use hybridge_report::{Exit, Finding};
use jiff::Timestamp;

use super::{file, gather};
use crate::args::cluster::Look;
use crate::{runtime, tell};

/// A file and what AWS says of it.
pub(super) struct Known {
    pub(super) cluster: Cluster,
    pub(super) world: World,
    /// Where the file's values are.
    places: Places,
}

impl Known {
    /// The same findings, those about a key of the file with its line and column.
    pub(super) fn placed(&self, outcomes: Vec<Outcome>) -> Vec<Outcome> {
        let placed = |finding| placed(finding, &self.places);
        outcomes.into_iter().map(|it| Outcome { findings: it.findings.into_iter().map(placed).collect(), ..it }).collect()
    }
}

fn placed(finding: Finding, places: &Places) -> Finding {
    let section = finding.place.split(['.', '[']).next().unwrap_or_default();
    if !places.has(section) {
        return finding;
    }
    Finding { place: format!("{}: {}", places.place(&finding.place), finding.place), ..finding }
}

/// Reads the file, asks AWS or takes its answers from a file, and completes one by the other. What is wrong is printed.
pub(super) fn known(look: &Look) -> Result<Known, Exit> {
    let read = file::read(&look.file, Timestamp::now())?;
    let world = match runtime::block_on(gather::known(&read.config, &read.annotations, &look.facts)) {
        Ok((world, _)) => world,
        Err(finding) => {
            tell::findings([&finding]);
            return Err(Exit::Input);
        }
    };
    match resolve(&read.config, &read.annotations, &world) {
        Ok(cluster) => Ok(Known { cluster, world, places: read.places }),
        Err(findings) => {
            tell::findings(&findings);
            Err(Exit::Input)
        }
    }
}
