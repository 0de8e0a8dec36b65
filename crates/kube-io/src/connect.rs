//! Finding the API server and the credentials for it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::client::ConfigExt as _;
use kube::config::Kubeconfig;
use kube::{Client, Config};
use tower::{BoxError, ServiceBuilder};

/// No API server that a gateway can work with takes longer to accept a connection, TLS included; renewing the lease takes at most 1 s.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// A connection to the Kubernetes API. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Kube {
    pub(crate) client: Client,
    pub(crate) timing: Timing,
    server: Arc<str>,
}

/// How long reads may take. Writes get their deadline from the caller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// For one object, one page, or a watch to be accepted.
    pub(crate) read: Duration,
    /// `timeoutSeconds` of a watch: the API server ends it then, after a last bookmark, and the next one resumes from there.
    pub(crate) watch_seconds: u32,
    /// A watch without event or bookmark for this long is dead. More than `watch_seconds`, so that quiet is not taken for dead.
    pub(crate) silence: Duration,
    /// A watch that ends sooner, without an event, counts as a failure.
    pub(crate) shortest_watch: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self { read: Duration::from_secs(5), watch_seconds: 25, silence: Duration::from_secs(30), shortest_watch: Duration::from_secs(1) }
    }
}

/// Who asks, with which configuration, and how patiently.
#[derive(Clone, Copy, Debug)]
pub struct Access<'a> {
    /// A kubeconfig; without, the order of [`Kube::connect`].
    pub kubeconfig: Option<&'a Path>,
    /// A context of the kubeconfig, in place of its current one. With it, a pod's service account does not count.
    pub context: Option<&'a str>,
    /// The program, for the API server's audit log (`User-Agent`). Visible ASCII.
    pub agent: &'a str,
    /// How long a connection, and each read, may take.
    pub within: Duration,
}

/// The API server, or the way to authenticate, could not be made out. Nothing was sent.
///
/// The causes that kube reports stand in the message, since its errors repeat their own sources.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Neither a kubeconfig nor a service account.
    #[error("no kubeconfig is given, KUBECONFIG is not set, this is no pod, and ~/.kube/config does not exist")]
    NotConfigured,
    /// A kubeconfig that cannot be read or does not name a cluster and a user.
    #[error("cannot use the kubeconfig {place}: {detail}")]
    Kubeconfig {
        /// Its path, or `of KUBECONFIG`.
        place: String,
        /// What is wrong.
        detail: String,
    },
    /// The kubeconfig asks for a proxy.
    #[error("the kubeconfig {place} sets proxy-url {proxy}; the API server is only ever reached directly, so remove it")]
    Proxy {
        /// Its path, or `of KUBECONFIG`.
        place: String,
        /// The proxy's URL, without credentials.
        proxy: String,
    },
    /// A service account that is incomplete.
    #[error("cannot use the pod's service account: {0}")]
    ServiceAccount(String),
    /// Certificates, keys or an exec plug-in that do not work.
    #[error("cannot make a client for {server}: {detail}")]
    Client {
        /// The API server.
        server: String,
        /// What is wrong.
        detail: String,
    },
}

impl Kube {
    /// Reads the configuration, without asking the API server anything.
    ///
    /// The order is that of the reference gateway (controller-runtime): `kubeconfig`, else `KUBECONFIG`, else the pod's service account,
    /// else `~/.kube/config`. Token files are read again while they change; a kubeconfig's exec plug-in is run here, and again when
    /// its credentials expire.
    ///
    /// # Errors
    /// See [`ConnectError`]. Must be called within a tokio runtime, which runs the client's tasks from then on.
    pub async fn connect(kubeconfig: Option<&Path>) -> Result<Self, ConnectError> {
        let agent = concat!("hybridge-gateway/", env!("CARGO_PKG_VERSION"));
        let mut kube = Self::connect_with(Access { kubeconfig, context: None, agent, within: CONNECT_TIMEOUT }).await?;
        kube.timing = Timing::default();
        Ok(kube)
    }

