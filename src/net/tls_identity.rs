//! A certificate with its private key: of this program as a client, or as a server.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
#[cfg(any(feature = "cli", feature = "consul", feature = "etcd", feature = "registry", feature = "serve"))]
use rustls::sign::SingleCertAndKey;
use rustls::{Error, InconsistentKeys};

use super::crypto::provider;
use super::read_file;
use crate::clean::clean;
use crate::engine::Cancel;
use crate::error::plain;

/// A certificate with its private key. The key is never shown.
#[derive(Clone)]
pub(crate) struct TlsIdentity(Arc<CertifiedKey>);

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsIdentity(***)")
    }
}

/// Maximum length of a file.
const MAX_BYTES: usize = 1 << 20;
/// Maximum time for reading a file: a FIFO may have no writer.
const READ_TIMEOUT: Duration = Duration::from_secs(3);

impl TlsIdentity {
    /// Reads a certificate with its chain, and its private key, from PEM files. Without `key`, the certificate's file has
    /// both.
    ///
    /// # Errors
    /// Which file cannot be used, and why.
    pub(crate) fn read(certificate: &Path, key: Option<&Path>) -> Result<Self, String> {
        let describe = |path: &Path, cause: &str| format!("'{}' {cause}", clean(&path.to_string_lossy()));
        let chain = CertificateDer::pem_slice_iter(&read(certificate)?)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| describe(certificate, "is not valid PEM"))?;
        if chain.is_empty() {
            return Err(describe(certificate, "contains no certificate (-----BEGIN CERTIFICATE-----)"));
        }

        let key_path = key.unwrap_or(certificate);
        let bytes = read(key_path)?;
        let key = PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| {
            let is_encrypted = bytes.windows(9).any(|window| window == b"ENCRYPTED");
            let cause =
                if is_encrypted { "is encrypted: decrypt it with openssl pkey" } else { "contains no private key" };
            describe(key_path, cause)
        })?;

        let signer = provider()
            .key_provider
            .load_private_key(key)
            .map_err(|_| describe(key_path, "contains a private key of an unsupported kind"))?;
        let certified = CertifiedKey::new(chain, signer);
        match certified.keys_match() {
            Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
                Err(describe(key_path, "does not belong to the certificate"))
            }
            _ => Ok(Self(Arc::new(certified))),
        }
    }

    /// Presents the certificate to every peer that asks for one.
    #[cfg(any(feature = "cli", feature = "consul", feature = "etcd", feature = "registry", feature = "serve"))]
    pub(crate) fn resolver(&self) -> Arc<SingleCertAndKey> {
        Arc::new(SingleCertAndKey::from(self.key()))
    }

    /// When the certificate expires, in seconds since the epoch; `None` if it cannot be read.
    #[cfg(feature = "serve")]
    pub(crate) fn expires(&self) -> Option<i64> {
        let leaf = super::certificate::certificate(self.0.end_entity_cert().ok()?)?;
        leaf.not_after.map(crate::model::CertificateTime::as_second)
    }

    pub(super) fn key(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let until = Instant::now() + READ_TIMEOUT;
    read_file(path, MAX_BYTES, &Cancel::new(), Some(until))
        .map_err(|error| format!("'{}' cannot be read: {}", clean(&path.to_string_lossy()), plain(&error)))
}
