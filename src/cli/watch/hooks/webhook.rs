//! `--webhook`: sends each change as a POST, with retries.

use std::str::FromStr;
use std::time::Duration;

use reqwest::Client;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use url::Url;

use crate::engine::{Retry, RetryDecision, RetryError};
use crate::error::{Error, Result};
use crate::model::{ParseError, PartialError};
use crate::net::registry_http::{ProxyVariables, RegistryCause, RegistryTls};

/// Five attempts in a minute, half a second apart at first.
const RETRY: Retry = Retry {
    attempts: 5,
    base: Duration::from_millis(500),
    cap: Duration::from_secs(10),
    total: Duration::from_mins(1),
};
/// Timeout of one attempt.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// The URL that changes are sent to. Its path may be a secret and is never shown.
#[derive(Clone, Debug)]
pub(in crate::cli::watch) struct WebhookUrl(Url);

impl FromStr for WebhookUrl {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        const HINT: &str = "write it as https://host/path";
        let url = Url::parse(text).map_err(|error| ParseError::new(format!("it is not a URL: {error}"), HINT))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(ParseError::new("only http and https are supported", HINT));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ParseError::new("user names and passwords are not supported", "put the secret into the path"));
        }
        Ok(Self(url))
    }
}

impl WebhookUrl {
    /// Its scheme, host and port.
    fn place(&self) -> String {
        self.0.origin().ascii_serialization()
    }
}

/// Why an attempt failed.
#[derive(Debug)]
enum WebhookFailure {
    Connection(RegistryCause),
    Status { code: u16, retry_after: Option<Duration> },
}

impl WebhookFailure {
    /// Whether to retry: after 408, 425, 429 and server errors (RFC 9110), or when the connection failed.
    fn retry_decision(&self) -> RetryDecision {
        match self {
            Self::Status { retry_after: Some(wait), .. } => RetryDecision::After(*wait),
            Self::Status { code: 408 | 425 | 429 | 500.., .. } => RetryDecision::Yes,
            Self::Status { .. } | Self::Connection(RegistryCause::Tls(_)) => RetryDecision::No,
            Self::Connection(_) => RetryDecision::Yes,
        }
    }
}

const UNREACHABLE: &str = "check that it is running and reachable from here";

impl WebhookFailure {
    fn hint(&self) -> &'static str {
        match self {
            Self::Status { code: 300..400, .. } => "use the URL that it redirects to: redirects are not followed",
            Self::Status { .. } => "see the logs of that server",
            Self::Connection(_) => UNREACHABLE,
        }
    }
}

impl std::fmt::Display for WebhookFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Connection(cause) => f.write_str(&cause.why()),
            Self::Status { code, .. } => write!(f, "it replied with status {code}"),
        }
    }
}

/// Sends changes to a URL.
#[derive(Clone, Debug)]
pub(in crate::cli::watch) struct Webhook {
    url: WebhookUrl,
    client: Client,
}

impl Webhook {
    /// Prepares the requests. The environment names proxies.
    ///
    /// # Errors
    /// This system has no root certificates, or a variable does not hold the URL of a proxy.
    pub(in crate::cli::watch) fn new(url: WebhookUrl) -> Result<Self> {
        let tls = RegistryTls::default().config(url.0.scheme() == "https")?;
        let mut builder = Client::builder()
            .user_agent(concat!("portolan/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .timeout(ATTEMPT_TIMEOUT)
            // Changes are rare: a connection that was kept would often be closed when the next one is sent.
            .pool_max_idle_per_host(0)
            .http1_title_case_headers()
            .tls_backend_preconfigured(tls)
            .no_proxy();
        for proxy in ProxyVariables::read(|name| std::env::var_os(name)).proxies()? {
            builder = builder.proxy(proxy);
        }

        let client = builder.build().map_err(|error| {
            Error::usage(format!("--webhook {}", url.place()), RegistryCause::of(&error).why(), UNREACHABLE)
        })?;
        Ok(Self { url, client })
    }

    pub(super) fn name(&self) -> String {
        self.url.place()
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
        let request = self.client.post(self.url.0.clone()).header(CONTENT_TYPE, "application/json");
        let response = request.body(line.to_vec()).send().await.map_err(|error| {
            WebhookFailure::Connection(if error.is_timeout() {
                RegistryCause::TimedOut(ATTEMPT_TIMEOUT)
            } else {
                RegistryCause::of(&error)
            })
        })?;

        // The body is not read: the status says everything.
        let code = response.status().as_u16();
        if response.status().is_success() {
            return Ok(());
        }
        let seconds = response.headers().get(RETRY_AFTER).and_then(|after| after.to_str().ok()?.trim().parse().ok());
        let retry_after = seconds.map(Duration::from_secs).filter(|_| matches!(code, 429 | 503));
        Err(WebhookFailure::Status { code, retry_after })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_urls_are_refused_and_the_path_stays_secret() {
        for text in ["", "example.org/x", "ftp://example.org", "https://", "https://a:b@example.org/", "mailto:a@b"] {
            assert!(text.parse::<WebhookUrl>().is_err(), "{text}");
        }
        for (text, place) in [
            ("https://[::1]:8443/secret?key=1#top", "https://[::1]:8443"),
            ("http://example.org:80/secret", "http://example.org"),
        ] {
            assert_eq!(text.parse::<WebhookUrl>().unwrap().place(), place);
        }
    }
}
