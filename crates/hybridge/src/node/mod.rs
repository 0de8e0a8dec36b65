//! `hybridge node`: reads, looks, plans, does, tells.

mod aws;
mod config;
mod deed;
mod gather;
mod init;
mod links;
mod max_pods;
pub(crate) mod nodeadm;
pub(crate) mod plugin;
mod questions;
mod sources;
mod steps;
mod user_data;

pub(crate) use sources::languages;

use hybridge_report::Exit;

use crate::args::node::user::{Steps, UserData};
use crate::args::node::{Config, Node};

/// Runs a command and says how it ended.
pub(crate) fn run(command: &Node) -> Exit {
    match command {
        Node::Init(init) => init::run(init),
        Node::Config(Config::Check(look)) => config::check(look),
        Node::Config(Config::Dump(dump)) => config::dump(dump),
        Node::Config(Config::Explain(explain)) => config::explain(explain),
        Node::Config(Config::Schema) => config::schema(),
        Node::UserData(UserData::Compose(compose)) => user_data::compose(compose),
        Node::UserData(UserData::Show(show)) => user_data::show(show),
        Node::Steps(Steps::Status(status)) => steps::status(status),
        Node::Steps(Steps::Run(run)) => steps::run(run),
        Node::MaxPods(max_pods) => max_pods::run(max_pods),
    }
}
