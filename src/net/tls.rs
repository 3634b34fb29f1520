//! A TLS handshake that accepts whatever it is shown and remembers it: what it is worth is judged afterwards.

use std::sync::{Arc, LazyLock};

use parking_lot::Mutex;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, ProtocolVersion, SignatureScheme};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::bounded::AsyncStream;
use super::certificate;
use super::{ConnectionError, Deadline};
use crate::clean::Untrusted;
use crate::model::TlsFacts;

/// A finished handshake.
pub(crate) struct Handshake<S> {
    /// What is spoken inside.
    pub(crate) stream: TlsStream<S>,
    /// What was agreed on and shown.
    pub(crate) facts: TlsFacts,
    /// The certificates as they were sent, the server's own first.
    #[allow(dead_code, reason = "for checks")]
    pub(crate) chain: Vec<CertificateDer<'static>>,
    /// Whether the peer proved that it has the key of its certificate; `None` where that cannot be told here.
    pub(crate) proved: Option<bool>,
}

/// A handshake that came to nothing.
#[derive(Debug)]
pub(crate) struct HandshakeError {
    /// Why.
    pub(crate) error: ConnectionError,
    /// The certificates that were sent until then.
    pub(crate) chain: Vec<CertificateDer<'static>>,
}

impl HandshakeError {
    /// Whether the peer speaks TLS all the same: it showed certificates, or refused in TLS's own words.
    pub(crate) fn is_of_tls(&self) -> bool {
        use rustls::Error::{AlertReceived, InvalidMessage, PeerIncompatible, PeerMisbehaved};
        let spoke = match &self.error {
            ConnectionError::Tls(error) => match &**error {
                AlertReceived(_) | PeerIncompatible(_) | PeerMisbehaved(_) => true,
                // Longer than is taken, which only a certificate message is.
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

    /// What is known all the same.
    pub(crate) fn facts(&self) -> TlsFacts {
        certificate::facts(&self.chain)
    }
}

/// One provider for all handshakes; making it anew would cost more than the rest of a configuration.
static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(ring::default_provider()));

/// The cryptography that portolan uses, for those who configure TLS themselves.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::clone(&PROVIDER)
}

/// Shakes hands over `stream` in TLS 1.2 or 1.3, offering `alpn`. `name` is asked for by SNI unless it is an address.
/// No certificate is refused.
///
/// # Errors
/// When there is no handshake before the deadline, with the certificates that were sent until then.
pub(crate) async fn handshake<S: AsyncStream>(
    stream: S,
    name: ServerName<'static>,
    alpn: &[&[u8]],
    deadline: Deadline,
) -> Result<Handshake<S>, HandshakeError> {
    let recorder = Arc::new(RecordingVerifier::default());
    let failed = |error| HandshakeError { error, chain: recorder.take().chain };
    let versions = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = versions.map_err(|error| failed(ConnectionError::Tls(Box::new(error))))?;
    let verifier = Arc::clone(&recorder) as Arc<dyn ServerCertVerifier>;
    let mut config = builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|word| word.to_vec()).collect();
    config.resumption = Resumption::disabled();
    let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
    let stream = match deadline.bound(connecting).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(failed(error.into())),
        Err(_) => return Err(failed(ConnectionError::TimedOut)),
    };
    let PresentedChain { chain, proved } = recorder.take();
    let facts = agreed(stream.get_ref().1, certificate::facts(&chain));
    Ok(Handshake { stream, facts, chain, proved })
}

fn agreed(connection: &ClientConnection, facts: TlsFacts) -> TlsFacts {
    TlsFacts {
        version: match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => Some("TLSv1.2".into()),
            Some(ProtocolVersion::TLSv1_3) => Some("TLSv1.3".into()),
            _ => None,
        },
        cipher: connection
            .negotiated_cipher_suite()
            .and_then(|suite| match suite.suite().as_str() {
                // rustls's names of those that only TLS 1.3 has; the rest it calls as IANA does.
                Some("TLS13_AES_128_GCM_SHA256") => Some("TLS_AES_128_GCM_SHA256"),
                Some("TLS13_AES_256_GCM_SHA384") => Some("TLS_AES_256_GCM_SHA384"),
                Some("TLS13_CHACHA20_POLY1305_SHA256") => Some("TLS_CHACHA20_POLY1305_SHA256"),
                name => name,
            })
            .map(Into::into),
        alpn: connection.alpn_protocol().map(Untrusted::from_bytes),
        ..facts
    }
}

/// Takes down what it is shown, and finds everything good.
#[derive(Debug, Default)]
struct RecordingVerifier(Mutex<PresentedChain>);

/// What a peer showed.
#[derive(Debug, Default)]
struct PresentedChain {
    chain: Vec<CertificateDer<'static>>,
    proved: Option<bool>,
}

impl RecordingVerifier {
    fn take(&self) -> PresentedChain {
        std::mem::take(&mut self.0.lock())
    }

    /// Takes down whether a signature was right. A wrong one ends nothing: what it is worth is judged afterwards.
    fn signed(&self, verified: Result<HandshakeSignatureValid, rustls::Error>) -> HandshakeSignatureValid {
        let bad = rustls::Error::InvalidCertificate(rustls::CertificateError::BadSignature);
        self.0.lock().proved = match verified {
            Ok(_) => Some(true),
            Err(error) if error == bad => Some(false),
            // A key or a scheme that nobody here can verify.
            Err(_) => None,
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
        let algorithms = &PROVIDER.signature_verification_algorithms;
        Ok(self.signed(verify_tls12_signature(message, certificate, signature, algorithms)))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &PROVIDER.signature_verification_algorithms;
        Ok(self.signed(verify_tls13_signature(message, certificate, signature, algorithms)))
    }

    /// Every scheme there is, so that no server has nothing to sign with.
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
            S::RSA_PKCS1_SHA256,
            S::RSA_PKCS1_SHA384,
            S::RSA_PKCS1_SHA512,
            S::RSA_PKCS1_SHA1,
            S::ECDSA_SHA1_Legacy,
        ]
    }
}
