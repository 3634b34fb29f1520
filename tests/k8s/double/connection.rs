//! From a TCP connection to requests: TLS, the version of HTTP, and how a connection ends.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ServerConfig, WebPkiClientVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme};
use socket2::SockRef;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::{Shared, route};

pub async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let acceptor = TlsAcceptor::from(Arc::new(config(&shared)));
    while let Ok((stream, _)) = listener.accept().await {
        shared.connections.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(serve(stream, acceptor.clone(), Arc::clone(&shared)));
    }
}

/// The properties of a connection that its requests need.
pub struct Connection {
    pub shared: Arc<Shared>,
    /// The certificate that the client showed.
    pub certificate: Option<CertificateDer<'static>>,
    /// Whether the connection is to end in a reset, once it ends.
    pub reset: AtomicBool,
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    let mut first = [0];
    if stream.peek(&mut first).await.is_ok_and(|count| count == 1) && first[0] != 0x16 {
        return refuse_plain(stream).await;
    }
    let Ok(std) = stream.into_std() else { return };
    // Another handle on the same socket: TLS and HTTP keep theirs to themselves.
    let Ok(handle) = std.try_clone() else { return };
    let Ok(stream) = TcpStream::from_std(std) else { return };
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let session = stream.get_ref().1;
    let is_http2 = session.alpn_protocol() == Some(b"h2");
    let certificate =
        session.peer_certificates().and_then(|chain| chain.first()).map(|first| first.clone().into_owned());
    let connection = Arc::new(Connection { shared: Arc::clone(&shared), certificate, reset: AtomicBool::new(false) });
    let service = {
        let connection = Arc::clone(&connection);
        service_fn(move |request| {
            let connection = Arc::clone(&connection);
            async move { Ok::<_, Infallible>(route::answer(request, connection).await) }
        })
    };
    let io = TokioIo::new(stream);
    // One after the other: hyper's two kinds of connection share no trait.
    if is_http2 {
        let mut served = std::pin::pin!(http2::Builder::new(TokioExecutor::new()).serve_connection(io, service));
        tokio::select! {
            _ = served.as_mut() => {}
            () = shared.goaway.notified() => { served.as_mut().graceful_shutdown(); let _ = served.await; }
        }
    } else {
        let mut served = std::pin::pin!(http1::Builder::new().serve_connection(io, service));
        tokio::select! {
            _ = served.as_mut() => {}
            () = shared.goaway.notified() => { served.as_mut().graceful_shutdown(); let _ = served.await; }
        }
    }
    if connection.reset.load(Ordering::Relaxed) {
        // With unsent data dropped and no lingering, the last handle that closes sends a reset.
        let _ = SockRef::from(&handle).set_linger(Some(Duration::ZERO));
    }
}

/// The reply of Go's server to plain HTTP.
async fn refuse_plain(mut stream: TcpStream) {
    let text = "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.shutdown().await;
}

fn config(shared: &Shared) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let identity = shared.authority.server();
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(Arc::new(AnyClient(verifier(shared))))
        .with_single_cert(identity.chain(), identity.private_key())
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

/// Verifies client certificates.
pub fn verifier(shared: &Shared) -> Arc<dyn ClientCertVerifier> {
    let mut roots = RootCertStore::empty();
    roots.add(shared.authority.der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap()
}

/// Accepts any certificate in the handshake, as a kube-apiserver does: the request decides about it, and the
/// reply to an invalid one is 401.
#[derive(Debug)]
struct AnyClient(Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for AnyClient {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
