//! The AWS of the tests of clusters: moto with what it lacks, see `tests/aws-emulator`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::process::{Process, run};
use super::query::{Query, authorization};
use super::vpc::{Subnet, Vpc};
use super::{Parts, RealError};
use crate::ec2::Ec2State;
use crate::http::{HttpError, Server};
use crate::netns::Netns;

/// The region that tests use if they name none.
pub const REGION: &str = "us-west-2";

/// moto's account.
pub const ACCOUNT: &str = "123456789012";

/// A stack is begun in one call, and Python reads the schemas of all its resources then: seconds on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running emulator. Dropping kills it.
#[derive(Debug)]
pub struct Emulator {
    _process: Process,
    server: Server,
    address: SocketAddr,
}

impl Emulator {
    /// Starts it in the namespace, which must have the address, and waits until it answers: 3 s. Its log goes to `directory`.
    pub fn start(ns: &Netns, address: SocketAddr, directory: &Path) -> Result<Self, RealError> {
        let parts = Parts::find()?;
        let mut command = ns.command(parts.moto_python());
        command.args(["-m", "aws_emulator", "--host", &address.ip().to_string(), "--port", &address.port().to_string()]);
        // Python would write what it has compiled beside the sources.
        command.current_dir(Self::source()).env("PYTHONDONTWRITEBYTECODE", "1");
        let mut process = Process::start(command, "aws-emulator", directory)?;
        let server = Server { patience: PATIENCE, ..Server::plain(ns, address) };
        process.wait_until(|| server.get("/_emulator/ready").is_ok_and(|reply| reply.status == 200))?;
        Ok(Self { _process: process, server, address })
    }

