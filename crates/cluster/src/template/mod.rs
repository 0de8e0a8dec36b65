//! A [`crate::resolve::Cluster`] as CloudFormation templates.

pub mod cfn;
