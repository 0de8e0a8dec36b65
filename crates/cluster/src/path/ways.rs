//! The hops at gateways.

use std::net::Ipv4Addr;

use hybridge_model::Cidr4;

use super::gateway::{Obstacle, Transit, Way};
use super::hops::Way4;
use super::network::{self, Target};
use super::remedy::explain;
use super::{Hop, Step, Verdict};
use crate::resolve::VpcGateway;

impl Way4<'_> {
    /// The gateway that packets between the VPC and the address go through.
    fn gateway(&self) -> Option<Target> {
        let led = self.target().and_then(|(_, found)| found).map(|(target, _)| target);
        led.filter(|target| !matches!(target, Target::Local | Target::Internet(_))).or_else(|| match &self.cluster.gateway {
            Some(VpcGateway::Transit(id)) => Some(Target::Transit(id.clone())),
            Some(VpcGateway::VirtualPrivate(id)) => Some(Target::VirtualPrivate(id.clone())),
            None => None,
        })
    }

    /// The VPC; empty: not known.
    fn vpc_id(&self) -> &str {
        let live = self.network.world.cluster.as_ref().map(|live| live.resources_vpc_config.vpc_id.as_str()).filter(|id| !id.is_empty());
        self.subnet.map(|subnet| subnet.vpc_id.as_str()).or(live).or(self.cluster.vpc.id.as_deref()).unwrap_or_default()
    }

    pub(super) fn gateway_in(&self, answer: bool) -> Hop {
        let step = Step::GatewayIn;
        match self.gateway() {
            _ if self.vpc_id().is_empty() => self.unknown(step, answer, "", "the VPC is not known"),
            Some(Target::Transit(id)) => self.transit_in(&id, answer),
            Some(Target::VirtualPrivate(id)) => self.virtual_private(step, &id, answer),
            Some(Target::Machine(id)) => self.machine(step, &id, answer),
            Some(Target::Elsewhere(id)) => self.unknown(step, answer, &id, "what is behind it cannot be seen from here"),
            Some(Target::Local | Target::Internet(_)) | None => {
                self.unknown(step, answer, "", "which gateway connects the site with the VPC is not known")
            }
        }
    }

    pub(super) fn gateway_out(&self, answer: bool) -> Hop {
        let step = Step::GatewayOut;
        match self.gateway() {
            _ if self.vpc_id().is_empty() => self.unknown(step, answer, "", "the VPC is not known"),
            Some(Target::Transit(id)) => self.transit_out(&id, answer),
            Some(Target::VirtualPrivate(id)) => self.virtual_private(step, &id, answer),
            Some(Target::Machine(id)) => self.machine(step, &id, answer),
            Some(Target::Elsewhere(id)) => self.unknown(step, answer, &id, "what is behind it cannot be seen from here"),
            Some(Target::Local | Target::Internet(_)) | None => {
                self.unknown(step, answer, "", "which gateway connects the VPC with the site is not known")
            }
        }
    }

    fn machine(&self, step: Step, id: &str, answer: bool) -> Hop {
        let pods = self.cluster.pod_cidrs.iter().any(|network| network.contains(self.address));
        if pods && self.cluster.annotations.pod_routes_by_gateway {
            let sentence =
                format!("{id} is a gateway's: it tunnels to the node (what it does with packets, `hybridge gateway status` says)");
            return Hop { sentence, ..self.hop(step, answer, id) };
        }
        self.unknown(step, answer, id, "the machine it belongs to forwards packets by rules that cannot be seen from here")
    }

    fn transit_out(&self, id: &str, answer: bool) -> Hop {
        let transit = Transit { network: self.network, id, vpc: self.vpc_id() };
        let hop = self.hop(Step::GatewayOut, answer, id);
        let address = self.address;
        match transit.out(address) {
            Ok(resource) if resource == self.vpc_id() => Hop {
                verdict: Verdict::Broken,
                sentence: format!("{id} leads packets to {address} back into the VPC"),
                fix: Some(format!("take the route to it out of the route table of {id}")),
                ..hop
            },
            Ok(resource) => Hop { sentence: format!("{id} leads packets to {address} to {resource}"), ..hop },
            Err(obstacle) => self.no_way(hop, &obstacle, &address.to_string()),
        }
    }

    fn transit_in(&self, id: &str, answer: bool) -> Hop {
        let transit = Transit { network: self.network, id, vpc: self.vpc_id() };
        let hop = self.hop(Step::GatewayIn, answer, id);
        let Some(own) = self.face.address else {
            return self.unknown(Step::GatewayIn, answer, id, "the interface's address is not known");
        };
        let ways = match transit.out(self.address) {
            Ok(resource) => transit.from(&resource, Cidr4::host(own)),
            Err(_) => self.ways_from_anywhere(transit, own),
        };
        let (mut to_vpc, mut other) = (false, None);
        for (_, way) in ways {
            match way {
                Ok(resource) if resource == self.vpc_id() => to_vpc = true,
                way => other = Some(way),
            }
        }
        match other {
            None if to_vpc => Hop { sentence: format!("{id} leads packets of the site to {own} into the VPC"), ..hop },
            None => self.unknown(Step::GatewayIn, answer, id, "no attachment of the site is known"),
            Some(Ok(resource)) => Hop {
                verdict: Verdict::Broken,
                sentence: format!("{id} leads packets of the site to {own} to {resource}, not into the VPC"),
                fix: Some(format!("let the route table of the site's attachment lead to the attachment of {}", self.vpc_id())),
                ..hop
            },
            Some(Err(obstacle)) => self.no_way(hop, &obstacle, &own.to_string()),
        }
    }

    /// Where packets come from is not known: what all other attachments do with them.
    fn ways_from_anywhere(&self, transit: Transit<'_>, own: Ipv4Addr) -> Vec<(Cidr4, Way)> {
        let attachments = self.network.world.transit_gateway_attachments.iter();
        let sites = attachments.filter(|it| it.transit_gateway_id == transit.id && it.resource_type != "vpc");
        sites.flat_map(|site| transit.from(&site.resource_id, Cidr4::host(own))).collect()
    }

    fn no_way(&self, hop: Hop, obstacle: &Obstacle, to: &str) -> Hop {
        let (verdict, sentence, fix) = explain(self.cluster, &hop.id, self.vpc_id(), obstacle, to);
        Hop { verdict, sentence, fix, ..hop }
    }

    fn virtual_private(&self, step: Step, id: &str, answer: bool) -> Hop {
        let Some(gateway) = self.network.vpn_gateway(id) else {
            return self.unknown(step, answer, id, "it is not known");
        };
        let hop = self.hop(step, answer, id);
        let vpc = self.vpc_id();
        if !gateway.vpc_attachments.iter().any(|attachment| attachment.vpc_id == vpc && attachment.state == "attached") {
            let fix = self.aws(&format!("ec2 attach-vpn-gateway --vpn-gateway-id {id} --vpc-id {vpc}"));
            return Hop { verdict: Verdict::Broken, sentence: format!("{id} is not attached to {vpc}"), fix: Some(fix), ..hop };
        }
        if step == Step::GatewayIn {
            return Hop { sentence: format!("{id} is attached to {vpc} and leads packets of the site into it"), ..hop };
        }
        let tables = self.network.world.route_tables.iter();
        let mut learnt = tables.flat_map(network::routes).filter(|(_, route)| route.origin == "EnableVgwRoutePropagation");
        match learnt.find(|(network, route)| route.gateway_id == id && network.contains(self.address)) {
            Some((network, _)) => Hop { sentence: format!("{id} has learnt {network} from the site"), ..hop },
            None => Hop {
                verdict: Verdict::Unknown,
                sentence: format!(
                    "whether {id} knows the way to {} is not seen in the VPC: no route table learns routes from it",
                    self.address
                ),
                fix: Some(self.aws(&format!("ec2 describe-vpn-connections --filters Name=vpn-gateway-id,Values={id}"))),
                ..hop
            },
        }
    }

    /// A transit gateway reaches only zones that its attachment has a subnet in.
    pub(super) fn vpc(&self, answer: bool) -> Hop {
        let Some(subnet) = self.subnet else {
            return self.unknown(Step::Vpc, answer, &self.face.subnet, "the subnet is not known");
        };
        let hop = self.hop(Step::Vpc, answer, &subnet.vpc_id);
        let passing = Hop { sentence: format!("{} leads packets to {} within itself", subnet.vpc_id, subnet.subnet_id), ..hop.clone() };
        let Some(Target::Transit(id)) = self.gateway() else { return passing };
        let Some(attachment) = (Transit { network: self.network, id: &id, vpc: &subnet.vpc_id }).attachment() else { return passing };
        let zones: Option<Vec<&str>> =
            attachment.subnet_ids.iter().map(|id| self.network.subnet(id).map(|it| it.availability_zone.as_str())).collect();
        match zones {
            Some(zones) if !zones.is_empty() && !zones.contains(&subnet.availability_zone.as_str()) => Hop {
                verdict: Verdict::Broken,
                sentence: format!("the attachment of {id} has no subnet in {}, so nothing passes between them", subnet.availability_zone),
                fix: Some(self.aws(&format!(
                    "ec2 modify-transit-gateway-vpc-attachment --transit-gateway-attachment-id {} --add-subnet-ids {}",
                    attachment.transit_gateway_attachment_id, subnet.subnet_id
                ))),
                ..hop
            },
            Some(_) | None => passing,
        }
    }
}
