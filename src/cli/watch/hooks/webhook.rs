//! `--webhook`: sends each change as a POST, with retries.

use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use crate::clean::clean;
use crate::engine::{Retry, RetryDecision, RetryError};
use crate::model::{ParseError, PartialError};
use crate::net::http::{Limits, Request, exchange};
use crate::net::{Connection, ConnectionError, Deadline, crypto_provider, dial, resolve};

/// Five attempts in a minute, half a second apart at first.
const RETRY: Retry = Retry {
    attempts: 5,
    base: Duration::from_millis(500),
    cap: Duration::from_secs(10),
    total: Duration::from_mins(1),
};
/// Timeout of one attempt.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum bytes read of a response. Only its head is used.
const MAX_BYTES: usize = 64 * 1024;

/// The URL that changes are sent to. Its path may be a secret and is never shown.
#[derive(Clone, Debug)]
pub(in crate::cli::watch) struct Webhook {
    host: Host<String>,
    port: u16,
    secure: bool,
    /// The path with its query.
    target: String,
}

impl FromStr for Webhook {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        const HINT: &str = "write it as https://host/path";
        let url = Url::parse(text).map_err(|error| ParseError::new(format!("it is not a URL: {error}"), HINT))?;
        let secure = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(ParseError::new("only http and https are supported", HINT)),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ParseError::new("user names and passwords are not supported", "put the secret into the path"));
        }
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(ParseError::new("it has no host", HINT));
        };
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        Ok(Self { host: host.to_owned(), port, secure, target: format!("{}{query}", url.path()) })
    }
}

/// Why an attempt failed.
#[derive(Debug)]
enum WebhookFailure {
    NoName(String),
    Connection(ConnectionError),
    Status { code: u16, retry_after: Option<Duration> },
}

impl WebhookFailure {
    /// Whether to retry: after 408, 425, 429 and server errors (RFC 9110), or when the connection failed.
    fn retry_decision(&self) -> RetryDecision {
        match self {
            Self::Status { retry_after: Some(wait), .. } => RetryDecision::After(*wait),
            Self::Status { code: 408 | 425 | 429 | 500.., .. } => RetryDecision::Yes,
            Self::Status { .. } | Self::Connection(ConnectionError::Tls(_)) => RetryDecision::No,
            Self::NoName(_) | Self::Connection(_) => RetryDecision::Yes,
        }
    }
}

const UNREACHABLE: &str = "check that it is running and reachable from here";

impl WebhookFailure {
    fn hint(&self) -> &'static str {
        match self {
            Self::Status { code: 300..400, .. } => "use the URL that it redirects to: redirects are not followed",
            Self::Status { .. } => "see the logs of that server",
            Self::NoName(_) | Self::Connection(_) => UNREACHABLE,
        }
    }
}

impl std::fmt::Display for WebhookFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoName(why) => write!(f, "its name cannot be resolved: {}", clean(why)),
            Self::Connection(error) => write!(f, "{}", clean(&error.to_string())),
            Self::Status { code, .. } => write!(f, "it replied with status {code}"),
        }
    }
}