    /// The same for another program, with the context it names.
    ///
    /// # Errors
    /// See [`Kube::connect`].
    pub async fn connect_with(access: Access<'_>) -> Result<Self, ConnectError> {
        let Access { kubeconfig, context, agent, within } = access;
        let (kubeconfig, context, agent) = (kubeconfig.map(Path::to_owned), context.map(str::to_owned), agent.to_owned());
        // kube reads files and runs exec plug-ins synchronously.
        let built = tokio::task::spawn_blocking(move || build(load(kubeconfig, context)?, &agent, within));
        match built.await {
            Ok(kube) => kube,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }

    /// The same by a kubeconfig that is no file.
    ///
    /// # Errors
    /// See [`Kube::connect`].
    pub async fn connect_by(kubeconfig: &str, agent: &str, within: Duration) -> Result<Self, ConnectError> {
        let (text, agent) = (kubeconfig.to_owned(), agent.to_owned());
        let place = || "that was made up".to_owned();
        let built = tokio::task::spawn_blocking(move || {
            let kubeconfig =
                Kubeconfig::from_yaml(&text).map_err(|error| ConnectError::Kubeconfig { place: place(), detail: error.to_string() })?;
            build(from_kubeconfig(kubeconfig, place(), None)?, &agent, within)
        });
        match built.await {
            Ok(kube) => kube,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }

    /// The API server's address, `https://10.100.0.1`.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The namespace that requests without one are for: the pod's own, or that of the kubeconfig's context, else `default`.
    pub fn default_namespace(&self) -> &str {
        self.client.default_namespace()
    }
}

fn load(kubeconfig: Option<PathBuf>, context: Option<String>) -> Result<Config, ConnectError> {
    if let Some(path) = kubeconfig {
        return from_file(&path, context);
    }
    let place = || "of KUBECONFIG".to_owned();
    let from_env = Kubeconfig::from_env().map_err(|e| ConnectError::Kubeconfig { place: place(), detail: e.to_string() })?;
    if let Some(kubeconfig) = from_env {
        return from_kubeconfig(kubeconfig, place(), context);
    }
    if context.is_none() && std::env::var_os("KUBERNETES_SERVICE_HOST").is_some() {
        let mut config = Config::incluster().map_err(|e| ConnectError::ServiceAccount(e.to_string()))?;
        // Written by the kubelet without a line end, by people with one.
        config.default_namespace.truncate(config.default_namespace.trim_end().len());
        return Ok(config);
    }
    let home = std::env::home_dir().map(|home| home.join(".kube/config")).filter(|path| path.exists());
    from_file(&home.ok_or(ConnectError::NotConfigured)?, context)
}

fn from_file(path: &Path, context: Option<String>) -> Result<Config, ConnectError> {
    let place = path.display().to_string();
    match Kubeconfig::read_from(path) {
        Ok(kubeconfig) => from_kubeconfig(kubeconfig, place, context),
        Err(error) => Err(ConnectError::Kubeconfig { place, detail: error.to_string() }),
    }
}

fn from_kubeconfig(mut kubeconfig: Kubeconfig, place: String, context: Option<String>) -> Result<Config, ConnectError> {
    if let Some(context) = context {
        kubeconfig.current_context = Some(context);
    }
    if let Some(proxy) = proxy_of(&kubeconfig) {
        let proxy = proxy.rsplit_once('@').map_or(proxy, |(_, address)| address).to_owned();
        return Err(ConnectError::Proxy { place, proxy });
    }
    Config::try_from(kubeconfig).map_err(|e| ConnectError::Kubeconfig { place, detail: e.to_string() })
}

/// The proxy that the current context's cluster asks for.
fn proxy_of(kubeconfig: &Kubeconfig) -> Option<&str> {
    let current = kubeconfig.current_context.as_ref()?;
    let context = kubeconfig.contexts.iter().find(|context| &context.name == current)?.context.as_ref()?;
    let cluster = kubeconfig.clusters.iter().find(|cluster| cluster.name == context.cluster)?.cluster.as_ref()?;
    cluster.proxy_url.as_deref().filter(|url| !url.is_empty())
}

fn build(mut config: Config, agent: &str, within: Duration) -> Result<Kube, ConnectError> {
    config.connect_timeout = Some(within);
    if let Ok(agent) = http::HeaderValue::from_str(agent) {
        config.headers.push((http::header::USER_AGENT, agent));
    }
    let server: Arc<str> = config.cluster_url.to_string().trim_end_matches('/').into();
    let client = client(&config).map_err(|e| ConnectError::Client { server: server.to_string(), detail: e.to_string() })?;
    Ok(Kube { client, timing: Timing { read: within, ..Timing::default() }, server })
}

/// The client that kube itself would build, without retries, and with TCP_NODELAY: Nagle's algorithm would hold the first request
/// of each TLS connection back until the API server's delayed acknowledgement, 40 ms later.
fn client(config: &Config) -> Result<Client, kube::Error> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    let mut connector = TimeoutConnector::new(config.rustls_https_connector_with_connector(http)?);
    connector.set_connect_timeout(config.connect_timeout);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(connector));
    Ok(Client::new(service, config.default_namespace.clone()))
}

#[cfg(test)]
mod tests;
