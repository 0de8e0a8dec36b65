//! Ports of a host firewall: firewalld and ufw.

use hybridge_node::facts::FirewallKind;

use crate::apply::{Run, refused};
use crate::command::Call;
use crate::error::ApplyError;
use crate::host::Host;
use crate::report::{Change, Deed};

impl Run<'_> {
    /// Opens ports now and for good, those that are not open.
    pub(crate) fn open_ports(&mut self, kind: FirewallKind, ports: &[String]) -> Result<(), ApplyError> {
        let closed = closed(self.host, kind, ports)?;
        for call in calls(kind, &closed) {
            self.act(&call)?;
        }
        closed.any().into_iter().for_each(|port| self.changed(Change::new(Deed::Open, port)));
        Ok(())
    }
}

/// Ports that are not open.
#[derive(Default)]
pub(crate) struct Closed {
    now: Vec<String>,
    for_good: Vec<String>,
}

impl Closed {
    /// Each port once, in the order of the plan.
    pub(crate) fn any(&self) -> Vec<String> {
        let mut ports = self.now.clone();
        ports.extend(self.for_good.iter().filter(|port| !self.now.contains(port)).cloned());
        ports
    }
}

pub(crate) fn closed(host: &Host, kind: FirewallKind, ports: &[String]) -> Result<Closed, ApplyError> {
    let missing = |open: &[String]| ports.iter().filter(|port| !open.contains(port)).cloned().collect::<Vec<_>>();
    match kind {
        FirewallKind::Firewalld => {
            let list = |call: Call| Ok::<_, ApplyError>(words(&asked(host, &call)?));
            Ok(Closed {
                now: missing(&list(Call::question("firewall-cmd", ["--list-ports"]))?),
                for_good: missing(&list(Call::question("firewall-cmd", ["--permanent", "--list-ports"]))?),
            })
        }
        FirewallKind::Ufw => {
            let open = allowed(&asked(host, &Call::question("ufw", ["status"]))?);
            Ok(Closed { now: missing(&open), for_good: Vec::new() })
        }
    }
}

fn calls(kind: FirewallKind, closed: &Closed) -> Vec<Call> {
    let add = |ports: &[String]| ports.iter().map(|port| format!("--add-port={port}")).collect::<Vec<_>>();
    match kind {
        FirewallKind::Firewalld => {
            let good = (!closed.for_good.is_empty()).then(|| Call::change("firewall-cmd", ["--permanent"]).and(add(&closed.for_good)));
            let now = (!closed.now.is_empty()).then(|| Call::change("firewall-cmd", []).and(add(&closed.now)));
            good.into_iter().chain(now).collect()
        }
        // ufw writes a range with a colon, and takes one rule in a call.
        FirewallKind::Ufw => closed.now.iter().map(|port| Call::change("ufw", ["allow"]).and([port.replace('-', ":")])).collect(),
    }
}

fn asked(host: &Host, call: &Call) -> Result<String, ApplyError> {
    let output = host.ask(call).map_err(|source| ApplyError::Run { what: call.to_string(), source })?;
    if output.good() { Ok(output.stdout) } else { Err(refused(call, &output)) }
}

/// What `firewall-cmd --list-ports` prints.
pub(crate) fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(String::from).collect()
}

/// Ports that `ufw status` lists as allowed from anywhere: lines such as `30000:32767/tcp  ALLOW  Anywhere`.
pub(crate) fn allowed(text: &str) -> Vec<String> {
    let rules = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let rule = (words.next()?, words.next()?, words.next()?, words.next());
        matches!(rule, (_, "ALLOW", "Anywhere", None) | (_, "ALLOW", "IN", Some("Anywhere"))).then(|| rule.0.replace(':', "-"))
    });
    rules.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_open_to_everybody_counts_with_ufw() {
        let text = "Status: active\n\nTo                         Action      From\n--                         ------      ----\n\
            10250/tcp                  ALLOW       Anywhere\n30000:32767/tcp            ALLOW       Anywhere\n\
            22/tcp                     ALLOW       10.0.0.0/8\n8472/udp                   DENY        Anywhere\n\
            10250/tcp (v6)             ALLOW       Anywhere (v6)\n";
        assert_eq!(allowed(text), ["10250/tcp", "30000-32767/tcp"]);
    }
}
