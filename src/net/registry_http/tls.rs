//! TLS to a registry: its cryptography, its roots, and the certificate of this client.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::clean::clean;
use crate::engine::Cancel;
use crate::error::{Error, Result, plain};
use crate::net::{TlsIdentity, crypto_provider, read_file};

/// What a client trusts and presents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RegistryTls {
    /// A PEM file with the certificates of authorities, instead of those of the system.
    pub(crate) ca: Option<PathBuf>,
    /// A PEM file with this client's certificate.
    pub(crate) certificate: Option<PathBuf>,
    /// A PEM file with its private key, unless that is in the certificate's file.
    pub(crate) key: Option<PathBuf>,
    /// The name in the server's certificate, if it differs from the host.
    pub(crate) server_name: Option<String>,
}

const MAX_BYTES: usize = 4 << 20;
const READ_TIMEOUT: Duration = Duration::from_secs(3);
const HINT: &str = "give a PEM file: -----BEGIN CERTIFICATE-----";

impl RegistryTls {
    /// The configuration. Without TLS nothing is read.
    ///
    /// # Errors
    /// A file cannot be used, or this system has no root certificates.
    pub(crate) fn config(&self, is_encrypted: bool) -> Result<ClientConfig> {
        let builder = ClientConfig::builder_with_provider(crypto_provider()).with_safe_default_protocol_versions();
        let builder =
            builder.map_err(|error| Error::usage("TLS", error.to_string(), "this is a bug: please report it"))?;
        if !is_encrypted {
            return Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth());
        }

        let builder = builder.with_root_certificates(self.roots()?);
        let Some(certificate) = &self.certificate else { return Ok(builder.with_no_client_auth()) };
        let identity = TlsIdentity::read(certificate, self.key.as_deref())
            .map_err(|why| Error::usage("the client certificate", why, HINT))?;
        Ok(builder.with_client_cert_resolver(identity.resolver()))
    }

    fn roots(&self) -> Result<RootCertStore> {
        let mut roots = RootCertStore::empty();
        let Some(path) = &self.ca else {
            let (added, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if added == 0 {
                let why = "this system has no root certificates";
                return Err(Error::usage("https", why, "install ca-certificates, or name a file of authorities"));
            }
            return Ok(roots);
        };

        let shown = format!("'{}'", clean(&path.to_string_lossy()));
        let bytes = read_file(path, MAX_BYTES, &Cancel::new(), Some(Instant::now() + READ_TIMEOUT))
            .map_err(|error| Error::usage(&shown, plain(&error), HINT))?;
        let certificates = CertificateDer::pem_slice_iter(&bytes)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| Error::usage(&shown, "it is not valid PEM", HINT))?;
        let (added, _) = roots.add_parsable_certificates(certificates);
        if added == 0 {
            return Err(Error::usage(&shown, "it contains no certificate", HINT));
        }
        Ok(roots)
    }
}

/// Connects to the real host, while the URL has the name of the certificate.
pub(super) struct ServerNameResolver(String);

impl ServerNameResolver {
    pub(super) fn new(host: &str) -> Self {
        Self(host.to_owned())
    }
}

impl Resolve for ServerNameResolver {
    fn resolve(&self, _name: Name) -> Resolving {
        let host = self.0.clone();
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
