use super::*;
use crate::fake::{Fake, Reply, Request};

/// Answers each action by its body.
async fn ec2(answers: &'static [(&'static str, &'static str)]) -> (Fake, Session) {
    let fake = Fake::start(move |request: &Request| {
        let action = request.action().to_owned();
        let (_, body) = answers.iter().find(|(name, _)| *name == action).unwrap_or_else(|| panic!("{action}"));
        Reply::ok(format!(
            "<{action}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>x</requestId>{body}</{action}Response>"
        ))
    })
    .await;
    let session = Session::to_fake(&fake);
    (fake, session)
}

#[tokio::test]
async fn images_are_told_with_all_their_snapshots() {
    let (fake, session) = ec2(&[(
        "DescribeImages",
        "<imagesSet><item><imageId>ami-1</imageId><imageState>available</imageState><architecture>x86_64</architecture>\
         <name>bottlerocket-aws-k8s-1.33-x86_64</name><rootDeviceType>ebs</rootDeviceType><rootDeviceName>/dev/xvda</rootDeviceName>\
         <enaSupport>true</enaSupport><bootMode>uefi-preferred</bootMode><deprecationTime>2028-01-01T00:00:00.000Z</deprecationTime>\
         <blockDeviceMapping><item><deviceName>/dev/xvda</deviceName><ebs><snapshotId>snap-1</snapshotId><volumeSize>2</volumeSize></ebs></item>\
         <item><deviceName>/dev/xvdb</deviceName><ebs><snapshotId>snap-2</snapshotId><volumeSize>20</volumeSize></ebs></item>\
         <item><deviceName>/dev/sdb</deviceName><virtualName>ephemeral0</virtualName></item></blockDeviceMapping></item></imagesSet>",
    )])
    .await;
    let found = session.images(&["ami-1"]).await.unwrap();
    let devices: Vec<_> = found[0].devices.iter().map(|device| (device.name.as_str(), device.snapshot.as_str(), device.size)).collect();
    assert_eq!(devices, [("/dev/xvda", "snap-1", Some(2)), ("/dev/xvdb", "snap-2", Some(20)), ("/dev/sdb", "", None)]);
    assert!(found[0].ena && found[0].boot_mode == "uefi-preferred");
    let form = fake.seen()[0].form();
    assert_eq!((form["Filter.1.Name"].as_str(), form["IncludeDeprecated"].as_str()), ("image-id", "true"));
}

#[tokio::test]
async fn a_launch_template_is_told_with_interfaces_and_their_tags() {
    let (fake, session) = ec2(&[(
        "DescribeLaunchTemplateVersions",
        "<launchTemplateVersionSet><item><launchTemplateId>lt-1</launchTemplateId><launchTemplateName>press</launchTemplateName>\
         <versionNumber>3</versionNumber><launchTemplateData><imageId>ami-1</imageId><instanceType>c6id.8xlarge</instanceType>\
         <networkInterfaceSet><item><deviceIndex>0</deviceIndex></item><item><deviceIndex>14</deviceIndex><subnetId>subnet-1</subnetId>\
         <deleteOnTermination>true</deleteOnTermination></item></networkInterfaceSet><tagSpecificationSet><item>\
         <resourceType>instance</resourceType><tagSet><item><key>Name</key><value>x</value></item></tagSet></item><item>\
         <resourceType>network-interface</resourceType><tagSet><item><key>node.k8s.amazonaws.com/no_manage</key><value>true</value></item>\
         </tagSet></item></tagSpecificationSet><metadataOptions><httpTokens>required</httpTokens>\
         <httpPutResponseHopLimit>2</httpPutResponseHopLimit></metadataOptions></launchTemplateData></item></launchTemplateVersionSet>",
    )])
    .await;
    let found = session.launch_template("lt-1", "$Default").await.unwrap().unwrap();
    assert_eq!((found.version, found.image.as_str(), found.instance_type.as_str()), (3, "ami-1", "c6id.8xlarge"));
    let interfaces: Vec<_> = found.interfaces.iter().map(|one| (one.index, one.delete_on_termination)).collect();
    assert_eq!(interfaces, [(0, None), (14, Some(true))]);
    assert_eq!(found.interface_tags.into_iter().collect::<Vec<_>>(), [("node.k8s.amazonaws.com/no_manage".into(), "true".into())]);
    assert_eq!((found.metadata.tokens.as_str(), found.metadata.hops), ("required", Some(2)));
    session.launch_template("press", "7").await.unwrap();
    let forms: Vec<_> = fake.seen().iter().map(Request::form).collect();
    assert_eq!((forms[0]["LaunchTemplateId"].as_str(), forms[0]["ResolveAlias"].as_str()), ("lt-1", "true"));
    assert_eq!((forms[1]["LaunchTemplateName"].as_str(), forms[1]["LaunchTemplateVersion.1"].as_str()), ("press", "7"));
}

#[tokio::test]
async fn types_and_subnets_are_told_as_servers_need_them() {
    let (_fake, session) = ec2(&[
        (
            "DescribeInstanceTypes",
            "<instanceTypeSet><item><instanceType>c6id.32xlarge</instanceType><processorInfo><supportedArchitectures><item>x86_64</item>\
             </supportedArchitectures></processorInfo><supportedBootModes><item>legacy-bios</item><item>uefi</item></supportedBootModes>\
             <instanceStorageInfo><totalSizeInGB>7600</totalSizeInGB><disks><item><sizeInGB>1900</sizeInGB><count>4</count></item></disks>\
             </instanceStorageInfo><networkInfo><maximumNetworkInterfaces>15</maximumNetworkInterfaces></networkInfo></item></instanceTypeSet>",
        ),
        (
            "DescribeSubnets",
            "<subnetSet><item><subnetId>subnet-1</subnetId><outpostArn>arn:aws:outposts:eu-central-1:111122223333:outpost/op-1</outpostArn>\
             <enableLniAtDeviceIndex>14</enableLniAtDeviceIndex></item><item><subnetId>subnet-2</subnetId></item></subnetSet>",
        ),
    ])
    .await;
    let kind = session.server_type("c6id.32xlarge").await.unwrap().unwrap();
    assert_eq!((kind.disk, kind.storage, kind.interfaces), (Some(1900), Some(7600), Some(15)));
    assert_eq!((kind.architectures, kind.boot_modes), (vec!["x86_64".into()], vec!["legacy-bios".into(), "uefi".into()]));
    let found = session.server_subnets(&["subnet-1", "subnet-2"]).await.unwrap();
    assert_eq!(found.iter().map(|subnet| subnet.lni).collect::<Vec<_>>(), [Some(14), None]);
    assert!(found[1].outpost.is_empty());
}