impl Webhook {
    pub(super) fn name(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}", self.authority())
    }

    fn authority(&self) -> String {
        let usual = if self.secure { 443 } else { 80 };
        if self.port == usual { self.host.to_string() } else { format!("{}:{}", self.host, self.port) }
    }

    /// Sends a line, with retries.
    pub(super) async fn send(&self, line: &[u8]) -> Result<(), PartialError> {
        let result = RETRY.run(Retry::random_seed(), |_| self.try_once(line), WebhookFailure::retry_decision).await;
        let Err(error) = result else { return Ok(()) };
        let attempts = match &error {
            RetryError::Final { .. } => 1,
            RetryError::Attempts { attempts, .. } | RetryError::TimedOut { attempts, .. } => *attempts,
        };
        let failure = error.into_error();
        let hint = failure.as_ref().map_or(UNREACHABLE, WebhookFailure::hint);
        let why = failure.map_or_else(|| "no reply in time".to_owned(), |failure| failure.to_string());
        let why = if attempts > 1 { format!("{why}, after {attempts} attempts") } else { why };
        let hint = format!("{hint}; the event was dropped");
        Err(PartialError { operation: format!("deliver an event to {}", self.name()), cause: why, hint })
    }

    async fn try_once(&self, line: &[u8]) -> Result<(), WebhookFailure> {
        let deadline = Deadline::after(ATTEMPT_TIMEOUT);
        let mut connection = self.connect(deadline).await?;
        let authority = self.authority();
        let request = Request {
            method: "POST",
            target: &self.target,
            host: &authority,
            fields: &[("Content-Type", "application/json")],
            body: Some(line),
        };

        let response =
            exchange(&mut connection, &request, Limits { body: 0 }).await.map_err(WebhookFailure::Connection)?;
        match response.head.status {
            200..300 => Ok(()),
            code => {
                let seconds = response.head.field("retry-after").and_then(|value| std::str::from_utf8(value).ok());
                let retry_after = seconds.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
                Err(WebhookFailure::Status { code, retry_after: retry_after.filter(|_| matches!(code, 429 | 503)) })
            }
        }
    }

    /// Connects to the first address that accepts, with TLS for https.
    async fn connect(&self, deadline: Deadline) -> Result<Connection, WebhookFailure> {
        let mut last = WebhookFailure::NoName("it has no address".to_owned());
        for address in self.addresses(deadline).await? {
            let stream = match dial(address, None, deadline).await {
                Ok(stream) => stream,
                Err(error) => {
                    last = WebhookFailure::Connection(error.into());
                    continue;
                }
            };
            if !self.secure {
                return Ok(Connection::new(stream, deadline, MAX_BYTES));
            }

            let name = match &self.host {
                Host::Domain(name) => ServerName::try_from(name.clone())
                    .map_err(|_| WebhookFailure::Connection(ConnectionError::Declined("has no name for TLS")))?,
                Host::Ipv4(ip) => ServerName::from(std::net::IpAddr::from(*ip)),
                Host::Ipv6(ip) => ServerName::from(std::net::IpAddr::from(*ip)),
            };
            let config = TLS
                .clone()
                .map_err(|why| WebhookFailure::Connection(ConnectionError::Local(std::io::Error::other(why))))?;

            let handshake = deadline.bound(TlsConnector::from(config).connect(name, stream)).await;
            let stream = handshake
                .map_err(|_| ConnectionError::TimedOut)
                .and_then(|stream| stream.map_err(ConnectionError::from));
            return Ok(Connection::new(stream.map_err(WebhookFailure::Connection)?, deadline, MAX_BYTES));
        }
        Err(last)
    }

    async fn addresses(&self, deadline: Deadline) -> Result<Vec<SocketAddr>, WebhookFailure> {
        let name = match &self.host {
            Host::Ipv4(ip) => return Ok(vec![SocketAddr::new((*ip).into(), self.port)]),
            Host::Ipv6(ip) => return Ok(vec![SocketAddr::new((*ip).into(), self.port)]),
            Host::Domain(name) => name.clone(),
        };

        match deadline.bound(tokio::task::spawn_blocking(move || resolve(&name))).await {
            Ok(Ok(Ok(found))) => Ok(found.into_iter().map(|ip| SocketAddr::new(ip, self.port)).collect()),
            Ok(Ok(Err(error))) => Err(WebhookFailure::NoName(error.to_string())),
            Ok(Err(_)) | Err(_) => Err(WebhookFailure::Connection(ConnectionError::TimedOut)),
        }
    }
}

/// Verifies servers against the root certificates of this system.
static TLS: LazyLock<Result<Arc<ClientConfig>, String>> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 {
        return Err("this system has no root certificates".to_owned());
    }
    let builder = ClientConfig::builder_with_provider(crypto_provider()).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| error.to_string())?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_urls_are_refused_and_the_path_stays_secret() {
        for text in ["", "example.org/x", "ftp://example.org", "https://", "https://a:b@example.org/", "mailto:a@b"] {
            assert!(text.parse::<Webhook>().is_err(), "{text}");
        }
        let hook: Webhook = "https://[::1]:8443/secret?key=1#top".parse().unwrap();
        assert_eq!((hook.name().as_str(), hook.target.as_str()), ("https://[::1]:8443", "/secret?key=1"));
        let hook: Webhook = "http://example.org".parse().unwrap();
        assert_eq!((hook.authority().as_str(), hook.target.as_str()), ("example.org", "/"));
    }
}
