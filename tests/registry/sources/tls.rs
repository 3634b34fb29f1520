//! TLS to a registry: authorities from a file, the name in the certificate, and a certificate of this client.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use portolan::source::{Consul, ConsulEnvironment, collect};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::TempDir;

/// A server for `consul.test` that demands a client certificate of the same authority, and the files of both.
struct SecureServer {
    address: SocketAddr,
    dir: TempDir,
}

fn issued(name: &str, issuer: &Issuer<'_, KeyPair>) -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, issuer).unwrap();
    (certificate, key)
}

impl SecureServer {
    async fn start() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_key = KeyPair::generate().unwrap();
        let ca = params.self_signed(&ca_key).unwrap();
        let issuer = Issuer::new(params, ca_key);
        let (server, server_key) = issued("consul.test", &issuer);
        let (client, client_key) = issued("client.test", &issuer);

        let dir = TempDir::new();
        for (name, pem) in [("ca", ca.pem()), ("cert", client.pem()), ("key", client_key.serialize_pem())] {
            fs::write(dir.path().join(name), pem).unwrap();
        }
        let mut roots = RootCertStore::empty();
        roots.add(ca.der().clone()).unwrap();
        let provider = Arc::new(ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(server_key.serialize_der()));
        let config =
            builder.with_client_cert_verifier(verifier).with_single_cert(vec![server.der().clone()], key).unwrap();

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(config))));
        Self { address, dir }
    }

    fn file(&self, name: &str) -> Option<PathBuf> {
        Some(self.dir.path().join(name))
    }

    /// With everything that it needs.
    fn source(&self) -> Consul {
        Consul {
            address: Some(format!("https://{}", self.address)),
            ca: self.file("ca"),
            cert: self.file("cert"),
            key: self.file("key"),
            tls_server_name: Some("consul.test".to_owned()),
            timeout: Duration::from_secs(10),
            ..Consul::default()
        }
    }
}

/// An empty service for every request, one request per connection.
async fn serve(listener: TcpListener, acceptor: TlsAcceptor) {
    while let Ok((stream, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap_or(0);
            let is_catalog = request[..length].starts_with(b"GET /v1/catalog");
            let body = if is_catalog { r#"{"consul":[]}"# } else { "[]" };
            let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
            let _ = stream.shutdown().await;
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_are_verified_and_presented() {
    let server = SecureServer::start().await;
    collect(&server.source()).await.unwrap();

    // The same by the variables of Consul's own programs, where an address without a scheme is https.
    let environment = ConsulEnvironment {
        address: Some(server.address.to_string()),
        tls: true,
        ca: server.file("ca"),
        certificate: server.file("cert"),
        key: server.file("key"),
        server_name: Some("consul.test".to_owned()),
        ..ConsulEnvironment::default()
    };
    collect(&Consul { environment, ..Consul::default() }).await.unwrap();

    for (what, source, why) in [
        ("no authority", Consul { ca: None, ..server.source() }, "the certificate's issuer is not trusted"),
        (
            "another name",
            Consul { tls_server_name: None, ..server.source() },
            "the certificate does not cover the name",
        ),
        ("no certificate", Consul { cert: None, key: None, ..server.source() }, "it requires a client certificate"),
    ] {
        let mut error = collect(&source).await.unwrap_err();
        // With TLS 1.3 a server refuses a client after its handshake, and the connection may end before the reason is read.
        for _ in 0..20 {
            if !error.to_string().contains("closed the connection before the request") {
                break;
            }
            error = collect(&source).await.unwrap_err();
        }
        let text = error.to_string();
        assert!(
            text.starts_with("cannot list the services of Consul: https://") && text.contains(why),
            "{what}: {text}"
        );
        assert!(error.hint().contains("--ca"), "{what}: {}", error.hint());
    }
    let plain = Consul { address: Some(server.address.to_string()), ..server.source() };
    let error = collect(&plain).await.unwrap_err();
    assert!(error.to_string().contains(&server.address.to_string()), "{error}");
    let bad = Consul { key: server.file("ca"), ..server.source() };
    let error = collect(&bad).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot use the client certificate"), "{error}");
}
