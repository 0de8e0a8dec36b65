//! EC2's Query API: the calls of gateways, and what EC2 refuses.

use hybridge_model::{InstanceId, InterfaceId, RouteTableId, VpcId};

use super::http::{Answer, Endpoint};
use super::{Case, Wrong, equal, holds};

/// What the suite works with: a running instance with one interface, and a route table that it may change.
#[derive(Clone, Debug)]
pub struct Vpc {
    /// The VPC of both, with the network 10.0.0.0/16.
    pub vpc: VpcId,
    /// The instance.
    pub instance: InstanceId,
    /// Its primary interface.
    pub interface: InterfaceId,
    /// The table, without routes to 10.250.0.0/15.
    pub table: RouteTableId,
}

/// Runs every case against an EC2 that knows `vpc`. The answers are EC2's; emulators are known to differ in some.
pub async fn ec2(server: &Endpoint, vpc: &Vpc) -> Vec<Case> {
    let api = Api { server, vpc };
    vec![
        Case { name: "an instance has its primary interface", outcome: api.instance().await },
        Case { name: "instances are found by VPC and address", outcome: api.instances_at().await },
        Case { name: "a missing instance is refused by id and left out by filter", outcome: api.missing_instance().await },
        Case { name: "tables are found by id and by filter", outcome: api.tables().await },
        Case { name: "a missing table is refused by id and left out by filter", outcome: api.missing_table().await },
        Case { name: "an unknown filter is refused", outcome: api.unknown_filter().await },
        Case { name: "a malformed id is called malformed", outcome: api.malformed().await },
        Case { name: "a route is created, shown, replaced and deleted", outcome: api.route().await },
        Case { name: "a route shows its instance", outcome: api.route_instance().await },
        Case { name: "a destination has one route", outcome: api.second_creation().await },
        Case { name: "replacing a missing route is refused", outcome: api.missing_route().await },
        Case { name: "deleting a missing route is refused", outcome: api.missing_deletion().await },
        Case { name: "a missing interface or table is refused", outcome: api.missing_target().await },
        Case { name: "host bits are cleared", outcome: api.host_bits().await },
        Case { name: "a destination that is no network is refused", outcome: api.bad_destination().await },
        Case { name: "missing parameters are named", outcome: api.missing_parameters().await },
        Case { name: "local routes cannot be created or deleted", outcome: api.local().await },
        Case { name: "the source/destination check can be switched", outcome: api.source_dest_check().await },
        Case { name: "an unknown action is refused", outcome: api.unknown_action().await },
        Case { name: "a page token must be one given out", outcome: api.junk_token().await },
        Case { name: "a request without signature is refused", outcome: api.unsigned().await },
    ]
}

struct Api<'a> {
    server: &'a Endpoint,
    vpc: &'a Vpc,
}

/// Only its form is looked at: neither the built-in EC2 nor moto verifies signatures.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=LAB/20260102/us-west-2/ec2/aws4_request, SignedHeaders=host, Signature=00";
const CIDR: &str = "10.250.0.0/16";

