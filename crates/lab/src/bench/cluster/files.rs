//! ClusterConfigs to measure with.

use std::fmt::{self, Write as _};

/// The cluster's name in each of them.
pub(super) const NAME: &str = "shop";

/// A ClusterConfig.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClusterFile {
    /// As people write it: two zones, a transit gateway, three networks of a kind, add-ons, a node group, access entries.
    Usual,
    /// As many networks as EKS takes, over three zones.
    Networks,
    /// Ten thousand lines of access entries and Pod Identity associations, each of which is a stack.
    Long,
}

impl ClusterFile {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Usual, Self::Networks, Self::Long];

    /// Its text, without the last `fewer` networks of nodes and of pods.
    pub(super) fn text(self, fewer: usize) -> String {
        let (zones, networks) = match self {
            Self::Usual | Self::Long => (2, 3),
            Self::Networks => (3, 15),
        };
        let mut text = head(zones, networks - fewer);
        match self {
            Self::Usual => text.push_str(&entries(3)),
            Self::Networks => {}
            Self::Long => {
                text.push_str(&entries(600));
                text.push_str(&associations(350));
            }
        }
        text
    }
}

impl fmt::Display for ClusterFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Usual => "a usual file",
            Self::Networks => "15 and 15 networks over 3 zones",
            Self::Long => "10,000 lines",
        })
    }
}

fn head(zones: usize, networks: usize) -> String {
    let zones: String = ["a", "b", "c"][..zones].iter().map(|letter| format!("- eu-central-1{letter}\n")).collect();
    let cidrs = |second: u8| (0..networks).map(|third| format!("    - 10.{second}.{third}.0/24\n")).collect::<String>();
    format!(
        "apiVersion: eksctl.io/v1alpha5
kind: ClusterConfig
metadata:
  name: {NAME}
  region: eu-central-1
  version: \"1.34\"
  tags:
    team: shops
availabilityZones:
{zones}vpc:
  cidr: 10.0.0.0/16
  nat:
    gateway: Single
  clusterEndpoints:
    publicAccess: true
    privateAccess: true
remoteNetworkConfig:
  iam:
    provider: ssm
  vpcGatewayID: tgw-0123456789abcdef0
  remoteNodeNetworks:
  - cidrs:
{}  remotePodNetworks:
  - cidrs:
{}addons:
- name: vpc-cni
- name: kube-proxy
- name: coredns
- name: eks-pod-identity-agent
managedNodeGroups:
- name: cloud
  instanceType: m6i.large
  minSize: 2
  maxSize: 4
  privateNetworking: true
  labels:
    place: cloud
cloudWatch:
  clusterLogging:
    enableTypes: [audit, authenticator]
",
        cidrs(80),
        cidrs(85)
    )
}

fn entries(count: usize) -> String {
    let mut text = "accessConfig:
  authenticationMode: API_AND_CONFIG_MAP
  accessEntries:
"
    .to_owned();
    for number in 0..count {
        writeln!(
            text,
            "  - principalARN: arn:aws:iam::111122223333:role/team-{number}
    type: STANDARD
    accessPolicies:
    - policyARN: arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy
      accessScope:
        type: namespace
        namespaces:
        - team-{number}"
        )
        .expect("a text takes everything");
    }
    text
}

fn associations(count: usize) -> String {
    let mut text = "iam:
  podIdentityAssociations:
"
    .to_owned();
    for number in 0..count {
        writeln!(
            text,
            "  - namespace: team-{number}
    serviceAccountName: worker
    permissionPolicy:
      Version: \"2012-10-17\"
      Statement:
      - Effect: Allow
        Action:
        - s3:GetObject
        - s3:ListBucket
        - sqs:SendMessage
        Resource:
        - arn:aws:s3:::team-{number}
        - arn:aws:s3:::team-{number}/*
        - arn:aws:sqs:eu-central-1:111122223333:team-{number}"
        )
        .expect("a text takes everything");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_as_large_as_they_are_called() {
        let lines = |file: ClusterFile| file.text(0).lines().count();
        assert!((60..100).contains(&lines(ClusterFile::Usual)), "{}", lines(ClusterFile::Usual));
        assert!((9_000..10_500).contains(&lines(ClusterFile::Long)), "{}", lines(ClusterFile::Long));
        assert_eq!(ClusterFile::Networks.text(0).matches("/24").count(), 30);
        assert_eq!(ClusterFile::Networks.text(1).matches("/24").count(), 28);
    }
}
