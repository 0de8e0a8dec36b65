//! Identifiers that cross crate boundaries.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that is not of the form an identifier has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is no {kind} of the form `{form}`")]
pub struct IdError {
    given: String,
    kind: &'static str,
    form: &'static str,
}

macro_rules! aws_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $kind:literal, $form:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The identifier as AWS writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let hex = text.strip_prefix($prefix).unwrap_or_default();
                if !hex.is_empty() && hex.bytes().all(|b| b.is_ascii_hexdigit()) {
                    Ok(Self(text.into()))
                } else {
                    Err(IdError { given: text.into(), kind: $kind, form: $form })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

aws_id!(
    /// A VPC route table, `rtb-0123456789abcdef0`.
    RouteTableId, "rtb-", "route table ID", "rtb-0123456789abcdef0"
);
aws_id!(
    /// An EC2 instance, `i-0123456789abcdef0`.
    InstanceId, "i-", "instance ID", "i-0123456789abcdef0"
);
aws_id!(
    /// An elastic network interface, `eni-0123456789abcdef0`.
    InterfaceId, "eni-", "network interface ID", "eni-0123456789abcdef0"
);
aws_id!(
    /// A VPC, `vpc-0123456789abcdef0`.
    VpcId, "vpc-", "VPC ID", "vpc-0123456789abcdef0"
);

/// The name of a Kubernetes node, as the API server gave it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeName(String);

impl NodeName {
    /// Takes a name that came from the API server, which has already checked it.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_checked_by_prefix_and_digits() {
        assert_eq!("rtb-0a1b2c".parse::<RouteTableId>().unwrap().as_str(), "rtb-0a1b2c");
        for bad in ["rtb-", "rtb_1", "eni-0a", "rtb-xyz", ""] {
            assert!(bad.parse::<RouteTableId>().is_err(), "{bad}");
        }
        assert_eq!(
            "tgw-1".parse::<RouteTableId>().unwrap_err().to_string(),
            "`tgw-1` is no route table ID of the form `rtb-0123456789abcdef0`"
        );
    }
}
