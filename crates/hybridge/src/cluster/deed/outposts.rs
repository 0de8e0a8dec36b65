//! Given subnets on Outposts: at which device index their LNIs are.

use std::collections::BTreeMap;
use std::time::Duration;

use hybridge_cluster::config::outposts::{OutpostSubnet, OutpostsServer};
use hybridge_report::Finding;

use super::Deed;
use super::pace::Pace;
use super::stop::Done;

/// Until EC2 tells what it was told.
const SEEN: Duration = Duration::from_secs(60);

impl Deed {
    /// Sets the index once for each given subnet, and looks whether it is set. One that is set otherwise was refused before.
    pub(in crate::cluster) async fn lni_subnets(&self, servers: &[OutpostsServer]) -> Done<Vec<String>> {
        let given = servers.iter().filter_map(|server| match &server.subnet {
            OutpostSubnet::Given(id) => Some((id.as_str(), server.lni_device_index)),
            OutpostSubnet::Made(_) => None,
        });
        let wanted: BTreeMap<&str, u32> = given.collect();
        let mut done = Vec::new();
        for (id, index) in wanted {
            if self.lni_index(id).await? == Some(index) {
                continue;
            }
            self.session.enable_lni(id, index).await?;
            self.touch();
            let look = async || Ok((self.lni_index(id).await? == Some(index)).then_some(()));
            if self.until(Pace::stacks(), SEEN, "subnet", look).await?.is_none() {
                let what = format!("EC2 was told to have LNIs at device index {index}, and does not tell so after a minute");
                let finding = Finding::error("outposts.device-index-unseen", format!("subnet {id}"), what);
                return Err(finding.fix("see `aws ec2 describe-subnets`, then run the same command again").into());
            }
            done.push(format!("subnet {id}: LNIs are at device index {index}"));
        }
        Ok(done)
    }

    async fn lni_index(&self, id: &str) -> Result<Option<u32>, hybridge_aws::CallError> {
        let subnets = self.session.subnets_by_id(&[id]).await?;
        Ok(subnets.into_iter().find(|subnet| subnet.subnet_id == id).and_then(|subnet| subnet.enable_lni_at_device_index))
    }
}
