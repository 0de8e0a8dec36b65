//! ARNs.

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arn<'a> {
    /// `aws`, `aws-us-gov` and so on.
    pub partition: &'a str,
    /// `iam`.
    pub service: &'a str,
    /// Empty for global services.
    pub region: &'a str,
    /// Twelve digits; `aws` or empty for what is AWS's own.
    pub account: &'a str,
    /// `role/path/name`.
    pub resource: &'a str,
}

/// The ARN of an EKS cluster.
pub fn of_cluster(partition: &str, region: &str, account: &str, name: &str) -> String {
    format!("arn:{partition}:eks:{region}:{account}:cluster/{name}")
}

impl<'a> Arn<'a> {
    /// Splits `text`; none if it is no ARN.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut fields = text.splitn(6, ':');
        let mut next = || fields.next();
        let (arn, partition, service, region, account, resource) = (next()?, next()?, next()?, next()?, next()?, next()?);
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let plain = |text: &str| text.chars().all(word);
        let fits = arn == "arn" && partition.starts_with("aws") && plain(partition) && plain(service) && plain(region);
        let owner = account.is_empty() || account == "aws" || account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        let named = !resource.is_empty() && !resource.contains(char::is_whitespace) && !resource.ends_with('/');
        (fits && owner && named).then_some(Self { partition, service, region, account, resource })
    }

    /// What is after the last `/`: the name of a role, without its path.
    pub fn name(&self) -> &'a str {
        self.resource.rsplit('/').next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_told_apart() {
        let arn = Arn::parse("arn:aws-us-gov:iam::000011112222:role/site/Nodes").unwrap();
        assert_eq!((arn.partition, arn.service, arn.region, arn.account), ("aws-us-gov", "iam", "", "000011112222"));
        assert_eq!((arn.resource, arn.name()), ("role/site/Nodes", "Nodes"));
        for text in [
            "",
            "arn:aws:iam::1:role/x",
            "arn:aws:iam::000011112222:",
            "role/x",
            "arn:gcp:iam::000011112222:role/x",
            "arn:aws:iam::000011112222:role/a b",
        ] {
            assert_eq!(Arn::parse(text), None, "{text}");
        }
    }
}
