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

use crate::args::nodeadm::{Action, UdevNetManager};
use crate::tell;

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
    // One runtime for all questions: the connection is kept between them.
    crate::runtime::block_on(async {
        let imds = Imds::open(&Metadata::from_env()).await.context("cannot ask the instance metadata service")?;
        let instance = imds.instance().await.context("cannot tell which instance this is")?;
        let kept = Path::new(DECISIONS).join(&instance.id).join(name);
        let decision = Decision::make(fs::read_to_string(&kept).ok().as_deref(), &mac, Path::new(MARKER).exists());
        let host = Host::system();
        host.write(&kept.display().to_string(), &decision.text(), 0o644)?;
        if decision.manager == Manager::Cni {
            return Ok(());
        }
        let primary = mac.eq_ignore_ascii_case(&instance.mac);
        let file = link(name, &mac, primary, &imds).await?.file();
        host.write(&file.path, &file.content, file.mode)?;
        if primary {
            let file = no_default();
            host.write(&file.path, &file.content, file.mode)?;
        }
        Ok(())
    })
}

async fn link(name: &str, mac: &str, primary: bool, imds: &Imds) -> anyhow::Result<Link> {
    let secondary = match primary {
        true => None,
        // An address is of use, but none is no reason to leave the interface alone.
        false => Some(imds.interface(mac, "local-ipv4s").await.ok().flatten().and_then(|text| text.lines().next()?.trim().parse().ok())),
    };
    Ok(Link {
        name: name.to_owned(),
        mac: mac.to_owned(),
        network_card: number(imds.interface(mac, "network-card").await?)?,
        device: number(imds.interface(mac, "device-number").await?)?,
        secondary,
    })
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
    let instance = crate::runtime::block_on(async { Imds::open(&Metadata::from_env()).await?.instance().await });
    let instance = instance.context("cannot ask the instance metadata service")?;
    settle(&Patience::OF_BOOT, || {
        let listed = listed(&networkctl()?).context("networkctl prints something else than its JSON")?;
        Ok(unsettled(&listed, &networkd(&instance)?))
    })
}

/// How long something is waited for.
struct Patience {
    /// Between two looks.
    pause: Duration,
    /// All of them together.
    limit: Duration,
}

impl Patience {
    /// As nodeadm's boot hook has it.
    const OF_BOOT: Self = Self { pause: Duration::from_millis(50), limit: Duration::from_secs(60) };
}

/// Looks until nothing is waited for any more.
fn settle(patience: &Patience, mut waiting_for: impl FnMut() -> anyhow::Result<Vec<String>>) -> anyhow::Result<()> {
    let start = Instant::now();
    loop {
        let waiting = waiting_for()?;
        if waiting.is_empty() {
            return Ok(());
        }
        if start.elapsed() >= patience.limit {
            bail!("waited {} s for systemd-networkd, but {}", patience.limit.as_secs_f32(), waiting.join("; "));
        }
        thread::sleep(patience.pause);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_ends_when_all_is_well_or_patience_is_over() {
        let patience = Patience { pause: Duration::from_millis(1), limit: Duration::from_millis(20) };
        let mut looks = 0;
        let three_times = || {
            looks += 1;
            Ok(if looks < 3 { vec!["ens5 is configuring, not yet configured".to_owned()] } else { Vec::new() })
        };
        settle(&patience, three_times).unwrap();
        assert_eq!(looks, 3);
        let start = Instant::now();
        let error = settle(&patience, || Ok(vec!["ens5 is not there yet".to_owned()])).unwrap_err().to_string();
        assert_eq!(error, "waited 0.02 s for systemd-networkd, but ens5 is not there yet");
        assert!((20..5000).contains(&start.elapsed().as_millis()));
        assert!(settle(&patience, || bail!("cannot run networkctl")).is_err());
    }
}
