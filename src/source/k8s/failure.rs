//! Why a question to the API server came to nothing, and what to try.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use kube::core::Status;
use rustls::{AlertDescription, CertificateError};
use tower::timeout::error::Elapsed;

use crate::clean::clean;
use crate::engine::RetryDecision;
use crate::error::Error;
use crate::model::PartialError;

/// Why a question came to nothing.
#[derive(Clone, Debug)]
pub(super) enum ApiFailure {
    /// The server said so.
    Answer {
        code: u16,
        message: String,
        /// When to ask again, as it says.
        after: Option<Duration>,
        /// Of a list whose token ran out: the one to go on with.
        token: Option<String>,
    },
    /// The server does not take the client's certificate, which ended on that day.
    Expired(String),
    /// The server could not be asked.
    Broken { why: String, hint: &'static str, passes: bool },
    /// One try took too long.
    TimedOut(Duration),
    /// The time for the whole is over.
    Deadline(Duration),
    /// It kept failing, and is left alone.
    LeftAlone,
    /// What came is not what the API says.
    Malformed(String),
    /// What came is more than anybody needs.
    TooLarge,
    /// Somebody wants an end.
    Stopped,
}

const SLOW: &str = "give each try longer with --timeout, or look at the way to the server";
const SERVER_HINT: &str = "look at whether the server is well: `kubectl get --raw /readyz`";
const RIGHTS: &str = "`kubectl auth can-i --list` shows what these credentials may do";
const CREDENTIALS: &str = "look at the credentials of the kubeconfig's user: they may have expired";

impl ApiFailure {
    /// A refusal: the answer's status, and its body where that is a `Status`.
    pub(super) fn of_answer(code: u16, body: &[u8], after: Option<Duration>) -> Self {
        // What guards the server from too many requests answers in plain text.
        let status: Status = serde_json::from_slice(body).unwrap_or_default();
        let plain = || String::from_utf8_lossy(&body[..body.len().min(200)]).trim().to_owned();
        let message = if status.message.is_empty() { plain() } else { status.message };
        let token = status.metadata.and_then(|metadata| metadata.continue_).filter(|token| !token.is_empty());
        Self::Answer { code, message: clean(&message), after, token }
    }

    /// A refusal that was read already.
    pub(super) fn of_status(status: &Status) -> Self {
        Self::Answer { code: status.code, message: clean(&status.message), after: None, token: None }
    }

    /// What kept a question from being asked.
    pub(super) fn of_client(error: &kube::Error) -> Self {
        let broken = |why: String, hint, passes| Self::Broken { why, hint, passes };
        if let Some(tls) = find::<rustls::Error>(error) {
            let (why, hint) = of_tls(tls);
            return broken(why, hint, false);
        }
        if let kube::Error::Auth(error) = error {
            return broken(clean(&error.to_string()), CREDENTIALS, false);
        }
        if find::<io::Error>(error).is_some_and(|error| error.kind() == io::ErrorKind::TimedOut) {
            return broken("no connection came about in time".to_owned(), SLOW, true);
        }
        if find::<Elapsed>(error).is_some() {
            return broken("no answer came in time".to_owned(), SLOW, true);
        }
        if let Some(error) = find::<io::Error>(error) {
            let text = error.to_string();
            let why = text.split(" (os error").next().unwrap_or_default();
            let hint = "look at the server's address in the kubeconfig, and whether it is reached from here";
            return broken(clean(why), hint, true);
        }
        broken(clean(&last(error).to_string()), SERVER_HINT, true)
    }

