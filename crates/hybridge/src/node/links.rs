//! `nodeadm-internal`: who configures a network interface of an EC2 instance, and waiting for it at boot.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use hybridge_aws::{Imds, Metadata};
use hybridge_node::links::{DECISIONS, Decision, Link, MARKER, Manager, listed, no_default, unsettled};
use hybridge_node_host::host::Host;
use hybridge_report::Exit;

use super::{aws, tell};
use crate::args::nodeadm::{Action, UdevNetManager};

/// Between two looks at networkd, and how long all of them may take, as nodeadm's boot hook has it.
const PAUSE: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until systemd-networkd has configured the interfaces that are its own.
pub(super) fn boot_hook() -> Exit {
    ended(wait_for_networkd())
}

/// Decides about an interface that came, or forgets one that went.
pub(super) fn udev_net_manager(flags: &UdevNetManager) -> Exit {
    ended(match flags.action {
        Action::Add => add(&flags.interface),
        Action::Remove => remove(&flags.interface),
    })
}

fn ended(result: anyhow::Result<()>) -> Exit {
    match result {
        Ok(()) => Exit::Ok,
        Err(error) => {
            tell::line(format_args!("error: {error:#}"));
            Exit::Input
        }
    }
}

fn add(name: &str) -> anyhow::Result<()> {
    let mac = mac_of(name)?;
    let imds = aws::block_on(Imds::open(&Metadata::from_env())).context("cannot ask the instance metadata service")?;
    let instance = aws::block_on(imds.instance()).context("cannot tell which instance this is")?;
    let kept = Path::new(DECISIONS).join(&instance.id).join(name);
    let decision = Decision::make(fs::read_to_string(&kept).ok().as_deref(), &mac, Path::new(MARKER).exists());
    let host = Host::system();
    host.write(&kept.display().to_string(), &decision.text(), 0o644)?;
    if decision.manager == Manager::Cni {
        return Ok(());
    }
    let (network_card, device, ipv4s) = aws::block_on(async {
        (imds.interface(&mac, "network-card").await, imds.interface(&mac, "device-number").await, imds.interface(&mac, "local-ipv4s").await)
    });
    let primary = mac.eq_ignore_ascii_case(&instance.mac);
    let link = Link {
        name: name.to_owned(),
        mac,
        network_card: number(network_card?)?,
        device: number(device?)?,
        secondary: (!primary).then(|| ipv4s.ok().flatten().and_then(|text| text.lines().next()?.trim().parse().ok())),
    };
    let file = link.file();
    host.write(&file.path, &file.content, file.mode)?;
    if primary {
        // It is there as long as some network is needed to ask the metadata service at all.
        let file = no_default();
        host.write(&file.path, &file.content, file.mode)?;
    }
    Ok(())
}

/// What has one card only does not tell its number.
fn number(text: Option<String>) -> anyhow::Result<u32> {
    text.map_or(Ok(0), |text| text.trim().parse().with_context(|| format!("the metadata service says {text:?} where a number should be")))
}

fn remove(name: &str) -> anyhow::Result<()> {
    let path = Link::path(name);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).with_context(|| format!("cannot remove {path}")),
        _ => Ok(()),
    }
}

fn mac_of(name: &str) -> anyhow::Result<String> {
    if name.is_empty() || name.contains('/') || name == ".." {
        bail!("{name:?} is no name of an interface");
    }
    let path = format!("/sys/class/net/{name}/address");
    Ok(fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?.trim().to_owned())
}

fn wait_for_networkd() -> anyhow::Result<()> {
    let instance = aws::block_on(async { Imds::open(&Metadata::from_env()).await?.instance().await });
    let instance = instance.context("cannot ask the instance metadata service")?;
    let start = Instant::now();
    loop {
        let waiting = unsettled(&listed(&networkctl()?).context("networkctl prints something else than its JSON")?, &networkd(&instance)?);
        if waiting.is_empty() {
            return Ok(());
        }
        if start.elapsed() > PATIENCE {
            bail!("waited {} s for systemd-networkd, but {}", PATIENCE.as_secs(), waiting.join("; "));
        }
        thread::sleep(PAUSE);
    }
}

fn networkctl() -> anyhow::Result<String> {
    let output = Command::new("networkctl").args(["list", "--json=short"]).output().context("cannot run networkctl")?;
    if !output.status.success() {
        bail!("networkctl fails: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The primary interface, and those that were decided to be networkd's.
fn networkd(instance: &hybridge_node::facts::InstanceFacts) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir("/sys/class/net").context("cannot list interfaces")?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Ok(mac) = mac_of(&name) else { continue };
        let kept = fs::read_to_string(Path::new(DECISIONS).join(&instance.id).join(&name)).ok();
        let decided = kept.and_then(|kept| Decision::read(&kept, &mac)).is_some_and(|decision| decision.manager == Manager::Networkd);
        if decided || mac.eq_ignore_ascii_case(&instance.mac) {
            names.push(name);
        }
    }
    Ok(names)
}
