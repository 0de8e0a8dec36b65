//! What EC2 says of what an Outposts server starts: AMIs, launch templates, instance types, subnets.

use std::collections::BTreeMap;

use hybridge_lni::ami::{Device, Image, InstanceType, Interface, Metadata, Subnet, Template};

use crate::call::{Call, CallError};
use crate::query::{Element, Query};
use crate::session::Session;

impl Session {
    /// AMIs by their identifiers, deprecated and disabled ones too (DescribeImages).
    ///
    /// # Errors
    /// EC2 refused, could not be reached, or answered with something else.
    pub async fn images(&self, ids: &[impl AsRef<str>]) -> Result<Vec<Image>, CallError> {
        let call = Call::new("DescribeImages", super::listed(ids));
        let mut found = Vec::new();
        for some in ids.chunks(super::FILTER_VALUES) {
            let query = Query::ec2("DescribeImages").filter("image-id", some).with("IncludeDeprecated", "true");
            let query = query.with("IncludeDisabled", "true").with("MaxResults", "1000");
            found.extend(self.query_all(&call, &query, "imagesSet", image).await?);
        }
        Ok(found)
    }

    /// One version of a launch template, by identifier (`lt-…`) or name; `$Default` and `$Latest` are versions, too. AMIs that it names
    /// by a parameter of Systems Manager are looked up (DescribeLaunchTemplateVersions).
    ///
    /// # Errors
    /// EC2 refused, could not be reached, or answered with something else.
    pub async fn launch_template(&self, template: &str, version: &str) -> Result<Option<Template>, CallError> {
        let call = Call::new("DescribeLaunchTemplateVersions", format_args!("{template} {version}"));
        let by = if template.starts_with("lt-") { "LaunchTemplateId" } else { "LaunchTemplateName" };
        let query = Query::ec2("DescribeLaunchTemplateVersions").with(by, template).with("LaunchTemplateVersion.1", version);
        let query = query.with("ResolveAlias", "true");
        Ok(self.query_all(&call, &query, "launchTemplateVersionSet", launch_template).await?.pop())
    }

    /// An instance type (DescribeInstanceTypes).
    ///
    /// # Errors
    /// EC2 refused, could not be reached, or answered with something else.
    pub async fn server_type(&self, name: &str) -> Result<Option<InstanceType>, CallError> {
        let call = Call::new("DescribeInstanceTypes", name);
        let query = Query::ec2("DescribeInstanceTypes").filter("instance-type", &[name]).with("MaxResults", "100");
        Ok(self.query_all(&call, &query, "instanceTypeSet", instance_type).await?.pop())
    }

    /// Subnets by their identifiers, with what makes LNIs in them (DescribeSubnets).
    ///
    /// # Errors
    /// EC2 refused, could not be reached, or answered with something else.
    pub async fn server_subnets(&self, ids: &[impl AsRef<str>]) -> Result<Vec<Subnet>, CallError> {
        let call = Call::new("DescribeSubnets", super::listed(ids));
        let mut found = Vec::new();
        for some in ids.chunks(super::FILTER_VALUES) {
            let query = Query::ec2("DescribeSubnets").filter("subnet-id", some).with("MaxResults", "1000");
            found.extend(self.query_all(&call, &query, "subnetSet", subnet).await?);
        }
        Ok(found)
    }
}

type Decoded<T> = Result<T, String>;

fn image(image: Element<'_, '_>) -> Decoded<Image> {
    Ok(Image {
        id: image.need("imageId")?,
        name: image.text("name"),
        description: image.text("description"),
        state: image.text("imageState"),
        architecture: image.text("architecture"),
        root_device_type: image.text("rootDeviceType"),
        root_device_name: image.text("rootDeviceName"),
        ena: image.flag("enaSupport"),
        boot_mode: image.text("bootMode"),
        deprecation: image.text("deprecationTime"),
        devices: image.items("blockDeviceMapping").map(device).collect::<Decoded<_>>()?,
    })
}

fn device(device: Element<'_, '_>) -> Decoded<Device> {
    let ebs = device.child("ebs");
    Ok(Device {
        name: device.text("deviceName"),
        snapshot: ebs.map(|ebs| ebs.text("snapshotId")).unwrap_or_default(),
        size: ebs.map_or(Ok(None), |ebs| ebs.number("volumeSize"))?,
    })
}

fn launch_template(version: Element<'_, '_>) -> Decoded<Template> {
    let data = version.child("launchTemplateData").ok_or("launchTemplateData is missing")?;
    let metadata = match data.child("metadataOptions") {
        Some(options) => Metadata {
            endpoint: options.text("httpEndpoint"),
            tokens: options.text("httpTokens"),
            hops: options.number("httpPutResponseHopLimit")?,
        },
        None => Metadata::default(),
    };
    let of_interfaces = |tags: &Element<'_, '_>| tags.text("resourceType") == "network-interface";
    let tags = data.items("tagSpecificationSet").filter(of_interfaces).flat_map(|tags| tags.items("tagSet").collect::<Vec<_>>());
    Ok(Template {
        id: version.text("launchTemplateId"),
        name: version.text("launchTemplateName"),
        version: version.number("versionNumber")?.unwrap_or_default(),
        image: data.text("imageId"),
        instance_type: data.text("instanceType"),
        devices: data.items("blockDeviceMappingSet").map(device).collect::<Decoded<_>>()?,
        interfaces: data.items("networkInterfaceSet").map(interface).collect::<Decoded<_>>()?,
        interface_tags: tags.map(|tag| Ok((tag.need("key")?, tag.text("value")))).collect::<Decoded<BTreeMap<_, _>>>()?,
        metadata,
    })
}

fn interface(interface: Element<'_, '_>) -> Decoded<Interface> {
    Ok(Interface {
        index: interface.number("deviceIndex")?.unwrap_or_default(),
        subnet: interface.text("subnetId"),
        id: interface.text("networkInterfaceId"),
        delete_on_termination: interface.some("deleteOnTermination").map(|text| text == "true"),
    })
}

fn instance_type(kind: Element<'_, '_>) -> Decoded<InstanceType> {
    let storage = kind.child("instanceStorageInfo");
    let disks = storage.iter().flat_map(|storage| storage.items("disks").collect::<Vec<_>>());
    let sizes: Vec<Option<u64>> = disks.map(|disk| disk.number("sizeInGB")).collect::<Decoded<_>>()?;
    Ok(InstanceType {
        name: kind.need("instanceType")?,
        architectures: kind.child("processorInfo").map(|info| info.texts("supportedArchitectures")).unwrap_or_default(),
        boot_modes: kind.texts("supportedBootModes"),
        storage: storage.map_or(Ok(None), |storage| storage.number("totalSizeInGB"))?,
        disk: sizes.into_iter().flatten().max(),
        interfaces: kind.child("networkInfo").map_or(Ok(None), |info| info.number("maximumNetworkInterfaces"))?,
    })
}

fn subnet(subnet: Element<'_, '_>) -> Decoded<Subnet> {
    Ok(Subnet { id: subnet.need("subnetId")?, outpost: subnet.text("outpostArn"), lni: subnet.number("enableLniAtDeviceIndex")? })
}

#[cfg(test)]
mod tests;