    /// The Python package and its tests.
    pub fn source() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/aws-emulator")
    }

    /// Runs the emulator's own tests in a namespace; fails with what they said.
    pub fn test(ns: &Netns) -> Result<String, RealError> {
        let parts = Parts::find()?;
        let mut command = ns.command(parts.moto_python());
        command.args(["-m", "unittest", "discover", "--start-directory", "tests", "--top-level-directory", "."]);
        command.current_dir(Self::source()).env("PYTHONDONTWRITEBYTECODE", "1");
        run("run the tests of the AWS emulator", &mut command)
    }

    /// Variables with which a client talks to it and to nothing else; the credentials are those of AWS's documentation.
    pub fn environment(&self) -> [(&'static str, String); 6] {
        [
            ("AWS_ENDPOINT_URL", format!("http://{}", self.address)),
            ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE".into()),
            ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into()),
            ("AWS_REGION", REGION.into()),
            ("AWS_EC2_METADATA_DISABLED", "true".into()),
            ("AWS_MAX_ATTEMPTS", "4".into()),
        ]
    }

    /// Makes a VPC, see `Vpc::build`.
    pub fn build(&self, wanted: &Ec2State, subnets: &[Subnet]) -> Result<Vpc, RealError> {
        Vpc::build(Query::new(&self.server.from, self.address), wanted, subnets)
    }

    /// One call of a service that has paths (EKS, Roles Anywhere), and its answer as it is on the wire.
    pub fn get(&self, service: &str, path: &str) -> Result<Value, RealError> {
        let mut server = self.server.clone();
        server.headers.push(authorization(service));
        let reply = server.get(path)?;
        if reply.status != 200 {
            return Err(RealError::Refused { request: format!("GET {path}"), status: reply.status, body: reply.text() });
        }
        serde_json::from_slice(&reply.body).map_err(|_| RealError::NotUnderstood { request: format!("GET {path}"), wanted: "JSON".into() })
    }

    /// A number that is another one once anything may have changed.
    pub fn changes(&self) -> Result<u64, RealError> {
        let said = self.admin("GET", "changes", None)?;
        said["changes"].as_u64().ok_or_else(|| RealError::NotUnderstood { request: "GET changes".into(), wanted: "changes".into() })
    }

    /// How long one slow thing takes from now on: a wave of resources of a stack, a cluster, an update of one.
    pub fn set_delay(&self, delay: Duration) -> Result<(), RealError> {
        self.admin("POST", "delay", Some(&json!({"seconds": delay.as_secs_f64()}))).map(drop)
    }

    /// Lists of CloudFormation, EKS, SSM and Roles Anywhere come in pages of at most so many; 0 for AWS's own.
    pub fn set_page_size(&self, size: u32) -> Result<(), RealError> {
        self.admin("POST", "page-size", Some(&json!({"size": size}))).map(drop)
    }

    /// Orders a fault (`kind` throttle, error, delay, cut, hold, deny or expired; see `aws_emulator/faults.py` for the rest).
    pub fn order(&self, fault: &Value) -> Result<(), RealError> {
        self.admin("POST", "faults", Some(fault)).map(drop)
    }

    /// How many calls `hold` orders keep waiting now. Taking the orders back ends those calls without an answer.
    pub fn held(&self) -> Result<u64, RealError> {
        let rules = self.admin("GET", "faults", None)?;
        Ok(rules.as_array().into_iter().flatten().filter_map(|rule| rule["held"].as_u64()).sum())
    }

    /// Takes all orders back, of calls and of resources.
    pub fn clear_faults(&self) -> Result<(), RealError> {
        self.admin("DELETE", "faults", None)?;
        self.admin("POST", "resource-failures", Some(&json!([]))).map(drop)
    }

    /// Lets resources of stacks fail: `type` or `logicalId`, `on` (create, update, delete), `reason`, `count`.
    pub fn fail_resource(&self, failure: &Value) -> Result<(), RealError> {
        self.admin("POST", "resource-failures", Some(failure)).map(drop)
    }

    /// Everything that exists beyond moto's defaults, one sorted line each, the same in each call while nothing changes.
    pub fn left(&self) -> Result<Vec<String>, RealError> {
        let lines = self.admin("GET", "left", None)?;
        let lines = lines.as_array().into_iter().flatten();
        Ok(lines.filter_map(|line| line.as_str().map(str::to_owned)).collect())
    }

    /// The calls made since the start or since the log was cleared: service, action, status, error.
    pub fn log(&self) -> Result<Vec<Value>, RealError> {
        Ok(self.admin("GET", "log", None)?.as_array().cloned().unwrap_or_default())
    }

    /// Forgets the calls.
    pub fn clear_log(&self) -> Result<(), RealError> {
        self.admin("DELETE", "log", None).map(drop)
    }

    /// A machine that has registered with Systems Manager: `InstanceId`, and what else DescribeInstanceInformation tells.
    pub fn put_instance(&self, instance: &Value) -> Result<(), RealError> {
        self.admin("POST", "managed-instances", Some(instance)).map(drop)
    }

    /// Lets a cluster have a real API server: its address, and its certificate authority (PEM in base64).
    pub fn set_endpoint(&self, cluster: &str, endpoint: &str, authority: &str) -> Result<(), RealError> {
        let order = json!({"cluster": cluster, "endpoint": endpoint, "certificateAuthority": authority});
        self.admin("POST", "endpoint", Some(&order)).map(drop)
    }

    /// Changes an object of EKS behind everybody's back: `cluster`, `kind` (cluster, entry, addon, nodegroup), `name`, `set`.
    pub fn set_members(&self, change: &Value) -> Result<(), RealError> {
        self.admin("POST", "eks", Some(change)).map(drop)
    }

    /// Puts a stack into a status that it stays in.
    pub fn set_stack_status(&self, stack: &str, status: &str, reason: &str) -> Result<(), RealError> {
        self.admin("POST", "stack-status", Some(&json!({"name": stack, "status": status, "reason": reason}))).map(drop)
    }

    /// One call of AWS, by boto3's names of service and method (`ec2`, `create_vpc`), with parameters and answer as boto3 has them.
    ///
    /// For what a test prepares and looks up; it is in the log like all calls.
    pub fn aws(&self, service: &str, method: &str, parameters: &Value) -> Result<Value, RealError> {
        self.aws_in(REGION, service, method, parameters)
    }

    /// The same in another region.
    pub fn aws_in(&self, region: &str, service: &str, method: &str, parameters: &Value) -> Result<Value, RealError> {
        let order = json!({"region": region, "service": service, "method": method, "parameters": parameters});
        self.admin("POST", "aws", Some(&order))
    }

    fn admin(&self, method: &str, what: &str, order: Option<&Value>) -> Result<Value, RealError> {
        let body = order.map(ToString::to_string);
        let path = format!("/_emulator/{what}");
        let reply = self.server.send(method, &path, body.as_ref().map(|body| ("application/json", body.as_bytes())))?;
        if reply.status != 200 {
            return Err(RealError::Refused { request: format!("{method} {what}"), status: reply.status, body: reply.text() });
        }
        serde_json::from_slice(&reply.body)
            .map_err(|_| RealError::Http(HttpError::NotHttp { address: self.address, request: format!("{method} {path}") }))
    }
}

