//! What each check of a validator finds, by its own peers: open, closed and silent ports, statuses, slow replies, and
//! certificates.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use portolan::health::Validator;
use portolan::model::{CheckLimits, CheckName, CheckSpec, HealthState};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use socket2::{Domain, Socket, Type};

use crate::validation::{closed, codes, health, only, quick, serve, service};

/// A port that replies to no SYN: its queue is full, and no process takes from it.
struct SilentPort {
    address: SocketAddr,
    _sockets: Vec<Socket>,
}

impl SilentPort {
    fn new() -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap();

        let fillers = (0..4).map(|_| {
            let filler = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            filler.set_nonblocking(true).unwrap();
            // The first ones are queued, the others wait.
            let _ = filler.connect(&address);
            filler
        });
        let sockets = fillers.chain([listener]).collect();
        Self { address: address.as_socket().unwrap(), _sockets: sockets }
    }
}

/// The state, and the findings without those about latency, which depend on what else this machine does.
async fn findings_of(spec: CheckSpec, address: SocketAddr) -> (HealthState, Vec<String>) {
    let health = health(&Validator::new(quick()).with_spec(spec), service(address)).await;
    let codes = codes(&health).into_iter().filter(|code| !code.contains("-latency-"));
    (health.state, codes.collect())
}

#[tokio::test]
async fn an_open_a_closed_and_a_filtered_port_differ() {
    let tcp = || only(&[CheckName::Tcp]);
    assert_eq!(findings_of(tcp(), serve(|_| None)).await, (HealthState::Healthy, vec![]));
    assert_eq!(findings_of(tcp(), closed()).await, (HealthState::Unhealthy, vec!["tcp-refused".to_owned()]));

    let silent = SilentPort::new();
    assert_eq!(findings_of(tcp(), silent.address).await, (HealthState::Unhealthy, vec!["tcp-timeout".to_owned()]));
}

/// The port never answers, so only the timeout can end the attempt.
#[tokio::test]
async fn connecting_ends_by_the_timeout_of_the_run_or_of_the_service() {
    let silent = SilentPort::new();
    let mut limits = CheckLimits::default();
    limits.timeout = Some(Duration::from_millis(100));
    let mut patient = quick();
    patient.timeout = Duration::from_hours(1);

    let spec = CheckSpec { limits, ..only(&[CheckName::Tcp]) };
    let health = health(&Validator::new(patient).with_spec(spec), service(silent.address)).await;
    assert_eq!(codes(&health), ["tcp-timeout"]);
}

/// Each read gets a byte in time, and the reply is never complete: the limit is that of the whole exchange.
#[tokio::test]
async fn a_reply_that_drips_ends_by_the_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
                while stream.write_all(b"x").is_ok() {
                    thread::sleep(Duration::from_millis(20));
                }
            });
        }
    });

    let (state, found) = findings_of(only(&[CheckName::Tcp, CheckName::Http]), address).await;
    assert_eq!((state, found), (HealthState::Unhealthy, vec!["http-timeout".to_owned()]));
}

#[tokio::test]
async fn each_status_has_its_finding() {
    let http = || only(&[CheckName::Tcp, CheckName::Http]);
    let with_path = || CheckSpec { path: Some("/health".parse().unwrap()), ..http() };

    for (spec, address, state, expected) in [
        (http(), serve(|_| Some("200 OK")), HealthState::Healthy, None),
        (http(), serve(|_| Some("404 Not Found")), HealthState::Healthy, Some("http-no-root")),
        (with_path(), serve(|_| Some("404 Not Found")), HealthState::Degraded, Some("http-not-found")),
        (http(), serve(|_| Some("500 Oh")), HealthState::Unhealthy, Some("http-5xx")),
        (http(), serve(|_| None), HealthState::Unhealthy, Some("http-timeout")),
    ] {
        let expected: Vec<String> = expected.map(str::to_owned).into_iter().collect();
        assert_eq!(findings_of(spec, address).await, (state, expected));
    }
}

/// A root of the tests' own.
struct Root {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Root {
    fn new() -> Self {
        let (key, mut params) = (KeyPair::generate().unwrap(), CertificateParams::new(Vec::new()).unwrap());
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "The root of a test");
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// A server with a certificate of this root for `name` that ends in `year`.
    fn serve(&self, name: &str, year: i32) -> SocketAddr {
        let (key, params) = (KeyPair::generate().unwrap(), leaf(name, year));
        let made = params.signed_by(&key, &self.issuer).unwrap();
        serve_tls(made.der().clone(), &key)
    }
}

fn leaf(name: &str, year: i32) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(year, 1, 1);
    params
}

fn serve_self_signed(name: &str) -> SocketAddr {
    let key = KeyPair::generate().unwrap();
    let made = leaf(name, 2080).self_signed(&key).unwrap();
    serve_tls(made.der().clone(), &key)
}

fn serve_tls(certificate: CertificateDer<'static>, key: &KeyPair) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = Arc::new(builder.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap());

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, config) = (stream.unwrap(), Arc::clone(&config));
            thread::spawn(move || {
                let mut tls = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
                let _ = tls.read(&mut [0; 1024]);
            });
        }
    });
    address
}

#[tokio::test]
async fn a_certificate_must_be_current_named_and_trusted() {
    const NAME: &str = "shop.test";
    let root = Root::new();
    let file: PathBuf = std::env::temp_dir().join(format!("portolan-library-{}-root.pem", std::process::id()));
    std::fs::write(&file, &root.pem).unwrap();

    let mut found = Vec::new();
    for address in
        [root.serve(NAME, 2080), root.serve(NAME, 2021), root.serve("other.test", 2080), serve_self_signed(NAME)]
    {
        let mut limits = CheckLimits::default();
        limits.ca = Some(file.clone());
        let spec = CheckSpec { limits, server_name: Some(NAME.into()), ..only(&[CheckName::Tcp, CheckName::Tls]) };
        let (state, codes) = findings_of(spec, address).await;
        found.push((state, codes.into_iter().find(|code| code.starts_with("cert-")).unwrap_or_default()));
    }
    std::fs::remove_file(&file).unwrap();

    let unhealthy = |code: &str| (HealthState::Unhealthy, code.to_owned());
    assert_eq!(found[0], (HealthState::Healthy, String::new()));
    assert_eq!(
        found[1..],
        [unhealthy("cert-expired"), unhealthy("cert-name-mismatch"), unhealthy("cert-untrusted")],
        "expired, of another name, self-signed"
    );
}
