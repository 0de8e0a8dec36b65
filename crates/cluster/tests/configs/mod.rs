//! Configurations that are right, as many and as different as there are numbers: for tests of whatever takes one.
//!
//! In a test file: `#[path = "…/crates/cluster/tests/configs/mod.rs"] mod configs;`, in which `hybridge_cluster` is known.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test uses a part, from wherever it is")]

#[path = "../../../document/tests/mutations/random.rs"]
mod random;

use std::collections::BTreeMap;

use hybridge_cluster::config::{
    AccessConfig, AccessEntry, AccessPolicy, AccessScope, Addon, AutoModeConfig, ClusterConfig, ClusterEndpoints, ManagedNodeGroup,
    Metadata, Nat, NatMode, NodeGroupIam, PodIdentityAssociation, Provider, RemoteIam, RemoteNetwork, RemoteNetworkConfig,
    SecretsEncryption, ServiceAccount, ServiceAccountMetadata, Subnet, Subnets, Switch, Taint, UpdateConfig, Vpc, dump,
};
use serde_json::{Value, json};

use self::random::Random;

/// An authority of the tests, 2020 to 2120.
pub const AUTHORITY: &str = include_str!("../../../../tests/fixtures/cluster-certificates/authority.pem");
const ANOTHER: &str = include_str!("../../../../tests/fixtures/cluster-certificates/another.pem");

/// The configuration of this number and the file that says it. The same number gives the same.
pub fn generate(seed: u64) -> (ClusterConfig, String) {
    let config = Dice(Random(seed)).config();
    let file = dump(&config);
    (config, file)
}

struct Dice(Random);

impl Dice {
    /// From 0 to `end`, without it.
    fn below(&mut self, end: u64) -> u64 {
        self.0.next() % end
    }

    /// True so many times in a hundred.
    fn percent(&mut self, times: u64) -> bool {
        self.below(100) < times
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }

    fn maybe(&mut self, times: u64, text: &str) -> String {
        if self.percent(times) { text.to_owned() } else { String::new() }
    }

    fn switch(&mut self, times: u64) -> Option<bool> {
        self.percent(times).then(|| self.percent(50))
    }

    fn tags(&mut self, times: u64) -> BTreeMap<String, String> {
        if !self.percent(times) {
            return BTreeMap::new();
        }
        let count = self.below(4) + 1;
        (0..count).map(|n| (format!("tag-{n}"), self.pick(&["", "yes", "1.30", "press hall", "a/b:c@d"]).to_owned())).collect()
    }

    fn config(&mut self) -> ClusterConfig {
        let region = self.pick(&["us-west-2", "us-east-1", "eu-central-1", "ap-southeast-7", "us-gov-west-1"]);
        let partition = if region.starts_with("us-gov") { "aws-us-gov" } else { "aws" };
        let given = self.percent(25);
        let private_cluster = self.percent(15);
        let remote = self.percent(85).then(|| self.remote(partition, given));
        let mut config = ClusterConfig {
            metadata: Metadata {
                name: format!("c{}", self.below(1000)),
                region: region.to_owned(),
                version: self.pick(&["", "1.30", "1.33", "1.34"]).to_owned(),
                tags: self.tags(30),
                annotations: self.annotations(remote.as_ref(), region, partition),
            },
            vpc: self.vpc(region, given, private_cluster),
            remote_network_config: remote,
            ..ClusterConfig::default()
        };
        if !given && self.percent(60) {
            let count = usize::try_from(2 + self.below(3)).unwrap();
            config.availability_zones = ["a", "b", "c", "d"].iter().take(count).map(|zone| format!("{region}{zone}")).collect();
        }
        config.private_cluster.enabled = private_cluster;
        if private_cluster {
            config.private_cluster.skip_endpoint_creation = self.percent(30);
            if !config.private_cluster.skip_endpoint_creation && self.percent(40) {
                config.private_cluster.additional_endpoint_services = vec!["logs".to_owned(), "autoscaling".to_owned()];
            }
        }
        if self.percent(30) {
            config.kubernetes_network_config.ip_family = "IPv4".to_owned();
            config.kubernetes_network_config.service_ipv4_cidr = self.pick(&["172.20.0.0/16", "172.20.4.0/24", "172.16.0.0/13"]).to_owned();
        }
        config.access_config = self.access(partition);
        self.control_plane(&mut config, partition);
        self.iam(&mut config, partition);
        self.workers(&mut config, partition);
        config
    }

    fn cidrs(&mut self, second: u64, most: u64) -> Vec<String> {
        let count = 1 + if self.percent(20) { self.below(most) } else { self.below(3) };
        (0..count)
            .map(|n| match self.below(3) {
                0 => format!("10.{}.0.0/16", second + n),
                1 => format!("10.{}.{}.0/24", second + n, self.below(256)),
                _ => format!("10.{}.{}.{}/32", second + n, self.below(256), self.below(256)),
            })
            .collect()
    }

