//! Whether an instance can start on an Outposts server, and comes up with its LNI: AMI, launch template, subnet, before any is started.
//!
//! A server starts instances from its own disks: the root volume is copied there, out of one snapshot. An Auto Scaling group hides what
//! is wrong with an AMI until it launches one.

mod image;
mod template;
#[cfg(test)]
mod tests;

pub use image::{Device, Image, Limits, examine};
pub use template::{Interface, Metadata, Server, Subnet, Template, agree, launch};

/// What DescribeInstanceTypes tells of a type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstanceType {
    /// `c6id.8xlarge`.
    pub name: String,
    /// `x86_64`, `arm64`, `i386`.
    pub architectures: Vec<String>,
    /// `legacy-bios`, `uefi`.
    pub boot_modes: Vec<String>,
    /// Instance storage of all disks in GB (10^9 bytes); none where the type has none.
    pub storage: Option<u64>,
    /// Largest disk of it in GB: the root volume lies on one.
    pub disk: Option<u64>,
    /// Interfaces that it may have.
    pub interfaces: Option<u8>,
}

/// Families of instance types that Outposts servers have, with their architecture (docs.aws.amazon.com/outposts/latest/server-userguide:
/// 1U servers are Graviton, 2U servers Intel).
const FAMILIES: [(&str, &str); 2] = [("c6id", "x86_64"), ("c6gd", "arm64")];

impl InstanceType {
    /// `c6id`.
    fn family(&self) -> &str {
        self.name.split_once('.').map_or(self.name.as_str(), |(family, _)| family)
    }

    /// Its architectures; those of its family where EC2 was not asked.
    fn architectures(&self) -> Vec<&str> {
        match self.architectures.as_slice() {
            [] => FAMILIES.iter().filter(|(family, _)| *family == self.family()).map(|(_, architecture)| *architecture).collect(),
            several => several.iter().map(String::as_str).collect(),
        }
    }

    /// Whether Outposts servers have this family.
    fn on_servers(&self) -> bool {
        FAMILIES.iter().any(|(family, _)| *family == self.family())
    }
}
