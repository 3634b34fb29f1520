//! What a server shows of itself in TLS: to a modern client, and to one that offers everything.

use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{ClientCertificate, Handshake, Layer, OlderVersion, unsupported};
use crate::check::target::{CheckContext, CheckResult, CheckTarget, LocalFailure, peer_failure};
use crate::model::TlsFacts;
use crate::net::hello::{self, OWN_GROUPS, Offer, OfferedParameters, ServerChoice, Version, is_strong_suite};
use crate::net::tls::{self, HandshakeError, Proof};
use crate::net::{AsyncStream, ConnectionError, Deadline, has_p521_key, has_pss_key};

/// What was seen of a server.
#[derive(Debug)]
pub(super) struct TlsExamination {
    pub(super) handshake: Handshake,
    pub(super) client_certificate: ClientCertificate,
    /// The certificates as they were sent, the server's own first.
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) proof: Proof,
    /// The result of offering each version alone, if that was needed.
    pub(super) versions: Option<VersionOutcomes>,
}

/// The versions that were offered alone.
#[derive(Debug, Default)]
pub(super) struct VersionOutcomes {
    pub(super) older: Vec<OlderVersion>,
    /// The choice for the newest version that the server accepts.
    pub(super) choice: Option<ServerChoice>,
}

impl TlsExamination {
    fn of(handshake: Handshake) -> Self {
        let client_certificate = ClientCertificate::NotRequested;
        Self { handshake, client_certificate, chain: Vec::new(), proof: Proof::Missing, versions: None }
    }

    pub(super) fn is_silent(&self) -> bool {
        matches!(self.handshake, Handshake::TimedOut | Handshake::NotStarted(_))
    }

    /// Why nothing can be said about the protocol inside TLS.
    fn limit(&self) -> Option<String> {
        match (&self.handshake, &self.client_certificate) {
            (_, ClientCertificate::Required) => {
                Some("the server requires a client certificate: give one with --cert and --key".to_owned())
            }
            (Handshake::Unsupported { what, .. }, _) => Some(unsupported(what)),
            _ => None,
        }
    }
}

/// Separates failures of the peer from failures on this side, where the protocol is inside TLS: a TLS library that lacks
/// what the server requires, or a missing client certificate.
///
/// # Errors
/// If the failure is on this side.
pub(in crate::check) async fn peer_failure_or_limit(
    error: ConnectionError,
    target: &CheckTarget,
    context: &CheckContext,
) -> CheckResult<ConnectionError> {
    let error = peer_failure(error)?;
    let is_not_tls =
        matches!(&error, ConnectionError::Tls(error) if matches!(**error, rustls::Error::InvalidMessage(_)));
    let may_be_ours = matches!(
        error,
        ConnectionError::Tls(_) | ConnectionError::Closed | ConnectionError::Reset | ConnectionError::Garbled(_)
    );
    if target.layer == Layer::Plain || is_not_tls || !may_be_ours {
        return Ok(error);
    }

    match examine(target, context).await?.limit() {
        Some(limit) => Err(LocalFailure(limit)),
        None => Ok(error),
    }
}

/// Performs the handshake of a modern client; if that fails, looks at what the server accepts instead.
pub(super) async fn examine(target: &CheckTarget, context: &CheckContext) -> CheckResult<TlsExamination> {
    let alpn: &[&[u8]] = if matches!(target.layer, Layer::StartTls(_)) { &[] } else { &[b"h2", b"http/1.1"] };
    attempt(target, context, alpn).await
}

async fn attempt(target: &CheckTarget, context: &CheckContext, alpn: &[&[u8]]) -> CheckResult<TlsExamination> {
    let deadline = Deadline::after(context.timeout);
    let peer = match target.connect(deadline).await {
        Ok(peer) => peer,
        Err(error) => return before_tls(target, error),
    };

    match target.handshake(peer, alpn, deadline).await {
        Ok(handshake) => Ok(established(handshake, deadline).await),
        // Inside TLS is another protocol, such as DNS or MQTT.
        Err(failed) if !alpn.is_empty() && failed.refuses_protocols() => Box::pin(attempt(target, context, &[])).await,
        Err(failed) => without_handshake(target, context, failed).await,
    }
}

