//! Parameters of the Query protocol, taken strictly: what an action does not know is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use super::state::Refusal;

/// Parameters of one request, by name.
pub(super) struct Parameters(pub(super) BTreeMap<String, String>);

/// One filter of a Describe call.
pub(super) struct Filter<'a> {
    pub(super) name: &'a str,
    pub(super) values: Vec<&'a str>,
}

impl Parameters {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(super) fn action(&self) -> &str {
        self.get("Action").unwrap_or_default()
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, Refusal> {
        let missing = || Refusal::new("MissingParameter", format!("The request must contain the parameter {name}"));
        self.get(name).filter(|value| !value.is_empty()).ok_or_else(missing)
    }

    /// An identifier of this sort.
    pub(super) fn id(&self, name: &str, prefix: &str) -> Result<&str, Refusal> {
        let id = self.required(name)?;
        let digits = id.strip_prefix(prefix).filter(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let malformed = || Refusal::new("InvalidParameterValue", format!("Invalid id: \"{id}\" (expecting \"{prefix}...\")"));
        digits.map(|_| id).ok_or_else(malformed)
    }

    pub(super) fn value<T: FromStr>(&self, name: &str) -> Result<T, Refusal> {
        let text = self.required(name)?;
        text.parse().map_err(|_| Refusal::value(format!("Value ({text}) for parameter {name} is invalid.")))
    }

    /// Values of `name.1`, `name.2` …
    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        (1..).map_while(|number| self.get(&format!("{name}.{number}"))).collect()
    }

    /// Filters, each with 1 to 200 values.
    pub(super) fn filters(&self) -> Result<Vec<Filter<'_>>, Refusal> {
        let named = (1..).map_while(|number| Some((number, self.get(&format!("Filter.{number}.Name"))?)));
        named
            .map(|(number, name)| {
                let values = self.list(&format!("Filter.{number}.Value"));
                if (1..=200).contains(&values.len()) {
                    Ok(Filter { name, values })
                } else {
                    Err(Refusal::value(format!("The filter '{name}' must have 1 to 200 values")))
                }
            })
            .collect()
    }

    /// Tags of the first `TagSpecification`, which must be for `resource`.
    pub(super) fn tags(&self, resource: &str) -> Result<BTreeMap<String, String>, Refusal> {
        let specification = "TagSpecification.1";
        if let Some(given) = self.get(&format!("{specification}.ResourceType"))
            && given != resource
        {
            return Err(Refusal::value(format!("'{given}' is not a valid taggable resource type for this operation.")));
        }
        let mut tags = BTreeMap::new();
        for number in 1.. {
            let tag = format!("{specification}.Tag.{number}");
            let Some(key) = self.get(&format!("{tag}.Key")) else { break };
            let value = self.get(&format!("{tag}.Value")).unwrap_or_default();
            if key.is_empty() || key.len() > 128 || key.starts_with("aws:") || value.len() > 256 {
                return Err(Refusal::value(format!("Tag '{key}' is invalid.")));
            }
            if tags.insert(key.to_owned(), value.to_owned()).is_some() {
                return Err(Refusal::value(format!("Duplicate tag key '{key}' specified.")));
            }
        }
        Ok(tags)
    }

    /// Where the page begins and how long it is.
    pub(super) fn page(&self, found: usize) -> Result<(usize, usize), Refusal> {
        let start = match self.get("NextToken") {
            None => 0,
            Some(token) => {
                let bad = || Refusal::new("InvalidNextToken", "The specified pagination token is not valid.");
                token.strip_prefix("page-").and_then(|start| start.parse().ok()).filter(|start| *start < found).ok_or_else(bad)?
            }
        };
        let length = match self.get("MaxResults") {
            None => 1000,
            Some(text) => text.parse().ok().filter(|length| (5..=1000).contains(length)).ok_or_else(|| {
                Refusal::value(format!("Value ( {text} ) for parameter maxResults is invalid. Expecting a value between 5 and 1000."))
            })?,
        };
        let by_id = self.0.keys().any(|name| name.contains("Id.1"));
        if by_id && self.get("MaxResults").is_some() {
            return Err(Refusal::new("InvalidParameterCombination", "The parameter maxResults cannot be used with identifiers"));
        }
        Ok((start, length))
    }

    /// Refuses what the action does not know. `#` in a name stands for a number.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), Refusal> {
        let known: BTreeSet<&str> = known.iter().copied().chain(["Action", "Version"]).collect();
        for name in self.0.keys() {
            let form: Vec<&str> = name.split('.').map(|part| if part.parse::<u32>().is_ok() { "#" } else { part }).collect();
            if !known.contains(form.join(".").as_str()) {
                return Err(Refusal::new("UnknownParameter", format!("The parameter {name} is not recognized")));
            }
        }
        if self.get("Version") != Some("2016-11-15") {
            return Err(Refusal::new("InvalidParameterValue", "The version of the API is 2016-11-15"));
        }
        Ok(())
    }
}
