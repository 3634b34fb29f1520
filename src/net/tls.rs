//! A TLS handshake that accepts and records every certificate: checks judge it afterwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, DigitallySignedStruct, ProtocolVersion, SignatureScheme,
};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::bounded::AsyncStream;
use super::certificate;
use super::crypto::provider;
use super::signature::{RSA_PSS_PSS_SHA256, RSA_PSS_PSS_SHA384, RSA_PSS_PSS_SHA512, SignatureCheck, verify_handshake};
use super::tls_identity::TlsIdentity;
use super::{ConnectionError, Deadline};
use crate::clean::Untrusted;
use crate::model::TlsFacts;

/// A finished handshake.
pub(crate) struct Handshake<S> {
    /// The stream inside TLS.
    pub(crate) stream: TlsStream<S>,
    /// The negotiated parameters and the certificates' facts.
    pub(crate) facts: TlsFacts,
    /// The certificates as they were sent, the server's own first.
    #[allow(dead_code, reason = "for checks")]
    pub(crate) chain: Vec<CertificateDer<'static>>,
    /// Whether the peer proved possession of its key.
    pub(crate) proof: Proof,
    pub(crate) certificate_request: CertificateRequest,
}

/// What a client offers in a handshake.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientOffer<'a> {
    /// Application protocols (RFC 7301).
    pub(crate) alpn: &'a [&'a [u8]],
    /// The certificate for a server that asks for one.
    pub(crate) identity: Option<&'a TlsIdentity>,
}

/// Whether a server asked for a client certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum CertificateRequest {
    #[default]
    None,
    /// It asked, and there was none to send.
    Unanswered,
    /// It asked, and got one.
    Answered,
}

/// Whether a peer proved possession of its private key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Proof {
    /// It signed nothing.
    #[default]
    Missing,
    Valid,
    Invalid,
    /// Its signature cannot be verified here, with what this program lacks.
    Unverifiable(String),
}

/// A failed handshake.
#[derive(Debug)]
pub(crate) struct HandshakeError {
    /// The reason.
    pub(crate) error: ConnectionError,
    /// The certificates received until then.
    pub(crate) chain: Vec<CertificateDer<'static>>,
    /// Whether the peer had proved possession of its key.
    pub(crate) proof: Proof,
    pub(crate) certificate_request: CertificateRequest,
}

impl HandshakeError {
    /// A connection that failed before the handshake.
    pub(crate) fn before(error: ConnectionError) -> Self {
        Self { error, chain: Vec::new(), proof: Proof::Missing, certificate_request: CertificateRequest::None }
    }

    fn new(error: ConnectionError, recorder: &RecordingVerifier, requests: &RequestRecorder) -> Self {
        let PresentedChain { chain, proof } = recorder.take();
        Self { error, chain, proof, certificate_request: requests.outcome() }
    }

    /// Whether the peer refuses every application protocol that was offered (RFC 7301, 3.2).
    pub(crate) fn refuses_protocols(&self) -> bool {
        self.alert() == Some(AlertDescription::NoApplicationProtocol)
    }

