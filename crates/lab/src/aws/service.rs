//! Which service a request is for, and how that service speaks.

use std::fmt;

use super::message::Message;

/// The services that are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// Elastic Kubernetes Service.
    Eks,
    /// Security Token Service.
    Sts,
    /// Elastic Compute Cloud.
    Ec2,
    /// Elastic Container Registry.
    Ecr,
    /// Its public gallery, of region us-east-1 alone.
    EcrPublic,
    /// IAM Roles Anywhere.
    RolesAnywhere,
}

/// How a service writes its answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// REST with JSON bodies.
    RestJson,
    /// POST with X-Amz-Target, version 1.1.
    Json,
    /// Query parameters, XML answers.
    Query,
    /// The same in EC2's own dialect.
    Ec2,
}

impl Service {
    const ALL: [Self; 6] = [Self::Eks, Self::Sts, Self::Ec2, Self::Ecr, Self::EcrPublic, Self::RolesAnywhere];

    /// Its name in credential scopes.
    pub fn signing_name(self) -> &'static str {
        match self {
            Self::Eks => "eks",
            Self::Sts => "sts",
            Self::Ec2 => "ec2",
            Self::Ecr => "ecr",
            Self::EcrPublic => "ecr-public",
            Self::RolesAnywhere => "rolesanywhere",
        }
    }

    /// How host names of it begin.
    fn host(self) -> &'static str {
        match self {
            Self::Eks => "eks.",
            Self::Sts => "sts.",
            Self::Ec2 => "ec2.",
            Self::Ecr => "api.ecr.",
            Self::EcrPublic => "api.ecr-public.",
            Self::RolesAnywhere => "rolesanywhere.",
        }
    }

    pub(super) fn protocol(self) -> Protocol {
        match self {
            Self::Eks | Self::RolesAnywhere => Protocol::RestJson,
            Self::Sts => Protocol::Query,
            Self::Ec2 => Protocol::Ec2,
            Self::Ecr | Self::EcrPublic => Protocol::Json,
        }
    }

    /// The service that a request is for: by its host name where that is one of AWS's, else by its target, its path, and last by
    /// what its signature is scoped to. The last is the sender's word alone, but at `AWS_ENDPOINT_URL` there is nothing else.
    pub(super) fn of(message: &Message, scope: Option<&str>) -> Option<Self> {
        let host = message.header("host").unwrap_or_default();
        let by_host = || {
            let mut amazon = Self::ALL.into_iter().filter(|_| host.contains(".amazonaws.") || host.contains(".api.aws"));
            amazon.find(|service| host.starts_with(service.host()))
        };
        let by_target = || match message.header("x-amz-target")?.split('.').next()? {
            "AmazonEC2ContainerRegistry_V20150921" => Some(Self::Ecr),
            "SpencerFrontendService" => Some(Self::EcrPublic),
            _ => None,
        };
        let by_path = || match message.segments().first()?.as_str() {
            "clusters" => Some(Self::Eks),
            "sessions" => Some(Self::RolesAnywhere),
            _ => None,
        };
        let by_scope = || Self::ALL.into_iter().find(|service| Some(service.signing_name()) == scope);
        by_host().or_else(by_target).or_else(by_path).or_else(by_scope)
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.signing_name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_known_by_host_then_target_then_path_then_scope() {
        for (host, path, target, scope, expected) in [
            ("eks.us-west-2.amazonaws.com", "/", "", "sts", Some(Service::Eks)),
            ("api.ecr.us-west-2.amazonaws.com", "/", "", "", Some(Service::Ecr)),
            ("sts.us-west-2.example.com", "/", "", "", None),
            ("127.0.0.1:80", "/", "SpencerFrontendService.GetAuthorizationToken", "ecr", Some(Service::EcrPublic)),
            ("127.0.0.1:80", "/clusters/x", "", "", Some(Service::Eks)),
            ("127.0.0.1:80", "/sessions", "", "", Some(Service::RolesAnywhere)),
            ("127.0.0.1:80", "/", "", "ec2", Some(Service::Ec2)),
            ("127.0.0.1:80", "/", "", "s3", None),
        ] {
            let headers = [("host", host), ("x-amz-target", target)].map(|(name, value)| (name.to_owned(), value.to_owned()));
            let message = Message { path: path.into(), headers: headers.into(), ..Message::default() };
            assert_eq!(Service::of(&message, Some(scope)), expected, "{host} {path} {target} {scope}");
        }
    }
}