    fn remote(&mut self, partition: &str, given: bool) -> RemoteNetworkConfig {
        let provider = self.pick(&[Provider::Ssm, Provider::Ira]);
        let bundle = if self.percent(30) { format!("{AUTHORITY}{ANOTHER}") } else { AUTHORITY.to_owned() };
        let pods = match self.below(10) {
            0 => None,
            1 => Some(Vec::new()),
            _ => Some(vec![RemoteNetwork { cidrs: self.cidrs(160, 15) }]),
        };
        RemoteNetworkConfig {
            iam: RemoteIam {
                provider,
                role_arn: self.maybe(25, &format!("arn:{partition}:iam::000011112222:role/site/HybridNodes")),
                ca_bundle_cert: if provider == Provider::Ira { bundle } else { String::new() },
            },
            vpc_gateway_id: match self.below(5) {
                _ if given => String::new(),
                0 => String::new(),
                1 | 2 => "vgw-0123456789abcdef0".to_owned(),
                _ => "tgw-0123456789abcdef0".to_owned(),
            },
            remote_node_networks: Some(vec![RemoteNetwork { cidrs: self.cidrs(128, 15) }]),
            remote_pod_networks: pods,
        }
    }

    fn annotations(&mut self, remote: Option<&RemoteNetworkConfig>, region: &str, partition: &str) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        let mut say = |name: &str, value: String| drop(all.insert(format!("hybridge/{name}"), value));
        let Some(remote) = remote else { return all };
        if self.percent(15) {
            say("pod-routes", "hybridge-gateway".to_owned());
        }
        if self.percent(15) {
            say("pod-identity", "true".to_owned());
        }
        if self.percent(10) {
            say("carrier-grade-nat", "allowed".to_owned());
        }
        if self.percent(15) {
            say("role-arns", format!("arn:{partition}:iam::000011112222:role/SiteA, arn:{partition}:iam::000011112222:role/SiteB"));
        }
        if remote.iam.provider == Provider::Ira {
            if self.percent(20) {
                say("session-name", "any".to_owned());
            }
            if self.percent(20) {
                say("session-seconds", (900 + self.below(42_301)).to_string());
            }
            if !remote.iam.role_arn.is_empty() && self.percent(20) {
                say(
                    "profile-arn",
                    format!("arn:{partition}:rolesanywhere:{region}:000011112222:profile/11111111-2222-3333-4444-555555555555"),
                );
            }
        }
        all
    }

    fn vpc(&mut self, region: &str, given: bool, private_cluster: bool) -> Vpc {
        let mut vpc = Vpc::default();
        if given {
            vpc.id = self.maybe(80, "vpc-0123456789abcdef0");
            let subnets = |kind: &str| {
                let subnet = |zone: &str| Subnet { id: format!("subnet-{kind}0000{zone}"), ..Subnet::default() };
                ["a", "b"].iter().map(|zone| (format!("{region}{zone}"), subnet(zone))).collect::<BTreeMap<_, _>>()
            };
            vpc.subnets = Subnets { private: subnets("0a"), public: if self.percent(40) { subnets("0b") } else { BTreeMap::new() } };
            match self.below(4) {
                0 => vpc.security_group = "sg-0123456789abcdef0".to_owned(),
                1 => vpc.control_plane_security_group_ids = vec!["sg-1".to_owned(), "sg-2".to_owned()],
                _ => {}
            }
            if self.percent(20) {
                vpc.control_plane_subnet_ids = vec!["subnet-0a0000a".to_owned(), "subnet-0a0000b".to_owned()];
            }
        } else {
            vpc.cidr = match self.below(4) {
                0 => String::new(),
                1 => format!("10.{}.0.0/16", self.below(64)),
                2 => format!("10.{}.{}.0/20", self.below(64), self.below(16) * 16),
                _ => format!("10.{}.{}.0/24", self.below(64), self.below(256)),
            };
            vpc.nat = Nat { gateway: self.pick(&[NatMode::Single, NatMode::HighlyAvailable, NatMode::Disable]) };
            vpc.hostname_type = self.pick(&["", "", "ip-name", "resource-name"]).to_owned();
        }
        if !private_cluster {
            let (private_access, public_access) =
                self.pick(&[(None, None), (Some(true), Some(false)), (Some(true), Some(true)), (Some(false), None), (None, Some(true))]);
            vpc.cluster_endpoints = ClusterEndpoints { private_access, public_access };
            if self.percent(20) {
                vpc.public_access_cidrs = vec!["198.51.100.0/24".to_owned(), "203.0.113.7/32".to_owned()];
            }
        }
        if vpc.control_plane_subnet_ids.is_empty() {
            vpc.control_plane_on_private_subnets = self.switch(40);
        }
        if self.percent(20) {
            vpc.shared_node_security_group = "sg-0fedcba9876543210".to_owned();
            vpc.manage_shared_node_security_group_rules = self.switch(60);
        }
        if self.percent(20) {
            vpc.extra_cidrs = vec!["10.250.0.0/24".to_owned(), "198.18.0.0/15".to_owned()];
        }
        vpc.control_plane_egress_mode = self.pick(&["", "", "AWS_MANAGED", "CUSTOMER_ROUTED"]).to_owned();
        vpc
    }

    fn access(&mut self, partition: &str) -> AccessConfig {
        let mut access = AccessConfig {
            authentication_mode: self.pick(&["", "API", "API_AND_CONFIG_MAP"]).to_owned(),
            bootstrap_cluster_creator_admin_permissions: self.switch(30),
            access_entries: Vec::new(),
        };
        let principal = |name: &str| format!("arn:{partition}:iam::000011112222:{name}");
        if self.percent(30) {
            let policy = |name: &str, kind: &str, namespaces: &[&str]| AccessPolicy {
                policy_arn: format!("arn:{partition}:eks::aws:cluster-access-policy/{name}"),
                access_scope: AccessScope { kind: kind.to_owned(), namespaces: namespaces.iter().map(|&name| name.to_owned()).collect() },
            };
            access.access_entries.push(AccessEntry {
                principal_arn: principal("user/ops"),
                kind: self.maybe(50, "STANDARD"),
                kubernetes_groups: vec!["ops".to_owned()],
                kubernetes_username: self.maybe(50, "ops:{{SessionName}}"),
                access_policies: vec![
                    policy("AmazonEKSViewPolicy", "cluster", &[]),
                    policy("AmazonEKSEditPolicy", "namespace", &["default", "press"]),
                ],
            });
        }
        if self.percent(20) {
            let kind = self.pick(&["EC2_LINUX", "HYBRID_LINUX", "EC2_WINDOWS"]).to_owned();
            access.access_entries.push(AccessEntry { principal_arn: principal("role/other-nodes"), kind, ..AccessEntry::default() });
        }
        access
    }

    fn control_plane(&mut self, config: &mut ClusterConfig, partition: &str) {
        let logging = &mut config.cloud_watch.cluster_logging;
        if self.percent(30) {
            logging.enable_types =
                self.pick(&[&["*"][..], &["all"], &["api", "audit", "controllerManager"]]).iter().map(|&kind| kind.to_owned()).collect();
            logging.log_retention_in_days = self.pick(&[0, 7, 3653]);
        }
        if self.percent(20) {
            let key_arn = format!("arn:{partition}:kms:{}:000011112222:key/11111111-2222-3333-4444-555555555555", config.metadata.region);
            config.secrets_encryption = Some(SecretsEncryption { key_arn });
        }
        config.upgrade_policy.support_type = self.pick(&["", "STANDARD", "EXTENDED"]).to_owned();
        config.zonal_shift_config = Switch { enabled: self.switch(20) };
        config.control_plane_scaling_config.tier = self.pick(&["", "", "standard", "tier-xl"]).to_owned();
    }

    fn iam(&mut self, config: &mut ClusterConfig, partition: &str) {
        let iam = &mut config.iam;
        let arn = |name: &str| format!("arn:{partition}:iam::000011112222:{name}");
        if self.percent(20) {
            iam.service_role_arn = arn("role/EksServiceRole");
        } else {
            iam.service_role_permissions_boundary = self.maybe(20, &arn("policy/boundary"));
        }
        iam.vpc_resource_controller_policy = self.switch(20);
        let oidc = self.percent(35);
        iam.with_oidc = if oidc { Some(true) } else { self.percent(20).then_some(false) };
        let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "*"}]});
        let Value::Object(document) = policy else { unreachable!("it is an object") };
        if oidc && self.percent(60) {
            let mut account = ServiceAccount {
                metadata: ServiceAccountMetadata {
                    name: "reader".to_owned(),
                    namespace: self.maybe(60, "press"),
                    ..ServiceAccountMetadata::default()
                },
                role_only: self.switch(30),
                tags: self.tags(20),
                ..ServiceAccount::default()
            };
            match self.below(3) {
                0 => account.attach_role_arn = arn("role/reader"),
                1 => account.attach_policy = document.clone(),
                _ => account.attach_policy_arns = vec![format!("arn:{partition}:iam::aws:policy/AmazonS3ReadOnlyAccess")],
            }
            if account.attach_role_arn.is_empty() {
                account.role_name = self.maybe(40, "press-reader");
                account.permissions_boundary = self.maybe(30, &arn("policy/boundary"));
            }
            iam.service_accounts.push(account);
        }
        if self.percent(25) {
            let mut association = PodIdentityAssociation {
                namespace: "press".to_owned(),
                service_account_name: "printer".to_owned(),
                create_service_account: self.percent(50),
                tags: self.tags(20),
                ..PodIdentityAssociation::default()
            };
            match self.below(3) {
                0 => association.role_arn = arn("role/printer"),
                1 => association.permission_policy = document,
                _ => association.permission_policy_arns = vec![format!("arn:{partition}:iam::aws:policy/AmazonS3ReadOnlyAccess")],
            }
            iam.pod_identity_associations.push(association);
            config.addons.push(Addon { name: "eks-pod-identity-agent".to_owned(), ..Addon::default() });
        }
    }

    fn workers(&mut self, config: &mut ClusterConfig, partition: &str) {
        config.addons_config.auto_apply_pod_identity_associations = self.percent(10);
        let auto = self.percent(15);
        if auto {
            let pools = self.pick(&[None, Some(&["general-purpose", "system"][..]), Some(&["system"]), Some(&[])]);
            let empty = pools.is_some_and(<[&str]>::is_empty);
            config.auto_mode_config = AutoModeConfig {
                enabled: Some(true),
                node_role_arn: if empty { String::new() } else { self.maybe(30, &format!("arn:{partition}:iam::000011112222:role/auto")) },
                permissions_boundary_arn: String::new(),
                node_pools: pools.map(|pools| pools.iter().map(|&pool| pool.to_owned()).collect()),
            };
        }
        let cni = self.percent(40) && (!auto || config.remote_network_config.is_some());
        if cni {
            config.addons.push(Addon {
                name: "vpc-cni".to_owned(),
                version: self.pick(&["", "latest", "v1.20.4-eksbuild.2"]).to_owned(),
                configuration_values: self
                    .pick(&["", "{\"env\": {\"AWS_VPC_K8S_CNI_EXTERNALSNAT\": \"true\"}}", "env:\n  ENABLE_PREFIX_DELEGATION: \"true\"\n"])
                    .to_owned(),
                resolve_conflicts: self.pick(&["", "none", "overwrite", "preserve"]).to_owned(),
                tags: self.tags(20),
                ..Addon::default()
            });
        }
        let busy = !config.iam.service_accounts.is_empty() || !config.iam.pod_identity_associations.is_empty();
        config.addons_config.disable_default_addons = self.percent(20) && (cni || auto || !busy);
        let bare = config.addons_config.disable_default_addons && !cni && !auto;
        for number in 0..if bare { 0 } else { self.below(3) } {
            let group = self.group(number, config, partition);
            config.managed_node_groups.push(group);
        }
    }

    fn group(&mut self, number: u64, config: &ClusterConfig, partition: &str) -> ManagedNodeGroup {
        let mut group = ManagedNodeGroup {
            name: format!("group-{number}"),
            private_networking: config.private_cluster.enabled || self.percent(60),
            ami_family: self.pick(&["", "AmazonLinux2023", "Bottlerocket"]).to_owned(),
            volume_size: self.percent(30).then_some(120),
            spot: self.percent(20),
            iam: NodeGroupIam { instance_role_arn: self.maybe(20, &format!("arn:{partition}:iam::000011112222:role/nodes")) },
            tags: self.tags(20),
            ..ManagedNodeGroup::default()
        };
        match self.below(3) {
            0 => group.instance_type = "m5.large".to_owned(),
            1 => group.instance_types = vec!["m6i.large".to_owned(), "c7g-flex.2xlarge".to_owned()],
            _ => {}
        }
        if self.percent(60) {
            (group.min_size, group.desired_capacity, group.max_size) = (Some(1), self.percent(50).then_some(2), Some(4));
        }
        if self.percent(30) {
            group.labels = BTreeMap::from([("press/role".to_owned(), "gateway".to_owned()), ("on".to_owned(), "1".to_owned())]);
            group.taints = vec![Taint { key: "press/only".to_owned(), value: self.maybe(50, "yes"), effect: "NoSchedule".to_owned() }];
        }
        if self.percent(30) {
            group.update_config = if self.percent(50) {
                UpdateConfig { max_unavailable: Some(1), ..UpdateConfig::default() }
            } else {
                UpdateConfig { max_unavailable_percentage: Some(33), ..UpdateConfig::default() }
            };
        }
        let zones = &config.availability_zones;
        if config.vpc.subnets.private.is_empty() {
            group.availability_zones = if self.percent(30) { zones.iter().take(1).cloned().collect() } else { Vec::new() };
        } else if self.percent(40) {
            group.subnets = config.vpc.subnets.private.keys().take(1).cloned().collect();
        }
        group
    }
}
