//! TLS of the listeners, with certificates that are read again when they change.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;
use tracing::warn;

use super::address_rate::AddressRate;
use super::handshake::{FailedHandshake, HandshakeLog};
use super::limits::RequestRate;
use super::metrics::Metrics;
use super::watched_file::WatchedFile;
use crate::clean::clean;
use crate::engine::Clock;
use crate::error::plain;
use crate::net::{TlsIdentity, crypto_provider};

/// An address that was quiet may begin the handshakes of this time at once: after a restart of the server, all clients of a
/// host connect again.
const BURST: Duration = Duration::from_secs(5);

/// The files of a server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate with its chain, as PEM.
    pub certificate: PathBuf,
    /// The private key, as PEM; `None`: it is in the file of the certificate.
    pub key: Option<PathBuf>,
    /// Clients must have a certificate that one of these authorities signed.
    pub client_ca: Option<PathBuf>,
}

/// The current certificate.
pub struct ServerTls {
    files: TlsFiles,
    current: ArcSwap<CurrentCertificate>,
    failures: HandshakeLog,
    /// How many handshakes one address may begin; `None`: any number.
    rate: Option<AddressRate>,
    limits_loopback: bool,
    clock: Clock,
}

/// A certificate as it is presented.
struct CurrentCertificate {
    config: Arc<ServerConfig>,
    /// When it expires, in seconds since the epoch; `None`: that cannot be read.
    expires: Option<i64>,
}

impl CurrentCertificate {
    fn has_expired(&self) -> bool {
        self.expires.is_some_and(|at| at < Timestamp::now().as_second())
    }
}

impl ServerTls {
    /// The handshakes that one address may begin in a second by default: one takes the time of a hundred requests.
    pub const DEFAULT_HANDSHAKES: RequestRate = RequestRate { per_second: 50, limits_loopback: false };

    /// Reads the files. `handshakes`: how many one address may begin.
    ///
    /// # Errors
    /// Which file cannot be used, and why.
    pub fn new(files: TlsFiles, handshakes: RequestRate) -> Result<Self, String> {
        let current = read(&files)?;
        if current.has_expired() {
            let file = clean(&files.certificate.to_string_lossy());
            warn!(file, "the certificate has expired: no client that checks it connects");
        }
        Ok(Self {
            files,
            current: ArcSwap::from_pointee(current),
            failures: HandshakeLog::default(),
            rate: AddressRate::new(handshakes.per_second, BURST),
            limits_loopback: handshakes.limits_loopback,
            clock: Clock::coarse(),
        })
    }

    /// Counts a handshake that an address begins: whether it may.
    pub(super) fn takes_handshake(&self, peer: IpAddr) -> bool {
        let is_limited = self.limits_loopback || !peer.to_canonical().is_loopback();
        let rate = self.rate.as_ref().filter(|_| is_limited);
        rate.is_none_or(|rate| rate.check(peer, self.clock.nanos()).is_ok())
    }

    /// Takes the handshake of a new connection with the current certificate. Connections that are open keep theirs.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.current.load().config))
    }

    /// When the current certificate expires, in seconds since the epoch; `None`: that cannot be read.
    pub(super) fn expires(&self) -> Option<i64> {
        self.current.load().expires
    }

    /// Counts a handshake that failed, and logs why.
    pub(super) fn note_failure(&self, peer: SocketAddr, failed: &FailedHandshake, metrics: &Metrics) {
        metrics.handshake_failed(failed.reason);
        self.failures.note(peer, failed);
    }

    /// The files to watch.
    pub(super) fn watched(&self) -> Vec<WatchedFile> {
        let TlsFiles { certificate, key, client_ca } = self.files.clone();
        [Some(certificate), key, client_ca].into_iter().flatten().map(WatchedFile::new).collect()
    }

    /// Reads the files again. If one cannot be used, the key does not belong to the certificate yet, or the certificate has
    /// expired and the current one has not, the current certificate stays.
    ///
    /// # Errors
    /// Which file cannot be used, and why.
    pub(super) fn read_again(&self) -> Result<(), String> {
        let read = read(&self.files)?;
        if read.has_expired() && !self.current.load().has_expired() {
            return Err(format!("'{}' has expired", clean(&self.files.certificate.to_string_lossy())));
        }
        self.current.store(Arc::new(read));
        Ok(())
    }
}

fn read(files: &TlsFiles) -> Result<CurrentCertificate, String> {
    let identity = TlsIdentity::read(&files.certificate, files.key.as_deref())?;
    let builder = ServerConfig::builder_with_provider(crypto_provider()).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| error.to_string())?;

    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let roots = Arc::new(authorities(path)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, crypto_provider()).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| error.to_string())?)
        }
    };
    let mut config = builder.with_cert_resolver(identity.resolver());
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(CurrentCertificate { config: Arc::new(config), expires: identity.expires() })
}

fn authorities(path: &Path) -> Result<RootCertStore, String> {
    let shown = clean(&path.to_string_lossy());
    let text = std::fs::read(path).map_err(|error| format!("'{shown}' cannot be read: {}", plain(&error)))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|_| format!("'{shown}' is not valid PEM"))?;
        roots.add(certificate).map_err(|_| format!("'{shown}' has a certificate that cannot be an authority"))?;
    }
    if roots.is_empty() {
        return Err(format!("'{shown}' contains no certificate (-----BEGIN CERTIFICATE-----)"));
    }
    Ok(roots)
}
