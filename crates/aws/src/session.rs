//! AWS as this process is to use it: region, endpoints, credentials, transport.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileLoadError, ProfileSet};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_runtime::env_config::EnvConfigValue;
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_types::os_shim_internal::{Env, Fs};

use crate::cause::Cause;
use crate::chain::{Kept, default_chain, provider_config};
use crate::endpoint::{Endpoints, Service};
use crate::imds::{ImdsError, Metadata, instance_identity};
use crate::network::Network;
use crate::partition::is_region;
use crate::transport::Transport;
use crate::trust::NetworkError;

/// What a command line says of how AWS is to be used. What it leaves open, the environment and the configuration files say.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// The region; else `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile's, the instance's.
    pub region: Option<String>,
    /// The profile; else `AWS_PROFILE`, else `default`. A profile named here comes before credentials in the environment.
    pub profile: Option<String>,
    /// Configuration file in place of `AWS_CONFIG_FILE` and the credentials file. Credentials then come from it alone.
    pub config_file: Option<PathBuf>,
}

/// Why AWS cannot be used as it was wished.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// Certificates or proxies of the environment cannot be used.
    #[error("the environment's network settings cannot be used")]
    Network(#[source] NetworkError),
    /// A configuration file cannot be read or understood.
    #[error("the AWS configuration files cannot be used")]
    Profile(#[source] Cause),
    /// Nobody says which region, and the instance cannot be asked.
    #[error("no region is given")]
    NoRegion(#[source] ImdsError),
    /// What is given is none.
    #[error("`{0}` is no AWS region")]
    Region(String),
    /// Neither `regional` nor `legacy`.
    #[error("AWS_STS_REGIONAL_ENDPOINTS (sts_regional_endpoints): `{0}` is neither `regional` nor `legacy`")]
    StsEndpoints(String),
    /// An endpoint is no URL.
    #[error("the endpoint `{0}` is no http:// or https:// URL")]
    Endpoint(String),
}

impl SessionError {
    /// What to do about it.
    pub fn fix(&self) -> String {
        match self {
            Self::Network(error) => error.fix(),
            Self::Profile(_) => "mend the file that AWS_CONFIG_FILE or AWS_SHARED_CREDENTIALS_FILE names (else ~/.aws/config)".into(),
            Self::NoRegion(_) => "add --region, as in `--region eu-central-1`, or set AWS_REGION".into(),
            Self::Region(_) => "write a region as in `eu-central-1`".into(),
            Self::StsEndpoints(_) => "write `regional` or `legacy`, or leave it out".into(),
            Self::Endpoint(_) => "write the endpoint as in `https://vpce-0123.sts.eu-central-1.vpce.amazonaws.com`".into(),
        }
    }
}

/// AWS in one region. Cheap to clone; all clones share connections and credentials.
#[derive(Clone)]
pub struct Session {
    pub(crate) region: String,
    pub(crate) endpoints: Endpoints,
    pub(crate) transport: Transport,
    pub(crate) credentials: SharedCredentialsProvider,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("region", &self.region).field("endpoints", &self.endpoints).finish_non_exhaustive()
    }
}

impl Session {
    /// Reads environment and configuration files. The network is used only where nothing but the instance itself knows the region;
    /// certificates are read only when the first TLS connection is opened.
    ///
    /// # Errors
    /// What is given cannot be used, or no region is given.
    pub async fn open(wishes: &Wishes) -> Result<Self, SessionError> {
        let network = Network::from_env().map_err(|mut errors| SessionError::Network(errors.swap_remove(0)))?;
        let settings = Settings::read(wishes, &Env::real(), &Fs::real()).await?;
        let region = match settings.region {
            Some(region) => region,
            None => instance_identity(&Metadata::from_env()).await.map_err(SessionError::NoRegion)?.region,
        };
        if !is_region(&region) {
            return Err(SessionError::Region(region));
        }
        let transport = Transport::new(network);
        let credentials = match (&wishes.config_file, &wishes.profile) {
            (None, None) => default_chain(&region, &transport).await,
            // As the AWS CLI does: who names a profile does not mean the environment.
            (file, profile) => {
                let settings = provider_config(&region, transport.clone());
                let mut provider = ProfileFileCredentialsProvider::builder().configure(&settings);
                if let Some(file) = file {
                    provider = provider.profile_files(config_file(file));
                }
                if let Some(profile) = profile {
                    provider = provider.profile_name(profile);
                }
                SharedCredentialsProvider::new(provider.build())
            }
        };
        Ok(Self { region, endpoints: settings.endpoints, transport, credentials: Kept::from(credentials) })
    }

    /// The region.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Credentials that are good for a minute at least, unless their source has no better ones.
    pub(crate) async fn load_credentials(&self) -> Result<Credentials, aws_credential_types::provider::error::CredentialsError> {
        self.credentials.provide_credentials().await
    }
}

fn config_file(path: &std::path::Path) -> EnvConfigFiles {
    EnvConfigFiles::builder().with_file(EnvConfigFileKind::Config, path).build()
}

/// What environment and configuration files say, credentials aside.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    region: Option<String>,
    pub(crate) endpoints: Endpoints,
}

impl Settings {
    /// Those of this process, whatever the command line says.
    pub(crate) async fn of_process() -> Result<Self, SessionError> {
        Self::read(&Wishes::default(), &Env::real(), &Fs::real()).await
    }

