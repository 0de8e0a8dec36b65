//! `hybridge lni apply`.

use hybridge_lni::desired;
use hybridge_lni::plan::{Change, plan};
use hybridge_lni::resolve::{Lni, resolve};
use hybridge_lni_host::error::HostError;
use hybridge_lni_host::lease::{self, Found};
use hybridge_lni_host::machine::{Failure, Machine};
use hybridge_lni_host::store::Store;
use hybridge_model::routing::{InterfaceAddress, RoutingChange};
use hybridge_report::{Exit, Finding, chain};
use serde::Serialize;

use super::{machine, source};
use crate::args::Output;
use crate::args::lni::Apply;
use crate::tell;

/// What is printed as JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    dry_run: bool,
    changes: Vec<Change>,
    commands: Vec<String>,
    failed: Vec<String>,
}

pub(crate) fn run(flags: &Apply) -> Exit {
    let profile = match source::read(&flags.profile.file) {
        Ok(profile) => profile,
        Err(exit) => return exit,
    };
    let done = crate::runtime::block_on(async {
        let mut machine = Machine::open(Store::new(&flags.state.state_dir))?;
        let facts = machine::facts(&machine).await?;
        let lni = match resolve(&profile, &facts) {
            Ok((lni, warnings)) => {
                tell::findings(&warnings);
                lni
            }
            Err(findings) => {
                tell::findings(&findings);
                return Ok(Exit::Input);
            }
        };
        if flags.cleanup {
            let changes = cleanup(&mut machine, &lni).await?;
            return carry_out(&mut machine, Vec::new(), changes, flags).await;
        }
        let first = if flags.dry_run { Vec::new() } else { first(&mut machine, &lni).await? };
        match wanted(&mut machine, &lni, flags).await? {
            Ok(changes) => carry_out(&mut machine, first, changes, flags).await,
            Err(finding) => {
                tell::line(finding);
                Ok(Exit::Input)
            }
        }
    });
    done.unwrap_or_else(|error: HostError| {
        let hint = error.hint().map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
        tell::line(format_args!("error: {}{hint}", chain(&error)));
        Exit::Unexpected
    })
}

async fn cleanup(machine: &mut Machine, lni: &Lni) -> Result<Vec<Change>, HostError> {
    let address = desired::address(&lni.profile, machine.memory.lease.as_ref());
    let address = address.map(|address| InterfaceAddress { link: lni.link, address: address.address, prefix: address.prefix });
    machine.removal(lni, address).await
}

/// Firewall, sysctls and link: with these DHCP and other machines can be asked about the address. Returns what was done.
async fn first(machine: &mut Machine, lni: &Lni) -> Result<Vec<Change>, HostError> {
    let desired = desired::desired(lni, None);
    let routing = machine.netlink.routing().await?;
    let observed = machine.observe(lni, &desired, &routing).await?;
    let mut changes = plan(&desired, &observed);
    changes.retain(|change| match change {
        Change::Ruleset(_) | Change::Sysctl { .. } => true,
        Change::Routing(change) => matches!(change, RoutingChange::SetLink { .. }),
        Change::DeleteRuleset => false,
    });
    let failures = machine.apply(&changes).await;
    // They are planned, tried and told again.
    changes.retain(|change| !failures.iter().any(|failure| failure.change == *change));
    machine.carrier(lni).await?;
    Ok(changes)
}

/// The changes, after the address is known and nobody else has it.
async fn wanted(machine: &mut Machine, lni: &Lni, flags: &Apply) -> Result<Result<Vec<Change>, Finding>, HostError> {
    let saved = machine.memory.lease.clone();
    let lease = match lease::find(lni, saved, flags.dry_run).await {
        Found::Lease(lease) => {
            if !flags.dry_run && machine.memory.lease.as_ref() != Some(&lease) {
                machine.memory.lease = Some(lease.clone());
                machine.store.remember(&machine.memory)?;
            }
            Some(lease)
        }
        Found::Static => None,
        Found::Nothing(finding) => {
            // All but the address can be set up.
            tell::line(finding);
            None
        }
    };
    let desired = desired::desired(lni, lease.as_ref());
    let routing = machine.netlink.routing().await?;
    let observed = machine.observe(lni, &desired, &routing).await?;
    let fresh = desired.addresses.iter().find(|address| !observed.addresses.contains(address));
    if let (Some(address), false) = (fresh, flags.dry_run)
        && let Some(finding) = lease::duplicate(lni, address.address, routing.carrier.contains(&lni.link)).await
    {
        return Ok(Err(finding));
    }
    Ok(Ok(plan(&desired, &observed)))
}

async fn carry_out(machine: &mut Machine, done: Vec<Change>, changes: Vec<Change>, flags: &Apply) -> Result<Exit, HostError> {
    let failures = if flags.dry_run { Vec::new() } else { machine.apply(&changes).await };
    if flags.cleanup && !flags.dry_run && failures.is_empty() {
        machine.store.clear()?;
    }
    for Failure { change, error } in &failures {
        let finding = Finding::error("lni.apply", change.to_string(), chain(error));
        tell::line(error.hint().map(|hint| finding.clone().fix(hint)).unwrap_or(finding));
    }
    let changes: Vec<_> = done.into_iter().chain(changes).collect();
    let commands: Vec<_> = changes.iter().map(Change::to_string).collect();
    let printed = match flags.output {
        Output::Table if commands.is_empty() => tell::data("nothing to do\n"),
        Output::Table => tell::data(&(commands.join("\n") + "\n")),
        form @ (Output::Json | Output::Yaml) => {
            let failed = failures.iter().map(|failure| failure.change.to_string()).collect();
            tell::structured(form, &Report { dry_run: flags.dry_run, changes, commands, failed })
        }
    };
    Ok(if failures.is_empty() { printed } else { Exit::Partly })
}
