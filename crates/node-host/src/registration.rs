//! Systems Manager's agent, and files that others make.

use std::thread;
use std::time::{Duration, Instant};

use hybridge_node::secret::Secret;

use crate::apply::Run;
use crate::command::Call;
use crate::error::ApplyError;
use crate::host::Host;
use crate::report::{Change, Deed};

/// Where the agent keeps who it is.
const REGISTRATION: &str = "/var/lib/amazon/ssm/registration";
/// How often the agent is asked to register.
const ATTEMPTS: u32 = 6;
/// Between two attempts, as aws/eks-hybrid has it.
const PAUSE: Duration = Duration::from_secs(10);

impl Run<'_> {
    /// Registers the machine, unless it is registered, and waits for its name.
    ///
    /// The agent takes the code as an argument only, so that root can see it among the processes for that moment.
    pub(crate) fn register(&mut self, agent: &str, region: &str, id: &str, code: &Secret) -> Result<(), ApplyError> {
        if managed_instance(self.host).is_some() {
            return Ok(());
        }
        let hidden = vec![code.reveal().to_owned()];
        let call = Call { hidden, ..Call::change(agent, ["-register", "-y", "-region", region, "-id", id, "-code", code.reveal()]) };
        for attempt in 1.. {
            let output = self.attempt(&call)?;
            if output.good() {
                break;
            }
            let said = call.scrub(&format!("{}\n{}", output.stdout, output.stderr));
            if let Some(why) = hopeless(&said) {
                return Err(ApplyError::Registration(why.into()));
            }
            if attempt == ATTEMPTS {
                return Err(ApplyError::Registration(call.scrub(&output.last_words())));
            }
            self.waiting("Systems Manager");
            thread::sleep(PAUSE.min(self.options.poll * 100));
        }
        self.wait_for_file(REGISTRATION, "amazon-ssm-agent", 60)?;
        let name =
            managed_instance(self.host).ok_or_else(|| ApplyError::Registration(format!("{REGISTRATION} holds no ManagedInstanceID")))?;
        self.changed(Change::new(Deed::Register, name));
        Ok(())
    }

    /// Waits until a file is there and not empty.
    pub(crate) fn wait_for_file(&mut self, path: &str, by: &str, wait: u32) -> Result<(), ApplyError> {
        let limit = Duration::from_secs(wait.into());
        let deadline = Instant::now() + limit;
        let real = self.host.path(path);
        let there = || std::fs::metadata(&real).is_ok_and(|meta| meta.len() > 0);
        if !there() {
            self.waiting(path);
        }
        while !there() {
            if Instant::now() >= deadline {
                return Err(ApplyError::NotCome { what: path.into(), by: by.into(), limit });
            }
            thread::sleep(self.options.poll);
        }
        Ok(())
    }
}

/// What no further attempt changes.
fn hopeless(said: &str) -> Option<&'static str> {
    if said.contains("ActivationExpired") {
        return Some("the activation has expired");
    }
    said.contains("InvalidActivation").then_some("it does not know this activation id with this code in this region, or it is used up")
}

/// `mi-…` of a registered machine.
pub(crate) fn managed_instance(host: &Host) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Registration {
        #[serde(rename = "ManagedInstanceID")]
        name: String,
    }
    let text = host.text(REGISTRATION).ok()??;
    serde_json::from_str::<Registration>(&text).ok().map(|registration| registration.name).filter(|name| !name.is_empty())
}
