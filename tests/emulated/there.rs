//! What is there, asked of the emulated AWS and not of hybridge.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Gateway, NAME, Provider, Site, Wanted};

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().map(|one| one.as_str().unwrap()).collect()
}

impl Site {
    /// Everything is as the file says, and nothing of what it said before is left.
    #[track_caller]
    pub(crate) fn is_as(&self, wanted: &Wanted) {
        let cluster = self.aws("eks", "describe_cluster", json!({"name": NAME}))["cluster"].clone();
        assert_eq!(cluster["status"], "ACTIVE");
        self.networks_are(&cluster, wanted);
        self.entry_is(wanted);
        self.rules_are(&cluster, wanted);
        self.routes_are(&cluster, wanted);
        self.gateways_are(&cluster, wanted);
        let left = self.emulator.left().unwrap();
        let count = |kind: &str| left.iter().filter(|line| line.contains(kind)).count();
        let roles = |name: &str| left.iter().filter(|line| line.starts_with("role ") && line.contains(name)).count();
        let hybrid = usize::from(!wanted.nodes.is_empty());
        let anywhere = if wanted.provider == Provider::Anywhere { hybrid } else { 0 };
        assert_eq!(roles("-HybridNodesSSMRole-"), hybrid - anywhere, "{left:#?}");
        assert_eq!(roles("-HybridNodesIRARole-"), anywhere, "{left:#?}");
        assert_eq!((count(" trust-anchor "), count(" profile ")), (anywhere, anywhere), "{left:#?}");
    }

    #[track_caller]
    fn networks_are(&self, cluster: &Value, wanted: &Wanted) {
        for (key, cidrs) in [("remoteNodeNetworks", &wanted.nodes), ("remotePodNetworks", &wanted.pods)] {
            let networks = &cluster["remoteNetworkConfig"][key];
            let found: BTreeSet<_> = networks.as_array().into_iter().flatten().flat_map(|one| texts(&one["cidrs"])).collect();
            assert_eq!(found, cidrs.iter().copied().collect(), "{key}");
        }
    }

    /// One entry for hybrid nodes, of the provider's role.
    #[track_caller]
    fn entry_is(&self, wanted: &Wanted) {
        let entries = self.aws("eks", "list_access_entries", json!({"clusterName": NAME}));
        let mut roles = Vec::new();
        for principal in texts(&entries["accessEntries"]) {
            let entry = self.aws("eks", "describe_access_entry", json!({"clusterName": NAME, "principalArn": principal}));
            if entry["accessEntry"]["type"] == "HYBRID_LINUX" {
                roles.push(principal.to_owned());
            }
        }
        let role = match wanted.provider {
            Provider::Ssm => "-HybridNodesSSMRole-",
            Provider::Anywhere => "-HybridNodesIRARole-",
        };
        let expected = usize::from(!wanted.nodes.is_empty());
        assert_eq!(roles.iter().filter(|arn| arn.contains(role)).count(), expected, "{roles:?}");
        assert_eq!(roles.len(), expected, "{roles:?}");
    }

    /// The control plane lets the site in, and nobody else on that port.
    #[track_caller]
    fn rules_are(&self, cluster: &Value, wanted: &Wanted) {
        let groups = texts(&cluster["resourcesVpcConfig"]["securityGroupIds"]);
        let found = self.aws("ec2", "describe_security_groups", json!({"GroupIds": groups}));
        let groups = found["SecurityGroups"].as_array().unwrap().iter();
        let rules = groups.flat_map(|group| group["IpPermissions"].as_array().unwrap()).filter(|rule| rule["FromPort"] == 443);
        let cidrs: Vec<_> = rules.flat_map(|rule| rule["IpRanges"].as_array().unwrap()).map(|range| &range["CidrIp"]).collect();
        let cidrs: BTreeSet<_> = cidrs.iter().map(|cidr| cidr.as_str().unwrap()).collect();
        assert_eq!(cidrs, wanted.cidrs().into_iter().collect());
    }

    /// Every subnet that has the control plane's interfaces, public ones too, has the way back.
    #[track_caller]
    fn routes_are(&self, cluster: &Value, wanted: &Wanted) {
        if wanted.vpc.is_some() {
            return;
        }
        let target = match wanted.gateway {
            Gateway::None => None,
            Gateway::Transit => Some(self.transit.as_str()),
            Gateway::Private => Some(self.private.as_str()),
        };
        let vpc = &cluster["resourcesVpcConfig"]["vpcId"];
        let of_vpc = json!({"Filters": [{"Name": "vpc-id", "Values": [vpc]}]});
        let tables = self.aws("ec2", "describe_route_tables", of_vpc)["RouteTables"].clone();
        for subnet in texts(&cluster["resourcesVpcConfig"]["subnetIds"]) {
            let has = |table: &&Value| table["Associations"].as_array().unwrap().iter().any(|one| one["SubnetId"] == subnet);
            let table = tables.as_array().unwrap().iter().find(has).unwrap();
            let mut found = BTreeSet::new();
            for route in table["Routes"].as_array().unwrap() {
                let gateway = ["TransitGatewayId", "GatewayId"].iter().find_map(|key| route[key].as_str());
                if gateway.is_some_and(|id| id.starts_with("tgw-") || id.starts_with("vgw-")) {
                    found.insert((route["DestinationCidrBlock"].as_str().unwrap(), gateway.unwrap()));
                }
            }
            let expected = wanted.cidrs().into_iter().flat_map(|cidr| target.map(|target| (cidr, target))).collect();
            assert_eq!(found, expected, "of {subnet}");
        }
    }

    /// Only the gateway that is asked for is attached to the VPC.
    #[track_caller]
    fn gateways_are(&self, cluster: &Value, wanted: &Wanted) {
        if wanted.vpc.is_some() {
            return;
        }
        let vpc = cluster["resourcesVpcConfig"]["vpcId"].as_str().unwrap();
        let left = self.emulator.left().unwrap();
        let attached = |kind: &str| left.iter().any(|line| line.contains(kind) && line.contains(vpc));
        assert_eq!(attached(" transit-gateway-attachment "), wanted.gateway == Gateway::Transit, "{left:#?}");
        assert_eq!(attached(" vpn-gateway "), wanted.gateway == Gateway::Private, "{left:#?}");
    }
}
