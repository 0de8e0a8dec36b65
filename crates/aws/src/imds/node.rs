//! What a node asks the metadata service for.

use std::net::Ipv6Addr;
use std::str::FromStr;
use std::time::Duration;

use hybridge_model::MacAddr;
use hybridge_node::facts::InstanceFacts;
use serde::Deserialize;

use super::{ImdsError, Metadata, Session, TOKEN_HEADER, USER_DATA_PATH};

/// For everything together. A node asks while its instance boots, when the service may not answer at once.
const BUDGET: Duration = Duration::from_secs(30);
/// Attempts at each request.
const ATTEMPTS: u32 = 10;

const MAC_PATH: &str = "/latest/meta-data/mac";
const IPV4_PATH: &str = "/latest/meta-data/local-ipv4";

/// The identity document, as far as a node needs it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    region: String,
    instance_id: String,
    instance_type: String,
    availability_zone: String,
}

/// The metadata service with one token for all that is asked. All questions together take 30 seconds at most.
pub struct Imds {
    session: Session,
    token: String,
}

impl Imds {
    /// Gets a token.
    ///
    /// # Errors
    /// Told apart by cause, see [`ImdsError`].
    pub async fn open(metadata: &Metadata) -> Result<Self, ImdsError> {
        if metadata.disabled {
            return Err(ImdsError::Disabled);
        }
        let session = Session::new(&metadata.endpoint, BUDGET, ATTEMPTS);
        let token = session.token().await?;
        Ok(Self { session, token })
    }

    /// What the instance is and which addresses it has. Its private DNS name is not among what the service knows for sure.
    ///
    /// # Errors
    /// Also where something that every instance has is missing.
    pub async fn instance(&self) -> Result<InstanceFacts, ImdsError> {
        let document: Document = self.session.document(&self.token).await?;
        let mac: MacAddr = self.value(MAC_PATH).await?;
        let local_ipv4 = match self.value(IPV4_PATH).await {
            Ok(address) => Some(address),
            // A subnet may have IPv6 alone.
            Err(ImdsError::Missing { .. }) => None,
            Err(error) => return Err(error),
        };
        Ok(InstanceFacts {
            id: document.instance_id,
            region: document.region,
            instance_type: document.instance_type,
            availability_zone: document.availability_zone,
            ipv6s: self.ipv6s(mac).await?,
            mac: mac.to_string(),
            local_ipv4,
            private_dns_name: None,
        })
    }