/// Tests that need what `cargo xtask real` makes.
#[cfg(test)]
mod with_real_parts {
    use super::*;
    use crate::isolate::isolated;

    fn start(ns: &Netns, directory: &Path) -> Emulator {
        Emulator::start(ns, "127.0.0.1:80".parse().unwrap(), directory).unwrap()
    }

    #[test]
    fn the_emulator_passes_its_own_tests() {
        isolated(|| {
            Emulator::test(&Netns::new("aws").unwrap()).unwrap();
        });
    }

    #[test]
    fn a_vpc_is_connected_with_its_site_and_changes_are_counted() {
        isolated(|| {
            let directory = tempfile::tempdir().unwrap();
            let ns = Netns::new("aws").unwrap();
            let emulator = start(&ns, directory.path());
            let site = "192.168.10.0/24".parse().unwrap();
            let mut wanted = Ec2State::new("vpc-01".parse().unwrap(), vec!["10.0.0.0/16".parse().unwrap()]);
            let mut subnets = Vec::new();
            for (number, zone) in [(1, "a"), (2, "b")] {
                let name = format!("subnet-{number}");
                let table: hybridge_model::RouteTableId = format!("rtb-0{number}").parse().unwrap();
                wanted.add_table(table.clone(), vec![name.clone()]);
                wanted.create_route(&table, site, crate::ec2::RouteTarget::Other("tgw-01".into())).unwrap();
                subnets.push(Subnet { name, cidr: format!("10.0.{number}.0/24").parse().unwrap(), az: format!("{REGION}{zone}") });
            }
            let vpc = emulator.build(&wanted, &subnets).unwrap();

            // One gateway for both tables, with the VPC and the site.
            let gateways = emulator.aws("ec2", "describe_transit_gateways", &json!({})).unwrap();
            assert_eq!(gateways["TransitGateways"].as_array().unwrap().len(), 1, "{gateways}");
            let table = &gateways["TransitGateways"][0]["Options"]["AssociationDefaultRouteTableId"];
            let search = json!({"TransitGatewayRouteTableId": table, "Filters": [{"Name": "state", "Values": ["active"]}]});
            let routes = emulator.aws("ec2", "search_transit_gateway_routes", &search).unwrap();
            let to = |cidr: &str, kind: &str| {
                let mut routes = routes["Routes"].as_array().unwrap().iter();
                routes.any(|route| route["DestinationCidrBlock"] == cidr && route["TransitGatewayAttachments"][0]["ResourceType"] == kind)
            };
            assert!(to("192.168.10.0/24", "vpn") && to("10.0.0.0/16", "vpc"), "{routes}");

            let before = emulator.changes().unwrap();
            vpc.state().unwrap();
            assert_eq!(emulator.changes().unwrap(), before);
            emulator.aws("ec2", "create_route_table", &json!({"VpcId": vpc.id().to_string()})).unwrap();
            assert!(emulator.changes().unwrap() > before);
        });
    }

    #[test]
    fn orders_reach_it_and_what_is_left_is_told() {
        isolated(|| {
            let directory = tempfile::tempdir().unwrap();
            let ns = Netns::new("aws").unwrap();
            let emulator = start(&ns, directory.path());
            assert_eq!(emulator.left().unwrap(), Vec::<String>::new());
            let vpc = emulator.aws("ec2", "create_vpc", &json!({"CidrBlock": "10.1.0.0/16"})).unwrap();
            let vpc = vpc["Vpc"]["VpcId"].as_str().unwrap();
            assert!(emulator.left().unwrap().contains(&format!("{REGION} vpc {vpc}")));

            emulator.order(&json!({"kind": "deny", "service": "ec2", "action": "DeleteVpc"})).unwrap();
            let error = emulator.aws("ec2", "delete_vpc", &json!({"VpcId": vpc})).unwrap_err();
            assert!(error.to_string().contains("UnauthorizedOperation"), "{error}");
            emulator.aws("ec2", "delete_vpc", &json!({"VpcId": vpc})).unwrap();
            assert_eq!(emulator.left().unwrap(), Vec::<String>::new());

            let actions: Vec<_> = emulator.log().unwrap().iter().map(|call| call["action"].as_str().unwrap().to_owned()).collect();
            assert_eq!(actions, ["CreateVpc", "DeleteVpc", "DeleteVpc"]);
            emulator.clear_log().unwrap();
            assert!(emulator.log().unwrap().is_empty());
            emulator.order(&json!({"kind": "surprise"})).unwrap_err();
        });
    }
}
