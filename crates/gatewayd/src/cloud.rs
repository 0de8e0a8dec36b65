//! Which EC2 instance this is, and a client for its region; found out once, tried again until it works.

use std::collections::BTreeSet;

use hybridge_aws::{Ec2, Ec2Error, ImdsError, Metadata, Network, instance_identity};
use hybridge_gateway::vpc::{GatewayInstance, RouteTable};
use hybridge_model::{InstanceId, RouteTableId};
use hybridge_report::Finding;

/// How to reach EC2, as far as the settings say.
#[derive(Clone, Debug)]
pub(crate) struct Cloud {
    pub(crate) network: Network,
    pub(crate) metadata: Metadata,
    pub(crate) region: Option<String>,
    pub(crate) instance: Option<InstanceId>,
}

/// A client, and what EC2 says of this instance.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) ec2: Ec2,
    pub(crate) instance: GatewayInstance,
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CloudError {
    /// Region or instance are not set, and the metadata service does not tell.
    #[error("AWS_REGION and AWS_INSTANCE_ID are not both set, and the instance metadata service does not tell")]
    Identity(#[source] ImdsError),
    /// EC2 does not answer, or refuses.
    #[error("EC2")]
    Ec2(#[source] Ec2Error),
}

impl CloudError {
    /// The same for people who can mend it.
    pub(crate) fn finding(&self) -> Finding {
        let (code, fix) = match self {
            Self::Identity(error) => ("imds", Some(error.fix())),
            Self::Ec2(error) => ("ec2", error.fix()),
        };
        let finding = Finding::warning(code, "AWS", hybridge_report::chain(self));
        match fix {
            Some(fix) => finding.fix(fix),
            None => finding,
        }
    }
}

impl Cloud {
    /// Connects, and reads the tables in the same breath.
    pub(crate) async fn connect(&self, tables: &BTreeSet<RouteTableId>) -> Result<(Session, Vec<RouteTable>), CloudError> {
        let (region, instance) = match (&self.region, &self.instance) {
            (Some(region), Some(instance)) => (region.clone(), instance.clone()),
            (region, instance) => {
                let identity = instance_identity(&self.metadata).await.map_err(CloudError::Identity)?;
                (region.clone().unwrap_or(identity.region), instance.clone().unwrap_or(identity.instance))
            }
        };
        let ec2 = Ec2::connect(&region, &self.network).await;
        let tables: Vec<_> = tables.iter().cloned().collect();
        let (instance, tables) = tokio::try_join!(ec2.instance(&instance), ec2.route_tables(&tables)).map_err(CloudError::Ec2)?;
        Ok((Session { ec2, instance }, tables))
    }
}