    /// The same of a server at that place, where it is the way there that may be wrong.
    pub(super) fn at(self, server: &str) -> Self {
        let why = format!("{server}: {}", self.why());
        match self {
            Self::Broken { hint, passes, .. } => Self::Broken { why, hint, passes },
            Self::TimedOut(_) => Self::Broken { why, hint: SLOW, passes: true },
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
        matches!(self.code(), Some(401 | 403)) || matches!(self, Self::Expired(_))
    }

    /// Whether it speaks of the server's health, and not of what was asked.
    pub(super) fn is_trouble(&self) -> bool {
        match self {
            Self::Answer { code, .. } => *code == 429 || *code >= 500,
            Self::Broken { .. } | Self::TimedOut(_) => true,
            _ => false,
        }
    }

    /// Whether another try may pass.
    pub(super) fn again(&self) -> RetryDecision {
        match self {
            Self::Answer { code: 429 | 500 | 502 | 503 | 504, after: Some(after), .. } => RetryDecision::After(*after),
            Self::Answer { code: 429 | 500 | 502 | 503 | 504, .. } | Self::TimedOut(_) | Self::Malformed(_) => {
                RetryDecision::Yes
            }
            Self::Broken { passes: true, .. } => RetryDecision::Yes,
            _ => RetryDecision::No,
        }
    }

    pub(super) fn why(&self) -> String {
        match self {
            Self::Answer { code: 401, .. } => {
                "the server does not know these credentials (401 Unauthorized)".to_owned()
            }
            Self::Expired(day) => format!("the client certificate expired on {day} (401 Unauthorized)"),
            Self::Answer { code: 429, message, .. } => format!("the server is busy (429): {message}"),
            Self::Answer { code, message, .. } if message.is_empty() => format!("the server answers {code}"),
            Self::Answer { code, message, .. } => format!("{message} ({code})"),
            Self::Broken { why, .. } => why.clone(),
            Self::TimedOut(time) => format!("no whole answer came within {time:?}"),
            Self::Deadline(time) => format!("the {time:?} for the whole are over"),
            Self::LeftAlone => "the server kept failing, and was left alone".to_owned(),
            Self::Malformed(why) => format!("the answer is not what the API says: {why}"),
            Self::TooLarge => "the answer is larger than portolan takes".to_owned(),
            Self::Stopped => "it was stopped".to_owned(),
        }
    }

    pub(super) fn hint(&self) -> &'static str {
        match self {
            Self::Answer { code: 401, .. } | Self::Expired(_) => CREDENTIALS,
            Self::Answer { code: 403, .. } => RIGHTS,
            Self::Answer { code: 429, .. } => "ask later, or give it longer with --deadline",
            Self::Broken { hint, .. } => hint,
            Self::TimedOut(_) => SLOW,
            Self::Deadline(_) => "give the whole longer with --deadline, or ask for less with -n and -l",
            Self::Stopped => "let it come to its end",
            _ => SERVER_HINT,
        }
    }

    pub(super) fn into_fault(self, what: impl Into<String>) -> PartialError {
        PartialError { operation: what.into(), cause: self.why(), hint: self.hint().to_owned() }
    }

    pub(super) fn into_error(self, what: impl Into<String>) -> Error {
        let (what, why, hint) = (what.into(), self.why(), self.hint().to_owned());
        if self.is_refusal() { Error::Refused { what, why, hint } } else { Error::Connection { what, why, hint } }
    }
}

/// What a failed handshake means for who wrote the kubeconfig.
fn of_tls(error: &rustls::Error) -> (String, &'static str) {
    let authority =
        "look at certificate-authority in the kubeconfig: it must be the CA that signed the server's certificate";
    let server = "look at the server's certificate, and at tls-server-name in the kubeconfig";
    let client = "look at client-certificate in the kubeconfig: `kubectl config view --raw` shows it";
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
            ("the client certificate has expired".to_owned(), client)
        }
        rustls::Error::AlertReceived(
            AlertDescription::BadCertificate | AlertDescription::UnknownCA | AlertDescription::CertificateRequired,
        ) => ("the server does not take the client certificate".to_owned(), client),
        other => (clean(&other.to_string()), server),
    }
}

/// The first of a kind among an error and its causes; `io::Error` hides its own.
fn find<'e, T: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e T> {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        current = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// The cause of all: what wraps it says less.
fn last<'e>(error: &'e (dyn StdError + 'static)) -> &'e (dyn StdError + 'static) {
    let mut error = error;
    while let Some(cause) = error.source() {
        error = cause;
    }
    error
}
