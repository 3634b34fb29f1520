//! Peers with broken and hostile TLS handshakes.

use std::io;
use std::sync::Arc;

use rcgen::{CertificateParams, DistinguishedName, DnType, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio::io::AsyncReadExt;
use tokio_rustls::TlsAcceptor;

use super::{Connection, Peer};

pub fn all() -> Vec<Peer> {
    let mut peers = vec![
        Peer::new("stall after the ClientHello", |mut connection| async move {
            connection.hear().await?;
            connection.wait().await
        }),
        Peer::new("stall after the ServerHello", |mut connection| async move {
            connection.hear().await?;
            // RFC 8446, 4.1.3, which claims a handshake message of 16 MiB.
            connection.say(b"\x16\x03\x03\x00\x2c\x02\xff\xff\xff\x03\x03").await?;
            connection.say([7; 36]).await?;
            connection.wait().await
        }),
        Peer::new("alert flood", |mut connection| async move {
            connection.hear().await?;
            loop {
                connection.say(b"\x15\x03\x03\0\x02\x01\x5a".repeat(1024)).await?;
            }
        }),
        Peer::new("TLS 1.0 only", |mut connection| async move {
            connection.hear().await?;
            connection.say(b"\x15\x03\x01\0\x02\x02\x46").await
        }),
        Peer::new("HTTP where TLS belongs", |mut connection| async move {
            connection.hear().await?;
            connection.say("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await?;
            connection.wait().await
        }),
    ];
    let key = || KeyPair::generate().expect("a key");
    let params = |names: Vec<String>| CertificateParams::new(names).expect("names");
    let mut expired = params(vec!["test.local".into()]);
    expired.not_before = date_time_ymd(2000, 1, 1);
    expired.not_after = date_time_ymd(2001, 1, 1);
    let mut future = params(vec!["test.local".into()]);
    future.not_before = date_time_ymd(2100, 1, 1);
    future.not_after = date_time_ymd(2101, 1, 1);
    let mut nameless = params(Vec::new());
    nameless.distinguished_name = DistinguishedName::new();
    let mut escaped = params(vec!["test.local".into()]);
    escaped.distinguished_name.push(DnType::CommonName, super::tcp::ESCAPES);
    let many = params((0..10_000).map(|number| format!("name-{number}.test.local")).collect());
    for (name, params) in [
        ("expired", expired),
        ("not yet valid", future),
        ("no subject", nameless),
        ("escapes in a certificate", escaped),
        ("10,000 names", many),
    ] {
        let key = key();
        let own = params.self_signed(&key).expect("a certificate");
        peers.push(serving(name, vec![own.der().clone()], &key));
    }
    peers.push(long_chain(&key()));
    peers
}

/// A chain of 200 certificates, each signed by itself.
fn long_chain(key: &KeyPair) -> Peer {
    let params = CertificateParams::new(vec!["test.local".to_owned()]).expect("names");
    let issuer = Issuer::from_params(&params, key);
    let own = params.signed_by(key, &issuer).expect("a certificate");
    serving("chain of 200", vec![own.der().clone(); 200], key)
}

/// Presents these certificates, and stays silent inside TLS.
fn serving(name: &'static str, chain: Vec<CertificateDer<'static>>, key: &KeyPair) -> Peer {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    // Not by `with_single_cert`, which refuses what is wrong.
    let key = provider.key_provider.load_private_key(key).expect("a key");
    let shown = SingleCertAndKey::from(CertifiedKey::new(chain, key));
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    let config = config.with_no_client_auth().with_cert_resolver(Arc::new(shown));
    let acceptor = TlsAcceptor::from(Arc::new(config));
    Peer::new(name, move |connection: Connection| {
        let acceptor = acceptor.clone();
        async move {
            let mut inside = acceptor.accept(connection).await?;
            while inside.read(&mut [0; 1024]).await? > 0 {}
            io::Result::Ok(())
        }
    })
}