/// The connection or STARTTLS failed.
fn before_tls(target: &CheckTarget, error: ConnectionError) -> CheckResult<TlsExamination> {
    let handshake = match (peer_failure(error)?, target.layer) {
        (ConnectionError::TimedOut, Layer::StartTls(_)) => {
            Handshake::NotStarted("no reply in plain text in time, before STARTTLS".to_owned())
        }
        (ConnectionError::TimedOut, _) => Handshake::TimedOut,
        (error, _) => Handshake::Failed(error.to_string()),
    };
    Ok(TlsExamination::of(handshake))
}

async fn established<S: AsyncStream>(mut handshake: tls::Handshake<S>, deadline: Deadline) -> TlsExamination {
    let client_certificate = match (handshake.certificate_request, handshake.facts.version.as_deref()) {
        (tls::CertificateRequest::None, _) => ClientCertificate::NotRequested,
        // TLS 1.3 judges the client's certificate after the client's side of the handshake is over.
        (request, Some("TLSv1.3")) => {
            let refusal = refusal(&mut handshake.stream, deadline).await;
            match (request, refusal) {
                (tls::CertificateRequest::Answered, Some(cause)) => ClientCertificate::Refused(cause),
                (_, Some(_)) => ClientCertificate::Required,
                (request, None) => client_certificate(request),
            }
        }
        (request, _) => client_certificate(request),
    };

    let tls::Handshake { facts, chain, proof, .. } = handshake;
    TlsExamination { handshake: done(&facts), client_certificate, chain, proof, versions: None }
}

/// The client certificate of a handshake that the server accepted.
fn client_certificate(request: tls::CertificateRequest) -> ClientCertificate {
    match request {
        tls::CertificateRequest::None => ClientCertificate::NotRequested,
        tls::CertificateRequest::Unanswered => ClientCertificate::Optional,
        tls::CertificateRequest::Answered => ClientCertificate::Sent,
    }
}

/// Why the server refuses the client, if it does: ends this side of the connection, and reads how the server ends its own.
/// A server that accepts the client ends it in order, or sends data.
async fn refusal(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), deadline: Deadline) -> Option<String> {
    let exchange = async {
        // A server that has refused the client may have closed already.
        let _ = stream.shutdown().await;
        stream.read(&mut [0; 64]).await
    };
    match deadline.bound(exchange).await {
        Ok(Err(error)) => match ConnectionError::from(error) {
            ConnectionError::Tls(error) => Some(crate::net::describe_tls_error(&error)),
            _ => None,
        },
        _ => None,
    }
}

fn done(facts: &TlsFacts) -> Handshake {
    Handshake::Done {
        version: facts.version.as_deref().unwrap_or_default().to_owned(),
        cipher: facts.cipher.as_deref().unwrap_or_default().to_owned(),
        alpn: facts.alpn.as_ref().map(|protocol| protocol.as_raw().to_owned()),
    }
}

/// The handshake failed: because of a client certificate, or because the TLS library lacks what the server requires, or
/// because the server has no TLS.
async fn without_handshake(
    target: &CheckTarget,
    context: &CheckContext,
    failed: HandshakeError,
) -> CheckResult<TlsExamination> {
    let is_refused = failed.alert().is_some();
    let HandshakeError { error, chain, proof, certificate_request } = failed;
    let error = peer_failure(error)?;
    let client_certificate = match (certificate_request, &error) {
        (_, ConnectionError::TimedOut) | (tls::CertificateRequest::None, _) => ClientCertificate::NotRequested,
        (tls::CertificateRequest::Unanswered, _) => ClientCertificate::Required,
        (tls::CertificateRequest::Answered, error) => ClientCertificate::Refused(error.to_string()),
    };

    let handshake = match error {
        ConnectionError::TimedOut => Handshake::TimedOut,
        error => Handshake::Failed(error.to_string()),
    };
    let seen = TlsExamination { handshake, client_certificate, chain, proof, versions: None };
    if seen.is_silent() || seen.client_certificate != ClientCertificate::NotRequested {
        return Ok(seen);
    }

    let mut versions = ask_versions(target, context).await?;
    if versions.choice.as_ref().is_none_or(|choice| choice.version < Version::Tls12) {
        versions.choice =
            ask(target, context, (Version::Tls13, OfferedParameters::All)).await?.flatten().or(versions.choice);
    }
    let Some(choice) = versions.choice.clone() else {
        return Ok(TlsExamination { versions: Some(versions), ..seen });
    };
    let what = match missing_feature(&choice, is_refused) {
        Some(what) => Some(what),
        None if wants_signature(target, context, &choice).await? => {
            let what = if choice.chain.first().is_some_and(|leaf| has_p521_key(leaf)) {
                "ECDSA keys with secp521r1 in TLSv1.2"
            } else {
                "the signature algorithms of TLSv1.2"
            };
            Some(what.to_owned())
        }
        None => None,
    };
    let Some(what) = what else { return Ok(TlsExamination { versions: Some(versions), ..seen }) };

    let weak_only = !is_strong_suite(&choice.suite)
        && choice.version <= Version::Tls12
        && !accepts_strong_suite(target, context, choice.version).await?;
    let handshake =
        Handshake::Unsupported { version: choice.version.as_str().to_owned(), what, cipher: choice.suite, weak_only };
    Ok(TlsExamination { handshake, chain: choice.chain, proof: Proof::Missing, versions: Some(versions), ..seen })
}

