//! TLS: the certificate in the handshake, and the protocol inside.

use std::sync::Arc;

use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::ResolvesServerCertUsingSni;
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, crypto::ring};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::own::{Peers, identified, mute, run};

/// An acceptor with a certificate of the test's making.
fn acceptor(alpn: &[&[u8]], change: impl FnOnce(&mut CertificateParams)) -> TlsAcceptor {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["shop.test".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2031, 5, 4);
    change(&mut params);
    let certificate = params.self_signed(&key).unwrap().der().clone();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let mut config = builder.with_single_cert(vec![certificate], key).unwrap();
    config.alpn_protocols = alpn.iter().map(|word| word.to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

async fn page(acceptor: TlsAcceptor, stream: TcpStream) {
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    let mut question = [0; 2048];
    if stream.read(&mut question).await.is_ok_and(|read| read > 0) {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nServer: inside/3\r\nContent-Length: 2\r\n\r\nok").await;
        let _ = stream.shutdown().await;
    }
}

#[test]
fn the_certificate_and_the_protocol_inside_are_reported() {
    let peers = Peers::new();
    let acceptor = acceptor(&[], |params| params.distinguished_name.push(DnType::CommonName, "shop\u{1b}[31m\0.test"));
    let peer = peers.serve(move |stream| page(acceptor.clone(), stream));
    let service = identified(&peer, &[]);
    assert_eq!((&service["protocol"], &service["product"]), (&"http".into(), &"inside".into()), "{service}");
    let tls = &service["tls"];
    assert_eq!((&tls["version"], &tls["chain_length"]), (&"TLSv1.3".into(), &1.into()));
    let certificate = &tls["certificates"][0];
    assert_eq!(certificate["names"], serde_json::json!(["shop.test", "127.0.0.1"]));
    assert_eq!(certificate["not_after"], "2031-05-04T00:00:00Z");
    assert_eq!((&certificate["key"]["kind"], &certificate["key"]["bits"]), (&"EC".into(), &256.into()));
    assert_eq!(certificate["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(certificate["common_name"], "shop\u{1b}[31m\0.test");
    let port = peer.address.port().to_string();
    let wide = run(&["scan", "127.0.0.1", "-p", &port, "--identify", "-o", "wide"]);
    let text = String::from_utf8(wide.stdout).unwrap();
    assert!(text.contains("shop.test,127.0.0.1") && text.contains("2031-05-04") && text.contains("TLSv1.3"), "{text}");
    assert!(!text.contains('\x1b'));
}

#[test]
fn http_2_is_spoken_where_tls_agrees_on_it() {
    let peers = Peers::new();
    let acceptor = acceptor(&[b"h2"], |_| {});
    let peer = peers.serve(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let Ok(mut connection) = h2::server::handshake(stream).await else { return };
            while let Some(Ok((_, mut respond))) = connection.accept().await {
                let head = http::Response::builder().status(418).header("server", "teapot/2.0").body(()).unwrap();
                let mut body = respond.send_response(head, false).unwrap();
                let _ = body.send_data(bytes::Bytes::from_static(b"<title>short and stout</title>"), true);
            }
        }
    });
    let service = identified(&peer, &[]);
    assert_eq!(
        (&service["protocol"], &service["product"], &service["version"]),
        (&"http".into(), &"teapot".into(), &"2.0".into()),
        "{service}"
    );
    assert_eq!((&service["facts"]["http_version"], &service["facts"]["status"]), (&"2".into(), &418.into()));
    assert_eq!(service["facts"]["title"], "short and stout");
    assert_eq!(service["tls"]["alpn"], "h2");
}

#[test]
fn tls_with_an_unknown_protocol_inside_is_tls() {
    let peers = Peers::new();
    let acceptor = acceptor(&[], |_| {});
    let peer = peers.serve(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let _ = stream.write_all(b"who goes there\n").await;
                let _ = stream.read(&mut [0; 1024]).await;
            }
        }
    });
    let service = identified(&peer, &[]);
    assert_eq!((&service["protocol"], &service["banner"]), (&"tls".into(), &"who goes there".into()), "{service}");
    assert_eq!(service["tls"]["certificates"][0]["names"][0], "shop.test");
}

#[test]
fn a_kubelet_is_known_by_its_certificate_and_its_refusal() {
    // Kubernetes' documentation: a serving certificate has the subject CN=system:node:NAME, O=system:nodes ("Certificate
    // Signing Requests", kubernetes.io/kubelet-serving); an anonymous client gets 401 Unauthorized ("Kubelet
    // authentication/authorization").
    let peers = Peers::new();
    let acceptor = acceptor(&[], |params| {
        params.distinguished_name.push(DnType::OrganizationName, "system:nodes");
        params.distinguished_name.push(DnType::CommonName, "system:node:n2");
    });
    let peer = peers.serve(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            if stream.read(&mut [0; 2048]).await.is_ok_and(|read| read > 0) {
                let _ = stream.write_all(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 12\r\n\r\nUnauthorized").await;
                let _ = stream.shutdown().await;
            }
        }
    });
    let service = identified(&peer, &[]);
    assert_eq!((&service["protocol"], &service["facts"]["node"]), (&"kubelet".into(), &"n2".into()), "{service}");
}

#[test]
fn a_refusal_in_tls_is_tls() {
    let peers = Peers::new();
    // handshake_failure to every request (RFC 8446, 6): a server of old versions only.
    let peer = peers.serve(|mut stream| async move {
        let mut question = [0; 2048];
        let read = stream.read(&mut question).await.unwrap_or(0);
        if read > 0 && question[0] == 22 {
            let _ = stream.write_all(b"\x15\x03\x01\x00\x02\x02\x46").await;
        }
    });
    let service = identified(&peer, &[]);
    assert_eq!(service["protocol"], "tls", "{service}");
    assert!(service["facts"]["handshake"].as_str().unwrap().contains("protocol_version"), "{service}");
    assert!(service["tls"]["chain_length"].is_null(), "there is no certificate: {service}");
}

#[test]
fn a_server_that_stalls_in_the_handshake_delays_no_other() {
    let peers = Peers::new();
    let peer = peers.serve(|mut stream| async move {
        let mut question = [0; 2048];
        // The first bytes of a ServerHello's record, and nothing more.
        if stream.read(&mut question).await.is_ok_and(|read| read > 0 && question[0] == 22) {
            let _ = stream.write_all(b"\x16\x03\x03\x00\x7a\x02").await;
        }
        mute(stream).await;
    });
    assert!(identified(&peer, &[])["protocol"].is_null());
}

/// Two names of one address: each is asked for by SNI, and identified by its own certificate.
#[test]
fn each_name_of_an_address_gets_its_own_certificate() {
    let provider = ring::default_provider();
    let mut by_name = ResolvesServerCertUsingSni::new();
    for name in ["a.test", "b.test"] {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let certified = CertifiedKey::from_der(vec![certificate.der().clone()], key, &provider).unwrap();
        by_name.add(name, certified).unwrap();
    }
    let builder = ServerConfig::builder_with_provider(Arc::new(provider));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let acceptor = TlsAcceptor::from(Arc::new(builder.with_cert_resolver(Arc::new(by_name))));

    let peers = Peers::new();
    let peer = peers.serve(move |stream| page(acceptor.clone(), stream));
    let document = crate::late::scan_names(&["a.test", "b.test"], peer.address.port());
    let names: Vec<_> = document["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["endpoints"][0]["service"]["tls"]["certificates"][0]["names"].clone())
        .collect();
    assert_eq!(names, [serde_json::json!(["a.test"]), serde_json::json!(["b.test"])], "{document}");
}