    async fn read(wishes: &Wishes, env: &Env, fs: &Fs) -> Result<Self, SessionError> {
        let files = wishes.config_file.as_deref().map_or_else(EnvConfigFiles::default, config_file);
        let profile = wishes.profile.clone().map(Cow::Owned);
        let profiles = aws_config::profile::load(fs, env, &files, profile).await;
        let profiles = profiles.map_err(|error: ProfileFileLoadError| SessionError::Profile(Cause::of(&error)))?;
        let text = |variable: &str, key: &str| {
            let value = env.get(variable).ok().filter(|value| !value.trim().is_empty());
            value.or_else(|| profiles.get(key).map(str::to_owned)).map(|value| value.trim().to_owned())
        };
        let region = wishes.region.clone().or_else(|| env.get("AWS_REGION").ok().filter(|value| !value.is_empty()));
        let is_true = |variable, key| text(variable, key).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let legacy_sts = match text("AWS_STS_REGIONAL_ENDPOINTS", "sts_regional_endpoints").as_deref() {
            None | Some("regional") => false,
            Some("legacy") => true,
            Some(other) => return Err(SessionError::StsEndpoints(other.to_owned())),
        };
        let ignore = is_true("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls");
        let endpoints = Endpoints {
            fips: is_true("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"),
            dual_stack: is_true("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint"),
            legacy_sts,
            given: if ignore { Default::default() } else { given(env, &profiles)? },
        };
        Ok(Self { region: region.or_else(|| text("AWS_DEFAULT_REGION", "region")), endpoints })
    }
}

/// Endpoints of `AWS_ENDPOINT_URL_<SERVICE>`, `AWS_ENDPOINT_URL` and the profile, in this order.
fn given(env: &Env, profiles: &ProfileSet) -> Result<std::collections::BTreeMap<Service, String>, SessionError> {
    let found = Service::ALL.into_iter().filter_map(|service| {
        let value = EnvConfigValue::new().env("AWS_ENDPOINT_URL").profile("endpoint_url").service_id(service.id());
        let url = value.load(env, Some(profiles))?.0.trim().to_owned();
        (!url.is_empty()).then_some((service, url))
    });
    found
        .map(|(service, url)| {
            let is_url = url.starts_with("http://") || url.starts_with("https://");
            if is_url && url.parse::<http::Uri>().is_ok() { Ok((service, url)) } else { Err(SessionError::Endpoint(url)) }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "[default]\nregion = eu-west-1\nservices = local\n[profile other]\nregion = eu-west-2\n\
                        sts_regional_endpoints = legacy\nuse_fips_endpoint = true\nendpoint_url = http://127.0.0.1:9\n\
                        [services local]\neks =\n  endpoint_url = http://127.0.0.1:8\n";

    async fn read(wishes: Wishes, vars: &[(&str, &str)]) -> Result<Settings, SessionError> {
        let vars: Vec<_> = [("HOME", "/home/me")].iter().chain(vars).copied().collect();
        Settings::read(&wishes, &Env::from_slice(&vars), &Fs::from_slice(&[("/home/me/.aws/config", FILE)])).await
    }

    #[tokio::test]
    async fn the_command_line_comes_first_then_the_environment_then_the_profile() {
        let region = async |wishes, vars: &[(&str, &str)]| read(wishes, vars).await.unwrap().region.unwrap();
        let both = [("AWS_DEFAULT_REGION", "eu-north-1"), ("AWS_REGION", "eu-south-1")];
        assert_eq!(region(Wishes::default(), &[]).await, "eu-west-1");
        assert_eq!(region(Wishes::default(), &both).await, "eu-south-1");
        assert_eq!(region(Wishes::default(), &both[..1]).await, "eu-north-1");
        assert_eq!(region(Wishes { profile: Some("other".into()), ..Wishes::default() }, &[]).await, "eu-west-2");
        assert_eq!(region(Wishes { region: Some("sa-east-1".into()), ..Wishes::default() }, &both).await, "sa-east-1");
    }

    #[tokio::test]
    async fn endpoints_come_from_variables_and_profiles() {
        let endpoints = read(Wishes::default(), &[]).await.unwrap().endpoints;
        assert_eq!(endpoints.of(Service::Eks, "eu-west-1").url, "http://127.0.0.1:8");
        assert_eq!(endpoints.of(Service::Sts, "eu-west-1").url, "https://sts.eu-west-1.amazonaws.com");

        let vars = [("AWS_ENDPOINT_URL", "http://127.0.0.1:1"), ("AWS_ENDPOINT_URL_ECR_PUBLIC", "http://127.0.0.1:2")];
        let endpoints = read(Wishes::default(), &vars).await.unwrap().endpoints;
        assert_eq!(endpoints.of(Service::EcrPublic, "us-east-1").url, "http://127.0.0.1:2");
        assert_eq!(endpoints.of(Service::Ecr, "us-east-1").url, "http://127.0.0.1:1");
        assert_eq!(endpoints.of(Service::RolesAnywhere, "us-east-1").url, "http://127.0.0.1:1");

        let ignored = [vars[0], ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")];
        assert!(read(Wishes::default(), &ignored).await.unwrap().endpoints.given.is_empty());

        let other = read(Wishes { profile: Some("other".into()), ..Wishes::default() }, &[]).await.unwrap().endpoints;
        assert!(other.legacy_sts && other.fips && !other.dual_stack);
        assert_eq!(other.of(Service::Sts, "eu-west-2").url, "http://127.0.0.1:9");
    }

    #[tokio::test]
    async fn what_cannot_be_used_is_refused_with_a_remedy() {
        let error = read(Wishes::default(), &[("AWS_STS_REGIONAL_ENDPOINTS", "global")]).await.unwrap_err();
        assert!(error.to_string().contains("`global`") && error.fix().contains("`regional`"), "{error}");
        let error = read(Wishes::default(), &[("AWS_ENDPOINT_URL_STS", "sts.local:443")]).await.unwrap_err();
        assert!(matches!(error, SessionError::Endpoint(_)), "{error}");
    }
}
