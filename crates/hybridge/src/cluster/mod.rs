//! `hybridge cluster`: reads, asks, plans, does, tells.

mod create;
mod deed;
mod delete;
mod doctor;
#[cfg(test)]
mod documented;
mod drift;
mod file;
mod gather;
mod get;
mod handover;
mod known;
mod offer;
mod outcomes;
mod plan;
mod update;
mod validate;

use hybridge_report::Exit;

use crate::args::cluster::Cluster;

/// Runs a command and says how it ended.
pub(crate) fn run(command: &Cluster) -> Exit {
    match command {
        Cluster::Validate(asked) => validate::run(asked),
        Cluster::Plan(asked) => plan::run(asked),
        Cluster::Create(asked) => create::run(asked),
        Cluster::Update(asked) => update::run(asked),
        Cluster::Delete(asked) => delete::run(asked),
        Cluster::Get(asked) => get::run(asked),
        Cluster::Doctor(asked) => doctor::run(asked),
        Cluster::Drift(asked) => drift::run(asked),
        Cluster::Handover(asked) => handover::run(asked),
    }
}