impl Api<'_> {
    async fn ask(&self, action: &str, parameters: &[(&str, &str)]) -> Result<Answer, Wrong> {
        let mut body = format!("Action={action}&Version=2016-11-15");
        for (name, value) in parameters {
            body.push_str(&format!("&{name}={}", value.replace('/', "%2F")));
        }
        let server = self.server.clone().with_header("Authorization", AUTHORIZATION);
        Ok(server.send("POST", "/", ("application/x-www-form-urlencoded", body.into_bytes())).await?)
    }

    async fn succeed(&self, action: &str, parameters: &[(&str, &str)]) -> Result<String, Wrong> {
        let answer = self.ask(action, parameters).await?;
        holds(&format!("{action} succeeds"), answer.status == 200, answer.text())?;
        holds("the answer names its action", answer.text().contains(&format!("<{action}Response ")), answer.text())?;
        Ok(answer.text())
    }

    async fn refused(&self, action: &str, parameters: &[(&str, &str)], code: &str) -> Result<(), Wrong> {
        let answer = self.ask(action, parameters).await?;
        let text = answer.text();
        equal(&format!("{action} {parameters:?}"), (answer.status, element(&text, "Code")), (400, Some(code)))?;
        holds("a refusal has a message", element(&text, "Message").is_some_and(|message| !message.is_empty()), &text)
    }

    async fn change(&self, action: &str, cidr: &str) -> Result<(), Wrong> {
        let Vpc { table, interface, .. } = self.vpc;
        let route = [("RouteTableId", table.as_str()), ("DestinationCidrBlock", cidr), ("NetworkInterfaceId", interface.as_str())];
        self.succeed(action, &route).await.map(drop)
    }

    /// Deletes a route that may be there.
    async fn clear(&self, cidr: &str) -> Result<(), Wrong> {
        self.ask("DeleteRoute", &[("RouteTableId", self.vpc.table.as_str()), ("DestinationCidrBlock", cidr)]).await.map(drop)
    }

    async fn table(&self) -> Result<String, Wrong> {
        self.succeed("DescribeRouteTables", &[("RouteTableId.1", self.vpc.table.as_str())]).await
    }

    async fn instance(&self) -> Result<(), Wrong> {
        let Vpc { instance, interface, vpc, .. } = self.vpc;
        let answer = self.succeed("DescribeInstances", &[("InstanceId.1", instance.as_str())]).await?;
        equal("the instance", element(&answer, "instanceId"), Some(instance.as_str()))?;
        let interfaces = element(&answer, "networkInterfaceSet").unwrap_or_default();
        equal("its interface", element(interfaces, "networkInterfaceId"), Some(interface.as_str()))?;
        equal("the interface's place", element(interfaces, "deviceIndex"), Some("0"))?;
        equal("the interface's VPC", element(interfaces, "vpcId"), Some(vpc.as_str()))?;
        holds("its check is shown", element(interfaces, "sourceDestCheck").is_some(), interfaces)
    }

    async fn instances_at(&self) -> Result<(), Wrong> {
        let Vpc { instance, vpc, .. } = self.vpc;
        let answer = self.succeed("DescribeInstances", &[("InstanceId.1", instance.as_str())]).await?;
        let interfaces = element(&answer, "networkInterfaceSet").unwrap_or_default();
        let address = element(interfaces, "privateIpAddress").unwrap_or_default();
        let filters = |vpc| {
            [
                ("Filter.1.Name", "vpc-id"),
                ("Filter.1.Value.1", vpc),
                ("Filter.2.Name", "private-ip-address"),
                ("Filter.2.Value.1", "192.0.2.1"),
                ("Filter.2.Value.2", address),
            ]
        };
        let found = self.succeed("DescribeInstances", &filters(vpc.as_str())).await?;
        equal("the instance", element(&found, "instanceId"), Some(instance.as_str()))?;
        let none = self.succeed("DescribeInstances", &filters("vpc-0dead0dead0dead00")).await?;
        holds("nothing is found in another VPC", !none.contains("<instanceId>"), none)
    }

    async fn missing_instance(&self) -> Result<(), Wrong> {
        self.refused("DescribeInstances", &[("InstanceId.1", "i-0dead0dead0dead00")], "InvalidInstanceID.NotFound").await?;
        let filter = [("Filter.1.Name", "instance-id"), ("Filter.1.Value.1", "i-0dead0dead0dead00")];
        let none = self.succeed("DescribeInstances", &filter).await?;
        holds("nothing is found", !none.contains("<instanceId>"), none)
    }

    async fn tables(&self) -> Result<(), Wrong> {
        let Vpc { table, vpc, .. } = self.vpc;
        let by_filter = [("Filter.1.Name", "route-table-id"), ("Filter.1.Value.1", table.as_str())];
        for answer in [self.table().await?, self.succeed("DescribeRouteTables", &by_filter).await?] {
            equal("the table", element(&answer, "routeTableId"), Some(table.as_str()))?;
            equal("its VPC", element(&answer, "vpcId"), Some(vpc.as_str()))?;
            let local = route(&answer, "10.0.0.0/16").unwrap_or_default();
            let seen = (element(local, "gatewayId"), element(local, "state"), element(local, "origin"));
            equal("the local route", seen, (Some("local"), Some("active"), Some("CreateRouteTable")))?;
        }
        let by_vpc = self.succeed("DescribeRouteTables", &[("Filter.1.Name", "vpc-id"), ("Filter.1.Value.1", vpc.as_str())]).await?;
        holds("the VPC's tables include it", by_vpc.contains(table.as_str()), by_vpc)
    }

    async fn missing_table(&self) -> Result<(), Wrong> {
        self.refused("DescribeRouteTables", &[("RouteTableId.1", "rtb-0dead0dead0dead00")], "InvalidRouteTableID.NotFound").await?;
        let both = [
            ("Filter.1.Name", "route-table-id"),
            ("Filter.1.Value.1", self.vpc.table.as_str()),
            ("Filter.1.Value.2", "rtb-0dead0dead0dead00"),
        ];
        let one = self.succeed("DescribeRouteTables", &both).await?;
        equal("tables found", one.matches("<routeSet>").count(), 1)
    }

    async fn unknown_filter(&self) -> Result<(), Wrong> {
        self.refused("DescribeRouteTables", &[("Filter.1.Name", "colour"), ("Filter.1.Value.1", "blue")], "InvalidParameterValue").await
    }

    async fn malformed(&self) -> Result<(), Wrong> {
        self.refused("DescribeRouteTables", &[("RouteTableId.1", "nonsense")], "InvalidRouteTableId.Malformed").await?;
        self.refused("DescribeInstances", &[("InstanceId.1", "nonsense")], "InvalidInstanceID.Malformed").await
    }

    async fn route(&self) -> Result<(), Wrong> {
        self.clear(CIDR).await?;
        self.change("CreateRoute", CIDR).await?;
        self.change("ReplaceRoute", CIDR).await?;
        let table = self.table().await?;
        let shown = route(&table, CIDR).unwrap_or_default();
        let seen = (element(shown, "networkInterfaceId"), element(shown, "state"), element(shown, "origin"));
        equal("the route", seen, (Some(self.vpc.interface.as_str()), Some("active"), Some("CreateRoute")))?;
        let gone = [("RouteTableId", self.vpc.table.as_str()), ("DestinationCidrBlock", CIDR)];
        self.succeed("DeleteRoute", &gone).await?;
        equal("the route afterwards", route(&self.table().await?, CIDR), None)
    }

    async fn route_instance(&self) -> Result<(), Wrong> {
        self.clear(CIDR).await?;
        self.change("CreateRoute", CIDR).await?;
        let table = self.table().await?;
        let instance = element(route(&table, CIDR).unwrap_or_default(), "instanceId").map(str::to_owned);
        self.clear(CIDR).await?;
        equal("the route's instance", instance.as_deref(), Some(self.vpc.instance.as_str()))
    }

    async fn second_creation(&self) -> Result<(), Wrong> {
        self.clear(CIDR).await?;
        self.change("CreateRoute", CIDR).await?;
        let Vpc { table, interface, .. } = self.vpc;
        let again = [("RouteTableId", table.as_str()), ("DestinationCidrBlock", CIDR), ("NetworkInterfaceId", interface.as_str())];
        let outcome = self.refused("CreateRoute", &again, "RouteAlreadyExists").await;
        self.clear(CIDR).await?;
        outcome
    }

    async fn missing_route(&self) -> Result<(), Wrong> {
        self.clear(CIDR).await?;
        let Vpc { table, interface, .. } = self.vpc;
        let route = [("RouteTableId", table.as_str()), ("DestinationCidrBlock", CIDR), ("NetworkInterfaceId", interface.as_str())];
        self.refused("ReplaceRoute", &route, "InvalidParameterValue").await?;
        let message = self.ask("ReplaceRoute", &route).await?.text();
        holds("the message says what to do", message.contains("There is no route defined for"), message)
    }

    async fn missing_deletion(&self) -> Result<(), Wrong> {
        self.clear(CIDR).await?;
        let route = [("RouteTableId", self.vpc.table.as_str()), ("DestinationCidrBlock", CIDR)];
        self.refused("DeleteRoute", &route, "InvalidRoute.NotFound").await
    }

    async fn missing_target(&self) -> Result<(), Wrong> {
        let Vpc { table, interface, .. } = self.vpc;
        let (missing_table, missing_interface) = ("rtb-0dead0dead0dead00", "eni-0dead0dead0dead00");
        for action in ["CreateRoute", "ReplaceRoute"] {
            self.clear(CIDR).await?;
            if action == "ReplaceRoute" {
                self.change("CreateRoute", CIDR).await?;
            }
            let nowhere = [("RouteTableId", missing_table), ("DestinationCidrBlock", CIDR), ("NetworkInterfaceId", interface.as_str())];
            self.refused(action, &nowhere, "InvalidRouteTableID.NotFound").await?;
            let to_none = [("RouteTableId", table.as_str()), ("DestinationCidrBlock", CIDR), ("NetworkInterfaceId", missing_interface)];
            self.refused(action, &to_none, "InvalidNetworkInterfaceID.NotFound").await?;
        }
        self.clear(CIDR).await
    }

    async fn host_bits(&self) -> Result<(), Wrong> {
        self.clear("10.251.0.0/16").await?;
        self.change("CreateRoute", "10.251.0.7/16").await?;
        let table = self.table().await?;
        for cidr in ["10.251.0.0/16", "10.251.0.7/16"] {
            self.clear(cidr).await?;
        }
        holds("the network is stored", route(&table, "10.251.0.0/16").is_some(), table)
    }

    async fn bad_destination(&self) -> Result<(), Wrong> {
        let Vpc { table, interface, .. } = self.vpc;
        let route = [("RouteTableId", table.as_str()), ("DestinationCidrBlock", "pods"), ("NetworkInterfaceId", interface.as_str())];
        let outcome = self.refused("CreateRoute", &route, "InvalidParameterValue").await;
        self.clear("pods").await?;
        outcome
    }

    async fn missing_parameters(&self) -> Result<(), Wrong> {
        let Vpc { table, interface, .. } = self.vpc;
        let table = ("RouteTableId", table.as_str());
        let (cidr, target) = (("DestinationCidrBlock", "10.250.0.0/16"), ("NetworkInterfaceId", interface.as_str()));
        for some in [[cidr, target], [table, cidr], [table, target]] {
            self.refused("CreateRoute", &some, "MissingParameter").await?;
        }
        Ok(())
    }

    async fn local(&self) -> Result<(), Wrong> {
        let Vpc { table, interface, .. } = self.vpc;
        let (table, cidr) = (("RouteTableId", table.as_str()), ("DestinationCidrBlock", "10.0.0.0/16"));
        self.refused("CreateRoute", &[table, cidr, ("NetworkInterfaceId", interface.as_str())], "RouteAlreadyExists").await?;
        self.refused("DeleteRoute", &[table, cidr], "InvalidParameterValue").await
    }

    async fn source_dest_check(&self) -> Result<(), Wrong> {
        let Vpc { instance, interface, .. } = self.vpc;
        for on in ["false", "true"] {
            let wanted = [("NetworkInterfaceId", interface.as_str()), ("SourceDestCheck.Value", on)];
            self.succeed("ModifyNetworkInterfaceAttribute", &wanted).await?;
            let answer = self.succeed("DescribeInstances", &[("InstanceId.1", instance.as_str())]).await?;
            let interfaces = element(&answer, "networkInterfaceSet").unwrap_or_default();
            equal("the check", element(interfaces, "sourceDestCheck"), Some(on))?;
        }
        let missing = [("NetworkInterfaceId", "eni-0dead0dead0dead00"), ("SourceDestCheck.Value", "false")];
        self.refused("ModifyNetworkInterfaceAttribute", &missing, "InvalidNetworkInterfaceID.NotFound").await
    }

    async fn unknown_action(&self) -> Result<(), Wrong> {
        self.refused("PaintInstances", &[], "InvalidAction").await
    }

    async fn junk_token(&self) -> Result<(), Wrong> {
        self.refused("DescribeRouteTables", &[("NextToken", "junk")], "InvalidPaginationToken").await
    }

    async fn unsigned(&self) -> Result<(), Wrong> {
        let body = "Action=DescribeRouteTables&Version=2016-11-15".to_owned();
        let answer = self.server.send("POST", "/", ("application/x-www-form-urlencoded", body.into_bytes())).await?;
        let text = answer.text();
        equal("status and code", (answer.status, element(&text, "Code")), (401, Some("AuthFailure")))
    }
}

