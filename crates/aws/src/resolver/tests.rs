use serde_json::json;

use super::*;
use crate::fake::{Fake, Reply, Request};

#[tokio::test]
async fn endpoints_of_a_vpc_come_with_their_addresses() {
    let fake = Fake::start(|request: &Request| match request.header("x-amz-target") {
        Some("Route53Resolver.ListResolverEndpoints") => Reply::json(json!({"ResolverEndpoints": [{
            "Id": "rslvr-in-1", "Name": "site", "Direction": "INBOUND", "HostVPCId": "vpc-1", "Status": "OPERATIONAL",
            "SecurityGroupIds": ["sg-1"], "IpAddressCount": 2}]})),
        _ if request.body.contains("NextToken") => Reply::json(json!({"IpAddresses": [{"Ip": "10.0.1.53", "SubnetId": "subnet-2"}]})),
        _ => Reply::json(json!({"IpAddresses": [{"Ip": "10.0.0.53", "SubnetId": "subnet-1", "Status": "ATTACHED"}], "NextToken": "n"})),
    })
    .await;
    let found = Session::to_fake(&fake).resolver_endpoints("vpc-1").await.unwrap();
    assert_eq!((found[0].host_vpc_id.as_str(), found[0].direction.as_str()), ("vpc-1", "INBOUND"));
    let addresses: Vec<_> = found[0].ip_addresses.iter().map(|address| address.ip.as_str()).collect();
    assert_eq!(addresses, ["10.0.0.53", "10.0.1.53"]);
    let seen = fake.seen();
    assert_eq!(seen[0].scope(), "route53resolver/eu-central-1");
    let filters = json!({"MaxResults": 100, "Filters": [{"Name": "HostVPCId", "Values": ["vpc-1"]}]});
    assert_eq!(serde_json::from_str::<serde_json::Value>(&seen[0].body).unwrap(), filters);
}
