//! Why a request to the API server failed, and the hint.

use std::io;
use std::time::Duration;

use kube::core::Status;
use rustls::{AlertDescription, CertificateError};
use tower::timeout::error::Elapsed;

use crate::clean::clean;
use crate::engine::RetryDecision;
use crate::error::Error;
use crate::model::PartialError;
use crate::net::describe_tls_error;
use crate::net::error_chain::{find, last};

/// Why a request failed.
#[derive(Clone, Debug)]
pub(super) enum ApiFailure {
    /// The server's error reply.
    Answer {
        code: u16,
        message: String,
        /// The Retry-After header.
        after: Option<Duration>,
        /// The token with which an expired list continues.
        token: Option<String>,
    },
    /// The server rejects the client certificate, which expired on that day.
    Expired(String),
    /// The server requires credentials, which are not sent in plain text.
    Unencrypted,
    /// No connection, or no reply. `retryable`: another attempt may succeed.
    Broken { why: String, hint: &'static str, retryable: bool },
    /// One attempt took too long.
    TimedOut(Duration),
    /// The deadline has passed.
    Deadline(Duration),
    /// The server failed repeatedly, so that no more requests are sent.
    CircuitOpen,
    /// The reply does not follow the API.
    Malformed(String),
    /// The reply exceeds the size limit.
    TooLarge,
    /// Cancelled.
    Stopped,
}

const SLOW: &str = "raise --timeout, or check the network path to the server";
const SERVER_HINT: &str = "check the server's health: `kubectl get --raw /readyz`";
const PERMISSIONS: &str = "`kubectl auth can-i --list` shows the permissions of these credentials";
const ENCRYPTED: &str = "write the server as https://HOST:PORT in the kubeconfig";
const CLIENT: &str = "check client-certificate in the kubeconfig: `kubectl config view --raw` shows it";
const REISSUE: &str = "issue it again with an extension: `openssl x509 -req` writes version 3 with -extfile";
const CREDENTIALS: &str = "check the credentials of the kubeconfig's user: they may have expired";

impl ApiFailure {
    /// From an error reply: its status code, and its body if that is a `Status`.
    pub(super) fn of_answer(code: u16, body: &[u8], after: Option<Duration>) -> Self {
        // API Priority and Fairness replies in plain text.
        let status: Status = serde_json::from_slice(body).unwrap_or_default();
        let message = match status.message {
            text if text.is_empty() => String::from_utf8_lossy(&body[..body.len().min(200)]).trim().to_owned(),
            text => text,
        };

        let token = status.metadata.and_then(|metadata| metadata.continue_).filter(|token| !token.is_empty());
        Self::Answer { code, message: clean(&message), after, token }
    }

    /// From a `Status` object.
    pub(super) fn of_status(status: &Status) -> Self {
        Self::Answer { code: status.code, message: clean(&status.message), after: None, token: None }
    }

    /// From an error of the client.
    pub(super) fn of_client(error: &kube::Error) -> Self {
        if let Some(tls) = find::<rustls::Error>(error) {
            let (why, hint) = of_tls(tls);
            return Self::Broken { why, hint, retryable: false };
        }

        if let kube::Error::Auth(error) = error {
            return Self::Broken { why: clean(&error.to_string()), hint: CREDENTIALS, retryable: false };
        }

        let (why, hint) = if find::<io::Error>(error).is_some_and(|error| error.kind() == io::ErrorKind::TimedOut) {
            ("the connection timed out".to_owned(), SLOW)
        } else if find::<Elapsed>(error).is_some() {
            ("no reply in time".to_owned(), SLOW)
        } else if find::<io::Error>(error).is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
            || is_abandoned(error)
        {
            // The server closed it, or did not reply to a ping.
            ("the connection was lost".to_owned(), SLOW)
        } else if let Some(error) = find::<io::Error>(error) {
            let text = error.to_string();
            let why = text.split(" (os error").next().unwrap_or_default();
            (clean(why), "check the server's address in the kubeconfig, and whether it is reachable from here")
        } else {
            (clean(&last(error).to_string()), SERVER_HINT)
        };

        Self::Broken { why, hint, retryable: true }
    }

    /// From an error of credentials, before a request.
    pub(super) fn of_credentials(error: &kube::Error, is_version_1: bool) -> Self {
        let why = match find::<rustls::Error>(error) {
            Some(rustls::Error::InvalidCertificate(_)) if is_version_1 => {
                "the client certificate has version 1 of X.509, and portolan's TLS library requires version 3"
                    .to_owned()
            }
            Some(rustls::Error::InvalidCertificate(_)) => "the client certificate is invalid".to_owned(),
            Some(rustls::Error::InconsistentKeys(_)) => {
                "the client certificate and the client key do not belong together".to_owned()
            }
            _ => return Self::of_client(error),
        };

        let hint = if is_version_1 { REISSUE } else { CLIENT };
        Self::Broken { why, hint, retryable: false }
    }

    /// Adds the server's address to failures of the connection.
    pub(super) fn at(self, server: &str) -> Self {
        let why = format!("{server}: {}", self.why());
        match self {
            Self::Broken { hint, retryable, .. } => Self::Broken { why, hint, retryable },
            Self::TimedOut(_) => Self::Broken { why, hint: SLOW, retryable: true },
            other => other,
        }
    }

    pub(super) fn code(&self) -> Option<u16> {
        match self {
            Self::Answer { code, .. } => Some(*code),
            _ => None,
        }
    }

