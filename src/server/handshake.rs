//! Failed TLS handshakes: why, in words for the operator, and how often the log has them.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Instant;

use parking_lot::Mutex;
use rustls::{AlertDescription, Error};
use tracing::{debug, warn};

use super::line_budget::LineBudget;
use crate::error::plain;
use crate::net::{describe_tls_error, find_tls_error};

/// Why a handshake failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HandshakeFailure {
    /// The client has no certificate, and must have one.
    NoClientCertificate,
    /// The certificate of the client is not accepted.
    ClientCertificate,
    /// The client does not accept the certificate of the server.
    ServerCertificate,
    /// No version of TLS or cipher suite is common to both.
    Incompatible,
    /// The client speaks HTTP without TLS.
    PlainHttp,
    /// The client does not follow the protocol, or ends the handshake for another reason.
    Protocol,
    /// The handshake was not complete in time.
    TimedOut,
    /// The address of the client began too many.
    Limited,
    /// The client left, as checks do that only connect.
    Closed,
}

impl HandshakeFailure {
    pub(super) const COUNT: usize = Self::Closed as usize + 1;

    /// Their names in the metrics, in order.
    pub(super) const NAMES: [&str; Self::COUNT] = [
        "no_client_certificate",
        "client_certificate",
        "server_certificate",
        "incompatible",
        "plain_http",
        "protocol",
        "timed_out",
        "limited",
        "closed",
    ];
}

/// A failed handshake.
#[derive(Debug)]
pub(super) struct FailedHandshake {
    pub(super) reason: HandshakeFailure,
    text: String,
}

impl FailedHandshake {
    pub(super) fn new(reason: HandshakeFailure, text: impl Into<String>) -> Self {
        Self { reason, text: text.into() }
    }
}

impl From<io::Error> for FailedHandshake {
    fn from(error: io::Error) -> Self {
        use HandshakeFailure as F;

        match find_tls_error(&error) {
            Some(error) => Self::from(error),
            None if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => {
                Self::new(F::Closed, "the client closed the connection")
            }
            None => Self::new(F::Closed, plain(&error)),
        }
    }
}

impl From<&Error> for FailedHandshake {
    fn from(error: &Error) -> Self {
        use HandshakeFailure as F;

        match error {
            Error::NoCertificatesPresented => Self::new(F::NoClientCertificate, "the client has no certificate"),
            Error::InvalidCertificate(_) => {
                let why = describe_tls_error(error);
                Self::new(F::ClientCertificate, format!("the client's certificate is refused: {why}"))
            }
            Error::AlertReceived(alert) if is_about_certificate(*alert) => {
                let text =
                    "the client refuses the certificate of this server: it does not trust it, or uses another name";
                Self::new(F::ServerCertificate, text)
            }
            Error::PeerIncompatible(_) => {
                Self::new(F::Incompatible, "client and server have no TLS version or cipher suite in common")
            }
            Error::InvalidMessage(_) => Self::new(F::Protocol, "the client does not speak TLS"),
            Error::AlertReceived(_) => Self::new(F::Protocol, "the client ended the handshake with an alert"),
            _ => Self::new(F::Protocol, "the client does not follow the TLS protocol"),
        }
    }
}

fn is_about_certificate(alert: AlertDescription) -> bool {
    use AlertDescription as A;

    matches!(
        alert,
        A::BadCertificate
            | A::UnsupportedCertificate
            | A::CertificateRevoked
            | A::CertificateExpired
            | A::CertificateUnknown
            | A::UnknownCA
    )
}

/// The lines about failed handshakes in the log: every program that can connect can cause one, so they are limited.
#[derive(Debug, Default)]
pub(super) struct HandshakeLog([Mutex<LineBudget>; HandshakeFailure::COUNT]);

impl HandshakeLog {
    /// Logs a failed handshake unless the log has enough of its kind.
    pub(super) fn note(&self, peer: SocketAddr, failed: &FailedHandshake) {
        let FailedHandshake { reason, text } = failed;
        // A check that only connects is not a problem.
        if *reason == HandshakeFailure::Closed {
            debug!(%peer, reason = text, "TLS handshake failed");
            return;
        }

        let budget = self.0.get(*reason as usize).and_then(|budget| budget.lock().take(Instant::now()));
        match budget {
            Some(0) => warn!(%peer, reason = text, "TLS handshake failed"),
            Some(unlogged) => warn!(%peer, reason = text, unlogged, "TLS handshake failed"),
            None => debug!(%peer, reason = text, "TLS handshake failed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use rustls::{CertificateError, InvalidMessage, PeerIncompatible, PeerMisbehaved};

    use super::*;

    fn reason(error: Error) -> HandshakeFailure {
        FailedHandshake::from(io::Error::new(ErrorKind::InvalidData, error)).reason
    }

    #[test]
    fn each_error_has_its_reason() {
        use HandshakeFailure as F;

        assert_eq!(reason(Error::NoCertificatesPresented), F::NoClientCertificate);
        assert_eq!(reason(Error::InvalidCertificate(CertificateError::UnknownIssuer)), F::ClientCertificate);
        assert_eq!(reason(Error::AlertReceived(AlertDescription::UnknownCA)), F::ServerCertificate);
        assert_eq!(reason(Error::AlertReceived(AlertDescription::UserCanceled)), F::Protocol);
        assert_eq!(reason(Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon)), F::Incompatible);
        assert_eq!(reason(Error::InvalidMessage(InvalidMessage::InvalidContentType)), F::Protocol);
        assert_eq!(reason(Error::PeerMisbehaved(PeerMisbehaved::MissingKeyShare)), F::Protocol);
        assert_eq!(FailedHandshake::from(io::Error::from(ErrorKind::UnexpectedEof)).reason, F::Closed);
    }
}
