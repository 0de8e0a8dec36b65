//! Asks gateways: all at once, through the API server or directly.

use std::convert::Infallible;
use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures::future::join_all;
use http_body_util::{BodyExt as _, Empty};
use hybridge_gateway::detail::Report;
use hybridge_kube_io::{CallError, CallErrorKind, Kube, Pod};
use hybridge_report::chain;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::view::Way;

/// Where the chart lets gateways serve `/status`, unless the pod says otherwise.
const PORT: u16 = 8088;

/// A gateway and what it said.
pub(crate) struct Answer {
    /// Name of the pod, or the endpoint.
    pub(crate) name: String,
    /// The pod, where it is one.
    pub(crate) pod: Option<Pod>,
    /// The report, and how it came; else why there is none.
    pub(crate) report: Result<(Box<Report>, Way), String>,
    /// Whether the right to ask through the API server is missing.
    pub(crate) forbidden: bool,
}

/// Asks endpoints of the form `ADDRESS:PORT`, or `ADDRESS` for the usual port.
pub(crate) async fn endpoints(endpoints: &[String], within: Duration) -> Vec<Answer> {
    let ask = |endpoint: &String| {
        let endpoint = endpoint.clone();
        async move {
            let address = with_port(&endpoint);
            let report = direct(&address, within).await;
            let report = report.map(|report| (report, Way::Direct)).map_err(|error| format!("{error:#}"));
            Answer { name: endpoint, pod: None, report, forbidden: false }
        }
    };
    join_all(endpoints.iter().map(ask)).await
}

/// Asks pods.
pub(crate) async fn pods(kube: &Kube, pods: Vec<Pod>, within: Duration) -> Vec<Answer> {
    join_all(pods.into_iter().map(|pod| one(kube, pod, within))).await
}

async fn one(kube: &Kube, pod: Pod, within: Duration) -> Answer {
    let name = pod.name.clone();
    let Some(address) = pod.ip.filter(|_| pod.phase == "Running") else {
        let state = if pod.phase.is_empty() { "it has no phase" } else { &pod.phase };
        let why = pod.trouble.as_ref().map_or_else(|| state.to_owned(), |trouble| format!("{state}: {trouble}"));
        return Answer { name, pod: Some(pod), report: Err(why), forbidden: false };
    };
    let port = pod.port.unwrap_or(PORT);
    let refused = match kube.pod_get(&pod, port, "status", within).await {
        Ok(body) => {
            let report = read(&body).map(|report| (report, Way::ApiServer)).map_err(|error| format!("{error:#}"));
            return Answer { name, pod: Some(pod), report, forbidden: false };
        }
        Err(error) => error,
    };
    let report = direct(&endpoint(address, port), within).await.map(|report| (report, Way::Direct));
    let report = report.map_err(|error| format!("through the API server: {}; directly: {error:#}", why(&refused)));
    Answer { name, pod: Some(pod), report, forbidden: refused.is_forbidden() }
}

/// What a refusal means for the question.
fn why(error: &CallError) -> String {
    match error.kind() {
        CallErrorKind::NotFound => UNKNOWN_PATH.to_owned(),
        CallErrorKind::Refused { message, .. } => message.clone(),
        CallErrorKind::Conflict
        | CallErrorKind::Forbidden(_)
        | CallErrorKind::Unauthorized
        | CallErrorKind::Credentials(_)
        | CallErrorKind::Timeout(_)
        | CallErrorKind::Unreachable(_)
        | CallErrorKind::Broken(_)
        | CallErrorKind::BadReply(_)
        | CallErrorKind::BadRequest(_) => chain(error.kind()),
    }
}

const UNKNOWN_PATH: &str = "it knows no /status; is it the AWS gateway?";

fn endpoint(address: IpAddr, port: u16) -> String {
    std::net::SocketAddr::from((address, port)).to_string()
}

fn with_port(endpoint: &str) -> String {
    match endpoint.parse::<IpAddr>() {
        Ok(address) => self::endpoint(address, PORT),
        Err(_) if endpoint.contains(':') => endpoint.to_owned(),
        Err(_) => format!("{endpoint}:{PORT}"),
    }
}

async fn direct(address: &str, within: Duration) -> anyhow::Result<Box<Report>> {
    let answer = timeout(within, get(address)).await;
    read(&answer.with_context(|| format!("{address} did not answer within {within:?}"))??)
}

/// The body of `GET /status`.
async fn get(address: &str) -> anyhow::Result<Bytes> {
    let stream = TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
    let broken = || format!("{address} does not answer as an admin port");
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.with_context(broken)?;
    let asking = async {
        let request = hyper::Request::get("/status").header("host", address).body(Empty::<Bytes>::new()).with_context(broken)?;
        let response = sender.send_request(request).await.with_context(broken)?;
        let status = response.status();
        let body = response.into_body().collect().await.with_context(broken)?.to_bytes();
        match status.as_u16() {
            200 => Ok(body),
            404 => bail!("{address}: {UNKNOWN_PATH}"),
            _ => bail!("{address} answers {status}"),
        }
    };
    // The connection is driven by whoever waits for the answer, and ends with it.
    let driven = async {
        // An end that comes too soon shows in the answer.
        let _ended = connection.await;
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        answer = asking => answer,
        never = driven => match never {},
    }
}

fn read(body: &[u8]) -> anyhow::Result<Box<Report>> {
    let report: Report = serde_json::from_slice(body).context("its /status cannot be understood")?;
    // Every field has a default, so any object would do; a gateway has a name.
    if report.gateway.identity.is_empty() {
        bail!("its /status does not say who it is; is it a gateway of another version?");
    }
    Ok(Box::new(report))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_may_leave_out_the_usual_port() {
        for (given, asked) in [
            ("10.0.1.10", "10.0.1.10:8088"),
            ("10.0.1.10:9", "10.0.1.10:9"),
            ("fd00::1", "[fd00::1]:8088"),
            ("gateway.example", "gateway.example:8088"),
            ("gateway.example:9", "gateway.example:9"),
        ] {
            assert_eq!(with_port(given), asked);
        }
    }

    #[tokio::test]
    async fn what_is_no_gateway_is_named_as_what_it_is() {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        for (reply, told) in [
            ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", "knows no /status"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", "does not say who it is"),
            ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]", "cannot be understood"),
            ("SSH-2.0-OpenSSH\r\n", "does not answer as an admin port"),
            ("", "does not answer as an admin port"),
        ] {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap().to_string();
            tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _read = stream.read(&mut [0; 512]).await.unwrap();
                stream.write_all(reply.as_bytes()).await.unwrap();
            });
            let answers = endpoints(&[address], Duration::from_secs(5)).await;
            let error = answers[0].report.as_ref().err().unwrap();
            assert!(error.contains(told), "{reply}: {error}");
        }
    }
}