    pub(super) fn is_refusal(&self) -> bool {
        matches!(self.code(), Some(401 | 403)) || matches!(self, Self::Expired(_) | Self::Unencrypted)
    }

    /// Whether it indicates a problem of the server, and not of the request.
    pub(super) fn is_server_failure(&self) -> bool {
        match self {
            Self::Answer { code, .. } => *code == 429 || *code >= 500,
            Self::Broken { .. } | Self::TimedOut(_) => true,
            _ => false,
        }
    }

    /// Whether another attempt may succeed.
    pub(super) fn retry_decision(&self) -> RetryDecision {
        match self {
            Self::Answer { code: 429 | 500 | 502 | 503 | 504, after: Some(after), .. } => RetryDecision::After(*after),
            Self::Answer { code: 429 | 500 | 502 | 503 | 504, .. } | Self::TimedOut(_) | Self::Malformed(_) => {
                RetryDecision::Yes
            }
            Self::Broken { retryable: true, .. } => RetryDecision::Yes,
            _ => RetryDecision::No,
        }
    }

    pub(super) fn why(&self) -> String {
        match self {
            Self::Answer { code: 401, .. } => "the server rejects these credentials (401 Unauthorized)".to_owned(),
            Self::Unencrypted => {
                "the server requires credentials, and portolan sends none in plain text (401 Unauthorized)".to_owned()
            }
            Self::Expired(day) => format!("the client certificate expired on {day} (401 Unauthorized)"),
            Self::Answer { code: 429, message, .. } => format!("the server is busy (429): {message}"),
            Self::Answer { code, message, .. } if message.is_empty() => format!("the server replies {code}"),
            Self::Answer { code, message, .. } => format!("{message} ({code})"),
            Self::Broken { why, .. } => why.clone(),
            Self::TimedOut(time) => format!("no complete reply within {time:?}"),
            Self::Deadline(time) => format!("the deadline of {time:?} has passed"),
            Self::CircuitOpen => "the server failed repeatedly; no more requests were sent".to_owned(),
            Self::Malformed(why) => format!("the reply does not follow the API: {why}"),
            Self::TooLarge => "the reply exceeds portolan's size limit".to_owned(),
            Self::Stopped => "the listing was stopped".to_owned(),
        }
    }

    pub(super) fn hint(&self) -> &'static str {
        match self {
            Self::Answer { code: 401, .. } | Self::Expired(_) => CREDENTIALS,
            Self::Answer { code: 403, .. } => PERMISSIONS,
            // The reply of Go's server.
            Self::Answer { code: 400, message, .. } if message.contains("HTTP request to an HTTPS server") => ENCRYPTED,
            Self::Unencrypted => ENCRYPTED,
            Self::Answer { code: 429, .. } => "retry later, or raise --deadline",
            Self::Broken { hint, .. } => hint,
            Self::TimedOut(_) => SLOW,
            Self::Deadline(_) => "raise --deadline, or list less with -n and -l",
            Self::Stopped => "run it to the end",
            _ => SERVER_HINT,
        }
    }

    pub(super) fn into_fault(self, what: impl Into<String>) -> PartialError {
        PartialError { operation: what.into(), cause: self.why(), hint: self.hint().to_owned() }
    }

    pub(super) fn into_error(self, what: impl Into<String>) -> Error {
        let (what, why, hint) = (what.into(), self.why(), self.hint().to_owned());
        match self {
            _ if self.is_refusal() => Error::Refused { what, why, hint },
            Self::TimedOut(_) | Self::Deadline(_) => Error::TimedOut { what, why, hint },
            Self::Malformed(_) => Error::Protocol { what, why, hint },
            Self::TooLarge => Error::Limit { what, why, hint },
            _ => Error::Connection { what, why, hint },
        }
    }
}

/// The reason and the hint for a failed TLS handshake.
fn of_tls(error: &rustls::Error) -> (String, &'static str) {
    let authority =
        "check certificate-authority in the kubeconfig: it must be the CA that signed the server's certificate";
    let server = "check the server's certificate, and tls-server-name in the kubeconfig";
    match error {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            ("the server's certificate is not signed by the kubeconfig's CA".to_owned(), authority)
        }
        rustls::Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            ("the server's certificate has expired".to_owned(), server)
        }
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => ("the server's certificate is for another name".to_owned(), server),
        rustls::Error::AlertReceived(AlertDescription::CertificateExpired) => {
            ("the client certificate has expired".to_owned(), CLIENT)
        }
        rustls::Error::AlertReceived(
            AlertDescription::BadCertificate | AlertDescription::UnknownCA | AlertDescription::CertificateRequired,
        ) => ("the server rejects the client certificate".to_owned(), CLIENT),
        rustls::Error::InvalidCertificate(CertificateError::Other(other))
            if other.to_string().contains("UnsupportedCertVersion") =>
        {
            (
                "the server's certificate has version 1 of X.509, and portolan's TLS library requires version 3"
                    .to_owned(),
                server,
            )
        }
        other => (describe_tls_error(other), server),
    }
}

/// Whether another request failed to open the connection that this one was to share.
fn is_abandoned(error: &kube::Error) -> bool {
    find::<hyper_util::client::legacy::Error>(error).is_some()
        && find::<hyper::Error>(error).is_none()
        && find::<io::Error>(error).is_none()
}
