//! Add-ons.

use std::collections::BTreeMap;

use hybridge_cluster::world::LiveAddon;
use serde::Deserialize;
use serde_json::{Value, json};

use super::live::ClusterUpdate;
use super::{encoded, or_none};
use crate::call::{Call, CallError, parsed};
use crate::endpoint::Service;
use crate::session::Session;

/// An add-on that is to be made, or what it is to become.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewAddon<'a> {
    /// Name.
    pub name: &'a str,
    /// Version; empty: EKS's default for the cluster's version, and for an update none other.
    pub version: &'a str,
    /// JSON or YAML; empty: none.
    pub configuration_values: &'a str,
    /// Role of its service account; empty: none.
    pub service_account_role_arn: &'a str,
    /// `OVERWRITE`, `NONE` or `PRESERVE`; empty: EKS's default.
    pub resolve_conflicts: &'a str,
    /// Pod identities: service account and role.
    pub pod_identities: &'a [(&'a str, &'a str)],
    /// Tags, of a new one.
    pub tags: BTreeMap<String, String>,
}

/// A version of an add-on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddonVersion {
    /// As in `v1.19.2-eksbuild.1`.
    pub version: String,
    /// What EKS takes for this version of Kubernetes if none is named.
    pub is_default: bool,
    /// `ec2`, `hybrid` and so on; empty: not said.
    pub compute_types: Vec<String>,
}

impl NewAddon<'_> {
    fn body(&self) -> Value {
        let mut body = json!({});
        for (name, value) in [
            ("addonVersion", self.version),
            ("configurationValues", self.configuration_values),
            ("serviceAccountRoleArn", self.service_account_role_arn),
            ("resolveConflicts", self.resolve_conflicts),
        ] {
            if !value.is_empty() {
                body[name] = value.into();
            }
        }
        if !self.pod_identities.is_empty() {
            let association = |(account, role): &(&str, &str)| json!({ "serviceAccount": account, "roleArn": role });
            body["podIdentityAssociations"] = self.pod_identities.iter().map(association).collect();
        }
        body
    }
}

impl Session {
    /// Names of a cluster's add-ons (ListAddons, all pages).
    ///
    /// # Errors
    /// EKS refused, could not be reached, or answered with something else.
    pub async fn addons(&self, cluster: &str) -> Result<Vec<String>, CallError> {
        let path = format!("/clusters/{}/addons?maxResults=100", encoded(cluster));
        self.get_all(&Call::new("ListAddons", cluster), Service::Eks, &path, "addons").await
    }

    /// An add-on (DescribeAddon). None: the cluster does not have it.
    ///
    /// # Errors
    /// EKS refused, could not be reached, or answered with something else.
    pub async fn addon(&self, cluster: &str, name: &str) -> Result<Option<LiveAddon>, CallError> {
        #[derive(Deserialize)]
        struct Answer {
            addon: LiveAddon,
        }
        let call = Call::new("DescribeAddon", format_args!("{name} of {cluster}"));
        let Some(answer) = or_none(self.get(&call, addon_path(cluster, name)).await)? else { return Ok(None) };
        Ok(Some(parsed::<Answer>(&call, answer)?.addon))
    }

    /// Begins to make an add-on (CreateAddon).
    ///
    /// # Errors
    /// EKS refused (`ResourceInUseException`: the cluster has it), or could not be reached.
    pub async fn create_addon(&self, cluster: &str, addon: &NewAddon<'_>) -> Result<(), CallError> {
        let call = Call::new("CreateAddon", format_args!("{} of {cluster}", addon.name));
        let mut body = addon.body();
        body["addonName"] = addon.name.into();
        if !addon.tags.is_empty() {
            body["tags"] = json!(addon.tags);
        }
        self.post(&call, format!("/clusters/{}/addons", encoded(cluster)), body).await.map(drop)
    }

    /// Begins to change an add-on (UpdateAddon); see [`Session::cluster_update`]. Its tags are not changed.
    ///
    /// # Errors
    /// EKS refused, or could not be reached.
    pub async fn update_addon(&self, cluster: &str, addon: &NewAddon<'_>) -> Result<ClusterUpdate, CallError> {
        #[derive(Deserialize)]
        struct Answer {
            update: ClusterUpdate,
        }
        let call = Call::new("UpdateAddon", format_args!("{} of {cluster}", addon.name));
        let answer = self.post(&call, format!("{}/update", addon_path(cluster, addon.name)), addon.body()).await?;
        Ok(parsed::<Answer>(&call, answer)?.update)
    }

    /// Begins to take an add-on away (DeleteAddon); with `preserve`, its objects stay in the cluster. One that is not there is no error.
    ///
    /// # Errors
    /// EKS refused, or could not be reached.
    pub async fn delete_addon(&self, cluster: &str, name: &str, preserve: bool) -> Result<(), CallError> {
        let call = Call::new("DeleteAddon", format_args!("{name} of {cluster}"));
        let query = if preserve { "?preserve=true" } else { "" };
        self.delete(&call, format!("{}{query}", addon_path(cluster, name))).await
    }

    /// Versions of an add-on for a version of Kubernetes (DescribeAddonVersions, all pages), newest first as EKS gives them.
    ///
    /// # Errors
    /// EKS refused, could not be reached, or answered with something else.
    pub async fn addon_versions(&self, addon: &str, kubernetes: &str) -> Result<Vec<AddonVersion>, CallError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        #[derive(Default)]
        struct Info {
            addon_versions: Vec<Version>,
        }
        #[derive(Deserialize, Default)]
        #[serde(rename_all = "camelCase", default)]
        struct Version {
            addon_version: String,
            compute_types: Vec<String>,
            compatibilities: Vec<Compatibility>,
        }
        #[derive(Deserialize, Default)]
        #[serde(rename_all = "camelCase", default)]
        struct Compatibility {
            cluster_version: String,
            default_version: bool,
        }
        let call = Call::new("DescribeAddonVersions", format_args!("{addon} for {kubernetes}"));
        let path =
            format!("/addons/supported-versions?addonName={}&kubernetesVersion={}&maxResults=100", encoded(addon), encoded(kubernetes));
        let infos: Vec<Info> = self.get_all(&call, Service::Eks, &path, "addons").await?;
        let version = |version: Version| AddonVersion {
            is_default: version.compatibilities.iter().any(|known| known.cluster_version == kubernetes && known.default_version),
            version: version.addon_version,
            compute_types: version.compute_types,
        };
        Ok(infos.into_iter().flat_map(|info| info.addon_versions).map(version).collect())
    }
}

fn addon_path(cluster: &str, name: &str) -> String {
    format!("/clusters/{}/addons/{}", encoded(cluster), encoded(name))
}
