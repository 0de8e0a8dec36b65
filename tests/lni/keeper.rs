//! The agent, at work in a server.

use std::path::Path;
use std::time::{Duration, Instant};

use hybridge_lab::lni::{Server, vpc_cidr};
use hybridge_lab::netns::Task;
use hybridge_lni::facts::Ec2Interface;
use hybridge_lni::plan::plan;
use hybridge_lni_host::agent::{self, Options};
use hybridge_lni_host::facts::Ec2;
use hybridge_lni_host::machine::Machine;
use hybridge_lni_host::status::{self, Phase, Status};
use hybridge_lni_host::store::Store;
use hybridge_model::MacAddr;

use crate::bench::{in_node, lni_of, profile_of, wanted};

/// How long the agent may take for anything in these tests. It is far from what it takes.
const LONG: Duration = Duration::from_secs(10);

/// An agent that runs.
pub(crate) struct Keeper {
    task: Task,
    directory: tempfile::TempDir,
}

impl Keeper {
    /// Starts it with the server's profile; returns once all is as that says.
    pub(crate) fn start(server: &Server) -> Self {
        let lni = Ec2Interface {
            mac: MacAddr::new(server.lni_mac.0),
            device_index: 14,
            id: "eni-0123456789abcdef0".into(),
            address: Some(server.plan.lni_in_ec2),
        };
        Self::start_in(server, tempfile::tempdir().unwrap(), Some(Ec2 { interfaces: vec![lni], vpc_cidrs: vec![vpc_cidr()] }))
    }

    fn start_in(server: &Server, directory: tempfile::TempDir, ec2: Option<Ec2>) -> Self {
        let (profile, path) = (profile_of(server), directory.path().to_owned());
        let task = server.node.spawn("agent", move |token| async move {
            let ask_ec2: agent::AskEc2 = Box::new(move || {
                let answer = ec2.clone().ok_or_else(|| "it does not answer".to_owned());
                Box::pin(async { answer })
            });
            agent::run(Options { profile, directory: path, ask_ec2 }, token.cancelled()).await.unwrap();
        });
        let keeper = Self { task, directory };
        keeper.wait_in_order(server);
        keeper
    }

    /// Ends it and starts it again, with what it remembers. Instance metadata answers no more.
    pub(crate) fn restart(self, server: &Server) -> Self {
        self.task.stop();
        Self::start_in(server, self.directory, None)
    }

    /// What it tells of itself.
    pub(crate) fn status(&self) -> Status {
        told(self.directory.path())
    }

    /// Waits until the kernel is as the profile says and the agent says so; how long it took.
    pub(crate) fn wait_in_order(&self, server: &Server) -> Duration {
        let begin = Instant::now();
        while !(is_in_order(server, self.directory.path()) && self.status().phase == Phase::Ready) {
            assert!(!self.task.is_finished(), "the agent has ended");
            assert!(begin.elapsed() < LONG, "after {LONG:?}: {:#?}", self.status());
            std::thread::sleep(Duration::from_millis(5));
        }
        begin.elapsed()
    }

    /// Waits until it has told something.
    pub(crate) fn wait_told(&self, what: impl Fn(&Status) -> bool) -> Status {
        let begin = Instant::now();
        loop {
            let status = self.status();
            if what(&status) {
                return status;
            }
            assert!(begin.elapsed() < LONG, "after {LONG:?}: {status:#?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn told(directory: &Path) -> Status {
    status::read(&Store::new(directory)).unwrap_or_default()
}

fn is_in_order(server: &Server, directory: &Path) -> bool {
    let (lni, state) = (lni_of(server), wanted(server));
    in_node(server, async || {
        let mut machine = Machine::open(Store::new(directory)).unwrap();
        let routing = machine.netlink.routing().await.unwrap();
        let observed = machine.observe(&lni, &state, &routing).await.unwrap();
        plan(&state, &observed).is_empty()
    })
}
