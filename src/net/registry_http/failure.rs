//! Why a request to a registry failed, and the hint.

use std::io;
use std::time::Duration;

use super::RegistryOptions;
use crate::clean::{clean, redacted_url};
use crate::error::{Error, plain};
use crate::model::PartialError;
use crate::net::describe_tls_error;
use crate::net::error_chain::{find, last};

/// A failed request.
#[derive(Clone, Debug)]
pub(crate) struct RegistryFailure(Box<FailedRequest>);

#[derive(Clone, Debug)]
struct FailedRequest {
    /// The address of the server, with the path.
    place: String,
    cause: RegistryCause,
    address_hint: &'static str,
    token_hint: &'static str,
    registry: &'static str,
    /// Why the servers that were tried before failed.
    others: Vec<String>,
    /// Whether it is a refusal, whatever its status says.
    refuses: bool,
}

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum RegistryCause {
    /// No connection, or it broke.
    Unreachable(String),
    /// TLS failed.
    Tls(String),
    /// No complete reply in time.
    TimedOut(Duration),
    /// A stream sent nothing for so long.
    Silent(Duration),
    /// An error reply, with its text, its Retry-After, and what a server of portolan's own says to do instead.
    Status { status: u16, after: Option<Duration>, text: String, hint: String },
    /// A redirect, which is not followed.
    Redirect { status: u16, to: String },
    /// The reply does not follow the API.
    Malformed(String),
    /// The reply is larger than this.
    TooLarge(usize),
    /// The token cannot be sent.
    Token,
}

/// Characters of an error reply that are shown.
const MAX_TEXT: usize = 200;

impl RegistryFailure {
    pub(super) fn new(options: &RegistryOptions, server: &str, path: &str, cause: RegistryCause) -> Self {
        let RegistryOptions { registry, address_hint, token_hint, .. } = *options;
        let place = format!("{server}{}", clean(path));
        let (others, refuses) = (Vec::new(), false);
        Self(Box::new(FailedRequest { place, cause, address_hint, token_hint, registry, others, refuses }))
    }

    /// The same request, which failed for another reason.
    pub(crate) fn because(mut self, cause: RegistryCause) -> Self {
        self.0.cause = cause;
        self
    }

    /// The failure of several servers: the last one counts.
    pub(super) fn with_other(mut self, mut last: Self) -> Self {
        let first = self.one();
        last.0.others = std::mem::take(&mut self.0.others);
        last.0.others.push(first);
        last
    }

    /// The status of an error reply.
    pub(crate) fn status(&self) -> Option<u16> {
        match self.0.cause {
            RegistryCause::Status { status, .. } => Some(status),
            _ => None,
        }
    }

    /// The text of an error reply.
    pub(crate) fn text(&self) -> &str {
        match &self.0.cause {
            RegistryCause::Status { text, .. } => text,
            _ => "",
        }
    }

    /// Whether the server refuses these credentials.
    pub(crate) fn is_refusal(&self) -> bool {
        self.0.refuses || matches!(self.status(), Some(401 | 403))
    }

    /// The same failure as a refusal, for a registry that refuses credentials with another status.
    pub(crate) fn into_refusal(mut self) -> Self {
        self.0.refuses = true;
        self
    }

    /// Whether the registry cannot be reached or fails, whatever was requested.
    pub(crate) fn is_outage(&self) -> bool {
        self.may_work_elsewhere() || matches!(self.0.cause, RegistryCause::Silent(_))
    }

    /// Whether another server of the registry may give a reply.
    pub(super) fn may_work_elsewhere(&self) -> bool {
        match &self.0.cause {
            RegistryCause::Unreachable(_) | RegistryCause::Tls(_) | RegistryCause::TimedOut(_) => true,
            RegistryCause::Status { status, .. } => matches!(status, 429 | 500..),
            _ => false,
        }
    }

    fn one(&self) -> String {
        format!("{}: {}", self.0.place, self.0.cause.why())
    }

    /// What failed, and why, in one phrase.
    pub(crate) fn why(&self) -> String {
        let mut all = self.0.others.clone();
        all.push(self.one());
        all.join("; ")
    }

    /// What to try.
    pub(crate) fn hint(&self) -> String {
        match &self.0.cause {
            RegistryCause::Status { status, hint, .. } if !hint.is_empty() && !matches!(status, 401 | 403) => {
                hint.clone()
            }
            _ if self.is_refusal() => self.0.token_hint.to_owned(),
            RegistryCause::Token => self.0.token_hint.to_owned(),
            RegistryCause::Unreachable(_) | RegistryCause::Malformed(_) | RegistryCause::Redirect { .. } => {
                self.0.address_hint.to_owned()
            }
            RegistryCause::TimedOut(_) => format!("raise --timeout, or see the logs of {}", self.0.registry),
            RegistryCause::Tls(_) => {
                "check the server's certificate, and the authorities to trust: --ca, PORTOLAN_CACERT or CONSUL_CACERT"
                    .to_owned()
            }
            RegistryCause::TooLarge(_) => "list fewer services, by their names or tags".to_owned(),
            RegistryCause::Silent(_) | RegistryCause::Status { .. } => format!("see the logs of {}", self.0.registry),
        }
    }

