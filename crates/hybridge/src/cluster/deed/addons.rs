//! Add-ons of EKS.

use std::collections::BTreeMap;
use std::time::Duration;

use hybridge_aws::eks::NewAddon;
use hybridge_cluster::course::addons::{Step, Wanted, step, version};
use hybridge_cluster::world::LiveAddon;
use hybridge_report::Finding;

use super::Deed;
use super::pace::Pace;
use super::stop::{Done, Stop};

/// Looks at one add-on before a person is asked.
const ROUNDS: usize = 6;
/// For an add-on to be made or changed where there are nodes for it; EKS itself gives up after 20 minutes.
const LIMIT: Duration = Duration::from_secs(20 * 60);
/// Asks to wait for it, but nobody else's work depends on it (eksctl's `DontRequireWait`).
const NOT_WAITED_FOR: &str = "metrics-server";

/// How add-ons are made.
#[derive(Clone, Copy, Debug)]
pub(in crate::cluster) struct Making<'a> {
    /// Minor version of Kubernetes.
    pub(in crate::cluster) kubernetes: &'a str,
    /// Tags of the cluster.
    pub(in crate::cluster) tags: &'a BTreeMap<String, String>,
    /// There are nodes, or will be before the cluster counts as made: without any, no add-on ever becomes active.
    pub(in crate::cluster) nodes: bool,
}

impl Deed {
    /// Makes or changes what differs, one after the other; says what it did.
    pub(in crate::cluster) async fn addons(&self, wanted: &[Wanted], making: Making<'_>) -> Done<Vec<String>> {
        let mut done = Vec::new();
        for addon in wanted {
            let what = format!("add-on {} is being made or changed", addon.name);
            done.extend(self.while_doing(what, self.addon(addon, making)).await?);
        }
        Ok(done)
    }

    async fn addon(&self, wanted: &Wanted, making: Making<'_>) -> Done<Option<String>> {
        let offered = if wanted.version.is_empty() { Vec::new() } else { self.offered(wanted, making.kubernetes).await? };
        let place = || format!("addons.{}", wanted.name);
        let version = version(&wanted.version, &offered).map_err(|what| Finding::error("addon.version", place(), what))?;
        let waits = making.nodes && wanted.name != NOT_WAITED_FOR;
        let mut done = None;
        for _ in 0..ROUNDS {
            let live = self.session.addon(&self.cluster, &wanted.name).await?;
            match step(wanted, live.as_ref(), version) {
                Step::Create => {
                    self.create_addon(wanted, version, making).await?;
                    done = Some(format!("made add-on {}", wanted.name));
                }
                Step::Remake if done.is_none() => {
                    self.screen.line(format_args!("add-on {}: it could not be made before; making it anew", wanted.name));
                    self.touch();
                    self.session.delete_addon(&self.cluster, &wanted.name, false).await?;
                    self.gone(wanted).await?;
                }
                Step::Remake => return Err(failed(wanted, live.as_ref())),
                Step::Update(differs) => {
                    self.update_addon(wanted, version, &differs).await?;
                    done = Some(format!("changed add-on {} ({})", wanted.name, differs.join(", ")));
                }
                Step::Wait if waits => self.rest(wanted).await?,
                Step::Wait | Step::Keep => return Ok(done),
            }
        }
        Err(failed(wanted, self.session.addon(&self.cluster, &wanted.name).await?.as_ref()))
    }

    async fn offered(&self, wanted: &Wanted, kubernetes: &str) -> Done<Vec<String>> {
        let offered = self.session.addon_versions(&wanted.name, kubernetes).await?;
        Ok(offered.into_iter().map(|version| version.version).collect())
    }

    async fn create_addon(&self, wanted: &Wanted, version: Option<&str>, making: Making<'_>) -> Done<()> {
        self.screen.line(format_args!("add-on {}: making it", wanted.name));
        self.touch();
        let tags = making.tags.iter().chain(&wanted.tags).map(|(key, value)| (key.clone(), value.clone())).collect();
        match self.session.create_addon(&self.cluster, &new(wanted, version, tags)).await {
            // The first answer was lost, or somebody else was quicker: it is looked at again.
            Err(error) if error.code() == Some("ResourceInUseException") => Ok(()),
            result => Ok(result?),
        }
    }

    async fn update_addon(&self, wanted: &Wanted, version: Option<&str>, differs: &[&str]) -> Done<()> {
        self.screen.line(format_args!("add-on {}: changing {}", wanted.name, differs.join(", ")));
        self.touch();
        let update = self.session.update_addon(&self.cluster, &new(wanted, version, BTreeMap::new())).await?;
        self.updated(&update.id, Some(&wanted.name), &format!("change of add-on {}", wanted.name)).await
    }

    /// Waits until EKS is done with it.
    async fn rest(&self, wanted: &Wanted) -> Done<()> {
        let what = format!("add-on {}", wanted.name);
        let look = async || {
            let live = self.session.addon(&self.cluster, &wanted.name).await?;
            self.screen.progress(format_args!("{what}: {}", live.as_ref().map_or("gone", |live| live.status.as_str())));
            Ok(live.is_none_or(|live| !matches!(live.status.as_str(), "CREATING" | "UPDATING" | "DELETING")).then_some(()))
        };
        let ended = self.until(Pace::eks(), LIMIT, &what, look).await?;
        self.screen.clear();
        ended.ok_or_else(|| {
            let finding = Finding::error("addon.slow", what.clone(), "EKS is still at work on it after 20 minutes");
            Stop::one(finding.fix("see `kubectl --namespace kube-system get pods`, then run the same command again"))
        })
    }

    async fn gone(&self, wanted: &Wanted) -> Done<()> {
        let look = async || Ok(self.session.addon(&self.cluster, &wanted.name).await?.is_none().then_some(()));
        let what = format!("add-on {} is being taken away", wanted.name);
        let gone = self.until(Pace::eks(), LIMIT, &what, look).await?;
        gone.ok_or_else(|| Stop::one(Finding::error("addon.slow", format!("add-on {}", wanted.name), "it is still there after 20 minutes")))
    }
}

fn new<'a>(wanted: &'a Wanted, version: Option<&'a str>, tags: BTreeMap<String, String>) -> NewAddon<'a> {
    NewAddon {
        name: &wanted.name,
        version: version.unwrap_or_default(),
        configuration_values: &wanted.configuration,
        service_account_role_arn: &wanted.role,
        resolve_conflicts: &wanted.conflicts,
        pod_identities: &[],
        tags,
    }
}

fn failed(wanted: &Wanted, live: Option<&LiveAddon>) -> Stop {
    let status = live.map_or("it is not there", |live| live.status.as_str());
    let finding = Finding::error("addon.failed", format!("add-on {}", wanted.name), format!("EKS could not make it: {status}"));
    Stop::one(finding.fix(format!("see why: aws eks describe-addon --addon-name {} --query addon.health --cluster-name …", wanted.name)))
}
