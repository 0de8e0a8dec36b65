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
        self.endpoints_are(&cluster, wanted);
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
    pub(crate) fn networks_are(&self, cluster: &Value, wanted: &Wanted) {
        for (key, cidrs) in [("remoteNodeNetworks", &wanted.nodes), ("remotePodNetworks", &wanted.pods)] {
            let networks = &cluster["remoteNetworkConfig"][key];
            let found: BTreeSet<_> = networks.as_array().into_iter().flatten().flat_map(|one| texts(&one["cidrs"])).collect();
            assert_eq!(found, cidrs.iter().copied().collect(), "{key}");
        }
    }

    /// One entry for hybrid nodes, of the provider's role.
    #[track_caller]
    pub(crate) fn entry_is(&self, wanted: &Wanted) {
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
        let groups = cluster["resourcesVpcConfig"]["securityGroupIds"].clone();
        assert_eq!(self.admitted(groups), wanted.cidrs().into_iter().map(str::to_owned).collect());
    }

    /// Networks that these security groups let in at 443.
    pub(crate) fn admitted(&self, groups: Value) -> BTreeSet<String> {
        let found = self.aws("ec2", "describe_security_groups", json!({"GroupIds": groups}));
        let groups = found["SecurityGroups"].as_array().unwrap().iter();
        let rules = groups.flat_map(|group| group["IpPermissions"].as_array().unwrap()).filter(|rule| rule["FromPort"] == 443);
        let ranges = rules.flat_map(|rule| rule["IpRanges"].as_array().unwrap());
        ranges.map(|range| range["CidrIp"].as_str().unwrap().to_owned()).collect()
    }

    /// Every subnet that has the control plane's interfaces, public ones too, has the way back.
    #[track_caller]
    pub(crate) fn routes_are(&self, cluster: &Value, wanted: &Wanted) {
        if wanted.vpc.is_some() && wanted.gateway == Gateway::None {
            return;
        }
        let target = self.gateway(wanted.gateway);
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
    pub(crate) fn gateways_are(&self, cluster: &Value, wanted: &Wanted) {
        if wanted.vpc.is_some() && wanted.gateway == Gateway::None {
            return;
        }
        let vpc = cluster["resourcesVpcConfig"]["vpcId"].as_str().unwrap();
        let left = self.emulator.left().unwrap();
        let attached = |kind: &str| left.iter().any(|line| line.contains(kind) && line.contains(vpc));
        assert_eq!(attached(" transit-gateway-attachment "), wanted.gateway == Gateway::Transit, "{left:#?}");
        assert_eq!(attached(" vpn-gateway "), wanted.gateway == Gateway::Private, "{left:#?}");
    }

    /// A private cluster has no way to the internet, and endpoints of the services that nodes call, which let the site in.
    #[track_caller]
    fn endpoints_are(&self, cluster: &Value, wanted: &Wanted) {
        let config = &cluster["resourcesVpcConfig"];
        let of_vpc = json!({"Filters": [{"Name": "vpc-id", "Values": [config["vpcId"]]}]});
        let found = self.aws("ec2", "describe_vpc_endpoints", of_vpc)["VpcEndpoints"].clone();
        // EC2 goes on telling of what was deleted.
        let found: Vec<_> = found.as_array().unwrap().iter().filter(|endpoint| endpoint["State"] != "deleted").collect();
        let service = |endpoint: &Value| endpoint["ServiceName"].as_str().unwrap().rsplit_once("us-west-2.").unwrap().1.to_owned();
        let services: BTreeSet<_> = found.iter().map(|endpoint| service(endpoint)).collect();
        assert_eq!(services.len(), found.len(), "one is there twice");
        assert_eq!(services, needed(wanted).into_iter().map(str::to_owned).collect());
        if !wanted.is_private() {
            return;
        }
        assert_eq!((&config["endpointPublicAccess"], &config["endpointPrivateAccess"]), (&json!(false), &json!(true)));
        let vpc = config["vpcId"].as_str().unwrap();
        assert!(!self.emulator.left().unwrap().iter().any(|line| line.contains(" internet-gateway ") && line.contains(vpc)));
        for endpoint in found.iter().filter(|endpoint| endpoint["VpcEndpointType"] == "Interface") {
            let subnets: BTreeSet<_> = texts(&endpoint["SubnetIds"]).into_iter().collect();
            assert_eq!(subnets, texts(&config["subnetIds"]).into_iter().collect(), "{endpoint}");
            assert_eq!(endpoint["PrivateDnsEnabled"], true, "{endpoint}");
            let groups: Vec<_> = endpoint["Groups"].as_array().unwrap().iter().map(|group| &group["GroupId"]).collect();
            assert_eq!(self.admitted(json!(groups)), wanted.cidrs().into_iter().map(str::to_owned).collect(), "{endpoint}");
        }
    }
}

/// Services that a private cluster has endpoints of, by the ends of their names.
fn needed(wanted: &Wanted) -> Vec<&'static str> {
    if !wanted.is_private() {
        return Vec::new();
    }
    let mut needed = vec!["ec2", "ecr.api", "ecr.dkr", "s3", "sts"];
    if !wanted.nodes.is_empty() {
        needed.extend(["eks", "eks-auth"]);
        match wanted.provider {
            Provider::Ssm => needed.extend(["ssm", "ssmmessages", "ec2messages"]),
            Provider::Anywhere => needed.push("rolesanywhere"),
        }
    }
    needed
}
