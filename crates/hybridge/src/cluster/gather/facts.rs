//! Facts from a file in place of AWS, and into one.

use std::fs;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use hybridge_aws::Session;
use hybridge_cluster::config::{Annotations, ClusterConfig};
use hybridge_cluster::world::{World, leave_out_nulls};
use hybridge_report::Finding;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::gather;
use crate::args::cluster::Facts;

/// Bytes that are read at most. A VPC with a thousand interfaces and security groups has some megabytes.
const LARGEST: u64 = 64 << 20;
/// What the AWS CLI calls a list that is called otherwise here.
const OTHER_NAMES: [(&str, &str); 3] =
    [("cluster", "Cluster"), ("ActivationList", "Activations"), ("InstanceInformationList", "ManagedInstances")];

/// What is known of AWS: by the file of `--facts`, or by asking, and then saved if `--save-facts` asks for it. There is a session only
/// where AWS was asked.
///
/// # Errors
/// The file cannot be used, or nothing can be asked.
pub(in super::super) async fn known(
    config: &ClusterConfig,
    annotations: &Annotations,
    facts: &Facts,
) -> Result<(World, Option<Session>), Finding> {
    if let Some(path) = &facts.facts {
        return Ok((read(path)?, None));
    }
    let (world, session) = gather(config, annotations, &facts.asking).await?;
    if let Some(path) = &facts.save_facts {
        save(path, &world)?;
    }
    Ok((world, Some(session)))
}

fn save(path: &Path, world: &World) -> Result<(), Finding> {
    let text = serde_json::to_string_pretty(world).expect("a world has text keys only");
    fs::write(path, text + "\n").map_err(|error| {
        Finding::error("facts.unwritable", path.display().to_string(), format!("the facts cannot be written: {error}"))
            .fix("name a file in a directory that you may write to")
    })
}

fn read(path: &Path) -> Result<World, Finding> {
    let name = path.display().to_string();
    let mut bytes = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
    read.map_err(|error| {
        let finding = Finding::error("facts.unreadable", &name, format!("cannot be read: {error}"));
        if error.kind() == ErrorKind::NotFound { finding.fix("make the file with --save-facts, where AWS can be asked") } else { finding }
    })?;
    if bytes.len() as u64 > LARGEST {
        return Err(Finding::error("facts.too-large", name, format!("has more than {} MiB", LARGEST >> 20)));
    }
    parse(&name, &bytes)
}

/// Takes a file of `--save-facts`, or an answer as the AWS CLI prints it; keys that mean nothing here are passed over.
fn parse(name: &str, bytes: &[u8]) -> Result<World, Finding> {
    let form = "write AWS's answers in one JSON object, as in `{\"Vpcs\": […], \"Subnets\": […]}`; --save-facts makes one";
    let wrong = |what: String| Finding::error("facts.form", name, what).fix(form);
    let mut value: Value = serde_json::from_slice(bytes).map_err(|error| {
        Finding::error("facts.syntax", format!("{name}:{}:{}", error.line(), error.column()), format!("is no JSON: {error}")).fix(form)
    })?;
    leave_out_nulls(&mut value);
    let Value::Object(mut fields) = value else { return Err(wrong("is no JSON object".to_owned())) };
    for (theirs, ours) in OTHER_NAMES {
        if let Some(found) = fields.remove(theirs) {
            fields.entry(ours).or_insert(found);
        }
    }
    seconds(&mut fields);
    let given = !fields.is_empty();
    let world: World =
        serde_json::from_value(Value::Object(fields)).map_err(|error| wrong(format!("has a field of another form: {error}")))?;
    if given && world == World::default() {
        return Err(wrong("holds nothing of what is needed of AWS".to_owned()));
    }
    Ok(world)
}

/// The AWS CLI writes times as text, Systems Manager as seconds.
fn seconds(fields: &mut Map<String, Value>) {
    let activations = fields.get_mut("Activations").and_then(Value::as_array_mut);
    for activation in activations.into_iter().flatten() {
        let at = activation.get("ExpirationDate").and_then(Value::as_str).and_then(|text| text.parse::<Timestamp>().ok());
        if let Some(at) = at {
            activation["ExpirationDate"] = at.as_second().into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<World, Finding> {
        parse("facts.json", text.as_bytes())
    }

    #[test]
    fn answers_are_taken_as_the_aws_cli_prints_them() {
        let world = parsed(
            r#"{"Subnets": [{"SubnetId": "subnet-1", "VpcId": "vpc-1", "AvailabilityZone": "us-west-2a", "CidrBlock": "10.0.0.0/24",
                             "MapPublicIpOnLaunch": true, "Ipv6CidrBlockAssociationSet": [], "State": "available", "OutpostArn": null}],
                "cluster": {"name": "shop", "version": "1.34", "remoteNetworkConfig": null},
                "ActivationList": [{"ActivationId": "a-1", "ExpirationDate": "2026-01-02T03:04:05+00:00"}],
                "ResponseMetadata": {}}"#,
        )
        .unwrap();
        assert_eq!((world.subnets[0].subnet_id.as_str(), world.subnets[0].map_public_ip_on_launch), ("subnet-1", true));
        assert_eq!(world.cluster.unwrap().remote_network_config, None);
        assert_eq!(world.activations[0].expiration_date, Some(1_767_323_045.0));
    }

    #[test]
    fn what_is_no_file_of_facts_is_told_with_place_and_form() {
        for (text, code, place) in [
            ("{\n  \"Vpcs\": [}", "facts.syntax", "facts.json:2:12"),
            ("[]", "facts.form", "facts.json"),
            ("{\"Vpcs\": {}}", "facts.form", "facts.json"),
            ("{\"Reservations\": []}", "facts.form", "facts.json"),
        ] {
            let finding = parsed(text).unwrap_err();
            assert_eq!((finding.code, finding.place.as_str()), (code, place), "{finding}");
            assert!(finding.fix.is_some());
        }
        assert_eq!(parsed("{}").unwrap(), World::default());
        assert_eq!(read(Path::new("/nowhere/facts.json")).unwrap_err().code, "facts.unreadable");
    }

    #[test]
    fn what_is_saved_is_read_again_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("facts.json");
        let mut world = parsed(r#"{"Vpcs": [{"VpcId": "vpc-1", "EnableDnsSupport": true}], "Nodes": []}"#).unwrap();
        world.unanswered.insert("DescribeSubnets vpc-1".into(), "no".into());
        save(&path, &world).unwrap();
        assert_eq!(read(&path).unwrap(), world);
        assert_eq!(save(directory.path(), &world).unwrap_err().code, "facts.unwritable");
    }
}