/// What the TLS library lacks to speak with a server that makes this choice; `None` if it lacks nothing, and the server
/// refuses it for another reason.
fn missing_feature(choice: &ServerChoice, is_refused: bool) -> Option<String> {
    if choice.version < Version::Tls12 {
        return Some(choice.version.as_str().to_owned());
    }
    if !tls::supports_suite(&choice.suite) {
        return Some(format!("the cipher suite {}", choice.suite));
    }
    if let Some(group) = choice.group.as_deref().filter(|group| !OWN_GROUPS.contains(group)) {
        return Some(format!("the key exchange with {group}"));
    }

    let version = choice.version.as_str();
    match choice.chain.first() {
        Some(leaf) if choice.version == Version::Tls12 && has_pss_key(leaf) => {
            Some(format!("RSASSA-PSS keys in {version}"))
        }
        _ if is_refused => None,
        _ => Some(format!("a parameter of {version} with {}", choice.suite)),
    }
}

/// Whether a server of TLS 1.2 refuses the signature schemes and curves of portolan's TLS library, and accepts those of
/// OpenSSL's client. A curve of the key must be among the groups (RFC 8422, 5.1).
async fn wants_signature(target: &CheckTarget, context: &CheckContext, choice: &ServerChoice) -> CheckResult<bool> {
    if choice.version != Version::Tls12 {
        return Ok(false);
    }
    let own = ask(target, context, (Version::Tls12, OfferedParameters::Own)).await?;
    Ok(own == Some(None)
        && ask(target, context, (Version::Tls12, OfferedParameters::OpenSsl)).await?.flatten().is_some())
}

async fn accepts_strong_suite(target: &CheckTarget, context: &CheckContext, version: Version) -> CheckResult<bool> {
    let choice = ask(target, context, (version, OfferedParameters::StrongSuites)).await?;
    // Without a reply nothing is known, and no finding may claim otherwise.
    Ok(choice.is_none_or(|choice| choice.is_some()))
}

/// Offers each version before TLS 1.3 alone. Stops when the server does not reply, because it may limit connections.
pub(super) async fn ask_versions(target: &CheckTarget, context: &CheckContext) -> CheckResult<VersionOutcomes> {
    let mut outcomes = VersionOutcomes::default();
    for version in Version::OLD {
        let Some(choice) = ask(target, context, (version, OfferedParameters::All)).await? else { break };
        outcomes.older.push(OlderVersion { version: version.as_str().to_owned(), accepted: choice.is_some() });
        outcomes.choice = outcomes.choice.or(choice);
    }
    Ok(outcomes)
}

/// Makes one offer; the outer `None` if the server does not reply in time.
async fn ask(
    target: &CheckTarget,
    context: &CheckContext,
    (version, parameters): (Version, OfferedParameters),
) -> CheckResult<Option<Option<ServerChoice>>> {
    let offer = Offer { version, name: server_name(target), parameters };
    let deadline = Deadline::after(context.timeout);
    let outcome = match target.connect(deadline).await {
        Ok(mut peer) => hello::offer(&mut peer, offer).await,
        Err(error) => Err(error),
    };

    match outcome {
        Ok(choice) => Ok(Some(choice)),
        Err(error) => {
            peer_failure(error)?;
            Ok(None)
        }
    }
}

fn server_name(target: &CheckTarget) -> Option<&str> {
    target.name.as_deref().filter(|name| name.parse::<std::net::IpAddr>().is_err())
}