/// What stands in the first element of that name; elements of one name within each other are balanced.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let start = xml.find(&open)? + open.len();
    let mut depth = 1;
    let mut at = start;
    loop {
        let end = at + xml[at..].find(&close)?;
        depth = depth + xml[at..end].matches(&open).count() - 1;
        if depth == 0 {
            return Some(&xml[start..end]);
        }
        at = end + close.len();
    }
}

/// The item of the route with that destination; routes hold no items themselves.
fn route<'a>(table: &'a str, cidr: &str) -> Option<&'a str> {
    let at = table.find(&format!("<destinationCidrBlock>{cidr}</destinationCidrBlock>"))?;
    let start = table[..at].rfind("<item>")?;
    let end = at + table[at..].find("</item>")?;
    Some(&table[start..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_with_all_they_hold() {
        let xml = "<a><item><b>1</b><item>2</item></item><item><b>3</b></item></a>";
        assert_eq!(element(xml, "b"), Some("1"));
        assert_eq!(element(xml, "item"), Some("<b>1</b><item>2</item>"));
        assert_eq!(element(xml, "c"), None);
    }

    #[test]
    fn a_route_is_its_own_item() {
        let item = |cidr: &str, eni: &str| {
            format!(
                "<item><x>1</x><destinationCidrBlock>{cidr}</destinationCidrBlock><networkInterfaceId>{eni}</networkInterfaceId></item>"
            )
        };
        let table = format!("<routeSet>{}{}</routeSet>", item("10.0.0.0/8", "eni-1"), item("10.250.0.0/16", "eni-2"));
        assert_eq!(element(route(&table, "10.250.0.0/16").unwrap(), "networkInterfaceId"), Some("eni-2"));
        assert_eq!(route(&table, "10.251.0.0/16"), None);
    }
}