    /// The user data as they are, perhaps compressed; none if the instance has none.
    ///
    /// # Errors
    /// The service did not answer, or with more than 1 MiB.
    pub async fn user_data(&self) -> Result<Option<Vec<u8>>, ImdsError> {
        match self.get(USER_DATA_PATH).await {
            Ok(data) => Ok(Some(data)),
            Err(ImdsError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What the service says of one interface of the instance (`network-card`, `device-number`, `local-ipv4s`); none where it says
    /// nothing.
    ///
    /// # Errors
    /// The service did not answer.
    pub async fn interface(&self, mac: &str, property: &str) -> Result<Option<String>, ImdsError> {
        match self.text(&format!("/latest/meta-data/network/interfaces/macs/{mac}/{property}")).await {
            Ok(text) => Ok(Some(text)),
            Err(ImdsError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// MAC addresses of all interfaces of the instance.
    ///
    /// # Errors
    /// The service did not answer.
    pub async fn macs(&self) -> Result<Vec<MacAddr>, ImdsError> {
        let path = "/latest/meta-data/network/interfaces/macs/";
        let text = self.text(path).await?;
        text.lines()
            .map(|line| line.trim().trim_end_matches('/'))
            .filter(|line| !line.is_empty())
            .map(|line| self.parsed(path, line))
            .collect()
    }

    async fn ipv6s(&self, mac: MacAddr) -> Result<Vec<Ipv6Addr>, ImdsError> {
        let path = format!("/latest/meta-data/network/interfaces/macs/{mac}/ipv6s");
        let text = match self.text(&path).await {
            Ok(text) => text,
            Err(ImdsError::Missing { .. }) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(|line| self.parsed(&path, line)).collect()
    }

    async fn value<T: FromStr>(&self, path: &str) -> Result<T, ImdsError> {
        let text = self.text(path).await?;
        self.parsed(path, text.trim())
    }

    fn parsed<T: FromStr>(&self, path: &str, text: &str) -> Result<T, ImdsError> {
        let what = || crate::cause::scrub(text);
        text.parse().map_err(|_| ImdsError::Unintelligible { endpoint: self.session.endpoint.clone(), path: path.into(), what: what() })
    }

    async fn text(&self, path: &str) -> Result<String, ImdsError> {
        Ok(String::from_utf8_lossy(&self.get(path).await?).into_owned())
    }

    async fn get(&self, path: &str) -> Result<Vec<u8>, ImdsError> {
        Ok(self.session.ask("GET", path, (TOKEN_HEADER, &self.token)).await?.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Fake, Reply, Request};

    const DOCUMENT: &str = r#"{"region": "us-west-2", "availabilityZone": "us-west-2a", "instanceId": "i-0123456789abcdef0",
        "instanceType": "m5.large", "privateIp": "10.0.0.9"}"#;
    const EC2: &str = "Server: EC2ws\r\n";
    /// More than any other answer may have.
    const LARGE: &str = match std::str::from_utf8(&[b'x'; 20 * 1024]) {
        Ok(text) => text,
        Err(_) => unreachable!(),
    };

    fn found(body: &str) -> Reply {
        Reply::Answer(200, EC2, body.to_owned())
    }

    /// A metadata service whose paths after `/latest/` have these values.
    async fn service(values: &'static [(&'static str, &'static str)]) -> (Fake, Metadata) {
        let fake = Fake::start(move |request: &Request| {
            let path = request.line.split(' ').nth(1).unwrap().strip_prefix("/latest/").unwrap().to_owned();
            if path == "api/token" {
                return Reply::Answer(200, "x-aws-ec2-metadata-token-ttl-seconds: 60\r\nServer: EC2ws\r\n", "token==".into());
            }
            assert_eq!(request.header(TOKEN_HEADER), Some("token=="));
            let value = values.iter().find(|(name, _)| *name == path);
            value.map_or_else(|| Reply::Answer(404, EC2, "<html>".into()), |(_, value)| found(value))
        })
        .await;
        let metadata = Metadata { endpoint: fake.url(), disabled: false };
        (fake, metadata)
    }

    #[tokio::test]
    async fn an_instance_is_described_with_one_token() {
        let (fake, metadata) = service(&[
            ("dynamic/instance-identity/document", DOCUMENT),
            ("meta-data/mac", "02:29:96:8f:6a:2d"),
            ("meta-data/local-ipv4", "10.0.0.9\n"),
            ("meta-data/network/interfaces/macs/02:29:96:8f:6a:2d/ipv6s", "2001:db8::1\n2001:db8::2\n"),
            ("user-data", LARGE),
        ])
        .await;
        let imds = Imds::open(&metadata).await.unwrap();
        let facts = imds.instance().await.unwrap();
        assert_eq!(
            facts,
            InstanceFacts {
                id: "i-0123456789abcdef0".into(),
                region: "us-west-2".into(),
                instance_type: "m5.large".into(),
                availability_zone: "us-west-2a".into(),
                mac: "02:29:96:8f:6a:2d".into(),
                local_ipv4: Some([10, 0, 0, 9].into()),
                ipv6s: vec!["2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap()],
                private_dns_name: None,
            }
        );
        assert_eq!(imds.user_data().await.unwrap().unwrap(), LARGE.as_bytes());
        assert_eq!(fake.seen().iter().filter(|request| request.line.starts_with("PUT")).count(), 1);
    }

    #[tokio::test]
    async fn what_an_instance_need_not_have_may_be_missing() {
        let (_fake, metadata) = service(&[("dynamic/instance-identity/document", DOCUMENT), ("meta-data/mac", "02:29:96:8f:6a:2d")]).await;
        let imds = Imds::open(&metadata).await.unwrap();
        let facts = imds.instance().await.unwrap();
        assert_eq!((facts.local_ipv4, facts.ipv6s.len()), (None, 0));
        assert_eq!(imds.user_data().await.unwrap(), None);
    }

    #[tokio::test]
    async fn what_it_must_have_is_named() {
        let (_fake, metadata) = service(&[("dynamic/instance-identity/document", DOCUMENT)]).await;
        let error = Imds::open(&metadata).await.unwrap().instance().await.unwrap_err();
        assert!(error.to_string().ends_with("has no /latest/meta-data/mac"), "{error}");
        assert!(error.fix_on_node().contains("spec.hybrid"), "{}", error.fix_on_node());

        // An address would become part of a path.
        let (_fake, metadata) = service(&[("dynamic/instance-identity/document", DOCUMENT), ("meta-data/mac", "../../user-data")]).await;
        let error = Imds::open(&metadata).await.unwrap().instance().await.unwrap_err();
        assert!(matches!(error, ImdsError::Unintelligible { .. }), "{error}");
    }
}