    /// The alert that ended the handshake.
    pub(crate) fn alert(&self) -> Option<AlertDescription> {
        match &self.error {
            ConnectionError::Tls(error) => match **error {
                rustls::Error::AlertReceived(alert) => Some(alert),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether the peer speaks TLS nevertheless: it sent certificates, or a TLS alert.
    pub(crate) fn is_of_tls(&self) -> bool {
        use rustls::Error::{AlertReceived, InvalidMessage, PeerIncompatible, PeerMisbehaved};
        let spoke = match &self.error {
            ConnectionError::Tls(error) => match &**error {
                AlertReceived(_) | PeerIncompatible(_) | PeerMisbehaved(_) => true,
                // Longer than the limit, which only a certificate message can be.
                InvalidMessage(why) => matches!(
                    why,
                    rustls::InvalidMessage::HandshakePayloadTooLarge
                        | rustls::InvalidMessage::CertificatePayloadTooLarge
                ),
                _ => false,
            },
            _ => false,
        };

        spoke || !self.chain.is_empty()
    }

    /// The facts known nevertheless.
    pub(crate) fn facts(&self) -> TlsFacts {
        certificate::facts(&self.chain)
    }
}

/// Performs a TLS 1.2 or 1.3 handshake over `stream`. `name` is sent by SNI unless it is an address. Every certificate is
/// accepted.
///
/// # Errors
/// If the handshake fails or the deadline passes, with the certificates received until then.
pub(crate) async fn handshake<S: AsyncStream>(
    stream: S,
    name: ServerName<'static>,
    offer: ClientOffer<'_>,
    deadline: Deadline,
) -> Result<Handshake<S>, HandshakeError> {
    let recorder = Arc::new(RecordingVerifier::default());
    let requests = Arc::new(RequestRecorder::new(offer.identity));
    let failure = |error| HandshakeError::new(error, &recorder, &requests);
    let versions = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = versions.map_err(|error| failure(ConnectionError::Tls(Box::new(error))))?;

    let verifier = Arc::clone(&recorder) as Arc<dyn ServerCertVerifier>;
    let resolver = Arc::clone(&requests) as Arc<dyn ResolvesClientCert>;
    let mut config = builder.dangerous().with_custom_certificate_verifier(verifier).with_client_cert_resolver(resolver);
    config.alpn_protocols = offer.alpn.iter().map(|word| word.to_vec()).collect();
    config.resumption = Resumption::disabled();

    let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
    let stream = match deadline.bound(connecting).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(failure(error.into())),
        Err(_) => return Err(failure(ConnectionError::TimedOut)),
    };

    let PresentedChain { chain, proof } = recorder.take();
    let facts = negotiated(stream.get_ref().1, certificate::facts(&chain));
    Ok(Handshake { stream, facts, chain, proof, certificate_request: requests.outcome() })
}

/// Whether the TLS library has a cipher suite, by its IANA name.
pub(crate) fn supports_suite(name: &str) -> bool {
    provider().cipher_suites.iter().any(|suite| suite.suite().as_str().map(iana_name) == Some(name))
}

/// IANA's name of a suite: the library has names of its own for those of TLS 1.3.
fn iana_name(name: &'static str) -> &'static str {
    match name {
        "TLS13_AES_128_GCM_SHA256" => "TLS_AES_128_GCM_SHA256",
        "TLS13_AES_256_GCM_SHA384" => "TLS_AES_256_GCM_SHA384",
        "TLS13_CHACHA20_POLY1305_SHA256" => "TLS_CHACHA20_POLY1305_SHA256",
        name => name,
    }
}

fn negotiated(connection: &ClientConnection, facts: TlsFacts) -> TlsFacts {
    TlsFacts {
        version: match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => Some("TLSv1.2".into()),
            Some(ProtocolVersion::TLSv1_3) => Some("TLSv1.3".into()),
            _ => None,
        },
        cipher: connection
            .negotiated_cipher_suite()
            .and_then(|suite| suite.suite().as_str())
            .map(iana_name)
            .map(Into::into),
        alpn: connection.alpn_protocol().map(Untrusted::from_bytes),
        ..facts
    }
}

/// Records whether the server asks for a certificate, and answers with the one that is configured.
#[derive(Debug)]
struct RequestRecorder {
    identity: Option<Arc<CertifiedKey>>,
    is_requested: AtomicBool,
}

impl RequestRecorder {
    fn new(identity: Option<&TlsIdentity>) -> Self {
        Self { identity: identity.map(TlsIdentity::key), is_requested: AtomicBool::new(false) }
    }

    fn outcome(&self) -> CertificateRequest {
        match (self.is_requested.load(Ordering::Relaxed), &self.identity) {
            (false, _) => CertificateRequest::None,
            (true, None) => CertificateRequest::Unanswered,
            (true, Some(_)) => CertificateRequest::Answered,
        }
    }
}

impl ResolvesClientCert for RequestRecorder {
    fn resolve(&self, _authorities: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.is_requested.store(true, Ordering::Relaxed);
        self.identity.clone()
    }

    fn has_certs(&self) -> bool {
        self.identity.is_some()
    }
}

/// Records the certificates and accepts all of them.
#[derive(Debug, Default)]
struct RecordingVerifier(Mutex<PresentedChain>);

/// The certificates that a peer presented.
#[derive(Debug, Default)]
struct PresentedChain {
    chain: Vec<CertificateDer<'static>>,
    proof: Proof,
}

impl RecordingVerifier {
    fn take(&self) -> PresentedChain {
        std::mem::take(&mut self.0.lock())
    }

    /// Records whether a signature is valid. An invalid one does not end the handshake: checks judge it afterwards.
    fn record(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> HandshakeSignatureValid {
        self.0.lock().proof = match verify_handshake(signature.scheme, certificate, message, signature.signature()) {
            SignatureCheck::Valid => Proof::Valid,
            SignatureCheck::Invalid => Proof::Invalid,
            SignatureCheck::Unsupported(what) => Proof::Unverifiable(what),
        };
        HandshakeSignatureValid::assertion()
    }
}

impl ServerCertVerifier for RecordingVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let sent = std::iter::once(end_entity).chain(intermediates);
        self.0.lock().chain = sent.map(|certificate| certificate.clone().into_owned()).collect();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(self.record(message, certificate, signature))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(self.record(message, certificate, signature))
    }

    /// All schemes, so that every server finds one to sign with.
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        use SignatureScheme as S;
        vec![
            S::ECDSA_NISTP256_SHA256,
            S::ECDSA_NISTP384_SHA384,
            S::ECDSA_NISTP521_SHA512,
            S::ED25519,
            S::ED448,
            S::RSA_PSS_SHA256,
            S::RSA_PSS_SHA384,
            S::RSA_PSS_SHA512,
            RSA_PSS_PSS_SHA256,
            RSA_PSS_PSS_SHA384,
            RSA_PSS_PSS_SHA512,
            S::RSA_PKCS1_SHA256,
            S::RSA_PKCS1_SHA384,
            S::RSA_PKCS1_SHA512,
            S::RSA_PKCS1_SHA1,
            S::ECDSA_SHA1_Legacy,
        ]
    }
}
