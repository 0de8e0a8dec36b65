//! The launch template and the subnet: an interface becomes an LNI by its device index alone.

use std::collections::BTreeMap;

use hybridge_report::Finding;

use super::{Device, InstanceType};
use crate::verdict::{Check, Verdict};

const LNI: Check = Check::new("template.lni", "it asks for the LNI, at the index that the subnet names");
const END: Check = Check::new("template.delete-on-termination", "the LNI goes with its instance");
const TAG: Check = Check::new("template.no-manage", "the VPC CNI is told from the first moment to leave the LNI alone");
const METADATA: Check = Check::new("template.metadata", "instance metadata answers the node, and not every pod");
const PLACE: Check = Check::new("subnet.lni", "the subnet is on an Outpost and makes LNIs at one index");
const AGREE: Check = Check::new("subnet.one-index", "node groups of one subnet mean the same index");

/// The VPC CNI leaves interfaces with this tag alone (its README, "Unmanaged ENIs").
const NO_MANAGE: &str = "node.k8s.amazonaws.com/no_manage";
/// First index at which an LNI is safe from spare interfaces of the VPC CNI, which takes the lowest free one.
const SAFE: u8 = 8;

/// A version of a launch template, as DescribeLaunchTemplateVersions tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    /// `lt-…`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Number of the version.
    pub version: u64,
    /// AMI, where it names one.
    pub image: String,
    /// Instance type, where it names one.
    pub instance_type: String,
    /// Devices over those of the AMI.
    pub devices: Vec<Device>,
    /// Interfaces.
    pub interfaces: Vec<Interface>,
    /// Tags that interfaces get when they are made.
    pub interface_tags: BTreeMap<String, String>,
    /// Instance metadata.
    pub metadata: Metadata,
}

impl Template {
    /// `web (version 3)`.
    fn title(&self) -> String {
        format!("{} (version {})", if self.name.is_empty() { &self.id } else { &self.name }, self.version)
    }
}

/// An interface that a launch template asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// Device index; 0 where it says none.
    pub index: u8,
    /// Subnet, where it names one.
    pub subnet: String,
    /// An interface that is there already.
    pub id: String,
    /// Whether it is deleted with its instance; none: EC2's default for its index.
    pub delete_on_termination: Option<bool>,
}

/// How a launch template sets up instance metadata; empty where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// `enabled`, `disabled`.
    pub endpoint: String,
    /// `required`, `optional`.
    pub tokens: String,
    /// Hops that an answer may take; a pod of its own network is the second.
    pub hops: Option<u8>,
}

/// A subnet, as DescribeSubnets tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subnet {
    /// `subnet-…`.
    pub id: String,
    /// ARN of the Outpost; empty: it is in the region.
    pub outpost: String,
    /// `EnableLniAtDeviceIndex`.
    pub lni: Option<u8>,
}

/// Where instances of the template are to start.
#[derive(Clone, Copy, Debug, Default)]
pub struct Server<'a> {
    /// The device index that the profile has.
    pub index: Option<u8>,
    /// Subnets of the template and of the node group.
    pub subnets: &'a [Subnet],
    /// The instance type.
    pub kind: Option<&'a InstanceType>,
}

/// Makes the checks of a launch template and of the subnets of its nodes.
pub fn launch(template: &Template, server: &Server<'_>) -> Vec<Verdict> {
    let index = server.index.or_else(|| server.subnets.iter().find_map(|subnet| subnet.lni));
    let at = |index: u8| template.interfaces.iter().find(|interface| interface.index == index);
    let interface = index.and_then(at);
    let mut verdicts = vec![lni(template, server, index)];
    verdicts.extend(match interface {
        Some(interface) => [end(template, interface), tag(template)],
        None => [END, TAG].map(|check| check.skip("it asks for no LNI")),
    });
    verdicts.push(metadata(template));
    verdicts.extend(server.subnets.iter().map(|subnet| place(subnet, index)));
    verdicts
}

fn lni(template: &Template, server: &Server<'_>, index: Option<u8>) -> Verdict {
    let title = template.title();
    let Some(index) = index else {
        return LNI.skip("it is not known at which index the LNI is: say --device-index, or name a subnet with EnableLniAtDeviceIndex");
    };
    let Some(interface) = template.interfaces.iter().find(|interface| interface.index == index) else {
        let there: Vec<_> = template.interfaces.iter().map(|interface| interface.index.to_string()).collect();
        let there = if there.is_empty() { "no interface".to_owned() } else { format!("interfaces at {}", there.join(", ")) };
        let what = format!("it asks for {there}, and for none at {index}: instances start without an LNI");
        let fix =
            format!("add NetworkInterfaces with DeviceIndex {index} and DeleteOnTermination, or leave it to `hybridge lni controller`");
        return LNI.warn(title, what, fix);
    };
    let mut findings = Vec::new();
    if !interface.id.is_empty() {
        let what = format!("it names the interface {}, which only one instance can have", interface.id);
        findings.push(Finding::error(LNI.code, &title, what).fix("leave NetworkInterfaceId out: EC2 makes one for each instance"));
    }
    if let Some(most) = server.kind.and_then(|kind| kind.interfaces)
        && template.interfaces.len() > usize::from(most)
    {
        let what = format!("it asks for {} interfaces, and the type has {most}", template.interfaces.len());
        findings.push(Finding::error(LNI.code, &title, what).fix("take a larger type, or fewer interfaces"));
    }
    if index < SAFE {
        let what =
            format!("index {index} is low: the VPC CNI attaches spare interfaces at the lowest free index, and one there would be an LNI");
        findings.push(
            Finding::warning(LNI.code, &title, what).fix("take a high one, such as 14, in EnableLniAtDeviceIndex, template and profile"),
        );
    }
    LNI.of(format!("interface at index {index}"), findings)
}

