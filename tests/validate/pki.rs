//! Certificates that the tests make, and servers that present them.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::peer::{Peer, answer};

/// The server name of every check.
pub(crate) const NAME: &str = "www.shop.test";

/// An authority.
pub(crate) struct Authority {
    pub(crate) pem: String,
    pub(crate) der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

impl Authority {
    pub(crate) fn root(name: &str) -> Self {
        let (key, params) = (KeyPair::generate().unwrap(), authority_params(name));
        let made = params.self_signed(&key).unwrap();
        Self { pem: made.pem(), der: made.der().clone(), issuer: Issuer::new(params, key) }
    }

    /// An intermediate authority, signed by this one.
    pub(crate) fn below(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let (key, mut params) = (KeyPair::generate().unwrap(), authority_params(name));
        change(&mut params);
        let made = params.signed_by(&key, &self.issuer).unwrap();
        Self { pem: made.pem(), der: made.der().clone(), issuer: Issuer::new(params, key) }
    }

    /// A server's certificate of this authority.
    #[expect(clippy::needless_pass_by_value, reason = "every key is made for one certificate")]
    pub(crate) fn issue(&self, key: KeyPair, change: impl FnOnce(&mut CertificateParams)) -> Shown {
        let params = leaf_params(change);
        let made = params.signed_by(&key, &self.issuer).unwrap();
        Shown { pem: made.pem(), chain: vec![made.der().clone()], key: key.serialize_der() }
    }
}

pub(crate) fn leaf_params(change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut params = CertificateParams::new(vec![NAME.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, NAME);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.not_before = rcgen::date_time_ymd(2024, 1, 1);
    params.not_after = rcgen::date_time_ymd(2044, 1, 1);
    change(&mut params);
    params
}

/// A server's chain and key.
pub(crate) struct Shown {
    pub(crate) pem: String,
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: Vec<u8>,
}

impl Shown {
    pub(crate) fn self_signed(change: impl FnOnce(&mut CertificateParams)) -> Self {
        let key = KeyPair::generate().unwrap();
        let made = leaf_params(change).self_signed(&key).unwrap();
        Self { pem: made.pem(), chain: vec![made.der().clone()], key: key.serialize_der() }
    }

    pub(crate) fn with(mut self, authority: &Authority) -> Self {
        self.chain.push(authority.der.clone());
        self
    }

    /// A server that presents it, and speaks HTTP inside.
    pub(crate) fn serve(&self) -> Peer {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let key = PrivateKeyDer::try_from(self.key.clone()).unwrap();
        let config = builder.with_no_client_auth().with_single_cert(self.chain.clone(), key);
        let config = Arc::new(config.unwrap());
        Peer::serving(move |stream| {
            let mut tls = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
            let mut head = [0; 4096];
            // A client that only reads the certificate sends no request.
            if tls.read(&mut head).is_ok_and(|read| read > 0) {
                let _ = tls.write_all(&answer("200 OK", "", "ok"));
                let _ = tls.flush();
            }
        })
    }
}

/// A server that presents a certificate without having its key.
pub(crate) fn serve_unchecked(shown: &Shown) -> Peer {
    #[derive(Debug)]
    struct Always(Arc<rustls::sign::CertifiedKey>);
    impl rustls::server::ResolvesServerCert for Always {
        fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<rustls::sign::CertifiedKey>> {
            Some(Arc::clone(&self.0))
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = provider.key_provider.load_private_key(PrivateKeyDer::try_from(shown.key.clone()).unwrap()).unwrap();
    let shown = Arc::new(rustls::sign::CertifiedKey::new(shown.chain.clone(), key));
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(builder.with_no_client_auth().with_cert_resolver(Arc::new(Always(shown))));
    Peer::serving(move |stream| {
        let mut tls = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
        // It goes on until the other end does.
        let _ = tls.read(&mut [0; 16]);
    })
}

/// An RSA key, which rcgen cannot make on ring.
pub(crate) fn rsa_key() -> KeyPair {
    KeyPair::from_pem(&openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"])).unwrap()
}

/// Runs openssl, with nothing on its standard input.
pub(crate) fn openssl(args: &[&str]) -> String {
    let output = Command::new("openssl").args(args).stdin(Stdio::null()).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn put(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, text).unwrap();
    path
}