    /// The error of a whole operation: `list the services of Consul`.
    pub(crate) fn into_error(self, operation: impl Into<String>) -> Error {
        let (what, why, hint) = (operation.into(), self.why(), self.hint());
        match self.0.cause {
            _ if self.is_refusal() => Error::Refused { what, why, hint },
            RegistryCause::Malformed(_) | RegistryCause::Redirect { .. } => Error::Protocol { what, why, hint },
            RegistryCause::TooLarge(_) => Error::Limit { what, why, hint },
            RegistryCause::TimedOut(_) | RegistryCause::Silent(_) => Error::TimedOut { what, why, hint },
            _ => Error::Connection { what, why, hint },
        }
    }

    /// The error of a part of an operation.
    pub(crate) fn into_partial(self, operation: impl Into<String>) -> PartialError {
        PartialError { operation: operation.into(), cause: self.why(), hint: self.hint() }
    }
}

impl RegistryCause {
    /// From an error of the client.
    pub(crate) fn of(error: &reqwest::Error) -> Self {
        if let Some(tls) = find::<rustls::Error>(error) {
            return Self::Tls(describe_tls_error(tls));
        }
        if error.is_decode() {
            return Self::Malformed("the body cannot be decoded".to_owned());
        }
        if let Some(io) = find::<io::Error>(error).filter(|io| io.get_ref().is_none()) {
            return Self::Unreachable(clean(&plain(io)).to_lowercase());
        }
        if find::<hyper::Error>(error).is_some_and(|error| error.is_canceled() || error.is_closed()) {
            return Self::Unreachable("the server closed the connection before the request was sent".to_owned());
        }

        Self::Unreachable(match last(error).to_string() {
            text if text.is_empty() => "the connection failed".to_owned(),
            text => clean(&text),
        })
    }

    /// From an error reply. Bodies are plain text in Consul, JSON with `message` or `error` elsewhere.
    pub(super) fn of_status(status: u16, after: Option<Duration>, body: &[u8]) -> Self {
        let body = String::from_utf8_lossy(body);
        let (text, hint) = match serde_json::from_str::<serde_json::Value>(&body) {
            Ok(json) => (message(&json).unwrap_or_default(), hint_in(&json).unwrap_or_default()),
            Err(_) if looks_like_html(&body) => (String::new(), String::new()),
            Err(_) => (body.trim().to_owned(), String::new()),
        };
        let [text, hint] = [text, hint].map(|text| clean(&text.chars().take(MAX_TEXT).collect::<String>()));
        Self::Status { status, after, text, hint }
    }

    pub(super) fn not_json(body: &[u8], error: &serde_json::Error) -> String {
        let start = String::from_utf8_lossy(&body[..body.len().min(64)]);
        if looks_like_html(&start) {
            return "the reply is a web page, not JSON".to_owned();
        }
        if body.starts_with(&[0x1f, 0x8b]) {
            return "the reply is compressed, which was not requested".to_owned();
        }
        format!("the reply is not the expected JSON: {}", clean(&error.to_string()))
    }

    /// The cause in one phrase.
    pub(crate) fn why(&self) -> String {
        match self {
            Self::Unreachable(why) | Self::Tls(why) | Self::Malformed(why) => why.clone(),
            Self::TimedOut(limit) => format!("no complete reply within {limit:?}"),
            Self::Silent(limit) => format!("silent for {limit:?}"),
            Self::Status { status, text, .. } if text.is_empty() => format!("the server replies {status}"),
            Self::Status { status, text, .. } => format!("the server replies {status}: {text}"),
            Self::Redirect { status, to } => {
                format!("the server redirects to '{}' ({status}), which is not followed", clean(&redacted_url(to)))
            }
            Self::TooLarge(limit) => format!("the reply is larger than {} MiB", limit >> 20),
            Self::Token => "the token has characters that a header cannot hold".to_owned(),
        }
    }
}

/// The text in a JSON error: `{"message":…}`, `{"error":…}` or `{"error":{"message":…}}`.
fn message(json: &serde_json::Value) -> Option<String> {
    let error = json.get("error");
    let text = error.and_then(|error| error.get("message")).or_else(|| json.get("message")).or(error);
    text?.as_str().map(str::to_owned)
}

/// What a server of portolan's own says to do instead.
fn hint_in(json: &serde_json::Value) -> Option<String> {
    json.get("error")?.get("hint")?.as_str().map(str::to_owned)
}

fn looks_like_html(text: &str) -> bool {
    let start = text.trim_start().get(..9).unwrap_or_default().to_ascii_lowercase();
    start.starts_with("<!doctype") || text.trim_start().starts_with("<html") || text.trim_start().starts_with("<HTML")
}