fn end(template: &Template, interface: &Interface) -> Verdict {
    match interface.delete_on_termination {
        Some(true) => END.pass("DeleteOnTermination"),
        // EC2 deletes what it makes at launch; saying so keeps it from depending on who made it.
        None if interface.id.is_empty() => END.pass("made at launch, deleted with the instance unless said otherwise"),
        Some(false) | None => {
            let what = "DeleteOnTermination is off: each instance that ends leaves an interface and its address behind";
            END.fail(template.title(), what, "set DeleteOnTermination: true")
        }
    }
}

fn tag(template: &Template) -> Verdict {
    match template.interface_tags.get(NO_MANAGE).map(String::as_str) {
        Some("true") => TAG.pass(format!("{NO_MANAGE}=true at creation")),
        other => {
            let is = other.map_or_else(|| "does not set".to_owned(), |value| format!("sets `{value}` for"));
            let what =
                format!("it {is} {NO_MANAGE} on interfaces: the VPC CNI takes the LNI for its own, and deletes its address (cause 7)");
            let fix = format!("add TagSpecifications with ResourceType network-interface and {NO_MANAGE}=true");
            TAG.fail(template.title(), what, fix)
        }
    }
}

fn metadata(template: &Template) -> Verdict {
    let (said, title) = (&template.metadata, template.title());
    if said.endpoint == "disabled" {
        let what = "instance metadata is off: the node finds neither its cluster's identity nor which interface has the LNI's index";
        return METADATA.fail(title, what, "set HttpEndpoint: enabled; or write `match: {mac: …}` in each node's profile");
    }
    let mut findings = Vec::new();
    if said.tokens != "required" {
        let what = "HttpTokens is not `required`: what makes a pod fetch an address gets the node's credentials without a token";
        findings.push(Finding::warning(METADATA.code, &title, what).fix("set HttpTokens: required"));
    }
    if let Some(hops) = said.hops.filter(|hops| *hops > 2) {
        let what = format!("answers take {hops} hops: further than any pod of this node");
        findings.push(Finding::warning(METADATA.code, &title, what).fix("set HttpPutResponseHopLimit to 1, or to 2 for pods that need it"));
    }
    let reach = match said.hops {
        None | Some(1) => "the node and pods of its network",
        Some(_) => "every pod",
    };
    METADATA.of(format!("reached by {reach}"), findings)
}

fn place(subnet: &Subnet, index: Option<u8>) -> Verdict {
    if subnet.outpost.is_empty() {
        let what = "it is in the region, on no Outpost: instances in it have no LNI";
        return PLACE.fail(&subnet.id, what, "make a subnet with the ARN of the Outpost");
    }
    let set = |index: u8| format!("aws ec2 modify-subnet-attribute --subnet-id {} --enable-lni-at-device-index {index}", subnet.id);
    match (subnet.lni, index) {
        (None, wanted) => {
            let what = "EnableLniAtDeviceIndex is not set: an interface at any index is one of the VPC";
            PLACE.fail(&subnet.id, what, set(wanted.unwrap_or(14)))
        }
        (Some(is), Some(wanted)) if is != wanted => {
            let what = format!("EnableLniAtDeviceIndex is {is}, and the profile has {wanted}");
            PLACE.fail(&subnet.id, what, format!("write deviceIndex: {is}; changing the subnet breaks what other node groups launch in it"))
        }
        (Some(is), _) => PLACE.pass(format!("{}: index {is} on {}", subnet.id, subnet.outpost)),
    }
}

/// Whether templates that launch into one subnet mean the same index. The attribute belongs to the subnet, so the later one wins.
pub fn agree(templates: &[(Template, Vec<Subnet>)]) -> Verdict {
    let mut findings = Vec::new();
    let mut subnets: BTreeMap<&str, (&Subnet, Vec<&Template>)> = BTreeMap::new();
    for (template, those) in templates {
        for subnet in those {
            subnets.entry(&subnet.id).or_insert((subnet, Vec::new())).1.push(template);
        }
    }
    for (id, (subnet, templates)) in &subnets {
        for template in templates {
            // Only one LNI is supported, so any interface but the first that is in this subnet is meant to be it.
            let meant: Vec<u8> = template.interfaces.iter().map(|interface| interface.index).filter(|index| *index > 0).collect();
            if let (Some(is), [only]) = (subnet.lni, meant.as_slice())
                && *only != is
            {
                let what = format!("{} asks for an interface at {only}, and {id} makes LNIs at {is}", template.title());
                let fix = format!("use {is} in all templates of this subnet: the attribute is the subnet's, whoever sets it last wins");
                findings.push(Finding::error(AGREE.code, *id, what).fix(fix));
            }
        }
    }
    AGREE.of(format!("{} templates in {} subnets", templates.len(), subnets.len()), findings)
}
