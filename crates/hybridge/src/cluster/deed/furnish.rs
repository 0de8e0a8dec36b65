//! Everything beside the cluster's own stack, in the order in which one thing needs the other.

use hybridge_cluster::course::addons;
use hybridge_cluster::template::Purpose;
use hybridge_cluster::world::LiveCluster;
use hybridge_report::Finding;

use super::Deed;
use super::addons::Making;
use super::bring::entries;
use super::draft::{Draft, of};
use super::prepare::{Prepared, drafted};
use super::report::Report;
use super::stop::{Done, Stop};

/// What is done with a stack that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cluster) enum There {
    /// It stays as it is.
    Left,
    /// It becomes what the file says.
    Brought,
}

impl Deed {
    /// The cluster as EKS has it.
    pub(in crate::cluster) async fn live(&self) -> Done<LiveCluster> {
        let missing = || {
            let finding =
                Finding::error("cluster.missing", format!("cluster {}", self.cluster), "EKS does not know it, though its stack is there");
            Stop::one(finding.fix("somebody deleted the cluster by hand: run `hybridge cluster delete`, then `create`"))
        };
        self.session.live_cluster(&self.cluster).await?.ok_or_else(missing)
    }

    /// Makes what is missing, and brings what is there to what the file says if that is asked for.
    pub(in crate::cluster) async fn furnish(
        &self,
        prepared: &Prepared,
        live: &LiveCluster,
        profile: Option<&str>,
        there: There,
        report: &mut Report,
    ) -> Done<()> {
        let config = &prepared.cluster.config;
        let tags = &config.metadata.tags;
        let (entries, known) = entries(prepared);
        crate::tell::findings(&known);
        report.done.extend(self.stacks(&entries, there).await?);
        let servers = prepared.cluster.annotations.outposts_servers.iter().any(|server| server.desired_capacity > 0);
        let nodes = servers || !config.managed_node_groups.is_empty() || prepared.cluster.auto_mode();
        let wanted = addons::wanted(config, prepared.cluster.partition);
        let (early, late): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|addon| addon.early);
        // Nobody is there yet for whom an early one could become active.
        let making = Making { kubernetes: &live.version, tags, nodes: false };
        report.done.extend(self.addons(&early, making).await?);
        if config.iam.with_oidc == Some(true) {
            report.done.extend(self.oidc(live, tags).await?);
        }
        let roles = roles(prepared, live)?;
        report.done.extend(self.stacks(&roles.iter().collect::<Vec<_>>(), there).await?);
        report.done.extend(self.retention(&config.cloud_watch.cluster_logging).await?);
        report.done.extend(self.lni_subnets(&prepared.cluster.annotations.outposts_servers).await?);
        report.done.extend(self.stacks(&of(&prepared.drafts, Purpose::NodeGroup), there).await?);
        report.done.extend(self.addons(&late, Making { nodes, ..making }).await?);
        report.done.extend(self.pod_identities(config, there).await?);
        let accounts = self.service_accounts(config, live, profile).await?;
        report.done.extend(accounts.done);
        report.open.extend(accounts.open);
        Ok(())
    }

    async fn stacks(&self, drafts: &[&Draft], there: There) -> Done<Vec<String>> {
        match there {
            There::Left => self.make_all(drafts).await,
            There::Brought => self.bring_all(drafts).await,
        }
    }
}

/// Roles of service accounts: their templates name the cluster's issuer, which is known only when the cluster is there.
fn roles(prepared: &Prepared, live: &LiveCluster) -> Done<Vec<Draft>> {
    let mut world = prepared.world.clone();
    world.cluster = Some(live.clone());
    let plans = hybridge_cluster::template::stacks(&prepared.cluster, &world);
    let of_roles = plans.into_iter().filter(|plan| matches!(plan.purpose, Purpose::ServiceAccount | Purpose::PodIdentity));
    of_roles.map(drafted).collect()
}
